"""The forest plot of deltas and the plot of quality against cost, as figures for print."""

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ablate.report.plots.figure import GREY, INK, VERDICT_COLOURS, VERDICT_MARKERS, label, new_figure, note
from ablate.report.plots.scales import label_span, padded, spread_out
from ablate.report.ranking import effect_text, ranked, reach
from ablate.report.sections.costs import cost_points, frontier, measure_of, quality_range
from ablate.report.tables import Summary, Tables
from ablate.report.wording import DASH

LETTER = 1.15  # Width of a letter in the plot of costs, in percent of the plot's.


def draw_forest(tables: Tables) -> Figure:
    """Every arm's delta with its interval and one dot per seed; the best on top, the numbers at the right."""
    arms = ranked(tables)
    figure = new_figure(7.2, 0.9 + 0.29 * max(2, len(arms)))
    axis = figure.subplots()
    axis.axvline(0, color=INK, linewidth=0.8)
    draw_margin(axis, tables)
    for place, arm in enumerate(arms):
        draw_effect(axis, arm, place, tables)
    axis.set_yticks(range(len(arms)), [label(arm.arm, 42) for arm in arms], fontsize=7.5)
    axis.set_ylim(len(arms) - 0.4, -0.6)
    axis.set_xlim(*reach(tables))
    axis.grid(axis="y", visible=False)
    axis.tick_params(axis="y", length=0)
    name_ends(axis, tables)
    if not arms:
        note(axis, "nothing to compare")
    return figure


def name_ends(axis: Axes, tables: Tables) -> None:
    """The axis label, with the better and the worse end named."""
    base = label(tables.baseline.arm, 30)
    axis.set_xlabel(tables.unit.labelled(f"{tables.unit.metric}, arm minus {base}", difference=True))
    left, right = ("worse", "better") if tables.better > 0 else ("better", "worse")
    style = {"transform": axis.transAxes, "fontsize": 6.8, "color": "#666666", "va": "bottom"}
    axis.text(0.0, 1.005, f"← {left}", ha="left", **style)
    axis.text(1.0, 1.005, f"{right} →", ha="right", **style)


def draw_margin(axis: Axes, tables: Tables) -> None:
    """The declared margin as a pale stripe."""
    margin = tables.study["metric"]["margin"]
    if margin is not None:
        wide = margin * tables.unit.scale
        axis.axvspan(-wide, wide, color="#009E73", alpha=0.10, linewidth=0)


def draw_effect(axis: Axes, arm: Summary, place: int, tables: Tables) -> None:
    """One line of the forest."""
    contrast, scale = arm.contrast, tables.unit.scale
    text = f"{arm.diverged} of {arm.cells} diverged" if arm.diverged else DASH
    dots = [scale * delta for delta in arm.deltas.values()]
    colour = VERDICT_COLOURS.get(arm.verdict, GREY)
    axis.plot(dots, [place + 0.24] * len(dots), ".", color=colour, markersize=3.6, alpha=0.55, markeredgewidth=0)
    if contrast and contrast.mean is not None:
        marker = VERDICT_MARKERS.get(arm.verdict, "o")
        face = "white" if arm.verdict == "inconclusive" else colour
        if contrast.low is not None and contrast.high is not None:
            axis.plot([scale * contrast.low, scale * contrast.high], [place] * 2, color=colour, linewidth=1.8)
        axis.plot([scale * contrast.mean], [place], marker, color=colour, markerfacecolor=face, markersize=5)
        text = effect_text(arm, tables)
    axis.annotate(
        text, (1, place), xycoords=("axes fraction", "data"), xytext=(6, 0), textcoords="offset points",
        va="center", fontsize=6.8, color=INK, annotation_clip=False,
    )  # fmt: skip


def draw_cost(tables: Tables) -> Figure:
    """Quality against cost per step; arms on the frontier are named in bold, the baseline is a star."""
    figure = new_figure(6.2, 3.8)
    axis = figure.subplots()
    measure, points = measure_of(tables), cost_points(tables)
    if measure and points:
        draw_points(axis, points, tables)
        axis.set_xlabel(f"{measure.name}, as a multiple of the baseline's")
    else:
        note(axis, "nothing counted yet")
    axis.set_ylabel(tables.unit.title)
    return figure


def draw_points(axis: Axes, points: list[tuple[Summary, float, float]], tables: Tables) -> None:
    """Every arm with its interval and a label that no other label covers."""
    front = frontier([(x, y) for _, x, y in points], higher_is_better=tables.better > 0)
    across = padded([x for _, x, _ in points], 0.15)
    up = padded(quality_range(points, tables.unit.scale), 0.06)
    names = [label(arm.arm, 32) for arm, _, _ in points]
    spans = [label_span(across(x), len(name), LETTER) for name, (_, x, _) in zip(names, points, strict=True)]
    heights = spread_out([up(y) for _, _, y in points], spans)
    for i, (arm, x, y) in enumerate(points):
        draw_point(axis, arm, (x, y), tables.unit.scale)
        left = spans[i][0] > across(x)
        hang = ((spans[i][0] if left else spans[i][1]) / 100, heights[i] / 100)
        name_point(axis, names[i], (x, y), hang, bold=i in front, ha="left" if left else "right")
    axis.set_xlim(across.low, across.high)
    axis.set_ylim(up.low, up.high)


def draw_point(axis: Axes, arm: Summary, place: tuple[float, float], scale: float) -> None:
    """One arm with the interval of its mean; the baseline is a star."""
    colour = INK if arm.baseline else VERDICT_COLOURS.get(arm.verdict, GREY)
    if arm.low is not None and arm.high is not None:
        axis.plot([place[0]] * 2, [scale * arm.low, scale * arm.high], color=colour, lw=0.7, alpha=0.4)
    if arm.baseline:
        axis.plot(*place, "*", color=colour, markersize=9, zorder=4)
    else:
        axis.plot(*place, VERDICT_MARKERS.get(arm.verdict, "o"), color=colour, markersize=5)


def name_point(
    axis: Axes, text: str, place: tuple[float, float], hang: tuple[float, float], *, bold: bool, ha: str
) -> None:
    """A label at `hang`, in parts of the axes, with a thin line to its point."""
    end = (0, 0.5) if ha == "left" else (1, 0.5)
    axis.annotate(
        text,
        place,
        xytext=hang,
        textcoords="axes fraction",
        ha=ha,
        va="center",
        fontsize=6.8,
        color=INK if bold else "#666666",
        fontweight="bold" if bold else "normal",
        arrowprops={"arrowstyle": "-", "color": "#bbbbbb", "lw": 0.5, "shrinkA": 0, "shrinkB": 2, "relpos": end},
    )
