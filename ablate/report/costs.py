"""What quality costs: time per step and cell, and the arms that nothing beats in both. Pure."""

from collections.abc import Sequence

import numpy as np

from ablate.report.tables import Summary, Tables
from ablate.stats.times import pareto_front


def cost_points(tables: Tables) -> list[tuple[Summary, float, float]]:
    """Arm, time per step and cell as a multiple of the baseline's, mean metric as shown; arms without are left out."""
    base = seconds_per_step(tables.baseline)
    timed = [(arm, seconds_per_step(arm)) for arm in tables.arms if arm.mean is not None]
    return [(arm, seconds / base, tables.unit.scale * (arm.mean or 0.0)) for arm, seconds in timed if base and seconds]


def seconds_per_step(arm: Summary) -> float | None:
    """One lane's share of the time of a step, since all lanes of a program advance together."""
    return 1 / (arm.steps_per_second * (arm.lanes or 1)) if arm.steps_per_second else None


def frontier(points: Sequence[tuple[float, float]], *, higher_is_better: bool) -> set[int]:
    """Positions of the points (cost, quality) that no other point beats in both."""
    cost, quality = (np.array(column, dtype=float) for column in zip(*points, strict=True))
    return set(np.flatnonzero(pareto_front(quality, cost, higher_is_better=higher_is_better)).tolist())


def quality_range(points: Sequence[tuple[Summary, float, float]], scale: float) -> list[float]:
    """Every mean and every end of an interval, as shown: what the vertical axis has to hold."""
    ends = [scale * end for arm, _, _ in points for end in (arm.low, arm.high) if end is not None]
    return [y for _, _, y in points] + ends
