"""Quality against cost per step. Pure."""

from ablate.report.costs import cost_points, frontier, measure_of, quality_range
from ablate.report.plots.plot import Point, Scatter
from ablate.report.plots.scales import padded
from ablate.report.records import Summary, Tables
from ablate.report.wording import plain


def cost(tables: Tables) -> dict[str, Scatter]:
    """Every arm whose cost was counted; those that nothing beats in both are bold."""
    measure, points = measure_of(tables), cost_points(tables)
    if measure is None or not points:
        return {}
    front = frontier([(x, y) for _, x, y in points], higher_is_better=tables.better > 0)
    words = f"{measure.name}, as a multiple of the baseline's"
    drawing = Scatter(
        points=tuple(point_of(arm, x, y, i in front, tables) for i, (arm, x, y) in enumerate(points)),
        x=padded([x for _, x, _ in points], 0.15, words),
        y=padded(quality_range(points, tables.unit.scale), 0.06, tables.unit.title),
    )
    return {"cost": drawing}


def point_of(arm: Summary, x: float, y: float, front: bool, tables: Tables) -> Point:
    """One arm with the interval of its mean, in shown units."""
    unit = tables.unit
    return Point(
        label=plain(arm.arm),
        verdict="baseline" if arm.baseline else arm.verdict,
        bold=front,
        x=x,
        y=y,
        low=None if arm.low is None else unit.scale * arm.low,
        high=None if arm.high is None else unit.scale * arm.high,
        title=f"{plain(arm.arm)}: {unit.level(arm.mean)} {unit.suffix}".rstrip(),
    )
