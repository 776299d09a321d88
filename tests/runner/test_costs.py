"""What an arm costs on its own."""

import numpy as np
import pytest

import ablate
from ablate.runner import costs
from ablate.runner.costs import (
    ROUNDS,
    Timed,
    operations_of,
    operations_per_step,
    ratio_of,
    seconds_per_step,
    uncounted,
    with_known_costs,
    with_operations,
    with_seconds,
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
    assert found["baseline"] < found["smooth_labels(alpha=0.1)"] < 1.02 * found["baseline"]


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
    found = operations_per_step(plan)
    assert len(counted) == 1  # the baseline's sgd, which shares its program with momentum; planning counted the others
    momentum, with_batch_norm = (item.operations for item in plan.programs)
    assert list(found.values()) == [7.0, *[momentum] * 4, with_batch_norm]
    assert list(operations_per_step(plan, arms=["norm=batch"])) == ["norm=batch"]


def test_what_planning_counted_is_what_is_counted_alone(plan):
    found = operations_per_step(plan)
    arms = {item.program.arms: item for item in plan.programs if len(item.program.arms) == 1}
    assert arms
    for (arm,), item in arms.items():
        assert found[arm] == item.operations == operations_of(plan.alone(item.firsts[arm].cell))


def test_every_arm_is_timed_in_a_program_of_its_own_and_every_second_round_backwards(plan, monkeypatch):
    order, seconds = [], Timed.seconds
    monkeypatch.setattr(Timed, "seconds", lambda self, between: order.append(self) or seconds(self, between))
    found = seconds_per_step(plan)
    assert list(found) == [arm.name for arm in plan.arms]
    assert all(len(times) == ROUNDS and 0 < min(times) <= max(times) < 10 for times in found.values())
    rounds = [order[k : k + len(found)] for k in range(0, len(order), len(found))]
    assert len(rounds) == ROUNDS + 1
    assert all(own == rounds[0][:: -1 if k % 2 else 1] for k, own in enumerate(rounds))


def test_a_ratio_is_taken_within_rounds():
    """A machine that grows slower from round to round changes the times and not their ratios."""
    baseline = [1.0, 2.0, 4.0, 8.0, 16.0, 32.0]
    own = [time * ratio for time, ratio in zip(baseline, (1.5, 1.4, 1.6, 1.5, 1.3, 1.7), strict=True)]
    assert ratio_of(own, baseline) == pytest.approx({"ratio": 1.5, "low": 1.3, "high": 1.7})
    assert ratio_of([], baseline) is None
    assert ratio_of(own, []) is None


def test_from_least_to_most_covers_the_median_as_often_as_said():
    rng = np.random.default_rng(0)
    rounds = 1 + rng.standard_cauchy((20_000, ROUNDS))  # whatever the distribution; its median is 1
    covered = (rounds.min(1) < 1) & (rounds.max(1) > 1)
    assert covered.mean() == pytest.approx(1 - 2 / 2**ROUNDS, abs=0.005)
    assert 1 - 2 / 2**ROUNDS > 0.96


def test_ratios_are_kept_as_long_as_the_baseline_is_the_same(plan):
    study, ratio = study_json(plan), {"ratio": 1.5, "low": 1.4, "high": 1.6}
    timed = {"flops": 1.0, "step_seconds": 0.5, "step_ratio": ratio}
    measured = {**study, "arms": [{**arm, **timed} for arm in study["arms"]]}
    assert {arm["name"]: arm["step_ratio"] for arm in with_known_costs(study, measured)["arms"]} == {
        arm.name: ratio for arm in plan.arms
    }
    measured["arms"][0] = {**measured["arms"][0], "recipe": {"norm": {"name": "none"}}}
    assert not any(arm.get("step_ratio") for arm in with_known_costs(study, measured)["arms"])


def test_an_arm_that_cannot_be_timed_has_no_ratio(plan, monkeypatch):
    def seconds(plan, between):
        return {arm.name: [] if arm.name == "norm=batch" else [0.1] * ROUNDS for arm in plan.arms}

    monkeypatch.setattr(costs, "seconds_per_step", seconds)
    arms = {arm["name"]: arm for arm in with_seconds(study_json(plan), plan)["arms"]}
    assert (arms["norm=batch"]["step_seconds"], arms["norm=batch"]["step_ratio"]) == (None, None)
    assert arms["baseline"]["step_ratio"] == {"ratio": 1.0, "low": 1.0, "high": 1.0}
