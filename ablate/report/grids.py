"""A table of text, before any format."""

import dataclasses
from collections.abc import Iterable, Sequence


@dataclasses.dataclass(frozen=True)
class Grid:
    """A table of plain, unescaped text; `numeric` columns are set flush right."""

    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    numeric: tuple[bool, ...]


def grid(header: Sequence[str], rows: Iterable[Sequence[str]], text: Sequence[str] = ()) -> Grid:
    """A table whose columns are numeric except those named in `text`."""
    return Grid(tuple(header), tuple(tuple(row) for row in rows), tuple(name not in text for name in header))
