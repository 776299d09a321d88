"""What an arm costs on its own: operations per step, and time per step where it was asked for.

Lanes that share a program share its time, so the time of a merged program says nothing about one arm. Here every arm
gets a program without the other arms' choices, with a single lane on a single device.
"""

import statistics
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from ablate.results.schema import ArmRecord, StepRatio, Study
from ablate.runner.interrupts import Between, Interrupted, go_on
from ablate.runner.plan import Plan, ProgramPlan
from ablate.train.lanes import Lanes, operations
from ablate.train.loop import Loop

# The median of a continuous quantity lies between the least and the most of six with probability 1 - 2 / 2^6 = 96.9 %.
ROUNDS, STEPS = 6, 40
COUNTED, MEASURED = ("flops", "step_seconds"), ("step_ratio",)


def operations_per_step(
    plan: Plan, between: Between = go_on, arms: Iterable[str] | None = None
) -> dict[str, float | None]:
    """Floating-point operations of one training step of arms, all if none are named, counted before compiling.

    Arms that differ in numbers alone are one program, which is counted once; one that shares its program with no other
    choice was counted when the study was planned.
    """
    counts: dict[str, float | None] = {}
    by_program: dict[str, float | None] = {}
    wanted = None if arms is None else set(arms)
    for name, (item, lane) in plan.first_lanes().items():
        if wanted is not None and name not in wanted:
            continue
        between()
        alone = plan.alone(lane.cell)
        if alone.program.slots == item.program.slots:
            by_program[alone.program.id] = float(item.operations)
        elif alone.program.id not in by_program:
            by_program[alone.program.id] = _or_none(operations_of, alone)
        counts[name] = by_program[alone.program.id]
    return counts


def operations_of(item: ProgramPlan) -> float:
    """Floating-point operations of one training step of a program's first cell."""
    (cell, *_) = item.inputs.values()
    return operations(item.task, cell.init_choices, cell.init_hp, cell.hp, item.training.batch_size)


def seconds_per_step(plan: Plan, between: Between = go_on) -> dict[str, list[float]]:
    """Seconds of one training step of every arm in each of some rounds; none of an arm whose code raises.

    The arms take turns, every second round backwards, so that neither a machine that grows busier nor the place in a
    round is charged to an arm.
    """
    runs = {name: Timed(alone, STEPS) for name, alone in _alone(plan).items()}
    seconds: dict[str, list[float | None]] = {name: [] for name in runs}
    for k in range(ROUNDS + 1):  # the first one compiles
        for name in [*runs][:: -1 if k % 2 else 1]:
            between()
            seconds[name].append(_or_none(runs[name].seconds, between))
    return {name: [] if None in times else [time for time in times[1:] if time] for name, times in seconds.items()}


def ratio_of(own: Sequence[float], baseline: Sequence[float]) -> StepRatio | None:
    """What a step takes over the baseline's, round by round; None where either was not measured."""
    ratios = [a / b for a, b in zip(own, baseline, strict=False)]
    return StepRatio(ratio=statistics.median(ratios), low=min(ratios), high=max(ratios)) if ratios else None


def _or_none(function: Callable[..., float], *arguments: Any) -> float | None:
    """What an arm costs; None where its code raises, which its cells have told or will tell in their rows."""
    try:
        return function(*arguments)
    except Interrupted:
        raise
    except (Exception, SystemExit):
        return None


def _alone(plan: Plan) -> dict[str, ProgramPlan]:
    """The first cell of every arm in a program of its own."""
    return {name: plan.alone(lane.cell) for name, (_, lane) in plan.first_lanes().items()}


class Timed:
    """The program of a single cell, compiled once and run for so many steps as often as asked."""

    def __init__(self, item: ProgramPlan, steps: int):
        self._lanes = Lanes(item.task, item.strategy, item.devices, item.resident, 2)
        self._wave = item.wave(item.program.lanes, 1, steps=steps, eval_every=steps)

    @property
    def bytes(self) -> int | None:
        """What a training step holds beside the data, as compiled; None before the first run."""
        return self._lanes.step_bytes

    def seconds(self, between: Between) -> float:
        """Seconds per training step of one run from its first values on."""
        loop = Loop(self._lanes, self._wave)
        for _ in loop.run(loop.start(between)):
            between()
        return loop.pace.seconds / loop.pace.steps


def with_known_costs(study: Study, before: Study | None) -> Study:
    """Notes in every arm of study.json what an earlier one knows of its costs; null where it does not."""
    known = _known(study, before)
    same = known.get(study["baseline"], {}).get("step_ratio") is not None  # it is what ratios are over
    keys = (*COUNTED, *MEASURED) if same else COUNTED
    arms: list[ArmRecord] = [
        {**arm, **{key: known.get(arm["name"], {}).get(key) for key in keys}}  # type: ignore[typeddict-item]
        for arm in study["arms"]
    ]
    return {**study, "arms": arms}


def with_operations(study: Study, counts: Mapping[str, float | None]) -> Study:
    """Notes `flops` of the arms that were counted."""
    arms: list[ArmRecord] = [{**arm, "flops": counts.get(arm["name"], arm.get("flops"))} for arm in study["arms"]]
    return {**study, "arms": arms}


def with_seconds(study: Study, plan: Plan, between: Between = go_on) -> Study:
    """Times every arm, and notes its `step_seconds` and `step_ratio`."""
    seconds = seconds_per_step(plan, between)

    def timed(arm: ArmRecord) -> ArmRecord:
        own = seconds[arm["name"]]
        ratio = ratio_of(own, seconds[study["baseline"]])
        return {**arm, "step_seconds": statistics.median(own) if own else None, "step_ratio": ratio}

    return {**study, "arms": [timed(arm) for arm in study["arms"]]}


def uncounted(study: Study) -> list[str]:
    """Arms whose operations are not known yet."""
    return [arm["name"] for arm in study["arms"] if arm.get("flops") is None]


def _known(study: Study, before: Study | None) -> dict[str, ArmRecord]:
    """Arms whose costs were counted before, for the same recipe on the same data and batch size."""
    if before is None or (before["data"], before["train"]) != (study["data"], study["train"]):
        return {}
    earlier = {arm["name"]: arm for arm in before["arms"] if all(key in arm for key in COUNTED)}
    return {
        arm["name"]: earlier[arm["name"]]
        for arm in study["arms"]
        if arm["name"] in earlier and earlier[arm["name"]]["recipe"] == arm["recipe"]
    }
