"""A study that is stopped anywhere and started again ends with the tables of one that never was."""

import contextlib
import os
import random
import shutil
import signal
import time
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

import ablate as package
from ablate.cli.main import main
from ablate.data import cache_root
from ablate.results.files import read_json
from ablate.results.store import Store, locked
from ablate.runner.backend import prepare_jax
from ablate.runner.execute import Silent, execute
from ablate.runner.interrupts import Interrupted
from ablate.runner.plan import Plan, ProgramPlan, make_plan
from ablate.runner.reuse import Reuse
from ablate.study.resolving import resolve
from ablate.train.checkpoints import Checkpoints
from tests.norms import in_one_go, norms, written
from tests.shell import (
    ablate,
    ended,
    jax_as_it_was,
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
EXPERIMENT = norms(3, steps=6000, eval_every=50, checkpoint_seconds=0.4)
CELLS = 9


@pytest.fixture(scope="module")
def experiment(tmp_path_factory) -> Path:
    return written(tmp_path_factory.mktemp("experiment"), EXPERIMENT)


@pytest.fixture(scope="module")
def undisturbed(experiment) -> Path:
    """The study in one go, with a cold compilation cache; every later session finds it warm."""
    directory = in_one_go(experiment)
    assert statuses(directory) == ["done"] * CELLS
    assert not (directory / "checkpoints").exists()
    return directory


@pytest.fixture
def warm_cache():
    """Compiled programs are kept, as the command line keeps them."""
    with jax_as_it_was():
        prepare_jax()
        yield


def test_stopped_and_killed_again_and_again_it_ends_with_the_same_tables(experiment, undisturbed, tmp_path):
    cache, run = shutil.copytree(cache_root(), tmp_path / "cache" / "ablate"), tmp_path / "run"
    words, changes = ("run", f"--config={experiment}", f"--workdir={run}"), {"XDG_CACHE_HOME": str(cache.parent)}
    before: dict[str, tuple[int, int]] = {}
    delays = random.Random(0)
    for k, number in enumerate((signal.SIGINT, signal.SIGTERM, signal.SIGKILL, signal.SIGKILL)):
        often = ("--config.train.checkpoint_seconds=0.0",) if k < 2 else ()
        with running(*words, *often, **changes) as process:
            begun = _kept(run, since=time.time_ns()) if k < 2 else _again(run / "progress.json")
            wait_until(lambda begun=begun: training(run) and begun(), process)
            time.sleep(delays.uniform(0, 0.15))
            send(process, number)
            code, errors = ended(process)
        assert ("passed over" in errors) == (k == 1)  # only the first checkpoint was damaged
        if number == signal.SIGKILL:
            assert code == -number
        else:
            assert code == 75
            assert "interrupted; the same command continues" in errors
        if k == 0:
            assert "Traceback" not in errors
            assert _kept(run)()
            _halve((run / "checkpoints").glob("*/*/**/*"))
            _halve(cache.rglob("*"))
        assert before.items() <= stamps(run).items()
        before = stamps(run)
        assert len(before) < CELLS

    last = ablate(*words, **changes)

    assert last.returncode == 0, last.stderr
    assert "passed over" not in last.stderr
    assert tables(run) == tables(undisturbed)
    assert before.items() <= stamps(run).items()
    assert not (run / "checkpoints").exists()
    assert list(run.rglob("*.part")) == []
    progress = read_json(run / "progress.json")
    assert (progress["sessions"], progress["state"]) == (5, "finished")


def _halve(paths: Iterable[Path]) -> None:
    """Damages files as a full disk or a power cut would."""
    files = [path for path in paths if path.is_file()]
    assert files
    for path in files:
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def _kept(run: Path, since: int = 0) -> Callable[[], bool]:
    """Tells whether a whole checkpoint is there that was written since some time, in ns."""

    def kept() -> bool:
        with contextlib.suppress(FileNotFoundError):  # gone since it was listed
            found = (run / "checkpoints").rglob("_CHECKPOINT_METADATA")
            return any(".orbax" not in str(path) and path.stat().st_mtime_ns > since for path in found)
        return False

    return kept


def _again(path: Path) -> Callable[[], bool]:
    """Tells whether a session trains, by a record of progress that was written since now."""
    before = path.stat().st_mtime_ns if path.exists() else 0
    return lambda: path.stat().st_mtime_ns > before and (read_json(path) or {}).get("state") == "running"


class Interrupting(Silent):
    """Asks the run to stop after its first new steps, as Ctrl-C would, and notes where it began."""

    def __init__(self, calls: int = 1):
        self.begun, self.finished = 0, 0
        self._calls = calls

    def begin(self, plan: Plan, reuse: Reuse) -> None:
        self.finished = len(reuse.kept)

    def resumed(self, item: ProgramPlan, step: int, cells: int) -> None:
        self.begun = step * cells

    def steps(self, item: ProgramPlan, cell_steps: int) -> None:
        self._calls -= 1
        if self._calls == 0:
            os.kill(os.getpid(), signal.SIGINT)


def small_plan(*, seeds: int = 3, arms: tuple[str, ...] = (), **train: object) -> Plan:
    cfg = package.base_config()
    cfg.model = package.choice("mlp", widths=(8,))
    cfg.recipe.norm = package.choice("batch")
    cfg.vary.dropout = (package.choice("spatial", rate=0.3),)
    cfg.vary.target = arms
    cfg.train.update({"steps": 15, "eval_every": 10, "batch_size": 32, "lanes": 2, **train})
    cfg.seeds = seeds
    return make_plan(resolve(cfg), name="small")


@pytest.mark.usefixtures("warm_cache")
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
            begun.append(display.begun)
    # Cell-steps in the checkpoint that each session found, first of 4 lanes, then of 2. A wave's moments: evaluation,
    # 10 steps, evaluation, 5 steps, evaluation; the session that finds the last one goes on to the next wave.
    assert begun == [0, 0, 40, 40, 60, 60, 0, 20, 20, 30]
    assert tables(tmp_path / "parts") == tables(tmp_path / "whole")


def test_a_second_process_in_the_same_directory_is_refused(experiment, tmp_path):
    with locked(tmp_path):
        second = ablate("run", f"--config={experiment}", f"--workdir={tmp_path}")
    assert (second.returncode, second.stdout) == (3, "")
    assert second.stderr.startswith(f"ablate: {tmp_path} is in use by another ablate")
    assert len(second.stderr.splitlines()) == 1


@pytest.mark.usefixtures("warm_cache")
def test_killed_between_the_rows_of_a_wave_it_keeps_the_rows_there_are(tmp_path, monkeypatch):
    plan, saved = small_plan(checkpoint_seconds=0.0), []
    save, write = Checkpoints.save, Store.write
    monkeypatch.setattr(Checkpoints, "save", lambda self, moment, members: saved.append(moment[:2]))
    execute(plan, tmp_path / "whole")
    assert saved == [(0, 1), (10, 1), (10, 2), (15, 2), (15, 3)] * 2  # as often as it was asked to
    monkeypatch.setattr(Checkpoints, "save", save)

    def killed(self: Store, row: dict[str, object]) -> None:
        if len(list(self.cells.glob("*.json"))) == 2:
            raise KeyboardInterrupt
        write(self, row)

    monkeypatch.setattr(Store, "write", killed)
    with pytest.raises(KeyboardInterrupt):
        execute(plan, tmp_path / "parts")
    monkeypatch.setattr(Store, "write", write)
    before = stamps(tmp_path / "parts")
    assert len(before) == 2

    execute(plan, tmp_path / "parts")

    assert tables(tmp_path / "parts") == tables(tmp_path / "whole")
    assert before.items() <= stamps(tmp_path / "parts").items()


@pytest.mark.usefixtures("warm_cache")
def test_what_is_finished_is_used_again_and_what_is_unreadable_is_set_aside(tmp_path):
    plan = small_plan()
    execute(plan, tmp_path)
    wanted, before = tables(tmp_path), stamps(tmp_path)

    contents = ["", "{", '{"cell": "another"}', "[]"]
    first = [plan.cells[k] for k in plan.programs[0].waves[0].members]
    spoilt = {f"{cell.name}.json": content for cell, content in zip(first, contents, strict=True)}
    for name, content in spoilt.items():
        (tmp_path / "cells" / name).write_text(content)
    execute(plan, tmp_path)
    after = stamps(tmp_path)
    assert {name for name in before if before[name] != after[name]} == set(spoilt)
    assert [(tmp_path / "cells" / name).with_suffix(".unreadable").read_text() for name in spoilt] == contents
    assert tables(tmp_path) == wanted  # the four make the wave that they were

    more, display = small_plan(seeds=4, arms=("smooth_labels",)), Interrupting(calls=0)
    execute(more, tmp_path, display=display)
    assert display.finished == len(after) == 6
    assert statuses(tmp_path) == ["done"] * 12
    assert after.items() <= stamps(tmp_path).items()


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


@pytest.mark.usefixtures("warm_cache")
def test_a_program_that_fails_marks_its_cells_and_the_rest_goes_on(tmp_path, monkeypatch):
    (tmp_path / "labels.py").write_text(RAISING)
    (tmp_path / "broken").touch()
    trying = "    cfg.vary.norm, cfg.vary.dropout = (), ()\n    cfg.vary.target = (choice('labels:raising'),)\n"
    trying += "    cfg.vary.gradient = (choice('centralize'),)\n    cfg.train.update(steps=20, eval_every=10)\n"
    (tmp_path / "failing.py").write_text(EXPERIMENT.replace("    return cfg", f"{trying}    return cfg"))
    words = ["run", "--config=failing.py", "--workdir=run"]
    directory = tmp_path / "run"

    first = ablate(*words, folder=tmp_path)  # JAX shouts about the callback when its process ends: not in this one
    assert first.returncode == 1, first.stderr
    assert statuses(directory) == ["done"] * 3 + ["failed"] * 3 + ["done"] * 3
    row = read_json(next((directory / "cells").glob("target-*.json")))
    assert row["metrics"] == row["curves"] == {}
    assert "the disk of labels is broken" in row["error"]["message"]
    assert row["error"]["traceback"].startswith("Traceback")
    assert "broken" in (directory / "report.md").read_text()

    before = stamps(directory)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    assert main(words) == 1  # neither forgotten nor tried again without being asked
    assert stamps(directory) == before

    (tmp_path / "broken").unlink()
    assert main([*words, "--retry-failed"]) == 0
    assert statuses(directory) == ["done"] * 9
    assert not (directory / "checkpoints").exists()
    kept = {name: stamp for name, stamp in before.items() if not name.startswith("target-")}
    assert kept.items() <= stamps(directory).items()


def test_a_directory_that_cannot_be_written_to_is_one_line(experiment, tmp_path):
    (tmp_path / "locked").mkdir(mode=0o555)
    done = ablate("run", f"--config={experiment}", f"--workdir={tmp_path / 'locked' / 'run'}", obedient=True)
    assert (done.returncode, done.stdout) == (2, "")
    (line,) = done.stderr.splitlines()
    assert (
        line
        == f"ablate: no folder can be made (Permission denied); give another --workdir: {tmp_path / 'locked' / 'run'}"
    )
