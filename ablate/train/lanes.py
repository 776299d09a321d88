"""Programs on devices: the only file with `jit`, `vmap` over lanes and `shard_map`.

Every function is written for one cell; here it gets a leading axis of lanes and a place to run. An `Executable` is
compiled ahead of time, once: it cannot recompile behind our back, so the number of compiles is exact.
"""

import time
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.sharding import Mesh, NamedSharding
from jax.sharding import PartitionSpec as P
from jaxtyping import Array, Float, Int

from ablate.train.parts import Compiled
from ablate.train.step import Classification, Metrics, State
from ablate.train.strategy import Strategy

Device = Any  # jax.Device is a variable, which annotations cannot name
EVERYWHERE, LANES, EXAMPLES = "everywhere", "lanes", "examples"  # where an argument's axes go


class Reading(NamedTuple):
    """What one evaluation says about each lane."""

    train_loss: Float[Array, " lanes"]
    val_loss: Float[Array, " lanes"]
    val_accuracy: Float[Array, " lanes"]
    learning_rate: Float[Array, " lanes"]


class Executable:
    """A function that is compiled at its first call and never again."""

    def __init__(self, function: Callable[..., Any], donate: tuple[int, ...] = (), *, once: bool = False):
        self._jitted = jax.jit(function, donate_argnums=donate)
        # Code that runs once is not worth optimising: the initial values of a ResNet compile in 1 s instead of 8.
        self._options: Any = {"xla_backend_optimization_level": 1} if once else None
        self._compiled: Any = None
        self.seconds = 0.0

    def __call__(self, *arguments: Any) -> Any:
        if self._compiled is None:
            started = time.perf_counter()
            self._compiled = self._jitted.lower(*arguments).compile(self._options)
            self.seconds = time.perf_counter() - started
        return self._compiled(*arguments)


class Lanes:
    """The executables of one program and the placing of its data.

    Args:
        task: what one cell does, with the program's choices compiled in.
        strategy: how lanes and steps meet the devices.
        devices: the devices to use.
        images: pool and test images, one behind the other, uint8; put on every device once.
    """

    def __init__(self, task: Classification, strategy: Strategy, devices: Sequence[Device], images: np.ndarray):
        self.task = task
        self.strategy = strategy
        self.devices = len(devices)
        self._mesh = Mesh(np.array(devices), (EXAMPLES if strategy.sharded else LANES,))
        self._images = self.place(images, EVERYWHERE)
        self._inits: dict[Any, Executable] = {}
        self._told: list[Executable] = []
        step = (LANES, EVERYWHERE, LANES, LANES, LANES, EXAMPLES, EXAMPLES, EVERYWHERE)
        self._advance = Executable(self._spread(advance_one(task), step), donate=(0,))
        self._evaluate = Executable(
            self._spread(evaluate_one(task), (LANES, LANES, EVERYWHERE, LANES, EXAMPLES, EXAMPLES, EXAMPLES)),
            donate=(0,),
        )
        self._close = Executable(self._spread(close_one(task), (LANES, LANES, LANES, LANES, EVERYWHERE)), donate=(0,))

    @property
    def executables(self) -> list[Executable]:
        """Everything compiled so far."""
        every = [*self._inits.values(), self._advance, self._evaluate, self._close]
        return [executable for executable in every if executable.seconds]

    @property
    def step_compiles(self) -> int:
        """How often the training step was compiled: 0 before the first chunk, then 1."""
        return int(self._advance.seconds > 0)

    def new_compiles(self) -> list[float]:
        """Seconds of each compile since the last call."""
        new = [executable for executable in self.executables if executable not in self._told]
        self._told += new
        return [executable.seconds for executable in new]

    def init(self, key: Any, made: Compiled, seed: int, init_hp: Any, hp: Any, first: np.ndarray) -> State:
        """The initial state of one cell, on the host; `key` tells ways of making initial values apart."""
        if key not in self._inits:
            self._inits[key] = Executable(lambda *arguments: self.task.init(made, *arguments), once=True)
        return jax.device_get(self._inits[key](np.uint32(seed), init_hp, hp, first))

    def advance(self, state: State, seed: Any, hp: Any, total: Any, index: Any, labels: Any, count: int) -> State:
        """`count` steps of every lane; index and labels are [lanes, steps, batch]."""
        index, labels = self.place(index, EXAMPLES), self.place(labels, EXAMPLES)
        return self._advance(
            state, self._images, seed, hp, total, index, labels, self.place(np.int32(count), EVERYWHERE)
        )

    def evaluate(self, metrics: Metrics, state: State, hp: Any, index: Any, labels: Any, weights: Any) -> Metrics:
        """Adds one batch [lanes, batch] of examples to the metrics of every lane."""
        batch = (self.place(array, EXAMPLES) for array in (index, labels, weights))
        return self._evaluate(metrics, state, self._images, hp, *batch)

    def close(self, state: State, metrics: Metrics, hp: Any, total: Any, k: int) -> tuple[State, Reading]:
        """Ends the k-th evaluation: history, stopping, and the readings for the curves."""
        return self._close(state, metrics, hp, total, self.place(np.int32(k), EVERYWHERE))

    def place(self, tree: Any, kind: str) -> Any:
        """Host arrays on the devices: the same everywhere, split by lanes, or split by lanes or examples."""
        if not self.strategy.sharded:
            return jax.device_put(tree, NamedSharding(self._mesh, P() if kind == EVERYWHERE else P(LANES)))
        spec = P(*[None] * (np.ndim(tree) - 1), EXAMPLES) if kind == EXAMPLES else P()
        return jax.device_put(tree, NamedSharding(self._mesh, spec))

    def _spread(self, function: Callable[..., Any], kinds: tuple[str, ...]) -> Callable[..., Any]:
        axes = tuple(None if kind == EVERYWHERE else 0 for kind in kinds)
        local = jax.vmap(function, axes) if self.strategy.vmapped else _single(function, axes)
        if self.strategy.sharded:
            return local
        specs = tuple(P() if kind == EVERYWHERE else P(LANES) for kind in kinds)
        return jax.shard_map(local, mesh=self._mesh, in_specs=specs, out_specs=P(LANES))


def _single(function: Callable[..., Any], axes: tuple[int | None, ...]) -> Callable[..., Any]:
    """One lane without `vmap`, which would turn its convolutions into grouped ones."""

    def called(*arguments: Any) -> Any:
        own = [
            argument if axis is None else jax.tree.map(lambda leaf: leaf[0], argument)
            for argument, axis in zip(arguments, axes, strict=True)
        ]
        return jax.tree.map(lambda leaf: leaf[None], function(*own))

    return called


def advance_one(task: Classification) -> Callable[..., State]:
    """A chunk of steps of one cell; a chunk of one step has no loop around it."""

    def advance(state, images, seed, hp, total, index, labels, count):
        def body(k, state):
            return task.step(state, images[index[k]], labels[k], seed, hp, total)

        return body(0, state) if index.shape[0] == 1 else lax.fori_loop(0, count, body, state)

    return advance


def evaluate_one(task: Classification) -> Callable[..., Metrics]:
    """One batch of an evaluation of one cell, added to what earlier batches gave."""

    def evaluate(metrics, state, images, hp, index, labels, weights):
        found = task.evaluate(state, images[index], labels, weights, hp)
        return Metrics(metrics.loss.merge(found.loss), metrics.accuracy.merge(found.accuracy))

    return evaluate


def close_one(task: Classification) -> Callable[..., tuple[State, Reading]]:
    """The end of an evaluation of one cell."""

    def close(state, metrics, hp, total, k):
        val_loss = metrics.loss.total / metrics.loss.count
        reading = Reading(
            train_loss=state.loss_sum / state.loss_count,
            val_loss=val_loss,
            val_accuracy=metrics.accuracy.total / metrics.accuracy.count,
            learning_rate=task.learning_rate(jnp.maximum(state.step - 1, 0), total, hp),
        )
        lost = (metrics.loss.count > 0) & ~jnp.isfinite(val_loss)  # its last update took it over the edge
        return task.after_evaluation(state, k, val_loss, lost, hp), reading

    return close


def first_losses(
    task: Classification, state: State, seeds: Sequence[int], hps: Sequence[Any], images: Any, labels: Any
) -> list[float]:
    """The training loss of every lane on one batch, before any step."""
    loss = jax.jit(task.training_loss)
    lanes = [jax.tree.map(lambda leaf, k=k: np.asarray(leaf)[k], state) for k in range(len(seeds))]
    return [
        float(loss(lane, images, labels, np.uint32(seed), hp)) for lane, seed, hp in zip(lanes, seeds, hps, strict=True)
    ]


def learning_rates(
    task: Classification, hp: Any, total: int, steps: Int[np.ndarray, " steps"]
) -> Float[np.ndarray, "lanes steps"]:
    """The learning rate of every lane at every given step; `hp` has a leading axis of lanes."""
    lanes = jax.vmap(task.learning_rate, (None, None, 0))
    found = jax.jit(jax.vmap(lanes, (0, None, None), out_axes=1))(steps, np.float32(total), hp)
    return np.asarray(found)


def operations(
    task: Classification, made: Compiled, init_hp: Any, hp: Any, batch_size: int, shape: tuple[int, int, int]
) -> float:
    """Floating-point operations of one training step of one cell, counted on the program before it is compiled."""
    hp, init_hp = jax.tree.map(np.float32, (hp, init_hp))
    images = np.zeros((batch_size, *shape), np.uint8)
    index = np.zeros((1, batch_size), np.int32)
    state = jax.eval_shape(lambda *arguments: task.init(made, *arguments), np.uint32(0), init_hp, hp, images)
    lowered = jax.jit(advance_one(task)).lower(
        state, images, np.uint32(0), hp, np.float32(1), index, index, np.int32(1)
    )
    return float((lowered.cost_analysis() or {}).get("flops", 0.0))
