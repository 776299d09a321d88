"""Variables of a cell on disk: `DIR/weights/<cell>.npz`, arrays by path and nothing that could run code."""

import errno
import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from ablate.results.files import PASSING, StorageError, write_atomically

SHARES = "shares"  # the array beside those of the members


class Weights(NamedTuple):
    """What makes a cell's predictions: arrays by path for every member, and the members' shares."""

    members: list[dict[str, Any]]
    shares: list[float]


def weights_path(directory: Path, cell: str) -> Path:
    """Where the variables of a cell are kept."""
    return directory / "weights" / f"{cell}.npz"


def write_weights(path: Path, members: Sequence[Mapping[str, Any]], shares: Sequence[float]) -> None:
    """Stores the arrays of every member, by path: `0/params/head/kernel` for the first; and their `shares`.

    Raises:
        StorageError: the file could not be written.
    """
    import numpy as np

    buffer, arrays = io.BytesIO(), {SHARES: np.asarray(shares, np.float32)}
    arrays |= {f"{k}/{name}": array for k, member in enumerate(members) for name, array in member.items()}
    np.savez(buffer, allow_pickle=False, **arrays)
    write_atomically(path, buffer.getvalue())


def read_weights(path: Path) -> Weights:
    """What `write_weights` stored.

    Raises:
        FileNotFoundError: they were not kept.
        StorageError: the file is damaged, or the disk fails for now.
    """
    import zipfile

    import numpy as np

    try:
        with open(path, "rb") as file:
            if not zipfile.is_zipfile(file):
                raise ValueError("it is no .npz file")
            with np.load(file, allow_pickle=False) as archive:
                return _weights({name: archive[name] for name in archive.files})
    except FileNotFoundError:
        raise
    except (OSError, ValueError, EOFError, KeyError, IndexError, zipfile.BadZipFile) as error:
        if isinstance(error, OSError) and error.errno in PASSING:  # the disk's fault, not the file's
            raise StorageError(error.errno, error.strerror, str(path)) from error
        words = f"the kept weights are damaged ({error}); delete the file, and the same `ablate run` makes it again"
        raise StorageError(errno.EINVAL, words, str(path)) from error


def _weights(arrays: dict[str, Any]) -> Weights:
    """Raises KeyError, IndexError or ValueError where arrays are not those of members."""
    shares = arrays.pop(SHARES).reshape(-1).tolist()
    members: list[dict[str, Any]] = [{} for _ in shares]
    for name, array in arrays.items():
        member, _, place = name.partition("/")
        if array.dtype.kind not in "fiub" or not member.isdecimal():
            raise ValueError(f"{name} is no array of numbers of a member")
        members[int(member)][place] = array
    if not all(members):
        raise ValueError("a member has no arrays")
    return Weights(members, shares)


def nested(arrays: Mapping[str, Any]) -> dict[str, Any]:
    """Arrays by path as dictionaries in dictionaries.

    >>> nested({"params/head/bias": 1, "params/head/kernel": 2})
    {'params': {'head': {'bias': 1, 'kernel': 2}}}
    """
    tree: dict[str, Any] = {}
    for name, array in arrays.items():
        *parents, leaf = name.split("/")
        here = tree
        for parent in parents:
            here = here.setdefault(parent, {})
        here[leaf] = array
    return tree
