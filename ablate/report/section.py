"""A section of the report before any format: text, tables and plots. All text is plain and unescaped."""

import dataclasses
from collections.abc import Callable, Iterable, Sequence
from typing import Generic, TypeVar

from ablate.report.plots.plot import Plot

Item = TypeVar("Item")


@dataclasses.dataclass(frozen=True)
class Column(Generic[Item]):
    """A column of a table: its name, what it says of one item, and what it is called on paper, if it stands there."""

    name: str
    text: Callable[[Item], str]
    numeric: bool = True
    paper: str = ""


@dataclasses.dataclass(frozen=True)
class Grid:
    """A table of text.

    Attributes:
        header: the columns' names.
        rows: one text per column.
        numeric: whether a column is set flush right.
        paper: the columns' names where space is short; empty for those left out there.
        caption: what it takes to read the table on paper; a table without one stands on screens only.
        sortable: whether the page lets readers sort and filter it; one table of a page at most.
    """

    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    numeric: tuple[bool, ...]
    paper: tuple[str, ...] = ()
    caption: str = ""
    sortable: bool = False


@dataclasses.dataclass(frozen=True)
class Section:
    """A part of the report, laid out in the order of its fields.

    Attributes:
        anchor: its name in links and in report.json.
        title: its heading.
        paragraphs: sentences that introduce it.
        plots: what it shows.
        grids: its tables.
        bullets: sentences of a list.
        facts: label and value, shown as it is.
        printed: whether its paragraphs stand in a paper, too.
    """

    anchor: str
    title: str
    paragraphs: tuple[str, ...] = ()
    plots: tuple[Plot, ...] = ()
    grids: tuple[Grid, ...] = ()
    bullets: tuple[str, ...] = ()
    facts: tuple[tuple[str, str], ...] = ()
    printed: bool = False


def grid(columns: Sequence[Column[Item]], items: Iterable[Item], *, caption: str = "", sortable: bool = False) -> Grid:
    """The table with a row per item.

    >>> grid((Column("word", str, numeric=False), Column("letters", lambda word: str(len(word)))), ["arm"]).rows
    (('arm', '3'),)
    """
    return Grid(
        header=tuple(column.name for column in columns),
        rows=tuple(tuple(column.text(item) for column in columns) for item in items),
        numeric=tuple(column.numeric for column in columns),
        paper=tuple(column.paper for column in columns),
        caption=caption,
        sortable=sortable,
    )
