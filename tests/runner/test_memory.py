"""Programs that do not fit: told before they run, run with fewer lanes, recorded where a single one is too large."""

import jax
import pytest

import ablate as package
from ablate.results.files import read_json
from ablate.runner import memory, units
from ablate.runner.execute import execute
from ablate.runner.plan import Plan, make_plan
from ablate.runner.session import Silent
from ablate.study.resolving import resolve
from ablate.train.lanes import TooLarge
from ablate.train.loop import Loop

ARMS, SEEDS = 2, 6


def study(**train: object) -> Plan:
    cfg = package.base_config()
    cfg.model = package.choice("mlp", widths=(8,))
    cfg.vary.target = (package.choice("smooth_labels"),)
    cfg.train.update({"steps": 6, "eval_every": 3, "batch_size": 32, **train})
    cfg.seeds = SEEDS
    return make_plan(resolve(cfg), name="small")


class Watching(Silent):
    """Notes how many lanes a program is tried with."""

    def __init__(self):
        self.lanes: list[int] = []

    def program(self, item, cells):
        self.lanes.append(item.width)


def statuses(directory):
    return sorted(read_json(path)["status"] for path in (directory / "cells").glob("*.json"))


def metrics(directory):
    rows = (read_json(path) for path in (directory / "cells").glob("*.json"))
    return {(row["arm"], row["seed"]): (row["metrics"], row["curves"]) for row in rows}


def test_what_does_not_fit_runs_with_half_as_many_lanes_until_it_does(tmp_path, monkeypatch):
    plan, watching = study(), Watching()
    (item,) = plan.programs
    widths = [item.width, item.narrower().width, item.narrower().narrower().width]
    assert sorted(set(widths), reverse=True) == widths
    lanes_of = units.lanes_of

    def limited(unit, dataset):
        lanes = lanes_of(unit, dataset)
        lanes._advance._room = lambda: 10**12 if unit.shape.width <= widths[-1] else 0
        return lanes

    monkeypatch.setattr(units, "lanes_of", limited)
    execute(plan, tmp_path / "halved", display=watching)
    assert watching.lanes == widths
    assert statuses(tmp_path / "halved") == ["done"] * ARMS * SEEDS
    monkeypatch.undo()
    execute(study(lanes=widths[-1] // len(plan.devices)), tmp_path / "narrow")
    assert metrics(tmp_path / "halved") == metrics(tmp_path / "narrow")


def test_a_device_that_is_full_later_on_loses_no_row(tmp_path, monkeypatch):
    plan, watching, run = study(lanes=2), Watching(), Loop.run
    assert len(plan.programs[0].waves) > 1
    calls = []

    def filling(self, begin):
        calls.append(self)
        if len(calls) == 2:
            raise RuntimeError("RESOURCE_EXHAUSTED: Out of memory allocating 4096 bytes.")
        return run(self, begin)

    monkeypatch.setattr(Loop, "run", filling)
    execute(plan, tmp_path, display=watching)
    assert len(watching.lanes) == 2
    assert watching.lanes[1] < watching.lanes[0]
    assert statuses(tmp_path) == ["done"] * ARMS * SEEDS


def test_one_lane_too_many_is_recorded_with_what_it_needs(tmp_path, monkeypatch):
    monkeypatch.setattr(units, "free_bytes", lambda devices: 1)
    plan = study()
    rows = execute(plan, tmp_path)
    assert statuses(tmp_path) == ["oom"] * ARMS * SEEDS
    (message,) = {row["error"]["message"] for row in rows if row["error"]}
    assert message.startswith("the program needs ")
    assert message.endswith(" bytes on a device beside its data, and 1 are free")


def test_other_errors_are_not_tried_again(tmp_path, monkeypatch):
    watching = Watching()

    def failing(self, begin):
        raise ValueError("wrong")

    monkeypatch.setattr(Loop, "run", failing)
    execute(study(), tmp_path, display=watching)
    assert len(watching.lanes) == 1
    assert statuses(tmp_path) == ["failed"] * ARMS * SEEDS


def test_what_is_out_of_memory():
    assert memory.is_out_of_memory(MemoryError())
    assert memory.is_out_of_memory(TooLarge("x"))
    assert memory.is_out_of_memory(RuntimeError("RESOURCE_EXHAUSTED: no more"))
    assert not memory.is_out_of_memory(ValueError("x"))
    wrapped = ValueError("wrapped")
    wrapped.__cause__ = RuntimeError("RESOURCE_EXHAUSTED: no more")
    assert memory.is_out_of_memory(wrapped)


def test_what_is_left_is_that_of_the_machine_or_its_container(monkeypatch):
    devices = jax.devices()
    monkeypatch.setattr(memory, "_machine", lambda: 8 * memory.GIB)
    monkeypatch.setattr(memory, "_control_group", lambda: None)
    assert memory.free_bytes(devices) == 8 * memory.GIB // len(devices)
    monkeypatch.setattr(memory, "_control_group", lambda: memory.GIB)
    assert memory.free_bytes(devices[:1]) == memory.GIB
    monkeypatch.setattr(memory, "_machine", lambda: None)
    monkeypatch.setattr(memory, "_control_group", lambda: None)
    assert memory.free_bytes(devices) is None


class Accelerator:
    platform = "gpu"

    def __init__(self, stats):
        self._stats = stats

    def memory_stats(self):
        return self._stats


def test_accelerators_tell_themselves():
    full, empty = ({"bytes_limit": 100, "bytes_in_use": used} for used in (90, 10))
    assert memory.free_bytes([Accelerator(full), Accelerator(empty)]) == 10
    assert memory.free_bytes([Accelerator(None)]) is None


def test_a_plan_that_is_likely_too_large_is_warned_of(monkeypatch):
    plan = study()
    monkeypatch.setattr(memory, "free_bytes", lambda devices: memory.GIB)
    assert memory.shortage(plan) is None
    monkeypatch.setattr(memory, "free_bytes", lambda devices: 1000)
    assert memory.shortage(plan).startswith("this needs about 0.0 GiB at once, and 0.0 GiB are free; programs that")


@pytest.mark.skipif(memory._machine() is None, reason="needs /proc/meminfo")
def test_linux_says_what_it_has():
    assert 2**20 < memory._machine() < 2**50
