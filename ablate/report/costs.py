"""What quality costs, and the arms that nothing beats in both. Pure."""

import dataclasses
from collections.abc import Callable, Sequence

import numpy as np

from ablate.report.tables import Summary, Tables
from ablate.stats.times import pareto_front


@dataclasses.dataclass(frozen=True)
class Measure:
    """A way to count cost: what it is called, and an arm's cost in any unit."""

    name: str
    of: Callable[[Summary], float | None]


def lane_share(arm: Summary) -> float | None:
    """One lane's share of the time of a step, in seconds, since all lanes of a program advance together."""
    return 1 / (arm.steps_per_second * (arm.lanes or 1)) if arm.steps_per_second else None


# The fairest first: programs with more lanes have cheaper lanes, which says nothing about the arms in them.
MEASURES = (
    Measure("time per training step, measured alone", lambda arm: arm.step_seconds),
    Measure("arithmetic per training step", lambda arm: arm.flops),
    Measure("time per training step and lane", lane_share),
)


def measure_of(tables: Tables) -> Measure:
    """The fairest measure that every arm with a result has."""
    arms = [arm for arm in tables.arms if arm.mean is not None]
    return next((one for one in MEASURES[:-1] if arms and all(one.of(arm) for arm in arms)), MEASURES[-1])


def cost_points(tables: Tables) -> list[tuple[Summary, float, float]]:
    """Arm, cost as a multiple of the baseline's, mean metric as shown; arms without either are left out."""
    cost = measure_of(tables).of
    base = cost(tables.baseline)
    timed = [(arm, cost(arm)) for arm in tables.arms if arm.mean is not None]
    return [(arm, mine / base, tables.unit.scale * (arm.mean or 0.0)) for arm, mine in timed if base and mine]


def frontier(points: Sequence[tuple[float, float]], *, higher_is_better: bool) -> set[int]:
    """Positions of the points (cost, quality) that no other point beats in both."""
    cost, quality = (np.array(column, dtype=float) for column in zip(*points, strict=True))
    return set(np.flatnonzero(pareto_front(quality, cost, higher_is_better=higher_is_better)).tolist())


def quality_range(points: Sequence[tuple[Summary, float, float]], scale: float) -> list[float]:
    """Every mean and every end of an interval, as shown: what the vertical axis has to hold."""
    ends = [scale * end for arm, _, _ in points for end in (arm.low, arm.high) if end is not None]
    return [y for _, _, y in points] + ends
