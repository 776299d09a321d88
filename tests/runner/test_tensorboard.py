"""What is written for TensorBoard; the writer itself belongs to clu and is replaced."""

import sys
import types
from typing import ClassVar

import pytest

import ablate
from ablate.cli.main import main
from ablate.runner.tensorboard import check_installed, write_tensorboard
from ablate.study.problems import ConfigError


class Recorder:
    """Stands for clu's SummaryWriter."""

    made: ClassVar[dict] = {}

    def __init__(self, folder):
        self.scalars, self.hparams, self.closed = [], None, False
        Recorder.made[folder] = self

    def write_hparams(self, hparams):
        self.hparams = hparams

    def write_scalars(self, step, scalars):
        self.scalars.append((step, scalars))

    def flush(self):
        self.flushed = True

    def close(self):
        self.closed = True


@pytest.fixture
def rows(tmp_path):
    cfg = ablate.base_config()
    cfg.model = ablate.choice("mlp", widths=(8,))
    cfg.vary.optimizer = (ablate.choice("sgd", learning_rate=1e30),)
    cfg.seeds = 1
    cfg.train.steps = 10
    cfg.train.eval_every = 5
    return ablate.run(cfg, tmp_path)


def test_every_cell_gets_its_curves_and_hyperparameters(rows, tmp_path, monkeypatch):
    Recorder.made = {}
    module = types.ModuleType("clu.metric_writers")
    module.SummaryWriter = Recorder
    monkeypatch.setitem(sys.modules, "clu.metric_writers", module)
    monkeypatch.setattr("clu.metric_writers", module, raising=False)
    write_tensorboard(rows, tmp_path / "tb")
    assert sorted(Recorder.made) == sorted(str(tmp_path / "tb" / row["cell"]) for row in rows)
    healthy = Recorder.made[str(tmp_path / "tb" / rows[0]["cell"])]
    assert healthy.closed
    assert healthy.hparams["optimizer"] == "sgd"
    assert healthy.hparams["seed"] == 0
    assert [step for step, _ in healthy.scalars] == [0, 5, 10, 10]
    assert healthy.scalars[1][1]["val_accuracy"] == rows[0]["curves"]["val_accuracy"][1]
    assert healthy.scalars[-1][1]["test_accuracy"] == rows[0]["metrics"]["test_accuracy"]
    diverged = Recorder.made[str(tmp_path / "tb" / rows[1]["cell"])]
    assert rows[1]["status"] == "diverged"
    assert all(value is not None for _, scalars in diverged.scalars for value in scalars.values())


def test_without_the_packages_one_line_says_what_to_install_before_anything_runs(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(ConfigError, match=r"and tensorboard missing; pip install 'ablate-jax\[tensorboard\]'"):
        check_installed()
    code = main(["run", "--config=experiments/digits.py", f"--workdir={tmp_path / 'run'}", "--tensorboard"])
    assert code == 2
    assert not (tmp_path / "run" / "cells").exists()
    assert "ablate-jax[tensorboard]" in capsys.readouterr().err
