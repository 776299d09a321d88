"""The commands: from parsed flags to printed results. Heavy imports wait until a command needs them."""

import argparse
import contextlib
import dataclasses
import functools
import json
import os
import sys
import textwrap
from collections import Counter
from collections.abc import Iterable, Iterator
from importlib import metadata
from pathlib import Path
from typing import Any

from rich.console import Console

from ablate.cli.printing import (
    console,
    print_parameters,
    print_plan,
    print_sum,
    reports,
    say_across,
    say_results,
    say_variance,
    status_text,
    wide_table,
)
from ablate.report.wording import plural
from ablate.runner.interrupts import INTERRUPTED, Interrupted, Stop


def run(options: argparse.Namespace, stop: Stop) -> int:
    """`ablate run`: 0 all done, 1 some cells failed, 75 interrupted."""
    from ablate.study.problems import ConfigError

    if options.max_seeds is not None and not options.until_decided:
        raise ConfigError(["--max-seeds: goes with --until-decided"])
    if options.tensorboard:
        from ablate.runner.tensorboard import check_installed

        check_installed()
    directory = options.workdir or Path("results") / _name(options)
    with _begun(directory):
        return _run(options, stop, directory)


@contextlib.contextmanager
def _begun(directory: Path) -> Iterator[None]:
    """Says where results go before the seconds that reading and planning take; `ablate status` says that it starts."""
    from ablate.runner.starting import starting

    with starting(directory):
        _say(f"results go to {directory}; reads the config and plans")
        yield


def _run(options: argparse.Namespace, stop: Stop, directory: Path) -> int:
    planned = _planned(options, stop)
    from ablate.runner.across import AcrossPlan, run_across

    one = functools.partial(_run_one, options, stop)
    try:
        if isinstance(planned, AcrossPlan):
            if (directory / "study.json").exists():
                _say(f"{directory} held a single study; its cells stay, its report is replaced")
            found = run_across(planned, directory, one, say=_say, between=stop.check)
            say_across(found)
            return int(any(map(_some_failed, found.studies)))
        rows = one(planned, directory)
    except Interrupted as error:
        return _interrupted(error, directory)
    say_results(rows, directory)
    return int(_some_failed(rows))


def _run_one(options: argparse.Namespace, stop: Stop, plan_: Any, directory: Path) -> Any:
    """A study in its directory, with what the flags ask for."""
    from ablate.cli.display import display_for
    from ablate.results.store import locked
    from ablate.runner.environment import changed_since
    from ablate.runner.memory import shortage

    with locked(directory):  # or what is said would not happen
        _warn_of_another(directory, plan_)
        changed = changed_since(directory, (cell.name for cell in plan_.cells))
    _warn(filter(None, [changed, shortage(plan_)]))
    flags = {"retry_failed": options.retry_failed, "measure": options.measure}
    rows = _executed(options, plan_, directory, display=display_for(Console(stderr=True)), stop=stop, **flags)
    if options.tensorboard:
        from ablate.runner.tensorboard import write_tensorboard

        write_tensorboard(rows, directory / "tensorboard")
    return rows


def _some_failed(rows: Any) -> bool:
    """Whether a cell of a study or of its tuning has no result."""
    untuned = (rows.study.get("tuning") or {}).get("failed", 0)
    return untuned > 0 or any(row["status"] not in ("done", "diverged") for row in rows)


def _say(words: str) -> None:
    print(f"ablate: {words}", file=sys.stderr)


def new(options: argparse.Namespace, stop: Stop) -> int:
    """`ablate new`: a commented experiment."""
    del stop  # it ends sooner than it could be asked
    from ablate.cli.new import write_experiment

    print(write_experiment(options.file))
    return 0


def _executed(options: argparse.Namespace, plan_: Any, directory: Path, **how: Any) -> Any:
    from ablate.runner.execute import execute
    from ablate.runner.stages import run_until_decided

    if not options.until_decided:
        return execute(plan_, directory, **how)
    return run_until_decided(plan_, directory, say=_say, **how)


def _warn_of_another(directory: Path, plan_: Any) -> None:
    """The cells of another study stay, but its report is about to be replaced."""
    from ablate.report.rows import ACROSS
    from ablate.results.schema import Study, read_record

    if (directory / ACROSS).exists():
        _say(f"{directory} held a study under several conditions; its report is replaced")
        return
    before = read_record(directory / "study.json", Study)
    now = {arm.name for arm in plan_.arms}
    if before and not {arm["name"] for arm in before["arms"]} & now - {"baseline"}:
        _say(f"{directory} held another study; its cells stay, its report is replaced")
        return
    if before and before["train"]["steps"] != plan_.spec.train.steps:
        steps = before["train"]["steps"]
        _say(f"{directory} held this study with {steps} steps; its report is replaced")


def plan(options: argparse.Namespace, stop: Stop) -> int:
    """`ablate plan`: prints the plan, of every condition where there are several; trains nothing."""
    from ablate.runner.estimate import estimate
    from ablate.runner.study_file import study_json
    from ablate.study.tuning import tuning_cells

    plans = _every_plan(_planned(options, stop))
    contents = []
    for plan_ in plans:
        cost = estimate(plan_, stop.check)
        content = {**study_json(plan_), "tuning_cells": tuning_cells(plan_.spec, plan_.arms)}
        contents.append({**content, "estimate": cost})
        if options.json:
            continue
        print_plan(content, cost, f"{len(plan_.devices)} {plan_.devices[0].platform} devices")
        if options.params:
            print_parameters(plan_)
    if options.json:
        print(json.dumps(contents[0] if len(plans) == 1 else {"conditions": contents}, indent=1, ensure_ascii=False))
    elif len(plans) > 1:
        print_sum(contents)
    return 0


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
    from ablate.runner.starting import STARTING

    progress = read_record(directory / "progress.json", Progress) or {}
    starts = progress.get("state") == STARTING and _alive(progress.get("pid"))
    if not starts or (directory / "study.json").exists():
        return None
    nothing = {"cells": {}, "program": None, "step": None, "steps": None, "errors": {}}
    return {"directory": str(directory), "state": STARTING, **nothing, "updated": progress.get("updated")}


def _state(rows: Any) -> dict[str, Any]:
    """How far a study is, or its tuning where that runs."""
    from ablate.report.rows import Rows

    directory, tuning = rows.directory, rows.directory / "tuning"
    if not rows.study.get("tuning") and (tuning / "study.json").exists():
        rows = dataclasses.replace(Rows.load(tuning), progress=rows.progress)
    statuses = {row["cell"]: row["status"] for row in rows}
    progress = rows.progress or {}
    alive = progress.get("state") in ("starting", "running") and _alive(progress.get("pid"))
    running = set(progress.get("running_cells") or ())
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
        "program": progress.get("program") if alive else None,
        "step": progress.get("step") if alive else None,
        "steps": rows.study["train"]["steps"],
        "updated": progress.get("updated"),
        "errors": {row["cell"]: row["error"]["message"].splitlines()[:1] for row in rows if row["error"]},
    }


def report(options: argparse.Namespace, stop: Stop) -> int:
    """`ablate report`: all reports again, from the rows; several directories are compared as well."""
    from ablate.report.rows import ACROSS
    from ablate.runner.execute import report as write
    from ablate.study.problems import ConfigError

    if options.versions and len(options.directories) != 2:
        raise ConfigError(["--versions: takes two directories, the version before and the one after"])
    if options.to:
        from ablate.cli import tracking

        tracking.check_installed(options.to)
    several = [directory for directory in options.directories if (directory / ACROSS).exists()]
    if several and len(options.directories) > 1:
        raise ConfigError(
            [f"report: {several[0]} holds several studies; compare the folders below it, or report it alone"]
        )
    if several and options.out is not None:
        raise ConfigError(["--out: is for a comparison of several directories"])
    if several:
        return _report_across(several[0], options, stop)
    studies = [write(directory, stop) for directory in options.directories]
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
            _say("these are two versions of one study; --versions compares arm with arm, paired by seed")
        return compare_studies(studies, directory)
    except ValueError as error:
        raise ConfigError([f"report: {error}"]) from error


def confirm(options: argparse.Namespace, stop: Stop) -> int:
    """`ablate confirm`: the winners again on fresh seeds, in a study of their own; exit codes of `ablate run`."""
    _prepare(stop)
    from ablate.cli.display import display_for
    from ablate.report.rows import Rows
    from ablate.runner.confirm import FOLDER, plan_confirmation, refuse_another
    from ablate.runner.execute import execute

    text, directory = options.command_line, options.workdir or options.directory / FOLDER
    rows = Rows.load(options.directory)
    plan_ = plan_confirmation(rows, options.arm, options.seeds, command=text, between=stop.check)
    if plan_ is None:
        print(f"no arm of {options.directory} is better than its baseline: nothing to confirm; --arm=NAME names others")
        return 0
    refuse_another(directory, plan_)
    _warn([*plan_.notes, *plan_.warnings])
    display = display_for(Console(stderr=True))
    try:
        rows = execute(plan_, directory, retry_failed=options.retry_failed, display=display, stop=stop)
    except Interrupted as error:
        return _interrupted(error, directory)
    say_results(rows, directory)
    return int(_some_failed(rows))


def predict(options: argparse.Namespace, stop: Stop) -> int:
    """`ablate predict`: a CSV with a line per example."""
    from ablate.report.rows import Rows
    from ablate.results.files import write_atomically
    from ablate.runner.predict import as_csv
    from ablate.runner.predict import predict as predicted
    from ablate.study.cells import slug

    _prepare(stop)
    rows = Rows.load(options.directory)
    seed = rows.study["seeds"][0] if options.seed is None else options.seed
    columns, changed, index = predicted(rows, options.arm, seed, options.data)
    for words in changed:
        _say(f"warning: {words}; predictions may differ from its metrics")
    text = as_csv(columns, index)
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


def tricks(options: argparse.Namespace, stop: Stop) -> int:
    """`ablate tricks`: the catalogue, generated from the tables; with `--measure`, what its choices cost."""
    if options.measure:
        return _measure(options, stop)
    from ablate.cli.catalogue import described
    from ablate.study.problems import ConfigError

    for flag in ("config", "out"):
        if getattr(options, flag) is not None:
            raise ConfigError([f"--{flag}: goes with --measure"])
    print(described(options.name or ""))
    return 0


def _measure(options: argparse.Namespace, stop: Stop) -> int:
    """A line per choice as soon as it is measured, so that an interrupt loses none."""
    spec = _alone(_spec(options, stop))  # sets JAX up, before anything imports it
    from ablate.cli import costs
    from ablate.cli.catalogue import measurable
    from ablate.runner.ratios import Baseline

    choices = measurable(spec, options.name or "")
    known = costs.read(options.out) if options.out else {}
    baseline = Baseline(spec, stop.check)
    print(f"{baseline.told()}\n\n{costs.HEADER}")
    for place, ratio in zip(choices, baseline.ratios(choices.values()), strict=True):
        print(costs.line(place, ratio), flush=True)
        if options.out:
            known[place] = ratio
            costs.write(options.out, known)
    return 0


def variance(options: argparse.Namespace, stop: Stop) -> int:
    """`ablate variance`: what each stream of randomness does to the baseline; exit codes of `ablate run`."""
    directory = options.workdir or Path("results") / f"variance_{_name(options)}"
    with _begun(directory):
        return _variance(options, stop, directory)


def _variance(options: argparse.Namespace, stop: Stop, directory: Path) -> int:
    spec = _alone(_spec(options, stop))
    from ablate.cli.display import display_for
    from ablate.report.variance import analyse, as_json
    from ablate.runner.execute import execute
    from ablate.runner.variance import plan_variance, refuse_another

    plan_ = plan_variance(spec, options.seeds, **_texts(options), between=stop.check)
    refuse_another(directory, plan_)
    untuned = (
        ["tune: the baseline runs with the numbers of the config; nothing is tuned here"] if spec.tune.grid else []
    )
    _warn([*plan_.warnings, *untuned])
    try:
        rows = execute(plan_, directory, display=display_for(Console(stderr=True)), stop=stop)
    except Interrupted as error:
        return _interrupted(error, directory)
    if options.json:
        print(as_json(analyse(rows.study, rows)), end="")
    else:
        say_variance(rows, directory)
    return int(_some_failed(rows))


def _interrupted(error: Interrupted, directory: Path) -> int:
    why = f" ({error})" if str(error) else ""
    _say(f"interrupted{why}; the same command continues what is in {directory}")
    return INTERRUPTED


def check(options: argparse.Namespace, stop: Stop) -> int:
    """`ablate check`: 0 if every program and the installed JAX pass, else 1."""
    plans = _every_plan(_planned(options, stop))
    from ablate.runner.backend import error_of_products
    from ablate.runner.check import check_plan, columns

    passes = []
    for plan_ in plans:
        checks = check_plan(plan_, stop.check)
        table = wide_table(*columns(checks[0]))
        for item in checks:
            table.add_row(*item.cells())
        if len(plans) > 1:
            print(plan_.name)
        console().print(table)
        passes += [item.passes for item in checks]
    error = error_of_products()
    versions = " ".join(f"{name} {metadata.version(name)}" for name in ("jax", "jaxlib"))
    right = "right" if error == 0 else f"WRONG, by a factor of up to {1 + error:.3g}: install another release of jaxlib"
    platform = next(plan_.devices[0].platform for plan_ in plans)
    print(f"{versions} on {platform}: sums of vmapped products come out {right}")
    return int(error != 0 or not all(passes))


def probe(options: argparse.Namespace, stop: Stop) -> int:
    """`ablate probe`: mean and sd of activations and gradients by layer, as table and figure."""
    from ablate.runner.probe import probe_plan, write_probe

    plan_ = _plan_of(_alone(_spec(options, stop)), options, stop)
    layers = probe_plan(plan_, stop.check)
    table = wide_table("arm", "layer", "activation mean", "activation sd", "gradient mean", "gradient sd")
    for layer in layers:
        table.add_row(*layer.cells())
    console().print(table)
    directory = options.workdir or Path("results") / plan_.name
    for path in write_probe(directory, layers):
        print(path)
    return 0


def _planned(options: argparse.Namespace, stop: Stop) -> Any:
    """Everything before the first compile: config, devices, plan; of all conditions, where there are several."""
    spec = _spec(options, stop)
    if not spec.across:
        return _plan_of(spec, options, stop)
    from ablate.runner.across import plan_across

    prepare = functools.partial(_prepared, options=options)
    strategy = getattr(options, "strategy", None)
    planned = plan_across(spec, **_texts(options), strategy=strategy, prepare=prepare, between=stop.check)
    _warn(dict.fromkeys(words for plan_ in planned.plans for words in plan_.warnings))
    return planned


def _plan_of(spec: Any, options: argparse.Namespace, stop: Stop) -> Any:
    from ablate.runner.plan import make_plan

    stop.check()
    spec = _prepared(spec, options)
    strategy = getattr(options, "strategy", None)
    planned = make_plan(spec, **_texts(options), strategy=strategy, between=stop.check)
    _warn(planned.warnings)
    return planned


def _every_plan(planned: Any) -> tuple[Any, ...]:
    """The plan, or those of all conditions."""
    from ablate.runner.across import AcrossPlan

    return planned.plans if isinstance(planned, AcrossPlan) else (planned,)


def _prepared(spec: Any, options: argparse.Namespace) -> Any:
    """The config as the flags change it: that of the first stage with `--until-decided`."""
    if not getattr(options, "until_decided", False):
        return spec
    from ablate.runner.stages import staged  # it reads reports, whose statistics take a second to import

    return staged(spec, options.max_seeds)


def _alone(spec: Any) -> Any:
    """The config's own model, data and numbers, for commands about one study."""
    if spec.across:
        _warn(["across: left out; this is about the config's own choices"])
    return dataclasses.replace(spec, across={})


def _warn(warnings: Iterable[str]) -> None:
    for warning in warnings:
        _say(f"warning: {warning}")


def _texts(options: argparse.Namespace) -> dict[str, Any]:
    """What a plan says of the config that it comes from, and of the command that asked for it."""
    from ablate.study.loading import folder_of, question_of

    return {
        "name": _name(options),
        "question": question_of(options.config),
        "command": options.command_line,
        "folder": folder_of(options.config),
    }


def _name(options: argparse.Namespace) -> str:
    """Of the study: that of its file, without what stands behind a colon."""
    return Path(options.config if os.path.exists(options.config) else options.config.split(":")[0]).stem


def _spec(options: argparse.Namespace, stop: Stop) -> Any:
    """The config that was named, checked; a fresh one where none was."""
    _prepare(stop)
    from ablate.study.config import base_config
    from ablate.study.loading import load_config
    from ablate.study.resolving import resolve

    return resolve(base_config() if options.config is None else load_config(options.config, options.overrides))


def _prepare(stop: Stop) -> None:
    """Sets JAX up before a config or a task, which are code, can use it."""
    from ablate.runner.backend import prepare_jax

    told = prepare_jax()
    if told:
        _say(told)
    stop.check()


def _alive(pid: Any) -> bool:
    try:
        os.kill(int(pid), 0)
    except PermissionError:  # another user's
        return True
    except (OSError, TypeError, ValueError, OverflowError):
        return False
    return True
