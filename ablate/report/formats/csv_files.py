"""cells.csv and summary.csv: tidy, without nan, and harmless when a spreadsheet opens them.

The columns in `TIMING` stand last: they differ from run to run; everything else is equal to the byte when a study is
killed and run again.
"""

import csv
import dataclasses
import io
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ablate.report.records import Cell, Summary, Tables

RATIO = {"step_ratio": "ratio", "step_ratio_low": "low", "step_ratio_high": "high"}  # column to key of the record
TIMING = ("steps_per_second", "train_seconds", "compile_seconds", "step_seconds", *RATIO)
CELL_START = ("cell", "arm", "seed", "status")
STEPS = ("diverged_step", "stopped_step")
CELL_END = (
    "parameters",
    "steps",
    "examples",
    "program",
    "lanes",
    "devices",
    "strategy",
    *TIMING[:3],
)
CONTRAST_COLUMNS = {
    "delta": "mean",
    "delta_low": "low",
    "delta_high": "high",
    **{
        name: name for name in ("p", "p_holm", "p_max_t", "p_bh", "p_exact", "verdict", "test", "p_tost", "p_tost_holm")
    },
    **{name: name for name in ("within", "mde", "p_failure", "p_failure_corrected")},
    **{name: name for name in ("rho", "pairing_gain", "drop_one_low", "drop_one_high", "p_wilcoxon", "p_sign")},
}
COUNTS = ("n", "failed", "diverged", "collapsed", "errors")
SUMMARY_COLUMNS = (
    "arm",
    *COUNTS,
    "mean",
    "sd",
    "ci_low",
    "ci_high",
    *CONTRAST_COLUMNS,
    "parameters",
    "program",
    "lanes",
    "flops",
    "step_seconds",
    *RATIO,
)
DANGEROUS = tuple("=+-@|\t\r\n＝＋－＠")  # what spreadsheets take for the beginning of a formula


def cells_csv(tables: Tables) -> str:
    """cells.csv: one line per cell of the study, in its order."""
    columns = cell_columns(tables)
    return delimited(columns, [cell_record(cell, columns) for cell in tables.cells])


def cell_columns(tables: Tables) -> list[str]:
    """The columns of cells.csv; the best step and the members' metrics only where some row has them."""
    if tables.elsewhere:
        return [*CELL_START, *tables.metrics]
    best = ["best_step"] if any(cell.best_step is not None for cell in tables.cells) else []
    members = dict.fromkeys(name for cell in tables.cells for name in member_metrics(cell))
    return [*CELL_START, *tables.metrics, *members, *STEPS, *best, *CELL_END]


def member_metrics(cell: Cell) -> dict[str, float | None]:
    """`member_1_error` and the like to value, for each member that a cell's prediction averages."""
    return {f"member_{i}_{name}": x for i, member in enumerate(cell.members, 1) for name, x in member.items()}


def summary_csv(tables: Tables) -> str:
    """summary.csv: one line per arm, in the order of the study."""
    return delimited(SUMMARY_COLUMNS, [summary_record(arm) for arm in tables.arms])


def cell_record(cell: Cell, columns: Sequence[str]) -> dict[str, Any]:
    """Column to value of one cell."""
    record = {name: getattr(cell, name) for name in (*CELL_START, *STEPS, "best_step")}
    numbers = {**cell.costs, **cell.metrics, **member_metrics(cell)}
    record |= {name: numbers.get(name) for name in columns if name not in record}
    record["program"] = cell.program
    return record


def summary_record(arm: Summary) -> dict[str, Any]:
    """Column to value of one arm."""
    same = ("arm", *COUNTS, "mean", "sd", "parameters", "program", "lanes", "flops", "step_seconds")
    record = {name: getattr(arm, name) for name in same}
    record |= {column: (arm.step_ratio or {}).get(key) for column, key in RATIO.items()}
    return record | {"ci_low": arm.low, "ci_high": arm.high} | contrast_record(arm)


def contrast_record(arm: Summary) -> dict[str, Any]:
    """The columns of an arm against the baseline; all empty for the baseline."""
    if arm.contrast is None:
        return dict.fromkeys(CONTRAST_COLUMNS) | {"verdict": "baseline"}
    low, high = arm.contrast.drop_one or (None, None)
    values = dataclasses.asdict(arm.contrast) | {"drop_one_low": low, "drop_one_high": high, "verdict": arm.verdict}
    return {column: values[name] for column, name in CONTRAST_COLUMNS.items()}


def delimited(columns: Sequence[str], records: Iterable[Mapping[str, Any]]) -> str:
    """Records as CSV text with a header and Unix line ends."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows([field(record[name]) for name in columns] for record in records)
    return buffer.getvalue()


def field(value: Any) -> str:
    """One value as text.

    >>> field(None), field(0.1 + 0.2), field(6), field("=1+1"), field(["cpu:0", "cpu:1"])
    ('', '0.3', '6', "'=1+1", 'cpu:0 cpu:1')
    """
    if value is None:
        return ""
    if isinstance(value, float):
        return format(value, ".9g") if math.isfinite(value) else ""
    if isinstance(value, list | tuple):
        return field(" ".join(str(item) for item in value))
    text = str(value)
    return f"'{text}" if text.startswith(DANGEROUS) and isinstance(value, str) else text
