"""Numbers from a file: columns of a CSV to predict from and to predict, or the arrays of an .npz."""

import csv
from pathlib import Path
from typing import Annotated, NamedTuple

import numpy as np

from ablate.data.archive import archive, archive_rows, class_of, is_archive
from ablate.data.dataset import DataError, DataSet, held_out
from ablate.tricks.axis import FilePath, Range


class Inputs(NamedTuple):
    """The columns that a network sees: their names, what was subtracted and what they were divided by."""

    names: tuple[str, ...]
    mean: np.ndarray
    spread: np.ndarray


def table(
    path: FilePath,
    target: tuple[str, ...] = (),
    label: str = "",
    unit: str = "",
    test: Annotated[float, Range(0, 1, above=True, below=True)] = 0.25,
) -> DataSet:
    """Any CSV file of numbers with a header, such as the California housing table, or arrays in an .npz file.

        vector = every column that is not predicted, each with mean 0 and sd 1 over all rows

    An .npz file, as `numpy.savez` writes it, holds arrays called `image` or `vector`, and `label` or `target`, with the
    examples along the first axis, and optionally `test_image`, `test_label` and so on; they are taken as they are.

    Args:
        path: the file; a CSV is UTF-8, with a header line.
        target: columns of a CSV to predict as numbers, for regression.
        label: a column of a CSV to predict as a class, for classification; its values may be any text, in alphabetical
            order.
        unit: of the targets, for the report.
        test: share of the examples (of each class, where there is a label) that is held out for the test; not used
            where an .npz brings a test split.

    Returns:
        A `DataSet` with `vector` and `target` or `label`; its facts hold the `inputs`, the texts of the `labels` and
        the `rows` of the file, from 1, that the pool and the test split come from.

    Raises:
        DataError: the file cannot be read, a column or array is missing, or an entry is no number.

    Example:
        >>> import tempfile
        >>> with tempfile.NamedTemporaryFile(suffix=".npz") as file:
        ...     np.savez(file, vector=np.zeros((8, 2)), label=np.arange(8) % 2)
        ...     table(file.name).sizes
        (6, 2)
    """
    if is_archive(path):
        if target or label:
            raise DataError(f"data: {path}: target and label name columns of a CSV; arrays are called so themselves")
        return archive(path, test, unit)
    header, rows = _read(path)
    targets = (target,) if isinstance(target, str) else tuple(target)
    names = _inputs(path, header, (*targets, *([label] if label else [])))
    columns = {name: [row[k] for row in rows] for k, name in enumerate(header)}
    vectors = np.stack([_numbers(path, name, columns[name]) for name in names], 1)
    sd = vectors.std(0)
    inputs = Inputs(names, vectors.mean(0), np.where(sd > 0, sd, np.float32(1)))
    arrays: dict[str, np.ndarray] = {"vector": (vectors - inputs.mean) / inputs.spread}
    classes = sorted(set(columns[label])) if label else []
    if label:
        arrays["label"] = np.array([classes.index(value) for value in columns[label]], np.int32)
    if targets:
        arrays["target"] = np.stack([_numbers(path, name, columns[name]) for name in targets], 1)
    description = f"{len(rows)} rows of {Path(path).name}, {len(names)} columns to predict from"
    held = held_out(arrays.get("label", np.zeros(len(rows), np.int32)), test)
    rows_of = 1 + np.concatenate([np.flatnonzero(~held), np.flatnonzero(held)])
    facts = {"inputs": inputs, "labels": tuple(classes), "targets": targets, "rows": rows_of}
    return DataSet.from_arrays(
        test, name=Path(path).stem, description=description, classes=len(classes), unit=unit, facts=facts, **arrays
    )


def _inputs(path: str, header: list[str], wanted: tuple[str, ...]) -> tuple[str, ...]:
    """The columns that are left to predict from."""
    names = tuple(name for name in header if name not in wanted)
    missing = [name for name in wanted if name not in header]
    problems = {
        f"no column {', '.join(map(repr, missing))}": missing,
        "nothing to predict; set data.target or data.label": not wanted,
        "a column to predict is named twice": len(set(wanted)) < len(wanted),
        "no column is left to predict from": not names,
    }
    what = next((words for words, wrong in problems.items() if wrong), None)
    if what:
        raise DataError(f"data: {path}: {what}; it has {', '.join(map(repr, header))}")
    return names


def rows_like(path: str, dataset: DataSet, label: str = "") -> dict[str, np.ndarray]:
    """The rows of another file as a table's data set has them: its columns, in its order and its units.

    What is predicted need not be there; where it is, it comes along. Arrays of an .npz file need no table.

    Args:
        path: the file.
        dataset: what `table` made of the file that networks were trained on.
        label: its column with the class, if there is one.

    Raises:
        DataError: the data set is no table, a column is missing, an entry is no number, or a label is a new one.
    """
    inputs = dataset.facts.get("inputs")
    if is_archive(path) and inputs:
        raise DataError(f"data: {path}: {dataset.name} was a CSV, whose columns have names and units; give a CSV again")
    if is_archive(path):
        return archive_rows(path, dataset)
    if not isinstance(inputs, Inputs):
        raise DataError(f"data: {dataset.name} is no table, so that the columns of {path!r} say nothing")
    header, rows = _read(path)
    columns = {name: [row[k] for row in rows] for k, name in enumerate(header)}
    missing = [name for name in inputs.names if name not in columns]
    if missing:
        raise DataError(f"data: {path}: no column {missing[0]!r}; it has {', '.join(map(repr, header))}")
    vectors = np.stack([_numbers(path, name, columns[name]) for name in inputs.names], 1)
    arrays: dict[str, np.ndarray] = {"vector": (vectors - inputs.mean) / inputs.spread}
    targets = dataset.facts["targets"]
    if targets and set(targets) <= columns.keys():
        arrays["target"] = np.stack([_numbers(path, name, columns[name]) for name in targets], 1)
    if label in columns:
        arrays["label"] = np.array([class_of(path, text, dataset.facts["labels"]) for text in columns[label]], np.int32)
    return arrays


def _read(path: str) -> tuple[list[str], list[list[str]]]:
    try:
        with open(path, newline="", encoding="utf-8-sig") as file:
            header, *rows = [row for row in csv.reader(file) if row]
    except UnicodeDecodeError as error:
        raise DataError(f"data.path: {path!r} is not UTF-8; save it as that") from error
    except (OSError, csv.Error) as error:
        raise DataError(f"data.path: cannot read {path!r}: {error}") from error
    except ValueError:
        raise DataError(f"data.path: {path!r} is empty; a header and rows are needed") from None
    uneven = next((k for k, row in enumerate(rows, 2) if len(row) != len(header)), None)
    twice = [name for name in header if header.count(name) > 1 or not name.strip()]
    if twice:
        raise DataError(f"data.path: {path!r}: every column needs a name of its own, and {twice[0]!r} is none")
    if uneven or not rows:
        what = f"line {uneven} has another number of entries than the header" if uneven else "no rows"
        raise DataError(f"data.path: {path!r}: {what}")
    return header, rows


def _numbers(path: str, name: str, values: list[str]) -> np.ndarray:
    for row, value in enumerate(values, 1):
        try:
            finite = np.isfinite(np.float32(value))
        except ValueError:
            finite = False
        if not finite:
            where = f"row {row}, column {name!r}"
            raise DataError(f"data.path: {path!r}, {where}: {value!r} is no finite number; fill it in or drop the row")
    return np.array(values, np.float64).astype(np.float32)
