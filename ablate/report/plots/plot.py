"""Plots as records, described once: `figure` draws them for print, `svg` for the page.

There are six kinds of drawing. A new plot is a function that gives one of them and a line in `table.PLOTS`.
"""

import dataclasses

import numpy as np

from ablate.report.plots.scales import Scale


@dataclasses.dataclass(frozen=True)
class Run:
    """What a single seed gave, behind the curve of its arm."""

    label: str
    x: tuple[float, ...]
    y: tuple[float, ...]


@dataclasses.dataclass(frozen=True)
class Series:
    """A curve with its band.

    Attributes:
        label: what the key says.
        colour: its place in the palette, which stands for colour and dashes; None for the baseline, in grey.
        x: positions.
        y: the curve there.
        low: lower end of the band there; empty without a band.
        high: upper end of the band there; empty without a band.
        crosses: where a seed diverged.
        runs: single seeds, drawn faintly; empty where there is one seed, or too many to tell apart.
    """

    label: str
    colour: int | None
    x: tuple[float, ...]
    y: tuple[float, ...]
    low: tuple[float, ...] = ()
    high: tuple[float, ...] = ()
    crosses: tuple[tuple[float, float], ...] = ()
    runs: tuple[Run, ...] = ()


@dataclasses.dataclass(frozen=True)
class Panel:
    """Curves that are drawn together."""

    title: str
    series: tuple[Series, ...]


@dataclasses.dataclass(frozen=True)
class Lines:
    """Curves in one or several panels over the same two axes.

    Attributes:
        panels: one per group of curves.
        x: the axis that all share.
        y: the other one.
        grey: whose curve is grey, where no key says so.
        left_out: what is not drawn and why, as a sentence; empty where all is.
    """

    panels: tuple[Panel, ...]
    x: Scale
    y: Scale
    grey: str = ""
    left_out: str = ""


@dataclasses.dataclass(frozen=True)
class Dot:
    """A single seed, or a single study, and the same in words."""

    x: float
    label: str


@dataclasses.dataclass(frozen=True)
class Estimate:
    """One line of a forest: an estimate with its interval, dots, and the same in words but for the verdict."""

    label: str
    verdict: str
    text: str
    estimate: float | None
    low: float | None
    high: float | None
    dots: tuple[Dot, ...]

    @property
    def words(self) -> str:
        """Numbers and verdict."""
        return "  ".join(filter(None, (self.text, self.verdict)))

    @property
    def values(self) -> tuple[float, ...]:
        """Everything that it draws."""
        drawn = (self.estimate, self.low, self.high, *(dot.x for dot in self.dots))
        return tuple(x for x in drawn if x is not None)


@dataclasses.dataclass(frozen=True)
class Forest:
    """Estimates over one axis, the best first.

    Attributes:
        rows: one per line.
        x: the axis.
        margin: half the width of a stripe around zero.
        ends: names of the axis's two sides.
        dot: what a dot is.
    """

    rows: tuple[Estimate, ...]
    x: Scale
    margin: float | None
    ends: tuple[str, str]
    dot: str = "seed"


@dataclasses.dataclass(frozen=True)
class Point:
    """A point with the interval of its height; without a label where it is not named."""

    label: str
    verdict: str
    bold: bool
    x: float
    y: float
    low: float | None
    high: float | None
    title: str


@dataclasses.dataclass(frozen=True)
class Scatter:
    """Named points; `notes` are sentences on who is named and who is bold."""

    points: tuple[Point, ...]
    x: Scale
    y: Scale
    notes: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True)
class Entry:
    """A number of a matrix; `verdict` is the side on which it counts."""

    value: float
    text: str
    verdict: str
    bold: bool


@dataclasses.dataclass(frozen=True)
class Matrix:
    """Numbers by pairs of names, up to the diagonal; None where a number is not known."""

    names: tuple[str, ...]
    rows: tuple[tuple[Entry | None, ...], ...]
    label: str

    @property
    def largest(self) -> float:
        """The largest size of an entry; 1 where all are zero."""
        return max((abs(entry.value) for row in self.rows for entry in row if entry), default=0.0) or 1.0


@dataclasses.dataclass(frozen=True)
class Share:
    """An entry of a confusion matrix: its part of the row, the same as a count, and in words."""

    part: float
    text: str
    title: str
    right: bool


@dataclasses.dataclass(frozen=True)
class ConfusionPanel:
    """One matrix; None where nothing was taken for that."""

    title: str
    rows: tuple[tuple[Share | None, ...], ...]


@dataclasses.dataclass(frozen=True)
class Confusion:
    """Matrices over the same rows and columns: `down` and `across` say what these are."""

    panels: tuple[ConfusionPanel, ...]
    rows: tuple[str, ...]
    columns: tuple[str, ...]
    down: str
    across: str

    def strength(self, share: Share) -> float:
        """How dark an entry is, from 0 to 1: by its part of the row, where it is wrong over the largest such part."""
        return share.part if share.right else share.part / self.largest_wrong

    @property
    def largest_wrong(self) -> float:
        """The largest part of a row that is wrong."""
        entries = (share for panel in self.panels for row in panel.rows for share in row if share)
        return max((share.part for share in entries if not share.right), default=1.0)


@dataclasses.dataclass(frozen=True, eq=False)
class Picture:
    """Pixels as bytes [height, width, channels], of one channel or three, under a caption; `marked` stands out."""

    pixels: np.ndarray
    caption: str
    marked: bool


@dataclasses.dataclass(frozen=True)
class Pictures:
    """Rows of pictures, each with its label; the same columns in all of them."""

    rows: tuple[tuple[str, tuple[Picture, ...]], ...]


Drawing = Lines | Forest | Scatter | Matrix | Confusion | Pictures


@dataclasses.dataclass(frozen=True)
class Plot:
    """A drawing with its place in the report.

    Attributes:
        name: of its files below figures/.
        title: its heading on the page.
        caption: what it shows, and how to read it.
        drawing: what is drawn.
        folded: whether the page shows it at a click only.
    """

    name: str
    title: str
    caption: str
    drawing: Drawing
    folded: bool = False
