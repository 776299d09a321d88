"""Runs that were trained elsewhere: a table of them becomes a study with its rows, and from there all is as ever.

What a table cannot say stays empty: task, data, training, programs, costs. Reports leave out what rests on them.
"""

import math
import os
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from ablate.report.rows import ACROSS
from ablate.report.verdicts import Verdicts
from ablate.report.wording import listed, plain, plural
from ablate.results.files import write_json
from ablate.results.schema import (
    STUDY_FORMAT,
    CellError,
    CellRecord,
    LookRecord,
    Progress,
    RowRecord,
    Study,
    read_record,
)
from ablate.results.store import Store, locked
from ablate.runner.interrupts import Between, go_on
from ablate.runner.reporting import write_reports
from ablate.runner.run_table import INTEGER, Columns, Run, runs_of
from ablate.stats.checks import POWER, SPREADS, STANDARD_ERRORS
from ablate.study.labels import digest, slug
from ablate.study.problems import ConfigError, unknown

BASELINE = "baseline"  # the arm that is compared with, where nobody names another
DONE: Progress = {"state": "finished"}


class Terms(NamedTuple):
    """How arms are judged, as `verdict` takes it."""

    baseline: str | None = None
    lower_is_better: bool = False
    margin: float | None = None
    alpha: float = 0.05


def verdict(
    table: Any,
    *,
    arm: str,
    seed: str,
    metric: str,
    baseline: str | None = None,
    lower_is_better: bool = False,
    status: str | None = None,
    margin: float | None = None,
    alpha: float = 0.05,
    workdir: str | os.PathLike[str] | None = None,
) -> Verdicts:
    """The verdicts on runs that were trained elsewhere, from a table with one line per run.

    Seeds are paired where every arm shares enough of them with the baseline: two, and half of its own or of the
    baseline's, whichever are fewer. A run whose metric is empty or not finite, or whose status is "diverged", counts
    as diverged, and one that ended far below all others of its arm as collapsed: how often an arm fails is compared
    apart from how good it is where it does not. A run with any other status than finished, done, completed, success,
    ok and the like is left out.

    Args:
        table: path of a CSV file (comma, semicolon, tab or | between entries), a dict of columns, or a DataFrame.
        arm: the column that says what was tried.
        seed: the column with the seed, any text or number.
        metric: the column with the number that decides, in any unit.
        baseline: the arm that the others are compared with; "baseline" if not given.
        lower_is_better: whether less of the metric is better.
        status: the column that says how a run ended; without it, all finished.
        margin: largest difference that counts as none, in the metric's unit; None asks for no equivalence.
        alpha: family-wise error rate of the verdicts, above 0 and below 0.8.
        workdir: where study.json, rows and reports are written, as `ablate run` does; nothing is written without it.

    Raises:
        ConfigError: with all problems of the table and the arguments.
        InUseError: another process writes to `workdir`.
        StorageError: a file could not be written.

    Example:
        >>> runs = {"arm": ["baseline"] * 3 + ["wide"] * 3, "seed": [0, 1, 2] * 2, "acc": [1, 2, 3, 5, 6.1, 7]}
        >>> verdict(runs, arm="arm", seed="seed", metric="acc").arms[1]["verdict"]
        'better'
    """
    columns = Columns(arm, seed, metric, status)
    terms = Terms(baseline, lower_is_better, None if margin is None else float(margin), float(alpha))
    given = {**columns._asdict(), **terms._asdict(), "workdir": None if workdir is None else str(workdir)}
    source = repr(str(table)) if _is_path(table) else "table"
    call = ", ".join([source, *(f"{name}={value!r}" for name, value in given.items() if value is not None)])
    return judge(table, columns, terms, workdir=workdir, command=f"ablate.verdict({call})")


def judge(
    table: Any,
    columns: Columns,
    terms: Terms,
    *,
    workdir: str | os.PathLike[str] | None = None,
    command: str,
    between: Between = go_on,
) -> Verdicts:
    """What `verdict` does, with the command that the report names, called `between` two of its files."""
    directory = None if workdir is None else Path(workdir)
    problems = [*_out_of_range(terms), *(_taken(directory, table) if directory else ())]
    runs: list[Run] = []
    try:
        runs = runs_of(table, columns, problems)
        problems += _unjudgeable(columns, list(_seeds(runs)), terms)
    except ConfigError as error:
        problems += error.problems
    if problems:
        raise ConfigError(problems)
    name = Path(table).stem if _is_path(table) else directory.name if directory else ""
    study, rows = study_of(runs, columns, terms, name=name or "runs", command=command)
    looks = store(study, rows, directory, between) if directory else ()
    return Verdicts(study, tuple(rows), looks)


def study_of(
    runs: Sequence[Run], columns: Columns, terms: Terms, *, name: str, command: str
) -> tuple[Study, list[RowRecord]]:
    """study.json and rows as the report reads them, for runs of two arms or more. Pure."""
    baseline = _named_baseline(terms)
    arms = sorted(_seeds(runs), key=lambda arm: arm != baseline)  # the order of the table, but for the baseline
    ordered = sorted(runs, key=lambda run: arms.index(run.arm))
    metric, rises, paired = plain(columns.metric), not terms.lower_is_better, shares_seeds(runs, baseline)
    study: Study = {
        "format": STUDY_FORMAT,
        "name": name,
        "question": None,
        "command": command,
        "config": {"columns": columns._asdict(), "seeds": _renamed(runs)},
        "design": "table_of_runs",
        "baseline": baseline,
        "arms": [{"name": arm, "changes": {}, "recipe": {}} for arm in arms],
        "seeds": sorted({run.seed for run in runs}),
        "paired": paired,
        "task": "",
        "metrics": [{"name": metric, "higher_is_better": rises, "scale": 1.0, "unit": "", "difference": ""}],
        "watch": metric,
        "curves": [],
        "metric": {"name": metric, "higher_is_better": rises, "margin": terms.margin},
        "alpha": terms.alpha,
        "failure": {"metric": None, "chance": None, "standard_errors": STANDARD_ERRORS, "spreads": SPREADS},
        "data": {"name": ""},
        "train": {"steps": 0, "batch_size": 0, "eval_every": 0, "lanes": 0},
        "seed_varies": [],
        "cells": [_cell(run) for run in ordered],
        "programs": [],
        "warnings": [*_remarks(runs, metric), *_remarks_on_pairs(runs, baseline, paired=paired)],
    }
    return study, [_row(run, metric) for run in ordered]


def shares_seeds(runs: Sequence[Run], baseline: str) -> bool:
    """Whether arms are compared seed by seed, by the rule that stands in `verdict`."""
    seeds = _seeds(runs)
    return all(_share(own, seeds[baseline]) for own in seeds.values())


def store(study: Study, rows: Sequence[RowRecord], directory: Path, between: Between = go_on) -> tuple[LookRecord, ...]:
    """Writes what `ablate run` leaves behind, so that `ablate report` finds it; gives the looks at that directory.

    Raises:
        InUseError: another process writes there.
        StorageError: a file could not be written.
    """
    with locked(directory):
        for row in rows:
            Store(directory).write(row)
            between()
        write_json(directory / "study.json", study)
        write_json(directory / "environment.json", {})  # what an earlier study left there is not this one's
        write_json(directory / "progress.json", DONE)
        return write_reports(directory, between).looks


def _is_path(table: Any) -> bool:
    return isinstance(table, str | os.PathLike)


def _seeds(runs: Sequence[Run]) -> dict[str, set[int]]:
    """Arm to its seeds, in the order of the table."""
    seeds: dict[str, set[int]] = {}
    for run in runs:
        seeds.setdefault(run.arm, set()).add(run.seed)
    return seeds


def _share(own: set[int], base: set[int]) -> bool:
    """Whether an arm has two seeds of the baseline, and half of those of whichever has fewer."""
    fewer = min(len(own), len(base))
    return len(own & base) >= max(min(2, fewer), fewer / 2)


def _renamed(runs: Sequence[Run]) -> dict[str, int]:
    """Seeds that are no integers, to the integers that stand for them."""
    return {run.written: run.seed for run in runs if not INTEGER.fullmatch(run.written)}


def _named_baseline(terms: Terms) -> str:
    return BASELINE if terms.baseline is None else str(terms.baseline).strip()


def _out_of_range(terms: Terms) -> Iterator[str]:
    if not 0 < terms.alpha < POWER:
        yield f"alpha: must lie between 0 and {POWER}, got {terms.alpha!r}"
    if terms.margin is not None and not 0 < terms.margin < math.inf:
        yield f"margin: must be above 0 and finite, or not given, got {terms.margin!r}"


def _taken(directory: Path, table: Any) -> Iterator[str]:
    """Reasons not to write there: a study that was trained would lose its record, a table its lines."""
    before = read_record(directory / "study.json", Study)
    if before["programs"] if before else (directory / "study.json").exists():
        yield f"workdir: {directory} holds a study that `ablate run` trained; name another directory"
    if (directory / ACROSS).exists():
        yield f"workdir: {directory} holds a study under several conditions; name another directory"
    written = [(directory / name).resolve() for name in ("cells.csv", "summary.csv")]
    if _is_path(table) and Path(table).resolve() in written:
        yield f"workdir: the report would be written over {table}; name another directory"


def _unjudgeable(columns: Columns, arms: list[str], terms: Terms) -> Iterator[str]:
    """What is wrong with the arms."""
    names, baseline = [plain(arm) for arm in arms], _named_baseline(terms)
    if len(arms) < 2:
        yield f"{columns.arm}: only one arm, {names[0]!r}; a comparison takes two or more"
    if baseline not in arms and terms.baseline is not None:
        yield unknown("baseline", "arm", baseline, names)
    elif baseline not in arms:
        known = listed([repr(name) for name in names], 20)
        yield f"baseline: no arm is called {BASELINE!r}; name the one to compare with (--baseline=NAME), of {known}"


def _cell(run: Run) -> CellRecord:
    name = f"{slug(run.arm)}-s{run.seed}-{digest([run.arm, run.seed])[:10]}"
    return {"cell": name, "arm": run.arm, "seed": run.seed, "program": ""}


def _row(run: Run, metric: str) -> RowRecord:
    cell = _cell(run)
    values = {"done": {metric: run.value}, "diverged": {metric: None}, "failed": {}}
    failure: CellError = {"type": "status", "message": run.said or "empty", "traceback": ""}
    return {
        "format": 1,
        "cell": cell["cell"],
        "arm": run.arm,
        "seed": run.seed,
        "status": run.status,
        "metrics": values[run.status],
        "curves": {},
        "costs": {},
        "error": failure if run.status == "failed" else None,
    }


def _remarks(runs: Sequence[Run], metric: str) -> Iterator[str]:
    """What a reader has to know of how the table was read."""
    statuses = Counter(run.status for run in runs)
    if statuses["diverged"]:
        counted = f"{plural(statuses['diverged'], 'run')} counted as diverged"
        yield f"{counted}: no finite {metric}, or a status of 'diverged'."
    if statuses["failed"]:
        words = listed(sorted({repr(plain(run.said)) for run in runs if run.status == "failed"}), 6)
        left_out = f"{plural(statuses['failed'], 'run')} left out for a status of {words}"
        yield f"{left_out}; where such a run had diverged, that flatters its arm."
    if _renamed(runs):
        yield "Seeds that are no integers were numbered in the order of the table."


def _remarks_on_pairs(runs: Sequence[Run], baseline: str, *, paired: bool) -> Iterator[str]:
    """Runs without a partner, or why there are no pairs."""
    seeds = _seeds(runs)
    base = seeds.pop(baseline)
    if paired:
        alone = {arm: len(own ^ base) for arm, own in seeds.items() if own ^ base}
        if alone:
            arms = listed([f"{plain(arm)} ({count})" for arm, count in alone.items()])
            yield f"Runs whose seed the arm or the baseline lacks are left out of the difference: {arms}."
        return
    apart = [plain(arm) for arm, own in seeds.items() if not _share(own, base)]
    yield f"Not compared seed by seed, since too few seeds of {listed(apart)} are the baseline's."
