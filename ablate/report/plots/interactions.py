"""The interaction matrix of a factorial study as a figure for print: main effects on the diagonal."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ablate.report.plots.figure import INK, label, new_figure, note
from ablate.report.sections.factorial import Factorial, analyse
from ablate.report.tables import Tables
from ablate.report.wording import Unit

COLOURS = "PuOr"  # Orange for negative, purple for positive: distinct for the colour-blind and in grey by number.


def has_interactions(tables: Tables) -> bool:
    """Whether there is such a matrix to draw."""
    return analyse(tables) is not None


def draw_interactions(tables: Tables) -> Figure:
    """Main effects on the diagonal, two-way interactions below it, as numbers on colours."""
    found = analyse(tables)
    names = found.names if found else ()
    figure = new_figure(2.2 + 0.8 * max(2, len(names)), 1.5 + 0.5 * max(2, len(names)))
    axis = figure.subplots()
    axis.grid(visible=False)
    if found is None:
        note(axis, "not a factorial study")
        return figure
    values = matrix(found, tables.unit)
    reach = float(np.nanmax(np.abs(values))) if np.isfinite(values).any() else 1.0
    shown = axis.imshow(values, cmap=COLOURS, vmin=-reach, vmax=reach, aspect="auto")
    for i, a in enumerate(names):
        for j, b in enumerate(names[: i + 1]):
            write_cell(axis, (j, i), values[i, j] / reach, found, (a, b), tables.unit)
    label_axes(axis, names)
    figure.colorbar(shown, ax=axis, shrink=0.8, label=tables.unit.labelled(tables.unit.metric, difference=True))
    return figure


def matrix(found: Factorial, unit: Unit) -> np.ndarray:
    """Effects as shown; nan above the diagonal and where there is no estimate."""
    size = len(found.names)
    values = np.full((size, size), np.nan)
    for i, a in enumerate(found.names):
        for j, b in enumerate(found.names[: i + 1]):
            effect = found.effect(a, b)
            if effect is not None and effect.estimate is not None:
                values[i, j] = unit.scale * effect.estimate
    return values


def write_cell(axis: Axes, place: tuple[int, int], tone: float, found: Factorial, pair: tuple[str, str], unit: Unit):
    """The number of one cell; bold where the corrected test shows it."""
    effect = found.effect(*pair)
    if effect is None:
        return
    clear = effect.p_holm is not None and effect.p_holm <= found.alpha
    colour = "white" if abs(tone) > 0.7 else INK
    weight = "bold" if clear else "normal"
    axis.text(*place, unit.delta(effect.estimate), ha="center", va="center", color=colour, fontweight=weight)


def label_axes(axis: Axes, names: tuple[str, ...]) -> None:
    """The choices at the left and, slanted, below."""
    labels = [label(name, 26) for name in names]
    axis.set_yticks(range(len(names)), labels)
    axis.set_xticks(range(len(names)), labels, rotation=25, ha="right", rotation_mode="anchor")
    axis.tick_params(length=0)
    for spine in axis.spines.values():
        spine.set_visible(False)
