"""Quality against cost per step. Pure."""

from collections.abc import Iterator, Sequence

from ablate.report.costs import cost_points, front_of, measure_of, quality_range
from ablate.report.plots.plot import Point, Scatter
from ablate.report.plots.scales import padded
from ablate.report.records import Summary, Tables, drawn
from ablate.report.wording import DASH, number, plain

MOST_NAMES = 44  # of points, in a column beside them


def cost(tables: Tables) -> dict[str, Scatter]:
    """Every drawn arm whose cost was counted; of those not shown to be worse, what nothing beats in both is bold."""
    measure, points = measure_of(tables), cost_points(tables)
    if measure is None or not points:
        return {}
    front = front_of(tables, points)
    shown = {arm.arm for arm in (tables.baseline, *drawn(tables))} | front
    points = [point for point in points if point[0].arm in shown]
    arms = [arm for arm, _, _ in points]
    named = named_of(arms, front)
    words = f"{measure.name}, as a multiple of the baseline's"
    drawing = Scatter(
        points=tuple(
            point_of(arm, x, y, tables, bold=arm.arm in front, named=arm.arm in named) for arm, x, y in points
        ),
        x=padded([x for _, x, _ in points], 0.15, words, 4),
        y=padded(quality_range(points, tables.unit), 0.06, tables.unit.title),
        notes=tuple(notes_of(arms, named)),
    )
    return {"cost": drawing}


def named_of(arms: Sequence[Summary], front: set[str]) -> set[str]:
    """The arms whose points have names: to be cheap is no reason to be pointed out where an arm is worse.

    Where there are more than a column holds, those that nothing beats, and the baseline.
    """
    named = {arm.arm for arm in arms if arm.verdict != "worse"}
    return named if len(named) <= MOST_NAMES else {arm.arm for arm in arms if arm.baseline} | front


def notes_of(arms: Sequence[Summary], named: set[str]) -> Iterator[str]:
    """Who has no name, and what it takes to be bold."""
    worse = any(arm.verdict == "worse" for arm in arms)
    if any(arm.arm not in named and arm.verdict != "worse" for arm in arms):
        yield "Only the baseline and what is bold have names"
    elif worse:
        yield "Arms shown to be worse than the baseline are not named"
    others = "Of arms not shown to be worse, nothing" if worse else "Nothing"
    yield f"{others} measured is both better and cheaper than what is bold"


def point_of(arm: Summary, x: float, y: float, tables: Tables, *, bold: bool, named: bool) -> Point:
    """One arm with the interval of its mean, in shown units."""
    unit = tables.unit
    around = unit.between(arm.low, arm.high)
    quality = f"{unit.level(arm.mean)} {unit.suffix}".rstrip() + ("" if around == DASH else f" ({around})")
    return Point(
        label=plain(arm.arm) if named else "",
        verdict="baseline" if arm.baseline else arm.verdict,
        bold=bold,
        x=x,
        y=y,
        low=None if arm.low is None else unit.inside(unit.scale * arm.low),
        high=None if arm.high is None else unit.inside(unit.scale * arm.high),
        title=f"{plain(arm.arm)}: {quality}, {number(x, 3)} times the cost",
    )
