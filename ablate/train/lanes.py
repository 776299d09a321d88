"""Programs on devices: the only file with `jit`, `vmap` over lanes and `shard_map`.

Every function is written for one cell; here it gets a leading axis of lanes and a place to run. An `Executable` is
compiled ahead of time, once: it cannot recompile behind our back, so the number of compiles is exact.
"""

import dataclasses
import functools
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.sharding import Mesh, NamedSharding
from jax.sharding import PartitionSpec as P
from jaxtyping import Array, Float, Int

from ablate.data import PLANTED
from ablate.tasks.keys import Seeds, keys_at
from ablate.tasks.task import Batch, Numbers, Presented, ProgramChoices, Task, columns_of
from ablate.train import lane as one
from ablate.train.lane import Judged, LaneState, Members
from ablate.train.strategy import Strategy
from ablate.train.traced import operations_in
from ablate.tricks.clock import Clock

Device = Any  # jax.Device is a variable, which annotations cannot name
Tree = Any
EVERYWHERE, LANES, EXAMPLES = "everywhere", "lanes", "examples"  # where an argument's axes go
# The arguments of what is compiled: of a chunk of steps, of a batch of an evaluation, and of its end.
STEP = (LANES, EVERYWHERE, LANES, LANES, EVERYWHERE, EXAMPLES, EXAMPLES, EVERYWHERE, EVERYWHERE)
EVALUATION = (LANES, LANES, EVERYWHERE, LANES, LANES, EXAMPLES, EXAMPLES)
FINISH = (LANES, LANES, LANES, EVERYWHERE, EVERYWHERE, EVERYWHERE)
OF_KEY = (2, 5, 6)  # arguments of the step that lanes with one data key have in common: seed, index, planted
NUMBERS = 3  # the argument of the step of which they have a part in common

_hits = threading.local()  # programs read from the cache by each thread; JAX tells of one in the thread that asked


def _note_hit(event: str, **_: Any) -> None:
    if event == "/jax/compilation_cache/cache_hits":
        _hits.count = _hits_so_far() + 1


def _hits_so_far() -> int:
    return getattr(_hits, "count", 0)


jax.monitoring.register_event_listener(_note_hit)


class Compiled(NamedTuple):
    """What it took to compile an executable, and whether it was read from what earlier runs had compiled."""

    seconds: float
    cached: bool


class Streamed(NamedTuple):
    """Examples by their positions in the data, and where each of them lies in the arrays that are at hand."""

    index: Any
    at: Any


class TooLarge(MemoryError):
    """A compiled program needs more memory than there is; it was not run."""


def no_limit() -> int | None:
    """Nobody says how many bytes are left on a device."""
    return None


class Executable:
    """A function that is compiled once, at its first call or before it; `room` says how many bytes are left then.

    `seconds` is what compiling took, `waited` how much of that a call had to wait for.
    """

    def __init__(
        self,
        function: Callable[..., Any],
        donate: tuple[int, ...] = (),
        *,
        once: bool = False,
        room: Callable[[], int | None] = no_limit,
    ):
        self._jitted = jax.jit(function, donate_argnums=donate)
        # Code that runs once is not worth optimising: the initial values of a ResNet compile in 1 s instead of 8.
        self._options: Any = {"xla_backend_optimization_level": 1} if once else None
        self._compiled: Any = None
        self._room = room
        self._called = False
        self.seconds = self.waited = 0.0
        self.cached = False

    def __call__(self, *arguments: Any) -> Any:
        if not self._called:
            started = time.perf_counter()
            self.prepare(*arguments)
            self.waited = time.perf_counter() - started
            self._check_room()
            self._called = True
        return self._compiled(*arguments)

    def prepare(self, *arguments: Any) -> None:
        """Compiles it for such arguments, or for shapes with their places, and runs nothing."""
        if self._compiled is None:
            started, hits = time.perf_counter(), _hits_so_far()
            self._compiled = self._jitted.lower(*arguments).compile(self._options)
            self.seconds, self.cached = time.perf_counter() - started, _hits_so_far() > hits

    def _check_room(self) -> None:
        known, room = self._compiled.memory_analysis(), self._room()
        if known is None or room is None:
            return
        # Results that take the place of arguments need no memory of their own.
        needed = int(known.temp_size_in_bytes + max(0, known.output_size_in_bytes - known.alias_size_in_bytes))
        if needed > room:
            raise TooLarge(f"the program needs {needed:,} bytes on a device beside its data, and {room:,} are free")

    @property
    def bytes(self) -> int | None:
        """What it holds while it runs beside its arguments: results and everything between; None where not known."""
        known = self._compiled.memory_analysis() if self._compiled is not None else None
        return None if known is None else int(known.temp_size_in_bytes + known.output_size_in_bytes)


class Lanes:
    """The executables of one program and the placing of its data.

    Args:
        task: what one cell does, with the program's choices compiled in.
        strategy: how a program's lanes and steps are mapped to devices.
        devices: the devices to use.
        arrays: pool and test examples by name, one behind the other; put on every device once. Where examples are
            streamed, shapes of those that are at hand for a step, which every call brings along.
        evaluations: how often a lane is evaluated.
        together: how many lanes in a row have one data key.
        shared: which of their numbers these have in common, as a tree like that of the numbers; for `together` above 1.
        room: how many bytes are left on each device.

    A training step or an evaluation that needs more than `room` raises `TooLarge` when it is compiled.
    """

    def __init__(
        self, task: Task, strategy: Strategy, devices: Sequence[Device], arrays: Mapping[str, np.ndarray],
        evaluations: int, together: int = 1, shared: Tree = None, room: Callable[[], int | None] = no_limit,
    ):  # fmt: skip
        self.task = task
        self.strategy = strategy
        self.devices = len(devices)
        self.together = together
        self._evaluations = evaluations
        self._mesh = Mesh(np.array(devices), (EXAMPLES if strategy.sharded else LANES,))
        self._host = dict(arrays)
        self._inits: dict[Any, Executable] = {}
        self._sums: Tree = None  # their shapes
        self._reported: list[Executable] = []
        # The state is donated: the arrays that were given in are gone, and their memory holds the result.
        step = advance_one(task, in_turn=not strategy.vmapped)
        advance = None if together == 1 else _sharing(step, _axes(STEP), together, shared)
        self._advance = Executable(self._spread(step, STEP, advance), donate=(0,), room=room)
        self._evaluate = Executable(self._spread(evaluate_one(task), EVALUATION), donate=(0,), room=room)
        self._finish = Executable(self._spread(finish_one(task), FINISH), donate=(0,))
        self._summarise = Executable(self._spread(summarise_one(task), (LANES,)))

    @functools.cached_property
    def _arrays(self) -> Tree:
        """The data, on the devices from the first use on."""
        return self.place(self._host, EVERYWHERE)

    @property
    def executables(self) -> list[Executable]:
        """Everything compiled so far."""
        steps = (self._advance, self._evaluate, self._finish, self._summarise)
        return [executable for executable in (*self._inits.values(), *steps) if executable.seconds]

    @property
    def step_compiles(self) -> int:
        """How often the training step was compiled: 0 before the first chunk, then 1."""
        return int(self._advance.seconds > 0)

    @property
    def step_bytes(self) -> int | None:
        """What the training step holds beside the data: the state of its lanes and all that lies between."""
        return self._advance.bytes

    @property
    def waited(self) -> float:
        """Seconds that calls have waited for executables to be compiled."""
        return sum(executable.waited for executable in self.executables)

    def take_compiles(self) -> list[Compiled]:
        """What was compiled since the last call."""
        new = [executable for executable in self.executables if executable not in self._reported]
        self._reported += new
        return [Compiled(executable.seconds, executable.cached) for executable in new]

    def init(
        self, key: Any, choices: ProgramChoices, seed: int | Seeds, init_hp: Numbers, hp: Numbers, batch: Any
    ) -> LaneState:
        """The initial state of one cell, on the host; `key` tells ways of making initial values apart."""
        return jax.device_get(self._init_of(key, choices)(uint32(seed), init_hp, hp, batch))

    def prepare_init(self, key: Any, choices: ProgramChoices, *arguments: Any) -> LaneState:
        """Compiles what `init` runs, and gives the shapes of the state."""
        self._init_of(key, choices).prepare(*arguments)
        return jax.eval_shape(begin_one(self.task, choices, self._evaluations), *arguments)

    def prepare(
        self, state: Any, seed: Any, hp: Any, index: Any, planted: Any, evaluated: Any, weights: Any, *,
        pools: Sequence[Tree] | None = None,
    ) -> None:  # fmt: skip
        """Compiles everything behind the initial values, from shapes [lanes, ...] alone: nothing is placed or run.

        `pools` are the examples at hand for steps and for evaluation, where these are streamed.
        """
        flag, number, total = (jax.ShapeDtypeStruct((), kind) for kind in (np.bool_, np.int32, np.float32))
        trained, measured = pools or (self._host, self._host)
        sums = by_lane(self._shapes_of_sums(state, hp, weights.shape[1]), state.step.shape[0])
        self._evaluate.prepare(*self._placed(EVALUATION, sums, state.averaged, measured, seed, hp, evaluated, weights))
        self._finish.prepare(*self._placed(FINISH, state, sums, hp, total, number, flag))
        self._advance.prepare(*self._placed(STEP, state, trained, seed, hp, total, index, planted, number, number))
        self._summarise.prepare(*self._placed((LANES,), sums))

    def _placed(self, kinds: tuple[str, ...], *shapes: Any) -> list[Any]:
        """Shapes with the places that `place` would give to arrays of them."""

        def with_place(shape: Any, kind: str) -> jax.ShapeDtypeStruct:
            return jax.ShapeDtypeStruct(shape.shape, shape.dtype, sharding=self._sharding(shape, kind))

        return [
            jax.tree.map(functools.partial(with_place, kind=kind), tree)
            for tree, kind in zip(shapes, kinds, strict=True)
        ]

    def _init_of(self, key: Any, choices: ProgramChoices) -> Executable:
        if key not in self._inits:
            self._inits[key] = Executable(begin_one(self.task, choices, self._evaluations), once=True)
        return self._inits[key]

    def advance(
        self, state: LaneState, seed: Any, hp: Any, total: Any, index: Any, planted: Any, begin: int, count: int,
        pool: Tree = None,
    ) -> LaneState:  # fmt: skip
        """`count` steps of every lane from `begin` on; index and planted arrays are [lanes, steps, batch, ...].

        `pool` holds their examples where these are streamed, and the index says where.
        """
        index, planted = self.place(index, EXAMPLES), self.place(planted, EXAMPLES)
        numbers = (self.place(np.int32(number), EVERYWHERE) for number in (begin, count))
        return self._advance(state, self._at_hand(pool), seed, hp, total, index, planted, *numbers)

    def evaluate(
        self, sums: Tree, averaged: Tree, seed: Any, hp: Any, index: Any, weights: Any, pool: Tree = None
    ) -> tuple[Tree, Judged]:
        """Adds one batch [lanes, batch] of examples to the sums of every lane; tells of each of them, too."""
        index, weights = self.place(index, EXAMPLES), self.place(weights, EXAMPLES)
        return self._evaluate(sums, averaged, self._at_hand(pool), seed, hp, index, weights)

    def _at_hand(self, pool: Tree) -> Tree:
        return self._arrays if pool is None else self.place(pool, EVERYWHERE)

    def no_sums(self, state: LaneState, hp: Any, batch: int) -> Tree:
        """Sums of no example yet."""
        lanes, shapes = state.step.shape[0], self._shapes_of_sums(state, hp, batch)
        return self.place(jax.tree.map(lambda leaf: np.zeros((lanes, *leaf.shape), leaf.dtype), shapes), LANES)

    def _shapes_of_sums(self, state: Any, hp: Any, batch: int) -> Tree:
        """Of one lane."""
        if self._sums is None:
            lane, numbers = jax.tree.map(lambda leaf: jax.ShapeDtypeStruct(leaf.shape[1:], leaf.dtype), (state, hp))
            index, weights = np.zeros(batch, np.int32), np.ones(batch, np.float32)
            arguments = lane.averaged, self._host, np.uint32(0), numbers, index, weights
            self._sums = jax.eval_shape(measure_one(self.task), *arguments)
        return self._sums

    def curves(self, hp: Numbers) -> list[str]:
        """Names of the curves of a lane with such numbers, in the order of the report."""
        rates = jax.eval_shape(self.task.rates, Clock(jnp.int32(0), jnp.float32(1), jnp.zeros(1, jnp.float32)), hp)
        return [*self.task.curves, *(f"val_{metric.name}" for metric in self.task.metrics), *rates]

    def finish_evaluation(
        self, state: LaneState, sums: Tree, hp: Any, total: Any, k: int, *, validated: bool
    ) -> tuple[LaneState, dict[str, Array]]:
        """Ends the k-th evaluation: history, stopping, and the readings for the curves."""
        place = (self.place(value, EVERYWHERE) for value in (np.int32(k), np.bool_(validated)))
        return self._finish(state, sums, hp, total, *place)

    def summarise(self, sums: Tree) -> list[dict[str, Array]]:
        """Metrics of every lane, and of every member where there are several."""
        return self._summarise(sums)

    def place(self, tree: Any, kind: str) -> Any:
        """Host arrays on the devices: the same everywhere, split by lanes, or split by lanes or examples."""
        if not self.strategy.sharded:
            return jax.device_put(tree, self._sharding(None, kind))
        return jax.tree.map(lambda leaf: jax.device_put(leaf, self._sharding(leaf, kind)), tree)

    def _sharding(self, leaf: Any, kind: str) -> NamedSharding:
        if self.strategy.sharded:
            return NamedSharding(self._mesh, _by_examples(leaf, kind))
        return NamedSharding(self._mesh, P() if kind == EVERYWHERE else P(LANES))

    def _spread(
        self, function: Callable[..., Any], kinds: tuple[str, ...], many: Callable[..., Any] | None = None
    ) -> Callable[..., Any]:
        """A function of one lane on all lanes; `many` is one of the lanes of a device, where it is not `vmap`'s."""
        each = jax.vmap if self.strategy.vmapped else _in_turn
        local = many or each(function, _axes(kinds))
        if self.strategy.sharded:
            return local
        specs = tuple(P() if kind == EVERYWHERE else P(LANES) for kind in kinds)
        # Unchecked, or a loop in somebody's task that starts from zeros would have to say that they vary by lane.
        return jax.shard_map(local, mesh=self._mesh, in_specs=specs, out_specs=P(LANES), check_vma=False)


def _axes(kinds: tuple[str, ...]) -> tuple[int | None, ...]:
    return tuple(None if kind == EVERYWHERE else 0 for kind in kinds)


def _sharing(
    function: Callable[..., Any], axes: tuple[int | None, ...], together: int, shared: Tree
) -> Callable[..., Any]:
    """The step of lanes of which every few in a row have one data key: mapped over keys, then over their lanes.

    What has no axis of lanes of its own in there is done once per key: the examples are gathered, augmented and
    masked once, and the first layer is one product over all lanes of the key.
    """
    inside = list(axes)
    for place in OF_KEY:
        inside[place] = None
    inside[NUMBERS] = jax.tree.map(lambda common: None if common else 0, shared)
    mapped = jax.vmap(jax.vmap(function, tuple(inside)), axes)
    first, apart = (lambda leaf: leaf[::together]), (lambda leaf: leaf.reshape(-1, together, *leaf.shape[1:]))

    def called(*arguments: Any) -> Any:
        given = list(arguments)
        for place, axis in enumerate(axes):
            if place == NUMBERS:
                given[place] = jax.tree.map(lambda common, x: first(x) if common else apart(x), shared, given[place])
            elif axis is not None:
                given[place] = jax.tree.map(first if place in OF_KEY else apart, given[place])
        return jax.tree.map(lambda leaf: leaf.reshape(-1, *leaf.shape[2:]), mapped(*given))

    return called


def as_one_program(*static: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """For functions beside training: one program per value of the `static` arguments, where each operation were one."""
    return functools.partial(jax.jit, static_argnames=static)


def uint32(seed: int | Seeds) -> Any:
    """A seed, or a seed for every purpose, as programs take it."""
    return jax.tree.map(np.uint32, seed)


def by_lane(tree: Tree, lanes: int) -> Tree:
    """Shapes of one lane as those of several."""
    return jax.tree.map(lambda leaf: jax.ShapeDtypeStruct((lanes, *leaf.shape), leaf.dtype), tree)


def lane_of(tree: Tree, k: int) -> Tree:
    """One lane of host arrays with a leading axis of lanes."""
    return jax.tree.map(lambda leaf: np.asarray(leaf)[k], tree)


def _in_turn(function: Callable[..., Any], axes: tuple[int | None, ...]) -> Callable[..., Any]:
    """Lanes one after another: what one of them works on stays in the cache, and convolutions remain as they are."""

    def called(*arguments: Any) -> Any:
        common = [argument for argument, axis in zip(arguments, axes, strict=True) if axis is None]
        mapped = [argument for argument, axis in zip(arguments, axes, strict=True) if axis is not None]

        def of_lane(lane: list[Any]) -> Any:
            everywhere, own = iter(common), iter(lane)
            return function(*(next(everywhere if axis is None else own) for axis in axes))

        if jax.tree.leaves(mapped)[0].shape[0] > 1:
            return lax.map(of_lane, mapped)
        return jax.tree.map(lambda leaf: leaf[None], of_lane(jax.tree.map(lambda leaf: leaf[0], mapped)))

    return called


def _by_examples(leaf: Any, kind: str) -> P:
    """Where one cell's batch is spread over devices: index and planted arrays along their batch axis."""
    if kind != EXAMPLES:
        return P()
    return P(None, EXAMPLES) if np.ndim(leaf) == 2 else P(None, None, EXAMPLES)


def batch_of(arrays: Mapping[str, Array], index: Array | Streamed, planted: Mapping[str, Array]) -> dict[str, Array]:
    """The examples at positions in the data; what was planted stands in for the data's own."""
    places = index if isinstance(index, Streamed) else Streamed(index, index)
    return {**{name: array[places.at] for name, array in arrays.items()}, **planted, "index": places.index}


def begin_one(task: Task, choices: ProgramChoices, evaluations: int) -> Callable[..., LaneState]:
    """The initial state of one cell, whose initial values are made by `choices`."""
    whole: Any = dataclasses.replace(task, choices={**task.choices, **choices})  # type: ignore[type-var]
    return lambda seed, init_hp, hp, batch: one.begin(whole, evaluations, seed, init_hp, hp, batch)


def advance_one(task: Task, *, in_turn: bool = False) -> Callable[..., LaneState]:
    """A chunk of steps of one cell; a chunk of one step has no loop around it.

    Where lanes take turns, one that has stopped or diverged takes none: its steps would change nothing.
    """

    def advance(state, arrays, seed, hp, total, index, planted, begin, count):
        def body(k, state):
            batch = batch_of(arrays, *jax.tree.map(lambda leaf: leaf[k], (index, planted)))
            return one.step(task, state, batch, seed, hp, total, begin + k)

        if jax.tree.leaves(index)[0].shape[0] == 1:
            return body(0, state)
        if not in_turn:
            return lax.fori_loop(0, count, body, state)
        begun = jnp.int32(0), state
        return lax.while_loop(lambda at: (at[0] < count) & at[1].running, lambda at: (at[0] + 1, body(*at)), begun)[1]

    return advance


def measure_one(task: Task) -> Callable[..., Tree]:
    """The sums of one batch of an evaluation of one cell."""

    def measure(averaged, arrays, seed, hp, index, weights):
        return one.evaluate(task, averaged, batch_of(arrays, index, {}), seed, hp, weights)[0]

    return measure


def evaluate_one(task: Task) -> Callable[..., Tree]:
    """One batch of an evaluation of one cell, added to what earlier batches gave, and what it says of each example."""

    def evaluate(sums, averaged, arrays, seed, hp, index, weights):
        batch = batch_of(arrays, index, {})
        measured, judged = one.evaluate(task, averaged, batch, seed, hp, weights)
        return jax.tree.map(jnp.add, sums, measured), judged

    return evaluate


def finish_one(task: Task) -> Callable[..., tuple[LaneState, dict[str, Array]]]:
    """The end of an evaluation of one cell."""

    def finish(state, sums, hp, total, k, validated):
        return one.finish_evaluation(task, state, sums, hp, total, k, validated)

    return finish


def summarise_one(task: Task) -> Callable[[Tree], list[dict[str, Array]]]:
    """The metrics of one cell, and those of its members where there are several."""
    return lambda sums: [task.summarise(each) for each in sums]


def first_values(
    task: Task, state: LaneState, seeds: Sequence[int | Seeds], hps: Sequence[Any], batches: Sequence[Any], total: int
) -> list[dict[str, float]]:
    """The curves of every lane at its first step, which is not taken."""

    def scalars(lane: LaneState, batch: Any, seed: Any, hp: Any) -> dict[str, Array]:
        clock = Clock(lane.step, jnp.float32(total), lane.history)
        return task.step(lane.task, batch, keys_at(seed, lane.step), clock, hp)[1]

    compiled = jax.jit(scalars)
    values = []
    for k, (seed, hp, batch) in enumerate(zip(seeds, hps, batches, strict=True)):
        scalars_of_lane = compiled(lane_of(state, k), batch, uint32(seed), hp)
        values.append({name: float(value) for name, value in scalars_of_lane.items()})
    return values


def presenting(task: Any, total: int, evaluations: int) -> Callable[[int | Seeds, Any, Any], Presented]:
    """A function of seed, numbers and batch of a cell: what its first step shows the network.

    On the host's processor, beside what others train; keys, and so what is drawn, are the same on every device.
    """

    def shown(seed: Array, hp: Any, batch: Batch) -> Presented:
        clock = Clock(jnp.int32(0), jnp.float32(total), jnp.full((evaluations,), jnp.nan, jnp.float32))
        return task.presented(batch, keys_at(seed, jnp.int32(0)), clock, hp)

    compiled = Executable(shown, once=True)

    def of_cell(seed: int | Seeds, hp: Any, batch: Any) -> Presented:
        with jax.default_device(jax.devices("cpu")[0]):
            return jax.device_get(compiled(uint32(seed), jax.tree.map(np.float32, hp), dict(batch)))

    return of_cell


def variables_like(task: Task, choices: ProgramChoices, init_hp: Any, hp: Any) -> Tree:
    """Shapes of what evaluation reads of one cell."""
    state, _ = step_arguments(task, choices, init_hp, hp, 1, 1)
    return jax.eval_shape(task.variables, state.task)


class Predictor:
    """What cells of one program predict, compiled once for all of them.

    Args:
        task: of the program.
        batch_size: examples at a time.
    """

    def __init__(self, task: Task, batch_size: int):
        self.task, self._batch_size = task, batch_size

        def predicted(members: Members, seed: Array, hp: Any, batch: Batch) -> Tree:
            return one.predict(task, members, batch, seed, hp)[0]

        self._compiled = jax.jit(predicted)

    def parts(
        self,
        members: Members,
        seed: int | Seeds,
        hp: Any,
        arrays: Mapping[str, np.ndarray],
        positions: Int[np.ndarray, " examples"],
    ) -> Iterator[tuple[Tree, Batch, int]]:
        """Predictions batch by batch, with the batch and how many of its examples count.

        Args:
            members: variables on the host, and their shares.
            seed: of the cell.
            hp: its numbers.
            arrays: the examples by name.
            positions: of them in the data; an evaluation of the same examples draws the same numbers.
        """
        size, hp = len(next(iter(arrays.values()))), jax.tree.map(np.float32, hp)
        for k in range(0, size, self._batch_size):
            # The last batch is filled up with its last example.
            rows = np.minimum(np.arange(k, k + self._batch_size), size - 1)
            batch = {name: jnp.asarray(array[rows]) for name, array in arrays.items()} | {
                "index": jnp.int32(positions[rows])
            }
            yield self._compiled(members, uint32(seed), hp, batch), batch, min(self._batch_size, size - k)

    def columns(self, *cell: Any) -> dict[str, np.ndarray]:
        """Predictions as columns of a table, in the order of the task; arguments as of `parts`."""
        parts = []
        for prediction, batch, count in self.parts(*cell):
            # Outside of the compiled part, which would put the columns into alphabetical order.
            part = columns_of(self.task, prediction, batch)
            parts.append({name: np.asarray(column)[:count] for name, column in part.items()})
        return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}

    def predictions(self, *cell: Any) -> Tree:
        """Predictions [examples, ...] as the task has them, on the host; arguments as of `parts`."""
        parts = [jax.tree.map(lambda leaf, n=n: np.asarray(leaf)[:n], given) for given, _, n in self.parts(*cell)]
        return jax.tree.map(lambda *leaves: np.concatenate(leaves), *parts)


def measured(task: Task, prediction: Tree, arrays: Mapping[str, np.ndarray]) -> dict[str, float]:
    """The metrics of a prediction for all examples at once."""
    batch, prediction = jax.tree.map(jnp.asarray, (dict(arrays), prediction))
    sums = task.measure(prediction, batch, jnp.ones(len(next(iter(arrays.values())))))
    return {name: float(value) for name, value in task.summarise(sums).items()}


def learning_rates(
    task: Task, hp: Any, total: int, steps: Int[np.ndarray, " steps"], histories: Float[np.ndarray, "cases evaluations"]
) -> dict[str, Float[np.ndarray, "cases lanes steps"]]:
    """The learning rates of every lane at every given step, for several validation histories.

    `hp` has a leading axis of lanes.
    """

    def rates(history: Array, numbers: Any, step: Array) -> dict[str, Array]:
        return task.rates(Clock(step, jnp.float32(total), history), numbers)

    over_steps = jax.vmap(rates, (None, None, 0))
    over_lanes = jax.vmap(over_steps, (None, 0, None))
    return jax.device_get(jax.jit(jax.vmap(over_lanes, (0, None, None)))(histories, hp, steps))


def operations(task: Task, choices: ProgramChoices, init_hp: Any, hp: Any, batch_size: int) -> float:
    """Floating-point operations of one training step of one cell, counted on its trace."""
    state, arguments = step_arguments(task, choices, init_hp, hp, batch_size, 2)
    return float(operations_in(jax.make_jaxpr(advance_one(task))(state, *arguments).jaxpr))


def step_arguments(
    task: Task, choices: ProgramChoices, init_hp: Any, hp: Any, batch_size: int, evaluations: int
) -> tuple[LaneState, tuple[Any, ...]]:
    """The shapes of a state, and arguments of `advance_one` behind it, for a program that is traced alone."""
    hp, init_hp = jax.tree.map(np.float32, (hp, init_hp))
    arrays = task.data.zeros(batch_size)
    index = np.zeros((1, batch_size), np.int32)
    batch = {**arrays, "index": index[0]}
    state = jax.eval_shape(begin_one(task, choices, evaluations), np.uint32(0), init_hp, hp, batch)
    planted = {name: arrays[name][None] for name in PLANTED if name in arrays}
    return state, (arrays, np.uint32(0), hp, np.float32(1), index, planted, np.int32(0), np.int32(1))
