"""`ablate variance` as a person runs it: table, files, errors in one line, killed and called again."""

import csv
import json
import os
import shutil
import signal
from pathlib import Path

import pytest

from ablate.cli.main import main
from ablate.report.variance import ALL, analyse, as_json, contents
from ablate.results.files import read_json
from tests.shell import ablate as shell
from tests.shell import ended, running, said, send, training, wait_until

EXPERIMENT = """
from ablate import base_config, choice


def get_config():
    cfg = base_config()
    cfg.model = choice("mlp", widths=(8,))
    cfg.recipe.optimizer = choice("momentum", learning_rate=0.1)
    cfg.recipe.dropout = choice("dropout", rate=0.3)
    cfg.vary.norm = (choice("batch"),)
    cfg.train.update(steps=60, eval_every=30, batch_size=32)
    return cfg
"""
SOURCES = ["all", "initial weights", "batch order", "dropout", "the train/validation split"]
FILES = ("variance.md", "variance.csv", "variance.json", "figures/variance.png", "figures/variance.svg")


@pytest.fixture(scope="module")
def experiment(tmp_path_factory):
    path = tmp_path_factory.mktemp("experiment") / "small.py"
    path.write_text(EXPERIMENT)
    return path


@pytest.fixture(scope="module")
def finished(experiment):
    """The directory of a run with three seeds."""
    directory = experiment.parent / "finished"
    assert main(["variance", f"--config={experiment}", "--seeds=3", f"--workdir={directory}"]) == 0
    return directory


def test_help_lists_it(ablate):
    assert "variance" in ablate("--help")[1]


def test_a_table_and_files(ablate, finished, experiment):
    code, out, _ = ablate("variance", f"--config={experiment}", "--seeds=3", f"--workdir={finished}")
    assert code == 0
    assert all(source in out for source in SOURCES)
    assert "of the variance" in out
    assert "assurance" in out
    for name in FILES:
        assert (finished / name).stat().st_size > 0
    with open(finished / "variance.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["source"] for row in rows] == SOURCES
    assert all(int(row["n"]) == 3 and float(row["sd_low"]) < float(row["sd"]) < float(row["sd_high"]) for row in rows)
    assert all(float(row["share_low"]) < float(row["share"]) < float(row["share_high"]) for row in rows[1:])


def test_json_is_the_file(ablate, finished, experiment):
    words = ("variance", f"--config={experiment}", "--seeds=3", f"--workdir={finished}", "--json")
    code, out, _ = ablate(*words)
    assert code == 0
    assert json.loads(out) == read_json(finished / "variance.json")
    source = json.loads(out)["sources"][1]
    assert source["spread"]["low"] < source["spread"]["sd"] < source["spread"]["high"]
    assert source["share"]["low"] < source["share"]["share"] < json.loads(out)["sum"]["high"]
    needs = json.loads(out)["seeds_needed"]["for"]
    assert [need["in_sd"] for need in needs] == pytest.approx([0.5, 1, 2])  # no margin is declared
    assert all(need["plug_in"] < need["assured"] for need in needs)


def test_reports_are_written_again_from_the_rows(ablate, finished, tmp_path):
    before = {name: (finished / name).read_bytes() for name in FILES}
    for name in FILES:
        (finished / name).unlink()
    code, out, _ = ablate("report", finished)
    assert code == 0
    assert "of the variance" in out
    assert {name: (finished / name).read_bytes() for name in FILES} == before
    assert not (finished / "report.md").exists()
    shutil.copytree(finished, tmp_path / "another")
    code, _, err = ablate("report", finished, tmp_path / "another")
    assert code == 2
    assert "no arms to compare" in err


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (["--seeds=2"], "--seeds: expected 3"),
        (["--config.train.stepz=2"], "stepz"),
        (["--config.recipe.norm.name=nothing"], "nothing"),
    ],
)
def test_a_problem_is_one_line(ablate, experiment, tmp_path, words, problem):
    code, out, err = ablate("variance", f"--config={experiment}", f"--workdir={tmp_path}", *words)
    assert (code, out) == (2, "")
    (line,) = said(err)
    assert problem in line


def test_a_directory_with_another_study_is_left_alone(ablate, experiment, finished, tmp_path):
    assert ablate("run", f"--config={experiment}", f"--workdir={tmp_path}")[0] == 0
    before = (tmp_path / "study.json").read_bytes()
    code, _, err = ablate("variance", f"--config={experiment}", f"--workdir={tmp_path}")
    assert code == 2
    assert said(err) == [f"ablate: --workdir: {tmp_path} holds another study; give another directory"]
    assert (tmp_path / "study.json").read_bytes() == before
    again = ("variance", f"--config={experiment}", "--config.train.steps=6", "--seeds=3", f"--workdir={finished}")
    code, _, err = ablate(*again)
    assert code == 2
    assert "another recipe" in err


def test_a_folder_that_cannot_be_written_to(experiment, tmp_path):
    folder = tmp_path / "locked"
    folder.mkdir()
    os.chmod(folder, 0o555)
    words = ("variance", f"--config={experiment}", "--seeds=3", f"--workdir={folder / 'run'}")
    done = shell(*words, obedient=True)
    assert done.returncode == 2
    assert done.stderr.splitlines() == [
        f"ablate: no folder can be made (Permission denied); give another --workdir: {folder / 'run'}"
    ]


def test_interrupted_and_killed_it_goes_on(experiment, tmp_path):
    run = tmp_path / "run"
    words = ("variance", f"--config={experiment}", "--seeds=3", f"--workdir={run}", "--config.train.steps=20000",
             "--config.train.checkpoint_seconds=0.2")  # fmt: skip
    for number in (signal.SIGINT, signal.SIGKILL):
        with running(*words) as process:
            wait_until(lambda: training(run), process)
            send(process, number)
            code, errors = ended(process)
        assert code == (75 if number == signal.SIGINT else -number)
        if number == signal.SIGINT:
            assert errors.splitlines()[-1].endswith(f"interrupted; the same command continues what is in {run}")
            assert "Traceback" not in errors


def test_runs_that_fail_are_left_out_and_counted(finished):
    study = read_json(finished / "study.json")
    rows = [read_json(Path(finished) / "cells" / f"{cell['cell']}.json") for cell in study["cells"]]
    for row, status in zip(rows[:3], ("diverged", "failed", "done"), strict=True):
        row["status"] = status
        if status != "done":
            row["metrics"] = dict.fromkeys(row["metrics"])
    order = [row for row in rows if row["arm"] == "batch order"]
    order[0]["status"], order[0]["metrics"] = "diverged", dict.fromkeys(order[0]["metrics"])
    variance = analyse(study, rows[:-1])
    whole = variance.whole
    assert (whole.source, whole.diverged, whole.failed, whole.spread) == (ALL, 1, 1, None)
    assert (variance.total, variance.needs) == (None, ())
    assert variance.sources[-1].pending == 1
    assert json.loads(as_json(variance))["sources"][0]["spread"] is None
    files = dict(contents(study, rows[:-1]))
    assert "1 diverged, 1 failed" in files["variance.md"]
    assert "Fewer than 3 runs" in files["variance.md"]
    assert "figures/variance.png" not in files


def test_predictions_are_those_of_studies(ablate, finished):
    code, _, err = ablate("predict", finished, "--arm=all")
    assert code == 2
    assert "ablate variance" in err
