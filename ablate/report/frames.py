"""A study as pandas frames: its cells, its curves, its verdicts.

Cells and verdicts have the columns of cells.csv and summary.csv, whose home is `formats.csv_files`, and behind them
what arms chose where they differ: `optimizer` is the name of the choice and `optimizer.learning_rate` an argument.
Columns and dtypes follow from the study, not from how much of it has run; what is missing is nan, or NA among integers.
"""

import contextlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ablate.report.formats.csv_files import SUMMARY_COLUMNS, cell_columns, cell_record, summary_record
from ablate.report.recipes import differing
from ablate.report.records import Tables
from ablate.report.tables import finite, tabulate

if TYPE_CHECKING:
    from ablate.report.rows import Rows

COUNTED = ("seed", "step", "n", "failed", "diverged", "collapsed", "errors")  # integers that are never missing
WHOLE = ("diverged_step", "stopped_step", "best_step", "parameters", "steps", "examples", "lanes", "devices")
TEXT = ("condition", "cell", "arm", "status", "program", "strategy", "verdict", "test")


def cells_frame(rows: "Rows") -> Any:
    """One line per cell of the study, in its order, those without a row too."""
    tables = tables_of(rows)
    columns = cell_columns(tables)
    records = [cell_record(cell, columns) for cell in tables.cells]
    return frame(*with_choices(tables, columns, records))


def verdicts_frame(rows: "Rows") -> Any:
    """One line per arm, in the order of the study."""
    tables = tables_of(rows)
    return frame(*with_choices(tables, SUMMARY_COLUMNS, [summary_record(arm) for arm in tables.arms]))


def curves_frame(rows: "Rows") -> Any:
    """One line per cell and evaluation, with a column per curve."""
    declared = [*rows.study["curves"], *(f"val_{metric['name']}" for metric in rows.study["metrics"])]
    curves = dict.fromkeys([*declared, *(name for row in rows for name in row["curves"])])
    columns = ["cell", "arm", "seed", "step", *(name for name in curves if name != "step")]
    return frame(columns, [record for row in rows for record in points_of(row)])


def points_of(row: Any) -> Iterable[dict[str, Any]]:
    """Column to value at every evaluation of a cell."""
    for k, step in enumerate(row["curves"].get("step", ())):
        values = {name: curve[k] for name, curve in row["curves"].items()}
        yield {"cell": row["cell"], "arm": row["arm"], "seed": row["seed"], **values, "step": step}


def joined(frames: Mapping[str, Any]) -> Any:
    """The frames of several conditions below one another, the name of each in a first column `condition`."""
    pandas = imported()
    parts = []
    for name, part in frames.items():
        part.insert(0, "condition", pandas.Series(name, index=part.index, dtype=object))
        parts.append(part)
    return pandas.concat(parts, ignore_index=True) if parts else frame(["condition"], [])


def tables_of(rows: "Rows") -> Tables:
    """The study as reports read it."""
    return tabulate(rows.study, rows, rows.environment, rows.progress, rows.looks)


def with_choices(
    tables: Tables, columns: Sequence[str], records: Iterable[Mapping[str, Any]]
) -> tuple[list[str], list[dict[str, Any]]]:
    """Columns and records, and behind them what the arm of each record chose where arms differ."""
    chosen = differing({arm["name"]: arm["recipe"] for arm in tables.study["arms"]})
    names = list(next(iter(chosen.values()), {}))
    called = {name: f"recipe.{name}" if name in columns else name for name in names}
    own = {arm: {called[name]: value for name, value in choices.items()} for arm, choices in chosen.items()}
    return [*columns, *called.values()], [{**record, **own.get(record["arm"], {})} for record in records]


def frame(columns: Iterable[str], records: Sequence[Mapping[str, Any]]) -> Any:
    """Records as a frame with these columns, each of the dtype that it always has."""
    pandas = imported()

    def series(name: str) -> Any:
        values = [record.get(name) for record in records]
        convert, dtype = kind_of(name, values)
        return pandas.Series([convert(value) for value in values], dtype=dtype)

    return pandas.DataFrame({name: series(name) for name in columns})


def kind_of(name: str, values: Iterable[Any]) -> tuple[Callable[[Any], Any], Any]:
    """What a column makes of its values, and its dtype."""
    if name in COUNTED:
        return int, "int64"
    if name in WHOLE:
        return whole, "Int64"
    if name in TEXT or any(isinstance(value, str | bool | list) for value in values):
        return lambda value: str(value) if isinstance(value, list) else value, object
    return number, "float64"


def whole(value: Any) -> int | None:
    """An integer, or None."""
    return None if finite(value) is None else int(value)


def number(value: Any) -> float:
    """A float, nan where there is none or an infinite one."""
    found = finite(value)
    return float("nan") if found is None else found


def imported() -> Any:
    """The module pandas.

    Raises:
        ModuleNotFoundError: it is not installed.
    """
    with contextlib.suppress(ModuleNotFoundError):
        import pandas

        return pandas
    raise ModuleNotFoundError("frames need pandas, which is not installed; pip install pandas", name="pandas")
