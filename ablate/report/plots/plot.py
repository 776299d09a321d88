"""Plots as records, described once: `figure` draws them for print, `svg` for the page.

There are six kinds of drawing. A new plot is a function that gives one of them and a line in `table.PLOTS`.
"""

import dataclasses

import numpy as np

from ablate.report.plots.scales import Scale


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
    """

    label: str
    colour: int | None
    x: tuple[float, ...]
    y: tuple[float, ...]
    low: tuple[float, ...] = ()
    high: tuple[float, ...] = ()
    crosses: tuple[tuple[float, float], ...] = ()


@dataclasses.dataclass(frozen=True)
class Panel:
    """Curves that are drawn together."""

    title: str
    series: tuple[Series, ...]


@dataclasses.dataclass(frozen=True)
class Lines:
    """Curves in one or several panels over the same two axes; `note` says what grey means, where it is not in a key."""

    panels: tuple[Panel, ...]
    x: Scale
    y: Scale
    note: str = ""


@dataclasses.dataclass(frozen=True)
class Estimate:
    """One line of a forest: an estimate with its interval, a dot per seed, and the same in words."""

    label: str
    verdict: str
    text: str
    estimate: float | None
    low: float | None
    high: float | None
    dots: tuple[float, ...]


@dataclasses.dataclass(frozen=True)
class Forest:
    """Estimates over one axis, the best first; `margin` is a stripe around zero, `ends` name the axis's two sides."""

    rows: tuple[Estimate, ...]
    x: Scale
    margin: float | None
    ends: tuple[str, str]


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
    """Named points."""

    points: tuple[Point, ...]
    x: Scale
    y: Scale


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
