"""Who wins over several data sets, against scipy and by hand."""

import math

import numpy as np
import pytest
import scipy.stats

from ablate.stats.wins import order, probability_of_improvement, stratified_sign_test

LOST = -math.inf


def scores(runs, sets, seed=0):
    return list(np.random.default_rng(seed).normal(0.7, 0.1, (sets, runs)))


def test_probability_of_improvement_is_mann_whitneys():
    a, b = [np.round(x, 1) for x in scores(5, 3)], [np.round(x, 1) for x in scores(4, 3, 1)]
    u = [scipy.stats.mannwhitneyu(x, y).statistic / 20 for x, y in zip(a, b, strict=True)]
    assert probability_of_improvement(a, b) == pytest.approx(np.mean(u))
    assert probability_of_improvement(a, a) == 0.5
    assert probability_of_improvement(a, [np.full(2, LOST)] * 3) == 1.0
    assert probability_of_improvement([np.full(2, LOST)], [np.full(2, LOST)]) == 0.5
    assert probability_of_improvement(a, [np.zeros(0)] * 3) is None
    # A set without runs of both says nothing; the others weigh the same.
    assert probability_of_improvement(a, [*b[:2], np.zeros(0)]) == pytest.approx(np.mean(u[:2]))


def test_order_counts_diverged_runs_as_the_worst_and_rounding_as_none():
    arm = np.array([[0.5, LOST, 0.5, LOST, 0.5]])
    baseline = np.array([[0.4, 0.4, LOST, LOST, 0.5 + 1e-9]])
    assert order(arm, baseline).tolist() == [1, -1, 1, 0, 0]
    # One sign per seed for sets that share their splits: the side with more of them.
    assert order(np.array([[1.0, 1.0], [1.0, LOST], [0.0, 0.0]]), np.zeros((3, 2))).tolist() == [1, 0]


def test_the_sign_test_is_binomial_over_all_sets():
    signs = [np.array([1.0, 1, -1, 0]), np.array([1.0] * 6)]
    p, lean = stratified_sign_test(signs)
    assert p == pytest.approx(scipy.stats.binomtest(8, 9).pvalue)
    assert lean == 1
    assert stratified_sign_test([np.array([-1.0])]) == (None, -1)
    assert stratified_sign_test([]) == (None, 0)


def test_impossible_scores_are_refused(unchecked):
    for bad in (math.nan, math.inf):
        with pytest.raises(ValueError, match="scores"):
            probability_of_improvement([np.array([bad])], [np.array([1.0])])
        with pytest.raises(ValueError, match="scores"):
            order(np.array([[bad]]), np.array([[1.0]]))
    with pytest.raises(ValueError, match="same sets"):
        probability_of_improvement(scores(2, 3), scores(2, 2))
    with pytest.raises(ValueError, match="pairs"):
        order(np.zeros((1, 2)), np.zeros((1, 3)))
