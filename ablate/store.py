"""Rows on disk: one JSON file per cell, written atomically, so that whatever is there is whole.

A reader never locks and never waits: it sees the old file or the new one. The single writer holds `DIR/.lock`.
"""

import contextlib
import dataclasses
import fcntl
import json
import os
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

FINAL = ("done", "diverged")  # a cell with one of these is never trained again
NEEDED = {"arm", "seed", "status", "metrics", "curves", "costs", "error"}  # without these a file is no row
Row = dict[str, Any]


class InUseError(RuntimeError):
    """Another process writes to the directory."""


@contextlib.contextmanager
def locked(directory: Path) -> Iterator[None]:
    """Holds the directory for one writer; the operating system lets go of it when the process ends, however it ends.

    Raises:
        InUseError: another process holds it.
        OSError: the directory cannot be written to.
    """
    directory.mkdir(parents=True, exist_ok=True)
    with open(directory / ".lock", "a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise InUseError(
                f"{directory} is in use by another ablate; wait for it, or give another --workdir"
            ) from error
        yield


def write_json(path: Path, content: Any) -> None:
    """Strict JSON, atomically: temporary file beside it, write, flush, fsync, replace, fsync of the directory."""
    text = json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False) + "\n"
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name[:40]}.", suffix=".part")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(temporary)
        raise
    _sync_folder(path.parent)


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def read_json(path: Path) -> Any | None:
    """The content, or None where there is no readable JSON."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None


@dataclasses.dataclass(frozen=True)
class Store:
    """The cells of one run directory."""

    directory: Path

    @property
    def cells(self) -> Path:
        """The folder with one file per cell."""
        return self.directory / "cells"

    def write(self, row: Row) -> None:
        """Stores a row under its cell's name."""
        write_json(self.cells / f"{row['cell']}.json", row)

    def read(self, names: Iterable[str], *, set_aside: bool = False) -> dict[str, Row]:
        """The rows there are, by cell; an unreadable file hides no other and can be set aside for a new run."""
        rows = {}
        for name in names:
            path = self.cells / f"{name}.json"
            row = read_json(path)
            if _is_row(row, name):
                rows[name] = row
            elif set_aside and path.exists():
                os.replace(path, path.with_suffix(".unreadable"))
        return rows

    def clear_temporary(self) -> None:
        """Removes what killed writers left behind."""
        for folder in (self.directory, self.cells):
            for path in folder.glob(".*.part"):
                path.unlink(missing_ok=True)


def _is_row(row: Any, name: str) -> bool:
    return isinstance(row, Mapping) and row.get("cell") == name and set(row) >= NEEDED
