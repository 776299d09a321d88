"""What stands in the files of a run's directory, as types; what is read is checked against them.

A file that does not fit is as good as absent: damaged, or written by something else.
"""

import functools
import typing
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, NotRequired, TypedDict

from ablate.results.files import read_json

Number = float | None  # null where a number is not finite
Status = Literal["done", "diverged", "failed", "oom", "timeout", "interrupted"]
Given = dict[str, Any]  # a choice: `name` and all arguments


class CellError(TypedDict):
    """Why a cell failed."""

    type: Annotated[str, "class of the exception"]
    message: Annotated[str, "its text"]
    traceback: Annotated[str, "where it was raised"]


class CostsRecord(TypedDict, total=False):
    """What a cell cost. Timings are of the session that ended the cell, and of all lanes together."""

    parameters: Annotated[int, "numbers in the networks, frozen ones too"]
    steps: Annotated[int, "of training; up to where an arm stopped"]
    examples: Annotated[int, "steps times batch size"]
    program: Annotated[str, "id of the program that it ran in"]
    lanes: Annotated[int, "of that program, padding included"]
    devices: Annotated[int, "that it ran on"]
    strategy: Annotated[str, "how lanes and steps were mapped to devices"]
    steps_per_second: Annotated[Number, "of the program, all lanes advancing together"]
    train_seconds: Annotated[float, "of the steps, without compiling and evaluating"]
    compile_seconds: Annotated[float, "of the program"]


class RowHead(TypedDict):
    """Whose result a row is."""

    format: NotRequired[Annotated[int, "1"]]
    cell: Annotated[str, "`<slug>-<hash>`, the file's name"]
    arm: Annotated[str, "name of the arm"]
    seed: Annotated[int, "as the study lists it"]
    identity: NotRequired[Annotated[dict[str, Any], "what decides re-use: choices, content of data and files, code"]]
    fingerprint: NotRequired[Annotated[str, "hash of the identity"]]


class RowRecord(RowHead):
    """The result of one cell. A cell without one is pending, running or interrupted."""

    status: Annotated[Status, "how it ended"]
    metrics: Annotated[
        dict[str, Number],
        "`test_x` and `val_x` of every metric of the task, the last value of its curves, `initial_x` of the watched "
        "metric (on validation, before the first step)",
    ]
    curves: Annotated[
        dict[str, list[int] | list[Number]],
        "lists of equal length: `step`, the task's curves, `val_x` of every metric, learning rates",
    ]
    costs: Annotated[CostsRecord, "see below"]
    error: Annotated[CellError | None, "null where there is none"]
    diverged_step: NotRequired[Annotated[int | None, "where it became non-finite; null where it did not"]]
    stopped_step: NotRequired[Annotated[int | None, "where `stop` ended it; null where it did not"]]
    best_step: NotRequired[Annotated[int | None, "of the variables that were judged, where they are not the last ones"]]
    right: NotRequired[
        Annotated[
            str | None,
            "a bit per test example, 1 where it was right: packed, most significant first, in base64; null where the "
            "task does not judge single examples so",
        ]
    ]
    members: NotRequired[
        Annotated[
            list[dict[str, Number]],
            "metrics, by bare name, of every set of variables that the prediction averages; empty where there is one",
        ]
    ]


class WaveRecord(TypedDict):
    """One of a list: cells that advance together; written before they start, so that resuming rounds alike."""

    width: Annotated[int, "lanes, padding included"]
    cells: Annotated[list[str], "names of the cells"]


class RateRecord(TypedDict):
    """A learning rate of an arm at some of its steps; straight lines between them draw the schedule."""

    step: Annotated[list[int], "steps"]
    rate: Annotated[list[Number], "the rate at each of them"]


class ArmRecord(TypedDict):
    """An arm of a study."""

    name: Annotated[str, "of the arm"]
    changes: Annotated[dict[str, Given], "axis to choice, where the design made it differ from the baseline arm"]
    recipe: Annotated[dict[str, Given], "axis to choice, all of them, with tuned numbers"]
    flops: NotRequired[Annotated[Number, "operations of one training step of one cell in a program of its own"]]
    step_seconds: NotRequired[Annotated[Number, "time of such a step; null without `--measure`"]]
    rates: NotRequired[Annotated[dict[str, RateRecord], "by name of the rate; one that follows validation is left out"]]


class CellRecord(TypedDict):
    """A cell of a study."""

    cell: Annotated[str, "name of its files"]
    arm: Annotated[str, "its arm"]
    seed: Annotated[int, "its seed"]
    program: Annotated[str, "id of the program that trains it"]


class ProgramRecord(TypedDict):
    """A program of a study."""

    id: Annotated[str, "8 hexadecimal digits"]
    arms: Annotated[list[str], "arms that share it"]
    cells: Annotated[list[str], "cells that it trains"]
    lanes: Annotated[int, "of every wave, padding included"]
    waves: NotRequired[Annotated[int, "how many there are"]]
    devices: Annotated[int, "that it runs on"]
    strategy: Annotated[str, "how lanes and steps are mapped to devices"]
    why: Annotated[str, "why this strategy"]
    parameters: NotRequired[Annotated[int, "numbers in the networks of a cell, frozen ones too"]]
    structure: NotRequired[Annotated[dict[str, list[str]], "axis to the choices compiled in"]]


class MetricRecord(TypedDict):
    """What the verdicts are about."""

    name: Annotated[str, "a metric of the rows"]
    higher_is_better: Annotated[bool, "its direction"]
    margin: Annotated[float | None, "largest difference that counts as none; null where none is declared"]


class FailureRecord(TypedDict):
    """When a cell that ended with a number has failed all the same: it collapsed."""

    metric: Annotated[str | None, "a share of test examples that says so; null where the task names none"]
    chance: Annotated[float | None, "what guessing gives of it"]
    standard_errors: Annotated[float, "binomial ones, of the test examples, that it must lie beyond chance"]
    spreads: Annotated[
        float,
        "1.4826 median absolute deviations, of its arm or of the median arm, by which a cell may be worse than the "
        "median of its arm in the deciding metric; of the logarithm where less is better and all is above 0",
    ]


class TaskMetric(TypedDict):
    """A metric that the task evaluates."""

    name: Annotated[str, "`x` of `test_x` and `val_x` in the rows"]
    higher_is_better: Annotated[bool, "its direction"]
    scale: Annotated[float, "shown value per stored value"]
    unit: Annotated[str, "behind a shown level"]
    difference: Annotated[str, "behind a shown difference"]


class DataRecord(TypedDict):
    """The data of a study, as the baseline has them."""

    name: Annotated[str, "of the data set"]
    arguments: NotRequired[Annotated[dict[str, Any], "its own, and what the study does to the pool"]]
    shape: NotRequired[Annotated[dict[str, list[int]], "of one example, by name of the array"]]
    description: NotRequired[Annotated[str, "one line"]]
    train: NotRequired[Annotated[int, "training examples"]]
    validation: NotRequired[Annotated[int, "validation examples"]]
    test: NotRequired[Annotated[int, "test examples"]]


class TrainRecord(TypedDict):
    """How every cell of a study trains."""

    steps: Annotated[int, "updates"]
    batch_size: Annotated[int, "examples of each"]
    eval_every: Annotated[int, "steps between evaluations"]
    lanes: Annotated[int, "asked for per device; 0 chooses"]


class TunedArm(TypedDict):
    """What tuning found for an arm."""

    chosen: Annotated[int | None, "index of its point; null where none trained well"]
    validation: Annotated[list[Number], "mean of the metric at each point"]
    at_border: Annotated[list[str], "arguments whose value lies at the end of what was tried"]
    expected_best: Annotated[list[Number], "of 1, 2, ... points tried at random"]


class TuningRecord(TypedDict):
    """How the numbers of every arm were tuned before the study."""

    metric: Annotated[str, "that decides, on validation"]
    relative: Annotated[bool, "whether values multiply the arm's own"]
    seeds: Annotated[list[int], "used for tuning alone"]
    points: Annotated[list[dict[str, Given]], "axis to argument to value"]
    failed: NotRequired[Annotated[int, "cells that failed"]]
    arms: Annotated[dict[str, TunedArm], "by name"]


STUDY_FORMAT: Literal[2] = 2


class Study(TypedDict):
    """A plan as reports read it; written before training, and again when it has ended."""

    format: Annotated[Literal[2], "another one is refused in words"]
    name: Annotated[str, "file stem of the config"]
    question: Annotated[str | None, "first paragraph of the config's docstring"]
    command: NotRequired[Annotated[str, "the command line"]]
    folder: NotRequired[Annotated[str, "of the config file as it was written, for modules that lie beside it"]]
    config: Annotated[dict[str, Any], "the resolved config as plain JSON"]
    design: Annotated[str, "its name"]
    baseline: Annotated[str, "name of the baseline arm"]
    arms: Annotated[list[ArmRecord], "in the order of the report"]
    seeds: Annotated[list[int], "of every arm"]
    paired: Annotated[bool, "whether arms share them"]
    task: Annotated[str, "what a cell trains and how it is judged"]
    metrics: Annotated[list[TaskMetric], "that evaluation gives"]
    watch: Annotated[str, "the metric whose validation curve stopping and the like follow"]
    curves: Annotated[list[str], "scalars of a training step, each a curve and a metric of every row"]
    metric: Annotated[MetricRecord, "what verdicts are about"]
    alpha: Annotated[float, "family-wise error rate of the verdicts"]
    test: NotRequired[Annotated[Literal["t", "max_t"], "that decides about quality; t where it is not written"]]
    looks: NotRequired[Annotated[list[int], "numbers of seeds at which alpha is spent; empty for a single look"]]
    failure: NotRequired[Annotated[FailureRecord, "the rule of collapse; only what diverged failed where it is not"]]
    data: Annotated[DataRecord, "see below"]
    train: Annotated[TrainRecord, "see below"]
    seed_varies: Annotated[list[str], 'words for the sentence "a seed varies ..."']
    cells: Annotated[list[CellRecord], "all of the study"]
    programs: Annotated[list[ProgramRecord], "in the order in which they run"]
    tuning: NotRequired[Annotated[TuningRecord | None, "null where nothing was tuned"]]
    warnings: NotRequired[Annotated[list[str], "about the config"]]
    fingerprint: NotRequired[Annotated[str, "hash of the code of all cells"]]


class Environment(TypedDict):
    """Where a study ran; variables by an allow-list, so that no secret is written down."""

    versions: NotRequired[Annotated[dict[str, str | None], "package to version"]]
    differs: NotRequired[Annotated[list[str], "what changed since an earlier session whose rows are used again"]]
    python: NotRequired[Annotated[str, "version"]]
    platform: NotRequired[Annotated[str, "operating system and machine"]]
    devices: NotRequired[Annotated[list[str], "that JAX has"]]
    xla_flags: NotRequired[Annotated[str, "as set"]]
    git_commit: NotRequired[Annotated[str | None, "of the folder that it ran in"]]
    git_dirty: NotRequired[Annotated[bool, "whether files of it differ from that commit"]]
    variables: NotRequired[Annotated[dict[str, str], "of the environment"]]


class Progress(TypedDict):
    """How far a run is, for other shells and for the report's provenance."""

    pid: NotRequired[Annotated[int, "of the process"]]
    started: NotRequired[Annotated[str, "ISO 8601, UTC"]]
    updated: NotRequired[Annotated[str, "ISO 8601, UTC"]]
    state: NotRequired[Annotated[str, "`running`, `finished` or `interrupted`"]]
    sessions: NotRequired[Annotated[int, "calls so far"]]
    compiles: NotRequired[Annotated[int, "of all sessions"]]
    compile_seconds: NotRequired[Annotated[float, "of all sessions"]]
    train_seconds: NotRequired[Annotated[float, "of all sessions"]]
    program: NotRequired[Annotated[str | None, "that runs"]]
    step: NotRequired[Annotated[int, "that its wave has reached"]]
    steps: NotRequired[Annotated[int, "of its wave"]]
    running_cells: NotRequired[Annotated[list[str], "of its wave"]]


class Declared(TypedDict):
    """What decides verdicts beside rows and arms, and is to be declared before the first look."""

    metric: Annotated[str, "that verdicts were about"]
    margin: Annotated[float | None, "of equivalence"]
    alpha: Annotated[float, "family-wise, over all planned looks"]
    test: Annotated[str, "that decided"]
    looks: Annotated[list[int], "the planned looks, as declared then"]
    baseline: Annotated[str, "what arms were compared with"]


class LookRecord(Declared):
    """One of a list that only grows: a report with verdicts that somebody may have read."""

    time: Annotated[str, "ISO 8601, UTC"]
    seeds: Annotated[list[int], "of the study then"]
    arms: Annotated[list[str], "of the study then, the baseline too"]
    cells: Annotated[dict[str, list[str]], "arm to its cells, which are named by all that a result follows from"]
    level: Annotated[float, "of this look"]
    planned: Annotated[bool, "whether `report.looks` names this number of seeds"]
    rows: Annotated[str, "hash of the results"]
    verdicts: Annotated[dict[str, str], "by arm"]


# Every file of a run's directory that holds a record.
FILES: Mapping[str, Any] = {
    "cells/<slug>-<hash>.json": RowRecord,
    "study.json": Study,
    "environment.json": Environment,
    "progress.json": Progress,
    "looks.json": list[LookRecord],
    "checkpoints/<program>.json": list[WaveRecord],
}


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
    if not study["seeds"]:
        return "no seeds"
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


def explained(kind: Any) -> dict[str, tuple[str, str]]:
    """The keys of a record: how their values are written as types, and what they hold.

    >>> explained(WaveRecord)
    {'width': ('int', 'lanes, padding included'), 'cells': ('list[str]', 'names of the cells')}
    """
    keys = {}
    for key, hint in typing.get_type_hints(kind, include_extras=True).items():
        annotated = typing.get_args(hint)[0] if typing.get_origin(hint) is NotRequired else hint
        inside, words = typing.get_args(annotated)
        keys[key] = (named(inside), words)
    return keys


def records_in(kind: Any) -> list[Any]:
    """The records that a type holds, itself first, each once."""
    if not typing.is_typeddict(kind):
        inside = [records_in(option) for option in typing.get_args(kind)]
        return list(dict.fromkeys(record for records in inside for record in records))
    below = [record for hint in _hints(kind).values() for record in records_in(hint)]
    return list(dict.fromkeys([kind, *below]))


def named(kind: Any) -> str:
    """A type as a reader of JSON would write it.

    >>> named(dict[str, list[Number]]), named(CellError | None)
    ('{str: list[float or null]}', 'CellError or null')
    """
    origin, inside = typing.get_origin(kind), typing.get_args(kind)
    if origin is dict:
        return f"{{{named(inside[0])}: {named(inside[1])}}}"
    if origin is list:
        return f"list[{named(inside[0])}]"
    if origin in (typing.Union, UnionType):
        return " or ".join(named(option) for option in inside)
    if origin is Literal:
        return " or ".join(f'"{option}"' if isinstance(option, str) else str(option) for option in inside)
    return {NoneType: "null", Any: "any"}.get(kind) or kind.__name__


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
