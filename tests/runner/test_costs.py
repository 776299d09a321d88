"""What an arm costs on its own."""

import pytest

import ablate
from ablate.runner.costs import (
    operations_per_step,
    seconds_per_step,
    uncounted,
    with_known_costs,
    with_operations,
)
from ablate.runner.plan import make_plan
from ablate.runner.study_file import study_json
from ablate.study.resolving import resolve


@pytest.fixture(scope="module")
def plan():
    cfg = ablate.base_config()
    cfg.model = ablate.choice("mlp", widths=(32,))
    cfg.vary.norm = (ablate.choice("batch"),)
    cfg.vary.target = (ablate.choice("smooth_labels", alpha=0.1),)
    cfg.vary.model = (ablate.choice("mlp", widths=(128,)),)
    cfg.seeds = 2
    cfg.train.batch_size = 32
    cfg.train.steps = 5
    return make_plan(resolve(cfg), name="costs")


def test_operations_follow_the_matrix_products(plan):
    found = operations_per_step(plan)
    products = 2 * 32 * (64 * 32 * 2 + 32 * 10 * 3)  # forward, and twice backward but for the first layer's input
    assert found["baseline"] == pytest.approx(products, rel=0.25)
    assert found["model=mlp(widths=(128,))"] == pytest.approx(4 * found["baseline"], rel=0.1)
    assert found["norm=batch"] > found["baseline"]


def test_a_trick_is_not_charged_for_the_program_it_shares(plan):
    found = operations_per_step(plan)
    assert found["baseline"] < found["target=smooth_labels(alpha=0.1)"] < 1.02 * found["baseline"]


def test_measured_times_are_kept_for_the_same_recipe_only(plan):
    study = with_known_costs(study_json(plan), None)
    assert uncounted(study) == [arm.name for arm in plan.arms]
    study = with_operations(study, operations_per_step(plan))
    assert all(arm["flops"] > 0 and arm["step_seconds"] is None for arm in study["arms"])
    assert uncounted(study) == []
    measured = {**study, "arms": [{**arm, "step_seconds": 0.5} for arm in study["arms"]]}
    measured["arms"][1] = {**measured["arms"][1], "recipe": {"norm": {"name": "none"}}}
    found = with_known_costs(study_json(plan), measured)["arms"]
    assert [arm["step_seconds"] for arm in found] == [0.5, None, *[0.5] * (len(found) - 2)]
    other = {**measured, "train": {**study["train"], "batch_size": 7}}
    assert all(arm["step_seconds"] is None for arm in with_known_costs(study_json(plan), other)["arms"])


def test_arms_that_differ_in_numbers_are_counted_once(monkeypatch):
    counted = []
    monkeypatch.setattr("ablate.runner.costs.operations_of", lambda item: counted.append(item.program.id) or 7.0)
    cfg = ablate.base_config()
    cfg.vary.optimizer = tuple(ablate.choice("momentum", learning_rate=0.2 + k / 10, beta=0.9) for k in range(4))
    cfg.vary.norm = ("batch",)
    cfg.seeds = 1
    plan = make_plan(resolve(cfg), name="numbers")
    assert set(operations_per_step(plan).values()) == {7.0}
    assert len(counted) == 3  # the baseline's sgd, momentum, and with batch norm
    assert list(operations_per_step(plan, arms=["norm=batch"])) == ["norm=batch"]


def test_every_arm_is_timed_in_a_program_of_its_own(plan):
    found = seconds_per_step(plan)
    assert list(found) == [arm.name for arm in plan.arms]
    assert all(0 < seconds < 10 for seconds in found.values())
