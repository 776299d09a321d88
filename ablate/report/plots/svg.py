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
    Dot,
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
from ablate.report.plots.scales import Scale, spread_out
from ablate.report.wording import plain, squeezed, step_text, tick_text, value_text

LETTERS = 30  # of a name beside a plot
FEW = 22  # names that fit beside a plot of the usual height; there is one of double height
COLOURS = 6  # Classes c0 to c5 of the style sheet.


@dataclasses.dataclass(frozen=True)
class Tick:
    """A labelled place on an axis."""

    at: float
    label: str
    anchor: str = "middle"


@dataclasses.dataclass(frozen=True)
class PlacedRun:
    """A seed's line in a square of 100 by 100, and its values in words, separated by bars."""

    label: str
    points: str
    values: str


@dataclasses.dataclass(frozen=True)
class Curve:
    """A curve in a square of 100 by 100: `points` of the curve, `area` of its band; words are separated by bars."""

    label: str
    css_class: str
    points: str
    area: str
    steps: str
    values: str
    crosses: tuple[tuple[float, float], ...]
    runs: tuple[PlacedRun, ...]


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
    x_label: str
    y_label: str
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
    label_y: float
    title: str


@dataclasses.dataclass(frozen=True)
class PlacedScatter:
    """Points with their names in a column beside them; `many` where these need double the height."""

    points: tuple[PlacedPoint, ...]
    x_ticks: tuple[Tick, ...]
    y_ticks: tuple[Tick, ...]
    x_label: str
    y_label: str
    longest: str
    many: bool
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


def from_above(value: float, scale: Scale) -> float:
    """Where a value lies on a vertical axis."""
    return round(100 - scale.place(value), 2)


def place_lines(lines: Lines) -> PlacedLines:
    """Every curve of every panel that has any."""
    return PlacedLines(
        panels=tuple(place_panel(panel, lines) for panel in lines.panels if panel.series),
        x_ticks=across(lines.x.ticks, lines.x),
        y_ticks=upward(lines.y.ticks, lines.y),
        x_label=plain(lines.x.label),
        y_label=plain(lines.y.label),
    )


def place_panel(panel: Panel, lines: Lines) -> CurvePanel:
    """The curves of one panel."""
    return CurvePanel(panel.title, tuple(place_series(series, lines.x, lines.y) for series in panel.series))


def place_series(series: Series, x: Scale, y: Scale) -> Curve:
    """One curve as points and an area, with its values in words."""
    area = [*trace(series.x, series.low, x, y), *trace(series.x, series.high, x, y)[::-1]] if series.low else []
    return Curve(
        label=series.label,
        css_class="base" if series.colour is None else f"c{series.colour % COLOURS}",
        points=" ".join(trace(series.x, series.y, x, y)),
        area=" ".join(area),
        steps="|".join(map(step_text, series.x)),
        values="|".join(curve_texts(series)),
        crosses=tuple((x.place(a), from_above(b, y)) for a, b in series.crosses),
        runs=tuple(
            PlacedRun(run.label, " ".join(trace(run.x, run.y, x, y)), "|".join(map(value_text, run.y)))
            for run in series.runs
        ),
    )


def trace(across: Sequence[float], up: Sequence[float], x: Scale, y: Scale) -> list[str]:
    """Points as SVG writes them."""
    return [f"{x.place(a):g},{from_above(b, y):g}" for a, b in zip(across, up, strict=True)]


def curve_texts(series: Series) -> list[str]:
    """The value at every point, with its interval where there is one."""
    values = list(map(value_text, series.y))
    if not series.low:
        return values
    ends = zip(map(value_text, series.low), map(value_text, series.high), strict=True)
    return [f"{value} ({low} to {high})" for value, (low, high) in zip(values, ends, strict=True)]


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

    dots = tuple(Dot(scale.inside(dot.x), dot.label) for dot in row.dots)
    return dataclasses.replace(row, estimate=at(row.estimate), low=at(row.low), high=at(row.high), dots=dots)


def place_scatter(scatter: Scatter) -> PlacedScatter:
    """Every point, and the names in a column beside them."""
    named = [point for point in scatter.points if point.label]
    many = len(named) > FEW
    wanted = [from_above(point.y, scatter.y) for point in named]
    heights = iter(spread_out(wanted, 50 / FEW if many else 100 / FEW))
    names = [squeezed(point.label, LETTERS) for point in scatter.points]
    points = (
        PlacedPoint(
            label=name,
            verdict=point.verdict,
            bold=point.bold,
            x=scatter.x.place(point.x),
            y=from_above(point.y, scatter.y),
            low=None if point.low is None else from_above(point.low, scatter.y),
            high=None if point.high is None else from_above(point.high, scatter.y),
            label_y=next(heights) if point.label else 0.0,
            title=point.title,
        )
        for point, name in zip(scatter.points, names, strict=True)
    )
    return PlacedScatter(
        points=tuple(points),
        x_ticks=across(scatter.x.ticks, scatter.x),
        y_ticks=upward(scatter.y.ticks, scatter.y),
        x_label=plain(scatter.x.label),
        y_label=plain(scatter.y.label),
        longest=max(names, key=len, default=""),
        many=many,
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
