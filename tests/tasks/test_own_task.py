"""A task of a user's own, by import path, through the command line; and what a class lacks of a task."""

import csv
import json

import pytest

from ablate import base_config
from ablate.study import ConfigError
from ablate.study.resolving import resolve
from ablate.tasks import TASKS, axes_of, lacks
from tests.shell import ROOT, ablate

SHORT = ("--config.train.steps=6", "--config.train.eval_every=3", "--config.seeds=2", "--config.task.width=8")


def test_a_task_in_a_file_of_its_own_runs_from_the_command_line(tmp_path):
    config = ROOT / "experiments" / "own_task.py"
    done = ablate("run", f"--config={config}", f"--workdir={tmp_path / 'run'}", *SHORT, folder=tmp_path)
    assert done.returncode == 0, done.stderr
    study = json.loads((tmp_path / "run" / "study.json").read_text())
    assert (study["task"], study["watch"], study["curves"]) == ("own_task:CharacterModel", "bits", ["train_bits"])
    assert [axis for axis in study["arms"][0]["recipe"]] == [
        "clip", "decay", "optimizer", "schedule", "average", "stop", "data", "train",
    ]  # fmt: skip
    with open(tmp_path / "run" / "cells.csv", newline="") as file:
        cells = list(csv.DictReader(file))
    assert {cell["status"] for cell in cells} == {"done"}
    assert all(0 < float(cell["test_bits"]) < 10 for cell in cells)
    refused = ablate("predict", tmp_path / "run", "--arm=baseline", folder=tmp_path)
    assert (refused.returncode, refused.stderr.count("\n")) == (2, 1)
    assert "train.keep_weights = True" in refused.stderr
    kept = (*SHORT, "--config.train.keep_weights=True")
    done = ablate("run", f"--config={config}", f"--workdir={tmp_path / 'run'}", *kept, folder=tmp_path)
    assert done.returncode == 0, done.stderr
    done = ablate("predict", tmp_path / "run", "--arm=baseline", "--out=-", folder=tmp_path)
    assert done.stdout.splitlines()[0].startswith("index,"), done.stderr
    assert "accuracy" not in (tmp_path / "run" / "report.md").read_text()


@pytest.mark.parametrize(
    ("task", "words"),
    [
        ("clasification", "task.name: unknown choice 'clasification'; did you mean 'classification'?"),
        ("nowhere:Task", "task.name: cannot import 'nowhere:Task'"),
        ("ablate.tricks:Relu", "task: 'ablate.tricks:Relu' is no task: it lacks "),
    ],
)
def test_what_is_no_task_is_refused_in_one_line(task, words):
    cfg = base_config()
    cfg.task = task
    with pytest.raises(ConfigError) as refused:
        resolve(cfg)
    assert any(problem.startswith(words) for problem in refused.value.problems), refused.value.problems


def test_an_axis_of_another_task_is_refused_by_name():
    cfg = base_config()
    cfg.task = "regression"
    cfg.recipe.target = {"name": "smooth_labels"}
    cfg.vary.target = ("smooth_labels",)
    with pytest.raises(ConfigError) as refused:
        resolve(cfg)
    assert [problem.split(":")[0] for problem in refused.value.problems] == ["recipe.target", "vary.target"]


@pytest.mark.parametrize("name", TASKS)
def test_the_tasks_that_ship_lack_nothing(name):
    assert lacks(TASKS[name]) == []
    assert "optimizer" in axes_of(TASKS[name]), "name the task in SUPERVISED of tricks/axis.py, or in its axes' `tasks`"
