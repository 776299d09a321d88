"""What Python does not see: TensorStore's own writes, and a process that is really gone."""

import contextlib
import resource
import subprocess
import sys

import pytest

from ablate.train.checkpoints import Checkpoints
from tests.shell import ROOT, environment

pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")


@contextlib.contextmanager
def files_of_at_most(size: int):
    """No file may grow beyond a size: the system refuses what is written behind it, whoever writes."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.parametrize("size", [0, 200, 600, 2000])
def test_a_checkpoint_that_does_not_fit_is_one_line_of_the_system_s_words(study, monkeypatch, capfd, size):
    save = Checkpoints.save

    def limited(self, state, members):
        with files_of_at_most(size):
            save(self, state, members)

    with monkeypatch.context() as patch:
        patch.setattr(Checkpoints, "save", limited)
        code, errors = study.run()
    assert code == 2
    *told, problem = errors.splitlines()
    assert problem.startswith(f"ablate: cannot write the checkpoint: File too large: {study.directory}/checkpoints/")
    assert not any("ablate: " in line or "Traceback" in line for line in told)
    assert capfd.readouterr().err == ""  # of threads that are not Python's
    assert study.run().code == 0
    study.is_finished()


# Only the last words of a process: at a call, it is gone.
DYING = """
import os, signal, sys
from pathlib import Path
from ablate.cli.main import main
from tests.faults.calls import Call, Watch, watched

directory, what, place, times, *words = sys.argv[1:]
left = [int(times)]

def dies(call):
    if call == Call(what, place):
        left[0] -= 1
    if left[0] == 0:
        os.kill(os.getpid(), signal.SIGKILL)

with watched(Watch(Path(directory), dies)):
    main(words)
"""


@pytest.mark.parametrize(
    ("what", "place", "times"),
    [
        # TensorStore's threads are at work on the arrays of the second checkpoint.
        ("remove", "checkpoints/WAVE/STEP.orbax-checkpoint-tmp/default.orbax-checkpoint-tmp/_METADATA", 2),
        ("rename", "cells/*.part", 2),
    ],
    ids=["checkpoint", "row"],
)
def test_killed_by_the_system_it_goes_on_from_there(study, what, place, times):
    code = [sys.executable, "-c", DYING, study.directory, what, place, times, *study.words]
    process = subprocess.run(
        [*map(str, code)], cwd=ROOT, env=environment(), capture_output=True, text=True, check=False
    )
    assert process.returncode == -9, process.stderr
    assert "Traceback" not in process.stderr
    assert len([*study.directory.glob("cells/*.json")]) == (what == "rename")
    study.rows_are_whole()
    assert study.run().code == 0
    study.is_finished()
