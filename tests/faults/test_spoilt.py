"""Files that were damaged, replaced or deleted: commands end in one line or go on, and a run ends with its tables."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.faults.calls import Killed, Watch, watched
from tests.faults.study import CELLS, Faulty, first_of, is_one_line
from tests.shell import statuses

pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")


def halve(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def garble(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[::7] = bytes((byte * 31 + 5) % 256 for byte in content[::7])
    path.write_bytes(content)


def put_a_folder(path: Path) -> None:
    path.unlink()
    (path / "inside").mkdir(parents=True)


def put_a_dangling_link(path: Path) -> None:
    path.unlink()
    path.symlink_to(path.parent / "nowhere")


SPOILS: dict[str, Callable[[Path], object]] = {
    "empty": lambda path: path.write_bytes(b""),
    "half": halve,
    "garbled": garble,
    "a number": lambda path: path.write_text("7"),
    "a list": lambda path: path.write_text("[]"),
    "an object": lambda path: path.write_text("{}"),
    "null": lambda path: path.write_text("null"),
    "deep": lambda path: path.write_text("[" * 100_000),
    "other keys": lambda path: path.write_text('{"arms": 3, "differs": 1, "cell": [], "cells": 0}'),
    "deleted": Path.unlink,
    "a folder": put_a_folder,
    "a dangling link": put_a_dangling_link,
}
ROUGH = ("garbled", "deleted", "a folder", "a dangling link")  # for files that nobody reads as JSON
RECORDS = ["study.json", "environment.json", "progress.json", "looks.json", ".reported", "cells/*"]
OTHERS = [".lock", "report.md", "cells.csv", "report.html", "figures/*", "weights/*"]


def asked_and_run(study: Faulty) -> int:
    """What every command says of a directory; gives the code of a run."""
    is_one_line(study.call("status", study.directory), codes=(0, 2))
    is_one_line(study.call("report", study.directory), codes=(0, 2))
    outcome = study.run()
    is_one_line(outcome, codes=(0, 2))
    return outcome.code


@pytest.mark.parametrize(
    ("kind", "spoil"),
    [(kind, spoil) for kind in RECORDS for spoil in SPOILS] + [(kind, spoil) for kind in OTHERS for spoil in ROUGH],
)
def test_a_finished_run_with_a_spoilt_file_has_the_same_tables_again(study, undisturbed, kind, spoil):
    shutil.copytree(undisturbed, study.directory)
    path = first_of(study.directory, kind)
    SPOILS[spoil](path)
    code = asked_and_run(study)
    if code:
        assert spoil == "a folder"
        shutil.rmtree(path)
        assert study.run().code == 0
    assert statuses(study.directory) == ["done"] * CELLS
    study.has_its_tables()


@pytest.fixture(scope="module")
def stopped(tmp_path_factory, undisturbed) -> Path:
    """A run that was killed between the two rows of its first wave."""
    study, times = Faulty(tmp_path_factory.mktemp("stopped"), undisturbed), iter([None, Killed()])

    def at(call):
        return next(times) if call == ("rename", "cells/*.part") else None

    with watched(Watch(study.directory, at)):
        assert study.run().code is None
    return study.directory


CHECKPOINT = ["_CHECKPOINT_METADATA", "default/_METADATA", "default/manifest.ocdbt", "*"]  # arrays
KEPT = ["study.json", "environment.json", "cells/*", "checkpoints/PROGRAM.json"]


@pytest.mark.parametrize(
    ("kind", "spoil"),
    [(kind, spoil) for kind in KEPT for spoil in SPOILS]
    + [(f"checkpoints/WAVE/STEP/{name}", spoil) for name in CHECKPOINT for spoil in (*ROUGH, "a number", "deep")],
)
def test_a_stopped_run_with_a_spoilt_file_ends_with_the_tables_of_one_that_never_was(study, stopped, kind, spoil):
    shutil.copytree(stopped, study.directory)
    path = first_of(study.directory, kind)
    SPOILS[spoil](path)
    if asked_and_run(study):
        assert spoil == "a folder"
        shutil.rmtree(path)
        assert study.run().code == 0
    assert statuses(study.directory) == ["done"] * CELLS
    study.has_its_tables()
    assert not (study.directory / "checkpoints").exists()
