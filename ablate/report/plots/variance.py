"""The figure of `ablate variance`: a bar per source of randomness with its interval."""

from collections.abc import Sequence
from typing import NamedTuple

from matplotlib.figure import Figure

from ablate.report.plots.style import COLOURS, INK, label, new_figure

BEYOND = 2.5  # times the longest bar: where intervals are cut, so that bars stay legible


class Bar(NamedTuple):
    """A share of the whole, which is 1, with its interval where it has one."""

    label: str
    share: float
    low: float | None
    high: float | None


def draw_bars(bars: Sequence[Bar], words: str) -> Figure:
    """Horizontal bars in percent in the given order, and a line at the whole; within `style()`."""
    figure = new_figure(6.2, 0.8 + 0.36 * max(2, len(bars)))
    axis = figure.subplots()
    end = max(1.1, BEYOND * max(bar.share for bar in bars))
    axis.barh(range(len(bars)), [100 * bar.share for bar in bars], 0.55, color=COLOURS[0], alpha=0.55)
    for place, bar in enumerate(bars):
        if bar.low is not None and bar.high is not None:
            axis.plot([100 * bar.low, 100 * bar.high], [place] * 2, color=INK, linewidth=1.2)
    axis.axvline(100, color=INK, linewidth=0.8, linestyle=":")
    axis.set_yticks(range(len(bars)), [label(bar.label, 42) for bar in bars])
    axis.set_ylim(len(bars) - 0.4, -0.6)
    axis.set_xlim(0, 100 * end)
    axis.grid(axis="y", visible=False)
    axis.tick_params(axis="y", length=0)
    axis.set_xlabel(label(words, 90))
    return figure
