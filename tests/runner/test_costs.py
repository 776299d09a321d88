"""What an arm costs on its own."""

import pytest

import ablate
from ablate.runner.costs import operations_per_step, seconds_per_step, with_costs
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
    study = with_costs(study_json(plan), plan, None, measure=False)
    assert all(arm["flops"] > 0 and arm["step_seconds"] is None for arm in study["arms"])
    measured = {**study, "arms": [{**arm, "step_seconds": 0.5} for arm in study["arms"]]}
    measured["arms"][1] = {**measured["arms"][1], "recipe": {"norm": {"name": "none"}}}
    found = with_costs(study_json(plan), plan, measured, measure=False)["arms"]
    assert [arm["step_seconds"] for arm in found] == [0.5, None, *[0.5] * (len(found) - 2)]
    other = {**measured, "train": {**study["train"], "batch_size": 7}}
    assert all(arm["step_seconds"] is None for arm in with_costs(study_json(plan), plan, other, measure=False)["arms"])


def test_every_arm_is_timed_in_a_program_of_its_own(plan):
    found = seconds_per_step(plan)
    assert list(found) == [arm.name for arm in plan.arms]
    assert all(0 < seconds < 10 for seconds in found.values())
