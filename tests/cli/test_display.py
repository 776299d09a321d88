"""What a person sees of a run: a live bar on a terminal, plain lines elsewhere, no colour where none is wanted."""

import dataclasses
import io

import pytest
from rich.console import Console

from ablate.cli.display import LINE_SECONDS, Lines, Live, display_for
from ablate.runner.plan import make_plan

from ..study.studies import study_of


@pytest.fixture(scope="module")
def plan():
    vary = {"norm": "layer", "clip": "value"}
    return make_plan(study_of(vary, seeds=2, model__widths=(8,), train__steps=100), name="shown")


def shown(display_class, plan, monkeypatch, **console):
    clock = iter(range(0, 10_000, 7))
    monkeypatch.setattr("ablate.cli.display.time.monotonic", lambda: next(clock))
    stream = io.StringIO()
    display = display_class(Console(file=stream, width=100, **console))
    display.begin(plan, 1)
    display.program(plan.programs[0], 3)
    for _ in range(4):
        display.steps(100)
    display.end()
    return stream.getvalue()


def test_plain_lines(plan, monkeypatch):
    lines = shown(Lines, plan, monkeypatch).splitlines()
    program = plan.programs[0].program.id
    assert lines[0] == "6 cells, 1 already finished, 2 programs"
    assert lines[1] == f"program {program}: 3 cells of 2 arms, scan, 4 lanes"
    assert lines[2] == "50 % of all cell-steps, about 21 s left"  # 300 of 600 left, and 200 took 14 s
    assert len(lines) == 4
    assert LINE_SECONDS == 10.0


def test_names_of_arms_are_no_markup(plan, monkeypatch):
    only = dataclasses.replace(plan.programs[1].program)
    arm = dataclasses.replace(only.lanes[0].cell.arm, name="[bold]a[/bold] [/]")
    lanes = [dataclasses.replace(lane, cell=dataclasses.replace(lane.cell, arm=arm)) for lane in only.lanes]
    item = dataclasses.replace(plan.programs[1], program=dataclasses.replace(only, lanes=tuple(lanes)))
    for display_class in (Lines, Live):
        stream = io.StringIO()
        display = display_class(Console(file=stream, width=200, force_terminal=display_class is Live))
        display.begin(plan, 0)
        display.program(item, 2)
        display.end()
        assert "2 cells of [bold]a[/bold] [/]" in stream.getvalue()


def test_the_bar_moves(plan, monkeypatch):
    stream = io.StringIO()
    live = Live(Console(file=stream, width=120, force_terminal=True))
    live.begin(plan, 1)
    live.program(plan.programs[0], 3)
    live.steps(200)
    (task,) = live._progress.tasks
    assert (task.completed, task.total) == (300, 600)
    live.end()
    assert "cell-steps" in stream.getvalue()


def test_the_kind_of_display():
    assert isinstance(display_for(Console(file=io.StringIO())), Lines)
    assert isinstance(display_for(Console(file=io.StringIO(), force_terminal=True)), Live)


def test_no_colour_where_none_is_wanted(plan, monkeypatch):
    monkeypatch.setenv("NO_COLOR", "1")
    stream = io.StringIO()
    live = Live(Console(file=stream, width=120, force_terminal=True))
    live.begin(plan, 0)
    live.end()
    assert "\x1b[3" not in stream.getvalue()
    assert "\x1b[9" not in stream.getvalue()
