"""Confusion matrices as a matplotlib figure."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ablate.report.plots.plot import Confusion, ConfusionPanel
from ablate.report.plots.style import COLOURS, INK, label, new_figure

BESIDE = 12  # columns up to which two matrices fit beside each other
RIGHT, WRONG = (tuple(int(colour[k : k + 2], 16) / 255 for k in (1, 3, 5)) for colour in COLOURS[:2])
LETTERS = 18  # of a category's name


def draw_confusion(confusion: Confusion) -> Figure:
    """Counts on colours: blue on the diagonal, orange off it, each on a scale of its own."""
    columns, rows = len(confusion.columns), len(confusion.rows)
    panels, beside = len(confusion.panels), columns <= BESIDE
    names = max(map(len, (label(name, LETTERS) for name in confusion.columns)))
    height = 0.75 + 0.06 * names + max(1.6, 0.25 * rows)
    figure = new_figure(7.2, height if beside else panels * height)
    axes = figure.subplots(*((1, panels) if beside else (panels, 1)), squeeze=False)
    for k, (axis, panel) in enumerate(zip(axes.flat, confusion.panels, strict=True)):
        draw_panel(axis, panel, confusion, letters=34 if beside else 80)
        if k and beside:  # it has the rows of the first
            axis.tick_params(labelleft=False)
        else:
            axis.set_ylabel(label(confusion.down, 40))
        if k == panels - 1 or beside:
            axis.set_xlabel(label(confusion.across, 40))
    return figure


def draw_panel(axis: Axes, panel: ConfusionPanel, confusion: Confusion, *, letters: int) -> None:
    """One matrix with its counts."""
    columns, rows = len(confusion.columns), len(confusion.rows)
    colours = np.ones((rows, columns, 3))
    size = 6.5 if columns <= 12 else 5.5
    for i, row in enumerate(panel.rows):
        for j, share in enumerate(row):
            if share is not None:
                strength = confusion.strength(share)
                colours[i, j] = 1 - strength * (1 - np.array(RIGHT if share.right else WRONG))
                dark = "white" if strength > 0.55 else INK
                axis.text(j, i, share.text, ha="center", va="center", fontsize=size, color=dark)
    axis.imshow(colours, aspect="auto", interpolation="nearest")
    axis.set_title(label(panel.title, letters))
    axis.grid(visible=False)
    axis.set_xticks(np.arange(columns - 1) + 0.5, minor=True)
    axis.set_yticks(np.arange(rows - 1) + 0.5, minor=True)
    axis.grid(visible=True, which="minor", color="#e4e4e4", linewidth=0.4)
    names = [label(name, LETTERS) for name in confusion.columns]
    axis.set_xticks(range(columns), names, rotation=90 if max(map(len, names)) > 2 else 0)
    axis.set_yticks(range(rows), [label(name, LETTERS) for name in confusion.rows])
    axis.tick_params(which="both", length=0)
    for spine in axis.spines.values():
        spine.set_visible(False)
