"""A study that is stopped anywhere and started again ends with the tables of one that never was."""

import os
import random
import shutil
import signal
import time
from pathlib import Path

import pytest

import ablate as package
from ablate.planning import make_plan
from ablate.running import Interrupted, Silent, execute
from ablate.store import read_json
from ablate.study.resolving import resolve
from tests.shell import (
    ablate,
    ended,
    finished,
    obey_permissions,
    running,
    send,
    stamps,
    statuses,
    tables,
    training,
    wait_until,
)

# Two programs. Three lanes to a wave would do, but six cells on two devices with at most two lanes each make a wave of
# four and one of two, padded: a session that begins with the second must give it the width it would have had.
EXPERIMENT = '''
"""Does batch norm help?"""

from ablate import base_config, choice


def get_config():
    cfg = base_config()
    cfg.model = choice("mlp", widths=(8,))
    cfg.recipe.optimizer = choice("momentum", learning_rate=0.1)
    cfg.vary.norm = (choice("batch"),)
    cfg.vary.dropout = (choice("dropout", rate=0.3),)
    cfg.train.update(steps=6000, eval_every=50, batch_size=32, lanes=2, checkpoint_seconds=0.2)
    cfg.seeds = 3
    return cfg
'''
CELLS = 9


@pytest.fixture(scope="module")
def experiment(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("experiment") / "norms.py"
    path.write_text(EXPERIMENT)
    return path


@pytest.fixture(scope="module")
def undisturbed(experiment) -> Path:
    """The study in one go, with a cold compilation cache; every later session finds it warm."""
    directory = experiment.parent / "undisturbed"
    done = ablate("run", f"--config={experiment}", f"--workdir={directory}")
    assert done.returncode == 0, done.stderr
    assert statuses(directory) == ["done"] * CELLS
    assert not (directory / "checkpoints").exists()
    return directory


@pytest.fixture
def copy(undisturbed, tmp_path) -> Path:
    """A finished study to spoil."""
    return Path(shutil.copytree(undisturbed, tmp_path / "copy", copy_function=shutil.copy2))


def same_command_again(experiment: Path, directory: Path) -> str:
    done = ablate("run", f"--config={experiment}", f"--workdir={directory}")
    assert done.returncode == 0, done.stderr
    assert "starting again" not in done.stderr  # its checkpoints were readable
    return done.stdout


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=["SIGTERM", "Ctrl-C"])
def test_asked_to_stop_it_writes_a_checkpoint_and_goes_on_later(experiment, undisturbed, tmp_path, number):
    with running("run", f"--config={experiment}", f"--workdir={tmp_path}") as process:
        wait_until(lambda: training(tmp_path), process)
        time.sleep(0.5)
        send(process, number)
        code, errors = ended(process)
    assert code == 75
    assert "interrupted; the same command continues" in errors
    assert "Traceback" not in errors
    assert finished(tmp_path) < CELLS
    assert list((tmp_path / "checkpoints").rglob("_CHECKPOINT_METADATA"))
    before = stamps(tmp_path)

    same_command_again(experiment, tmp_path)

    assert tables(tmp_path) == tables(undisturbed)
    assert before.items() <= stamps(tmp_path).items()
    progress = read_json(tmp_path / "progress.json")
    assert (progress["sessions"], progress["state"]) == (2, "finished")
    assert not (tmp_path / "checkpoints").exists()


def test_killed_again_and_again_it_still_ends_with_the_same_tables(experiment, undisturbed, tmp_path):
    moments = random.Random(0)
    for _ in range(4):
        with running("run", f"--config={experiment}", f"--workdir={tmp_path}") as process:
            old = (tmp_path / "progress.json").stat().st_mtime_ns if (tmp_path / "progress.json").exists() else 0
            wait_until(lambda old=old: training(tmp_path) and _newer(tmp_path / "progress.json", old), process)
            time.sleep(moments.uniform(0, 0.7))
            send(process, signal.SIGKILL)
            assert ended(process)[0] == -signal.SIGKILL
    before = stamps(tmp_path)
    assert len(before) < CELLS

    same_command_again(experiment, tmp_path)

    assert tables(tmp_path) == tables(undisturbed)
    assert before.items() <= stamps(tmp_path).items()
    assert list(tmp_path.rglob("*.part")) == []


def _newer(path: Path, old: int) -> bool:
    return path.exists() and path.stat().st_mtime_ns > old


class Interrupting(Silent):
    """Asks the run to stop after its first new steps, as Ctrl-C would, and notes where it began."""

    def __init__(self):
        self.seen: list[int] = []

    def steps(self, cell_steps: int) -> None:
        self.seen.append(cell_steps)
        if len(self.seen) == 2:  # the first call tells what a checkpoint held
            os.kill(os.getpid(), signal.SIGINT)


def small_plan(**train: object):
    cfg = package.base_config()
    cfg.model = package.choice("mlp", widths=(8,))
    cfg.recipe.norm = package.choice("batch")
    cfg.vary.dropout = (package.choice("dropout", rate=0.3),)
    cfg.train.update({"steps": 20, "eval_every": 10, "batch_size": 32, "lanes": 2, **train})
    cfg.seeds = 3
    return make_plan(resolve(cfg), name="small")


def test_interrupted_at_every_single_moment_it_ends_with_the_same_tables(tmp_path):
    plan = small_plan()
    assert [(len(wave.members), wave.width) for wave in plan.programs[0].waves] == [(4, 4), (2, 4)]
    execute(plan, tmp_path / "whole")
    begun = []
    for _ in range(20):
        display = Interrupting()
        try:
            execute(plan, tmp_path / "parts", display=display)
            break
        except Interrupted:
            begun.append(display.seen[0])
    # Cell-steps that the checkpoint of each session held, for 4 lanes and then for 2: evaluation, 10 steps, evaluation,
    # 10 steps. After the last evaluation of a wave its rows are written before the next wave notices the signal.
    assert begun == [0, 0, 40, 40, 80, 0, 20, 20, 40][: len(begun)]
    assert len(begun) >= 8
    assert tables(tmp_path / "parts") == tables(tmp_path / "whole")


def test_when_a_checkpoint_is_written_changes_nothing(tmp_path):
    execute(small_plan(checkpoint_seconds=0.0), tmp_path / "always")
    execute(small_plan(checkpoint_seconds=1e9), tmp_path / "never")
    assert tables(tmp_path / "always") == tables(tmp_path / "never")


def test_a_second_process_in_the_same_directory_is_refused(experiment, tmp_path):
    with running("run", f"--config={experiment}", f"--workdir={tmp_path}") as process:
        wait_until((tmp_path / ".lock").exists, process)
        second = ablate("run", f"--config={experiment}", f"--workdir={tmp_path}", "--config.train.steps=10")
        assert process.poll() is None
        assert second.returncode == 3
        assert second.stdout == ""
        assert "is in use by another ablate" in second.stderr
        assert "Traceback" not in second.stderr
        send(process, signal.SIGKILL)
        ended(process)
    third = ablate("run", f"--config={experiment}", f"--workdir={tmp_path}", "--config.train.steps=10")
    assert third.returncode == 0, third.stderr  # a killed process holds nothing


@pytest.mark.parametrize("content", ["", "{", '{"cell": "another"}', "[]", "\x00" * 100])
def test_an_unreadable_row_is_set_aside_and_its_cell_trained_again(content, tmp_path):
    plan = small_plan()
    execute(plan, tmp_path)
    wanted, before = tables(tmp_path), stamps(tmp_path)
    path = tmp_path / "cells" / f"{plan.cells[4].name}.json"
    path.write_text(content)
    execute(plan, tmp_path)
    assert statuses(tmp_path) == ["done"] * 6
    assert path.with_suffix(".unreadable").read_text() == content
    after = stamps(tmp_path)
    assert {name for name in before if before[name] != after[name]} == {path.name}
    # Alone in a wave the cell is compiled for fewer lanes, which rounds differently: equal in all but numbers.
    for old, new in zip(wanted["cells.csv"], tables(tmp_path)["cells.csv"], strict=True):
        if new["cell"] != plan.cells[4].name:
            assert new == old
        else:
            assert float(new["test_loss"]) == pytest.approx(float(old["test_loss"]), rel=5e-6)


def test_more_seeds_and_more_arms_use_every_finished_cell_again(experiment, copy):
    before = stamps(copy)
    assert len(before) == CELLS
    words = ("--config.seeds=4", "--config.vary.target=('smooth_labels',)")
    done = ablate("run", f"--config={experiment}", f"--workdir={copy}", *words)
    assert done.returncode == 0, done.stderr
    assert statuses(copy) == ["done"] * 16
    assert before.items() <= stamps(copy).items()
    assert "9 already finished" in done.stderr


def test_a_finished_study_trains_nothing_and_writes_the_same_again(experiment, undisturbed, copy):
    before = stamps(copy)
    same_command_again(experiment, copy)
    assert stamps(copy) == before
    for name in ("cells.csv", "summary.csv"):
        assert (copy / name).read_bytes() == (undisturbed / name).read_bytes()


def test_a_damaged_checkpoint_and_a_damaged_compilation_cache_only_cost_time(experiment, undisturbed, tmp_path):
    cache = tmp_path / "cache"
    with running(
        "run", f"--config={experiment}", f"--workdir={tmp_path / 'run'}", XDG_CACHE_HOME=str(cache)
    ) as process:
        wait_until(lambda: bool(list((tmp_path / "run").rglob("_CHECKPOINT_METADATA"))), process)
        send(process, signal.SIGTERM)
        assert ended(process)[0] == 75
    spoilt = [path for path in (tmp_path / "run" / "checkpoints").glob("*/*/**/*") if path.is_file()]
    spoilt += [path for path in cache.rglob("*") if path.is_file()]
    assert len(spoilt) > 10
    for path in spoilt:
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    again = ablate("run", f"--config={experiment}", f"--workdir={tmp_path / 'run'}", XDG_CACHE_HOME=str(cache))
    assert again.returncode == 0, again.stderr
    assert "starting again" in again.stderr
    assert tables(tmp_path / "run") == tables(undisturbed)


RAISING = """
from pathlib import Path

import jax


def raising(probs):
    def check(probs):
        if Path("broken").exists():
            raise ValueError("the disk of labels is broken")
        return probs

    return jax.pure_callback(check, jax.ShapeDtypeStruct(probs.shape, probs.dtype), probs, vmap_method="sequential")
"""


def test_a_program_that_fails_marks_its_cells_and_the_rest_goes_on(tmp_path):
    (tmp_path / "labels.py").write_text(RAISING)
    (tmp_path / "broken").touch()
    trying = "    cfg.vary.norm, cfg.vary.dropout = (), ()\n    cfg.vary.gradient = (choice('centralize'),)\n"
    trying += "    cfg.vary.target = (choice('labels:raising'),)\n    cfg.train.update(steps=20, eval_every=10)\n"
    (tmp_path / "failing.py").write_text(EXPERIMENT.replace("    return cfg", f"{trying}    return cfg"))
    words = ("run", "--config=failing.py", "--workdir=run")
    directory, expected = tmp_path / "run", ["done"] * 3 + ["failed"] * 3 + ["done"] * 3

    first = ablate(*words, folder=tmp_path)
    assert first.returncode == 1, first.stderr
    assert statuses(directory) == expected
    error = read_json(next((directory / "cells").glob("target-*.json")))["error"]
    assert "the disk of labels is broken" in error["message"]
    assert "Traceback" in error["traceback"]
    assert "broken" in (directory / "report.md").read_text()

    before = stamps(directory)
    again = ablate(*words, folder=tmp_path)
    assert again.returncode == 1, again.stderr  # neither forgotten nor tried again without being asked
    assert stamps(directory) == before

    (tmp_path / "broken").unlink()
    retried = ablate(*words, "--retry-failed", folder=tmp_path)
    assert retried.returncode == 0, retried.stderr
    assert statuses(directory) == ["done"] * 9
    assert not (directory / "checkpoints").exists()
    kept = {name: stamp for name, stamp in before.items() if not name.startswith("target-")}
    assert kept.items() <= stamps(directory).items()


def test_a_directory_that_cannot_be_written_to_is_one_line(experiment, tmp_path):
    folder = tmp_path / "locked"
    folder.mkdir(mode=0o555)
    for directory in (folder, folder / "below"):
        done = ablate("run", f"--config={experiment}", f"--workdir={directory}", before=obey_permissions)
        assert done.returncode == 2
        assert done.stdout == ""
        assert [line for line in done.stderr.splitlines() if line.startswith("ablate: ")] == done.stderr.splitlines()
        assert "Permission denied" in done.stderr
        assert str(folder) in done.stderr
