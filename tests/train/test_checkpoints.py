"""Checkpoints: going on from one equals never having stopped, and a damaged one costs no more than its time."""

import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import jax
import numpy as np
import orbax.checkpoint as ocp
import pytest

from ablate import choice
from ablate.results.files import StorageError
from ablate.runner.plan import Plan
from ablate.train.checkpoints import HERE, Checkpoints, _manager, _quietly, clear
from ablate.train.lanes import Lanes
from ablate.train.loop import Loop, LoopState, WaveInputs
from tests.train.small import Trained, identical, kept, lanes_of, planned, small_config, train, wave_of

MEMBERS, WIDTH = 3, 4
# Another number of devices is another number of lanes on each, which XLA compiles into other loops: test_lanes.py.
ROUNDING = 2e-6


@pytest.fixture(scope="module")
def plan() -> Plan:
    """A study whose state has everything: running statistics, momentum, averaged weights, a history."""
    cfg = small_config(vary={"dropout": (choice("spatial", rate=0.3),)})
    cfg.recipe.norm = choice("batch")
    cfg.recipe.optimizer = choice("momentum", learning_rate=0.1, beta=0.9)
    cfg.recipe.average = choice("ema", decay=0.9)
    return planned(cfg)


@pytest.fixture(scope="module")
def lanes(plan) -> Lanes:
    return lanes_of(plan)


@pytest.fixture(scope="module")
def wave(plan) -> WaveInputs:
    return wave_of(plan, range(MEMBERS), WIDTH)


@pytest.fixture(scope="module")
def whole(lanes, wave) -> Trained:
    """The wave without interruption."""
    return train(lanes, wave)


def go_on(lanes: Lanes, wave: WaveInputs, state: LoopState) -> Trained:
    """Trains the rest of a wave, as a new process would."""
    loop = Loop(lanes, wave)
    states = tuple(kept(later) for later in loop.run(state))
    return Trained(state, states, tuple(loop.results(states[-1] if states else state)))


def save_and_find(folder: Path, state: LoopState, lanes: Lanes, wave: WaveInputs) -> LoopState:
    """What a later process finds of a state."""
    Checkpoints(folder).save(state, MEMBERS)
    found = Checkpoints(folder).latest(Loop(lanes, wave).start(), MEMBERS)
    assert found is not None
    return found


@pytest.mark.parametrize("k", range(5))
def test_going_on_from_any_moment_equals_never_having_stopped(lanes, wave, whole, tmp_path, k):
    assert [(state.step, state.evaluated) for state in whole.states] == [(0, 1), (10, 1), (10, 2), (20, 2), (20, 3)]
    found = save_and_find(tmp_path / "wave", whole.states[k], lanes, wave)
    assert (found.step, found.evaluated) == whole.states[k][:2]
    assert identical(jax.tree.leaves(found.state), jax.tree.leaves(whole.states[k].state))  # padding lanes as well
    assert jax.tree.structure(found.state) == jax.tree.structure(whole.states[k].state)
    ended = go_on(lanes, wave, found)
    assert ended.results == whole.results
    if k < 4:
        assert identical(jax.tree.leaves(ended.end.state), jax.tree.leaves(whole.end.state))


def test_going_on_step_by_step_equals_never_having_stopped(plan, wave, tmp_path):
    lanes, wave = lanes_of(plan, "solo"), wave_of(plan, [0, 2], 2)
    whole = train(lanes, wave)
    state = whole.states[6]
    assert (state.step, state.evaluated) == (6, 1)  # between two evaluations, in the middle of a mean
    Checkpoints(tmp_path / "wave").save(state, 2)
    found = Checkpoints(tmp_path / "wave").latest(Loop(lanes, wave).start(), 2)
    assert found is not None
    assert found.step == 6
    assert go_on(lanes, wave, found).results == whole.results


def test_padding_lanes_are_not_stored_and_come_back_as_copies(lanes, wave, whole, tmp_path):
    found = save_and_find(tmp_path / "wave", whole.states[2], lanes, wave)
    for leaf in jax.tree.leaves(found.state):
        assert len(leaf) == WIDTH
        np.testing.assert_array_equal(leaf[WIDTH - 1], leaf[MEMBERS - 1])
    stored = ocp.CheckpointManager(tmp_path / "wave" / HERE).restore(whole.states[2].step * 2 + 2)
    assert {len(leaf) for leaf in stored["state"]} == {MEMBERS}


def test_a_checkpoint_goes_on_with_another_number_of_devices(plan, lanes, wave, whole, tmp_path):
    Checkpoints(tmp_path / "wave").save(whole.states[2], MEMBERS)
    alone, narrow = lanes_of(plan, devices=1), wave_of(plan, range(MEMBERS), MEMBERS)
    found = Checkpoints(tmp_path / "wave").latest(Loop(alone, narrow).start(), MEMBERS)
    assert found is not None
    for ours, wanted in zip(go_on(alone, narrow, found).results, whole.results, strict=True):
        assert ours.curves["train_loss"][:2] == wanted.curves["train_loss"][:2]
        np.testing.assert_allclose(ours.metrics["test_loss"], wanted.metrics["test_loss"], rtol=ROUNDING)


def test_only_the_newest_is_kept_and_a_finished_wave_leaves_nothing(lanes, wave, whole, tmp_path):
    checkpoints = Checkpoints(tmp_path / "all" / "wave")
    start = Loop(lanes, wave).start()
    assert checkpoints.latest(start, MEMBERS) is None
    for state in whole.states[:3]:
        checkpoints.save(state, MEMBERS)
    assert len([path for path in (tmp_path / "all" / "wave" / HERE).iterdir() if path.is_dir()]) == 1
    found = Checkpoints(tmp_path / "all" / "wave").latest(start, MEMBERS)
    assert found is not None
    assert found[:2] == (10, 2)
    clear(tmp_path / "all")
    assert not (tmp_path / "all").exists()
    clear(tmp_path / "all")  # nothing there: nothing to do


def truncate(step: Path) -> None:
    for path in step.rglob("*"):
        if path.is_file():
            path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def empty(step: Path) -> None:
    shutil.rmtree(step)
    step.mkdir()


def lose_metadata(step: Path) -> None:
    for name in ("_CHECKPOINT_METADATA", "_METADATA", "manifest.ocdbt"):
        for path in step.rglob(name):
            path.unlink()


def lose_numbers(step: Path) -> None:
    for folder in step.rglob("d"):
        shutil.rmtree(folder)


def fill_with_zeros(step: Path) -> None:
    for path in step.rglob("*"):
        if path.is_file():
            path.write_bytes(bytes(path.stat().st_size))


def hold_other_numbers(step: Path) -> None:
    """As if the code had changed the state without the fingerprint noticing."""
    folder = step.parent
    shutil.rmtree(folder)
    other = {"step": np.array(1), "state": [np.zeros(3)]}
    _manager(folder).save(2, args=ocp.args.StandardSave(other), force=True)


# Orbax reads all arrays at once; when the first one fails, the others have nobody left to tell that they failed too.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("damage", [truncate, empty, lose_metadata, lose_numbers, fill_with_zeros, hold_other_numbers])
def test_a_damaged_checkpoint_is_no_checkpoint(lanes, wave, whole, tmp_path, caplog, damage: Callable[[Path], None]):
    folder, start = tmp_path / "wave", Loop(lanes, wave).start()
    Checkpoints(folder).save(whole.states[2], MEMBERS)
    (step,) = [path for path in (folder / HERE).iterdir() if path.is_dir()]
    damage(step)
    checkpoints = Checkpoints(folder)
    assert checkpoints.latest(start, MEMBERS) is None
    assert [record.name for record in caplog.records if "passed over" in record.message] == ["ablate"]
    checkpoints.save(whole.states[0], MEMBERS)  # earlier than the damaged one
    found = Checkpoints(folder).latest(start, MEMBERS)
    assert found is not None
    assert found[:2] == (0, 1)


@pytest.mark.parametrize("name", ["9.orbax-checkpoint-tmp-3", "junk", "members.json"])
def test_what_a_killed_writer_leaves_beside_a_checkpoint_hides_nothing(lanes, wave, whole, tmp_path, name):
    folder = tmp_path / "wave"
    Checkpoints(folder).save(whole.states[2], MEMBERS)
    (folder / HERE / name).mkdir()
    (folder / name).mkdir()
    found = Checkpoints(folder).latest(Loop(lanes, wave).start(), MEMBERS)
    assert found is not None
    assert found[:2] == (10, 2)


# Orbax leaves futures of closed event loops behind where it cannot read; they say so when they are collected.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_flipped_bit_never_becomes_another_number(lanes, wave, whole, tmp_path, caplog):
    # Without the digest, about two of five single-bit flips restore as other numbers.
    saved, like = tmp_path / "saved", Loop(lanes, wave).start()
    Checkpoints(saved).save(whole.states[3], MEMBERS)
    exact = jax.tree.leaves(whole.states[3].state)
    sizes = {path.relative_to(saved): path.stat().st_size for path in sorted(saved.rglob("*")) if path.is_file()}
    rng, refused = np.random.default_rng(0), 0
    for k in range(60):
        name = rng.choice(list(sizes), p=np.array(list(sizes.values())) / sum(sizes.values()))
        folder = shutil.copytree(saved, tmp_path / f"flip{k}")
        data = bytearray((folder / name).read_bytes())
        data[rng.integers(len(data))] ^= 1 << rng.integers(8)
        (folder / name).write_bytes(data)
        found = Checkpoints(folder).latest(like, MEMBERS)
        refused += found is None
        if found is not None:
            assert (found.step, found.evaluated) == whole.states[3][:2]
            assert identical(jax.tree.leaves(found.state), exact)
            for curve, drawn in whole.states[3].curves.items():
                np.testing.assert_array_equal(found.curves[curve], drawn)
    assert refused > 10
    assert sum("damaged (its numbers do not give the digest" in text for text in caplog.messages) > 5
    own = [record.message for record in caplog.records if record.name == "ablate"]  # Orbax has words of its own
    assert all(text.endswith("passed over") for text in own)


def test_an_attempt_goes_on_from_the_newest_of_all_and_touches_no_other(lanes, wave, whole, tmp_path, caplog):
    folder, start = tmp_path / "wave", Loop(lanes, wave).start()
    for name, k in (("first", 1), ("second", 3), ("third", 2)):
        Checkpoints(folder, name).save(whole.states[k], MEMBERS)
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    mine = Checkpoints(folder, "mine")
    assert mine.latest(start, MEMBERS)[:2] == whole.states[3][:2]
    assert not (folder / "mine").exists()
    mine.save(whole.states[4], MEMBERS)
    assert mine.latest(start, MEMBERS)[:2] == whole.states[4][:2]
    (step,) = (folder / "mine").iterdir()
    truncate(step)
    truncate(folder / "second")
    damaged = {path for path in before if path.is_relative_to(folder / "second")}
    assert Checkpoints(folder, "mine").latest(start, MEMBERS)[:2] == whole.states[2][:2]  # the third's
    assert sum("passed over" in text for text in caplog.messages) == 2
    assert not (folder / "mine").exists()  # its own, which was damaged
    assert all(path.exists() for path in damaged)
    assert {path: path.read_bytes() for path in before if path not in damaged} == {
        path: content for path, content in before.items() if path not in damaged
    }


def test_a_full_disk_is_named_by_its_number_and_its_words(lanes, wave, whole, tmp_path, monkeypatch, caplog):
    def full(*arguments, **keywords):
        raise ValueError("RESOURCE_EXHAUSTED: a spec\n of many lines: No space left on device [os_error_code='28']")

    monkeypatch.setattr(ocp.CheckpointManager, "save", full)
    with pytest.raises(StorageError) as refused:
        Checkpoints(tmp_path / "wave").save(whole.states[0], MEMBERS)
    assert refused.value.passes
    assert str(refused.value) == f"cannot write the checkpoint: No space left on device: {tmp_path / 'wave' / HERE}"

    def broken(*arguments, **keywords):
        raise TypeError("not a disk's fault")

    monkeypatch.setattr(ocp.CheckpointManager, "save", broken)
    with pytest.raises(StorageError, match="not a disk's fault") as refused:
        Checkpoints(tmp_path / "wave").save(whole.states[0], MEMBERS)
    assert not refused.value.passes


def test_what_threads_tell_of_closed_event_loops_is_kept_from_users(monkeypatch):
    told = []
    monkeypatch.setattr(sys, "unraisablehook", told.append)
    closed, other = (SimpleNamespace(exc_value=RuntimeError(text)) for text in ("Event loop is closed", "another"))
    with _quietly():
        assert sys.unraisablehook is not told.append
    assert sys.unraisablehook == told.append

    def save():
        sys.unraisablehook(closed)  # before the error reaches us
        raise ValueError("a full disk")

    with pytest.raises(ValueError, match="a full disk"), _quietly():
        save()
    sys.unraisablehook(closed)  # and for as long as futures are left
    sys.unraisablehook(other)
    assert told == [other]
