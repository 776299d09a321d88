"""What a tracker is told of a study: a record per cell, and one with the verdicts of all arms. Pure."""

import dataclasses
import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ablate.report.formats.csv_files import SUMMARY_COLUMNS, cell_columns, cell_record, summary_record
from ablate.report.frames import tables_of
from ablate.report.recipes import flat
from ablate.report.records import Cell, Tables
from ablate.report.rows import Rows
from ablate.report.tables import finite
from ablate.report.wording import plain

IDENTITY = ("cell", "arm", "seed", "status")  # what a run is called by, and no number of it
OF_AN_ARM = ("mean", "delta", "delta_low", "delta_high", "p_holm")  # numbers of a verdict


@dataclasses.dataclass(frozen=True)
class TrackedRun:
    """A run as trackers have them.

    Attributes:
        id: the same whenever the study is sent: the name of a cell's files.
        group: what runs are put together by: the arm.
        tags: short words.
        config: choices and settings, plain values by flat names.
        history: numbers by name at every evaluation, the step first.
        summary: final numbers by name.
        failed: whether it ended without a result that counts.
        columns: of a table; empty for none.
        table: its rows.
    """

    id: str
    group: str
    tags: tuple[str, ...]
    config: Mapping[str, Any]
    history: Sequence[tuple[int, Mapping[str, float]]]
    summary: Mapping[str, float]
    failed: bool = False
    columns: tuple[str, ...] = ()
    table: Sequence[Sequence[Any]] = ()

    @property
    def digest(self) -> str:
        """A hash of all of it: a run that was sent before is the same or is sent anew."""
        return hashlib.sha256(json.dumps(dataclasses.astuple(self), default=str).encode()).hexdigest()


def tracked_runs(rows: Rows, condition: str = "") -> Iterator[TrackedRun]:
    """A run for every cell that has ended, in the order of the study, and one with the verdicts.

    Args:
        rows: the study.
        condition: under which it ran, where it is one of several.
    """
    tables = tables_of(rows)
    recipes = {arm["name"]: flat(arm["recipe"]) for arm in rows.study["arms"]}
    tags = (condition,) if condition else ()
    columns = cell_columns(tables)
    stored = {row["cell"] for row in rows}
    for cell in tables.cells:
        if cell.cell in stored:
            yield cell_run(cell, recipes[cell.arm], columns, tags)
    yield verdict_run(tables, condition)


def cell_run(cell: Cell, recipe: Mapping[str, Any], columns: Sequence[str], tags: tuple[str, ...]) -> TrackedRun:
    """The run of a cell: its recipe, its curves, and the numbers that cells.csv has of it."""
    record = {name: value for name, value in cell_record(cell, columns).items() if name not in IDENTITY}
    numbers = {name: finite(value) for name, value in record.items()}
    words = {name: value for name, value in record.items() if isinstance(value, str)}
    return TrackedRun(
        id=cell.cell,
        group=plain(cell.arm),
        tags=(cell.status, *tags),
        config={"arm": cell.arm, "seed": cell.seed, "status": cell.status, **words, **scalars(recipe)},
        history=list(history_of(cell)),
        summary={name: value for name, value in numbers.items() if value is not None},
        failed=cell.status != "done",
    )


def history_of(cell: Cell) -> Iterator[tuple[int, dict[str, float]]]:
    """Step and finite values of every curve there."""
    curves = {name: [finite(value) for value in curve] for name, curve in cell.curves.items()}
    for k, step in enumerate(curves.pop("step", ())):
        yield int(step or 0), {name: value for name, curve in curves.items() if (value := curve[k]) is not None}


def verdict_run(tables: Tables, condition: str) -> TrackedRun:
    """The verdicts of a study: the table that summary.csv is, and its main numbers by arm."""
    study, records = tables.study, [summary_record(arm) for arm in tables.arms]
    known = {f"{record['arm']}/{name}": finite(record[name]) for record in records for name in OF_AN_ARM}
    return TrackedRun(
        id="-".join(["verdicts", hashlib.sha256(f"{study['name']} {condition}".encode()).hexdigest()[:10]]),
        group="verdicts",
        tags=("verdicts", *([condition] if condition else [])),
        config={
            "study": study["name"],
            "design": study["design"],
            "metric": study["metric"]["name"],
            "alpha": study["alpha"],
            "seeds": len(study["seeds"]),
            **{f"{arm.arm}/verdict": "baseline" if arm.baseline else arm.verdict for arm in tables.arms},
        },
        history=[],
        summary={name: value for name, value in known.items() if value is not None},
        columns=SUMMARY_COLUMNS,
        table=[[record[name] for name in SUMMARY_COLUMNS] for record in records],
    )


def scalars(values: Mapping[str, Any]) -> dict[str, Any]:
    """Numbers and words as they are, anything else as text."""
    return {name: value if isinstance(value, int | float | str) else str(value) for name, value in values.items()}
