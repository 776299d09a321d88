"""Rows of small pictures as a matplotlib figure."""

import textwrap

from matplotlib.figure import Figure

from ablate.report.plots.plot import Picture, Pictures
from ablate.report.plots.style import COLOURS, INK, label, new_figure

MARKED = COLOURS[1]
GAP, ABOVE, NAMES = 0.14, 0.26, 2.3  # between pictures, for a caption, and for names, in widths of a picture
LETTERS = {"name": 26, "caption": 18}  # of a line


def draw_pictures(pictures: Pictures) -> Figure:
    """Every row with its name at the left and a caption above each picture."""
    columns, rows = max(len(row) for _, row in pictures.rows), len(pictures.rows)
    wide, high = NAMES + columns * (1 + GAP), rows * (1 + ABOVE)
    figure = new_figure(7.2, 7.2 * high / wide)
    axis = figure.subplots()
    for i, (name, row) in enumerate(pictures.rows):
        top = -i * (1 + ABOVE) - ABOVE
        axis.text(-0.15, top - 0.5, in_lines(name), ha="right", va="center", fontsize=7, color=INK)
        for j, picture in enumerate(row):
            place_picture(figure, picture, j * (1 + GAP), top)
    axis.set_xlim(-NAMES, columns * (1 + GAP) - GAP)
    axis.set_ylim(-high, 0)
    axis.set_aspect("equal")
    axis.set_axis_off()
    return figure


def in_lines(name: str) -> str:
    """A name in up to three lines, where it is long preferably broken before its arguments."""
    text, width = label(name, 3 * LETTERS["name"]), LETTERS["name"]
    return text if len(text) <= width else "\n".join(textwrap.wrap(text.replace("(", " (", 1), width)[:3])


def place_picture(figure: Figure, picture: Picture, left: float, top: float) -> None:
    """One picture in a square, as large as its longer edge allows."""
    axis, pixels = figure.axes[0], picture.pixels
    height, width = pixels.shape[:2]
    half = 0.5 * width / max(height, width), 0.5 * height / max(height, width)
    ends = (left + 0.5 - half[0], left + 0.5 + half[0], top - 0.5 - half[1], top - 0.5 + half[1])
    shown = pixels[..., 0] if pixels.shape[-1] == 1 else pixels
    axis.imshow(shown, cmap="gray", vmin=0, vmax=255, extent=ends, interpolation="nearest", aspect="equal")
    colour, weight = (MARKED, "bold") if picture.marked else ("#555555", "normal")
    text = label(picture.caption, LETTERS["caption"])
    axis.text(left + 0.5, top + 0.05, text, ha="center", va="bottom", fontsize=5.5, color=colour, fontweight=weight)
