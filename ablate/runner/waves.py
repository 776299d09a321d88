"""Waves of a program: which cells advance together, and one wave from its first step or checkpoint to its rows."""

import dataclasses
import time
import traceback
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ablate.results.files import write_json
from ablate.results.schema import WaveRecord, read_record
from ablate.results.store import Row
from ablate.runner.interrupts import Interrupted
from ablate.runner.plan import Plan, ProgramPlan, lane_job
from ablate.runner.session import Session
from ablate.study.cells import Cell, digest
from ablate.study.programs import Lane
from ablate.train.checkpoints import Checkpoints, clear
from ablate.train.lanes import Lanes
from ablate.train.loop import Job, Loop, Moment, Result
from ablate.train.strategy import Wave, waves


def waves_of(plan: Plan, item: ProgramPlan, missing: list[Lane], directory: Path) -> list[tuple[list[Lane], int]]:
    """Members and width of every wave with missing cells.

    Waves that an earlier session wrote down stay as they were, since another width rounds differently; cells in none
    of them get new ones. What is written there and is no wave of these cells is left out: it costs their checkpoints.
    """
    path = directory / "checkpoints" / f"{item.program.id}.json"
    by_name = {lane.cell.name: lane for lane in item.program.lanes}
    left = {lane.cell.name for lane in missing}
    begun: set[str] = set()
    records: list[WaveRecord] = []
    for wave in read_record(path, list[WaveRecord]) or []:
        if left.intersection(wave["cells"]) and begun.isdisjoint(wave["cells"]) and _is_wave(plan, item, wave):
            records.append(wave)
            begun.update(wave["cells"])
    rest = [lane.cell.name for lane in missing if lane.cell.name not in begun]
    new = _split(plan, item, len(rest)) if rest else ()
    records += [WaveRecord(width=wave.width, cells=[rest[k] for k in wave.members]) for wave in new]
    write_json(path, records)
    return [([by_name[name] for name in wave["cells"]], wave["width"]) for wave in records]


def _split(plan: Plan, item: ProgramPlan, count: int) -> tuple[Wave, ...]:
    return waves(count, len(plan.devices), item.strategy, plan.spec.train.lanes)


def _is_wave(plan: Plan, item: ProgramPlan, wave: WaveRecord) -> bool:
    """Whether these devices could run such a wave of the program's cells."""
    known, cells, width = {lane.cell.name for lane in item.program.lanes}, wave["cells"], wave["width"]
    whole = len(set(cells)) == len(cells) and known.issuperset(cells)
    # A width beyond all cells and a padding lane per device was never written here, and would not fit into memory.
    fits = 0 < len(cells) <= width < len(known) + len(plan.devices)
    return whole and fits and _split(plan, item, width)[0].width == width


class WaveRun:
    """One wave of cells from its first step, or its checkpoint, to its rows."""

    def __init__(self, plan: Plan, item: ProgramPlan, members: list[Lane], width: int, lanes: Lanes):
        self._plan, self._item, self._members, self._lanes = plan, item, members, lanes
        train = plan.spec.train
        jobs = tuple(lane_job(lane, plan.dataset, plan.sampling) for lane in members)
        self._job = Job(
            jobs, width, plan.dataset, train.steps, train.batch_size, train.eval_every, plan.eval_batch_size
        )

    def rows(self, session: Session) -> list[Row]:
        """Trains the wave; gives its rows.

        Raises:
            Interrupted: the session was asked to stop; from the first step on, the checkpoint is written.
            StorageError: a checkpoint could not be written.
        """
        checkpoints = Checkpoints(self._folder(session))
        loop = Loop(self._lanes, self._job)
        begin = loop.start(session.stop.check)
        moment = checkpoints.latest(begin, len(self._members)) or begin
        session.display.steps(moment.step * len(self._members))
        if moment.step:
            session.display.resumed(moment.step, self._job.steps)
        before, spent, saved = moment.step, 0.0, time.monotonic()
        for moment in loop.moments(moment):  # noqa: B020  # each moment follows from the one before
            session.display.steps((moment.step - before) * len(self._members))
            session.log.beat(self._progress(moment), self._lanes.new_compiles(), loop.pace.seconds - spent)
            before, spent = moment.step, loop.pace.seconds
            asked = session.stop.asked  # once: a signal may come between two looks
            if asked or time.monotonic() - saved > self._plan.spec.train.checkpoint_seconds:
                checkpoints.save(moment, len(self._members))
                saved = time.monotonic()
            if asked:
                raise Interrupted
        costs = self._costs(loop)
        return [_row(lane.cell, result, costs) for lane, result in zip(self._members, loop.results(moment))]

    def forget(self, session: Session) -> None:
        """Removes the checkpoints of a wave whose rows are stored."""
        clear(self._folder(session))

    def _folder(self, session: Session) -> Path:
        identity = [self._item.program.id, *(lane.cell.name for lane in self._members)]
        return session.store.directory / "checkpoints" / digest(identity)[:12]

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
    if result.stopped_step is not None:  # an arm that stops early does not pay for the rest
        share = result.stopped_step / costs["steps"]
        costs = {**costs, "steps": result.stopped_step, "examples": round(costs["examples"] * share)}
    return {**_head(cell), **dataclasses.asdict(result), "costs": dict(costs), "error": None}


def failed_row(plan: Plan, item: ProgramPlan, cell: Cell, error: BaseException) -> Row:
    """The row of a cell whose program raised."""
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
