"""A table of numbers from a CSV file: columns to predict from, columns to predict."""

import csv
from pathlib import Path
from typing import Annotated, NamedTuple

import numpy as np

from ablate.data.dataset import DataError, DataSet
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
    """Any CSV file of numbers with a header, such as the California housing table: rows are examples.

        vector = every column that is not predicted, each with mean 0 and sd 1 over all rows

    Args:
        path: the file, UTF-8, with a header line.
        target: columns to predict as numbers, for regression.
        label: a column to predict as a class, for classification; its values may be any text, in alphabetical order.
        unit: of the targets, for the report.
        test: share of the rows (of each class, where there is a label) that is held out for the test.

    Returns:
        A `DataSet` with `vector` and `target` or `label`.

    Raises:
        DataError: the file cannot be read, a column is missing, or an entry is no number.
    """
    header, rows = _read(path)
    wanted = ((target,) if isinstance(target, str) else tuple(target)) + ((label,) if label else ())
    missing = [name for name in wanted if name not in header]
    if missing or not wanted:
        what = f"no column {missing[0]!r}" if missing else "nothing to predict; set data.target or data.label"
        raise DataError(f"data: {path}: {what}; it has {', '.join(header)}")
    columns = {name: [row[k] for row in rows] for k, name in enumerate(header)}
    names = tuple(name for name in header if name not in wanted)
    vectors = np.stack([_numbers(path, name, columns[name]) for name in names], 1)
    sd = vectors.std(0)
    inputs = Inputs(names, vectors.mean(0), np.where(sd > 0, sd, np.float32(1)))
    arrays: dict[str, np.ndarray] = {"vector": (vectors - inputs.mean) / inputs.spread}
    classes = sorted(set(columns[label])) if label else []
    if label:
        arrays["label"] = np.array([classes.index(value) for value in columns[label]], np.int32)
    targets = [name for name in wanted if name != label]
    if targets:
        arrays["target"] = np.stack([_numbers(path, name, columns[name]) for name in targets], 1)
    description = f"{len(rows)} rows of {Path(path).name}, {len(names)} columns to predict from"
    facts = {"inputs": inputs}
    return DataSet.from_arrays(
        test, name=Path(path).stem, description=description, classes=len(classes), unit=unit, facts=facts, **arrays
    )


def rows_like(path: str, dataset: DataSet) -> np.ndarray:
    """The rows of another file as `vector` of the data set of a table: its columns, in its order and its units.

    Raises:
        DataError: the data set is no table, a column is missing, or an entry is no number.
    """
    inputs = dataset.facts.get("inputs")
    if not isinstance(inputs, Inputs):
        raise DataError(f"data: {dataset.name} is no table, so that the columns of {path!r} say nothing")
    header, rows = _read(path)
    missing = [name for name in inputs.names if name not in header]
    if missing:
        raise DataError(f"data: {path}: no column {missing[0]!r}; it has {', '.join(header)}")
    columns = [_numbers(path, name, [row[header.index(name)] for row in rows]) for name in inputs.names]
    return (np.stack(columns, 1) - inputs.mean) / inputs.spread


def _read(path: str) -> tuple[list[str], list[list[str]]]:
    try:
        with open(path, newline="", encoding="utf-8-sig") as file:
            header, *rows = [row for row in csv.reader(file) if row]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"data.path: cannot read {path!r}: {error}") from error
    except ValueError:
        raise DataError(f"data.path: {path!r} is empty; a header and rows are needed") from None
    uneven = next((k for k, row in enumerate(rows, 2) if len(row) != len(header)), None)
    if uneven or not rows:
        what = f"line {uneven} has another number of entries than the header" if uneven else "no rows"
        raise DataError(f"data.path: {path!r}: {what}")
    return header, rows


def _numbers(path: str, name: str, values: list[str]) -> np.ndarray:
    for line, value in enumerate(values, 2):
        try:
            float(value)
        except ValueError:
            where = f"line {line}, column {name!r}"
            raise DataError(f"data.path: {path!r}, {where}: {value!r} is no number; leave the column out") from None
    return np.array(values, np.float64).astype(np.float32)
