"""What a plan says it will take: counted, not timed, but for the rate of a matrix product."""

import pytest

import ablate
from ablate.runner import estimate as module
from ablate.runner.estimate import CELL_SECONDS, COMPILE_SECONDS, EFFICIENCY, estimate
from ablate.runner.plan import make_plan
from ablate.study.resolving import resolve

RATE = 1e8


def planned(**train):
    cfg = ablate.base_config()
    cfg.model = ablate.choice("mlp", widths=(64,))
    cfg.vary.optimizer = (ablate.choice("sgd", learning_rate=0.5),)
    cfg.seeds = 2
    cfg.train.update({"steps": 100, "eval_every": 50, "batch_size": 32, **train})
    return make_plan(resolve(cfg), name="estimate")


@pytest.fixture(autouse=True)
def rate(monkeypatch):
    monkeypatch.setattr(module, "_matrix_rate", lambda: RATE)


def test_steps_and_evaluations_of_every_lane_are_counted():
    plan = planned()
    (item,) = plan.programs
    (cell, *_) = item.inputs.values()
    predicted = 2 * len(cell.split.validation) + len(cell.split.test)  # a third of a step's operations each
    operations = len(plan.cells) * item.operations * (100 + predicted / (3 * 32))
    expected = COMPILE_SECONDS["none"] + len(plan.cells) * CELL_SECONDS + operations / (RATE * EFFICIENCY["none"])
    assert estimate(plan)["seconds"] == pytest.approx(expected, abs=0.06)
    assert estimate(planned(eval_every=5))["seconds"] > 1.2 * estimate(plan)["seconds"]


def test_ten_thousand_tiny_cells_take_their_time():
    cfg = ablate.base_config()
    cfg.model = ablate.choice("mlp", widths=(4,))
    cfg.vary.norm = ("batch",)
    cfg.train.update(steps=1, batch_size=8, eval_every=1)
    cfg.seeds = 500
    plan = make_plan(resolve(cfg), name="many")
    assert estimate(plan)["seconds"] > len(plan.cells) * CELL_SECONDS == 1000 * CELL_SECONDS


def test_the_kind_of_convolutions_decides():
    cfg = ablate.base_config()
    cfg.model = ablate.choice("resnet", depth=8, width=2)
    cfg.vary.optimizer = (ablate.choice("sgd", learning_rate=0.5),)
    cfg.train.update(steps=10, batch_size=8, eval_every=10)
    cfg.seeds = 1
    (item,) = make_plan(resolve(cfg), name="convolutions").programs
    assert item.convolutions == "plain"
    assert EFFICIENCY["none"] > EFFICIENCY["plain"] > EFFICIENCY["other"]
