"""What stands in the files of a run's directory, as types; what is read is checked against them.

A file that does not fit is as good as absent: damaged, or written by something else.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, NotRequired, TypedDict

from ablate.results.files import read_json
from ablate.results.shapes import misfit

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
    wave_seconds: Annotated[
        float, "of the whole wave, without compiling; absent where it stopped early or went on from a checkpoint"
    ]
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
    predicted: NotRequired[
        Annotated[
            str | None,
            "the number of the category predicted for each test example, in as many bits as the study's categories "
            "need, packed alike; null where the task decides on none",
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
    together: NotRequired[Annotated[int, "lanes in a row that have one data key; 1 where it is not written"]]


class RateRecord(TypedDict):
    """A learning rate of an arm at some of its steps; straight lines between them draw the schedule."""

    step: Annotated[list[int], "steps"]
    rate: Annotated[list[Number], "the rate at each of them"]


class StepRatio(TypedDict):
    """Time of a training step over the baseline's, in rounds in which all arms took turns."""

    ratio: Annotated[float, "the median of the rounds"]
    low: Annotated[float, "the least of them"]
    high: Annotated[float, "the most; from least to most is an interval of at least 96 % for the median"]


class ArmRecord(TypedDict):
    """An arm of a study."""

    name: Annotated[str, "of the arm"]
    changes: Annotated[dict[str, Given], "axis to choice, where the design made it differ from the baseline arm"]
    recipe: Annotated[dict[str, Given], "axis to choice, all of them, with tuned numbers"]
    own_loss: NotRequired[Annotated[bool, "whether its training loss measures something else than the baseline's does"]]
    flops: NotRequired[Annotated[Number, "operations of one training step of one cell in a program of its own"]]
    step_seconds: NotRequired[Annotated[Number, "time of such a step; null without `--measure`"]]
    step_ratio: NotRequired[Annotated[StepRatio | None, "over the baseline's; null without `--measure`"]]
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
    source: NotRequired[Annotated[str, "what tells it from other data, whatever a study does to its pool"]]
    pool: NotRequired[Annotated[int, "examples that a seed splits, those of its test too where it draws them"]]
    arguments: NotRequired[Annotated[dict[str, Any], "its own, and what the study does to the pool"]]
    shape: NotRequired[Annotated[dict[str, list[int]], "of one example, by name of the array"]]
    description: NotRequired[Annotated[str, "one line"]]
    train: NotRequired[Annotated[int, "training examples"]]
    validation: NotRequired[Annotated[int, "validation examples"]]
    test: NotRequired[Annotated[int, "test examples"]]


class CategoriesRecord(TypedDict):
    """What predictions choose among, one for each example: the classes of a classifier."""

    one: Annotated[str, "the word for a category"]
    many: Annotated[str, "the word for several"]
    names: Annotated[list[str], "of all of them, in the order of their numbers from 0"]
    truth: Annotated[
        list[str],
        "the right one of every test example, packed as `predicted` of a row: one text for all seeds, or where each "
        "draws its own test examples, one per seed",
    ]


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


class FirstEstimate(TypedDict):
    """What a study said of an arm that another one repeats."""

    n: Annotated[int, "pairs of seeds, or seeds where they are not shared"]
    delta: Annotated[Number, "arm minus baseline, as stored; null where there was none"]
    low: Annotated[Number, "end of its interval"]
    high: Annotated[Number, "end of its interval"]
    verdict: Annotated[str, "of the arm"]


class ConfirmsRecord(TypedDict):
    """The study whose arms another one repeats on fresh seeds, and what it said of them."""

    study: Annotated[str, "its name"]
    seeds: Annotated[list[int], "its seeds"]
    used: Annotated[list[int], "seeds that it, its tuning or its looks used, which are not fresh"]
    level: Annotated[float, "of its intervals, one arm at a time"]
    arms: Annotated[dict[str, FirstEstimate], "by name"]


STUDY_FORMAT: Literal[2] = 2
LARGEST = 1e150  # number of a row; float32 ends at 3e38


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
    categories: NotRequired[Annotated[CategoriesRecord | None, "null where the task decides on none"]]
    train: Annotated[TrainRecord, "see below"]
    seed_varies: Annotated[list[str], 'words for the sentence "a seed varies ..."']
    cells: Annotated[list[CellRecord], "all of the study"]
    programs: Annotated[list[ProgramRecord], "in the order in which they run"]
    tuning: NotRequired[Annotated[TuningRecord | None, "null where nothing was tuned"]]
    confirms: NotRequired[Annotated[ConfirmsRecord, "of what `ablate confirm` wrote"]]
    warnings: NotRequired[Annotated[list[str], "about the config"]]
    fingerprint: NotRequired[Annotated[str, "hash of the code of all cells"]]


class Environment(TypedDict):
    """Where a study ran; variables by an allow-list, so that no secret is written down."""

    versions: NotRequired[Annotated[dict[str, str | None], "package to version"]]
    differs: NotRequired[Annotated[list[str], "what changed since an earlier session whose rows are used again"]]
    python: NotRequired[Annotated[str, "version"]]
    platform: NotRequired[Annotated[str, "operating system and machine"]]
    devices: NotRequired[Annotated[list[str], "that JAX has; how many there are shows in the last digits of results"]]
    processor: NotRequired[Annotated[str, "its name"]]
    engine: NotRequired[Annotated[str, "where workers of a cluster trained; all else is of one of them"]]
    instructions: NotRequired[Annotated[list[str], "of the processor, those that change last digits; Linux tells them"]]
    xla_flags: NotRequired[Annotated[str, "as set"]]
    git_commit: NotRequired[Annotated[str | None, "of the folder that it ran in"]]
    git_dirty: NotRequired[Annotated[bool, "whether files of it differ from that commit"]]
    variables: NotRequired[Annotated[dict[str, str], "of the environment"]]


class NodeRecord(TypedDict):
    """A wave that trains on a node of a cluster."""

    node: Annotated[str, "its name, and the process"]
    program: Annotated[str, "of the wave"]
    cells: Annotated[int, "that it has"]
    step: Annotated[int, "that it has reached"]
    steps: Annotated[int, "of the wave"]


class Progress(TypedDict):
    """How far a run is, for other shells and for the report's provenance."""

    pid: NotRequired[Annotated[int, "of the process"]]
    started: NotRequired[Annotated[str, "ISO 8601, UTC"]]
    updated: NotRequired[Annotated[str, "ISO 8601, UTC"]]
    state: NotRequired[Annotated[str, "`starting`, `running`, `finished` or `interrupted`"]]
    sessions: NotRequired[Annotated[int, "calls so far"]]
    compiles: NotRequired[Annotated[int, "of all sessions"]]
    cached: NotRequired[Annotated[int, "of these, read from the cache of compiled programs"]]
    compile_seconds: NotRequired[Annotated[float, "of all sessions"]]
    train_seconds: NotRequired[Annotated[float, "of all sessions"]]
    program: NotRequired[Annotated[str | None, "that runs"]]
    step: NotRequired[Annotated[int, "that its wave has reached"]]
    steps: NotRequired[Annotated[int, "of its wave"]]
    running_cells: NotRequired[Annotated[list[str], "of its wave, or of all that train at once"]]
    nodes: NotRequired[Annotated[list[NodeRecord], "of a cluster, and what each trains; empty on one machine"]]


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


class ConditionRecord(TypedDict):
    """A study under one combination of what varies around it."""

    name: Annotated[str, "`data=digits × batch_size=8`"]
    folder: Annotated[str, "of its run, below that of the record"]
    levels: Annotated[dict[str, str], "what varies to its level here, as `name` writes it"]
    plan: Annotated[str, "hash of the cells, and of what decides verdicts, that were planned"]
    ended: Annotated[bool, "whether a run of that plan came to its end"]


class AcrossRecord(TypedDict):
    """The studies of a config with `across`, each in a folder with all the other files."""

    format: Annotated[Literal[1], "another one is refused in words"]
    name: Annotated[str, "file stem of the config"]
    question: Annotated[str, "first paragraph of the config's docstring"]
    command: Annotated[str, "the command line"]
    alpha: Annotated[float, "family-wise error rate over all conditions together"]
    conditions: Annotated[list[ConditionRecord], "in the order of the report"]


class ReportedRecord(TypedDict):
    """What the reports of a directory were made of: a run that changes none of it leaves them as they are."""

    digest: Annotated[str, "hash of study, rows, environment, looks, what the report shows of progress, and its code"]
    files: Annotated[list[str], "that were written"]


# Every file of a run's directory that holds a record.
FILES: Mapping[str, Any] = {
    "cells/<slug>-<hash>.json": RowRecord,
    "study.json": Study,
    "environment.json": Environment,
    "progress.json": Progress,
    "looks.json": list[LookRecord],
    "checkpoints/<program>.json": list[WaveRecord],
    "across.json": AcrossRecord,
    ".reported": ReportedRecord,
}


def read_record(path: Path, kind: Any) -> Any | None:
    """The content of a file, or None where it is not there, not JSON, or not of its kind.

    Args:
        path: a JSON file.
        kind: the type that it must have, say `RowRecord` or `list[WaveRecord]`.
    """
    content = read_json(path)
    return None if misfit(content, kind) else content


def is_consistent(row: RowRecord) -> bool:
    """Whether a row of the right types could be a result: curves of one length at known steps, numbers of a size."""
    curves = row["curves"]
    steps = curves.get("step", () if not curves else None)
    if steps is None or any(len(curve) != len(steps) for curve in curves.values()):
        return False
    if not all(isinstance(step, int) and 0 <= step < 2**53 for step in steps):
        return False
    return all(map(_is_in_range, row["metrics"].values())) and all(all(map(_is_in_range, c)) for c in curves.values())


def _is_in_range(value: Number) -> bool:
    """Whether it and its inverse can be squared: no training gives other numbers, and nobody could show them."""
    return not value or 1 / LARGEST < abs(value) < LARGEST


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
    margin = study["metric"]["margin"]
    if not 0 < study["alpha"] < 1 or (margin is not None and not margin > 0):
        return "alpha or the margin out of range"
    sizes = [arm.get(key) for arm in study["arms"] for key in ("flops", "step_seconds")]
    if not all(map(_is_in_range, sizes)):
        return "arithmetic or time of a step out of range"
    if not all(metric["scale"] > 0 for metric in study["metrics"]):
        return "the scale of a metric is not above 0"
    rates = [rate for arm in study["arms"] for rate in arm.get("rates", {}).values()]
    uneven = (len(rate["step"]) != len(rate["rate"]) for rate in rates)
    return "learning rates and steps of unequal number" if any(uneven) else None
