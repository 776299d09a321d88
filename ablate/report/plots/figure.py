"""Drawings as matplotlib figures for print, and figures to bytes: the same input gives the same bytes."""

import io
import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure

from ablate.report.plots.axes import set_scale
from ablate.report.plots.confusion_figure import draw_confusion
from ablate.report.plots.pictures_figure import draw_pictures
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
    Plot,
    Point,
    Scatter,
    Series,
)
from ablate.report.plots.scales import spread_out
from ablate.report.plots.style import (
    COLOURS,
    DASHES,
    GREY,
    INK,
    MARKERS,
    VERDICT_COLOURS,
    VERDICT_MARKERS,
    hide_unused,
    label,
    new_figure,
    style,
)
from ablate.report.wording import DASH, squeezed, told_apart

CANVASES = {"svg": FigureCanvasSVG, "png": FigureCanvasAgg}
# What keeps date and version out of a file.
UNDATED: dict[str, dict[str, None]] = {"svg": {"Date": None, "Creator": None}, "png": {"Software": None}}
LINE = 0.145  # of a column of names, in inches
# Columns of panels -> letters that fit above a panel, and into its key.
TITLE = {1: 60, 2: 34, 3: 28, 4: 19}
KEY = {1: 56, 2: 36, 3: 30, 4: 21}
BELOW = 84  # letters that fit into a key below the only panel
EFFECTS = "PuOr"  # Orange for negative, purple for positive: distinct for the colour-blind and in grey by number.


def figure_files(plot: Plot) -> list[tuple[str, bytes]]:
    """A plot in every format: path below the study's directory and content. It is drawn once."""
    with style():
        return [(f"figures/{plot.name}.{kind}", content) for kind, content in render(draw(plot.drawing)).items()]


def render(figure: Figure) -> dict[str, bytes]:
    """A figure as `svg` and `png`, without date or version, so that the same input gives the same bytes.

    It is laid out once, and by its layout alone; `Figure.savefig` draws everything once more for that, in every format.
    """
    engine = figure.get_layout_engine()
    if engine is not None:
        engine.execute(figure)
    figure.set_layout_engine("none")
    hold_keys(figure)
    return {kind: _printed(figure, kind) for kind in CANVASES}


def hold_keys(figure: Figure) -> None:
    """Keys stay where there is most space for them, which takes long to find, and every format would find it anew."""
    for axis in figure.axes:
        key = axis.get_legend()
        if key is not None and not key.get_in_layout():
            corner = key.get_window_extent().p0
            key.set_loc(tuple(axis.transAxes.inverted().transform(corner)))


def _printed(figure: Figure, kind: str) -> bytes:
    buffer, dpi = io.BytesIO(), figure.dpi
    getattr(CANVASES[kind](figure), f"print_{kind}")(buffer, metadata=UNDATED[kind])
    figure.dpi = dpi  # print_svg leaves its own
    return buffer.getvalue()


def draw(drawing: Drawing) -> Figure:
    """A drawing as a figure."""
    return DRAWERS[type(drawing)](drawing)


def draw_lines(lines: Lines) -> Figure:
    """Small multiples on common axes, named once for all."""
    single = len(lines.panels) == 1 and not lines.panels[0].title
    figure, axes = single_panel(lines.panels[0]) if single else grid_of(len(lines.panels))
    columns = columns_of(len(lines.panels))
    for axis, panel in zip(axes, lines.panels, strict=False):
        set_scale(axis, axis.xaxis, lines.x)
        set_scale(axis, axis.yaxis, lines.y)
        draw_panel(axis, panel, TITLE[columns], BELOW if single else KEY[columns])
        add_key(axis, panel, below=single)
    hide_unused(axes, len(lines.panels))
    # A key below the only panel stands under its axis's name; panels of a grid share one name.
    (axes[0].set_xlabel if single else figure.supxlabel)(label(lines.x.full_label), fontsize=8)
    (axes[0].set_ylabel if single else figure.supylabel)(label(lines.y.full_label), fontsize=8)
    if lines.grey:
        figure.suptitle(label(note_of(lines), 80), fontsize=7, color="#555555", x=0.99, ha="right")
    return figure


def note_of(lines: Lines) -> str:
    """What stands above the panels, since no key says it."""
    series = [curve for panel in lines.panels for curve in panel.series]
    bands = "bands: 95 % interval over seeds" if any(curve.low for curve in series) else ""
    faint = "faint: single seeds" if any(curve.runs for curve in series) else ""
    return "; ".join(filter(None, (f"grey: {lines.grey}", bands, faint)))


def single_panel(panel: Panel) -> tuple[Figure, list[Axes]]:
    """A figure with one panel and space for a key below it."""
    figure = new_figure(5.6, 2.6 + 0.14 * len(panel.series))
    return figure, [figure.subplots()]


def columns_of(panels: int) -> int:
    """How many panels stand side by side."""
    return 1 if panels == 1 else 2 if panels in (2, 4) else 3 if panels <= 12 else 4


def grid_of(panels: int) -> tuple[Figure, list[Axes]]:
    """A figure with a number of panels that share their axes."""
    columns = columns_of(panels)
    rows = math.ceil(panels / columns)
    width = {1: 4.2, 2: 5.6}.get(columns, 7.2)
    figure = new_figure(width, 0.55 + (2.6 if rows == 1 else 1.75) * rows)  # the name of the vertical axis has to fit
    axes = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False)
    for column in range(columns):
        show_ticks_above_gaps(list(axes[:, column]), panels - column, columns)
    return figure, list(axes.flat)


def show_ticks_above_gaps(column: Sequence[Axes], left: int, columns: int) -> None:
    """Values under the last used panel of a column, where the panel below it stays empty."""
    last = (left - 1) // columns
    if 0 <= last < len(column) - 1:
        column[last].tick_params(labelbottom=True)


def draw_panel(axis: Axes, panel: Panel, title: int, key: int) -> None:
    """A few curves with their bands, under a title and with names of at most so many letters."""
    axis.set_title(label(panel.title, title))
    in_key = names_in_key(panel)
    names = dict(zip(in_key, told_apart(in_key, key), strict=True))
    for series in panel.series:
        draw_series(axis, series, names.get(series.label, ""))
    if not panel.series:
        axis.text(0.5, 0.5, "no curves yet", transform=axis.transAxes, ha="center", va="center", color=GREY)


def names_in_key(panel: Panel) -> list[str]:
    """The curves that a key names: all but the baseline."""
    return [series.label for series in panel.series if series.colour is not None]


def add_key(axis: Axes, panel: Panel, *, below: bool) -> None:
    """What the colours mean, unless the title names the only arm; the baseline is named once for all panels."""
    names = names_in_key(panel)
    if below and names:
        axis.legend(fontsize=6.5, frameon=False, loc="upper left", bbox_to_anchor=(0, -0.18), handlelength=3)
    elif names not in ([], [panel.title]):
        key = axis.legend(loc="best", fontsize=6.5, framealpha=0.85, edgecolor="none", borderpad=0.2, handlelength=2.6)
        key.set_in_layout(False)  # it lies inside the axes


def draw_series(axis: Axes, series: Series, name: str) -> None:
    """One curve with its band and crosses, and its name for the key; the baseline has no marker and no entry there."""
    line_style: dict[str, Any] = {"color": GREY, "linestyle": "-"}
    if series.colour is not None:
        i = series.colour
        line_style = {
            "color": COLOURS[i % len(COLOURS)],
            "linestyle": DASHES[i % len(DASHES)],
            "label": label(name),
        }
        # Parts of the plot's diagonal, since steps are not evenly spread; shifted, so that equal curves show both.
        line_style |= {"marker": MARKERS[i % len(MARKERS)], "markersize": 3, "markevery": (0.05 + i / 30, 0.2)}
    if series.low:
        alpha = 0.25 if series.colour is None else 0.18
        axis.fill_between(series.x, series.low, series.high, color=line_style["color"], alpha=alpha, linewidth=0)
    if series.runs:
        lines = [np.column_stack((run.x, run.y)) for run in series.runs]
        axis.add_collection(
            LineCollection(lines, colors=line_style["color"], linewidths=0.4, alpha=0.35), autolim=False
        )
    axis.plot(series.x, series.y, **line_style)
    for x, y in series.crosses:
        axis.plot([x], [y], color=line_style["color"], marker="x", markersize=5, markeredgewidth=1.4)


def draw_forest(forest: Forest) -> Figure:
    """Estimates with intervals and dots; the names at the left, the numbers at the right."""
    figure = new_figure(7.2, 0.9 + 0.29 * max(2, len(forest.rows)))
    axis = figure.subplots()
    axis.axvline(0, color=INK, linewidth=0.8)
    if forest.margin is not None:
        axis.axvspan(-forest.margin, forest.margin, color="#009E73", alpha=0.10, linewidth=0)
    for place, row in enumerate(forest.rows):
        draw_estimate(axis, row, place)
    axis.set_yticks(range(len(forest.rows)), [label(row.label, 42) for row in forest.rows], fontsize=7.5)
    axis.set_ylim(len(forest.rows) - 0.4, -0.6)
    set_scale(axis, axis.xaxis, forest.x)
    axis.grid(axis="y", visible=False)
    axis.tick_params(axis="y", length=0)
    axis.set_xlabel(label(forest.x.label, 90))
    ends = {"transform": axis.transAxes, "fontsize": 6.8, "color": "#666666", "va": "bottom"}
    axis.text(0.0, 1.005, f"← {forest.ends[0]}", ha="left", **ends)
    axis.text(1.0, 1.005, f"{forest.ends[1]} →", ha="right", **ends)
    return figure


def draw_estimate(axis: Axes, row: Estimate, place: int) -> None:
    """One line of the forest."""
    colour = VERDICT_COLOURS.get(row.verdict, GREY)
    dots = {"color": colour, "markersize": 3.6, "alpha": 0.55, "markeredgewidth": 0}
    axis.plot([dot.x for dot in row.dots], [place + 0.24] * len(row.dots), ".", **dots)
    if row.low is not None and row.high is not None:
        axis.plot([row.low, row.high], [place] * 2, color=colour, linewidth=1.8)
    if row.estimate is not None:
        face = "white" if row.verdict == "inconclusive" else colour
        marker = VERDICT_MARKERS.get(row.verdict, "o")
        axis.plot([row.estimate], [place], marker, color=colour, markerfacecolor=face, markersize=5)
    axis.annotate(
        row.words, (1, place), xycoords=("axes fraction", "data"), xytext=(6, 0), textcoords="offset points",
        va="center", fontsize=6.8, color=INK, annotation_clip=False,
    )  # fmt: skip


def draw_scatter(scatter: Scatter) -> Figure:
    """Points with intervals, their names in a column at the right; bold points have bold names, the baseline a star."""
    named = [point for point in scatter.points if point.label]
    height = max(3.2, LINE * len(named))
    figure = new_figure(7.2, 0.6 + height)
    axis = figure.subplots()
    set_scale(axis, axis.xaxis, scatter.x)
    set_scale(axis, axis.yaxis, scatter.y)
    for point in scatter.points:
        draw_point(axis, point)
    at = [(scatter.x.place(point.x), scatter.y.place(point.y)) for point in named]
    places = spread_out([y for _, y in at], 100 * LINE / height)
    for point, place in zip(named, places, strict=True):
        name_point(axis, point, place)
    draw_leaders(axis, at, places)
    axis.set_xlabel(label(scatter.x.full_label))
    axis.set_ylabel(label(scatter.y.full_label))
    return figure


def draw_point(axis: Axes, point: Point) -> None:
    """One point with its interval."""
    colour = INK if point.verdict == "baseline" else VERDICT_COLOURS.get(point.verdict, GREY)
    if point.low is not None and point.high is not None:
        axis.plot([point.x] * 2, [point.low, point.high], color=colour, lw=0.7, alpha=0.4)
    marker, size, order = (
        ("*", 9, 4) if point.verdict == "baseline" else (VERDICT_MARKERS.get(point.verdict, "o"), 5, 3)
    )
    axis.plot(point.x, point.y, marker, color=colour, markersize=size, zorder=order)


def draw_leaders(axis: Axes, points: Sequence[tuple[float, float]], places: Sequence[float]) -> None:
    """Thin lines from points to the heights of their names beside the axes, all in percent of them."""
    lines = [((x / 100, y / 100), (1.025, place / 100)) for (x, y), place in zip(points, places, strict=True)]
    thin = {"colors": "#cccccc", "linewidths": 0.5, "clip_on": False, "zorder": 1}
    axis.add_collection(LineCollection(lines, transform=axis.transAxes, **thin), autolim=False)


def name_point(axis: Axes, point: Point, place: float) -> None:
    """The name of a point beside the axes, at a height in percent of them."""
    axis.text(
        1.03,
        place / 100,
        label(squeezed(point.label, 44)),
        transform=axis.transAxes,
        ha="left",
        va="center",
        fontsize=6.8,
        color=INK if point.bold else "#666666",
        fontweight="bold" if point.bold else "normal",
    )


def draw_matrix(matrix: Matrix) -> Figure:
    """Numbers on colours; bold entries in bold."""
    size = len(matrix.names)
    figure = new_figure(2.2 + 0.8 * max(2, size), 1.5 + 0.5 * max(2, size))
    axis = figure.subplots()
    axis.grid(visible=False)
    values = np.full((size, size), np.nan)
    for i, row in enumerate(matrix.rows):
        for j, entry in enumerate(row):
            if entry:
                values[i, j] = entry.value
            write_entry(axis, (j, i), entry, matrix.largest)
    image = axis.imshow(values, cmap=EFFECTS, vmin=-matrix.largest, vmax=matrix.largest, aspect="auto")
    names = [label(name, 26) for name in matrix.names]
    axis.set_yticks(range(size), names)
    axis.set_xticks(range(size), names, rotation=25, ha="right", rotation_mode="anchor")
    axis.tick_params(length=0)
    for spine in axis.spines.values():
        spine.set_visible(False)
    figure.colorbar(image, ax=axis, shrink=0.8, label=label(matrix.label))
    return figure


def write_entry(axis: Axes, place: tuple[int, int], entry: Entry | None, largest: float) -> None:
    """The number of one entry, white on the darkest colours; a dash where it is not known."""
    if entry is None:
        axis.text(*place, DASH, ha="center", va="center", color=GREY)
        return
    colour = "white" if abs(entry.value) > 0.7 * largest else INK
    weight = "bold" if entry.bold else "normal"
    axis.text(*place, entry.text, ha="center", va="center", color=colour, fontweight=weight)


DRAWERS: dict[type, Callable[[Any], Figure]] = {
    Lines: draw_lines,
    Forest: draw_forest,
    Scatter: draw_scatter,
    Matrix: draw_matrix,
    Confusion: draw_confusion,
    Pictures: draw_pictures,
}
