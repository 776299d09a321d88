"""The commands: from parsed flags to printed results. Heavy imports wait until a command needs them."""

import argparse
import dataclasses
import json
import os
import sys
from collections import Counter
from collections.abc import Iterable
from importlib import metadata
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Column, Table

from ablate.report.wording import plural
from ablate.runner.interrupts import INTERRUPTED, Interrupted, Stop


def run(options: argparse.Namespace, stop: Stop) -> int:
    """`ablate run`: 0 all done, 1 some cells failed, 75 interrupted."""
    from ablate.cli.display import display_for
    from ablate.study.problems import ConfigError

    if options.max_seeds is not None and not options.until_decided:
        raise ConfigError(["--max-seeds: goes with --until-decided"])
    if options.tensorboard:
        from ablate.runner.tensorboard import check_installed

        check_installed()
    plan_ = _plan(options, stop)
    directory = options.workdir or Path("results") / plan_.name
    _warn_of_another(directory, plan_)
    display = display_for(Console(stderr=True))
    flags = {"retry_failed": options.retry_failed, "measure": options.measure}
    try:
        rows = _executed(options, plan_, directory, display=display, stop=stop, **flags)
    except Interrupted as error:
        return _interrupted(error, directory)
    if options.tensorboard:
        from ablate.runner.tensorboard import write_tensorboard

        write_tensorboard(rows, directory / "tensorboard")
    _say_results(rows, directory)
    untuned = (rows.study.get("tuning") or {}).get("failed", 0)
    return int(untuned > 0 or any(row["status"] not in ("done", "diverged") for row in rows))


def _executed(options: argparse.Namespace, plan_: Any, directory: Path, **how: Any) -> Any:
    from ablate.runner.execute import execute
    from ablate.runner.stages import run_until_decided

    if not options.until_decided:
        return execute(plan_, directory, **how)
    return run_until_decided(plan_, directory, say=lambda words: print(f"ablate: {words}", file=sys.stderr), **how)


def _warn_of_another(directory: Path, plan_: Any) -> None:
    """The cells of another study stay, but its report is about to be replaced."""
    from ablate.results.schema import Study, read_record

    before = read_record(directory / "study.json", Study)
    now = {arm.name for arm in plan_.arms}
    if before and not {arm["name"] for arm in before["arms"]} & now - {"baseline"}:
        print(f"ablate: {directory} held another study; its cells stay, its report is replaced", file=sys.stderr)
        return
    if before and before["train"]["steps"] != plan_.spec.train.steps:
        steps = before["train"]["steps"]
        print(f"ablate: {directory} held this study with {steps} steps; its report is replaced", file=sys.stderr)


def plan(options: argparse.Namespace, stop: Stop) -> int:
    """`ablate plan`: prints the plan; trains nothing."""
    from ablate.runner.estimate import estimate
    from ablate.runner.study_file import study_json
    from ablate.study.tuning import tuning_cells

    plan_ = _plan(options, stop)
    content = {**study_json(plan_), "tuning_cells": tuning_cells(plan_.spec, plan_.arms)}
    cost = estimate(plan_, stop.check)
    if options.json:
        print(json.dumps({**content, "estimate": cost}, indent=1, ensure_ascii=False))
        return 0
    _print_plan(content, cost, f"{len(plan_.devices)} {plan_.devices[0].platform} devices")
    if options.params:
        _print_parameters(plan_)
    return 0


def status(options: argparse.Namespace, stop: Stop) -> int:
    """`ablate status`: counts by status, without locking."""
    del stop  # it ends sooner than it could be asked
    from ablate.report.rows import Rows

    rows, tuning = Rows.load(options.directory), options.directory / "tuning"
    if not rows.study.get("tuning") and (tuning / "study.json").exists():
        rows = dataclasses.replace(Rows.load(tuning), progress=rows.progress)
    statuses = {row["cell"]: row["status"] for row in rows}
    progress = rows.progress or {}
    alive = progress.get("state") == "running" and _alive(progress.get("pid"))
    running = set(progress.get("running_cells") or ())
    for cell in rows.study["cells"]:
        unfinished = ("running" if alive else "interrupted") if cell["cell"] in running else "pending"
        statuses.setdefault(cell["cell"], unfinished)
    counts = Counter(statuses.values())
    content = {
        "directory": str(options.directory),
        "state": progress.get("state") if alive or progress.get("state") == "finished" else "interrupted",
        "cells": dict(sorted(counts.items())),
        "program": progress.get("program") if alive else None,
        "step": progress.get("step") if alive else None,
        "steps": rows.study["train"]["steps"],
        "updated": progress.get("updated"),
        "errors": {row["cell"]: row["error"]["message"].splitlines()[:1] for row in rows if row["error"]},
    }
    print(json.dumps(content, indent=1, ensure_ascii=False) if options.json else _status_text(content))
    return 0


def report(options: argparse.Namespace, stop: Stop) -> int:
    """`ablate report`: all reports again, from the rows; several directories are compared as well."""
    from ablate.report import compare_studies
    from ablate.report.variance import DESIGN
    from ablate.runner.execute import report as write
    from ablate.study.problems import ConfigError

    studies = [write(directory, stop) for directory in options.directories]
    for rows in studies:
        _say_results(rows, rows.directory)
    if len(studies) > 1:
        for rows in studies:
            if rows.study["design"] == DESIGN:
                raise ConfigError([f"report: {rows.directory} holds runs of one recipe; there are no arms to compare"])
        try:
            written = compare_studies(studies, options.out)
        except ValueError as error:
            raise ConfigError([f"report: {error}"]) from error
        print(*written, sep="\n")
    return 0


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
    columns, changed = predicted(rows, options.arm, seed, options.data)
    for words in changed:
        print(f"ablate: warning: {words}; predictions may differ from its metrics", file=sys.stderr)
    text = as_csv(columns)
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
        print(_reports(options.workdir))
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
    spec = _spec(options, stop)  # sets JAX up, before anything imports it
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
    spec = _spec(options, stop)
    from ablate.cli.display import display_for
    from ablate.report.variance import analyse, as_json
    from ablate.runner.execute import execute
    from ablate.runner.variance import plan_variance, refuse_another

    plan_ = plan_variance(spec, options.seeds, **_texts(options), between=stop.check)
    directory = options.workdir or Path("results") / f"variance_{plan_.name}"
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
        _say_variance(rows, directory)
    return int(any(row["status"] not in ("done", "diverged") for row in rows))


def _interrupted(error: Interrupted, directory: Path) -> int:
    why = f" ({error})" if str(error) else ""
    print(f"ablate: interrupted{why}; the same command continues what is in {directory}", file=sys.stderr)
    return INTERRUPTED


def check(options: argparse.Namespace, stop: Stop) -> int:
    """`ablate check`: 0 if every program and the installed JAX pass, else 1."""
    plan_ = _plan(options, stop)
    from ablate.runner.backend import error_of_products
    from ablate.runner.check import check_plan, columns

    checks, error = check_plan(plan_, stop.check), error_of_products()
    table = _table(*columns(checks[0]))
    for item in checks:
        table.add_row(*item.cells())
    _console().print(table)
    versions = " ".join(f"{name} {metadata.version(name)}" for name in ("jax", "jaxlib"))
    right = "right" if error == 0 else f"WRONG, by a factor of up to {1 + error:.3g}: install another release of jaxlib"
    print(f"{versions} on {plan_.devices[0].platform}: sums of vmapped products come out {right}")
    return int(error != 0 or not all(item.passes for item in checks))


def probe(options: argparse.Namespace, stop: Stop) -> int:
    """`ablate probe`: mean and sd of activations and gradients by layer, as table and figure."""
    from ablate.runner.probe import probe_plan, write_probe

    plan_ = _plan(options, stop)
    layers = probe_plan(plan_, stop.check)
    table = _table("arm", "layer", "activation mean", "activation sd", "gradient mean", "gradient sd")
    for layer in layers:
        table.add_row(*layer.cells())
    _console().print(table)
    directory = options.workdir or Path("results") / plan_.name
    for path in write_probe(directory, layers):
        print(path)
    return 0


def _plan(options: argparse.Namespace, stop: Stop) -> Any:
    """Everything before the first compile: config, devices, plan."""
    spec = _spec(options, stop)
    from ablate.runner.plan import make_plan

    stop.check()
    if getattr(options, "until_decided", False):
        from ablate.runner.stages import staged

        spec = staged(spec, options.max_seeds)
    strategy = getattr(options, "strategy", None)
    planned = make_plan(spec, **_texts(options), strategy=strategy, between=stop.check)
    _warn(planned.warnings)
    return planned


def _warn(warnings: Iterable[str]) -> None:
    for warning in warnings:
        print(f"ablate: warning: {warning}", file=sys.stderr)


def _texts(options: argparse.Namespace) -> dict[str, Any]:
    """What a plan says of the config that it comes from, and of the command that asked for it."""
    from ablate.study.loading import folder_of, question_of

    return {
        "name": Path(options.config if os.path.exists(options.config) else options.config.split(":")[0]).stem,
        "question": question_of(options.config),
        "command": options.command_line,
        "folder": folder_of(options.config),
    }


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
        print(f"ablate: {told}", file=sys.stderr)
    stop.check()


def _console() -> Console:
    """Wide where nobody's window limits it, so that a pipe gets whole names."""
    return Console(width=None if sys.stdout.isatty() else 160)


def _table(*names: str) -> Table:
    """On a narrow terminal names and headers go over several lines; nothing is cut off."""
    return Table(*(Column(name, overflow="fold") for name in names))


def _say_results(rows: Any, directory: Path) -> None:
    from ablate.report.variance import DESIGN

    if rows.study["design"] == DESIGN:
        _say_variance(rows, directory)
        return
    from ablate.report.sections.answers import answers, status_line
    from ablate.report.sections.tuning import tuned_lines
    from ablate.report.tables import tabulate

    tables = tabulate(rows.study, list(rows), looks=rows.looks)
    print(status_line(tables))
    for answer in answers(tables):
        print(f"  {answer.arm}: {answer.text}")
    for line in tuned_lines(rows.study.get("tuning")):
        print(f"  {line}")
    print(_reports(directory))


def _say_variance(rows: Any, directory: Path) -> None:
    from ablate.report.variance import analyse, answer, seed_grids, source_grid

    found = analyse(rows.study, rows)
    for shown in (source_grid(found), *seed_grids(found)):
        _print_grid(shown)
    print(*answer(found), sep="\n")
    print(*(directory / f"variance.{kind}" for kind in ("md", "csv", "json")), sep="  ")


def _print_grid(shown: Any) -> None:
    table = Table(
        *(
            Column(escape(name), overflow="fold", justify="right" if numeric else "left")
            for name, numeric in zip(shown.header, shown.numeric, strict=True)
        )
    )
    for row in shown.rows:
        table.add_row(*map(escape, row))
    _console().print(table)


def _reports(directory: Path) -> str:
    return f"{directory / 'report.md'}  {directory / 'report.html'}  {directory / 'summary.csv'}"


def _print_plan(content: dict[str, Any], cost: dict[str, Any], devices: str) -> None:
    train, data = content["train"], content["data"]
    print(
        f"{content['name']}: {len(content['arms'])} arms x {len(content['seeds'])} seeds = {len(content['cells'])} "
        f"cells in {plural(len(content['programs']), 'program')}; {train['steps']} steps of {train['batch_size']}; "
        f"{devices}"
    )
    sizes = ", ".join(f"{data[part]:,} {part}" for part in ("train", "validation", "test"))
    print(f"{data['name']}: {sizes} examples. {data['description']}")
    if content["tuning_cells"]:
        print(
            f"before that, {content['tuning_cells']} cells tune the same numbers for every arm; not in the times below"
        )
    table = _table("program", "arms", "cells", "lanes", "waves", "strategy", "parameters", "about")
    for item in content["programs"]:
        counts = [str(n) for n in (len(item["cells"]), item["lanes"], item["waves"])]
        about = _duration(cost["programs"][item["id"]])
        arms = escape("\n".join(item["arms"]))
        table.add_row(item["id"], arms, *counts, item["strategy"], f"{item['parameters']:,}", about, end_section=True)
    _console().print(table)
    for why in dict.fromkeys(f"{item['strategy']}: {item['why']}" for item in content["programs"]):
        print(why)
    print(
        f"about {_duration(cost['seconds'])}, at most {cost['bytes'] / 2**20:.0f} MiB at once: rough, counted from the "
        "operations of one step, within a factor of 3"
    )


def _print_parameters(plan_: Any) -> None:
    """A table of parameters for every network that differs from those before."""
    from ablate.runner.plan import parameter_table

    owners: dict[str, list[str]] = {}
    for item in plan_.programs:
        owners.setdefault(parameter_table(item), []).append(item.program.id)
    for overview, programs in owners.items():
        print(f"\nparameters of {plural(len(programs), 'program')} {', '.join(programs)}")
        print(overview)


def _status_text(content: dict[str, Any]) -> str:
    counts = ", ".join(f"{count} {name}" for name, count in content["cells"].items())
    lines = [f"{content['directory']}: {content['state']}; {counts}"]
    if content["program"]:
        lines.append(f"program {content['program']}, step {content['step']} of {content['steps']}")
    if content["updated"]:
        lines.append(f"last heard of at {content['updated']}")
    lines += [f"{cell}: {' '.join(message)}" for cell, message in content["errors"].items()]
    return "\n".join(lines)


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{max(seconds, 1):.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def _alive(pid: Any) -> bool:
    try:
        os.kill(int(pid), 0)
    except PermissionError:  # another user's
        return True
    except (OSError, TypeError, ValueError, OverflowError):
        return False
    return True
