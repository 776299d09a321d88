"""The promises under hard data, at small size; `experiments/aa_test.py` writes the same at scale.

Bounds are the 99.9 % intervals of the report: with a fixed seed a test either always passes or always fails.
"""

import math

import numpy as np
import pytest

from ablate.stats.power import power_of
from ablate.stats.scenarios import GIVEN_SUCCESS, SCENARIOS, failing, log_normal, tied
from ablate.stats.simulate_looks import seeds_for_power, simulate_looks
from ablate.stats.simulate_others import simulate_equivalence, simulate_main_effects, simulate_welch_power
from ablate.stats.simulate_scenarios import simulate_scenario, simulate_wild_seed
from ablate.stats.simulation import simulation_report
from ablate.stats.verdict import compare

BY_NAME = {scenario.name: scenario for scenario in SCENARIOS}
KEPT = [name for name, scenario in BY_NAME.items() if not scenario.reason]
CALM = "Log-normal arms, calm baseline"


def key(seed):
    return np.random.default_rng(seed)


def outcome(scenario, n, arms, repeats, **rules):
    return simulate_scenario(scenario, n, arms, repeats, key(n + arms), confidence=0.999, **rules)


@pytest.mark.parametrize("name", KEPT)
@pytest.mark.parametrize("arms", [1, 11])
def test_t_and_its_interval_keep_their_promises(name, arms):
    for n in BY_NAME[name].seeds[:2]:
        found = outcome(BY_NAME[name], n, arms, 2000)
        assert found.claims.low < 0.05, n
        assert found.coverage.high > 0.95, n


@pytest.mark.parametrize("examples", [360, 450])
def test_a_coarse_metric_moves_the_t_test_by_less_than_a_percentage_point(examples):
    for arms in (1, 5):
        found = outcome(BY_NAME[f"Ties: {examples} test examples, sd 1.5"], 6, arms, 10_000)
        assert found.claims.rate < 0.06
        assert found.coverage.rate > 0.94


@pytest.mark.parametrize("name", ["Unequal spreads", "Unequal spreads, unshared seeds"])
def test_wide_arms_keep_the_family_wise_error(name):
    for n, arms in ((3, 5), (4, 1), (6, 1), (6, 11)):
        found = outcome(BY_NAME[name], n, arms, 4000)
        assert found.claims.low < 0.05
        assert found.coverage.rate > 0.92


@pytest.mark.parametrize("name", [name for name, each in BY_NAME.items() if each.paired and name != CALM])
def test_max_t_keeps_its_promise(name):
    for n, arms, repeats in ((6, 1, 2000), (6, 11, 1000)):
        assert outcome(BY_NAME[name], n, arms, repeats, test="max_t").claims.low < 0.05


def test_max_t_keeps_its_promise_with_random_patterns():
    assert outcome(BY_NAME["Correlated arms"], 20, 5, 200, test="max_t").claims.low < 0.05


@pytest.mark.parametrize("test", ["t", "max_t"])
def test_no_test_holds_against_a_tail_that_the_baseline_does_not_share(test):
    found = outcome(BY_NAME[CALM], 10, 5, 1000, test=test)
    assert found.worse.low > 0.25
    assert found.coverage.high < 0.95
    assert "skewed" in BY_NAME[CALM].reason


def test_an_arm_that_collapses_is_better_only_where_it_was_not_seen_to():
    scenario = GIVEN_SUCCESS[0]
    found = outcome(scenario, 6, 1, 2000)
    seen = np.isfinite(scenario.draw(2000, 1, 6, key(0))).all()
    assert seen  # it collapses, and does not diverge
    assert 0.1 < found.better.rate < 0.4  # it was 58 % when the mean over survivors alone decided
    assert found.worse.high < 0.05


@pytest.mark.parametrize(("n", "arms", "probability"), [(3, 20, 0.7), (6, 20, 0.7), (7, 1, 0.25), (6, 1, 0.3)])
def test_failures_that_strike_all_alike_keep_the_family_wise_error(n, arms, probability):
    scenario = BY_NAME["Diverging, 50 %"]._replace(draw=failing(probability))
    assert outcome(scenario, n, arms, 10_000).claims.low < 0.05


def test_a_baseline_that_fails_leaves_its_arms_in_the_correction():
    nan = math.nan
    arms = {"baseline": {s: nan for s in range(3)}, "well": {s: 0.9 for s in range(3)}}
    alone = compare(arms, "baseline", higher_is_better=True)["well"]
    assert (alone.tests, alone.p_holm, alone.verdict) == (2, None, "inconclusive")
    assert alone.p_failure_corrected == pytest.approx(2 * alone.p_failure)
    # An arm that fails by itself has no test of quality to be counted.
    lost = compare({"baseline": arms["well"], "lost": arms["baseline"]}, "baseline", higher_is_better=True)["lost"]
    assert (lost.tests, lost.verdict) == (1, "worse")


@pytest.mark.parametrize("n", [6, 8, 10])
def test_one_wild_seed_of_the_baseline_does_not_silence_the_study(n):
    with_rule, without = (simulate_wild_seed(n, 200, key(n), collapses=collapses) for collapses in (True, False))
    assert with_rule["t"].rate >= max(0.5, without["t"].rate)
    assert without["max_t"].rate > 0.9
    if n > 6:
        assert with_rule["max_t"].rate > 0.9


@pytest.mark.parametrize("test", ["t", "max_t"])
def test_planned_looks_share_alpha_and_unplanned_ones_spend_it_again(test):
    planned, unplanned = (
        simulate_looks(2, 1000, key(0), planned=planned, test=test, looks=(6, 9, 12), confidence=0.999).studies
        for planned in (True, False)
    )
    assert planned.low < 0.05 < unplanned.low


def test_stopping_early_saves_seeds_for_the_same_power():
    looked = simulate_looks(1, 4000, key(1), effect=1.0)
    same = seeds_for_power(looked.arms.rate, 1, 4000, key(2), effect=1.0)
    assert power_of(1.0, 1.0, same) == pytest.approx(looked.arms.rate, abs=0.02)
    assert looked.seeds < same < 24
    assert seeds_for_power(0.99, 1, 500, key(3), effect=0.1) is None


def test_tricks_that_do_something_else_on_every_seed_have_no_main_effect():
    errors, covers = simulate_main_effects(2, 4, 200, key(4), varies=2.0, confidence=0.999)
    assert errors.low < 0.05
    assert covers.high > 0.95


@pytest.mark.parametrize("paired", [True, False])
def test_equivalence_errs_at_most_at_alpha_at_the_margin(paired):
    at = simulate_equivalence(10, 3, 4000, key(5), margin=1.0, effect=1.0, paired=paired, confidence=0.999)
    inside = simulate_equivalence(20, 1, 500, key(5), margin=1.0, effect=0.0, paired=paired)
    assert at.low < 0.05
    assert inside.rate > 0.7


def test_the_detectable_effect_of_welchs_test_is_exact_with_ten_seeds_and_too_small_with_three():
    for sd in (1.0, 3.0):
        assert simulate_welch_power(sd, 10, 8000, key(6)).rate == pytest.approx(0.8, abs=0.02)
    assert simulate_welch_power(1.0, 3, 8000, key(6)).high < 0.75
    assert simulate_welch_power(1.0, 1, 10, key(6)) is None


def test_scenarios_are_what_they_say():
    cells = failing(0.1, fall=10.0, arms_only=True, centred=True)(20_000, 1, 6, key(7))
    np.testing.assert_allclose(cells.mean(axis=(0, 2)), 0.0, atol=0.05)
    assert cells[:, 0].min() > -6 > cells[:, 1].min()
    draws = log_normal(key(8), (400_000,))
    np.testing.assert_allclose([draws.mean(), draws.var()], [0, 1], atol=0.1)
    shares = tied(450, 1.5)(10, 1, 6, key(9))
    np.testing.assert_array_equal(shares, shares.astype(np.float32))


def test_the_report_judges_every_promise_and_explains_what_is_not_kept():
    text = simulation_report(800, smallest=True)
    assert "no reason is known" not in text
    for scenario in (*SCENARIOS, *GIVEN_SUCCESS):
        assert f"## {scenario.name}\n" in text
    assert f"- {CALM}: " in text
    assert "Not kept: No test of means holds here" in text
