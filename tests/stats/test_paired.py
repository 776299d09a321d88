"""Paired and unpaired tests against scipy, statsmodels and counting by hand."""

import itertools
import math

import numpy as np
import pytest
import scipy.stats
from statsmodels.stats.weightstats import CompareMeans, DescrStatsW

from ablate.stats.checks import rounding_of
from ablate.stats.paired import (
    drop_one,
    paired_t,
    pairing,
    sign_flip,
    sign_test,
    smallest_p,
    smallest_p_sentence,
    t_interval,
    welch,
    wilcoxon,
)
from ablate.stats.unpaired import rank_sum, relabel

SIZES = (2, 3, 6, 9, 20)


def draw(n, seed=0, mean=0.3):
    return np.random.default_rng(seed).normal(mean, 1.0, n)


@pytest.mark.parametrize("n", SIZES)
@pytest.mark.parametrize("confidence", [0.8, 0.95, 0.999])
def test_paired_t_is_statsmodels(n, confidence):
    deltas = draw(n)
    theirs = DescrStatsW(deltas)
    t, p, _ = theirs.ttest_mean(0.0)
    ours = paired_t(deltas, confidence)
    np.testing.assert_allclose(
        [ours.mean, ours.sd, ours.t, ours.p, ours.low, ours.high],
        [theirs.mean, deltas.std(ddof=1), t, p, *theirs.tconfint_mean(1 - confidence)],
        rtol=1e-9,
    )
    assert ours.n == n
    assert t_interval(deltas, confidence) == (ours.mean, ours.low, ours.high)


def test_paired_t_without_data_or_spread():
    assert paired_t(np.array([])) == (0, None, None, None, None, None, None)
    assert paired_t(np.array([0.5])) == (1, 0.5, None, None, None, None, None)
    assert paired_t(np.zeros(4)) == (4, 0.0, 0.0, None, None, None, 1.0)
    # Accuracies as float32, all .01 apart: the spread is rounding, and the exact p stands in for an infinite t.
    arm, base = np.float32([0.92, 0.53, 0.12, 0.24, 0.35, 0.87]), np.float32([0.91, 0.52, 0.11, 0.23, 0.34, 0.86])
    deltas = arm.astype(float) - base.astype(float)
    assert np.ptp(deltas) > 0
    assert paired_t(deltas, rounding=rounding_of(arm, base))[2:] == (0.0, None, None, None, 2 / 2**6)


def test_one_value_has_no_interval():
    assert t_interval(np.array([2.0])) == (2.0, None, None)
    assert t_interval(np.array([])) == (None, None, None)


@pytest.mark.parametrize("function", [paired_t, sign_flip, wilcoxon, drop_one, t_interval])
@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_what_is_not_finite_is_refused(function, bad):
    with pytest.raises(ValueError, match="finite"):
        function(np.array([1.0, bad]))


@pytest.mark.parametrize("n", [1, 2, 3, 6, 9])
@pytest.mark.parametrize("seed", [0, 1])
def test_sign_flip_counts_every_pattern(n, seed):
    deltas = draw(n, seed)
    patterns = np.array(list(itertools.product((-1, 1), repeat=n)))
    by_hand = np.mean(np.abs(patterns @ deltas) >= abs(deltas.sum()) - 1e-9)
    assert sign_flip(deltas) == by_hand


def test_sign_flip_counts_ties_whatever_the_order_of_summing():
    # Of the 8 patterns of (.1, .2, .3) with the sum 0, all have |sum| >= 0; .1 + .2 - .3 is 5.6e-17 in floats.
    assert sign_flip(np.array([0.1, 0.2, -0.3])) == 1.0
    assert sign_flip(np.array([0.1, 0.2, 0.3])) == 0.25


def test_sign_flip_is_scipys_at_sixteen():
    deltas = draw(10, 3)
    theirs = scipy.stats.permutation_test(
        (deltas,), np.mean, permutation_type="samples", n_resamples=np.inf, vectorized=True
    )
    assert sign_flip(deltas) == pytest.approx(theirs.pvalue, abs=1e-12)


def test_sign_flip_beyond_sixteen_draws():
    deltas = draw(17, 4)
    bits = np.arange(2**16)[:, None] >> np.arange(16) & 1  # The last sign stays: a pattern and its mirror count alike.
    sums = deltas[-1] + (1 - 2 * bits) @ deltas[:-1]
    exact = np.mean(np.abs(sums) >= abs(deltas.sum()) - 1e-9)
    drawn = sign_flip(deltas)
    assert drawn == pytest.approx(exact, abs=4 * math.sqrt(exact / 100_000))
    assert drawn == sign_flip(deltas, seed=0) != sign_flip(deltas, seed=1)
    assert sign_flip(np.full(40, 1.0) + 0.1 * draw(40), draws=999) == 1 / 1000


def test_smallest_p_is_reached_and_not_passed():
    for n in (2, 5, 8):
        assert sign_flip(np.arange(1.0, n + 1)) == smallest_p(n) == sign_test(np.ones(n)) == wilcoxon(np.ones(n))
    assert smallest_p(0) == smallest_p(1) == 1.0


@pytest.mark.parametrize("alpha", [0.05, 0.01])
@pytest.mark.parametrize("contrasts", [1, 3, 11])
@pytest.mark.parametrize("n", range(1, 14))
def test_sentence_appears_exactly_where_alpha_is_out_of_reach(n, contrasts, alpha):
    sentence = smallest_p_sentence(n, contrasts, alpha)
    if contrasts * 2 / 2**n <= alpha:
        assert sentence is None
    else:
        needed = int(sentence.rstrip(".").split()[-2])
        assert "seed" in sentence
        assert needed > n
        m = contrasts if 2 / 2**n <= alpha else 1
        assert m * 2 / 2**needed <= alpha < m * 2 / 2 ** (needed - 1)


def test_sign_test_is_scipys_with_divergence():
    deltas = np.array([-np.inf, -1.0, np.inf, 2.0, 3.0, 0.0, 1.0])
    assert sign_test(deltas) == pytest.approx(scipy.stats.binomtest(4, 6).pvalue)
    assert sign_test(np.zeros(3)) == 1.0
    with pytest.raises(ValueError, match="nan"):
        sign_test(np.array([1.0, math.nan]))


@pytest.mark.parametrize("n", [3, 8, 12, 20])
def test_wilcoxon_is_scipys(n):
    deltas = draw(n, 5)
    assert wilcoxon(deltas) == pytest.approx(scipy.stats.wilcoxon(deltas, method="exact").pvalue, rel=1e-9)


def test_wilcoxon_with_ties_and_zeros():
    deltas = np.array([0.91 - 0.90, 0.81 - 0.80, -0.01, 0.02, 0.0, 0.03])
    ranks = np.array([2.0, 2.0, -2.0, 4.0, 5.0])  # By hand: three ties share rank 2, the zero is dropped.
    patterns = np.array(list(itertools.product((-1, 1), repeat=5)))
    assert wilcoxon(deltas) == np.mean(np.abs(patterns @ np.abs(ranks)) >= ranks.sum())
    assert wilcoxon(np.zeros(3)) is None


def test_drop_one_by_hand():
    deltas = draw(7)
    means = [np.delete(deltas, i).mean() for i in range(7)]
    np.testing.assert_allclose(drop_one(deltas), (min(means), max(means)))
    assert drop_one(np.array([1.0])) is None


def test_pairing_by_hand():
    rng = np.random.default_rng(0)
    seed = rng.normal(size=4000)
    a, b = seed + 0.5 * rng.normal(size=4000), seed + 0.5 * rng.normal(size=4000)
    found = pairing(a, b)
    assert found.rho == pytest.approx(scipy.stats.pearsonr(a, b).statistic)
    assert found.gain == pytest.approx(1 / (1 - found.rho), rel=0.02)  # For equal variances.
    assert pairing(a[:2], b[:2]) == (None, None)
    assert pairing(a[:5], a[:5] + 0.1) == (pytest.approx(1.0), None)
    assert pairing(a[:5], np.zeros(5)) == (None, pytest.approx(1.0))


def test_pairs_of_different_length_are_refused(unchecked):
    with pytest.raises(ValueError, match="equal lengths"):
        pairing(np.zeros(5), np.zeros(4))


@pytest.mark.parametrize("sizes", [(2, 2), (3, 8), (20, 5)])
def test_welch_is_statsmodels_and_scipys(sizes):
    a, b = draw(sizes[0], 1), 3 * draw(sizes[1], 2)
    found = welch(a, b, 0.9)
    theirs = CompareMeans(DescrStatsW(a), DescrStatsW(b))
    t, p, df = theirs.ttest_ind(usevar="unequal")
    low, high = theirs.tconfint_diff(alpha=0.1, usevar="unequal")
    np.testing.assert_allclose(
        [found.mean, found.t, found.p, found.df, found.low, found.high],
        [a.mean() - b.mean(), t, p, df, low, high],
        rtol=1e-9,
    )


def test_welch_without_data_or_spread():
    one, none = np.array([1.0]), np.array([])
    assert welch(one, none).mean is None
    assert welch(one, np.array([2.0, 3.0]))[2:] == (-1.5, None, None, None, None, None, None)
    assert welch(np.ones(3), np.ones(3)).p == 1.0
    assert welch(np.ones(3), np.zeros(3)).p == 2 / math.comb(6, 3)
    assert welch(np.ones(3), np.array([0.0, 0.1, 0.2])).df == pytest.approx(2.0)


def test_relabel_and_rank_sum_are_scipys():
    a, b = draw(5, 1), draw(6, 2) + 1
    theirs = scipy.stats.permutation_test(
        (a, b), lambda x, y, axis: np.abs(x.mean(axis) - y.mean(axis)), alternative="greater", n_resamples=np.inf
    )
    assert relabel(a, b) == pytest.approx(theirs.pvalue, abs=1e-12)
    assert rank_sum(a, b) == pytest.approx(scipy.stats.mannwhitneyu(a, b, method="exact").pvalue)
    worst = np.array([-np.inf, -np.inf, -np.inf])
    assert rank_sum(worst, b) == pytest.approx(scipy.stats.mannwhitneyu([-9, -8, -7], b, method="exact").pvalue)
    assert relabel(a[:1], b) is None
    assert rank_sum(a[:1], b) is None
    with pytest.raises(ValueError, match="nan"):
        rank_sum(np.array([math.nan, 1.0]), b)
