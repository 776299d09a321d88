"""The story on one page: plan, skip what is done, train the rest program by program, store every cell, report."""

import contextlib
import dataclasses
import functools
import os
import signal
import time
import traceback
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from ml_collections import ConfigDict

from ablate.costs import with_costs
from ablate.environment import environment
from ablate.planning import Plan, ProgramPlan, lane_job, make_plan, replan, study_json
from ablate.rows import Rows
from ablate.store import FINAL, Row, Store, locked, read_json, write_json
from ablate.study.cells import Cell, digest
from ablate.study.programs import Lane
from ablate.study.resolving import resolve
from ablate.train.checkpoints import Checkpoints, clear
from ablate.train.lanes import Lanes
from ablate.train.loop import Job, Loop, Moment, Result
from ablate.train.strategy import waves
from ablate.tuning import choose_arms, tuning_arms, tuning_spec

HEARTBEAT_SECONDS = 2.0


class Interrupted(Exception):
    """The run was asked to stop; what it had is in its checkpoint."""


class Display(Protocol):
    """What watches a run; `cells` and `steps` are amounts that were just finished."""

    def begin(self, plan: Plan, finished: int) -> None: ...
    def program(self, item: ProgramPlan, cells: int) -> None: ...
    def steps(self, cell_steps: int) -> None: ...
    def end(self) -> None: ...


class Silent:
    """A display that shows nothing: the Python API."""

    def begin(self, plan: Plan, finished: int) -> None:
        """Nothing to show."""

    def program(self, item: ProgramPlan, cells: int) -> None:
        """Nothing to show."""

    def steps(self, cell_steps: int) -> None:
        """Nothing to show."""

    def end(self) -> None:
        """Nothing to show."""


def run(cfg: ConfigDict, workdir: str | os.PathLike[str] | None = None, *, strategy: str | None = None) -> Rows:
    """Trains what is missing of a study and reports; the same call again continues.

    Args:
        cfg: a config as `base_config()` gives it.
        workdir: the run's directory; `results/study` if not given.
        strategy: how programs run: scan, vmap, solo or data; chosen by platform if not given.

    Returns:
        The rows of the study, also those of earlier runs.

    Raises:
        ConfigError: with all problems of the config.
        InUseError: another process runs in `workdir`.
        Interrupted: a signal stopped it; call again to go on.
    """
    plan = make_plan(resolve(cfg), name=Path(workdir or "study").name, command="ablate.run(cfg)", strategy=strategy)
    return execute(plan, Path(workdir or "results/study"))


def execute(
    plan: Plan,
    directory: Path,
    *,
    retry_failed: bool = False,
    measure: bool = False,
    display: Display | None = None,
) -> Rows:
    """Runs a plan in a directory that only this process writes to; `measure` times every arm on its own as well."""
    with locked(directory), _signals() as stop:
        store = Store(directory)
        store.clear_temporary()
        log = Log(directory)
        try:
            record = None
            if plan.spec.tune.grid:
                plan, record = _tune(plan, directory / "tuning", log, stop, retry_failed, display or Silent())
            before = read_json(directory / "study.json")
            study = with_costs(study_json(plan) | {"tuning": record}, plan, before, measure=False)
            write_json(directory / "study.json", study)
            write_json(directory / "environment.json", environment())
            _train_all(plan, store, log, stop, retry_failed, display or Silent())
            if measure:
                write_json(directory / "study.json", with_costs(study, plan, None, measure=True))
        except BaseException:
            log.write(state="interrupted")
            raise
        finally:
            (display or Silent()).end()
        log.write(state="finished", program=None, running_cells=[])
    return report(directory)


def report(directory: Path) -> Rows:
    """Writes all reports of a directory from its rows; runs no config."""
    from ablate.report import write_report

    rows = Rows.load(directory)
    write_report(directory, rows.study, list(rows), rows.environment, rows.progress)
    return rows


def _tune(
    plan: Plan, directory: Path, log: "Log", stop: "Stop", retry_failed: bool, display: Display
) -> tuple[Plan, dict[str, Any]]:
    """Trains the tuning as a study of its own; gives the plan with the numbers that won."""
    spec = tuning_spec(plan.spec)
    tuning = replan(plan, tuning_arms(plan.spec, plan.arms), spec)
    write_json(directory / "study.json", study_json(tuning))
    store = Store(directory)
    _train_all(tuning, store, log, stop, retry_failed, display)
    rows = {(row["arm"], row["seed"]): row for row in store.read([cell.name for cell in tuning.cells]).values()}
    tuned = choose_arms(plan.spec, plan.arms, rows, spec.seeds)
    return replan(plan, tuned.arms), tuned.record


def _train_all(plan: Plan, store: Store, log: "Log", stop: "Stop", retry_failed: bool, display: Display) -> None:
    names = [cell.name for cell in plan.cells]
    rows = store.read(names, set_aside=True)
    kept = {name for name, row in rows.items() if row["status"] in FINAL or not retry_failed}
    display.begin(plan, len(kept))
    images = np.concatenate([plan.dataset.images, plan.dataset.test_images])
    for item in plan.programs:
        missing = [lane for lane in item.program.lanes if lane.cell.name not in kept]
        if missing:
            display.program(item, len(missing))
            _train_program(plan, item, missing, images, store, log, stop, display)
    if all(row["status"] in FINAL for row in store.read(names).values()):
        clear(store.directory / "checkpoints")


def _train_program(
    plan: Plan, item: ProgramPlan, missing: list[Lane], images: np.ndarray, store: Store, log: "Log", stop: "Stop",
    display: Display,
) -> None:  # fmt: skip
    """All waves of a program; if it raises, its cells are marked and the next program goes on."""
    left = {lane.cell.name: lane for lane in missing}
    try:
        # Waves of one width share the compiled program.
        lanes = functools.cache(lambda width: Lanes(item.task, item.strategy, plan.devices, images))
        for members, width in _waves(plan, item, missing, store.directory):
            wave = WaveRun(plan, item, members, width, lanes(width), store.directory)
            for row in wave.rows(log, stop, display):
                if left.pop(row["cell"], None) is not None:
                    store.write(row)
            wave.checkpoints.remove()
    except (Interrupted, OSError):  # a full disk is no fault of the program
        raise
    except Exception as error:  # a program may fail in any way; the study goes on without it
        for lane in left.values():
            store.write(_failed_row(plan, item, lane.cell, error))


def _waves(plan: Plan, item: ProgramPlan, missing: list[Lane], directory: Path) -> list[tuple[list[Lane], int]]:
    """The waves that an earlier session wrote down, as they were, since another width rounds differently; new ones
    for the cells in none of them."""
    split = functools.partial(
        waves, devices=len(plan.devices), strategy=item.strategy, most_lanes=plan.spec.train.lanes
    )
    path = directory / "checkpoints" / f"{item.program.id}.json"
    by_name = {lane.cell.name: lane for lane in item.program.lanes}
    left = {lane.cell.name for lane in missing}
    found = [
        wave
        for wave in read_json(path) or []
        if left.intersection(wave["cells"])
        and by_name.keys() >= set(wave["cells"])
        and split(wave["width"])[0].width == wave["width"]
    ]
    begun = {name for wave in found for name in wave["cells"]}
    rest = [lane.cell.name for lane in missing if lane.cell.name not in begun]
    new = split(len(rest)) if rest else ()
    found += [{"width": wave.width, "cells": [rest[k] for k in wave.members]} for wave in new]
    write_json(path, found)
    return [([by_name[name] for name in wave["cells"]], wave["width"]) for wave in found]


class WaveRun:
    """One wave of cells from its first step, or its checkpoint, to its rows."""

    def __init__(self, plan: Plan, item: ProgramPlan, members: list[Lane], width: int, lanes: Lanes, directory: Path):
        self._plan, self._item, self._members, self._lanes = plan, item, members, lanes
        train = plan.spec.train
        jobs = tuple(lane_job(lane, plan.dataset, plan.sampling) for lane in members)
        self._job = Job(
            jobs, width, plan.dataset, train.steps, train.batch_size, train.eval_every, plan.eval_batch_size
        )
        identity = [item.program.id, *(lane.cell.name for lane in members)]
        self.checkpoints = Checkpoints(directory / "checkpoints" / digest(identity)[:12])

    def rows(self, log: "Log", stop: "Stop", display: Display) -> list[Row]:
        """Trains the wave; gives its rows."""
        loop = Loop(self._lanes, self._job)
        begin = loop.start()
        moment = self.checkpoints.latest(begin, len(self._members)) or begin
        display.steps(moment.step * len(self._members))
        before, spent, saved = moment.step, 0.0, time.monotonic()
        for moment in loop.moments(moment):  # noqa: B020  # each moment follows from the one before
            display.steps((moment.step - before) * len(self._members))
            log.beat(self._progress(moment), self._lanes.new_compiles(), loop.pace.seconds - spent)
            before, spent = moment.step, loop.pace.seconds
            due = time.monotonic() - saved > self._plan.spec.train.checkpoint_seconds
            if stop.asked or due:
                self.checkpoints.save(moment, len(self._members))
                saved = time.monotonic()
            if stop.asked:
                raise Interrupted
        results = loop.results(moment)
        costs = self._costs(loop)
        return [_row(lane.cell, result, costs) for lane, result in zip(self._members, results, strict=True)]

    def _progress(self, moment: Moment) -> dict[str, Any]:
        return {
            "program": self._item.program.id,
            "step": moment.step,
            "steps": self._job.steps,
            "running_cells": [lane.cell.name for lane in self._members],
        }

    def _costs(self, loop: Loop) -> dict[str, Any]:
        pace = loop.pace
        return {
            "parameters": self._item.parameters,
            "steps": self._job.steps,
            "examples": self._job.steps * self._job.batch_size,
            "program": self._item.program.id,
            "lanes": self._job.width,
            "devices": len(self._plan.devices),
            "strategy": self._item.strategy.name,
            "steps_per_second": round(pace.steps / pace.seconds, 3) if pace.seconds else None,
            "train_seconds": round(pace.seconds, 3),
            "compile_seconds": round(sum(executable.seconds for executable in self._lanes.executables), 3),
        }


def _row(cell: Cell, result: Result, costs: Mapping[str, Any]) -> Row:
    return {**_head(cell), **dataclasses.asdict(result), "costs": dict(costs), "error": None}


def _failed_row(plan: Plan, item: ProgramPlan, cell: Cell, error: Exception) -> Row:
    text = "".join(traceback.format_exception(error))
    return {
        **_head(cell),
        "status": "oom" if "RESOURCE_EXHAUSTED" in text or isinstance(error, MemoryError) else "failed",
        "metrics": {},
        "curves": {},
        "diverged_step": None,
        "stopped_step": None,
        "costs": {"program": item.program.id, "parameters": item.parameters, "devices": len(plan.devices)},
        "error": {"type": type(error).__name__, "message": str(error), "traceback": text},
    }


def _head(cell: Cell) -> Row:
    return {
        "format": 1,
        "cell": cell.name,
        "arm": cell.arm.name,
        "seed": cell.seed,
        "identity": dict(cell.identity),
        "fingerprint": cell.fingerprint,
    }


class Log:
    """`progress.json`: what other shells and the report's provenance read; it outlives interruptions."""

    def __init__(self, directory: Path):
        self._path = directory / "progress.json"
        before = read_json(self._path) or {}
        self._content = {
            "compiles": 0, "compile_seconds": 0.0, "train_seconds": 0.0, "started": _now(), **before,
            "pid": os.getpid(), "state": "running", "sessions": before.get("sessions", 0) + 1,
        }  # fmt: skip
        self._last = 0.0

    def write(self, **changes: Any) -> None:
        """Notes changes and the time."""
        self._content |= changes | {"updated": _now()}
        with contextlib.suppress(OSError):
            write_json(self._path, self._content)
        self._last = time.monotonic()

    def beat(self, progress: Mapping[str, Any], compiles: list[float], seconds: float) -> None:
        """Counts new compiles by their seconds and time spent training; writes if the last time is a while ago."""
        self._content["compiles"] += len(compiles)
        self._content["compile_seconds"] = round(self._content["compile_seconds"] + sum(compiles), 3)
        self._content["train_seconds"] = round(self._content["train_seconds"] + seconds, 6)
        if time.monotonic() - self._last > HEARTBEAT_SECONDS:
            self.write(**progress)


class Stop:
    """Whether a signal asked the run to stop."""

    asked = False


@contextlib.contextmanager
def _signals() -> Iterator[Stop]:
    """The first SIGINT or SIGTERM asks for a checkpoint; a second one ends the process as usual."""
    stop, before = Stop(), {}

    def ask(number: int, frame: Any) -> None:
        del frame
        stop.asked = True
        signal.signal(number, before[number])

    try:
        for number in (signal.SIGINT, signal.SIGTERM):
            before[number] = signal.signal(number, ask)
    except ValueError:  # only the main thread may handle signals; a notebook's worker runs without
        pass
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
