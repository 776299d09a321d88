"""The learning rates that a report draws: schedules as they are, not as evaluations happen to see them."""

import numpy as np
import pytest

import ablate
from ablate import choice
from ablate.runner.rates import EVENLY, MOST, rates_of, shown, with_rates
from tests.train.small import planned, small_config


@pytest.fixture(scope="module")
def rates():
    vary = {"schedule": (choice("sgdr", cycle=200.0),), "optimizer": (choice("sgd", learning_rate=0.02),)}
    plan = planned(small_config(steps=1000, eval_every=50, vary=vary))
    return plan, {arm: rates["learning_rate"] for arm, rates in rates_of(plan).items()}


def test_a_restart_is_a_jump_between_two_steps(rates):
    _, found = rates
    curve = dict(zip(found["schedule=sgdr(cycle=200)"]["step"], found["schedule=sgdr(cycle=200)"]["rate"], strict=True))
    for restart in (200, 400, 600, 800):
        assert curve[restart] == pytest.approx(curve[0])
        assert curve[restart - 1] < 0.001 * curve[0]


def test_lines_between_the_kept_steps_are_the_schedule(rates):
    _, found = rates
    base = found["baseline"]["rate"][0]
    step = np.arange(1000)
    exact = base * (1 + np.cos(np.pi * (step % 200) / 200)) / 2
    arm = found["schedule=sgdr(cycle=200)"]
    np.testing.assert_allclose(np.interp(step, arm["step"], arm["rate"]), exact, atol=1e-3 * base)
    assert found["sgd(learning_rate=0.02)"]["rate"] == [0.02] * EVENLY


def test_every_arm_of_study_json_has_its_rates(rates):
    plan, found = rates
    study = with_rates({"arms": [{"name": arm.name} for arm in plan.arms]}, plan)
    assert {arm["name"]: arm["rates"]["learning_rate"] for arm in study["arms"]} == found


def test_a_rate_that_follows_validation_is_not_known_beforehand():
    plan = planned(small_config(vary={"schedule": (choice("plateau", factor=0.5, patience=1.0), choice("cosine"))}))
    assert {arm: list(rates) for arm, rates in rates_of(plan).items()} == {
        "baseline": ["learning_rate"],
        "schedule=plateau(factor=0.5, patience=1)": [],
        "schedule=cosine": ["learning_rate"],
    }


def test_a_rate_that_leaves_the_range_diverges_its_cells_and_not_the_study(tmp_path):
    vary = {"schedule": (choice("exponential", factor=1e6, every=1.0),)}
    rows = ablate.run(small_config(steps=20, eval_every=10, vary=vary), tmp_path)
    assert {row["status"] for row in rows if row["arm"] == "baseline"} == {"done"}
    assert {row["status"] for row in rows if row["arm"] != "baseline"} == {"diverged"}
    rate = rows.study["arms"][1]["rates"]["learning_rate"]["rate"]
    assert rate[-1] is None
    assert rate[0] is not None


def test_a_rate_that_always_jumps_stays_small():
    kept = shown(np.tile(np.float32([0.1, 0.05]), 5000))
    assert len(kept) == MOST
    assert (kept[0], kept[-1]) == (0, 9999)
    assert shown(np.float32([0.1])).tolist() == [0]
