"""Sanity checks: does every arm start where an untrained one should, learn a few examples, stay finite, compile once?

What an arm trains on is the first curve of its task, such as its own loss: it has to be finite and to fall. What an
untrained network scores and what memorising looks like is the task's to say (`Task.sanity`); a task may leave it open.

The checks train on the first 64 examples of the pool, unspoilt, one lane per arm, with the loop that studies use.
"""

import dataclasses
import math

import jax
import numpy as np
from rich.markup import escape

from ablate.data import DataSet, Split
from ablate.runner.interrupts import Between, Interrupted, go_on
from ablate.runner.plan import Plan, ProgramPlan
from ablate.study.problems import ConfigError, first_line
from ablate.study.programs import Lane
from ablate.tasks.task import Sanity
from ablate.train.lanes import Lanes, first_values
from ablate.train.loop import Loop, LoopState, Result
from ablate.train.strategy import waves

EXAMPLES = 64
STEPS = 300


@dataclasses.dataclass(frozen=True)
class Check:
    """What the checks say about one arm; `first` is its own curve at the first batch, `mean` that of all steps."""

    arm: str
    baseline: bool
    curve: str
    first: float | None
    mean: float | None
    untrained: float | None  # the watched metric before the first step
    reached: float | None  # the metric that memorising is told by
    sanity: Sanity | None
    finite: bool
    compiles: int

    @property
    def problems(self) -> list[str]:
        """What is wrong, in words; empty where all is well.

        Only the baseline has to memorise: many tricks are there to prevent just that.
        """
        problems = []
        if not self.finite:
            problems.append("its curves or variables became non-finite")
        if self.first is None:
            problems.append(f"its first {self.curve} is not finite")
        elif self.sanity and self.mean is not None and not self.mean < self.first:
            problems.append(f"its {self.curve} does not fall in {STEPS} steps")
        if self.sanity and self.untrained is not None and self.untrained > 2 * self.sanity.first:
            problems.append(f"untrained, it is far above {self.sanity.words}")
        if self.sanity and self.baseline and self.reached is not None and self.reached < self.sanity.at_least:
            problems.append(f"does not memorise {EXAMPLES} examples in {STEPS} steps")
        if self.compiles != 1:
            problems.append(f"the step was compiled {self.compiles} times")
        return problems

    @property
    def passes(self) -> bool:
        """No problem found."""
        return not self.problems

    def cells(self) -> list[str]:
        """The cells of its table row."""
        expected = self.sanity.first if self.sanity else None
        numbers = (self.first, self.mean, self.untrained, expected, self.reached)
        return [
            escape(self.arm),
            *("–" if number is None else f"{number:.3f}" for number in numbers),
            "finite" if self.finite else "non-finite",
            str(self.compiles),
            "; ".join(self.problems) or "passes",
        ]


def columns(check: Check) -> tuple[str, ...]:
    """Titles of the table that `Check.cells` fills."""
    words, metric = (check.sanity.words, check.sanity.metric) if check.sanity else ("expected", "reached")
    first = f"first {check.curve}", f"mean {check.curve}"
    return ("arm", *first, "untrained", words, f"{metric} on {EXAMPLES}", "gradients", "compiles", "verdict")


def check_plan(plan: Plan, between: Between = go_on) -> list[Check]:
    """Checks one cell of every arm, in the order of the arms; what `between` raises while they train ends it."""
    checks = {check.arm: check for item in plan.programs for check in _checked(item, between)}
    return [checks[arm.name] for arm in plan.arms]


def _checked(item: ProgramPlan, between: Between) -> list[Check]:
    try:
        return _check_program(item, between)
    except Interrupted:
        raise
    except (Exception, SystemExit) as error:  # what is checked is a user's code
        words = f"{type(error).__name__}: {first_line(error)}"
        raise ConfigError([f"program of {', '.join(item.program.arms)}: {words}"]) from error


def _few(dataset: DataSet) -> DataSet:
    few = {name: np.asarray(array[:EXAMPLES]) for name, array in dataset.pool.items()}
    return dataclasses.replace(dataset, pool=few, test=few)


def _check_program(item: ProgramPlan, between: Between) -> list[Check]:
    lanes, dataset, checks = list(item.firsts.values()), _few(item.dataset), []
    spread = waves(len(lanes), item.place.devices, item.strategy, item.most_lanes)
    executables = Lanes(item.task, item.strategy, item.devices, dataset.stacked, 2)
    for wave in spread:
        members = [lanes[k] for k in wave.members]
        values, results = _results(item, members, wave.width, executables, dataset, between)
        checks += [
            _check(item, lane, value, result, executables.step_compiles)
            for lane, value, result in zip(members, values, results, strict=True)
        ]
    return checks


def _results(
    item: ProgramPlan, members: list[Lane], width: int, executables: Lanes, dataset: DataSet, between: Between
) -> tuple[list[dict[str, float]], list[Result]]:
    """The first curves of every lane, and what became of it."""
    every = np.arange(dataset.sizes[0], dtype=np.int32)
    planted = {name: dataset.pool[name] for name in next(iter(item.inputs.values())).split.planted}
    split = Split(every, every, every, planted)
    inputs = tuple(dataclasses.replace(item.inputs[lane.cell.name], split=split) for lane in members)
    batch = min(item.training.batch_size, len(every))
    wave = item.wave(
        members, width, inputs=inputs, dataset=dataset, steps=STEPS, batch_size=batch, eval_every=STEPS,
        eval_batch_size=len(every), keys=0,
    )  # fmt: skip
    loop = Loop(executables, wave)
    begin = loop.start(between)
    hps = [jax.tree.map(np.float32, cell.hp) for cell in inputs]
    batches = [loop.first(cell) for cell in inputs]
    values = first_values(item.task, begin.state, [cell.seed for cell in inputs], hps, batches, STEPS)
    return values, loop.results(_end(loop, begin, between))


def _end(loop: Loop, begin: LoopState, between: Between) -> LoopState:
    end = begin
    for end in loop.run(begin):  # noqa: B007  # the last one is wanted
        between()
    return end


def _check(item: ProgramPlan, lane: Lane, value: dict[str, float], result: Result, compiles: int) -> Check:
    task, curve = item.task, item.task.curves[0]
    sanity: Sanity | None = getattr(task, "sanity", None)
    return Check(
        arm=lane.cell.arm.name,
        baseline=not lane.cell.arm.changes,
        curve=curve.replace("_", " "),
        first=value[curve] if math.isfinite(value[curve]) else None,
        mean=result.curves[curve][-1],
        untrained=result.curves[f"val_{task.watch}"][0],
        reached=result.metrics[f"test_{sanity.metric}"] if sanity else None,
        sanity=sanity,
        finite=result.diverged_step is None,
        compiles=compiles,
    )
