"""What commands print of many arms: the first of them, and how many more."""

import io
import pathlib

from rich.console import Console

from ablate.cli import printing
from ablate.report.rows import Rows
from ablate.report.sections.answers import answers
from ablate.report.tables import tabulate
from tests.report import synthetic


def many(arms):
    named = {f"arm-{k}": ({"optimizer": {"name": "sgd"}}, 0.0) for k in range(arms)}
    return synthetic.make(arms={"baseline": ({}, 0.0)} | named, seeds=3)


def printed_answers(capsys, arms):
    made = many(arms)
    rows = Rows(pathlib.Path("run"), made.study, tuple(made.rows), {}, None)
    printing.say_results(rows, pathlib.Path("run"))
    return capsys.readouterr().out.splitlines(), answers(tabulate(made.study, made.rows))


def test_as_many_answers_as_fit_are_all_printed(capsys):
    lines, all_answers = printed_answers(capsys, printing.SHOWN)
    assert lines[1:-1] == [f"  {answer.arm}: {answer.text}" for answer in all_answers]


def test_of_more_the_first_are_printed_and_the_others_counted(capsys):
    lines, all_answers = printed_answers(capsys, 50)
    assert lines[1 : printing.SHOWN] == [f"  {a.arm}: {a.text}" for a in all_answers[: printing.SHOWN - 1]]
    assert lines[printing.SHOWN] == f"  and {50 - printing.SHOWN + 1} more"
    assert len(lines) == printing.SHOWN + 2
    assert "report.md" in lines[-1]


def test_a_plan_of_many_arms_is_a_screen(monkeypatch):
    study, out = many(200).study, io.StringIO()
    monkeypatch.setattr(printing, "console", lambda: Console(file=out, width=160))
    study = {**study, "tuning_cells": 0}
    study["programs"] = [
        program | {"waves": 1, "strategy": "scan", "why": "x", "parameters": 9} for program in study["programs"]
    ]
    cost = {"programs": {program["id"]: 1.0 for program in study["programs"]}, "seconds": 1.0, "bytes": 1}
    printing.print_plan({**study, "estimate": cost}, "2 cpu devices", [])
    arms = sum(len(program["arms"]) for program in study["programs"])
    assert f"and {arms - printing.SHOWN + 1} more" in out.getvalue()
    assert len(out.getvalue().splitlines()) < printing.SHOWN + 10
