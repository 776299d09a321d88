"""Rows of small pictures for the page: each a PNG inside of it, since the page loads nothing."""

import base64
import dataclasses
import struct
import zlib

import numpy as np

from ablate.report.plots.plot import Picture, Pictures


@dataclasses.dataclass(frozen=True)
class PlacedPicture:
    """A picture as the source of an image."""

    source: str
    caption: str
    marked: bool


@dataclasses.dataclass(frozen=True)
class PlacedPictures:
    """Rows with their names."""

    rows: tuple[tuple[str, tuple[PlacedPicture, ...]], ...]
    axes: str = ""
    kind: str = "pictures"


def place_pictures(pictures: Pictures) -> PlacedPictures:
    """Every picture of every row."""
    return PlacedPictures(tuple((name, tuple(map(place_picture, row))) for name, row in pictures.rows))


def place_picture(picture: Picture) -> PlacedPicture:
    """One picture."""
    content = base64.b64encode(png(picture.pixels)).decode("ascii")
    return PlacedPicture(f"data:image/png;base64,{content}", picture.caption, picture.marked)


def png(pixels: np.ndarray) -> bytes:
    """Bytes [height, width, channels] as a PNG file, grey for one channel and in colour for three.

    References:
        Portable Network Graphics (PNG) Specification, third edition. https://www.w3.org/TR/png-3/
    """
    height, width, channels = pixels.shape
    head = struct.pack(">2I5B", width, height, 8, {1: 0, 3: 2}[channels], 0, 0, 0)
    lines = np.pad(pixels.reshape(height, -1), ((0, 0), (1, 0)))  # each line begins with its filter: none
    parts = (b"IHDR", head), (b"IDAT", zlib.compress(lines.tobytes(), 9)), (b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
        for kind, content in parts
    )
