"""Training a wave of cells: chunks of steps, evaluations, curves.

`moments` is a generator of the states between chunks: whoever runs it saves checkpoints, shows progress and stops
where it likes, and continues later from any moment.
"""

import dataclasses
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import jax
import numpy as np
from clu import metrics as clu_metrics

from ablate.data import Dataset, Split
from ablate.train.keys import BatchOrder
from ablate.train.lanes import LANES, Lanes, Reading
from ablate.train.parts import Compiled, Numbers
from ablate.train.step import Metrics, State

EvalBatch = tuple[np.ndarray, np.ndarray, np.ndarray]  # positions, labels, weights: [lanes, batch]
SYNCHRONISE_EVERY = 8  # dispatched steps: often enough to answer Ctrl-C, rarely enough to cost nothing


@dataclasses.dataclass(frozen=True)
class LaneJob:
    """One cell as the loop sees it."""

    seed: int
    hp: Numbers
    made: Compiled
    made_key: Any
    init_hp: Numbers
    split: Split


@dataclasses.dataclass(frozen=True)
class Job:
    """A wave of cells: `width` lanes, the last of them copies where the wave is not full."""

    lanes: tuple[LaneJob, ...]
    width: int
    dataset: Dataset
    steps: int
    batch_size: int
    eval_every: int
    eval_batch_size: int

    @property
    def padded(self) -> list[LaneJob]:
        """The lanes, filled up to the width with copies of the last one."""
        return [*self.lanes, *[self.lanes[-1]] * (self.width - len(self.lanes))]

    @property
    def evaluations(self) -> list[int]:
        """Steps after which the lanes are evaluated: 0, every `eval_every`, and the last."""
        return [*range(0, self.steps, self.eval_every), self.steps]


class Moment(NamedTuple):
    """The wave between two chunks; `curves` are arrays [evaluations, lanes], nan where not yet."""

    step: int
    evaluated: int
    state: State
    curves: dict[str, np.ndarray]


@dataclasses.dataclass(frozen=True)
class Result:
    """What a cell's row says about its training."""

    status: str
    metrics: Mapping[str, float | None]
    curves: Mapping[str, list[float | None]]
    diverged_step: int | None
    stopped_step: int | None


class Pace(NamedTuple):
    """Time that training steps took, apart from compiling and evaluating."""

    seconds: float
    steps: int


class Loop:
    """Runs one job on the executables of its program."""

    def __init__(self, lanes: Lanes, job: Job):
        self._lanes = lanes
        self._job = job
        padded = job.padded
        self._orders = {lane.seed: BatchOrder(lane.seed, len(lane.split.train), job.batch_size) for lane in padded}
        self._seed = lanes.place(np.array([lane.seed for lane in padded], np.uint32), LANES)
        self._hp = lanes.place(_stack([_float32(lane.hp) for lane in padded]), LANES)
        self._total = lanes.place(np.full(len(padded), job.steps, np.float32), LANES)
        self._validation = _batches([lane.split.validation for lane in padded], job.dataset.labels, job.eval_batch_size)
        self.pace = Pace(0.0, 0)

    def start(self, between: Callable[[], None] = lambda: None) -> Moment:
        """The moment before the first step; `between` is called after each lane, and what it raises ends it there."""
        states = []
        for lane in self._job.padded:
            numbers = _float32(lane.init_hp), _float32(lane.hp)
            states.append(self._lanes.init(lane.made_key, lane.made, lane.seed, *numbers, self._first(lane)))
            between()
        shape = (len(self._job.evaluations), self._job.width)
        curves = {name: np.full(shape, np.nan, np.float32) for name in Reading._fields}
        return Moment(0, 0, _stack(states), curves)

    def moments(self, moment: Moment) -> Iterator[Moment]:
        """All moments from the given one to the end, after each chunk of steps and after each evaluation."""
        step, evaluated, state, curves = moment
        state = self._lanes.place(state, LANES)
        due = self._job.evaluations
        while evaluated < len(due):
            if step == due[evaluated]:
                state, curves = self._evaluate(state, evaluated, curves)
                evaluated += 1
                if not np.asarray(state.running).any():
                    step, evaluated = self._job.steps, len(due)
            else:
                count = due[evaluated] - step if self._lanes.strategy.looped else 1
                state = self._chunk(state, step, count)
                step += count
            yield Moment(step, evaluated, state, curves)

    def results(self, moment: Moment) -> list[Result]:
        """Reads the test split, once, and tells what became of every cell."""
        test = self._test()
        state = self._lanes.place(moment.state, LANES)
        metrics = self._measure(state, test)
        found = {
            "test_accuracy": np.asarray(metrics.accuracy.total) / np.asarray(metrics.accuracy.count),
            "test_loss": np.asarray(metrics.loss.total) / np.asarray(metrics.loss.count),
        }
        lost, stopped = np.asarray(state.diverged_step), np.asarray(state.stopped_step)
        lost = np.where((lost < 0) & ~np.isfinite(found["test_loss"]), np.asarray(state.step), lost)
        return [
            _result(found, moment.curves, self._job.evaluations, lane, int(lost[lane]), int(stopped[lane]))
            for lane in range(len(self._job.lanes))
        ]

    def _first(self, lane: LaneJob) -> np.ndarray:
        return self._job.dataset.images[np.sort(lane.split.train[self._orders[lane.seed].at(0)])]

    def _chunk(self, state: State, step: int, count: int) -> State:
        length = self._job.eval_every if self._lanes.strategy.looped else 1
        length = min(length, self._job.steps)
        index, labels = self._examples(step, count, length)
        started, known = time.perf_counter(), self._compile_seconds()
        state = self._lanes.advance(state, self._seed, self._hp, self._total, index, labels, count)
        if self._lanes.strategy.looped or step % SYNCHRONISE_EVERY == 0:
            jax.block_until_ready(state.step)
        spent = time.perf_counter() - started - (self._compile_seconds() - known)
        self.pace = Pace(self.pace.seconds + spent, self.pace.steps + count)
        return state

    def _compile_seconds(self) -> float:
        return sum(executable.seconds for executable in self._lanes.executables)

    def _examples(self, step: int, count: int, length: int) -> tuple[np.ndarray, np.ndarray]:
        """Positions in the pool and labels [lanes, length, batch] of the steps from `step` on."""
        by_seed = {}
        for lane in self._job.padded:
            if lane.seed not in by_seed:
                order, split = self._orders[lane.seed], lane.split
                rows = np.stack([order.at(step + k) for k in range(count)])
                rows = np.pad(rows, ((0, length - count), (0, 0)))
                by_seed[lane.seed] = split.train[rows], split.train_labels[rows]
        index, labels = (np.stack([by_seed[lane.seed][k] for lane in self._job.padded]) for k in (0, 1))
        return index, labels

    def _evaluate(self, state: State, k: int, curves: dict[str, np.ndarray]) -> tuple[State, dict[str, np.ndarray]]:
        lost = np.asarray(state.diverged_step) >= 0
        metrics = self._measure(state, self._validation)
        state, reading = self._lanes.close(state, metrics, self._hp, self._total, k)
        curves = {name: curve.copy() for name, curve in curves.items()}
        for name, values in reading._asdict().items():
            curves[name][k] = np.where(lost, np.nan, np.asarray(values))
        return state, curves

    def _measure(self, state: State, batches: Sequence[EvalBatch]) -> Metrics:
        metrics = self._lanes.place(no_metrics((self._job.width,)), LANES)
        for index, labels, weights in batches:
            metrics = self._lanes.evaluate(metrics, state, self._hp, index, labels, weights)
        return metrics

    def _test(self) -> list[EvalBatch]:
        data = self._job.dataset
        positions = len(data.labels) + np.arange(len(data.test_labels), dtype=np.int32)
        labels = np.concatenate([data.labels, data.test_labels])
        return _batches([positions] * self._job.width, labels, self._job.eval_batch_size)


def no_metrics(shape: tuple[int, ...] = ()) -> Metrics:
    """Metrics of no example yet, for lanes of some shape or for one cell."""
    average: Any = clu_metrics.Average  # a flax dataclass, whose fields type checkers do not see
    empty = (average(total=np.zeros(shape, np.float32), count=np.zeros(shape, np.float32)) for _ in Metrics._fields)
    return Metrics(*empty)


def _batches(positions: list[np.ndarray], labels: np.ndarray, size: int) -> list[EvalBatch]:
    """Evaluation batches [lanes, size] of positions, labels and weights; the last one filled up with weight 0."""
    stacked = np.stack(positions).astype(np.int32)
    found = []
    for start in range(0, stacked.shape[1], size):
        part = stacked[:, start : start + size]
        short = size - part.shape[1]
        weights = np.pad(np.ones(part.shape, np.float32), ((0, 0), (0, short)))
        index = np.pad(part, ((0, 0), (0, short)))
        found.append((index, labels[index].astype(np.int32), weights))
    return found


def _result(
    found: Mapping[str, np.ndarray], curves: Mapping[str, np.ndarray], steps: list[int], lane: int, lost: int, stop: int
) -> Result:
    diverged = lost >= 0
    last = {name: curves[name][:, lane] for name in ("val_accuracy", "val_loss", "train_loss")}
    metrics = {name: number(values[lane]) for name, values in found.items()}
    metrics |= {name: number(_last_finite(values)) for name, values in last.items()}
    metrics["initial_loss"] = number(curves["val_loss"][0, lane])  # a sanity check: near log C
    drawn: dict[str, list[float | None]] = {name: [number(v) for v in c[:, lane]] for name, c in curves.items()}
    return Result(
        status="diverged" if diverged else "done",
        metrics=dict.fromkeys(metrics) if diverged else metrics,
        curves={"step": [*steps], **drawn},
        diverged_step=lost if diverged else None,
        stopped_step=stop if stop >= 0 else None,
    )


def _last_finite(values: np.ndarray) -> float:
    finite = values[np.isfinite(values)]
    return float(finite[-1]) if len(finite) else float("nan")


def number(value: float) -> float | None:
    """A float32 as the shortest decimal that reads back the same; None where not finite."""
    return float(str(np.float32(value))) if np.isfinite(value) else None


def _float32(tree: Any) -> Any:
    return jax.tree.map(np.float32, tree)


def _stack(trees: Sequence[Any]) -> Any:
    return jax.tree.map(lambda *leaves: np.stack([np.asarray(leaf) for leaf in leaves]), *trees)
