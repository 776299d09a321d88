"""How to read a drawing: words about what it shows, and nothing about what it does not. Pure."""

from collections.abc import Callable
from typing import Any

from ablate.report.plots.plot import Confusion, Drawing, Forest, Lines, Matrix, Pictures, Scatter


def caption(lead: str, drawing: Drawing) -> str:
    """A caption: what is drawn, what its marks are, and what else a reader has to know.

    Args:
        lead: what is drawn, without a full stop.
        drawing: the drawing.
    """
    marks = "; ".join(words for words, shown in MARKS[type(drawing)](drawing).items() if shown)
    sentences = [f"{lead}: {marks}" if marks else lead, *NOTES.get(type(drawing), lambda _: [])(drawing)]
    return " ".join(f"{sentence}." for sentence in sentences)


def forest_marks(forest: Forest) -> dict[str, bool]:
    """What lines, dots and the stripe are, each with whether there is one."""
    return {
        "a line is an interval": any(row.low is not None for row in forest.rows),
        f"a dot is a {forest.dot}": any(row.dots for row in forest.rows),
        "the pale stripe is the declared margin": forest.margin is not None,
    }


def line_marks(lines: Lines) -> dict[str, bool]:
    """What bands, faint lines, crosses and grey are, each with whether there is one."""
    series = [curve for panel in lines.panels for curve in panel.series]
    return {
        "mean and 95 % interval over seeds": any(curve.low for curve in series),
        "a faint line is a seed": any(curve.runs for curve in series),
        "a cross marks where a seed diverged": any(curve.crosses for curve in series),
        f"{lines.grey} in grey": bool(lines.grey),
    }


def scatter_marks(scatter: Scatter) -> dict[str, bool]:
    """What lines are, where there are any."""
    return {"a line is the interval of a mean": any(point.low is not None for point in scatter.points)}


def matrix_marks(matrix: Matrix) -> dict[str, bool]:
    """What bold means, where something is."""
    return {"bold where the corrected test shows it": any(entry and entry.bold for row in matrix.rows for entry in row)}


def confusion_marks(confusion: Confusion) -> dict[str, bool]:
    """What the colours are, each with whether there is one."""
    entries = [share for panel in confusion.panels for row in panel.rows for share in row if share and share.part]
    return {
        "counts over all seeds, coloured by their share of the row": True,
        "blue on the diagonal is right": any(share.right for share in entries),
        "orange is wrong, darkest for the largest share of a row off the diagonal": not all(
            share.right for share in entries
        ),
    }


def picture_marks(pictures: Pictures) -> dict[str, bool]:
    """What stands above a picture, where something does."""
    return {"above each, its label": any(picture.caption for _, row in pictures.rows for picture in row)}


def line_notes(lines: Lines) -> list[str]:
    """What is not drawn, and how the vertical axis is spaced."""
    spacing = f"The vertical axis is {lines.y.spacing_words}" if lines.y.spacing_words else ""
    return [sentence for sentence in (lines.left_out, spacing) if sentence]


MARKS: dict[type, Callable[[Any], dict[str, bool]]] = {
    Forest: forest_marks,
    Lines: line_marks,
    Scatter: scatter_marks,
    Matrix: matrix_marks,
    Confusion: confusion_marks,
    Pictures: picture_marks,
}
NOTES: dict[type, Callable[[Any], list[str]]] = {
    Lines: line_notes,
    Scatter: lambda scatter: list(scatter.notes),
}
