"""Waves of a program: which cells advance together, and one wave from its first step or checkpoint to its rows."""

import time
import traceback
from pathlib import Path
from typing import Any, NamedTuple

from ablate.results.files import write_json
from ablate.results.schema import CostsRecord, RowHead, RowRecord, WaveRecord, read_record
from ablate.results.weights import weights_path, write_weights
from ablate.runner.interrupts import Interrupted
from ablate.runner.memory import is_out_of_memory
from ablate.runner.plan import ProgramPlan, data_key
from ablate.runner.session import Session
from ablate.study.cells import Cell, digest
from ablate.study.programs import Lane
from ablate.train.checkpoints import Checkpoints, clear
from ablate.train.lanes import Lanes
from ablate.train.loop import Loop, LoopState, Result
from ablate.train.strategy import Wave, waves


class WaveLanes(NamedTuple):
    """Lanes that advance together: how many with their padding, and how many in a row have one data key."""

    members: list[Lane]
    width: int
    together: int


def waves_of(item: ProgramPlan, missing: list[Lane], directory: Path, *, write: bool = True) -> list[WaveLanes]:
    """Every wave with missing cells; they are written down unless somebody only wants to know.

    Waves that an earlier session wrote down stay as they were, since another shape rounds differently; cells in none
    of them get new ones. What is written there and is no wave of these cells is left out: it costs their checkpoints.
    """
    path = directory / "checkpoints" / f"{item.program.id}.json"
    by_name = {lane.cell.name: lane for lane in item.program.lanes}
    left = {lane.cell.name for lane in missing}
    begun: set[str] = set()
    records: list[WaveRecord] = []
    for wave in read_record(path, list[WaveRecord]) or []:
        if left.intersection(wave["cells"]) and begun.isdisjoint(wave["cells"]) and _is_wave(item, wave):
            records.append(wave)
            begun.update(wave["cells"])
    rest = [lane for lane in missing if lane.cell.name not in begun]
    new = item.split(rest) if rest else ()
    records += [_record([rest[k] for k in wave.members], wave) for wave in new]
    if write:
        write_json(path, records)
    return [
        WaveLanes([by_name[name] for name in wave["cells"]], wave["width"], wave.get("together", 1)) for wave in records
    ]


def _record(lanes: list[Lane], wave: Wave) -> WaveRecord:
    return WaveRecord(width=wave.width, cells=[lane.cell.name for lane in lanes], together=wave.together)


def _is_wave(item: ProgramPlan, wave: WaveRecord) -> bool:
    """Whether these devices could run such a wave of the program's cells."""
    keys = {lane.cell.name: data_key(lane.cell) for lane in item.program.lanes}
    cells, width, together = wave["cells"], wave["width"], wave.get("together", 1)
    devices, most = len(item.devices), item.most_lanes
    if not cells or len(set(cells)) < len(cells) or not keys.keys() >= set(cells):
        return False
    if not 0 < together <= most or len(cells) % together or width % together:
        return False
    # A width beyond all cells and a padding block per device was never written here, and would not fit into memory.
    if not len(cells) <= width < len(keys) + together * devices:
        return False
    blocks = (cells[k : k + together] for k in range(0, len(cells), together))
    alike = all(len({keys[name] for name in block}) == 1 for block in blocks)
    return alike and waves(width, devices, item.strategy, most, together)[0].width == width


class WaveRun:
    """One wave of cells from its first step, or its checkpoint, to its rows."""

    def __init__(self, item: ProgramPlan, members: list[Lane], width: int, lanes: Lanes):
        self._item, self._members, self._lanes = item, members, lanes
        self._wave = item.wave(members, width)

    def rows(self, session: Session) -> list[RowRecord]:
        """Trains the wave; gives its rows.

        Raises:
            Interrupted: the session was asked to stop; from the first step on, the checkpoint is written.
            StorageError: a checkpoint could not be written.
        """
        checkpoints = Checkpoints(self._folder(session))
        loop = Loop(self._lanes, self._wave)
        begin = loop.start(session.stop.check)
        state = checkpoints.latest(begin, len(self._members)) or begin
        if state.step:
            session.display.resumed(state.step, self._wave.steps, len(self._members))
        before, spent, saved = state.step, 0.0, time.monotonic()
        for state in loop.run(state):  # noqa: B020  # each follows from the one before
            session.display.steps((state.step - before) * len(self._members))
            session.log.beat(self._progress(state), self._lanes.take_compiles(), loop.pace.seconds - spent)
            before, spent = state.step, loop.pace.seconds
            asked = session.stop.asked  # once: a signal may come between two looks
            if asked or time.monotonic() - saved > self._item.training.checkpoint_seconds:
                checkpoints.save(state, len(self._members))
                saved = time.monotonic()
            if asked:
                raise Interrupted
        results = loop.results(state)
        session.log.beat(self._progress(state), self._lanes.take_compiles(), 0.0)
        if self._item.training.keep_weights:
            for lane, members in zip(self._members, loop.members(state), strict=True):
                write_weights(weights_path(session.store.directory, lane.cell.name), *members)
        return [self._row(lane.cell, result, loop) for lane, result in zip(self._members, results)]

    def forget(self, session: Session) -> None:
        """Removes the checkpoints of a wave whose rows are stored."""
        clear(self._folder(session))

    def _folder(self, session: Session) -> Path:
        identity = [self._item.program.id, *(lane.cell.name for lane in self._members)]
        return session.store.directory / "checkpoints" / digest(identity)[:12]

    def _progress(self, state: LoopState) -> dict[str, Any]:
        return {
            "program": self._item.program.id,
            "step": state.step,
            "steps": self._wave.steps,
            "running_cells": [lane.cell.name for lane in self._members],
        }

    def _row(self, cell: Cell, result: Result, loop: Loop) -> RowRecord:
        return {
            **_head(cell),
            "status": result.status,
            "metrics": result.metrics,
            "curves": result.curves,
            "diverged_step": result.diverged_step,
            "stopped_step": result.stopped_step,
            "best_step": result.best_step,
            "members": result.members,
            "right": result.right,
            "predicted": result.predicted,
            "costs": self._costs(loop, result),
            "error": None,
        }

    def _costs(self, loop: Loop, result: Result) -> CostsRecord:
        pace = loop.pace
        # An arm that stops early does not pay for the rest.
        steps = self._wave.steps if result.stopped_step is None else result.stopped_step
        return {
            "parameters": self._item.parameters,
            "steps": steps,
            "examples": steps * self._wave.batch_size,
            "program": self._item.program.id,
            "lanes": self._wave.width,
            "devices": len(self._item.devices),
            "strategy": self._item.strategy.name,
            "steps_per_second": round(pace.steps / pace.seconds, 3) if pace.seconds else None,
            "train_seconds": round(pace.seconds, 3),
            "compile_seconds": round(sum(executable.seconds for executable in self._lanes.executables), 3),
        }


def failed_row(item: ProgramPlan, cell: Cell, error: BaseException) -> RowRecord:
    """The row of a cell whose program raised."""
    text = "".join(traceback.format_exception(error))
    return {
        **_head(cell),
        "status": "oom" if is_out_of_memory(error) else "failed",
        "metrics": {},
        "curves": {},
        "diverged_step": None,
        "stopped_step": None,
        "best_step": None,
        "members": [],
        "costs": {"program": item.program.id, "parameters": item.parameters, "devices": len(item.devices)},
        "error": {"type": type(error).__name__, "message": str(error), "traceback": text},
    }


def _head(cell: Cell) -> RowHead:
    """What a row says whatever became of its cell."""
    return {
        "format": 1,
        "cell": cell.name,
        "arm": cell.arm.name,
        "seed": cell.seed,
        "identity": dict(cell.identity),
        "fingerprint": cell.fingerprint,
    }
