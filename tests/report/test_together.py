"""Several processes draw what one draws, and whatever happens to the helpers, everything is drawn."""

import os
import subprocess
import sys

import pytest

from ablate.report.document import compose
from ablate.report.plots import together
from ablate.report.plots.figure import figure_files
from ablate.report.tables import tabulate
from tests.report import synthetic


@pytest.fixture(scope="module")
def plots():
    made = synthetic.finished()
    return [plot for section in compose(tabulate(made.study, made.rows)).sections for plot in section.plots][:3]


@pytest.fixture(scope="module")
def alone(plots):
    return [file for plot in plots for file in figure_files(plot)]


def helped_by(monkeypatch, command, helpers=2):
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
    monkeypatch.setattr(together, "_start", lambda: subprocess.Popen([sys.executable, *command], **pipes))
    monkeypatch.setattr(os, "cpu_count", lambda: helpers + 1)
    return together.drawing()


def drawn(plots, monkeypatch, command):
    with helped_by(monkeypatch, command) as draw:
        return [list(draw(plots)) for _ in range(2)]


def test_several_processes_give_the_bytes_of_one_again_and_again(plots, alone, monkeypatch):
    assert drawn(plots, monkeypatch, ["-m", together.__name__]) == [alone, alone]


def test_helpers_draw_before_anybody_wants_the_files(plots, alone, monkeypatch):
    monkeypatch.setattr(together, "_all", lambda *begun: begun)
    with helped_by(monkeypatch, ["-m", together.__name__], helpers=1) as draw:
        _, waiting, drawn, (thread,) = draw(plots)
        thread.join(60)
    assert [file for k in range(3) for file in drawn[k]] == alone
    assert not waiting


def test_who_draws_already_goes_on():
    with together.drawing(together.in_turn) as draw:
        assert draw is together.in_turn


@pytest.mark.parametrize(
    "broken",
    ["raise SystemExit(3)", "print('no pickle')", "import sys; sys.stdin.read()", "import pickle, sys; "
     "pickle.load(sys.stdin.buffer); sys.stdout.buffer.write(pickle.dumps([]))"],
    ids=["dies", "babbles", "says nothing", "forgets"],
)  # fmt: skip
def test_a_process_that_fails_is_done_without(plots, alone, monkeypatch, broken):
    monkeypatch.setattr(together, "PATIENCE", 1.0)
    assert drawn(plots, monkeypatch, ["-c", broken]) == [alone, alone]


def test_a_process_that_cannot_start_is_done_without(plots, alone, monkeypatch):
    monkeypatch.setattr(together, "_start", lambda: None)
    with together.drawing() as draw:
        assert draw is together.in_turn
    monkeypatch.undo()

    def refuses(*arguments, **options):
        raise OSError(12, "no memory")

    monkeypatch.setattr(subprocess, "Popen", refuses)
    assert together._start() is None
