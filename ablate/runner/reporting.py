"""Reports of a directory, and the ledger of those that showed verdicts."""

import contextlib
import dataclasses
import hashlib
import json
import os
import time
from pathlib import Path
from typing import TYPE_CHECKING

from ablate.report.rows import Rows
from ablate.results.files import StorageError, storing, write_json
from ablate.results.schema import Progress, ReportedRecord, read_record
from ablate.runner.interrupts import Between, go_on
from ablate.runner.starting import is_alive, now

if TYPE_CHECKING:
    from ablate.report.plots.together import Draw

INTERIM_SECONDS = 10.0
MARK = ".reported"  # says what the reports of a directory were made of
OF_PROGRESS = ("compiles", "cached", "compile_seconds", "train_seconds")  # what a report shows of it


def write_reports(directory: Path, between: Between = go_on, *, anew: bool = True, draw: "Draw | None" = None) -> Rows:
    """Writes all reports of a directory from its rows; runs no config.

    Args:
        directory: that `ablate run`, `ablate variance` or `ablate verdict` wrote.
        between: called between two files; what it raises ends it there.
        anew: write them even if they are there, made of the same rows by the same code.
        draw: who draws their figures, where somebody is ready.

    Raises:
        StorageError: a file could not be written.
    """
    rows = Rows.load(directory)
    if not anew and _is_written(rows):
        return rows
    from ablate.report import write_report, write_variance  # they draw, and loading what draws takes half a second
    from ablate.report.variance import DESIGN

    if rows.study["design"] == DESIGN:
        written = write_variance(directory, rows.study, list(rows), between)
    else:
        rows = _looked_at(rows)
        everything = (rows.study, list(rows), rows.environment, _progress(rows))
        written = write_report(directory, *everything, between, rows.looks, rows.inputs, draw)
    names = [path.relative_to(directory).as_posix() for path in written]
    write_json(directory / MARK, {"digest": _digest(rows), "files": names})
    return rows


class Interim:
    """report.html while a study trains: what has ended so far, without verdicts, at the ends of programs.

    It takes about a second, so one follows the other, or the start, by `INTERIM_SECONDS` at the least.
    """

    def __init__(self, directory: Path):
        self._directory = directory
        self._last, self._written = time.monotonic(), False

    def write(self) -> None:
        """At the end of a program.

        Raises:
            StorageError: the page could not be written.
        """
        if time.monotonic() - self._last > INTERIM_SECONDS:
            self._write()
            self._last, self._written = time.monotonic(), True

    def interrupted(self) -> None:
        """A page that there is waits for no other any more."""
        if self._written:
            with contextlib.suppress(StorageError):
                self._write()

    def _write(self) -> None:
        from ablate.report import write_page

        rows = Rows.load(self._directory)
        write_page(self._directory, rows.study, list(rows), rows.environment, rows.progress)


def _progress(rows: Rows) -> Progress | None:
    """The record of progress; a run that was killed did not write that it ended, and no page waits for it."""
    progress = rows.progress
    if progress and progress.get("state") == "running" and not is_alive(progress.get("pid")):
        return {**progress, "state": "interrupted"}
    return progress


def _is_written(rows: Rows) -> bool:
    """Whether the reports that there are were made of these rows by this code."""
    mark: ReportedRecord | None = read_record(rows.directory / MARK, ReportedRecord)
    there = mark is not None and all((rows.directory / name).is_file() for name in mark["files"])
    return there and mark is not None and mark["digest"] == _digest(rows)


def _digest(rows: Rows) -> str:
    """A hash of all that a report follows from, and of the code that makes it."""
    progress = {key: (rows.progress or {}).get(key) for key in OF_PROGRESS}
    content = (rows.study, list(rows), rows.environment, progress, rows.looks)
    total = hashlib.sha256(json.dumps(content, sort_keys=True).encode())
    for row in rows.inputs:
        total.update(repr((row.arm, row.pictures.shape, row.captions, row.spoilt)).encode() + row.pictures.tobytes())
    for package in ("report", "stats"):
        for path in sorted((Path(__file__).parent.parent / package).rglob("*.*")):
            total.update(path.read_bytes() if path.suffix != ".pyc" else b"")
    return total.hexdigest()


def _looked_at(rows: Rows) -> Rows:
    """Notes in looks.json that somebody is about to see verdicts, before anybody does."""
    from ablate.report.looks import is_new, look_of
    from ablate.report.tables import tabulate

    look = look_of(tabulate(rows.study, rows, looks=rows.looks), rows, now())
    if look is None or not is_new(look, rows.looks):
        return rows
    looks, ledger = (*rows.looks, look), rows.directory / "looks.json"
    if not rows.looks and ledger.exists():  # what is damaged is kept beside it, for whoever can read it
        with storing(ledger):
            os.replace(ledger, ledger.with_suffix(".unreadable"))
    write_json(ledger, list(looks))
    return dataclasses.replace(rows, looks=looks)
