"""Learning curves and learning rates as figures for print."""

import math
from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from ablate.report.plots.bands import Band, Panel, arm_in, bands_of, panels_of, recorded_rates, shared_curve, window
from ablate.report.plots.figure import COLOURS, DASHES, GREY, MARKERS, hide_unused, label, new_figure, note
from ablate.report.plots.scales import PERCENT_TICKS, PERFECT, decade_ticks, ticks_between
from ablate.report.tables import Tables
from ablate.report.wording import Unit, listed


def draw_curves(tables: Tables, curve: str) -> Figure:
    """Small multiples: the arms of one axis in each panel, over the baseline in grey, as mean and 95 % interval.

    Args:
        tables: the study.
        curve: key of the rows' curves.
    """
    unit = tables.unit_of(curve)
    bands, panels = bands_of(tables, curve, unit.scale), panels_of(tables)
    figure, axes = grid_of(len(panels))
    limits = window(bands.values())
    for axis, panel in zip(axes, panels, strict=False):
        set_scale(axis, unit, limits)
        draw_panel(axis, panel, bands, base=tables.baseline.arm)
        axis.set_title(label(panel.title, 34))
    hide_unused(axes, len(panels))
    label_figure(figure, tables, unit)
    return figure


def label_figure(figure: Figure, tables: Tables, unit: Unit) -> None:
    """Axis names once for all panels, and what grey means."""
    figure.supxlabel("training step", fontsize=8)
    figure.supylabel(f"{unit.title}{', spaced by log error' if unit.percent else ''}", fontsize=8)
    key = f"grey: {label(tables.baseline.arm, 40)}; bands: 95 % interval over seeds"
    figure.suptitle(key, fontsize=7, color="#555555", x=0.99, ha="right")


def set_scale(axis: Axes, unit: Unit, limits: tuple[float, float] | None) -> None:
    """A scale on which the end of training can be read."""
    if limits is None:
        return
    low, high = limits
    if unit.percent:
        axis.set_yscale("function", functions=(stretch, squeeze))
        axis.yaxis.set_major_locator(FixedLocator(ticks_between(PERCENT_TICKS, low, high)))
        low, high = max(low, 0.0), min(high, 100.0)
    elif low > 0:
        axis.set_yscale("log")
        axis.yaxis.set_major_locator(FixedLocator(ticks_between(decade_ticks(low, high), low, high)))
    axis.yaxis.set_minor_locator(NullLocator())
    axis.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axis.set_ylim(low, high)


def stretch(percent: np.ndarray) -> np.ndarray:
    """`scales.by_error` for arrays."""
    return -np.log(np.maximum(PERFECT - np.asarray(percent), 1e-3))


def squeeze(place: np.ndarray) -> np.ndarray:
    """The inverse of `stretch`."""
    return PERFECT - np.exp(-np.asarray(place))


def grid_of(panels: int) -> tuple[Figure, list[Axes]]:
    """A figure with room for a number of panels that share their axes."""
    columns = 1 if panels == 1 else 2 if panels in (2, 4) else 3 if panels <= 12 else 4
    rows = math.ceil(panels / columns)
    width = {1: 4.2, 2: 5.6}.get(columns, 7.2)
    figure = new_figure(width, 0.55 + (2.6 if panels == 1 else 1.75) * rows)
    axes = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False)
    for column in range(columns):
        show_ticks_above_gaps(list(axes[:, column]), panels - column, columns)
    return figure, list(axes.flat)


def show_ticks_above_gaps(column: Sequence[Axes], left: int, columns: int) -> None:
    """Step numbers under the last used panel of a column, where the panel below it stays empty."""
    last = (left - 1) // columns
    if 0 <= last < len(column) - 1:
        column[last].tick_params(labelbottom=True)


def draw_panel(axis: Axes, panel: Panel, bands: Mapping[str, Band], base: str) -> None:
    """The baseline and a few arms, with a key unless the title names the only arm."""
    draw_band(axis, bands[base], GREY, "-", None)
    for i, arm in enumerate(panel.arms):
        draw_band(axis, bands[arm], COLOURS[i], DASHES[i], MARKERS[i], label(arm_in(panel, arm), 34))
    if not any(bands[arm].steps for arm in (base, *panel.arms)):
        note(axis, "no curves yet")
    elif [arm_in(panel, arm) for arm in panel.arms] not in ([], [panel.title]):
        axis.legend(loc="best", fontsize=6.5, framealpha=0.85, edgecolor="none", borderpad=0.2, handlelength=2.6)


def draw_band(axis: Axes, band: Band, colour: str, dash: object, marker: str | None, name: str | None = None) -> None:
    """One arm; a cross on its mean where a seed diverged."""
    every = max(1, len(band.steps) // 6)
    alpha = 0.25 if marker is None else 0.18
    axis.fill_between(band.steps, band.low, band.high, color=colour, alpha=alpha, linewidth=0)
    axis.plot(band.steps, band.mean, color=colour, ls=dash, marker=marker, ms=3, markevery=every, label=name)
    for step in band.diverged:
        before = [value for at, value in zip(band.steps, band.mean, strict=True) if at <= step]
        if before:
            axis.plot([step], before[-1:], color=colour, marker="x", markersize=5, markeredgewidth=1.4)


def draw_learning_rates(tables: Tables) -> Figure:
    """The learning rate at every step; arms whose rates coincide share a line."""
    groups = shared_curve(recorded_rates(tables))
    figure = new_figure(5.6, 2.6 + 0.14 * len(groups))
    axis = figure.subplots()
    if not groups:
        note(axis, "no learning rates recorded")
    for i, (arms, band) in enumerate(groups):
        style = {"color": COLOURS[i % len(COLOURS)], "linestyle": DASHES[i % len(DASHES)]}
        every = (i / 30, 0.15)  # of the line's length, since steps are not evenly spread
        key = label(listed(arms, 4), 84)
        axis.plot(band.steps, band.mean, marker=MARKERS[i % 7], ms=3, markevery=every, label=key, **style)
    if groups:
        axis.set_ylim(bottom=0)
        axis.legend(fontsize=6.5, frameon=False, loc="upper left", bbox_to_anchor=(0, -0.18), handlelength=3)
    axis.set_xlabel("training step")
    axis.set_ylabel("learning rate")
    return figure
