"""Quality against cost as places in percent, for the inline SVG of the page. Pure."""

import dataclasses
from collections.abc import Sequence

from ablate.report.plots.scales import Placer, even_ticks, label_span, padded, spread_out
from ablate.report.plots.svg import Tick, ticks
from ablate.report.sections.costs import cost_points, frontier, quality_range
from ablate.report.tables import Summary, Tables
from ablate.report.wording import plain, shortened

LETTER = 1.4  # Width of a letter in percent of the plot's width: less on a desk, more on a phone.


@dataclasses.dataclass(frozen=True)
class Point:
    """An arm in the plot of quality against cost; its label hangs at `label_at`."""

    label: str
    verdict: str
    front: bool
    x: float
    y: float
    low: float | None
    high: float | None
    hang: float
    label_at: float
    anchor: str
    title: str


@dataclasses.dataclass(frozen=True)
class Scatter:
    """Quality against cost."""

    points: tuple[Point, ...]
    across: tuple[Tick, ...]
    up: tuple[Tick, ...]


def scatter(tables: Tables) -> Scatter | None:
    """Quality against cost, or None where nothing was timed."""
    points = cost_points(tables)
    if not points:
        return None
    across = padded([x for _, x, _ in points], 0.12)
    up = padded(quality_range(points, tables.unit.scale), 0.06)
    front = frontier([(x, y) for _, x, y in points], higher_is_better=tables.better > 0)
    names = [shortened(plain(arm.arm), 24) for arm, _, _ in points]
    spans = [label_span(across(x), len(name), LETTER) for name, (_, x, _) in zip(names, points, strict=True)]
    heights = spread_out([100 - up(y) for _, _, y in points], spans)
    return Scatter(
        tuple(
            point(arm, names[i], (across(x), *spans[i], heights[i]), i in front, up, tables)
            for i, (arm, x, _) in enumerate(points)
        ),
        ticks(even_ticks(across.low, across.high), across),
        ticks(even_ticks(up.low, up.high), up, up=True),
    )


def point(arm: Summary, name: str, places: Sequence[float], front: bool, up: Placer, tables: Tables) -> Point:
    """One arm; `places` holds its own place across, the start and end of its label, and the label's height."""

    def at(value: float | None) -> float | None:
        return None if value is None else round(100 - up(tables.unit.scale * value), 2)

    x, start, end, height = places
    right = start > x
    return Point(
        label=name,
        verdict="baseline" if arm.baseline else arm.verdict,
        front=front,
        x=x,
        y=at(arm.mean) or 0.0,
        low=at(arm.low),
        high=at(arm.high),
        hang=round(start if right else end, 2),
        label_at=round(height, 2),
        anchor="start" if right else "end",
        title=f"{plain(arm.arm)}: {tables.unit.level(arm.mean)} {tables.unit.suffix}",
    )
