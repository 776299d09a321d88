"""What stands in the files of a run's directory, as types; what is read is checked against them.

A file that does not fit is as good as absent: damaged, or written by something else.
"""

import functools
import typing
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Literal, NotRequired, TypedDict

from ablate.results.files import read_json

Number = float | None  # null where a number is not finite
Status = Literal["done", "diverged", "failed", "oom", "timeout", "interrupted"]


class CellError(TypedDict):
    """Why a cell failed."""

    type: str
    message: str
    traceback: str


class RowRecord(TypedDict):
    """`cells/<slug>-<hash>.json`: the result of one cell."""

    cell: str
    arm: str
    seed: int
    status: Status
    metrics: dict[str, Number]
    curves: dict[str, list[Number]]
    costs: dict[str, Any]
    error: CellError | None
    diverged_step: NotRequired[int | None]
    stopped_step: NotRequired[int | None]
    best_step: NotRequired[int | None]  # of the variables that were judged, where they are not the last ones
    members: NotRequired[list[dict[str, Number]]]  # metrics by bare name of each member that a prediction averages


class WaveRecord(TypedDict):
    """One element of `checkpoints/<program>.json`: cells that advance together, and how many lanes they have."""

    width: int
    cells: list[str]


class ArmRecord(TypedDict):
    """An arm of a study."""

    name: str
    changes: dict[str, dict[str, Any]]
    recipe: dict[str, dict[str, Any]]
    flops: NotRequired[Number]
    step_seconds: NotRequired[Number]
    rates: NotRequired[dict[str, "RateRecord"]]  # by name: learning_rate, critic_learning_rate, ...


class RateRecord(TypedDict):
    """A learning rate of an arm at some of its steps."""

    step: list[int]
    rate: list[Number]


class CellRecord(TypedDict):
    """A cell of a study."""

    cell: str
    arm: str
    seed: int
    program: str


class ProgramRecord(TypedDict):
    """A program of a study."""

    id: str
    arms: list[str]
    cells: list[str]
    lanes: int
    devices: int
    strategy: str
    why: str
    structure: NotRequired[dict[str, list[str]]]


class MetricRecord(TypedDict):
    """What the verdicts are about."""

    name: str
    higher_is_better: bool
    margin: float | None


class TaskMetric(TypedDict):
    """A metric `x` that the task evaluates: `test_x` and `val_x` of every row, and how they are shown.

    `scale` is the shown value per stored value; `unit` stands behind a level, `difference` behind a difference.
    """

    name: str
    higher_is_better: bool
    scale: float
    unit: str
    difference: str


class DataRecord(TypedDict):
    """The data of a study; `shape` of one example by the name of the array."""

    name: str
    arguments: NotRequired[dict[str, Any]]
    shape: NotRequired[dict[str, list[int]]]
    description: NotRequired[str]
    train: NotRequired[int]
    validation: NotRequired[int]
    test: NotRequired[int]


class TrainRecord(TypedDict):
    """How every cell of a study trains."""

    steps: int
    batch_size: int
    eval_every: int
    lanes: int


class TunedArm(TypedDict):
    """What tuning found for an arm; `chosen` is the index of a point, null where none trained well."""

    chosen: int | None
    validation: list[Number]
    at_border: list[str]
    expected_best: list[Number]


class TuningRecord(TypedDict):
    """How the numbers of every arm were tuned before the study; a point is axis -> argument -> value."""

    metric: str
    relative: bool
    seeds: list[int]
    points: list[dict[str, dict[str, Any]]]
    failed: NotRequired[int]
    arms: dict[str, TunedArm]


STUDY_FORMAT = 2


class Study(TypedDict):
    """`study.json`, of format `STUDY_FORMAT`."""

    format: Literal[2]
    name: str
    question: str | None
    command: NotRequired[str]
    config: dict[str, Any]
    design: str
    baseline: str
    arms: list[ArmRecord]
    seeds: list[int]
    paired: bool
    task: str
    metrics: list[TaskMetric]
    watch: str  # the metric whose validation curve stopping and the like follow
    curves: list[str]  # scalars of a training step, each a curve and a metric of every row
    metric: MetricRecord
    alpha: float
    data: DataRecord
    train: TrainRecord
    seed_varies: list[str]
    cells: list[CellRecord]
    programs: list[ProgramRecord]
    tuning: NotRequired[TuningRecord | None]
    warnings: NotRequired[list[str]]
    fingerprint: NotRequired[str]


class Environment(TypedDict):
    """`environment.json`."""

    versions: NotRequired[dict[str, str | None]]
    differs: NotRequired[list[str]]
    python: NotRequired[str]
    platform: NotRequired[str]
    devices: NotRequired[list[str]]
    xla_flags: NotRequired[str]
    git_commit: NotRequired[str | None]
    git_dirty: NotRequired[bool]


class Progress(TypedDict):
    """`progress.json`."""

    state: NotRequired[str]
    sessions: NotRequired[int]
    compiles: NotRequired[int]
    compile_seconds: NotRequired[float]
    train_seconds: NotRequired[float]
    running_cells: NotRequired[list[str]]


def read_record(path: Path, kind: Any) -> Any | None:
    """The content of a file, or None where it is not there, not JSON, or not of its kind.

    Args:
        path: a JSON file.
        kind: the type that it must have, say `RowRecord` or `list[WaveRecord]`.
    """
    content = read_json(path)
    return None if misfit(content, kind) else content


def study_problem(study: Any) -> str | None:
    """Why the content of a study.json cannot be used, in words; None where it can."""
    written = study.get("format") if isinstance(study, dict) else None
    if isinstance(written, int) and written != STUDY_FORMAT:
        return f"its format is {written}, this version reads {STUDY_FORMAT}; `ablate run` into an empty directory"
    return misfit(study, Study) or inconsistency(study)


def inconsistency(study: Mapping[str, Any]) -> str | None:
    """The first thing in which a study of the right types contradicts itself, in words; None where there is none."""
    arms = [arm["name"] for arm in study["arms"]]
    strangers = sorted({cell["arm"] for cell in study["cells"]} - set(arms))
    if study["baseline"] not in arms:
        return f"the baseline {study['baseline']!r} is no arm"
    if len(set(arms)) < len(arms):
        return "two arms of one name"
    if strangers:
        return f"a cell of {strangers[0]!r}, which is no arm"
    if study["watch"] not in [metric["name"] for metric in study["metrics"]]:
        return f"the watched metric {study['watch']!r} is none of the task's"
    if not 0 < study["alpha"] < 1 or not (study["metric"]["margin"] or 1.0) > 0:
        return "alpha or the margin out of range"
    rates = [rate for arm in study["arms"] for rate in arm.get("rates", {}).values()]
    uneven = (len(rate["step"]) != len(rate["rate"]) for rate in rates)
    return "learning rates and steps of unequal number" if any(uneven) else None


def misfit(value: Any, kind: Any, where: str = "") -> str | None:
    """The first place at which a value of JSON is not of a type, in words; None where it fits.

    Knows what JSON can hold: TypedDict (keys beyond its own are allowed), list, dict, unions, Literal, Any and plain
    types. An int is a float, a bool is not an int.

    >>> misfit([{"width": 2, "cells": ["a", 3]}], list[WaveRecord])
    '[0].cells[1]: expected str, found int'
    >>> misfit([], list[WaveRecord]) is None
    True
    """
    if kind is Any:
        return None
    origin, inside = typing.get_origin(kind), typing.get_args(kind)
    if typing.is_typeddict(kind):
        return _misfit_of_keys(value, kind, where)
    if origin in (list, dict):
        return _misfit_of_items(value, origin, inside[-1], where)
    plain = _plain(kind)
    if plain:
        expected = " or ".join(sorted({"NoneType": "null"}.get(one.__name__, one.__name__) for one in plain))
        return None if type(value) in plain else _wrong(where, expected, value)
    if origin is Literal:
        fits = isinstance(value, str | int) and not isinstance(value, bool) and value in inside
        return None if fits else _wrong(where, " or ".join(map(repr, inside)), value)
    wrong = [misfit(value, option, where) for option in inside]  # a union
    # Of several, the one about the value's own insides says most.
    return None if None in wrong else max((text or "" for text in wrong), key=len)


def _misfit_of_keys(value: Any, kind: Any, where: str) -> str | None:
    if not isinstance(value, dict):
        return _wrong(where, "an object", value)
    missing = sorted(kind.__required_keys__ - value.keys())
    if missing:
        return f"{where}.{missing[0]}: missing".removeprefix(".")
    return _first((value[key], hint, f"{where}.{key}") for key, hint in _hints(kind).items() if key in value)


def _misfit_of_items(value: Any, container: type, kind: Any, where: str) -> str | None:
    if not isinstance(value, container):
        return _wrong(where, "a list" if container is list else "an object", value)
    mapped = isinstance(value, dict)
    if _plain(kind) >= set(map(type, value.values() if mapped else value)):  # the long curves of rows
        return None
    items, name = (value.items(), "{}.{}") if mapped else (enumerate(value), "{}[{}]")
    return _first((item, kind, name.format(where, key)) for key, item in items)


def _first(places: Iterable[tuple[Any, Any, str]]) -> str | None:
    misfits = (misfit(value, kind, where.removeprefix(".")) for value, kind, where in places)
    return next((text for text in misfits if text), None)


def _wrong(where: str, expected: str, value: Any) -> str:
    kind = "null" if value is None else type(value).__name__
    return f"{where}: expected {expected}, found {kind}".removeprefix(": ")


@functools.cache
def _hints(kind: Any) -> dict[str, Any]:
    return typing.get_type_hints(kind)


@functools.cache
def _plain(kind: Any) -> frozenset[type]:
    """The types of JSON that fit a plain type, or a union of such; empty for others."""
    if typing.get_origin(kind) in (typing.Union, UnionType):
        parts = [_plain(option) for option in typing.get_args(kind)]
        return frozenset().union(*parts) if all(parts) else frozenset()
    return frozenset(
        {float: (float, int), int: (int,), str: (str,), bool: (bool,), NoneType: (NoneType,)}.get(kind, ())
    )
