"""Pictures decoded once: as ArrayRecord in the user's cache, in a folder whose name follows from the files.

Decoding runs at some hundred pictures per second, reading what was prepared at some ten thousand. A file that is not
whole is made again, since ArrayRecord has checksums and the first record says how many there are.
"""

import contextlib
import hashlib
import json
import os
import warnings
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import UInt8

from ablate.data.dataset import DataError
from ablate.data.images import read_image
from ablate.data.tfds_source import cache_root

RECORDS = "images.array_record"
FORMAT = 1  # of the prepared file: the first record says shape, files and reasons, the others are pixels
NAMED = 5  # sizes that an error names


class Prepared(NamedTuple):
    """The pictures of a folder as pixels, with their paths below it; and the reason for each that cannot be read."""

    images: UInt8[np.ndarray, "images height width channels"]
    files: list[str]
    unreadable: dict[str, str]
    place: Path


def prepare(root: Path, files: Sequence[str], size: int) -> Prepared:
    """The pictures of a folder, decoded or as they were kept when the same files were decoded before.

    Args:
        root: the folder.
        files: paths below it.
        size: edge length in pixels that every picture is resized to; 0 keeps pictures that have one size already.

    Raises:
        DataError: no picture can be read, or they have several sizes and `size` is 0.
    """
    states = [(file, stat.st_size, stat.st_mtime_ns) for file in files for stat in [(root / file).stat()]]
    key = hashlib.sha256(json.dumps([FORMAT, states, size]).encode()).hexdigest()[:16]
    place = cache_root() / "folder" / key
    prepared = _kept(place)
    if prepared is None:
        prepared = _decoded(root, files, size, place)
        _keep(prepared)
    return prepared


def write_lines(path: Path, lines: Sequence[str]) -> None:
    """Writes a list into the cache, whole or not at all; one that cannot be written is no error."""
    text, temporary = "".join(f"{line}\n" for line in lines), path.with_name(f".{path.name}.{os.getpid()}")
    with contextlib.suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary.write_text(text, "utf-8", "surrogateescape")
        os.replace(temporary, path)


def _kept(place: Path) -> Prepared | None:
    from array_record.python.array_record_module import ArrayRecordReader

    reader = ArrayRecordReader(str(place / RECORDS), "readahead_buffer_size:0")
    try:
        head, *records = reader.read_all()
        reader.close()
        facts = json.loads(head)
        images = np.frombuffer(b"".join(records), np.uint8).reshape(facts["shape"])
    except (RuntimeError, ValueError):  # not there, torn or damaged
        return None
    whole = len(records) == len(images) == len(facts["files"])
    return Prepared(images, facts["files"], facts["unreadable"], place) if whole else None


def _decoded(root: Path, files: Sequence[str], size: int, place: Path) -> Prepared:
    def read(file: str) -> np.ndarray | str:
        try:
            return read_image(root / file, size)
        except Exception as error:  # Pillow raises whatever the decoder of a format does; the list says what
            return " ".join(f"{type(error).__name__}: {error}".split())

    with warnings.catch_warnings(), ThreadPoolExecutor() as pool:
        warnings.simplefilter("ignore")  # about metadata that nobody needs here
        pictures = dict(zip(files, pool.map(read, files)))
    unreadable = {file: reason for file, reason in pictures.items() if isinstance(reason, str)}
    readable = {file: image for file, image in pictures.items() if not isinstance(image, str)}
    if not readable:
        file, reason = next(iter(unreadable.items()))
        raise DataError(f"data.path: none of {len(files)} files in {str(root)!r} can be read; {file}: {reason}")
    return Prepared(_stacked(root, list(readable.values())), list(readable), unreadable, place)


def _stacked(root: Path, images: Sequence[np.ndarray]) -> np.ndarray:
    sizes = Counter(f"{image.shape[1]}x{image.shape[0]}" for image in images).most_common()
    if len(sizes) > 1:
        names = ", ".join(f"{size} ({count})" for size, count in sizes[:NAMED])
        names += ", ..." if len(sizes) > NAMED else ""
        raise DataError(f"data.size: pictures in {str(root)!r} have sizes {names}; set data.size, e.g. 64")
    channels = max(image.shape[-1] for image in images)
    return np.stack([np.broadcast_to(image, (*image.shape[:2], channels)) for image in images])


def _keep(prepared: Prepared) -> None:
    """A cache that cannot be written only costs time at the next start."""
    from array_record.python.array_record_module import ArrayRecordWriter

    place = prepared.place
    write_lines(place / "unreadable.txt", [f"{file}\t{reason}" for file, reason in prepared.unreadable.items()])
    temporary = place / f".{RECORDS}.{os.getpid()}"
    head = {"shape": prepared.images.shape, "files": prepared.files, "unreadable": prepared.unreadable}
    try:
        writer = ArrayRecordWriter(str(temporary), "group_size:1")
        for record in (json.dumps(head).encode(), *(image.tobytes() for image in prepared.images)):
            writer.write(record)
        writer.close()
        os.replace(temporary, place / RECORDS)
    except (OSError, RuntimeError):
        with contextlib.suppress(OSError):
            temporary.unlink()
