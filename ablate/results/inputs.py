"""What training presents to the network, on disk: `DIR/inputs.npz`, a few small pictures for every way of doing it."""

import dataclasses
import io
import zipfile
import zlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ablate.results.files import storing, write_atomically

FILE = "inputs.npz"
MOST_BYTES = 2**26  # of what is read: a file with more was not written here


@dataclasses.dataclass(frozen=True, eq=False)
class InputRow:
    """A few training examples as one arm presents them.

    Attributes:
        arm: its name; "" for the examples as the data have them.
        pictures: bytes [examples, height, width, channels] with one channel or three.
        captions: what each is labelled as.
        spoilt: whether that is not what the data say.
    """

    arm: str
    pictures: np.ndarray
    captions: tuple[str, ...]
    spoilt: tuple[bool, ...]


def write_inputs(directory: Path, cells: Sequence[str], rows: Sequence[InputRow]) -> None:
    """Stores what the named cells present; without rows, nothing is left there.

    Raises:
        StorageError: the file could not be written.
    """
    path, buffer = directory / FILE, io.BytesIO()
    if not rows:
        with storing(path):
            path.unlink(missing_ok=True)
        return
    arrays: dict[str, np.ndarray] = {"cells": np.array(cells, np.str_)}
    for k, row in enumerate(rows):
        arrays[f"{k}/pictures"] = row.pictures
        arrays[f"{k}/texts"] = np.array([row.arm, *row.captions], np.str_)
        arrays[f"{k}/spoilt"] = np.array(row.spoilt, np.bool_)
    np.savez_compressed(buffer, allow_pickle=False, **arrays)
    write_atomically(path, buffer.getvalue())


def read_inputs(directory: Path) -> tuple[InputRow, ...]:
    """What was stored there; empty where there is none, or the file is damaged."""
    arrays = _arrays(directory / FILE)
    rows = []
    while f"{len(rows)}/pictures" in arrays:
        row = _row(arrays, len(rows))
        if row is None:
            return ()
        rows.append(row)
    return tuple(rows)


def cells_of_inputs(directory: Path) -> list[str]:
    """The cells whose inputs are stored there."""
    arrays = _arrays(directory / FILE)
    return arrays["cells"].tolist() if "cells" in arrays else []


def _arrays(path: Path) -> dict[str, np.ndarray]:
    try:
        with zipfile.ZipFile(path) as archive:
            if sum(member.file_size for member in archive.infolist()) > MOST_BYTES:
                return {}
        with np.load(path, allow_pickle=False) as stored:
            return {name: stored[name] for name in stored.files}
    except (OSError, ValueError, EOFError, KeyError, MemoryError, RuntimeError, zipfile.BadZipFile, zlib.error):
        return {}


def _row(arrays: dict[str, np.ndarray], k: int) -> InputRow | None:
    """One row; None where its arrays do not fit each other."""
    pictures, texts, spoilt = (arrays.get(f"{k}/{name}") for name in ("pictures", "texts", "spoilt"))
    if pictures is None or texts is None or spoilt is None:
        return None
    fits = pictures.dtype == np.uint8 and pictures.ndim == 4 and pictures.shape[-1] in (1, 3) and pictures.size > 0
    if not fits or texts.dtype.kind != "U" or spoilt.dtype != np.bool_:
        return None
    if texts.shape != (len(pictures) + 1,) or spoilt.shape != (len(pictures),):
        return None
    arm, *captions = texts.tolist()
    return InputRow(arm, pictures, tuple(captions), tuple(spoilt.tolist()))
