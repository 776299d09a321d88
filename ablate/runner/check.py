"""Sanity checks: does every arm start at log C, learn 64 examples by heart, stay finite, and compile once?

The loss of an arm is the choice on its `loss` axis, which need not be a cross-entropy: it has to be finite and to fall.
The cross-entropy before the first step has to lie near log C, whatever the loss.

The checks train on the first 64 images of the pool with clean labels, one lane per arm, with the loop that studies use.
"""

import dataclasses
import math

import jax
import numpy as np

from ablate.data import Dataset, Split
from ablate.runner.interrupts import Between, Interrupted, go_on
from ablate.runner.plan import Plan, ProgramPlan, lane_job
from ablate.study.problems import ConfigError
from ablate.study.programs import Lane
from ablate.train.lanes import Lanes, first_losses
from ablate.train.loop import Job, Loop, Result
from ablate.train.strategy import waves

EXAMPLES = 64
STEPS = 300


@dataclasses.dataclass(frozen=True)
class Check:
    """What the checks say about one arm; losses are the arm's own, on training batches, the mean that of all steps."""

    arm: str
    baseline: bool
    first_loss: float | None
    mean_loss: float | None
    first_cross_entropy: float | None
    log_classes: float
    accuracy: float | None
    finite: bool
    compiles: int

    @property
    def problems(self) -> list[str]:
        """What is wrong, in words; empty where all is well.

        Only the baseline has to learn by heart: many tricks are there to prevent just that.
        """
        found = []
        if not self.finite:
            found.append("loss or parameters became non-finite")
        if self.first_loss is None:
            found.append("its first loss is not finite")
        elif self.mean_loss is not None and not self.mean_loss < self.first_loss:
            found.append(f"its loss does not fall in {STEPS} steps")
        if self.first_cross_entropy is not None and self.first_cross_entropy > 2 * self.log_classes:
            found.append("first cross-entropy far above log C")
        if self.baseline and self.accuracy is not None and self.accuracy < 0.95:
            found.append(f"does not learn {EXAMPLES} examples by heart in {STEPS} steps")
        if self.compiles != 1:
            found.append(f"the step was compiled {self.compiles} times")
        return found

    @property
    def passes(self) -> bool:
        """No problem found."""
        return not self.problems

    def cells(self) -> list[str]:
        """The cells of its table row."""
        return [
            self.arm.replace("[", r"\["),
            *("–" if x is None else f"{x:.3f}" for x in (self.first_loss, self.mean_loss, self.first_cross_entropy)),
            f"{self.log_classes:.3f}",
            "–" if self.accuracy is None else f"{100 * self.accuracy:.0f} %",
            "finite" if self.finite else "non-finite",
            str(self.compiles),
            "; ".join(self.problems) or "passes",
        ]


def check_plan(plan: Plan, between: Between = go_on) -> list[Check]:
    """Checks one cell of every arm, in the order of the arms; what `between` raises while they train ends it."""
    dataset = _few(plan.dataset)
    found = {check.arm: check for item in plan.programs for check in _checked(plan, item, dataset, between)}
    return [found[arm.name] for arm in plan.arms]


def _checked(plan: Plan, item: ProgramPlan, dataset: Dataset, between: Between) -> list[Check]:
    try:
        return _check_program(plan, item, dataset, between)
    except Interrupted:
        raise
    except (Exception, SystemExit) as error:  # what is checked is a user's code
        line = (str(error).strip().splitlines() or [""])[0]
        raise ConfigError([f"program of {', '.join(item.program.arms)}: {type(error).__name__}: {line}"]) from error


def _few(dataset: Dataset) -> Dataset:
    images, labels = np.asarray(dataset.images[:EXAMPLES]), dataset.labels[:EXAMPLES]
    return dataclasses.replace(dataset, images=images, labels=labels, test_images=images, test_labels=labels)


def _check_program(plan: Plan, item: ProgramPlan, dataset: Dataset, between: Between) -> list[Check]:
    firsts = list({lane.cell.arm.name: lane for lane in reversed(item.program.lanes)}.values())
    lanes, checks = None, []
    for wave in waves(len(firsts), len(plan.devices), item.strategy, plan.spec.train.lanes):
        if lanes is None:
            images = np.concatenate([dataset.images, dataset.test_images])
            lanes = Lanes(item.task, item.strategy, plan.devices, images)
        members = [firsts[k] for k in wave.members]
        losses, results = _results(plan, members, wave.width, lanes, dataset, between)
        checks += [
            _check(lane, loss, result, dataset.classes, lanes.step_compiles)
            for lane, loss, result in zip(members, losses, results, strict=True)
        ]
    return checks


def _results(
    plan: Plan, members: list[Lane], width: int, lanes: Lanes, dataset: Dataset, between: Between
) -> tuple[list[float], list[Result]]:
    """The first loss of every lane, and what became of it."""
    every = np.arange(len(dataset.labels), dtype=np.int32)
    split = Split(every, dataset.labels, every)
    jobs = [dataclasses.replace(lane_job(lane, plan.dataset, plan.sampling), split=split) for lane in members]
    batch = min(plan.spec.train.batch_size, len(every))
    job = Job(tuple(jobs), width, dataset, STEPS, batch, STEPS, len(every))
    loop = Loop(lanes, job)
    begin = loop.start(between)
    hps = [jax.tree.map(np.float32, job.hp) for job in jobs]
    first = np.asarray(dataset.images[:batch]), dataset.labels[:batch].astype(np.int32)
    losses = first_losses(lanes.task, begin.state, [job.seed for job in jobs], hps, *first)
    moment = begin
    for moment in loop.moments(begin):  # noqa: B007  # the last one is wanted
        between()
    return losses, loop.results(moment)


def _check(lane: Lane, loss: float, result: Result, classes: int, compiles: int) -> Check:
    return Check(
        arm=lane.cell.arm.name,
        baseline=not lane.cell.arm.changes,
        first_loss=loss if math.isfinite(loss) else None,
        mean_loss=result.curves["train_loss"][-1],
        first_cross_entropy=result.curves["val_loss"][0],
        log_classes=math.log(classes),
        accuracy=result.metrics["test_accuracy"],
        finite=result.diverged_step is None,
        compiles=compiles,
    )
