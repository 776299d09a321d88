"""From events of units to rows: the only writer of rows, weights and progress, whoever trains.

    missing lanes ──waves_of, unit_of──> units ──an engine──> events ──> rows, weights, progress, what is shown
                                           ^──lost, or too large: again──┘

Whatever the engine loses, tells twice or in another order, every cell gets one row: the first that comes. A unit of
which nothing is heard when the engine has ended is put in again; the cells of one that does not fit into memory come
again in narrower waves. A unit that is lost three times without a new step has failed: it may be what ends workers.
"""

import dataclasses
from collections import deque
from collections.abc import Sequence

from ablate.results.schema import NodeRecord, RowRecord, WaveRecord
from ablate.results.weights import weights_path, write_weights
from ablate.runner.engines.engine import Engine
from ablate.runner.events import NOTHING, Beat, Begin, Ended, Event, Lost, Spent, Stopped
from ablate.runner.plan import ProgramPlan
from ablate.runner.session import Session
from ablate.runner.units import Unit, failed_rows, unit_of
from ablate.runner.waves import waves_of
from ablate.study.programs import Lane
from ablate.train.checkpoints import clear

MOST_LOSSES = 3  # in a row without a new step


class LostError(RuntimeError):
    """Whoever trained a unit was lost again and again."""


@dataclasses.dataclass
class Training:
    """A unit that has no rows yet, and what is known of it."""

    unit: Unit
    item: ProgramPlan
    step: int = 0
    furthest: int = 0
    losses: int = 0
    spent: Spent = NOTHING
    node: str | None = None  # where it trains; None where it does not

    @property
    def cells(self) -> list[str]:
        """Names of its cells."""
        return [head["cell"] for head in self.unit.heads]


class Driver:
    """Has some cells of programs trained, and stores what comes of them.

    Args:
        missing: programs in the order in which they are to run, with the lanes that have no row.
        session: where rows go and who watches.
    """

    def __init__(self, missing: Sequence[tuple[ProgramPlan, list[Lane]]], session: Session):
        self._session = session
        self._left = {lane.cell.name: lane for _, lanes in missing for lane in lanes}
        self._units: deque[Unit] = deque()
        self._training: dict[str, Training] = {}
        self._begun: set[str] = set()  # programs that were shown
        self._narrowest: dict[str, ProgramPlan] = {}  # programs that did not fit, as they might
        for item, lanes in missing:
            self._add(item, lanes)

    def run(self, engine: Engine) -> None:
        """Until every cell has a row.

        Raises:
            Interrupted: the session was asked to stop.
            StorageError: a checkpoint or a row could not be written.
        """
        while self._training:
            self._session.stop.check()
            for event in engine.run(self._units, self._session.stop):
                self._hear(event)
            self._session.stop.check()
            for training in [*self._training.values()]:
                self._lose(training, "nothing was heard of it")

    def _add(self, item: ProgramPlan, lanes: list[Lane]) -> None:
        running = [  # of a program that comes again, what nobody can take back
            WaveRecord(width=each.unit.shape.width, cells=each.cells, together=each.unit.shape.together)
            for each in self._training.values()
            if each.item.program.id == item.program.id
        ]
        for wave in waves_of(item, lanes, self._session.store.directory, running):
            unit = unit_of(item, wave)
            self._training[unit.key] = Training(unit, item)
            self._units.append(unit)

    def _hear(self, event: Event) -> None:
        training = self._training.get(event.key)
        if training is None:  # it has its rows: told twice, or late
            return
        match event:
            case Begin():
                self._begin(training, event)
            case Beat():
                self._beat(training, event)
            case Ended():
                self._end(training, event)
            case Stopped():
                training.node = None
                if event.error:
                    raise event.error
            case Lost():
                self._lose(training, event.why)

    def _begin(self, training: Training, event: Begin) -> None:
        self._show(training.item)
        training.node = event.node
        if event.step > training.step:  # of a checkpoint
            training.step = event.step
            self._session.display.resumed(training.item, event.step, len(training.unit.heads))

    def _show(self, item: ProgramPlan) -> None:
        """Names a program when its first unit begins, and again when it begins in narrower waves."""
        shown = f"{item.program.id} {item.width}"
        if shown not in self._begun:
            self._begun.add(shown)
            cells = sum(lane.cell.name in self._left for lane in item.program.lanes)
            self._session.display.program(item, cells)

    def _beat(self, training: Training, event: Beat) -> None:
        self._advance(training, event.step)
        if training.step > training.furthest:
            training.furthest, training.losses = training.step, 0
        self._note(training, event.spent)

    def _advance(self, training: Training, step: int) -> None:
        new = max(0, step - training.step)
        self._session.display.steps(training.item, new * len(training.unit.heads))
        training.step += new

    def _note(self, training: Training, spent: Spent) -> None:
        more = spent.more_than(training.spent)
        training.spent = training.spent.and_more(more)
        self._session.log.beat(self._progress(training), more)

    def _progress(self, training: Training) -> dict[str, object]:
        """What other shells read: of the unit that was heard of last, and of all that train."""
        running = [each for each in self._training.values() if each.node is not None]
        return {
            "program": training.unit.shape.program,
            "step": training.step,
            "steps": training.unit.wave.steps,
            "running_cells": [cell for each in running or [training] for cell in each.cells],
            "nodes": [
                NodeRecord(
                    node=each.node,
                    program=each.unit.shape.program,
                    cells=len(each.cells),
                    step=each.step,
                    steps=each.unit.wave.steps,
                )
                for each in running
                if each.node
            ],
        }

    def _end(self, training: Training, event: Ended) -> None:
        self._show(training.item)
        narrower = training.item.narrower() if any(row["status"] == "oom" for row in event.rows) else None
        if narrower:
            known = self._narrowest.setdefault(narrower.program.id, narrower)
            self._narrowest[narrower.program.id] = min(known, narrower, key=lambda item: item.width)
            return self._narrow(training, self._narrowest[narrower.program.id])
        if training.step < training.unit.wave.steps:  # of which nobody has told
            self._advance(training, training.unit.wave.steps)
        self._note(training, event.spent)
        del self._training[event.key]
        members = dict(zip((row["cell"] for row in event.rows), event.weights, strict=False))
        for row in event.rows:
            if self._left.pop(row["cell"], None):
                if row["cell"] in members:
                    write_weights(weights_path(self._session.store.directory, row["cell"]), *members[row["cell"]])
                self._store(row)
        clear(self._session.store.directory / "checkpoints" / event.key)
        self._reread(training.item)
        return None

    def _store(self, row: RowRecord) -> None:
        self._session.store.write(row)
        self._session.display.ended(row)

    def _reread(self, item: ProgramPlan) -> None:
        """An interim page where a program has come to its end; behind the last one comes the report itself."""
        same = any(each.item.program.id == item.program.id for each in self._training.values())
        if self._session.interim and self._training and not same:
            self._session.interim.write()

    def _narrow(self, training: Training, narrower: ProgramPlan) -> None:
        """The cells of a unit that does not fit, and those of its program that wait, in narrower waves."""
        waiting = {unit.key for unit in self._units}
        same = [
            each
            for each in self._training.values()
            if each is training or (each.unit.key in waiting and each.item.program.id == narrower.program.id)
        ]
        for each in same:
            self._take_back(each)
            del self._training[each.unit.key]
        gone = {each.unit.key for each in same}
        rest = [unit for unit in self._units if unit.key not in gone]
        self._units.clear()
        self._add(narrower, [lane for each in same for lane in self._lanes(each)])
        self._units.extend(rest)

    def _lanes(self, training: Training) -> list[Lane]:
        return [self._left[cell] for cell in training.cells if cell in self._left]

    def _take_back(self, training: Training) -> None:
        """What was shown of an attempt: the next one begins anew, or at a checkpoint."""
        if training.step:
            self._session.display.steps(training.item, -training.step * len(training.unit.heads))
        training.step, training.spent = 0, NOTHING

    def _lose(self, training: Training, why: str) -> None:
        """Puts a unit in again, unless that has not helped; one that waits already is not lost twice."""
        if training.unit in self._units:  # by identity
            return
        self._take_back(training)
        training.node, training.losses = None, training.losses + 1
        if training.losses < MOST_LOSSES:
            self._units.appendleft(training.unit)
            return
        rows = failed_rows(training.unit, LostError(f"lost {MOST_LOSSES} times without a new step: {why}"))
        self._end(training, Ended(training.unit.key, rows))
