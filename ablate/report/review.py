"""Examples for somebody to look at: a table of them all as CSV, and a page with pictures of the first."""

import csv
import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ablate.report.formats.html import page
from ablate.report.plots.pictures_svg import place_picture
from ablate.report.plots.pixels import in_bytes
from ablate.report.plots.plot import Picture
from ablate.results.files import storing, write_atomically

SHOWN = 300  # pictures on a page
EDGE = 64  # pixels of a picture


class Review(NamedTuple):
    """What is to be looked at.

    Args:
        title: of the page.
        lead: sentences above the pictures.
        columns: of the table, by name; one entry per example, the most important first.
        pictures: of the first examples; empty where they are no images.
        unshown: examples of the table that would have a picture, too.
    """

    title: str
    lead: Sequence[str]
    columns: Mapping[str, np.ndarray]
    pictures: Sequence[Picture]
    unshown: int


def write_review(review: Review, table: Path) -> list[Path]:
    """Writes the table, and beside it the page where there are pictures; gives what it wrote.

    Names of files that are no UTF-8 stand in the table as they are, and on the page with their bytes as numbers.

    Raises:
        StorageError: a file could not be written.
    """
    write_atomically(table, as_csv(review.columns).encode("utf-8", "surrogateescape"))
    beside = table.with_suffix(".html")
    if not review.pictures:
        with storing(beside):  # an earlier page would show other examples
            beside.unlink(missing_ok=True)
        return [table]
    write_atomically(beside, as_page(review).encode("utf-8", "backslashreplace"))
    return [table, beside]


def as_csv(columns: Mapping[str, np.ndarray]) -> str:
    """A line per example."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(zip(*(map(str, column) for column in columns.values()), strict=True))
    return text.getvalue()


def as_page(review: Review) -> str:
    """One file that loads nothing: the pictures are inside of it."""
    pictures = [place_picture(picture) for picture in review.pictures]
    return page("review.html.j2", review=review, pictures=pictures)


def pictures_of(images: np.ndarray, captions: Sequence[str], marked: Sequence[bool]) -> list[Picture]:
    """The first examples as small pictures; floats from their smallest value, black, to their largest.

    Args:
        images: bytes or floats [examples, height, width, channels].
        captions: of every example.
        marked: whether a caption stands out.
    """
    low, high = (0.0, 255.0) if images.dtype == np.uint8 else (float(images.min()), float(images.max()))
    pixels = in_bytes(images[:SHOWN].astype(np.float32), low, high, EDGE)
    return [Picture(*each) for each in zip(pixels, captions[:SHOWN], marked[:SHOWN], strict=True)]
