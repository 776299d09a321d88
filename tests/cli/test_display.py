"""What a person sees of a run: a live bar on a terminal, plain lines elsewhere, no colour where none is wanted."""

import dataclasses
import io
import re

import pytest
from rich.console import Console

from ablate.cli.display import LINE_SECONDS, Lines, Live, Pace, display_for
from ablate.runner.estimate import work_of_step
from ablate.runner.plan import make_plan
from ablate.runner.reuse import NEW, Reuse

from ..study.studies import study_of


@pytest.fixture(scope="module")
def plan():
    vary = {"norm": "layer", "clip": "value"}
    return make_plan(study_of(vary, seeds=2, model__widths=(8,), train__steps=100), name="shown")


def row(cell, value, status="done"):
    return {"cell": cell.name, "arm": cell.arm.name, "status": status, "metrics": {"val_accuracy": value}}


def found(plan, kept=1, **reasons):
    cells = list(plan.cells)
    rows = {cell.name: row(cell, 0.5) for cell in cells[:kept]}
    return Reuse(rows, reasons or {NEW: tuple(cells[kept:])})


@pytest.fixture
def clock(monkeypatch):
    """Every look at the time is 7 s after the one before."""
    times = iter(range(0, 10_000, 7))
    monkeypatch.setattr("ablate.cli.display.time.monotonic", lambda: next(times))


def shown(display_class, plan, reuse=None, **console):
    stream = io.StringIO()
    display = display_class(Console(file=stream, **{"width": 80, **console}))
    display.begin(plan, reuse or found(plan))
    display.program(plan.programs[0], 3)
    for _ in range(3):
        display.steps(plan.programs[0], 50)
    display.ended(row(plan.cells[1], 0.9))
    display.steps(plan.programs[0], 50)
    display.end()
    return stream.getvalue()


def test_plain_lines(plan, clock):
    lines = shown(Lines, plan).splitlines()
    assert lines[:3] == [
        "6 cells (3 arms, 2 seeds) in 2 programs",
        "1 stored, used again; 5 to train: 5 new",
        "program 1 of 2: 3 cells of baseline, clip=value; scan, 4 lanes",
    ]
    assert re.fullmatch(
        r"(\d+) %, 1 of 6 cells, about \d+ (s|min) left; best validation accuracy: baseline 50.00 % \(1 of 2 seeds\)",
        lines[-2],
    )
    assert lines[-1].endswith("2 of 6 cells, about 2 min left; best validation accuracy: baseline 70.00 %")
    assert LINE_SECONDS == 10.0


def test_the_time_left_counts_work_and_leaves_compiling_out(plan, monkeypatch):
    first, second = plan.programs
    work = [work_of_step(item) for item in plan.programs]
    assert work[0] != work[1]
    now = [0.0]
    monkeypatch.setattr("ablate.cli.display.time.monotonic", lambda: now[0])
    pace = Pace()
    pace.begin(plan, Reuse({}, {}))
    pace.program()
    now[0] += 1000.0  # compiling, and the first steps
    pace.steps(first, 40)
    assert pace.left() == ""
    for _ in range(6):
        now[0] += 0.5
        pace.steps(first, 40)
    cells = [len(item.program.lanes) for item in plan.programs]
    rest = (100 * cells[0] - 280) * work[0] + 100 * cells[1] * work[1]
    seconds = rest / (240 * work[0] / 3.0)
    assert pace.left() == f"about {seconds:.0f} s left"
    now[0] += 1000.0
    pace.program()
    now[0] += 1000.0
    pace.steps(second, 100)
    assert int(pace.left().split()[1]) < seconds


def test_what_a_checkpoint_spares_is_done_and_in_no_rate(plan, monkeypatch):
    monkeypatch.setattr("ablate.cli.display.time.monotonic", lambda: 0.0)
    pace = Pace()
    pace.begin(plan, Reuse({}, {}))
    pace.program()
    pace.restored(plan.programs[0], 200)
    assert pace.share == pytest.approx(200 * work_of_step(plan.programs[0]) / pace.total)
    assert pace.left() == ""


def test_why_stored_rows_are_not_used_is_said(plan):
    cells = plan.cells
    lines = shown(Lines, plan, found(plan, 1, **{"train.steps was 50": cells[1:4], NEW: cells[4:]})).splitlines()
    assert lines[1] == (
        f"1 stored, used again; 5 to train: 3 of baseline, {cells[2].arm.name} because train.steps was 50; 2 new"
    )
    lines = shown(Lines, plan, found(plan, 0, **{"the code of norm=layer changed": cells})).splitlines()
    assert lines[1].startswith("nothing stored can be used again: 6 of baseline, ")
    assert shown(Lines, plan, found(plan, 0)).splitlines()[1].startswith("program 1 of 2")
    failed = Reuse({cells[0].name: row(cells[0], None, "failed")}, {})
    assert "1 of those stored failed and stay so; --retry-failed trains them again" in shown(Lines, plan, failed)


def test_names_of_arms_are_no_markup(plan):
    only = dataclasses.replace(plan.programs[1].program)
    arm = dataclasses.replace(only.lanes[0].cell.arm, name="[bold]a[/bold] [/]")
    lanes = [dataclasses.replace(lane, cell=dataclasses.replace(lane.cell, arm=arm)) for lane in only.lanes]
    item = dataclasses.replace(plan.programs[1], program=dataclasses.replace(only, lanes=tuple(lanes)))
    for display_class in (Lines, Live):
        stream = io.StringIO()
        display = display_class(Console(file=stream, width=200, force_terminal=display_class is Live))
        display.begin(plan, found(plan, 0, **{"x": tuple(lane.cell for lane in lanes)}))
        display.program(item, 2)
        display.ended({**row(lanes[0].cell, 0.9), "arm": arm.name})
        display.steps(item, 1)
        display.end()
        assert "[bold]a[/bold] [/]" in stream.getvalue()


def test_the_bar_fits_eighty_columns(plan, clock):
    text = shown(Live, plan, force_terminal=True)
    lines = [re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", line).rstrip() for line in re.split("[\r\n]", text)]
    assert max(map(len, lines)) <= 80
    bars = [line for line in lines if "━" in line]
    assert bars
    assert re.fullmatch(r"program 1 of 2 ━+[╸╺]?━* \d+ % 2 of 6 cells about \d+ s left", bars[-1])
    assert "  baseline 70.00 %" in lines
    assert "best validation accuracy so far" in lines


def test_the_bar_moves(plan):
    live = Live(Console(file=io.StringIO(), width=120, force_terminal=True))
    live.begin(plan, found(plan))
    live.program(plan.programs[0], 3)
    (task,) = live._progress.tasks
    before = task.completed
    live.steps(plan.programs[0], 100)
    work = [work_of_step(item) * 100 * len(item.program.lanes) for item in plan.programs]
    assert task.completed - before == pytest.approx(work_of_step(plan.programs[0]) * 100 / sum(work))
    live.end()


def test_the_kind_of_display():
    assert isinstance(display_for(Console(file=io.StringIO())), Lines)
    assert isinstance(display_for(Console(file=io.StringIO(), force_terminal=True)), Live)


def test_no_colour_where_none_is_wanted(plan, monkeypatch):
    monkeypatch.setenv("NO_COLOR", "1")
    stream = io.StringIO()
    live = Live(Console(file=stream, width=120, force_terminal=True))
    live.begin(plan, found(plan, 0))
    live.end()
    assert "\x1b[3" not in stream.getvalue()
    assert "\x1b[9" not in stream.getvalue()
