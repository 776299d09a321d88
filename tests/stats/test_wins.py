"""Who wins over several data sets, against scipy and by hand."""

import math

import numpy as np
import pytest
import scipy.stats

from ablate.stats.wins import probability_of_improvement

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


def test_impossible_scores_are_refused(unchecked):
    for bad in (math.nan, math.inf):
        with pytest.raises(ValueError, match="scores"):
            probability_of_improvement([np.array([bad])], [np.array([1.0])])
    with pytest.raises(ValueError, match="same sets"):
        probability_of_improvement(scores(2, 3), scores(2, 2))
