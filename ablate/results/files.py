"""The one atomic writer, and the one reader of JSON: whatever stands under a name is whole, old or new.

What storage cannot do is a `StorageError`, so that nobody mistakes it for an OSError of a trick or a data set.
"""

import contextlib
import errno
import json
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

PASSING = (errno.ENOSPC, errno.EDQUOT, errno.EIO)  # full, over quota, a disk that stumbled: the same call goes on later
ABSENT = (errno.ENOENT, errno.EISDIR, errno.ENOTDIR, errno.ELOOP, errno.ENAMETOOLONG)  # no file of that name
TEMPORARY = ".part"  # how the names of unfinished files end


class StorageError(OSError):
    """A run's directory cannot be read or written as it must; `filename` says where."""

    @property
    def passes(self) -> bool:
        """Whether it may pass by itself or by freeing space, so that the same command continues."""
        return self.errno in PASSING

    def __str__(self) -> str:
        return f"{self.strerror}: {self.filename}"


@contextlib.contextmanager
def storing(path: Path) -> Iterator[None]:
    """Turns an OSError into a `StorageError` that names the path."""
    try:
        yield
    except StorageError:
        raise
    except OSError as error:
        raise StorageError(error.errno, error.strerror or str(error), str(path)) from error


def write_atomically(path: Path, content: bytes | str) -> Path:
    """Writes a file so that a reader sees the old content or the new one, never a part, whenever the process dies.

    A temporary file of an unforeseeable name beside it, write, flush, fsync, replace, fsync of the folder.

    Args:
        path: where; its folder is made if missing.
        content: bytes, or text that becomes UTF-8 (a lone surrogate becomes its backslash escape).

    Returns:
        The path.

    Raises:
        StorageError: it could not be written; what stood there is as it was.
    """
    data = content.encode("utf-8", "backslashreplace") if isinstance(content, str) else content
    with storing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name[:40]}.", suffix=TEMPORARY)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            os.chmod(temporary, 0o644)
            os.replace(temporary, path)
        except BaseException:
            with contextlib.suppress(OSError):
                os.unlink(temporary)
            raise
        _sync_folder(path.parent)
    return path


def write_json(path: Path, content: Any) -> None:
    """Strict JSON, atomically.

    Raises:
        StorageError: it could not be written.
        ValueError: a number is not finite.
    """
    write_atomically(path, json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False) + "\n")


def read_json(path: Path) -> Any | None:
    """The content, or None where there is no readable JSON.

    Raises:
        StorageError: it is there, but the disk or the rights to it fail, which says nothing about its content.
    """
    try:
        with storing(path):
            return json.loads(path.read_text(encoding="utf-8"))
    except StorageError as error:
        if error.errno in ABSENT:
            return None
        raise
    except (ValueError, RecursionError):
        return None


def names_in(folder: Path) -> frozenset[str]:
    """Names of all that lies in a folder; none where there is no folder.

    Raises:
        StorageError: it is there, and cannot be read.
    """
    try:
        with storing(folder):
            return frozenset(os.listdir(folder))
    except StorageError as error:
        if error.errno in ABSENT:
            return frozenset()
        raise


def clear_temporary(*folders: Path) -> None:
    """Removes what killed writers left behind."""
    for folder in folders:
        with storing(folder):
            for path in folder.glob(f".*{TEMPORARY}"):
                path.unlink(missing_ok=True)


def _sync_folder(folder: Path) -> None:
    """Makes a rename survive a power cut."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
