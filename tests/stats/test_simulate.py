"""The promises, at small size: family-wise error, coverage, power; `experiments/aa_test.py` runs the same at scale.

Bounds are four standard errors of the simulation: with a fixed seed a test either always passes or always fails.
"""

import math

import numpy as np
import pytest
import scipy.stats
from statsmodels.stats.proportion import proportion_confint

from ablate.stats.batched_tests import flip_p, holm_rejects, t_p
from ablate.stats.draws import draw_cells, draw_deltas, skewed
from ablate.stats.multiple import holm
from ablate.stats.paired import paired_t, sign_flip
from ablate.stats.simulate import (
    rate,
    simulate_coverage,
    simulate_family_wise,
    simulate_power,
    simulate_verdicts,
)
from ablate.stats.verdict import compare, minimum_detectable_effect

REPEATS = 4000


def near(expected, repeats=REPEATS):
    return pytest.approx(expected, abs=4 * math.sqrt(expected * (1 - expected) / repeats))


def key(seed):
    return np.random.default_rng(seed)


@pytest.mark.parametrize("n", [3, 6, 10, 20])
def test_one_arm_without_effect_errs_at_alpha(n):
    assert simulate_family_wise(n, 1, REPEATS, key(n)).rate == near(0.05)
    assert simulate_family_wise(n, 1, REPEATS, key(n), alpha=0.2).rate == near(0.2)


@pytest.mark.parametrize("n", [3, 6, 20])
@pytest.mark.parametrize("arms", [2, 5, 11, 20])
def test_many_arms_without_effect_err_at_most_at_alpha(n, arms):
    found = simulate_family_wise(n, arms, REPEATS, key(arms))
    assert 0.01 < found.rate < 0.05 + 4 * math.sqrt(0.05 * 0.95 / REPEATS)


@pytest.mark.parametrize("helping", [1, 5, 9])
def test_arms_with_an_effect_do_not_make_the_others_err(helping):
    found = simulate_family_wise(6, 10, REPEATS, key(helping), helping=helping, effect=4.0)
    assert 0.005 < found.rate < 0.05 + 4 * math.sqrt(0.05 * 0.95 / REPEATS)


def test_uncorrected_the_same_studies_would_err_far_more_often():
    deltas = draw_deltas(REPEATS, 11, 6, key(0))
    assert (t_p(deltas) <= 0.05).any(axis=1).mean() > 0.25


def test_the_exact_test_errs_at_its_floor():
    assert simulate_family_wise(6, 1, REPEATS, key(0), test="sign flip").rate == near(2 / 2**6)
    assert simulate_family_wise(5, 1, REPEATS, key(0), test="sign flip").hits == 0
    assert simulate_family_wise(6, 11, REPEATS, key(0), test="sign flip").hits == 0
    with pytest.raises(ValueError, match="sign flip"):
        simulate_family_wise(17, 1, 10, key(0), test="sign flip")


def test_skew_is_taken_by_the_pairing():
    # The difference of two equally skewed cells is symmetric, which is what the t test needs most.
    assert simulate_family_wise(6, 1, REPEATS, key(0), noise=skewed).rate < 0.05 + 4 * math.sqrt(0.05 * 0.95 / REPEATS)


@pytest.mark.parametrize("n", [2, 3, 6, 20])
@pytest.mark.parametrize("confidence", [0.8, 0.95])
def test_intervals_cover(n, confidence):
    assert simulate_coverage(n, REPEATS, key(n), confidence=confidence).rate == near(confidence)
    together = simulate_coverage(n, REPEATS, key(n), confidence=confidence, arms=5)
    assert together.rate > confidence - 4 * math.sqrt(confidence * (1 - confidence) / REPEATS)


@pytest.mark.parametrize("n", [3, 6, 12])
@pytest.mark.parametrize("alpha", [0.05, 0.05 / 11])
def test_the_minimum_detectable_effect_is_detected_in_eighty_of_a_hundred(n, alpha):
    effect = minimum_detectable_effect(0.02, n, alpha)
    assert simulate_power(effect, 0.02, n, REPEATS, key(n), alpha=alpha).rate == near(0.8)


def test_vectorised_tests_are_those_of_the_report():
    deltas = draw_deltas(20, 3, 7, key(0))
    for study, t, flip in zip(deltas, t_p(deltas), flip_p(deltas), strict=True):
        np.testing.assert_allclose(t, [paired_t(d).p for d in study])
        np.testing.assert_allclose(flip, [sign_flip(d) for d in study])
    np.testing.assert_allclose(t_p(deltas), scipy.stats.ttest_1samp(deltas, 0, axis=-1).pvalue)
    p = key(1).random((200, 6)) ** 4
    expected = [[adjusted <= 0.05 for adjusted in holm(row.tolist())] for row in p]
    np.testing.assert_array_equal(holm_rejects(p, 0.05), expected)


def test_vectorised_studies_reach_the_verdicts_of_compare():
    cells = draw_cells(25, 4, 6, key(2))
    cells[:, 1] += 2.0
    cells[:, 2] -= 1.0
    rejected = holm_rejects(t_p(cells[:, 1:] - cells[:, :1]), 0.05)
    for study, expected in zip(cells, rejected, strict=True):
        arms = {str(i): dict(enumerate(row.tolist())) for i, row in enumerate(study)}
        found = compare(arms, "0", higher_is_better=True).values()
        assert [c.verdict in ("better", "worse") for c in found] == expected.tolist()
    assert 0.2 < rejected.mean() < 0.8


@pytest.mark.parametrize(("paired", "n", "arms"), [(True, 6, 3), (False, 4, 2)])
def test_compare_itself_errs_at_most_at_alpha(paired, n, arms):
    shared = 0.5 if paired else 0.0
    found = simulate_verdicts(n, arms, 120, key(3), paired=paired, shared=shared)
    assert found["better"].rate + found["worse"].rate < 0.05 + 4 * math.sqrt(0.05 * 0.95 / 120)
    assert found["by failure"].hits == found["equivalent"].hits == 0


def test_divergence_that_strikes_all_arms_alike_makes_no_verdict():
    found = simulate_verdicts(8, 2, 150, key(4), diverges=0.3)
    assert found["better"].rate + found["worse"].rate < 0.05 + 4 * math.sqrt(0.05 * 0.95 / 150)


def test_an_arm_at_the_margin_is_called_equivalent_at_most_at_alpha():
    at = simulate_verdicts(8, 1, 150, key(5), effect=3.0, margin=3.0)["equivalent"].rate
    assert at < 0.05 + 4 * math.sqrt(0.05 * 0.95 / 150)
    assert simulate_verdicts(8, 1, 60, key(5), effect=0.0, margin=3.0)["equivalent"].rate > 0.9


def test_deltas_have_the_correlation_asked_for():
    cells = draw_cells(20_000, 1, 1, key(6), shared=0.7)[:, :, 0]
    assert np.corrcoef(cells.T)[0, 1] == pytest.approx(0.7, abs=0.02)
    np.testing.assert_allclose(cells.var(axis=0), 1.0, atol=0.05)
    np.testing.assert_allclose([skewed(key(0), (50_000,)).mean(), skewed(key(0), (50_000,)).var()], [0, 1], atol=0.05)
    with pytest.raises(ValueError, match="shared"):
        draw_cells(1, 1, 1, key(0), shared=1.0)


@pytest.mark.parametrize("hits", [0, 3, 50])
def test_rate_is_clopper_pearson(hits):
    np.testing.assert_allclose(rate(hits, 50)[3:], proportion_confint(hits, 50, method="beta"), atol=1e-12)


def test_chunks_do_not_change_the_count(monkeypatch):
    import ablate.stats.simulate as module

    monkeypatch.setattr(module, "NUMBERS_AT_ONCE", 500)
    found = simulate_family_wise(6, 3, 1001, key(7))
    assert found.repeats == 1001
    assert 0.01 < found.rate < 0.1
