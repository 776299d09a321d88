"""Reports of a directory, and the ledger of those that showed verdicts."""

import dataclasses
import datetime
import os
from pathlib import Path

from ablate.report.rows import Rows
from ablate.results.files import storing, write_json
from ablate.runner.interrupts import Between, go_on


def write_reports(directory: Path, between: Between = go_on) -> Rows:
    """Writes all reports of a directory from its rows; runs no config.

    Args:
        directory: that `ablate run`, `ablate variance` or `ablate verdict` wrote.
        between: called between two files; what it raises ends it there.

    Raises:
        StorageError: a file could not be written.
    """
    from ablate.report import write_report, write_variance
    from ablate.report.variance import DESIGN

    rows = Rows.load(directory)
    if rows.study["design"] == DESIGN:
        write_variance(directory, rows.study, list(rows), between)
        return rows
    rows = _looked_at(rows)
    write_report(directory, rows.study, list(rows), rows.environment, rows.progress, between, rows.looks)
    return rows


def _looked_at(rows: Rows) -> Rows:
    """Notes in looks.json that somebody is about to see verdicts, before anybody does."""
    from ablate.report.looks import is_new, look_of
    from ablate.report.tables import tabulate

    now = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
    look = look_of(tabulate(rows.study, rows, looks=rows.looks), rows, now)
    if look is None or not is_new(look, rows.looks):
        return rows
    looks, ledger = (*rows.looks, look), rows.directory / "looks.json"
    if not rows.looks and ledger.exists():  # what is damaged is kept beside it, for whoever can read it
        with storing(ledger):
            os.replace(ledger, ledger.with_suffix(".unreadable"))
    write_json(ledger, list(looks))
    return dataclasses.replace(rows, looks=looks)
