"""What a trained cell predicts, example by example: from kept variables, without its config file and without training.

study.json ──config, arm──> plan of one cell ──task, numbers──┐
weights/<cell>.npz ──variables, shares──────────────────────>─┴─ columns ──> CSV
"""

import ast
import csv
import io
import re
from collections.abc import Mapping
from typing import Any, NamedTuple

import jax
import numpy as np

from ablate.data import DATASETS, DataError, DataSet, rows_like
from ablate.report.rows import Rows
from ablate.report.variance import DESIGN
from ablate.results.files import StorageError
from ablate.results.weights import Weights
from ablate.runner.again import resolved_again
from ablate.runner.plan import Plan, load_data, plan_one
from ablate.runner.reuse import DATA_CHANGED, changes
from ablate.study.cells import restored
from ablate.study.choices import DATA, SAMPLING_NAMES, Chosen, check_choice
from ablate.study.problems import ConfigError, unknown
from ablate.study.resolving import arm_of
from ablate.train.lane import Members
from ablate.train.lanes import columns, variables_like

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
    if rows.study["design"] == DESIGN:
        raise ConfigError(
            [f"predict: {rows.directory} holds runs of `ablate variance`; give one that `ablate run` wrote"]
        )
    weights, record = _weights(rows, arm, seed), next(each for each in rows.study["arms"] if each["name"] == arm)
    plan = _plan_again(rows, arm, seed, restored(record["recipe"]))
    item, changed = plan.programs[0], _changed(rows, plan, arm, seed)
    cell = item.inputs[plan.cells[0].name]
    table = plan.arms[0].recipe["data"] if item.dataset.facts.get("inputs") else None
    if data and table and DATA_CHANGED in changed:
        raise ConfigError([f"{DATA_CHANGED}, and its columns were scaled by what they held then; run the study again"])
    arrays = other_examples(data, item.dataset, table) if data else item.dataset.rows(cell.split.test)
    positions = np.arange(len(next(iter(arrays.values())))) if data else cell.split.test
    like = variables_like(item.task, cell.init_choices, cell.init_hp, cell.hp)
    members = Members([_filled(like, member) for member in weights.members], weights.shares)
    predicted = columns(item.task, members, cell.seed, cell.hp, arrays, positions, item.eval_batch_size)
    index = positions if cell.data_key.sampling.rotate_test else np.arange(len(positions))
    return Predictions(predicted, changed, index)


def _plan_again(rows: Rows, arm: str, seed: int, recipe: Mapping[str, Any]) -> Plan:
    """The plan of one cell from what study.json says of it."""
    with resolved_again(rows) as spec:
        return plan_one(spec, arm_of(spec, arm, recipe), seed, name=rows.study["name"])


def as_csv(columns: Mapping[str, np.ndarray], index: np.ndarray) -> str:
    """A line per example, `index` first."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["index", *columns])
    lines = zip(*(map(str, column) for column in columns.values()), strict=True)
    writer.writerows([k, *line] for k, line in zip(index.tolist(), lines, strict=True))
    return text.getvalue()


def _weights(rows: Rows, arm: str, seed: int) -> Weights:
    arms, seeds = [record["name"] for record in rows.study["arms"]], rows.study["seeds"]
    problems = [] if arm in arms else [unknown("--arm", "arm", arm, arms)]
    problems += [] if seed in seeds else [f"--seed: the study has no seed {seed}; it has {', '.join(map(str, seeds))}"]
    if problems:
        raise ConfigError(problems)
    try:
        return rows.weights(arm, seed)
    except (FileNotFoundError, StorageError) as error:
        raise ConfigError([str(error)]) from error


def _filled(like: Any, arrays: Mapping[str, np.ndarray]) -> Any:
    """The variables of a task from arrays by path."""

    def leaf(path: Any, shape: Any) -> np.ndarray:
        name = jax.tree_util.keystr(path, simple=True, separator="/")
        if name not in arrays or arrays[name].shape != shape.shape:
            raise ConfigError([f"the kept weights have no {name} of shape {shape.shape}; has the model changed since?"])
        return arrays[name]

    return jax.tree_util.tree_map_with_path(leaf, like)


def _changed(rows: Rows, plan: Plan, arm: str, seed: int) -> list[str]:
    """What a row says of the code and data that it was trained with, against what there is now."""
    row = next((row for row in rows if (row["arm"], row["seed"]) == (arm, seed)), None)
    now = plan.cells[0].identity
    return changes((row or {}).get("identity") or now, now)


def other_examples(text: str, dataset: DataSet, table: Chosen | None) -> dict[str, np.ndarray]:
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
    arrays, name = load_data(chosen).stacked if chosen and not path else rows, dataset.info.input
    shape, dtype = dataset.info.shapes[name], dataset.info.dtypes[name]
    if name not in arrays or (arrays[name].shape[1:], arrays[name].dtype) != (shape, dtype):
        given = ", ".join(f"{key} {array.dtype} {array.shape[1:]}" for key, array in arrays.items())
        raise ConfigError([f"--data: {text} has {given}; the study's networks take {name} {dtype} {shape}"])
    return {key: array for key, array in arrays.items() if array.shape[1:] == dataset.info.shapes.get(key)}


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
