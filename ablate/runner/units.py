"""A wave as a unit of work: what training it takes, and the events and rows that it gives.

    ProgramPlan + WaveLanes ──unit_of──> Unit ──run_wave, with the Programs of a process──> Begin, Beat ..., Ended

A unit is picklable and holds no data: whoever trains it has them. It knows no session, store or log, and its failures
are rows, so that the same function trains on this machine and on any other.
"""

import dataclasses
import functools
import time
import traceback
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import jax
import numpy as np

from ablate.data import DataSet
from ablate.results.files import StorageError
from ablate.results.schema import CostsRecord, RowHead, RowRecord
from ablate.runner.events import NOTHING, Beat, Begin, Ended, Event, Spent, Stopped
from ablate.runner.interrupts import Between, Interrupted, Stop, go_on
from ablate.runner.memory import free_bytes, is_out_of_memory
from ablate.runner.place import Place
from ablate.runner.plan import ProgramPlan, data_id
from ablate.runner.waves import WaveLanes
from ablate.study.cells import Cell
from ablate.study.labels import digest
from ablate.tasks.task import Task
from ablate.train.checkpoints import Checkpoints
from ablate.train.feed import resident
from ablate.train.host_lanes import HostLanes
from ablate.train.lanes import Lanes, no_limit
from ablate.train.loop import Loop, Result, WaveInputs, prepare
from ablate.train.strategy import Strategy

EMPTY = {"vector": np.zeros((1, 1), np.float32)}
ELSEWHERE = DataSet("elsewhere", EMPTY, EMPTY)  # the data of a wave on its way to whoever trains it, and has them


class Shape(NamedTuple):
    """What units that share executables have in common."""

    program: str
    width: int
    together: int


@dataclasses.dataclass(frozen=True, eq=False)
class Unit:
    """One wave of a program.

    Args:
        key: digest of the program and the cells; names its folder of checkpoints.
        shape: tells which executables it runs with.
        heads: what the row of each cell says whatever becomes of it.
        data: the `data_id` of its data.
        wave: its lanes and numbers, without data.
        task: with the choices of the program compiled in.
        strategy: how lanes meet devices.
        place: what it is made for.
        streamed: whether the data are read while it trains.
        shared: which numbers lanes with one data key have in common.
        parameters: of one lane.
        checkpoint_seconds: between two checkpoints.
        keep_weights: whether the variables are asked for.
    """

    key: str
    shape: Shape
    heads: tuple[RowHead, ...]
    data: str
    wave: WaveInputs
    task: Task
    strategy: Strategy
    place: Place
    streamed: bool
    shared: Any
    parameters: int
    checkpoint_seconds: float
    keep_weights: bool


def unit_of(item: ProgramPlan, lanes: WaveLanes) -> Unit:
    """The unit of a wave of a program."""
    members, width, together = lanes
    return Unit(
        key=digest([item.program.id, *(lane.cell.name for lane in members)])[:12],
        shape=Shape(item.program.id, width, together),
        heads=tuple(_head(lane.cell) for lane in members),
        data=data_id(members[0].cell.arm.recipe["data"]),
        wave=item.wave(members, width, dataset=ELSEWHERE),
        task=item.task,
        strategy=item.strategy,
        place=item.place,
        streamed=item.streamed,
        shared=item.in_common if together > 1 else None,
        parameters=item.parameters,
        checkpoint_seconds=item.training.checkpoint_seconds,
        keep_weights=item.training.keep_weights,
    )


def _head(cell: Cell) -> RowHead:
    return {
        "format": 1,
        "cell": cell.name,
        "arm": cell.arm.name,
        "seed": cell.seed,
        "identity": dict(cell.identity),
        "fingerprint": cell.fingerprint,
    }


class Programs:
    """What a process keeps from unit to unit: the data, and executables by shape until they are let go."""

    def __init__(self, datasets: Mapping[str, DataSet]):
        self._datasets = dict(datasets)
        self._made: dict[Shape, Lanes] = {}

    def add(self, data: str, dataset: DataSet) -> None:
        """Data that were not there from the beginning."""
        self._datasets.setdefault(data, dataset)

    def wave(self, unit: Unit) -> WaveInputs:
        """The unit's wave with its data."""
        return dataclasses.replace(unit.wave, dataset=self._datasets[unit.data])

    def lanes(self, unit: Unit) -> Lanes:
        """The executables of a unit; those not compiled yet compile when they are called."""
        if unit.shape not in self._made:
            self._made[unit.shape] = lanes_of(unit, self._datasets[unit.data])
        return self._made[unit.shape]

    def prepare(self, unit: Unit, between: Between = go_on) -> None:
        """Compiles what a unit will call."""
        prepare(self.lanes(unit), self.wave(unit), between)

    def drop(self, unit: Unit) -> None:
        """Lets go of executables that do not fit, with their data on the devices."""
        self._made.pop(unit.shape, None)

    def keep(self, *programs: str) -> None:
        """Lets go of the executables of all other programs, with their data on the devices."""
        self._made = {shape: lanes for shape, lanes in self._made.items() if shape.program in programs}


def lanes_of(unit: Unit, dataset: DataSet) -> Lanes:
    """The executables of a unit; none is compiled yet."""
    devices, alone = unit.place.found(), jax.process_count() == 1
    arrays, evaluations = resident(dataset, streamed=unit.streamed), len(unit.wave.evaluations)
    # Over several hosts, what one of them gave up for lack of room the others would wait for.
    kind, room = (Lanes, functools.partial(free_bytes, devices)) if alone else (HostLanes, no_limit)
    return kind(unit.task, unit.strategy, devices, arrays, evaluations, unit.shape.together, unit.shared, room)


def run_wave(unit: Unit, programs: Programs, checkpoints: Checkpoints | None, stop: Stop) -> Iterator[Event]:
    """Trains a unit from its first step or its newest checkpoint to its rows; whatever it raises becomes rows.

    Args:
        unit: what to train.
        programs: of this process.
        checkpoints: of the unit; None where nothing can be stored.
        stop: is looked at after every chunk of steps.

    Yields:
        `Begin`, and again where it goes on from a checkpoint; a `Beat` after every chunk; and `Ended` or `Stopped`.
    """
    yield Begin(unit.key, 0)
    try:
        yield from _trained(unit, programs, checkpoints, stop)
    except Interrupted:
        yield Stopped(unit.key)
    except StorageError as error:  # a full disk is no fault of the program
        yield Stopped(unit.key, error)
    except (Exception, SystemExit) as error:  # a program may fail in any way; the study goes on without it
        if is_out_of_memory(error):
            programs.drop(unit)
        yield Ended(unit.key, failed_rows(unit, error))


def _trained(unit: Unit, programs: Programs, checkpoints: Checkpoints | None, stop: Stop) -> Iterator[Event]:
    lanes, wave, members = programs.lanes(unit), programs.wave(unit), len(unit.heads)
    started, waited = time.monotonic(), lanes.waited if lanes.executables else 0.0
    loop, spent = Loop(lanes, wave), NOTHING
    begin = loop.start(stop.check)
    state = (checkpoints.latest(begin, members) if checkpoints else None) or begin
    if state.step:
        yield Begin(unit.key, state.step)
    saved = time.monotonic()
    for state in loop.run(state):  # noqa: B020  # each follows from the one before
        spent = _spent(spent, lanes, loop)
        yield Beat(unit.key, state.step, spent)
        asked = stop.asked  # once: a signal may come between two looks
        if checkpoints and (asked or time.monotonic() - saved > unit.checkpoint_seconds):
            checkpoints.save(state, members)
            saved = time.monotonic()
        if asked:
            raise Interrupted
    results = loop.results(state)
    rows = tuple(_row(unit, head, result, loop, lanes) for head, result in zip(unit.heads, results, strict=True))
    if loop.pace.steps == unit.wave.steps:  # in one go, not from a checkpoint on
        for row in rows:
            row["costs"]["wave_seconds"] = round(time.monotonic() - started - (lanes.waited - waited), 3)
    spent, weights = _spent(spent, lanes, loop), loop.members(state) if unit.keep_weights else ()
    yield Ended(unit.key, rows, spent, tuple(weights))


def _spent(before: Spent, lanes: Lanes, loop: Loop) -> Spent:
    new = lanes.take_compiles()
    return Spent(
        before.compiles + len(new),
        before.cached + sum(compiled.cached for compiled in new),
        before.compile_seconds + sum(compiled.seconds for compiled in new),
        loop.pace.seconds,
    )


def _row(unit: Unit, head: RowHead, result: Result, loop: Loop, lanes: Lanes) -> RowRecord:
    return {
        **head,
        "status": result.status,
        "metrics": result.metrics,
        "curves": result.curves,
        "diverged_step": result.diverged_step,
        "stopped_step": result.stopped_step,
        "best_step": result.best_step,
        "members": result.members,
        "right": result.right,
        "predicted": result.predicted,
        "costs": _costs(unit, result, loop, lanes),
        "error": None,
    }


def _costs(unit: Unit, result: Result, loop: Loop, lanes: Lanes) -> CostsRecord:
    pace = loop.pace
    # An arm that stops early does not pay for the rest.
    steps = unit.wave.steps if result.stopped_step is None else result.stopped_step
    return {
        "parameters": unit.parameters,
        "steps": steps,
        "examples": steps * unit.wave.batch_size,
        "program": unit.shape.program,
        "lanes": unit.shape.width,
        "devices": unit.place.devices,
        "strategy": unit.strategy.name,
        "steps_per_second": round(pace.steps / pace.seconds, 3) if pace.seconds else None,
        "train_seconds": round(pace.seconds, 3),
        "compile_seconds": round(sum(executable.seconds for executable in lanes.executables), 3),
    }


def failed_rows(unit: Unit, error: BaseException) -> tuple[RowRecord, ...]:
    """The rows of a unit whose program raised."""
    text = "".join(traceback.format_exception(error))
    costs: CostsRecord = {
        "program": unit.shape.program,
        "parameters": unit.parameters,
        "devices": unit.place.devices,
    }
    return tuple(
        {
            **head,
            "status": "oom" if is_out_of_memory(error) else "failed",
            "metrics": {},
            "curves": {},
            "diverged_step": None,
            "stopped_step": None,
            "best_step": None,
            "members": [],
            "costs": costs,
            "error": {"type": type(error).__name__, "message": str(error), "traceback": text},
        }
        for head in unit.heads
    )
