"""Drawings as places in percent, for the inline SVG of the page, which `plots.html.j2` writes out. Pure.

Places in percent let a plot take any width without stretching its text, so that one page serves a phone and a desk;
and without `style` attributes the page's content security policy can forbid all styles but its own sheet. Places are
from the left and from above.
"""

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

from ablate.report.plots.confusion_svg import PlacedConfusion, place_confusion
from ablate.report.plots.pictures_svg import PlacedPictures, place_pictures
from ablate.report.plots.plot import (
    Confusion,
    Drawing,
    Entry,
    Estimate,
    Forest,
    Lines,
    Matrix,
    Panel,
    Pictures,
    Scatter,
    Series,
)
from ablate.report.plots.scales import Scale, placed_labels
from ablate.report.wording import shortened

LETTER = 1.4  # Width of a letter in percent of the plot's width: less on a desk, more on a phone.
COLOURS = 6  # Classes c0 to c5 of the style sheet.


@dataclasses.dataclass(frozen=True)
class Tick:
    """A labelled place on an axis."""

    at: float
    label: str
    anchor: str = "middle"


@dataclasses.dataclass(frozen=True)
class Curve:
    """A curve in a square of 100 by 100: `points` of the curve, `area` of its band."""

    label: str
    css_class: str
    points: str
    area: str
    crosses: tuple[tuple[float, float], ...]


@dataclasses.dataclass(frozen=True)
class CurvePanel:
    """Curves that are drawn together."""

    title: str
    curves: tuple[Curve, ...]


@dataclasses.dataclass(frozen=True)
class PlacedLines:
    """Panels over common axes."""

    panels: tuple[CurvePanel, ...]
    x_ticks: tuple[Tick, ...]
    y_ticks: tuple[Tick, ...]
    axes: str
    kind: str = "lines"


@dataclasses.dataclass(frozen=True)
class PlacedForest:
    """Lines over one axis; a stripe has a start and a width."""

    rows: tuple[Estimate, ...]
    zero: float
    stripe: tuple[float, float] | None
    x_ticks: tuple[Tick, ...]
    ends: tuple[str, str]
    axes: str
    kind: str = "forest"


@dataclasses.dataclass(frozen=True)
class PlacedPoint:
    """A point and where its label stands."""

    label: str
    verdict: str
    bold: bool
    x: float
    y: float
    low: float | None
    high: float | None
    label_x: float
    label_y: float
    anchor: str
    title: str


@dataclasses.dataclass(frozen=True)
class PlacedScatter:
    """Named points."""

    points: tuple[PlacedPoint, ...]
    x_ticks: tuple[Tick, ...]
    y_ticks: tuple[Tick, ...]
    axes: str
    kind: str = "scatter"


@dataclasses.dataclass(frozen=True)
class Bar:
    """An entry of a matrix with a bar from the middle of its cell."""

    text: str
    verdict: str
    bold: bool
    x: float
    width: float


@dataclasses.dataclass(frozen=True)
class PlacedMatrix:
    """Rows that end on the diagonal."""

    names: tuple[str, ...]
    rows: tuple[tuple[Bar | None, ...], ...]
    axes: str
    kind: str = "matrix"


Placed = PlacedLines | PlacedForest | PlacedScatter | PlacedMatrix | PlacedConfusion | PlacedPictures


def placed(drawing: Drawing) -> Placed:
    """A drawing with everything at its place."""
    return PLACERS[type(drawing)](drawing)


def across(values: Sequence[float], scale: Scale) -> tuple[Tick, ...]:
    """Labels of a horizontal axis; those at its ends are kept inside it."""
    places = [scale.place(value) for value in values]
    anchors = ["start" if at <= 6 else "end" if at >= 94 else "middle" for at in places]
    return tuple(Tick(at, tick_text(value), anchor) for at, value, anchor in zip(places, values, anchors, strict=True))


def upward(values: Sequence[float], scale: Scale) -> tuple[Tick, ...]:
    """Labels of a vertical axis."""
    return tuple(Tick(from_above(value, scale), tick_text(value)) for value in values)


def tick_text(value: float) -> str:
    """A round number with a true minus sign."""
    return f"{value:g}".replace("-", "\N{MINUS SIGN}")


def from_above(value: float, scale: Scale) -> float:
    """Where a value lies on a vertical axis."""
    return round(100 - scale.place(value), 2)


def place_lines(lines: Lines) -> PlacedLines:
    """Every curve of every panel that has any."""
    return PlacedLines(
        panels=tuple(place_panel(panel, lines) for panel in lines.panels if panel.series),
        x_ticks=across(lines.x.ticks, lines.x),
        y_ticks=upward(lines.y.ticks, lines.y),
        axes=f"Up: {lines.y.label}; across: {lines.x.label}.",
    )


def place_panel(panel: Panel, lines: Lines) -> CurvePanel:
    """The curves of one panel."""
    return CurvePanel(panel.title, tuple(place_series(series, lines.x, lines.y) for series in panel.series))


def place_series(series: Series, x: Scale, y: Scale) -> Curve:
    """One curve as points and an area."""
    places = [x.place(value) for value in series.x]

    def trace(values: Sequence[float]) -> list[str]:
        return [f"{a:g},{from_above(value, y):g}" for a, value in zip(places, values, strict=True)]

    area = trace(series.low) + trace(series.high)[::-1] if series.low else []
    return Curve(
        label=series.label,
        css_class="base" if series.colour is None else f"c{series.colour % COLOURS}",
        points=" ".join(trace(series.y)),
        area=" ".join(area),
        crosses=tuple((x.place(a), from_above(b, y)) for a, b in series.crosses),
    )


def place_forest(forest: Forest) -> PlacedForest:
    """Every line of the forest; what lies beyond the axis stands at its end."""
    scale, margin = forest.x, forest.margin
    left, right = (None, None) if margin is None else (scale.place(-margin), scale.place(margin))
    return PlacedForest(
        rows=tuple(place_estimate(row, scale) for row in forest.rows),
        zero=scale.place(0.0),
        stripe=None if left is None or right is None else (left, round(right - left, 2)),
        x_ticks=across(scale.ticks, scale),
        ends=forest.ends,
        axes=scale.label,
    )


def place_estimate(row: Estimate, scale: Scale) -> Estimate:
    """One line, its numbers as places."""

    def at(value: float | None) -> float | None:
        return None if value is None else scale.inside(value)

    dots = tuple(scale.inside(dot) for dot in row.dots)
    return dataclasses.replace(row, estimate=at(row.estimate), low=at(row.low), high=at(row.high), dots=dots)


def place_scatter(scatter: Scatter) -> PlacedScatter:
    """Every point with its label."""
    names = [shortened(point.label, 24) for point in scatter.points]
    places = [(scatter.x.place(point.x), scatter.y.place(point.y)) for point in scatter.points]
    labels = zip(names, placed_labels(names, places, LETTER), strict=True)
    points = (
        PlacedPoint(
            label=name,
            verdict=point.verdict,
            bold=point.bold,
            x=scatter.x.place(point.x),
            y=from_above(point.y, scatter.y),
            low=None if point.low is None else from_above(point.low, scatter.y),
            high=None if point.high is None else from_above(point.high, scatter.y),
            label_x=round(x, 2),
            label_y=round(100 - y, 2),
            anchor="start" if rightward else "end",
            title=point.title,
        )
        for point, (name, (x, y, rightward)) in zip(scatter.points, labels, strict=True)
    )
    return PlacedScatter(
        points=tuple(points),
        x_ticks=across(scatter.x.ticks, scatter.x),
        y_ticks=upward(scatter.y.ticks, scatter.y),
        axes=f"Up: {scatter.y.label}; across: {scatter.x.label}.",
    )


def place_matrix(matrix: Matrix) -> PlacedMatrix:
    """Every entry with its bar; the largest fills half of its cell."""
    rows = tuple(tuple(place_entry(entry, matrix.largest) for entry in row) for row in matrix.rows)
    return PlacedMatrix(matrix.names, rows, f"In {matrix.label}; bars start in the middle.")


def place_entry(entry: Entry | None, largest: float) -> Bar | None:
    """One entry."""
    if entry is None:
        return None
    width = round(50 * abs(entry.value) / largest, 2)
    x = 50.0 if entry.value > 0 else round(50 - width, 2)
    return Bar(entry.text, entry.verdict, entry.bold, x, width)


PLACERS: dict[type, Callable[[Any], Placed]] = {
    Lines: place_lines,
    Forest: place_forest,
    Scatter: place_scatter,
    Matrix: place_matrix,
    Confusion: place_confusion,
    Pictures: place_pictures,
}
