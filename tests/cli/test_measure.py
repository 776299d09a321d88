"""`ablate tricks --measure`: a line per choice, a CSV that keeps what it has, and no traceback."""

import csv
import re
from pathlib import Path

import pytest

import ablate
from ablate.cli import costs
from ablate.cli.catalogue import TABLES, measurable
from ablate.cli.main import main
from ablate.runner import ratios
from ablate.runner.interrupts import Interrupted
from ablate.runner.ratios import Baseline, Ratio
from ablate.study.problems import ConfigError
from ablate.study.resolving import resolve

CONFIG = """
from ablate import base_config, choice

def get_config(task="classification"):
    cfg = base_config()
    cfg.task = task
    cfg.model = choice("mlp", widths=(8,))
    cfg.train.batch_size = 16
    cfg.vary.loss = (choice("focal", gamma=3.0), choice("weighted", weights=(1.0, 2.0)))
    return cfg
"""


@pytest.fixture(autouse=True)
def quick(tmp_path, monkeypatch):
    """In a folder of its own; one short turn, since no test looks at a time."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(ratios, "TURNS", 1)
    monkeypatch.setattr(ratios, "TURN_SECONDS", 0.0)
    Path("study.py").write_text(CONFIG, encoding="utf-8")


def spec(**axes):
    cfg = ablate.base_config()
    cfg.model = ablate.choice("mlp", widths=(8,))
    cfg.train.batch_size = 16
    for axis, choices in axes.items():
        cfg.vary[axis] = choices
    return resolve(cfg)


def test_every_choice_but_the_baselines_own_and_those_that_only_make_initial_values():
    found, own = measurable(spec(), ""), spec().recipe
    expected = {
        (key, name)
        for key, axis in TABLES.items()
        for name in axis.choices
        if axis.name in own and own[axis.name].table is axis and axis.in_step and name != own[axis.name].name
    }
    assert {*found} == expected
    assert {"init", "bias", "regression_loss", "task"}.isdisjoint(key for key, _ in found)
    assert all((chosen.axis, chosen.name) == place for place, chosen in found.items())


def test_what_a_name_and_the_config_say():
    assert [*measurable(spec(), "clip")] == [("clip", n) for n in ("value", "global_norm", "layer_norm", "adaptive")]
    assert [*measurable(spec(), "clip_by_global_norm")] == [("clip", "global_norm")]
    varied = spec(loss=({"name": "focal", "gamma": 3.0},))
    (default,), (own,) = (measurable(each, "focal").values() for each in (spec(), varied))
    assert (default.arguments["gamma"], own.arguments["gamma"]) == (2.0, 3.0)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("init", "init: not a choice that changes this baseline's training step; nothing to measure"),
        ("sgd", "sgd: not a choice"),
        ("regression_loss", "regression_loss: not a choice"),
        ("focl", "focl: no axis or choice answers to it"),
        ("loss.fcal", "loss.fcal: unknown choice 'fcal'"),
    ],
)
def test_nothing_to_measure(text, line):
    with pytest.raises(ConfigError, match=f"^{re.escape(line)}"):
        measurable(spec(), text)


def test_memory_follows_what_a_step_keeps():
    baseline = Baseline(spec(), lambda: None)
    places = ("optimizer.adam", "average.ema", "model.resnet", "loss.weighted", "target.smooth_labels")
    chosen = (measurable(spec(), place).popitem()[1] for place in places)
    adam, ema, resnet, weighted, smooth = baseline.ratios(chosen)
    assert 1 < ema.memory < adam.memory  # one copy of the parameters, and two
    assert resnet.memory > 2
    assert smooth.memory == pytest.approx(1, abs=0.1)
    assert weighted.time is None
    assert weighted.why.startswith("ValueError: weights=(1.0, 2.0, 0.5, 1.0, 3.0): 5 for 10")
    assert all(ratio.time > 0 for ratio in (adam, ema, resnet, smooth))
    assert "mlp(widths=(8,)) on digits, " in baseline.told()


def test_an_interrupt_is_not_a_choice_that_fails():
    calls = iter([None] * 40)

    def between():
        if next(calls, "over") == "over":
            raise Interrupted("stop")

    with pytest.raises(Interrupted):
        list(Baseline(spec(), between).ratios(measurable(spec(), "").values()))


def test_the_command(capsys):
    Path("out.csv").write_text("axis,choice,time,least,most,memory,why\nnorm,mine,1.5,1.4,1.6,,\nloss,focal,9,9,9,9,\n")
    assert main(["tricks", "loss", "--measure", "--config=study.py", "--out=out.csv"]) == 0
    out, err = capsys.readouterr()
    first, blank, header, *lines = out.splitlines()
    assert first.startswith("baseline: mlp(widths=(8,)) on digits")
    assert (blank, header, err) == ("", costs.HEADER, "")
    assert re.fullmatch(r"loss\.focal +[\d.]+ +[\d.]+ to [\d.]+ +[\d.]+", lines[0])
    assert re.fullmatch(r"loss\.weighted +ValueError: .* for 10 classes; .*", lines[1])
    rows = {(row["axis"], row["choice"]): row for row in csv.DictReader(Path("out.csv").read_text().splitlines())}
    assert list(rows) == [("norm", "mine"), ("loss", "focal"), ("loss", "weighted")]
    assert rows["norm", "mine"]["time"] == "1.500"
    assert float(rows["loss", "focal"]["time"]) < 9
    assert rows["loss", "weighted"]["why"].startswith("ValueError: weights=(1.0, 2.0): 2 for 10")


def test_a_fresh_config_where_none_is_named(capsys):
    assert main(["tricks", "target", "--measure"]) == 0
    assert capsys.readouterr().out.startswith("baseline: mlp on digits, ")


def test_a_task_without_a_model(capsys):
    head = "from ablate import base_config, choice\n\ndef get_config():\n    cfg = base_config()\n"
    Path("gan.py").write_text(head + '    cfg.task, cfg.data = "adversarial", choice("gaussians")\n    return cfg\n')
    assert main(["tricks", "adversarial.game", "--measure", "--config=gan.py"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("baseline: mlp on gaussians, ")
    assert [line.split()[0] for line in out.splitlines()[3:]] == [
        "adversarial.game.wasserstein", "adversarial.game.gradient_penalty",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["--config=nowhere.py"], "nowhere.py"),
        (["--config=study.py:nonsense"], "task.name: unknown choice 'nonsense'"),
        (["--config=study.py", "--config.train.batch_size=100000"], "train.batch_size: 100000 is more than the"),
        (["--out=study.py"], "study.py: not a file of costs, which has the columns axis, choice, time, least"),
        (["--out=/proc/x/out.csv"], "No such file or directory: /proc/x"),
    ],
)  # fmt: skip
def test_bad_input_is_a_line(capsys, words, line):
    assert main(["tricks", "loss.focal", "--measure", *words]) == 2
    err = capsys.readouterr().err
    assert line in err
    assert "Traceback" not in err


def test_the_figures_of_the_cards_are_those_of_choices():
    told = {place for place in costs.parsed(costs.MEASURED.read_text(encoding="utf-8"))}
    assert told <= {(key, name) for key, axis in TABLES.items() for name in axis.choices}


def test_a_card_tells_what_was_measured(monkeypatch):
    known = {("loss", "focal"): Ratio(1.044, 1.0, 1.1, 1.5), ("loss", "weighted"): Ratio(None, why="no")}
    monkeypatch.setattr(costs, "_measured", lambda: known)
    assert costs.cost_of("loss", "focal").startswith(
        "1.04 times the time of a training step (1.00 to 1.10 in 7 turns) and 1.50 times its memory; beside"
    )
    assert costs.cost_of("loss", "weighted") == costs.cost_of("loss", "cross_entropy") == ""
