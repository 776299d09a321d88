"""Several processes draw what one draws, and whatever happens to the helpers, everything is drawn."""

import contextlib
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from ablate.report.document import compose
from ablate.report.plots import together
from ablate.report.plots.figure import figure_files
from ablate.report.tables import tabulate
from tests.report import synthetic

START = together._start  # before the tests put another in its place


@pytest.fixture(scope="module")
def plots():
    made = synthetic.finished()
    return [plot for section in compose(tabulate(made.study, made.rows)).sections for plot in section.plots][:3]


@pytest.fixture(scope="module")
def alone(plots):
    return [file for plot in plots for file in figure_files(plot)]


def helped_by(monkeypatch, command):
    options = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
    options["start_new_session"] = True  # by which its copies are found in the end
    monkeypatch.setattr(together, "_start", lambda: subprocess.Popen([sys.executable, *command], **options))
    monkeypatch.setattr(os, "cpu_count", lambda: 2)
    return together.drawing()


def drawn(plots, monkeypatch, command):
    with helped_by(monkeypatch, command) as draw:
        return [list(draw(plots)) for _ in range(2)]


def test_several_processes_give_the_bytes_of_one_again_and_again(plots, alone, monkeypatch):
    assert drawn(plots, monkeypatch, ["-m", together.__name__]) == [alone, alone]


def test_helpers_draw_before_anybody_wants_the_files(plots, alone, monkeypatch):
    monkeypatch.setattr(together, "_all", lambda *begun: begun)
    with helped_by(monkeypatch, ["-m", together.__name__]) as draw:
        _, _, drawn = draw(plots)
        assert [file for _ in plots for file in drawn.get(timeout=60)] == alone


def test_nothing_is_drawn_twice_and_nothing_here(plots, alone, monkeypatch):
    monkeypatch.setattr(together, "files_of", None)  # what is drawn here is called by this name
    assert drawn(plots, monkeypatch, ["-m", together.__name__]) == [alone, alone]


def alive_in(group):
    """The processes of a group that have not ended."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            state, _, of = stat.read_text().rpartition(")")[2].split()[:3]
            found += [stat.parent.name] if int(of) == group and state != "Z" else []
    return found


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="reads /proc")
def test_no_process_is_left(plots, alone, monkeypatch):
    copies = min(together.MOST_COPIES, os.cpu_count())
    monkeypatch.setattr(os, "cpu_count", lambda: 2)
    helper = START()
    monkeypatch.setattr(together, "_start", lambda: helper)
    with together.drawing() as draw:
        assert list(draw(plots)) == alone
        assert len(alive_in(helper.pid)) == 1 + copies
    until = time.monotonic() + 10
    while alive_in(helper.pid) and time.monotonic() < until:
        time.sleep(0.05)
    assert alive_in(helper.pid) == []


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

    def refuses(*arguments, **options):
        raise OSError(12, "no memory")

    monkeypatch.setattr(subprocess, "Popen", refuses)
    assert START() is None
