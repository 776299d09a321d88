"""Confusion matrices as places in pixels, for the inline SVG of the page: cells of one size, whatever the screen."""

import dataclasses

from ablate.report.plots.plot import Confusion, ConfusionPanel
from ablate.report.wording import shortened

WIDE, HIGH = 38, 24  # of a cell
LETTER, LETTERS = 6.6, 18  # of a name: width of one, and how many are shown
TURNED = 3  # letters from which on names of columns stand upright


@dataclasses.dataclass(frozen=True)
class Box:
    """An entry: its corner, its colour and what it says; `over` where the colour is dark."""

    x: float
    y: float
    colour: str
    strength: float
    text: str
    title: str
    over: bool


@dataclasses.dataclass(frozen=True)
class Name:
    """A name beside a row or above a column."""

    x: float
    y: float
    text: str


@dataclasses.dataclass(frozen=True)
class PlacedMatrix:
    """One matrix: its size, where its entries begin, and all that stands in it."""

    title: str
    width: float
    height: float
    left: float
    top: float
    boxes: tuple[Box, ...]
    down: tuple[Name, ...]
    across: tuple[Name, ...]


@dataclasses.dataclass(frozen=True)
class PlacedConfusion:
    """Matrices of one size; `turned` where names of columns stand upright."""

    panels: tuple[PlacedMatrix, ...]
    wide: float
    high: float
    turned: bool
    axes: str
    kind: str = "confusion"


def place_confusion(confusion: Confusion) -> PlacedConfusion:
    """Every entry of every matrix."""
    axes = f"Down: {confusion.down}; across: {confusion.across}."
    turned = max(map(len, confusion.columns)) >= TURNED
    panels = tuple(place_panel(panel, confusion, turned=turned) for panel in confusion.panels)
    return PlacedConfusion(panels, WIDE, HIGH, turned, axes)


def place_panel(panel: ConfusionPanel, confusion: Confusion, *, turned: bool) -> PlacedMatrix:
    """One matrix."""
    rows, columns = ([shortened(name, LETTERS) for name in names] for names in (confusion.rows, confusion.columns))
    left = round(12 + LETTER * max(map(len, rows)), 1)
    top = round(12 + LETTER * max(map(len, columns)), 1) if turned else 22
    boxes = [
        Box(
            x=round(left + WIDE * j, 1),
            y=top + HIGH * i,
            colour="better" if share.right else "worse",
            strength=round(confusion.strength(share), 3),
            text=share.text,
            title=share.title,
            over=confusion.strength(share) > 0.55,
        )
        for i, row in enumerate(panel.rows)
        for j, share in enumerate(row)
        if share is not None
    ]
    return PlacedMatrix(
        title=panel.title,
        width=round(left + WIDE * len(columns) + 1, 1),
        height=top + HIGH * len(rows) + 1,
        left=left,
        top=top,
        boxes=tuple(boxes),
        down=tuple(Name(left - 6, top + HIGH * (i + 0.5), name) for i, name in enumerate(rows)),
        across=tuple(Name(round(left + WIDE * (j + 0.5), 1), top - 7, name) for j, name in enumerate(columns)),
    )
