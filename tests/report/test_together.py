"""Two processes draw what one draws, and whatever happens to the second one, everything is drawn."""

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


def drawn(plots, monkeypatch, command):
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
    monkeypatch.setattr(together, "_start", lambda: subprocess.Popen([sys.executable, *command], **pipes))
    with together.drawing() as draw:
        return list(draw(plots))


def test_two_processes_give_the_bytes_of_one(plots, alone, monkeypatch):
    here = []
    monkeypatch.setattr(together, "files_of", lambda plot: here.append(plot.name) or figure_files(plot))
    assert drawn(plots, monkeypatch, ["-m", together.__name__]) == alone
    assert here == [plots[0].name, plots[2].name]


@pytest.mark.parametrize(
    "broken",
    ["raise SystemExit(3)", "print('no pickle')", "import sys; sys.stdin.read()", "import pickle, sys; "
     "sys.stdin.buffer.read(); sys.stdout.buffer.write(pickle.dumps([]))"],
    ids=["dies", "babbles", "says nothing", "forgets"],
)  # fmt: skip
def test_a_process_that_fails_is_done_without(plots, alone, monkeypatch, broken):
    assert drawn(plots, monkeypatch, ["-c", broken]) == alone


def test_a_process_that_cannot_start_is_done_without(plots, alone, monkeypatch):
    monkeypatch.setattr(together, "_start", lambda: None)
    with together.drawing() as draw:
        assert draw is together.in_turn
    monkeypatch.undo()

    def refuses(*arguments, **options):
        raise OSError(12, "no memory")

    monkeypatch.setattr(subprocess, "Popen", refuses)
    assert together._start() is None
