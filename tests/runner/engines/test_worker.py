"""What a worker says of itself and of a unit, in this process: no cluster is needed to refuse one."""

import dataclasses
import math
import pickle
import threading
import time
from collections import Counter
from types import SimpleNamespace

import numpy as np
import pytest

import ablate as package
from ablate.runner.engines import mapped
from ablate.runner.engines import workers as workers_module
from ablate.runner.engines.mapped import MappedFile, packed, unpacked
from ablate.runner.engines.worker import TOKEN, Errand, Hello, Joined, Surroundings, Worker, fingerprint, told
from ablate.runner.engines.workers import Hired, NobodyError, Workers
from ablate.runner.environment import machine
from ablate.runner.events import Beat, Begin, Ended, Spent, Stopped
from ablate.runner.place import Place, place_here
from ablate.runner.plan import make_plan
from ablate.runner.units import unit_of
from ablate.runner.waves import waves_of
from ablate.study.identity import Library, source_of
from ablate.study.resolving import resolve

ELSEWHERE = Surroundings("/nowhere", own_cache=False)


@pytest.fixture(scope="module")
def plan():
    cfg = package.base_config()
    cfg.model = package.choice("mlp", widths=(8,))
    cfg.train.update(steps=15, eval_every=5, batch_size=32, checkpoint_seconds=0.0)
    cfg.seeds = 2
    cfg.vary.target = ("smooth_labels",)
    return make_plan(resolve(cfg), name="small")


@pytest.fixture
def unit(plan, tmp_path):
    (item,) = plan.programs
    (wave, *_) = waves_of(item, [*item.program.lanes], tmp_path)
    return unit_of(item, wave)


def errand(unit, folder, **changes):
    wanted = Errand("study", unit, fingerprint(unit, Library(source_of)), "first", folder)
    return pickle.dumps(dataclasses.replace(wanted, **changes))


def said(worker, *given):
    """All that a worker says of a unit."""
    worker.train((), *given)
    words = worker.take(5.0)
    assert words[-1] is None
    assert worker.take(0.01) == []
    return words[:-1]


def test_it_trains_and_keeps_checkpoints_where_the_disk_is_shared(plan, unit, tmp_path):
    (tmp_path / TOKEN).write_text("study")
    words = said(Worker(ELSEWHERE), errand(unit, tmp_path), plan.dataset)
    assert words[:2] == [Joined(shared=True), Begin(unit.key, 0)]
    assert [row["status"] for row in words[-1].rows] == ["done"] * 4
    assert (tmp_path / unit.key / "first").is_dir()


@pytest.mark.parametrize("content", [None, "of another run"])
def test_it_stores_nothing_where_the_disk_is_another(plan, unit, tmp_path, content):
    folder = tmp_path / "kept"
    if content:
        folder.mkdir()
        (folder / TOKEN).write_text(content)
    words = said(Worker(ELSEWHERE), errand(unit, folder), plan.dataset)
    assert words[0] == Joined(shared=False)
    assert isinstance(words[-1], Ended)
    assert not (folder / unit.key).exists()


def test_other_source_is_refused(plan, unit, tmp_path):
    (joined,) = said(Worker(ELSEWHERE), errand(unit, tmp_path, code="another"), plan.dataset)
    assert joined.problem.startswith("the source differs from where the run was started")


def test_modules_that_are_not_there_are_named(plan, tmp_path, monkeypatch):
    (tmp_path / "their_labels.py").write_text("def harder(probs):\n    return probs\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    import their_labels

    payload = pickle.dumps(their_labels.harder)
    monkeypatch.undo()
    monkeypatch.delitem(__import__("sys").modules, "their_labels")
    (joined,) = said(Worker(ELSEWHERE), payload, plan.dataset)
    assert joined.problem == (
        "the code of the run cannot be loaded: ModuleNotFoundError: No module named 'their_labels'"
    )


def test_asked_to_stop_while_it_trains_it_stores_a_checkpoint(plan, unit, tmp_path):
    (tmp_path / TOKEN).write_text("study")
    worker = Worker(ELSEWHERE)
    working = threading.Thread(target=worker.train, args=((), errand(unit, tmp_path), plan.dataset))
    worker.stop()
    working.start()
    working.join()
    words = worker.take(5.0)
    assert Stopped(unit.key) in words
    assert words[-1] is None


def test_another_study_finds_no_executables_of_the_one_before(plan, unit, tmp_path):
    worker = Worker(ELSEWHERE)
    first, again, other = (
        said(worker, errand(unit, tmp_path, study=study), plan.dataset)[-1].spent.compiles
        for study in ("one", "one", "other")
    )
    assert first == other > 0
    assert again == 0


def test_beats_that_follow_too_soon_are_left_out_and_nothing_else():
    beats = [Beat("a", step, Spent()) for step in range(5)]
    events = [Begin("a", 0), *beats, Ended("a", ())]
    assert list(told(events, 60.0)) == [events[0], beats[0], events[-1]]
    assert list(told(events, 0.0)) == events


def waiting(devices=2, resource="CPU"):
    """The workers of a cluster that nobody has asked."""
    made = object.__new__(Workers)
    made.devices, made.resource = devices, resource
    return made


def greeted(hello, **how):
    return waiting(**how).greet(Hired(None, "n", "greeting", 0.0), hello)


def test_what_a_worker_is_decides_whether_it_may_train():
    hello = Worker(ELSEWHERE).hello()
    assert hello.place == place_here()
    assert greeted(hello) == ""
    assert greeted(hello, devices=4) == "JAX finds 2 devices there, not 4"
    assert greeted(hello, resource="GPU") == "JAX finds cpu devices there; is it installed for gpu?"
    assert greeted(Hello("n:1", None, {}, "JAX found no devices")) == "JAX found no devices"
    versions = machine()["versions"]
    theirs = hello._replace(machine={"versions": {**versions, "jax": "0.9.0", "optax": None}})
    assert greeted(theirs) == f"jax 0.9.0 there, {versions['jax']} here; optax None there, {versions['optax']} here"


def of_a_node(name):
    return Hired(None, name, None, 0.0, Hello(f"{name}:7", Place("cpu", "cpu", 2), {}))


def cluster(monkeypatch, **nodes):
    """Workers on nodes that are played, with so many cores each; nobody starts."""
    made = waiting()
    made._out, made._failures, made._known, made.hired = {}, Counter(), (-math.inf, {}), []
    made._amount, made._patience, made._ready, made._looked = 1, 60.0, time.monotonic(), time.monotonic()
    monkeypatch.setattr(
        workers_module, "_nodes", lambda: {name: {"CPU": float(cores)} for name, cores in nodes.items()}
    )
    monkeypatch.setattr(workers_module.ray, "kill", lambda actor, no_restart: None)
    monkeypatch.setattr(made, "_started", lambda at: SimpleNamespace(hello=SimpleNamespace(remote=lambda: "greeting")))
    return made


def test_workers_are_spread_over_nodes_as_far_as_there_is_room(monkeypatch):
    workers = cluster(monkeypatch, a=1, b=2, head=0)
    workers.hire(2)
    assert sorted(hired.at for hired in workers.hired) == ["a", "b"]
    workers.hire(9)
    assert sorted(hired.at for hired in workers.hired) == ["a", "b", "b"]


def test_a_node_whose_workers_end_one_after_the_other_is_left_out(monkeypatch):
    workers = cluster(monkeypatch, a=1, b=1)
    told = []
    for _ in range(3):
        hired = of_a_node("a")
        workers.hired.append(hired)
        told.append(workers.let_go(hired, TimeoutError("gone")))
    assert told == ["", "", "a is left out: gone"]
    workers.hire(5)
    assert [hired.at for hired in workers.hired] == ["b"]


def test_one_that_began_a_unit_in_between_says_that_the_node_is_well(monkeypatch):
    workers = cluster(monkeypatch, a=1)
    for k in range(6):
        hired = of_a_node("a")
        workers.hired.append(hired)
        if k % 2:
            workers.begins(hired)
        assert workers.let_go(hired, TimeoutError("gone")) == ""


def test_where_all_nodes_are_left_out_it_says_why_at_once(monkeypatch):
    workers = cluster(monkeypatch, a=1)
    workers.hired = [of_a_node("a")]
    assert workers.leave_out(workers.hired[0], "jax differs") == "a is left out: jax differs"
    with pytest.raises(NobodyError, match="a is left out: jax differs"):
        workers.hire(1)
    monkeypatch.setattr(workers_module, "_nodes", lambda: {"new": {"CPU": 1.0}})  # the same machine, started again
    workers._known = (-math.inf, {})
    workers.hire(1)
    assert [hired.at for hired in workers.hired] == ["new"]


def test_time_in_which_this_process_stood_still_is_held_against_nobody(monkeypatch):
    workers = cluster(monkeypatch, a=1)
    workers.hire(1)
    (hired,) = workers.hired
    before = time.monotonic() - hired.heard
    workers._looked -= 100.0
    workers._ready -= 100.0
    hired.heard -= 100.0
    workers.hire(0)
    assert time.monotonic() - hired.heard < before + 1.0


def test_large_files_are_opened_where_they_are_needed(tmp_path, monkeypatch):
    np.save(tmp_path / "a.npy", np.arange(24, dtype=np.int32).reshape(6, 4))
    array = np.load(tmp_path / "a.npy", mmap_mode="r")
    assert type(packed(array)) is np.ndarray
    monkeypatch.setattr(mapped, "SENT_BYTES", 32)
    place = pickle.loads(pickle.dumps(packed(array)))
    assert isinstance(place, MappedFile)
    assert isinstance(unpacked(place), np.memmap)
    np.testing.assert_array_equal(unpacked(place), array)
    flipped = np.memmap(tmp_path / "a.npy", np.int32, "r", array.offset, (4, 6), order="F")
    np.testing.assert_array_equal(unpacked(pickle.loads(pickle.dumps(packed(flipped)))), flipped)
    part = array[2:]
    np.testing.assert_array_equal(unpacked(pickle.loads(pickle.dumps(packed(part)))), part)
    np.save(tmp_path / "a.npy", np.arange(1, 25, dtype=np.int32).reshape(6, 4))
    with pytest.raises(OSError, match="is another file than where the run was started"):
        unpacked(place)
    (tmp_path / "a.npy").unlink()
    with pytest.raises(FileNotFoundError):
        unpacked(place)
