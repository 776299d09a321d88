"""Training a wave of cells: chunks of steps, evaluations, curves.

`Loop.run` is a generator of the states between chunks: whoever runs it saves checkpoints, shows progress and stops
where it likes, and continues later from any of them.
"""

import dataclasses
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Literal, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float, Int, Shaped

from ablate.data import DataSet, Split
from ablate.results.packed import bits_for, packed
from ablate.tasks.keys import Seeds
from ablate.tasks.task import Numbers, ProgramChoices, Task
from ablate.train.batches import BatchOrder, DataKey
from ablate.train.feed import Chunk, Evaluated, Feed, most_steps
from ablate.train.lane import Judged, LaneState, Members, members_of
from ablate.train.lanes import EVERYWHERE, LANES, Lanes, Streamed, by_lane, lane_of, uint32

EvalBatch = tuple[Int[np.ndarray, "lanes batch"], Float[np.ndarray, "lanes batch"]]  # positions, weights
# Positions of the examples of some steps, and what was planted there.
Examples = tuple[Int[np.ndarray, "lanes length batch"], dict[str, Shaped[np.ndarray, "lanes length batch ..."]]]
Number = float | None  # None where not finite
Curves = dict[str, Float[np.ndarray, "evaluations lanes"]]  # by name; nan where not yet, and from a divergence on
# Steps of a chunk, between two of which signals are answered and whose batches are in memory; and operations that a
# device has in it, which take about a second on CPU.
MOST_AT_ONCE, MOST_OPERATIONS = 512, 10**11
SYNCHRONISE_EVERY = 8  # dispatched steps: often enough to answer Ctrl-C, rarely enough to cost nothing


def evaluated_after(steps: int, eval_every: int) -> list[int]:
    """Steps after which a training is evaluated: 0, every `eval_every`, and the last.

    >>> evaluated_after(10, 4)
    [0, 4, 8, 10]
    """
    return [*range(0, steps, eval_every), steps]


@dataclasses.dataclass(frozen=True)
class CellInputs:
    """One cell as the loop sees it.

    Args:
        seed: of its streams of randomness; one number for all, or a number for each.
        hp: numbers of the program's choices.
        init_choices: choices that make initial values.
        init_id: tells ways of making initial values apart.
        init_hp: numbers of those choices.
        data_key: what its examples follow from; lanes with the same one share their batches.
        split: which examples those are.
    """

    seed: int | Seeds
    hp: Numbers
    init_choices: ProgramChoices
    init_id: Any
    init_hp: Numbers
    data_key: DataKey
    split: Split


@dataclasses.dataclass(frozen=True)
class WaveInputs:
    """A wave of cells: `width` lanes, the last of them copies where the wave is not full.

    `operations` are those in a step of one lane; 0 where nobody counted. `keys` are the data keys that a pool of
    streamed examples has room for; 0 where the data lie on the devices.
    """

    inputs: tuple[CellInputs, ...]
    width: int
    dataset: DataSet
    steps: int
    batch_size: int
    eval_every: int
    eval_batch_size: int
    operations: int = 0
    keys: int = 0

    @property
    def padded(self) -> list[CellInputs]:
        """The lanes, filled up to the width with copies of the last one."""
        return [*self.inputs, *[self.inputs[-1]] * (self.width - len(self.inputs))]

    @property
    def evaluations(self) -> list[int]:
        """Steps after which the lanes are evaluated."""
        return evaluated_after(self.steps, self.eval_every)


def in_common(cells: Iterable[CellInputs]) -> Numbers:
    """Which numbers all cells with one data key have in common: a tree like theirs, of truths."""
    firsts: dict[DataKey, Numbers] = {}
    compared = [
        jax.tree.map(lambda one, other: one is other or np.array_equal(one, other), first, cell.hp)
        for cell in cells
        if (first := firsts.setdefault(cell.data_key, cell.hp)) is not cell.hp
    ]
    some = next(iter(firsts.values()))
    return jax.tree.map(lambda *truths: all(truths), *compared) if compared else jax.tree.map(lambda _: True, some)


class LoopState(NamedTuple):
    """The wave between two chunks."""

    step: int
    evaluated: int
    state: LaneState
    curves: Curves


@dataclasses.dataclass(frozen=True)
class Result:
    """What a cell's row says about its training; `members` where several sets of variables make its predictions.

    `right` holds a bit per test example, where the task scores each of them by 0 or 1, and `predicted` the number of a
    category, where it decides on one; both as `ablate.results.packed` writes them.
    """

    status: Literal["done", "diverged"]
    metrics: dict[str, Number]
    curves: dict[str, list[int] | list[Number]]
    diverged_step: int | None
    stopped_step: int | None
    best_step: int | None
    members: list[dict[str, Number]]
    right: str | None
    predicted: str | None


class Pace(NamedTuple):
    """Time that training steps took, apart from compiling and evaluating."""

    seconds: float
    steps: int


class Loop:
    """Runs one wave on the executables of its program."""

    def __init__(self, lanes: Lanes, wave: WaveInputs):
        self._lanes = lanes
        self._wave = wave
        padded = wave.padded
        self._orders = {
            lane.data_key: BatchOrder(lane.data_key, len(lane.split.train), wave.batch_size) for lane in padded
        }
        self._seed = lanes.place(_stack([uint32(lane.seed) for lane in padded]), LANES)
        self._hp = lanes.place(_stack([_float32(lane.hp) for lane in padded]), LANES)
        self._total = lanes.place(np.float32(wave.steps), EVERYWHERE)
        self._longest = longest_chunk(lanes, wave)
        self._validation = _batches([lane.split.validation for lane in padded], wave.eval_batch_size)
        self._test = _batches([lane.split.test for lane in padded], wave.eval_batch_size)
        trained, keys = {lane.data_key: lane.split.train for lane in padded}, [lane.data_key for lane in padded]
        self._feed = Feed(wave.dataset, self._orders, trained, keys, wave.keys, self._longest)
        self.pace = Pace(0.0, 0)

    def start(self, between: Callable[[], None] = lambda: None) -> LoopState:
        """Before the first step; `between` is called after each lane, and what it raises ends it there."""
        states = []
        for lane in self._wave.padded:
            numbers = _float32(lane.init_hp), _float32(lane.hp)
            states.append(self._lanes.init(lane.init_id, lane.init_choices, lane.seed, *numbers, self.first(lane)))
            between()
        shape, state = (len(self._wave.evaluations), self._wave.width), _stack(states)
        names = self._lanes.curves(_float32(self._wave.inputs[0].hp))
        return LoopState(0, 0, state, {name: np.full(shape, np.nan, np.float32) for name in names})

    def run(self, begin: LoopState) -> Iterator[LoopState]:
        """All states from the given one to the end, after each chunk of steps and after each evaluation."""
        step, evaluated, state, curves = begin
        state = self._lanes.place(state, LANES)
        pools = self._feed.pools(self._requests(step, evaluated))
        examples = self._ahead(step, evaluated)
        for due in self._schedule(step, evaluated):
            if isinstance(due, Chunk):
                state = self._chunk(state, *due, next(examples), next(pools))
                step += due.count
            else:
                state, curves = self._evaluate(state, due, curves, pools)
                evaluated = due + 1
                if not np.asarray(state.running).any():
                    yield LoopState(self._wave.steps, len(self._wave.evaluations), state, curves)
                    return
            yield LoopState(step, evaluated, state, curves)

    def _schedule(self, step: int, evaluated: int) -> Iterator[Chunk | int]:
        """Chunks of steps, and the numbers of the evaluations between them, if no lane stops."""
        for k, end in enumerate(self._wave.evaluations[evaluated:], evaluated):
            while step < end:
                count = min(end - step, self._longest)
                yield Chunk(step, count)
                step += count
            yield k

    def _requests(self, step: int, evaluated: int) -> Iterator[Chunk | Evaluated]:
        """The examples that `run` will need from here on, in its order."""
        for due in self._schedule(step, evaluated):
            yield from [due] if isinstance(due, Chunk) else self._evaluated(self._validated(due))

    def _evaluated(self, batches: Sequence[EvalBatch]) -> Iterator[Evaluated]:
        keys = [lane.data_key for lane in self._wave.padded]
        return (Evaluated(dict(zip(keys, index, strict=True))) for index, _ in batches)

    def _validated(self, k: int) -> Sequence[EvalBatch]:
        """What the k-th evaluation reads; before the first step, one batch says whether anything is wrong."""
        return self._validation[: None if k else 1]

    def results(self, end: LoopState) -> list[Result]:
        """Reads the test split, once, with the best variables where they were kept; tells what became of every cell."""
        state = self._lanes.place(end.state, LANES)
        pools = self._feed.pools(self._evaluated(self._test))
        test, judged = self._measure(state, self._test, _tested(state), pools)
        told = _told(self._lanes.task, judged, len(self._wave.inputs[0].split.test), len(self._wave.inputs))
        whole, *members = jax.device_get(self._lanes.summarise(test))
        watched = whole[self._lanes.task.watch]
        diverged, stopped, best = (np.asarray(x) for x in (state.diverged_step, state.stopped_step, state.best_step))
        diverged = np.where((diverged < 0) & ~np.isfinite(watched), np.asarray(state.step), diverged)
        return [
            _result(
                self._lanes.task,
                lane_of(whole, lane),
                [lane_of(member, lane) for member in members],
                {"step": self._wave.evaluations} | {name: curve[:, lane] for name, curve in end.curves.items()},
                tuple(_or_none(at[lane]) for at in (diverged, stopped, best)),
                told[lane],
            )
            for lane in range(len(self._wave.inputs))
        ]

    def members(self, end: LoopState) -> list[Members]:
        """Cell by cell, what its test metrics were read with; variables as arrays by path."""
        host, task = jax.device_get(_tested(end.state)), self._lanes.task
        kept = []
        for k, cell in enumerate(self._wave.inputs):
            hp = jax.tree.map(jnp.float32, cell.hp)
            variables, shares = members_of(task, lane_of(host, k), hp)
            kept.append(Members([_by_path(member) for member in variables], [float(share) for share in shares]))
        return kept

    def first(self, lane: CellInputs) -> dict[str, np.ndarray]:
        """The lane's first batch, in the order of the data."""
        rows = self._orders[lane.data_key].at(0)
        rows = rows[np.argsort(lane.split.train[rows])]
        index = lane.split.train[rows]
        batch = self._wave.dataset.rows(index)
        return {**batch, **{name: array[rows] for name, array in lane.split.planted.items()}, "index": index}

    def _ahead(self, step: int, evaluated: int) -> Iterator[Examples]:
        """The examples of every chunk, those of the next one looked up while the devices train."""
        chunks = [due for due in self._schedule(step, evaluated) if isinstance(due, Chunk)]
        with ThreadPoolExecutor(1) as thread:
            looked_up = (thread.submit(self._examples, *chunk, self._longest) for chunk in chunks)
            following = next(looked_up, None)
            while following:
                found, following = following.result(), next(looked_up, None)
                yield found

    def _chunk(self, state: LaneState, step: int, count: int, examples: Examples, pool: Any) -> LaneState:
        index, planted = examples
        index = self._feed.index(index)
        started, known = time.perf_counter(), self._lanes.waited
        state = self._lanes.advance(state, self._seed, self._hp, self._total, index, planted, step, count, pool)
        if self._lanes.strategy.looped or step % SYNCHRONISE_EVERY == 0:
            jax.block_until_ready(state.step)
        spent = time.perf_counter() - started - (self._lanes.waited - known)
        self.pace = Pace(self.pace.seconds + spent, self.pace.steps + count)
        return state

    def _examples(self, step: int, count: int, length: int) -> Examples:
        """Positions in the data and planted arrays of the steps from `step` on."""
        by_key = {}
        for lane in self._wave.padded:
            if lane.data_key not in by_key:
                order = self._orders[lane.data_key]
                rows = order.rows(step, count, length)
                by_key[lane.data_key] = lane.split.train[rows], {n: a[rows] for n, a in lane.split.planted.items()}
        return _stack([by_key[lane.data_key] for lane in self._wave.padded])

    def _evaluate(self, state: LaneState, k: int, curves: Curves, pools: Iterator[Any]) -> tuple[LaneState, Curves]:
        diverged = np.asarray(state.diverged_step) >= 0
        sums, _ = self._measure(state, self._validated(k), state.averaged, pools)
        validated = len(self._validation) > 0
        state, readings = self._lanes.finish_evaluation(state, sums, self._hp, self._total, k, validated=validated)
        curves = {name: curve.copy() for name, curve in curves.items()}
        for name, values in readings.items():
            curves[name][k] = np.where(diverged, np.nan, np.asarray(values))
        return state, curves

    def _measure(
        self, state: LaneState, batches: Sequence[EvalBatch], averaged: Any, pools: Iterator[Any]
    ) -> tuple[Any, list[Judged]]:
        """Sums over all batches, and what each of these says of its examples."""
        sums, judged = self._lanes.no_sums(state, self._hp, self._wave.eval_batch_size), []
        for index, weights in batches:
            index = self._feed.index(index)
            sums, own = self._lanes.evaluate(sums, averaged, self._seed, self._hp, index, weights, next(pools))
            judged.append(own)
        return sums, judged


def longest_chunk(lanes: Lanes, wave: WaveInputs) -> int:
    """Steps of the longest chunk, which all others are filled up to."""
    if not lanes.strategy.looped:
        return 1
    operations = wave.operations * (wave.width // lanes.devices)  # of a step, on each device
    most = min(wave.eval_every, wave.steps, MOST_AT_ONCE, MOST_OPERATIONS // max(1, operations))
    return max(1, min(most, most_steps(wave.dataset, wave.batch_size, wave.keys)) if wave.keys else most)


def prepare(lanes: Lanes, wave: WaveInputs, between: Callable[[], None] = lambda: None) -> None:
    """Compiles all that a wave will call, from shapes alone, so that another thread can do it while others train.

    Args:
        lanes: the executables.
        wave: whose shapes they get.
        between: called behind each way of making initial values; what it raises ends it there.
    """
    arrays, planted = wave.dataset.pool, wave.inputs[0].split.planted
    first = {name: _shape_of(array, wave.batch_size) for name, array in {**arrays, **planted}.items()}
    first["index"] = index = _shape_of(wave.inputs[0].split.train, wave.batch_size)
    state: Any = None
    for lane in {lane.init_id: lane for lane in wave.inputs}.values():
        numbers = uint32(lane.seed), _float32(lane.init_hp), _float32(lane.hp)
        state = lanes.prepare_init(lane.init_id, lane.init_choices, *numbers, first)
        between()
    seed, hp = jax.tree.map(np.asarray, (uint32(wave.inputs[0].seed), _float32(wave.inputs[0].hp)))
    longest = longest_chunk(lanes, wave)
    chunk = {name: _shape_of(array, wave.batch_size) for name, array in planted.items()}
    index, chunk = by_lane((index, chunk), longest)
    evaluated, weights = (jax.ShapeDtypeStruct((wave.eval_batch_size,), kind) for kind in (np.int32, np.float32))
    pools = None
    if wave.keys:
        index, evaluated = Streamed(index, index), Streamed(evaluated, evaluated)
        sizes = (wave.keys * longest * wave.batch_size, wave.keys * wave.eval_batch_size)
        pools = [{name: _shape_of(array, size) for name, array in arrays.items()} for size in sizes]
    lanes.prepare(*by_lane((state, seed, hp, index, chunk, evaluated, weights), wave.width), pools=pools)


def _shape_of(array: np.ndarray, batch: int) -> jax.ShapeDtypeStruct:
    """Of a batch of an array's examples."""
    return jax.ShapeDtypeStruct((batch, *array.shape[1:]), array.dtype)


def _tested(state: LaneState) -> Any:
    """What the test split is read with: the best evaluation where it was kept, else the last."""
    return state.best if jax.tree.leaves(state.best) else state.averaged


def _by_path(tree: Any) -> dict[str, np.ndarray]:
    leaves = jax.tree_util.tree_leaves_with_path(tree)
    return {jax.tree_util.keystr(path, simple=True, separator="/"): np.asarray(leaf) for path, leaf in leaves}


def _told(task: Task, judged: Sequence[Judged], examples: int, lanes: int) -> list[dict[str, str | None]]:
    """`right` and `predicted` of every lane, from what all batches [lanes, batch] said; None where they say nothing."""
    categories = getattr(task, "categories", None)
    scores, decided = (_by_lane(batches, examples) for batches in zip(*judged, strict=True))
    bits = bits_for(len(categories.names)) if categories else 1
    return [
        {
            "right": None if scores is None else _packed(scores[lane], 1),
            "predicted": None if decided is None else _packed(decided[lane], bits),
        }
        for lane in range(lanes)
    ]


def _by_lane(batches: Sequence[Any], examples: int) -> np.ndarray | None:
    """What batches [lanes, batch] said of each example [lanes, examples]; None where they said nothing."""
    if batches[0] is None:
        return None
    return np.concatenate([np.asarray(batch) for batch in batches], axis=1)[:, :examples]


def _packed(values: np.ndarray, bits: int) -> str | None:
    """The numbers as text; None where some of them are none from 0 to 2^bits - 1."""
    return packed(values, bits) if np.isin(values, np.arange(2**bits)).all() else None


def _or_none(step: np.int32) -> int | None:
    return int(step) if step >= 0 else None


def _batches(positions: list[Int[np.ndarray, " examples"]], size: int) -> list[EvalBatch]:
    """Evaluation batches [lanes, size] of positions and weights; the last one filled up with weight 0."""
    stacked = np.stack(positions).astype(np.int32)
    batches = []
    for start in range(0, stacked.shape[1], size):
        part = stacked[:, start : start + size]
        short = size - part.shape[1]
        weights = np.pad(np.ones(part.shape, np.float32), ((0, 0), (0, short)))
        batches.append((np.pad(part, ((0, 0), (0, short))), weights))
    return batches


def _result(
    task: Task,
    test: Mapping[str, Any],
    members: Sequence[Mapping[str, Any]],
    curves: Mapping[str, Any],
    steps: Sequence[int | None],
    told: Mapping[str, str | None],
) -> Result:
    diverged, stopped, best = steps
    names = [metric.name for metric in task.metrics]
    values = {f"test_{name}": test[name] for name in names}
    values |= {f"val_{name}": _last_finite(curves[f"val_{name}"]) for name in names}
    values |= {name: _last_finite(curves[name]) for name in task.curves}
    values[f"initial_{task.watch}"] = curves[f"val_{task.watch}"][0]  # a sanity check: what an untrained one has
    metrics = {name: number(value) for name, value in values.items()}
    return Result(
        status="done" if diverged is None else "diverged",
        metrics=metrics if diverged is None else dict.fromkeys(metrics),
        curves={"step": [*curves["step"]]} | {n: [number(v) for v in c] for n, c in curves.items() if n != "step"},
        diverged_step=diverged,
        stopped_step=stopped,
        best_step=best,
        members=[] if diverged is not None else [{n: number(m[n]) for n in names} for m in members],
        **(told if diverged is None else dict.fromkeys(told)),
    )


def _last_finite(values: Float[np.ndarray, " evaluations"]) -> float:
    finite = values[np.isfinite(values)]
    return float(finite[-1]) if len(finite) else float("nan")


def number(value: float | np.floating) -> float | None:
    """A float32 as the shortest decimal that reads back the same; None where not finite."""
    return float(str(np.float32(value))) if np.isfinite(value) else None


def _float32(tree: Any) -> Any:
    return jax.tree.map(np.float32, tree)


def _stack(trees: Sequence[Any]) -> Any:
    return jax.tree.map(lambda *leaves: np.stack([np.asarray(leaf) for leaf in leaves]), *trees)
