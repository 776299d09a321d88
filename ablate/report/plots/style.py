"""The look of the figures for print.

Figures are `Figure` objects without pyplot, so nothing here changes what a caller's own plots look like.
"""

import contextlib
import functools
from collections.abc import Iterator

import matplotlib
import matplotlib.style
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.font_manager import findfont, get_font

from ablate.report.wording import plain, shortened

# Okabe and Ito's palette, without its yellow, which does not show on white: https://jfly.uni-koeln.de/color/
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
DASHES = ("-", (0, (5, 1.5)), (0, (1.5, 1.2)), (0, (6, 1.5, 1.5, 1.5)), (0, (3, 1, 1, 1, 1, 1)))
MARKERS = ("o", "s", "^", "D", "v", "P", "X")
GREY = "#8a8a8a"
INK = "#222222"
VERDICT_COLOURS = {"better": "#0072B2", "worse": "#D55E00", "equivalent": "#009E73", "inconclusive": "#6b6b6b"}
VERDICT_MARKERS = {"better": "o", "worse": "s", "equivalent": "D", "inconclusive": "o"}
STYLE = {
    "font.family": "DejaVu Sans",
    "font.size": 8,
    "axes.titlesize": 8.5,
    "axes.titlelocation": "left",
    "axes.labelsize": 8,
    "axes.edgecolor": "#666666",
    "axes.linewidth": 0.6,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#e4e4e4",
    "grid.linewidth": 0.5,
    "xtick.color": "#444444",
    "ytick.color": "#444444",
    "xtick.labelsize": 7,
    "ytick.labelsize": 7,
    "text.parse_math": False,
    "lines.linewidth": 1.4,
    "lines.solid_capstyle": "round",
    "svg.hashsalt": "ablate",
    "svg.fonttype": "path",
    "figure.dpi": 200,  # that of the file: letters are not twice as wide at twice the resolution, and a layout must fit
    "savefig.dpi": 200,
}


@contextlib.contextmanager
def style() -> Iterator[None]:
    """The look of the figures, whatever the caller's matplotlibrc says; the caller's look comes back afterwards."""
    with matplotlib.style.context(["default", STYLE]):
        yield


def new_figure(width: float, height: float) -> Figure:
    """An empty figure in inches that lays itself out."""
    return Figure(figsize=(width, height), layout="constrained")


@functools.cache
def glyphs() -> frozenset[int]:
    """The characters of the font that matplotlib brings along."""
    return frozenset(get_font(findfont("DejaVu Sans")).get_charmap())


def label(text: str, limit: int = 200) -> str:
    """Text from outside as a figure can show it: one line, cut to a width, a box for what the font lacks."""
    cut = shortened("".join(c if ord(c) in glyphs() else "□" for c in plain(text)), limit)
    # matplotlib leaves labels that begin with an underscore out of a legend.
    return f"\N{THIN SPACE}{cut}" if cut.startswith("_") else cut


def hide_unused(axes: list[Axes], used: int) -> None:
    """Switches off the panels behind the last used one."""
    for axis in axes[used:]:
        axis.set_axis_off()
