"""The story on one page: plan, skip what is done, have the rest trained, store every cell, report."""

import contextlib
import functools
import os
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from ml_collections import ConfigDict

from ablate.report.rows import ACROSS, Conditions, Rows
from ablate.results.files import StorageError, storing, write_json
from ablate.results.schema import Environment, Study, TuningRecord, read_record
from ablate.results.store import FINAL, Store, locked
from ablate.runner.across import plan_across, run_across
from ablate.runner.costs import operations_per_step, uncounted, with_known_costs, with_operations, with_seconds
from ablate.runner.driver import Driver
from ablate.runner.engines.engine import Engine
from ablate.runner.engines.local import LocalEngine
from ablate.runner.environment import differences, environment
from ablate.runner.inputs import store_inputs
from ablate.runner.interrupts import Interrupted, Stop, listening
from ablate.runner.plan import Plan, make_plan, replan
from ablate.runner.rates import with_rates
from ablate.runner.reporting import Interim, write_reports
from ablate.runner.reuse import reuse_of
from ablate.runner.session import Display, Log, Session, Silent
from ablate.runner.study_file import study_json
from ablate.study.problems import ConfigError
from ablate.study.resolving import resolve
from ablate.study.tuning import choose_arms, tuning_arms, tuning_spec
from ablate.train.checkpoints import clear

if TYPE_CHECKING:
    from ablate.report.plots.together import Draw

T = TypeVar("T")


def run(
    cfg: ConfigDict,
    workdir: str | os.PathLike[str] | None = None,
    *,
    strategy: str | None = None,
    retry_failed: bool = False,
    measure: bool = False,
    engine: Engine | None = None,
) -> Rows | Conditions:
    """Trains what is missing of a study and reports; the same call again continues.

    Args:
        cfg: a config as `base_config()` gives it.
        workdir: the run's directory; `results/study` if not given.
        strategy: how programs run: scan, vmap, solo or data; chosen by platform if not given.
        retry_failed: train failed cells again.
        measure: afterwards time every arm in a program of its own.
        engine: who trains; this process if not given.

    Returns:
        The rows of the study, also those of earlier runs; with `cfg.across`, those of every condition.

    Raises:
        ConfigError: with all problems of the config.
        InUseError: another process runs in `workdir`.
        Interrupted: a signal or a full disk stopped it; call again to go on.
    """
    spec, directory = resolve(cfg), Path(workdir or "results/study")
    if measure and engine is not None and not isinstance(engine, LocalEngine):
        raise ConfigError(["measure: times programs in this process; call it again with it, and without an engine"])
    engine = engine or LocalEngine()
    texts: dict[str, Any] = {"name": directory.name, "command": "ablate.run(cfg)", "strategy": strategy}
    texts["place"] = engine.place()
    run_one = functools.partial(execute, retry_failed=retry_failed, measure=measure, engine=engine)
    if spec.across:
        return run_across(plan_across(spec, **texts), directory, run_one)
    return run_one(make_plan(spec, **texts), directory)


def execute(
    plan: Plan,
    directory: Path,
    *,
    retry_failed: bool = False,
    measure: bool = False,
    engine: Engine | None = None,
    display: Display | None = None,
    stop: Stop | None = None,
    draw: "Draw | None" = None,
) -> Rows:
    """Runs a plan in a directory that only this process writes to; `measure` times every arm on its own as well.

    Args:
        plan: the study.
        directory: where it runs.
        retry_failed: train failed cells again.
        measure: afterwards time every arm in a program of its own, on this machine.
        engine: who trains; this process if not given.
        display: who watches.
        stop: who may ask it to stop; if nobody is given, signals do.
        draw: who draws the figures of its report, where somebody is ready.

    Raises:
        InUseError: another process runs there.
        Interrupted: it was asked to stop, or the disk is full; the same call goes on.
        StorageError: the directory cannot be written to, and waiting will not help.
    """
    heard = listening() if stop is None else contextlib.nullcontext(stop)
    with heard as stop, continued(), locked(directory):
        watching = display or Silent(), retry_failed, Interim(directory)
        session = Session(engine or LocalEngine(), Store(directory), Log(directory), stop, *watching)
        plan = _train(plan, session)
        rows = write_reports(directory, stop.check, anew=False, draw=draw)
        if measure:
            write_json(directory / "study.json", with_seconds(rows.study, plan, stop.check))
            rows = report(directory, stop)
        return rows


def report(directory: Path, stop: Stop | None = None) -> Rows:
    """Writes all reports of a directory from its rows; runs no config.

    Raises:
        Interrupted: between two files, somebody asked to stop.
        StorageError: a file could not be written.
    """
    return write_reports(directory, (stop or Stop()).check)


@contextlib.contextmanager
def continued() -> Iterator[None]:
    """What storage cannot do at the moment interrupts: a full disk, a quota, a disk that stumbled."""
    try:
        yield
    except StorageError as error:
        if error.passes:
            raise Interrupted(str(error)) from error
        raise


def _train(plan: Plan, session: Session) -> Plan:
    """Everything between the lock and the report; gives the plan as it ran, with tuned numbers."""
    directory = session.store.directory
    session.store.clear_temporary()
    with storing(directory / ACROSS):  # from now on this is a single study; folders of conditions stay
        (directory / ACROSS).unlink(missing_ok=True)
    # What it writes itself, under version control perhaps, is no change; nor what other conditions of it wrote.
    own = directory.parent if (directory.parent / ACROSS).exists() else directory
    now = environment(own, session.engine.machine())
    earlier = read_record(directory / "environment.json", Environment)
    before = read_record(directory / "study.json", Study)
    study = _describe(plan, session, before, None)
    write_json(directory / "environment.json", now | {"differs": differences(now, earlier)})
    session.log.write()
    try:
        if plan.spec.tune.grid:
            plan, record = _tune(plan, session.inside("tuning"))
            study = _describe(plan, session, before, record)
        # Counting is Python at work on shapes while XLA is at work on numbers.
        count = functools.partial(operations_per_step, plan, session.stop.check, uncounted(study))
        with beside(count) as counted, beside(functools.partial(_show_inputs, plan, session)) as shown:
            _train_all(plan, session)
        shown.result()
        write_json(directory / "study.json", with_operations(study, counted.result()))
    except BaseException:
        session.log.write(state="interrupted")
        if session.interim:
            session.interim.interrupted()
        raise
    finally:
        session.display.end()
    session.log.write(state="finished", program=None, running_cells=[], nodes=[])
    return plan


def _show_inputs(plan: Plan, session: Session) -> None:
    """Stores what arms present to their networks; no picture is worth a run, so what fails there is left out."""
    try:
        store_inputs(plan, session.store.directory, session.stop.check)
    except (Interrupted, StorageError):
        raise
    except (Exception, SystemExit):  # a user's code may fail on a host's processor alone
        return


def _describe(plan: Plan, session: Session, before: Study | None, record: TuningRecord | None) -> Study:
    study = with_rates({**study_json(plan), "tuning": record}, plan, session.stop.check)
    study = with_known_costs(study, before)
    write_json(session.store.directory / "study.json", study)
    return study


@contextlib.contextmanager
def beside(work: Callable[[], T]) -> Iterator[Future[T]]:
    """Does some work in a thread of its own while the block runs; it has ended when the block has."""
    with ThreadPoolExecutor(1) as pool:
        yield pool.submit(work)


def _tune(plan: Plan, session: Session) -> tuple[Plan, TuningRecord]:
    """Trains the tuning as a study of its own; gives the plan with the numbers that won."""
    spec = tuning_spec(plan.spec)
    session.store.clear_temporary()
    tuning = replan(plan, tuning_arms(plan.spec, plan.arms), spec, between=session.stop.check)
    write_json(session.store.directory / "study.json", study_json(tuning))
    _train_all(tuning, session)
    rows = session.store.read([cell.name for cell in tuning.cells]).values()
    tuned = choose_arms(plan.spec, plan.arms, {(row["arm"], row["seed"]): row for row in rows}, spec.seeds)
    return replan(plan, tuned.arms, between=session.stop.check), tuned.record


def _train_all(plan: Plan, session: Session) -> None:
    options = {"retry_failed": session.retry_failed, "keep_weights": plan.spec.train.keep_weights}
    reuse = reuse_of(plan.cells, session.store, **options)
    session.display.begin(plan, reuse)
    if reuse.missing:
        missing = [(item, lanes) for item in plan.programs if (lanes := item.missing(reuse.kept))]
        session.engine.open(plan.datasets, session.store.directory.absolute() / "checkpoints")
        with contextlib.closing(session.engine):
            Driver(missing, session).run(session.engine)
    rows = session.store.read(cell.name for cell in plan.cells)
    if all(row["status"] in FINAL for row in rows.values()):
        clear(session.store.directory / "checkpoints")
