"""rliable's definitions against scipy and brute force."""

import itertools
import math

import numpy as np
import pytest
import scipy.stats

from ablate.stats.datasets import iqm, iqm_interval, performance_profile, probability_of_improvement


def scores(runs, tasks, seed=0):
    return np.random.default_rng(seed).normal(0.7, 0.1, (runs, tasks))


@pytest.mark.parametrize("shape", [(1, 1), (3, 1), (5, 4), (7, 3)])
def test_iqm_is_scipys_trimmed_mean(shape):
    x = scores(*shape)
    assert iqm(x) == pytest.approx(scipy.stats.trim_mean(x, 0.25, axis=None))


def test_diverged_runs_are_cut_off_until_they_reach_the_middle():
    x = scores(4, 2)
    x[0] = -math.inf
    assert iqm(x) == pytest.approx(np.sort(x.ravel())[2:6].mean())
    x[1, 0] = -math.inf
    assert iqm(x) is None
    assert iqm_interval(x) == (None, None, None)
    assert iqm(np.zeros((0, 3))) is None
    for bad in (math.nan, math.inf):
        with pytest.raises(ValueError, match="scores"):
            iqm(np.array([[bad]]))


@pytest.mark.parametrize("paired", [False, True])
def test_interval_is_scipys_bootstrap(paired):
    x = scores(8, 3)
    found = iqm_interval(x, draws=4000, paired=paired)

    def statistic(*columns, axis):
        stacked = np.stack(columns, axis=-1)
        return scipy.stats.trim_mean(stacked.reshape(*stacked.shape[:-2], -1), 0.25, axis=-1)

    theirs = scipy.stats.bootstrap(
        tuple(x.T), statistic, paired=paired, method="percentile", n_resamples=4000, rng=np.random.default_rng(1)
    ).confidence_interval
    width = theirs.high - theirs.low
    assert abs(found.low - theirs.low) < 0.06 * width
    assert abs(found.high - theirs.high) < 0.06 * width
    assert found.mean == iqm(x)
    assert found == iqm_interval(x, draws=4000, paired=paired) != iqm_interval(x, draws=4000, paired=paired, seed=1)


def test_interval_is_open_where_it_would_rest_on_diverged_runs():
    x = scores(4, 2)
    x[0, 0] = x[1, 1] = -math.inf
    found = iqm_interval(x)
    assert found.mean is not None
    assert found.low is None
    assert found.high is not None
    assert iqm_interval(scores(1, 6))[1:] == (None, None)


def test_probability_of_improvement_is_mann_whitneys():
    a, b = np.round(scores(5, 3), 1), np.round(scores(4, 3, 1), 1)
    u = [scipy.stats.mannwhitneyu(a[:, t], b[:, t]).statistic / 20 for t in range(3)]
    assert probability_of_improvement(a, b) == pytest.approx(np.mean(u))
    assert probability_of_improvement(a, a) == 0.5
    assert probability_of_improvement(a, np.full((2, 3), -math.inf)) == 1.0
    assert probability_of_improvement(a, np.zeros((0, 3))) is None


def test_profile_counts():
    x = scores(6, 4)
    x[2, 1] = -math.inf
    at = np.array([-1.0, 0.65, x[0, 0], 0.75, 2.0])
    by_hand = [sum(x[r, t] > tau for r, t in itertools.product(range(6), range(4))) / 24 for tau in at]
    np.testing.assert_allclose(performance_profile(x, at), by_hand)
    with pytest.raises(ValueError, match="at least one"):
        performance_profile(np.zeros((0, 2)), at)


def test_tasks_must_match(unchecked):
    with pytest.raises(ValueError, match="same tasks"):
        probability_of_improvement(scores(2, 3), scores(2, 2))
