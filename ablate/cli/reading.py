"""Commands that read what runs left: `status`, `report`, `predict`, `verdict`."""

import argparse
import dataclasses
import json
import textwrap
from collections import Counter
from pathlib import Path
from typing import Any

from ablate.cli.planning import prepare_backend, say
from ablate.cli.printing import (
    reports,
    say_across,
    say_results,
    status_text,
)
from ablate.report.wording import plural
from ablate.runner.interrupts import Stop


def status(options: argparse.Namespace, stop: Stop) -> int:
    """`ablate status`: counts by status, without locking."""
    del stop  # it ends sooner than it could be asked
    from ablate.report.rows import ACROSS, Conditions, Rows

    if not (options.directory / ACROSS).exists():
        content = _starting(options.directory) or _state(Rows.load(options.directory))
        print(json.dumps(content, indent=1, ensure_ascii=False) if options.json else status_text(content))
        return 0
    found = Conditions.load(options.directory)
    names = [one["name"] for one in found.record["conditions"]]
    states = {name: _state(found[name]) if name in found.by_name else None for name in names}
    content = {"directory": str(options.directory), "conditions": states}
    texts = (f"{name}\n{textwrap.indent(status_text(state), '  ')}" for name, state in states.items())
    print(json.dumps(content, indent=1, ensure_ascii=False) if options.json else "\n".join(texts))
    return 0


def _starting(directory: Path) -> dict[str, Any] | None:
    """The state of a run that has no study yet; None where there is one, or no run."""
    from ablate.results.schema import Progress, read_record
    from ablate.runner.starting import STARTING, is_alive

    progress = read_record(directory / "progress.json", Progress) or {}
    starts = progress.get("state") == STARTING and is_alive(progress.get("pid"))
    if not starts or (directory / "study.json").exists():
        return None
    nothing = {"cells": {}, "program": None, "step": None, "steps": None, "nodes": [], "errors": {}}
    return {"directory": str(directory), "state": STARTING, **nothing, "updated": progress.get("updated")}


def _state(rows: Any) -> dict[str, Any]:
    """How far a study is, or its tuning where that runs."""
    from ablate.report.rows import Rows
    from ablate.runner.starting import STARTING, is_alive

    directory, tuning = rows.directory, rows.directory / "tuning"
    if not rows.study.get("tuning") and (tuning / "study.json").exists():
        rows = dataclasses.replace(Rows.load(tuning), progress=rows.progress)
    statuses = {row["cell"]: row["status"] for row in rows}
    progress = rows.progress or {}
    alive = progress.get("state") in (STARTING, "running") and is_alive(progress.get("pid"))
    running = set(progress.get("running_cells") or ())
    trains = alive and not running <= statuses.keys()  # else the next program compiles
    for cell in rows.study["cells"]:
        unfinished = ("running" if alive else "interrupted") if cell["cell"] in running else "pending"
        statuses.setdefault(cell["cell"], unfinished)
    ended = "interrupted" if progress or len(rows) else "not started"
    pending = any(status in ("pending", "interrupted") for status in statuses.values())
    finished = progress.get("state") == "finished" and not pending
    return {
        "directory": str(directory),
        "state": progress.get("state") if alive or finished else ended,
        "cells": dict(sorted(Counter(statuses.values()).items())),
        "program": progress.get("program") if trains else None,
        "step": progress.get("step") if trains else None,
        "steps": rows.study["train"]["steps"],
        "nodes": progress.get("nodes", []) if alive else [],
        "updated": progress.get("updated"),
        "errors": {row["cell"]: row["error"]["message"].splitlines()[:1] for row in rows if row["error"]},
    }


def report(options: argparse.Namespace, stop: Stop) -> int:
    """`ablate report`: all reports again, from the rows; several directories are compared as well."""
    from ablate.report.rows import ACROSS
    from ablate.runner.reporting import write_reports
    from ablate.study.problems import ConfigError

    if options.versions and len(options.directories) != 2:
        raise ConfigError(["--versions: takes two directories, the version before and the one after"])
    if options.to:
        from ablate.cli import tracking

        tracking.check_installed(options.to)
    places = [directory.resolve() for directory in options.directories]
    twice = [directory for directory, place in zip(options.directories, places, strict=True) if places.count(place) > 1]
    if twice:
        raise ConfigError([f"report: {twice[0]} is given twice; a study is compared with others"])
    several = [directory for directory in options.directories if (directory / ACROSS).exists()]
    if several and len(options.directories) > 1:
        raise ConfigError(
            [f"report: {several[0]} holds several studies; compare the folders below it, or report it alone"]
        )
    if several and options.out is not None:
        raise ConfigError(["--out: is for a comparison of several directories"])
    if several:
        return _report_across(several[0], options, stop)
    studies = [write_reports(directory, stop.check) for directory in options.directories]
    for rows in studies:
        say_results(rows, rows.directory)
    if len(studies) > 1:
        print(*_compared(studies, options.out or Path("results/comparison"), versions=options.versions), sep="\n")
    for rows in studies if options.to else ():
        print(tracking.send({"": rows}, rows.study["name"], options.to, stop))
    return 0


def _report_across(directory: Path, options: argparse.Namespace, stop: Stop) -> int:
    from ablate.cli import tracking
    from ablate.runner.across import report_across

    found = report_across(directory, stop.check, studies=True)
    say_across(found)
    if options.to:
        print(tracking.send(dict(found.items()), found.record["name"], options.to, stop))
    return 0


def _compared(studies: list[Any], directory: Path, *, versions: bool) -> list[Path]:
    """Several studies by what their arms do to their baselines, or two versions of one by what became of each arm."""
    from ablate.report import compare_studies, compare_versions
    from ablate.report.comparison.versions import same_study
    from ablate.report.variance import DESIGN
    from ablate.study.problems import ConfigError

    for rows in studies:
        if rows.study["design"] == DESIGN:
            raise ConfigError([f"report: {rows.directory} holds runs of one recipe; there are no arms to compare"])
    try:
        if versions:
            before, after = studies
            return compare_versions(before, after, (str(before.directory), str(after.directory)), directory)
        if len(studies) == 2 and same_study(*studies):
            say("these are two versions of one study; --versions compares arm with arm, paired by seed")
        return compare_studies(studies, directory)
    except ValueError as error:
        raise ConfigError([f"report: {error}"]) from error


def predict(options: argparse.Namespace, stop: Stop) -> int:
    """`ablate predict`: a CSV with a line per example."""
    from ablate.report.review import as_csv
    from ablate.report.rows import Rows
    from ablate.results.files import write_atomically
    from ablate.runner.predict import predict as predicted
    from ablate.study.labels import slug

    prepare_backend(stop)
    rows = Rows.load(options.directory)
    seed = rows.study["seeds"][0] if options.seed is None else options.seed
    columns, changed, index = predicted(rows, options.arm, seed, options.data)
    for words in changed:
        say(f"warning: {words}; predictions may differ from its metrics")
    text = as_csv({"index": index, **columns})
    if str(options.out) == "-":
        print(text, end="")
        return 0
    name = "-".join([rows.cell_name(options.arm, seed), *([slug(options.data)] if options.data else [])])
    path = Path(options.out or options.directory / "predictions" / f"{name}.csv")
    write_atomically(path, text.encode())
    print(f"{plural(len(next(iter(columns.values()))), 'example')}, arm {options.arm}, seed {seed}: {path}")
    return 0


def verdict(options: argparse.Namespace, stop: Stop) -> int:
    """`ablate verdict`: the answers for runs of a table; with `--workdir`, all reports too."""
    from ablate.runner.elsewhere import Terms, judge
    from ablate.runner.run_table import Columns

    columns = Columns(options.arm, options.seed, options.metric, options.status)
    terms = Terms(options.baseline, options.lower_is_better, options.margin, options.alpha)
    out = {"workdir": options.workdir, "command": options.command_line, "between": stop.check}
    verdicts = judge(options.table, columns, terms, **out)
    print(json.dumps(verdicts.record(), indent=1, ensure_ascii=False, allow_nan=False) if options.json else verdicts)
    if options.workdir and not options.json:
        print(reports(options.workdir))
    return 0
