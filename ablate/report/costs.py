"""What quality costs: time per step and cell, and the arms that nothing beats in both. Pure."""

from collections.abc import Sequence

from ablate.report.tables import Summary, Tables


def cost_points(tables: Tables) -> list[tuple[Summary, float, float]]:
    """Arm, time per step and cell as a multiple of the baseline's, mean metric as shown; arms without are left out."""
    base = seconds_per_step(tables.baseline)
    timed = [(arm, seconds_per_step(arm)) for arm in tables.arms if arm.mean is not None]
    return [(arm, seconds / base, tables.unit.scale * (arm.mean or 0.0)) for arm, seconds in timed if base and seconds]


def seconds_per_step(arm: Summary) -> float | None:
    """One lane's share of the time of a step, since all lanes of a program advance together."""
    return 1 / (arm.steps_per_second * (arm.lanes or 1)) if arm.steps_per_second else None


def frontier(points: Sequence[tuple[float, float]]) -> set[int]:
    """Positions of the points (cost, quality) that no other point beats in both: less cost and more quality.

    >>> sorted(frontier([(1.0, 0.5), (2.0, 0.9), (2.0, 0.4)]))
    [0, 1]
    """
    return {
        i
        for i, (cost, quality) in enumerate(points)
        if not any(c <= cost and q >= quality and (c, q) != (cost, quality) for c, q in points)
    }
