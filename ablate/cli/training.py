"""Commands that train: `run`, `variance`, `confirm`. Heavy imports wait until a command needs them."""

import argparse
import contextlib
import functools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from rich.console import Console

from ablate.cli.engines import check_engine, engine_for
from ablate.cli.hosts import run_on_hosts
from ablate.cli.planning import alone, name_of, plans_of, prepare_backend, say, spec_of, texts_of, warn
from ablate.cli.printing import (
    say_across,
    say_results,
    say_variance,
)
from ablate.runner.interrupts import INTERRUPTED, Interrupted, Stop


def run(options: argparse.Namespace, stop: Stop) -> int:
    """`ablate run`: 0 all done, 1 some cells failed, 75 interrupted."""
    check_flags(options)
    return _run_begun(options, stop) if options.coordinator is None else run_on_hosts(options, stop, _run_begun)


def _run_begun(options: argparse.Namespace, stop: Stop) -> int:
    directory = options.workdir or Path("results") / name_of(options)
    from ablate.report.plots.together import drawing

    with begun(directory), drawing() as draw:
        return _run(options, stop, directory, draw)


def check_flags(options: argparse.Namespace) -> None:
    """Refuses flags of `ablate run` that do not go together, or ask for what is not installed.

    Raises:
        ConfigError: with what is wrong.
    """
    from ablate.study.problems import ConfigError

    if options.max_seeds is not None and not options.until_decided:
        raise ConfigError(["--max-seeds: goes with --until-decided"])
    check_engine(options)
    if options.tensorboard:
        from ablate.runner.tensorboard import check_installed

        check_installed()


@contextlib.contextmanager
def begun(directory: Path) -> Iterator[None]:
    """Says where results go before the seconds that reading and planning take; `ablate status` says that it starts."""
    from ablate.runner.starting import starting

    with starting(directory):
        say(f"results go to {directory}; reads the config and plans")
        yield


def _run(options: argparse.Namespace, stop: Stop, directory: Path, draw: Any) -> int:
    spec = spec_of(options, stop)
    with engine_for(options, stop) as engine:
        return _run_on(engine, spec, options, stop, directory, draw)


def _run_on(engine: Any, spec: Any, options: argparse.Namespace, stop: Stop, directory: Path, draw: Any) -> int:
    planned = plans_of(spec, options, stop, engine.place())
    from ablate.runner.across import AcrossPlan, run_across

    one = functools.partial(_run_one, engine, options, stop, draw)
    try:
        if isinstance(planned, AcrossPlan):
            if (directory / "study.json").exists():
                say(f"{directory} held a single study; its cells stay, its report is replaced")
            found = run_across(planned, directory, one, say=say, between=stop.check)
            say_across(found)
            return int(any(map(some_failed, found.studies)))
        rows = one(planned, directory)
    except Interrupted as error:
        return interrupted(error, directory)
    say_results(rows, directory)
    return int(some_failed(rows))


def _run_one(engine: Any, options: argparse.Namespace, stop: Stop, draw: Any, plan_: Any, directory: Path) -> Any:
    """A study in its directory, with what the flags ask for."""
    from ablate.cli.display import display_for
    from ablate.results.store import locked
    from ablate.runner.environment import reused_elsewhere
    from ablate.runner.memory import shortage

    with locked(directory):  # or what is said would not happen
        _warn_of_another(directory, plan_)
        changed = reused_elsewhere(directory, (cell.name for cell in plan_.cells), engine.machine)
    here = options.engine == "local" and not options.hosts
    warn(filter(None, [changed, shortage(plan_) if here else None]))
    flags = {"retry_failed": options.retry_failed, "measure": options.measure, "engine": engine, "draw": draw}
    rows = _executed(options, plan_, directory, display=display_for(Console(stderr=True)), stop=stop, **flags)
    if options.tensorboard:
        from ablate.runner.tensorboard import write_tensorboard

        write_tensorboard(rows, directory / "tensorboard")
    return rows


def _executed(options: argparse.Namespace, plan_: Any, directory: Path, **how: Any) -> Any:
    from ablate.runner.execute import execute
    from ablate.runner.stages import run_until_decided

    if not options.until_decided:
        return execute(plan_, directory, **how)
    return run_until_decided(plan_, directory, say=say, **how)


def _warn_of_another(directory: Path, plan_: Any) -> None:
    """The cells of another study stay, but its report is about to be replaced."""
    from ablate.report.rows import ACROSS
    from ablate.results.schema import Study, read_record

    if (directory / ACROSS).exists():
        say(f"{directory} held a study under several conditions; its report is replaced")
        return
    before = read_record(directory / "study.json", Study)
    now = {arm.name for arm in plan_.arms}
    if before and not {arm["name"] for arm in before["arms"]} & now - {"baseline"}:
        say(f"{directory} held another study; its cells stay, its report is replaced")
        return
    if before and before["train"]["steps"] != plan_.spec.train.steps:
        steps = before["train"]["steps"]
        say(f"{directory} held this study with {steps} steps; its report is replaced")


def variance(options: argparse.Namespace, stop: Stop) -> int:
    """`ablate variance`: what each stream of randomness does to the baseline; exit codes of `ablate run`."""
    check_engine(options)
    directory = options.workdir or Path("results") / f"variance_{name_of(options)}"
    with begun(directory):
        return _variance(options, stop, directory)


def _variance(options: argparse.Namespace, stop: Stop, directory: Path) -> int:
    spec = alone(spec_of(options, stop))
    with engine_for(options, stop) as engine:
        return _variance_on(engine, spec, options, stop, directory)


def _variance_on(engine: Any, spec: Any, options: argparse.Namespace, stop: Stop, directory: Path) -> int:
    from ablate.cli.display import display_for
    from ablate.report.variance import analyse, as_json
    from ablate.runner.execute import execute
    from ablate.runner.variance import plan_variance, refuse_another

    plan_ = plan_variance(spec, options.seeds, **texts_of(options), place=engine.place(), between=stop.check)
    refuse_another(directory, plan_)
    untuned = (
        ["tune: the baseline runs with the numbers of the config; nothing is tuned here"] if spec.tune.grid else []
    )
    warn([*plan_.warnings, *untuned])
    try:
        rows = execute(plan_, directory, engine=engine, display=display_for(Console(stderr=True)), stop=stop)
    except Interrupted as error:
        return interrupted(error, directory)
    if options.json:
        print(as_json(analyse(rows.study, rows)), end="")
    else:
        say_variance(rows, directory)
    return int(some_failed(rows))


def confirm(options: argparse.Namespace, stop: Stop) -> int:
    """`ablate confirm`: the winners again on fresh seeds, in a study of their own; exit codes of `ablate run`."""
    check_engine(options)
    prepare_backend(stop)
    with engine_for(options, stop) as engine:
        return _confirm_on(engine, options, stop)


def _confirm_on(engine: Any, options: argparse.Namespace, stop: Stop) -> int:
    from ablate.cli.display import display_for
    from ablate.report.rows import Rows
    from ablate.runner.confirm import FOLDER, plan_confirmation, refuse_another
    from ablate.runner.execute import execute

    text, directory = options.command_line, options.workdir or options.directory / FOLDER
    rows = Rows.load(options.directory)
    how = {"command": text, "place": engine.place(), "between": stop.check}
    plan_ = plan_confirmation(rows, options.arm, options.seeds, **how)
    if plan_ is None:
        print(f"no arm of {options.directory} is better than its baseline: nothing to confirm; --arm=NAME names others")
        return 0
    refuse_another(directory, plan_)
    warn([*plan_.notes, *plan_.warnings])
    display = display_for(Console(stderr=True))
    try:
        how = {"retry_failed": options.retry_failed, "engine": engine, "display": display, "stop": stop}
        rows = execute(plan_, directory, **how)
    except Interrupted as error:
        return interrupted(error, directory)
    say_results(rows, directory)
    return int(some_failed(rows))


def interrupted(error: Interrupted, directory: Path) -> int:
    why = f" ({error})" if str(error) else ""
    say(f"interrupted{why}; the same command continues what is in {directory}")
    return INTERRUPTED


def some_failed(rows: Any) -> bool:
    """Whether a cell of a study or of its tuning has no result."""
    untuned = (rows.study.get("tuning") or {}).get("failed", 0)
    return untuned > 0 or any(row["status"] not in ("done", "diverged") for row in rows)
