"""What a trained cell predicts, example by example, as a table; and examples of other data for kept cells."""

import ast
import re
from typing import Any, NamedTuple

import numpy as np

from ablate.data import DATASETS, DataError, DataSet, origin, rows_like
from ablate.report.rows import Rows
from ablate.runner.kept import Kept, KeptCells
from ablate.runner.plan import load_data
from ablate.runner.reuse import DATA_CHANGED
from ablate.study.choices import DATA, SAMPLING_NAMES, Chosen, check_choice
from ablate.study.problems import ConfigError

CALL = re.compile(r"(?P<name>[^()]+)(?:\((?P<arguments>.*)\))?", re.DOTALL)


class Predictions(NamedTuple):
    """Columns by name, one entry per example; `changed` says in words what is not as it was when the cell trained.

    `index` counts the examples of a file or a test split; where each seed draws its own test examples, it is their
    place in the data, the pool before the test split.
    """

    columns: dict[str, np.ndarray]
    changed: list[str]
    index: np.ndarray


def predict(rows: Rows, arm: str, seed: int, data: str = "") -> Predictions:
    """The predictions of a cell for the test examples of its study, or for all examples of other data.

    Args:
        rows: the study.
        arm: name of the arm.
        seed: of the cell.
        data: `NAME`, `NAME(argument=value)` or, where the study's data are a table, another `FILE.csv`; `FILE.npz` with
            arrays such as the study's; "" for the study's test examples.

    Raises:
        ConfigError: there is no such cell, its variables were not kept, or its study or the data do not fit.
    """
    kept = KeptCells.of("predict", rows, [(arm, seed)])
    (cell,) = kept
    arrays = examples_for(kept, data).arrays if data else cell.item.dataset.rows(cell.inputs.split.test)
    positions = np.arange(len(next(iter(arrays.values())))) if data else cell.inputs.split.test
    return Predictions(cell.columns(arrays, positions), kept.changed, index_of(cell, positions))


def index_of(cell: Kept, positions: np.ndarray) -> np.ndarray:
    """How examples are counted: from 0, or by place in the data where each seed draws its own test examples."""
    return positions if cell.inputs.data_key.sampling.rotate_test else np.arange(len(positions))


class Examples(NamedTuple):
    """Arrays by name, and by `file` or `row` where every example comes from, if that is known."""

    arrays: dict[str, np.ndarray]
    source: dict[str, np.ndarray]


def examples_for(kept: KeptCells, text: str) -> Examples:
    """All examples of other data for cells of a study; `text` as `predict` has it.

    Raises:
        ConfigError: they do not fit the study, or its own data have changed since and told how to scale others.
    """
    item = kept.plan.programs[0]
    table = kept.plan.arms[0].recipe["data"] if item.dataset.facts.get("inputs") else None
    if table and DATA_CHANGED in kept.changed:
        raise ConfigError([f"{DATA_CHANGED}, and its columns were scaled by what they held then; run the study again"])
    return other_examples(text, item.dataset, table)


def other_examples(text: str, dataset: DataSet, table: Chosen | None) -> Examples:
    """All examples of other data, in the form that a study's own have; files as its own `table`, where it has one.

    Raises:
        ConfigError: there are none of that name, or they do not look like the study's.
    """
    path, chosen = (text, None) if text.lower().endswith((".csv", ".npz")) else ("", _chosen(text))
    if chosen and chosen.choice.make is DATASETS["table"]:
        path = chosen.arguments["path"]
    try:
        rows = rows_like(path, dataset, table.arguments["label"] if table else "") if path else {}
    except DataError as error:
        raise ConfigError([f"--{error}"]) from error
    loaded = load_data(chosen) if chosen and not path else None
    arrays, name = loaded.stacked if loaded else rows, dataset.info.input
    shape, dtype = dataset.info.shapes[name], dataset.info.dtypes[name]
    if name not in arrays or (arrays[name].shape[1:], arrays[name].dtype) != (shape, dtype):
        given = ", ".join(f"{key} {array.dtype} {array.shape[1:]}" for key, array in arrays.items())
        raise ConfigError([f"--data: {text} has {given}; the study's networks take {name} {dtype} {shape}"])
    fitting = {key: array for key, array in arrays.items() if array.shape[1:] == dataset.info.shapes.get(key)}
    if loaded and "label" in fitting:
        fitting["label"] = _same_numbers(fitting["label"], loaded, dataset, text)
    of_file = {"row": 1 + np.arange(len(arrays[name]))} if path.lower().endswith(".csv") else {}
    return Examples(fitting, origin(loaded) if loaded else of_file)


def _same_numbers(labels: np.ndarray, given: DataSet, study: DataSet, text: str) -> np.ndarray:
    """Labels as the study numbers them, by the texts that they stand for."""
    theirs, ours = (data.facts.get("labels") or () for data in (given, study))
    if not theirs or not ours or tuple(theirs) == tuple(ours):
        return labels
    foreign = [str(theirs[k]) for k in np.unique(labels) if theirs[k] not in ours]
    if foreign:
        raise ConfigError([f"--data: {text} has labels {', '.join(foreign[:5])}, which the study does not know"])
    return np.array([list(ours).index(name) if name in ours else -1 for name in theirs], np.int32)[labels]


def _chosen(text: str) -> Chosen:
    call, problems = CALL.fullmatch(text), []
    if not call:
        raise ConfigError([f"--data: write NAME, NAME(argument=value), FILE.csv or FILE.npz, not {text!r}"])
    content = _called(text, call)
    for name in content.keys() & set(SAMPLING_NAMES):
        problems.append(f"--data.{name}: training examples are not spoilt or left out here; leave it away")
    chosen = check_choice(DATA, content, "--data", problems)
    if problems or chosen is None:
        raise ConfigError(problems)
    return chosen


def _called(text: str, call: re.Match[str]) -> dict[str, Any]:
    try:
        tree: Any = ast.parse(f"call({call['arguments'] or ''})", mode="eval").body
        arguments = {keyword.arg: ast.literal_eval(keyword.value) for keyword in tree.keywords if keyword.arg}
        if tree.args or len(arguments) < len(tree.keywords):
            raise ValueError("arguments need names")
    except (SyntaxError, ValueError) as error:
        raise ConfigError([f"--data: write NAME(argument=value), not {text!r}"]) from error
    return {"name": call["name"].strip(), **arguments}
