"""The page about parts of one's own: its pieces are one file that runs, from the command line and from Python."""

import importlib
import re
import sys

import numpy as np
import pytest

import ablate as package
from tests.shell import ROOT, ablate, jax_as_it_was

PAGE = (ROOT / "experiments" / "your_own.md").read_text(encoding="utf-8")
SHORT = ("--config.train.steps=20", "--config.train.eval_every=10", "--config.seeds=2")


@pytest.fixture
def folder(tmp_path, monkeypatch):
    (tmp_path / "games.py").write_text("\n\n".join(re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)))
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    yield tmp_path
    sys.modules.pop("games", None)


def test_the_experiment_of_the_page_runs(folder):
    done = ablate("run", "--config=games.py", *SHORT, folder=folder)
    assert done.returncode == 0, done.stderr
    report = (folder / "results" / "games" / "report.md").read_text()
    assert "Does a robust loss help where some results are noted the wrong way round" in report
    assert "loss=games:robust(power=0.7)" in report


def test_the_task_of_the_page_learns_who_is_strong(folder):
    cfg = importlib.import_module("games").strengths()
    cfg.seeds, cfg.train.keep_weights = 2, True
    with jax_as_it_was():
        rows = package.run(cfg, folder / "run")
    assert {row["status"] for row in rows} == {"done"}
    strength = np.asarray(rows.variables("baseline", 0)["params"]["strength"])
    assert np.corrcoef(strength, np.arange(len(strength)))[0, 1] > 0.9
    assert rows[0]["metrics"]["test_log_loss"] < np.log(2)


def test_what_the_page_links_to_is_there():
    for name in re.findall(r"\]\(([^)]+)\)", PAGE):
        assert (ROOT / "experiments" / name).exists(), name
