"""Means over data sets against scipy and numpy by hand, and the coverage of their intervals by simulation."""

import itertools
import math

import numpy as np
import pytest
import scipy.stats

from ablate.stats.datasets import (
    Difference,
    average,
    paired_difference,
    paired_log_ratio,
    unpaired_difference,
    unpaired_log_ratio,
)

REPEATS = 4000
RUNS, SETS = (3, 6, 12), (2, 3, 4, 5)


def metrics(sets, runs, seed=0):
    """Errors of an arm and its baseline that share their seeds: hard and easy sets, each with its own noise."""
    rng = np.random.default_rng(seed)
    level = np.geomspace(0.7, 0.05, sets)[:, None]
    luck = rng.normal(size=(sets, runs))
    baseline = level * (1 + 0.05 * luck + 0.03 * rng.normal(size=(sets, runs)))
    return 0.9 * level * (1 + 0.05 * luck + 0.06 * rng.normal(size=(sets, runs))), baseline


def rows(matrix):
    return [matrix[k : k + 1] for k in range(len(matrix))]


def test_one_set_is_the_paired_t_test():
    arm, baseline = metrics(1, 6)
    theirs = scipy.stats.ttest_rel(arm[0], baseline[0])
    ours = average([paired_difference(arm, baseline)], sets=1)
    assert ours.mean == pytest.approx((arm - baseline).mean())
    assert (ours.df, ours.p) == pytest.approx((5, theirs.pvalue))
    assert (ours.low, ours.high) == pytest.approx(tuple(theirs.confidence_interval()))


@pytest.mark.parametrize("confidence", [0.8, 0.95])
def test_two_sets_are_welchs_test_of_one_against_minus_the_other(confidence):
    arm, baseline = metrics(2, 7)
    first, second = arm - baseline
    second = second[:4]  # sets may have different numbers of seeds
    parts = [paired_difference(arm[:1], baseline[:1]), paired_difference(arm[1:, :4], baseline[1:, :4])]
    ours = average(parts, sets=2, confidence=confidence)
    theirs = scipy.stats.ttest_ind(first, -second, equal_var=False)
    assert (ours.df, ours.p) == pytest.approx((theirs.df, theirs.pvalue))
    interval = theirs.confidence_interval(confidence)
    assert (2 * ours.low, 2 * ours.high) == pytest.approx((interval.low, interval.high))


def test_four_sets_by_hand():
    arm, baseline = metrics(4, 5)
    ours = average([paired_difference(a, b) for a, b in zip(rows(arm), rows(baseline), strict=True)], sets=4)
    deltas = arm - baseline
    squared = deltas.var(axis=1, ddof=1) / 5
    df = squared.sum() ** 2 / (squared**2 / 4).sum()
    half = scipy.stats.t.ppf(0.975, df) * math.sqrt(squared.sum()) / 4
    assert ours.mean == pytest.approx(deltas.mean())
    assert (ours.low, ours.high) == pytest.approx((deltas.mean() - half, deltas.mean() + half))


def test_a_ratio_has_the_error_of_the_delta_method():
    arm, baseline = metrics(1, 8)
    cov = np.cov(arm[0], baseline[0])
    a, b = arm.mean(), baseline.mean()
    variance = cov[0, 0] / a**2 + cov[1, 1] / b**2 - 2 * cov[0, 1] / (a * b)
    assert paired_log_ratio(arm, baseline) == pytest.approx((math.log(a / b), math.sqrt(variance / 8), 7))
    apart = unpaired_log_ratio(arm[0], baseline[0, :5])
    b, var_b = baseline[0, :5].mean(), baseline[0, :5].var(ddof=1)
    parts = cov[0, 0] / a**2 / 8, var_b / b**2 / 5
    df = sum(parts) ** 2 / (parts[0] ** 2 / 7 + parts[1] ** 2 / 4)
    assert apart == pytest.approx((math.log(a / b), math.sqrt(sum(parts)), df))


def test_a_ratio_knows_no_unit_and_swaps_its_sign_with_its_sides():
    arm, baseline = metrics(3, 5)
    plain = paired_log_ratio(arm, baseline)
    assert paired_log_ratio(1000 * arm, 1000 * baseline) == pytest.approx(plain)
    assert paired_log_ratio(baseline, arm) == pytest.approx((-plain.mean, plain.error, plain.df))


def test_unpaired_differences_are_welchs():
    arm, baseline = metrics(1, 6)
    theirs = scipy.stats.ttest_ind(arm[0], baseline[0, :4], equal_var=False)
    ours = average([unpaired_difference(arm[0], baseline[0, :4])], sets=1)
    assert (ours.df, ours.p) == pytest.approx((theirs.df, theirs.pvalue))
    assert (ours.low, ours.high) == pytest.approx(tuple(theirs.confidence_interval()))


def test_hard_and_easy_sets_all_count():
    # Sets at 30, 60, 80 and 95 %: 10 points better on the hardest, 3 on the easiest, nothing on the others.
    rng = np.random.default_rng(0)
    baseline = np.array([0.30, 0.60, 0.80, 0.95])[:, None] + 0.001 * rng.standard_normal((4, 6))
    gain = np.array([0.10, 0.0, 0.0, 0.03])[:, None] + 0.001 * rng.standard_normal((4, 6))
    pairs = list(zip(rows(baseline + gain), rows(baseline), strict=True))
    points = average([paired_difference(a, b) for a, b in pairs], sets=4)
    assert points.mean == pytest.approx(gain.mean())
    assert points.low > 0.03
    ratio = average([paired_log_ratio(1 - a, 1 - b) for a, b in pairs], sets=4)
    errors = 1 - baseline
    by_hand = np.log((errors - gain).mean(axis=1) / errors.mean(axis=1)).mean()
    assert ratio.mean == pytest.approx(by_hand)
    assert math.exp(ratio.mean) == pytest.approx((60 / 70 * 2 / 5) ** (1 / 4), abs=0.02)
    assert ratio.high < 0


def test_what_seeds_cannot_tell_has_no_interval():
    arm, baseline = metrics(2, 4)
    known = paired_difference(arm[:1], baseline[:1])
    single = paired_difference(arm[1:, :1], baseline[1:, :1])
    assert single.error is None
    assert average([known, single], sets=2)[1:] == (None,) * 5
    equal = np.array([[0.2, 0.3, 0.4]])
    assert paired_difference(equal + 0.1, equal) == (pytest.approx(0.1), None, None)
    assert paired_log_ratio(equal + 0.1, equal).error is None  # the same differences, not the same ratios
    assert unpaired_log_ratio(np.array([0.1, 0.1]), np.array([0.2, 0.2])).error is None
    # That an arm changes nothing on a set is known without seeds.
    half = average([known, Difference(0.0, 0.0, math.inf)], sets=2)
    assert half[:3] == pytest.approx((known.mean / 2, known.error / 2, known.df))
    assert average([Difference(0.0, 0.0, math.inf)], sets=1) == (0.0, None, None, None, None, None)


def test_rounding_of_float32_is_no_spread():
    arm, baseline = (np.float32([counts]) / np.float32(450) for counts in ([381, 392, 370], [380, 391, 369]))
    arm, baseline = arm.astype(float), baseline.astype(float)
    assert np.ptp(arm - baseline) > 0
    assert paired_difference(arm, baseline).error is None
    rounding = 4 * 2.0**-24 * arm.max()
    assert paired_log_ratio(1 - arm, 1 - baseline, rounding).error is None


def test_impossible_values_are_refused(unchecked):
    arm, baseline = metrics(2, 3)
    with pytest.raises(ValueError, match="mean above 0"):
        paired_log_ratio(0 * arm, baseline)
    with pytest.raises(ValueError, match="0 or more"):
        paired_log_ratio(arm - 1, baseline)
    with pytest.raises(ValueError, match="pairs"):
        paired_difference(arm, baseline[:, :2])
    with pytest.raises(ValueError, match="finite"):
        paired_difference(np.array([[math.inf]]), np.array([[1.0]]))
    with pytest.raises(ValueError, match="each side"):
        unpaired_difference(np.zeros(0), arm[0])
    for parts, sets in (([], 1), ([Difference(1.0, 1.0, 1.0)] * 2, 1)):
        with pytest.raises(ValueError, match="parts"):
            average(parts, sets=sets)


# Coverage: many studies at once, by the formulas of the tests above.


def draw(sets, runs, rng, noise):
    """Errors (repeats, sets, runs) of an arm and its baseline: levels from .7 to .05, noise from `noise` / 3 to `noise`
    of the level, every second arm twice as noisy as its baseline; the truth is 10 % less in every set."""
    level, spread = np.geomspace(0.7, 0.05, sets)[:, None], np.geomspace(noise / 3, noise, sets)[:, None]
    luck, own, theirs = rng.standard_normal((3, REPEATS, sets, runs))
    noisier = np.where(np.arange(sets) % 2, 2.0, 1.0)[:, None]
    baseline = level * (1 + spread * (luck + theirs) / math.sqrt(2))
    return 0.9 * level * (1 + noisier * spread * (luck + own) / math.sqrt(2)), baseline, level


def covered(means, squared, degrees, truth):
    """The share of repeats whose interval holds the truth; means and squared errors are (repeats, sets)."""
    total = squared.sum(axis=1)
    df = total**2 / (squared**2 / degrees).sum(axis=1)
    half = scipy.stats.t.ppf(0.975, df) * np.sqrt(total) / means.shape[1]
    return float((np.abs(means.mean(axis=1) - truth) <= half).mean())


def over_seeds(values):
    """Mean and squared standard error over the last axis."""
    return values.mean(axis=-1), values.var(axis=-1, ddof=1) / values.shape[-1]


def near_95(share):
    """Within four standard errors of the simulation, and .006 for an approximation of the degrees of freedom."""
    return abs(share - 0.95) < 4 * math.sqrt(0.05 * 0.95 / REPEATS) + 0.006


@pytest.mark.parametrize(("runs", "sets"), list(itertools.product(RUNS, SETS)))
def test_intervals_of_the_mean_difference_cover(runs, sets):
    arm, baseline, level = draw(sets, runs, np.random.default_rng([runs, sets]), noise=0.15)
    means, squared = over_seeds(arm - baseline)
    assert near_95(covered(means, squared, runs - 1, -0.1 * level.mean()))


@pytest.mark.parametrize("noise", [0.05, 0.15])
@pytest.mark.parametrize(("runs", "sets"), list(itertools.product(RUNS, SETS)))
def test_intervals_of_the_mean_ratio_cover(runs, sets, noise):
    arm, baseline, _ = draw(sets, runs, np.random.default_rng([runs, sets, 1]), noise=noise)
    a, b = (side.mean(axis=-1, keepdims=True) for side in (arm, baseline))
    _, squared = over_seeds(arm / a - baseline / b)
    assert near_95(covered(np.log(a / b)[..., 0], squared, runs - 1, math.log(0.9)))


def test_intervals_cover_where_sets_have_different_numbers_of_seeds():
    rng = np.random.default_rng(0)
    parts = [draw(1, runs, rng, noise=0.1) for runs in (3, 6, 12)]
    means, squared = zip(*(over_seeds(arm - baseline) for arm, baseline, _ in parts), strict=True)
    share = covered(np.hstack(means), np.hstack(squared), np.array([2, 5, 11]), -0.1 * 0.7)
    assert near_95(share)


def test_the_simulation_computes_what_the_package_does():
    arm, baseline, _ = draw(3, 5, np.random.default_rng(0), noise=0.1)
    pairs = list(zip(rows(arm[0]), rows(baseline[0]), strict=True))
    for function, values in (
        (paired_difference, arm - baseline),
        (paired_log_ratio, arm / arm.mean(axis=-1, keepdims=True) - baseline / baseline.mean(axis=-1, keepdims=True)),
    ):
        ours = average([function(a, b) for a, b in pairs], sets=3)
        _, squared = over_seeds(values[:1])
        assert ours.error == pytest.approx(math.sqrt(squared.sum()) / 3)
        assert covered(np.full((1, 3), ours.mean), squared, 4, ours.low + 1e-12) == 1.0
        assert covered(np.full((1, 3), ours.mean), squared, 4, ours.low - 1e-12) == 0.0


@pytest.mark.parametrize("runs", RUNS)
def test_sets_that_share_their_splits_cover_when_summed_seed_by_seed(runs):
    rng = np.random.default_rng(runs)
    split, own = rng.standard_normal((REPEATS, 1, runs)), rng.standard_normal((REPEATS, 4, runs))
    deltas = math.sqrt(0.5) * (split + own) * np.geomspace(1, 3, 4)[:, None]
    apart = covered(*over_seeds(deltas), runs - 1, 0.0)
    assert apart < 0.9
    mean, squared = over_seeds(deltas.sum(axis=1, keepdims=True))
    assert near_95(covered(mean, squared, runs - 1, 0.0))
    joined = paired_difference(deltas[0], np.zeros_like(deltas[0]))
    assert joined == pytest.approx((mean[0, 0], math.sqrt(squared[0, 0]), runs - 1))


def test_an_estimated_standard_deviation_is_no_yardstick_at_three_seeds():
    """Why differences are not divided by the spread of runs: the module says so, and by how much it misses."""
    rng = np.random.default_rng(0)
    luck, own, theirs = rng.standard_normal((3, REPEATS, 5, 3))
    baseline, arm = math.sqrt(0.9) * luck + math.sqrt(0.1) * theirs, 2 * (math.sqrt(0.9) * luck + math.sqrt(0.1) * own)
    pooled = np.sqrt((arm.var(axis=-1, ddof=1) + baseline.var(axis=-1, ddof=1)) / 2)[..., None]
    assert covered(*over_seeds((arm - baseline) / pooled), 2, 0.0) < 0.88
    assert near_95(covered(*over_seeds(arm - baseline), 2, 0.0))
