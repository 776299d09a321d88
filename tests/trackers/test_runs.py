"""What trackers are told of a study, and how the command speaks of them; no tracker is needed."""

import csv
import io
import json
import math
import tomllib
from pathlib import Path

import pytest

from ablate.cli import tracking
from ablate.cli.main import main
from ablate.report.formats.csv_files import cells_csv
from ablate.report.rows import Rows
from ablate.report.tables import tabulate
from ablate.runner.interrupts import Interrupted, Stop
from ablate.study.problems import ConfigError
from ablate.trackers import TRACKERS, missing, sender_of
from ablate.trackers.runs import tracked_runs
from tests.report import synthetic

ROOT = Path(__file__).parents[2]


def rows_of(made):
    return Rows(Path("somewhere"), made.study, tuple(made.rows), made.environment, made.progress)


def test_a_run_holds_the_numbers_of_cells_csv_and_the_recipe():
    made = synthetic.troubled()
    runs = {run.id: run for run in tracked_runs(rows_of(made))}
    lines = {line["cell"]: line for line in csv.DictReader(io.StringIO(cells_csv(tabulate(*made.parts))))}
    assert set(runs) - set(lines) == {next(reversed(runs))}  # the verdicts come last
    assert {cell for cell in lines if cell not in runs} == {
        c for c, line in lines.items() if line["status"] == "pending"
    }
    for cell, line in lines.items():
        run = runs.get(cell)
        for name, text in line.items() if run else ():
            if name in ("cell", "arm", "seed", "status", "program", "strategy") or not text:
                continue
            assert run.summary[name] == pytest.approx(float(text), rel=1e-8)
        if run:
            assert (run.group, run.tags[0]) == (line["arm"], line["status"])
            assert run.failed == (line["status"] != "done")
    group = next(run for run in runs.values() if run.group == "norm=group")
    assert (group.config["norm"], group.config["norm.groups"], group.config["optimizer"]) == ("group", 4, "momentum")


def test_curves_are_a_history_without_holes():
    made = synthetic.troubled()
    runs = {run.id: run for run in tracked_runs(rows_of(made))}
    row = synthetic.rows_of(made, "rmsprop")[0]  # diverged at step 210
    history = runs[row["cell"]].history
    assert [step for step, _ in history] == row["curves"]["step"]
    assert all(math.isfinite(value) for _, values in history for value in values.values())
    assert {"val_accuracy", "learning_rate"} <= set(history[0][1])
    assert set(history[-1][1]) == {"learning_rate"}


def test_verdicts_are_a_table_and_numbers_by_arm():
    made = synthetic.finished()
    *_, verdicts = tracked_runs(rows_of(made))
    tables = tabulate(*made.parts)
    assert len(verdicts.table) == len(made.study["arms"])
    for arm in tables.tricks:
        assert verdicts.summary[f"{arm.arm}/delta"] == arm.contrast.mean
        assert verdicts.config[f"{arm.arm}/verdict"] == arm.verdict
    assert verdicts.group == "verdicts"


def test_a_run_is_called_alike_whenever_it_is_sent_and_apart_by_condition():
    made = synthetic.finished()
    first, second = (list(tracked_runs(rows_of(made))) for _ in range(2))
    assert [(run.id, run.digest) for run in first] == [(run.id, run.digest) for run in second]
    *_, a = tracked_runs(rows_of(made), "data=a")
    *_, b = tracked_runs(rows_of(made), "data=b")
    assert len({a.id, b.id, first[-1].id}) == 3
    assert a.tags == ("verdicts", "data=a")
    made.rows[0]["metrics"]["test_accuracy"] += 0.01
    assert next(iter(tracked_runs(rows_of(made)))).digest != first[0].digest


def test_every_tracker_has_a_sender_and_an_extra():
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    for tracker in TRACKERS:
        assert callable(sender_of(tracker))
        assert extras[tracker][0].startswith(tracker)


def test_without_the_package_one_line_says_which_extra(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert missing("wandb") == "--to=wandb: wandb is not installed; pip install 'ablate-jax[wandb]'"
    made = synthetic.one_seed()
    (tmp_path / "study.json").write_text(json.dumps(made.study))
    assert main(["report", str(tmp_path), "--to=mlflow"]) == 2
    assert capsys.readouterr().err.strip() == "ablate: " + missing("mlflow")
    assert not (tmp_path / "report.md").exists()


def test_what_a_library_raises_is_one_line(monkeypatch):
    def broken(project, runs):
        raise RuntimeError(f"no key for {project}\nand more")

    monkeypatch.setattr(tracking, "sender_of", lambda name: broken)
    with pytest.raises(ConfigError) as caught:
        tracking.send({"": rows_of(synthetic.one_seed())}, "digits", "wandb", Stop())
    assert caught.value.problems == ("--to=wandb: RuntimeError: no key for digits",)


def test_what_was_sent_is_said_and_a_signal_stops_between_two_runs(monkeypatch, capsys):
    sent, stop = [], Stop()

    def record(project, runs):
        for run in runs:
            print("chatter of a library")
            sent.append((project, run.id))
            stop.asked = len(sent) == 20
        return "a place"

    monkeypatch.setattr(tracking, "sender_of", lambda name: record)
    studies = {"": rows_of(synthetic.one_seed())}
    said = tracking.send(studies, "digits: more", "trackio", stop)
    assert said == "sent 13 cells and the verdicts to trackio, project digits-more: a place"
    out, err = capsys.readouterr()
    assert (out, "chatter" in err) == ("", True)
    with pytest.raises(Interrupted):
        tracking.send(studies, "digits", "trackio", stop)
    assert len(sent) == 20


def test_runs_of_one_recipe_have_no_verdicts_to_send():
    made = synthetic.one_seed()
    made.study["design"] = "variance"
    with pytest.raises(ConfigError, match="runs of one recipe, which have no verdicts"):
        tracking.send({"": rows_of(made)}, "digits", "wandb", Stop())
