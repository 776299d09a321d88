"""Rows from events: whatever an engine loses, tells twice or reorders, the tables are those of one machine."""

import dataclasses
import json
import pickle
import random
import subprocess
import sys
from pathlib import Path

import pytest

import ablate as package
from ablate.results.files import StorageError, read_json
from ablate.results.weights import read_weights
from ablate.runner.driver import MOST_LOSSES
from ablate.runner.engines.local import LocalEngine
from ablate.runner.events import Beat, Begin, Ended, Lost, Spent, Stopped
from ablate.runner.execute import execute
from ablate.runner.interrupts import Interrupted, Stop
from ablate.runner.plan import make_plan
from ablate.runner.session import Silent
from ablate.runner.units import Programs, run_wave, unit_of
from ablate.runner.waves import waves_of
from ablate.study.resolving import resolve
from ablate.train.checkpoints import Checkpoints
from ablate.train.loop import Loop
from tests.once import programs_made_once
from tests.shell import ROOT, environment, statuses, tables

CELLS = 9


@pytest.fixture(scope="module", autouse=True)
def _compiled_once():
    with programs_made_once():
        yield


@pytest.fixture(scope="module")
def plan():
    """Two programs in waves of four lanes, the last ones padded."""
    cfg = package.base_config()
    cfg.model = package.choice("mlp", widths=(8,))
    cfg.vary.norm = (package.choice("batch"),)
    cfg.vary.dropout = (package.choice("spatial", rate=0.3),)
    cfg.train.update(steps=15, eval_every=5, batch_size=32, lanes=2, keep_weights=True)
    cfg.seeds = 3
    made = make_plan(resolve(cfg), name="small")
    assert [len(item.waves) for item in made.programs] == [2, 1]
    return made


@pytest.fixture(scope="module")
def honest(plan, tmp_path_factory) -> Path:
    """The study as this process trains it."""
    directory = tmp_path_factory.mktemp("honest")
    execute(plan, directory)
    return directory


class Engine(LocalEngine):
    """Trains everything at once, and tells of it as it pleases."""

    def __init__(self, tell):
        self._tell, self.told = tell, []

    def run(self, units, stop):
        """All events, told by `tell`."""
        events = []
        while units:
            unit = units.popleft()
            self._programs.keep(unit.shape.program)
            events += run_wave(unit, self._programs, None, stop)
        for event in self._tell(events):
            self.told.append(event)
            yield event


def same(directory, honest):
    assert tables(directory) == tables(honest)
    assert statuses(directory) == ["done"] * CELLS
    for path in (honest / "weights").iterdir():
        ours, theirs = (read_weights(folder / "weights" / path.name) for folder in (directory, honest))
        assert ours.shares == theirs.shares
        assert all((ours.members[0][name] == array).all() for name, array in theirs.members[0].items())


@pytest.mark.parametrize("seed", range(6))
def test_events_lost_told_twice_and_in_another_order_give_the_same_tables(plan, honest, tmp_path, seed):
    draw = random.Random(seed)

    def tell(events):
        kept = [event for event in events for _ in range(draw.choice((0, 1, 1, 2)))]
        lost = [Lost(draw.choice(events).key, "a made-up loss") for _ in range(draw.randrange(3))]
        return draw.sample(kept + lost, len(kept) + len(lost))

    engine = Engine(tell)
    execute(plan, tmp_path, engine=engine)
    same(tmp_path, honest)
    assert len({event.key for event in engine.told if isinstance(event, Ended)}) == 3


def test_a_unit_that_is_lost_again_and_again_has_failed_and_the_rest_goes_on(plan, tmp_path):
    bad = []

    def tell(events):
        bad[:] = bad or [events[0].key]
        for event in events:
            if event.key != bad[0]:
                yield event
            elif isinstance(event, Begin):
                yield event
                yield Lost(event.key, "vm:7: its node is gone")

    engine = Engine(tell)
    execute(plan, tmp_path, engine=engine)
    assert sum(isinstance(event, Lost) for event in engine.told) == MOST_LOSSES
    found = statuses(tmp_path)
    assert (found.count("failed"), found.count("done")) == (4, 5)
    rows = [read_json(path) for path in (tmp_path / "cells").iterdir()]
    errors = {row["error"]["message"] for row in rows if row["error"]}
    assert errors == {"lost 3 times without a new step: vm:7: its node is gone"}
    execute(plan, tmp_path, retry_failed=True)
    assert statuses(tmp_path) == ["done"] * CELLS


def test_a_unit_that_comes_further_each_time_is_never_given_up(plan, honest, tmp_path):
    losses = []

    def tell(events):
        for event in events:
            if isinstance(event, Ended) and len(losses) < 10:
                losses.append(event.key)
                yield Beat(event.key, len(losses), Spent())
                yield Lost(event.key, "gone")
            elif not isinstance(event, Beat):
                yield event

    execute(plan, tmp_path, engine=Engine(tell))
    assert len(losses) == 10 > MOST_LOSSES
    same(tmp_path, honest)


def test_an_engine_of_which_nothing_is_heard_ends_the_run_with_failed_cells(plan, tmp_path):
    execute(plan, tmp_path, engine=Engine(lambda events: []))
    assert statuses(tmp_path) == ["failed"] * CELLS


def test_what_is_stopped_elsewhere_goes_on(plan, honest, tmp_path):
    calls = []

    def tell(events):
        calls.append(events)
        return events if len(calls) > 1 else [Stopped(events[0].key), *events[len(events) // 2 :]]

    execute(plan, tmp_path, engine=Engine(tell))
    assert len(calls) == 2
    same(tmp_path, honest)


def test_a_disk_that_is_full_elsewhere_ends_the_run_as_one_here_does(plan, tmp_path):
    full = StorageError(28, "cannot write the checkpoint: No space left on device", "/there")
    with pytest.raises(Interrupted, match="No space left on device: /there"):
        execute(plan, tmp_path, engine=Engine(lambda events: [Stopped(events[0].key, full)]))


def test_time_is_counted_once_however_often_it_is_told(plan, tmp_path):
    def tell(events):
        beats = [event for event in events if isinstance(event, Beat)]
        return [*events[:3], *events, *beats, *beats]

    engine = Engine(tell)
    execute(plan, tmp_path, engine=engine)
    spent = {event.key: event.spent for event in engine.told if isinstance(event, Ended)}
    progress = read_json(tmp_path / "progress.json")
    assert progress["compiles"] == sum(each.compiles for each in spent.values())
    assert progress["train_seconds"] == pytest.approx(sum(each.train_seconds for each in spent.values()), abs=1e-4)


def test_work_shown_adds_up_though_beats_are_left_out(plan, tmp_path):
    shown = []

    class Counting(Silent):
        def steps(self, item, cell_steps):
            shown.append(cell_steps)

    execute(
        plan, tmp_path, display=Counting(), engine=Engine(lambda events: [e for e in events if type(e) is not Beat])
    )
    assert sum(shown) == 15 * CELLS


def test_what_was_shown_of_a_lost_attempt_is_taken_back(plan, tmp_path):
    shown, losses = [], []

    class Counting(Silent):
        def steps(self, item, cell_steps):
            shown.append(cell_steps)

    def tell(events):
        for event in events:
            if isinstance(event, Ended) and len(losses) < 2:
                losses.append(event.key)
                yield Lost(event.key, "gone")
            else:
                yield event

    execute(plan, tmp_path, display=Counting(), engine=Engine(tell))
    assert len(losses) == 2
    assert min(shown) < 0
    assert sum(shown) == 15 * CELLS


TRAINING = """
import json, pickle, sys
from ablate.runner.backend import prepare_jax
prepare_jax()
from ablate.runner.interrupts import Stop
from ablate.runner.units import Programs, run_wave
with open(sys.argv[1], "rb") as file:
    units, datasets = pickle.load(file)
programs = Programs(datasets)
events = [event for unit in units for event in run_wave(unit, programs, None, Stop())]
print(json.dumps([row for event in events for row in getattr(event, "rows", ())]))
"""


def test_units_give_the_rows_of_this_process_in_a_fresh_one(plan, honest, tmp_path):
    units = [
        unit_of(item, wave)
        for item in plan.programs
        for wave in waves_of(item, [*item.program.lanes], tmp_path / "run")
    ]
    (tmp_path / "units").write_bytes(pickle.dumps((units, dict(plan.datasets))))
    assert all(len(pickle.dumps(unit)) < 200_000 for unit in units)  # no data in it
    done = subprocess.run(
        [sys.executable, "-c", TRAINING, str(tmp_path / "units")],
        env=environment(), cwd=ROOT, capture_output=True, text=True, check=True, timeout=120,
    )  # fmt: skip
    theirs = {row["cell"]: row for row in json.loads(done.stdout)}
    for path in (honest / "cells").iterdir():
        ours = read_json(path)
        assert {**theirs[ours["cell"]], "costs": 0} == {**ours, "costs": 0}
    assert len(theirs) == CELLS


def test_a_unit_fails_in_rows_and_stops_in_words(plan, tmp_path, monkeypatch):
    item = plan.programs[0]
    unit = unit_of(item, waves_of(item, [*item.program.lanes], tmp_path)[0])

    def events(stop=None):
        return [*run_wave(unit, Programs(plan.datasets), Checkpoints(tmp_path / "kept"), stop or Stop())]

    stop = Stop()
    stop.asked = True
    assert [type(event) for event in events(stop)] == [Begin, Stopped]

    def broken(self, begin):
        raise ValueError("wrong")
        yield

    monkeypatch.setattr(Loop, "run", broken)
    begin, ended = events()
    assert begin == Begin(unit.key, 0)
    assert [row["error"]["message"] for row in ended.rows] == ["wrong"] * 4
    assert {row["status"] for row in ended.rows} == {"failed"}

    def full(self, begin):
        raise StorageError(28, "No space", "/x")
        yield

    monkeypatch.setattr(Loop, "run", full)
    assert events()[-1].error.passes


def test_an_attempt_goes_on_from_what_another_one_left(plan, tmp_path):
    item = dataclasses.replace(
        plan.programs[0], training=dataclasses.replace(plan.programs[0].training, checkpoint_seconds=0.0)
    )
    unit = unit_of(item, waves_of(item, [*item.program.lanes], tmp_path)[0])
    programs = Programs(plan.datasets)
    whole = [*run_wave(unit, programs, None, Stop())][-1]
    first = run_wave(unit, programs, Checkpoints(tmp_path / unit.key, "first"), Stop())
    for event in first:
        if isinstance(event, Beat) and event.step == 10:
            break  # a worker that is gone
    left = {path: path.stat().st_mtime_ns for path in (tmp_path / unit.key / "first").rglob("*")}
    second = [*run_wave(unit, programs, Checkpoints(tmp_path / unit.key, "second"), Stop())]
    assert second[1].step >= 5
    for ours, theirs in zip(second[-1].rows, whole.rows, strict=True):
        assert {**ours, "costs": 0} == {**theirs, "costs": 0}
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / unit.key / "first").rglob("*")} == left
