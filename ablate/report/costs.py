"""What quality costs, and the arms that nothing beats in both. Pure."""

import dataclasses
from collections.abc import Callable, Sequence

import numpy as np

from ablate.report.records import Summary, Tables
from ablate.report.wording import Unit
from ablate.stats.times import pareto_front


@dataclasses.dataclass(frozen=True)
class Measure:
    """A way to count cost: what it is called, and an arm's cost in any unit."""

    name: str
    of: Callable[[Summary], float | None]


STEP_TIME = Measure("time per training step, measured alone", lambda arm: arm.step_seconds)
ARITHMETIC = Measure("arithmetic per training step", lambda arm: arm.flops)
# The fairest first. The speed of a program that arms share is none of them: it depends on how many lanes it has.
MEASURES = (STEP_TIME, ARITHMETIC)


def measure_of(tables: Tables) -> Measure | None:
    """The fairest measure that every arm with a result has; None where nothing was counted."""
    arms = [arm for arm in tables.arms if arm.mean is not None]
    return next((measure for measure in MEASURES if arms and all(measure.of(arm) for arm in arms)), None)


def multiple(arm: Summary, tables: Tables, measure: Measure) -> float | None:
    """An arm's cost as a multiple of the baseline's; None where either is not known.

    Of times, the ratio within rounds: the machine may have been busier in one round than in the next.
    """
    if measure is STEP_TIME and arm.step_ratio:
        return arm.step_ratio["ratio"]
    own, reference = measure.of(arm), measure.of(tables.baseline)
    return own / reference if own and reference else None


def cost_points(tables: Tables) -> list[tuple[Summary, float, float]]:
    """Arm, cost as a multiple of the baseline's, mean metric as shown; arms without either are left out."""
    measure = measure_of(tables)
    if measure is None:
        return []
    costs = [(arm, multiple(arm, tables, measure)) for arm in tables.arms if arm.mean is not None]
    return [(arm, cost, tables.unit.scale * (arm.mean or 0.0)) for arm, cost in costs if cost]


def frontier(points: Sequence[tuple[float, float]], *, higher_is_better: bool) -> set[int]:
    """Positions of the points (cost, quality) that no other point beats in both."""
    cost, quality = (np.array(column, dtype=float) for column in zip(*points, strict=True))
    return set(np.flatnonzero(pareto_front(quality, cost, higher_is_better=higher_is_better)).tolist())


def front_of(tables: Tables, points: Sequence[tuple[Summary, float, float]]) -> set[str]:
    """The arms that none beats in both cost and quality, among those that are not shown to be worse."""
    kept = [point for point in points if point[0].verdict != "worse"]
    front = frontier([(x, y) for _, x, y in kept], higher_is_better=tables.better > 0)
    return {kept[k][0].arm for k in front}


def quality_range(points: Sequence[tuple[Summary, float, float]], unit: Unit) -> list[float]:
    """Every mean and every end of an interval, as shown: what the vertical axis has to hold."""
    ends = [unit.inside(unit.scale * end) for arm, _, _ in points for end in (arm.low, arm.high) if end is not None]
    return [y for _, _, y in points] + ends
