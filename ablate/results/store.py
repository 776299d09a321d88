"""Rows on disk: one JSON file per cell, written atomically, so that whatever is there is whole.

A reader never locks and never waits: it sees the old file or the new one. The single writer holds `DIR/.lock`.
"""

import contextlib
import dataclasses
import fcntl
import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from ablate.results.files import StorageError, clear_temporary, names_in, storing, write_json
from ablate.results.schema import RowRecord, is_consistent, read_record

LOCK = ".lock"
FINAL = ("done", "diverged")  # a cell with one of these is never trained again


class InUseError(RuntimeError):
    """Another process writes to the directory."""


@contextlib.contextmanager
def locked(directory: Path) -> Iterator[None]:
    """Holds the directory for one writer; the operating system lets go of it when the process ends, however it ends.

    Raises:
        InUseError: another process holds it.
        StorageError: the directory cannot be written to.
    """
    try:
        directory.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        what = "a file is in the way" if isinstance(error, FileExistsError | NotADirectoryError) else error.strerror
        words = f"no folder can be made ({what}); give another --workdir"
        raise StorageError(error.errno, words, str(directory)) from error
    with storing(directory):
        file = open(directory / LOCK, "a+")  # noqa: SIM115  # closed below, when the block ends
    with file:
        with storing(directory):
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                words = f"{directory} is in use by another ablate; wait for it, or give another --workdir"
                raise InUseError(words) from error
        yield


@dataclasses.dataclass(frozen=True)
class Store:
    """The cells of one run directory."""

    directory: Path

    @property
    def cells(self) -> Path:
        """The folder with one file per cell."""
        return self.directory / "cells"

    def write(self, row: RowRecord) -> None:
        """Stores a row under its cell's name."""
        write_json(self.cells / f"{row['cell']}.json", row)

    def read(self, names: Iterable[str], *, set_aside: bool = False) -> dict[str, RowRecord]:
        """The rows there are, by cell; a file that is none hides no other and can be set aside for a new run."""
        rows, there = {}, names_in(self.cells)  # asked once: on shared storage every question takes a while
        for name in (each for each in names if f"{each}.json" in there):
            path = self.cells / f"{name}.json"
            row = read_record(path, RowRecord)
            if row is not None and row["cell"] == name and is_consistent(row):
                rows[name] = row
            elif set_aside and path.exists():
                with storing(path):
                    os.replace(path, path.with_suffix(".unreadable"))
        return rows

    def clear_temporary(self) -> None:
        """Removes what killed writers left behind."""
        folders = ("cells", "weights", "figures", "predictions")
        clear_temporary(self.directory, *(self.directory / name for name in folders))
