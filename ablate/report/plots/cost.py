"""Quality against cost per step. Pure."""

from ablate.report.costs import cost_points, front_of, measure_of, quality_range
from ablate.report.plots.plot import Point, Scatter
from ablate.report.plots.scales import padded
from ablate.report.records import Summary, Tables, drawn
from ablate.report.wording import DASH, number, plain


def cost(tables: Tables) -> dict[str, Scatter]:
    """Every drawn arm whose cost was counted; of those not shown to be worse, what nothing beats in both is bold.

    An arm that is worse is a point without a name: to be cheap is no reason to be pointed out.
    """
    measure, points = measure_of(tables), cost_points(tables)
    if measure is None or not points:
        return {}
    front = front_of(tables, points)
    shown = {arm.arm for arm in (tables.baseline, *drawn(tables))} | front
    points = [point for point in points if point[0].arm in shown]
    words = f"{measure.name}, as a multiple of the baseline's"
    drawing = Scatter(
        points=tuple(point_of(arm, x, y, arm.arm in front, tables) for arm, x, y in points),
        x=padded([x for _, x, _ in points], 0.15, words),
        y=padded(quality_range(points, tables.unit), 0.06, tables.unit.title),
    )
    return {"cost": drawing}


def point_of(arm: Summary, x: float, y: float, front: bool, tables: Tables) -> Point:
    """One arm with the interval of its mean, in shown units."""
    unit = tables.unit
    around = unit.between(arm.low, arm.high)
    quality = f"{unit.level(arm.mean)} {unit.suffix}".rstrip() + ("" if around == DASH else f" ({around})")
    return Point(
        label="" if arm.verdict == "worse" else plain(arm.arm),
        verdict="baseline" if arm.baseline else arm.verdict,
        bold=front,
        x=x,
        y=y,
        low=None if arm.low is None else unit.inside(unit.scale * arm.low),
        high=None if arm.high is None else unit.inside(unit.scale * arm.high),
        title=f"{plain(arm.arm)}: {quality}, {number(x, 3)} times the cost",
    )
