"""All effects on one axis: a line per claim, grouped by theme, coloured by its answer. Pure."""

import math
from collections.abc import Mapping, Sequence

import matplotlib
from judge import Answer
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator
from texts import change_text

from ablate.report.plots.figure import render
from ablate.report.plots.style import GREY, INK, VERDICT_COLOURS, label, new_figure, style
from ablate.report.wording import MINUS

# Answers in the colours of verdicts; "mixed" has the palette's reddish purple, which no verdict has.
COLOURS = {
    "supported": VERDICT_COLOURS["better"],
    "contradicted": VERDICT_COLOURS["worse"],
    "mixed": "#CC79A7",
    "undecided": VERDICT_COLOURS["inconclusive"],
}
MARKERS = {"supported": "o", "contradicted": "s", "mixed": "D", "undecided": "o"}
LIMIT = 5.0  # A fifth of the shortfall to five times: what lies beyond is drawn at the edge, as an arrow.
FACTORS = (0.2, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0, 5.0)
LETTERS = 64  # of a claim
WORDS = 46  # of an effect that no arm has
LINE = 0.17  # inches
DOTS = 130  # per inch, so that a hundred claims stay below half a MB
COLUMN = -1.12 * math.log(LIMIT)  # where it stands what the article says
SAYS = {"better": "◁", "worse": "▷", "equivalent": "="}


def picture(themes: Mapping[str, Sequence[Answer]]) -> dict[str, bytes]:
    """The picture as bytes, by kind of file."""
    with style(), matplotlib.rc_context({"figure.dpi": DOTS, "savefig.dpi": DOTS}):
        return render(draw(themes))


def draw(themes: Mapping[str, Sequence[Answer]]) -> Figure:
    """Claims at the left, effects in the middle, numbers at the right."""
    lines = [line for theme, answers in themes.items() for line in (theme, *answers)]
    figure = new_figure(10.0, 1.1 + LINE * len(lines))
    axis = figure.subplots()
    set_axis(axis, lines)
    for place, line in enumerate(lines):
        if isinstance(line, Answer):
            draw_answer(axis, line, place)
    axis.set_yticks(range(len(lines)), [text_of(line) for line in lines], fontsize=7)
    for text, line in zip(axis.get_yticklabels(), lines, strict=True):
        text.set_fontweight("normal" if isinstance(line, Answer) else "bold")
        text.set_color(INK)
    add_key(axis)
    return figure


def text_of(line: str | Answer) -> str:
    """A claim, or the name of a theme."""
    return label(line.claim, LETTERS) if isinstance(line, Answer) else label(line)


def set_axis(axis: Axes, lines: Sequence[str | Answer]) -> None:
    """Log ratios, labelled by the change in percent; as far up as down, since a half and twice are as far apart."""
    end = math.log(LIMIT)
    axis.axvline(0, color=INK, linewidth=0.8)
    axis.set_xlim(COLUMN - 0.06 * end, 1.04 * end)
    axis.xaxis.set_major_locator(FixedLocator([math.log(factor) for factor in FACTORS]))
    axis.xaxis.set_minor_locator(NullLocator())
    axis.xaxis.set_major_formatter(FuncFormatter(lambda x, _: tick_text(x)))
    axis.set_ylim(len(lines) - 0.4, -0.6)
    axis.grid(axis="y", visible=False)
    axis.tick_params(axis="y", length=0)
    axis.set_xlabel("change of what is missing to a perfect score (%, spaced by its logarithm)")
    axis.tick_params(axis="x", labeltop=True)
    sides = {"fontsize": 7, "color": "#666666", "va": "bottom", "xycoords": ("data", "axes fraction")}
    axis.annotate("← better", (-0.04 * end, 1), xytext=(0, 16), textcoords="offset points", ha="right", **sides)
    axis.annotate("worse →", (0.04 * end, 1), xytext=(0, 16), textcoords="offset points", ha="left", **sides)
    for place, line in enumerate(lines):
        if not isinstance(line, Answer):
            axis.axhline(place - 0.5, color="#cccccc", linewidth=0.5)


def draw_answer(axis: Axes, answer: Answer, place: int) -> None:
    """One claim: what the article says, where the effect lies, and the numbers."""
    colour, end = COLOURS[answer.answer], math.log(LIMIT)
    axis.text(COLUMN, place, SAYS.get(answer.expects, ""), fontsize=7, color=GREY, ha="center", va="center")
    change = answer.change
    at = where(answer)
    if change is not None:
        ends = [min(max(x, -end), end) for x in (change.low, change.high) if x is not None]
        axis.plot(ends, [place] * len(ends), color=colour, linewidth=1.6)
    if at is not None:
        beyond = "" if abs(at) <= end else "<" if at < 0 else ">"
        face = "white" if answer.answer == "undecided" else colour
        marker, at = beyond or MARKERS[answer.answer], min(max(at, -end), end)
        axis.plot([at], [place], marker, color=colour, markerfacecolor=face, markersize=4.2)
    measured = answer.effect.replace("95 % interval ", "")
    words = change_text(change) if change is not None else label(measured, WORDS)
    axis.annotate(
        words, (1, place), xycoords=("axes fraction", "data"), xytext=(6, 0), textcoords="offset points",
        va="center", fontsize=6.5, color=colour if answer.answer != "undecided" else GREY, annotation_clip=False,
    )  # fmt: skip


def where(answer: Answer) -> float | None:
    """The log ratio of a claim; beyond the axis where an arm never trained, and None where no arm answers."""
    if answer.change is not None:
        return answer.change.mean
    if answer.test != "failure" or answer.answer not in ("supported", "contradicted"):
        return None
    worse = (answer.expects == "worse") == (answer.answer == "supported")
    return math.inf if worse else -math.inf


def tick_text(log_ratio: float) -> str:
    """A place on the axis as a change in percent.

    >>> tick_text(math.log(2)), tick_text(0.0)
    ('+100', '0')
    """
    change = round(100 * math.expm1(log_ratio))
    return f"{change:+d}".replace("-", MINUS) if change else "0"


def add_key(axis: Axes) -> None:
    """What colours mean, and the column of what the article says."""
    handles = [
        Line2D([], [], color=colour, marker=MARKERS[answer], linewidth=1.8, markersize=5, label=answer,
               markerfacecolor="white" if answer == "undecided" else colour)
        for answer, colour in COLOURS.items()
    ]  # fmt: skip
    axis.legend(
        handles=handles, ncols=len(handles), loc="lower center", bbox_to_anchor=(0.5, 1.0), frameon=False,
        fontsize=7, borderaxespad=3.4, handletextpad=0.4, columnspacing=1.4,
    )  # fmt: skip
