"""Arrays that lie in large files: sent to other machines by their place, and opened there."""

import hashlib
import mmap
import os
from typing import Any, NamedTuple

import numpy as np

SENT_BYTES = 2**30  # from this size on, arrays in files are not sent but opened where they are needed


class MappedFile(NamedTuple):
    """An array in a file, which every node is to see."""

    filename: str
    dtype: np.dtype
    shape: tuple[int, ...]
    offset: int
    mark: str  # of its content


def packed(array: np.memmap) -> Any:
    """A mapped file as its place where it is large; its numbers where it is not, or is a part of a file."""
    whole = isinstance(array.base, mmap.mmap) and array.flags.c_contiguous
    if array.nbytes < SENT_BYTES or not whole or array.filename is None:
        return np.array(array)
    path = os.path.abspath(array.filename)
    return MappedFile(path, array.dtype, array.shape, array.offset, _mark_of(path))


def unpacked(content: Any) -> np.ndarray:
    """The array of what `packed` gave.

    Raises:
        OSError: the file is not there, or another one: on another machine.
    """
    if not isinstance(content, MappedFile):
        return content
    if _mark_of(content.filename) != content.mark:
        raise OSError(f"{content.filename} is another file than where the run was started")
    return np.memmap(content.filename, content.dtype, "r", content.offset, content.shape)


def _mark_of(path: str) -> str:
    """Size and first bytes of a file."""
    with open(path, "rb") as file:
        return f"{os.path.getsize(path)} {hashlib.sha256(file.read(2**20)).hexdigest()}"
