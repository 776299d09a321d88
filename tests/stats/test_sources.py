"""Sources of spread against scipy, closed forms and simulation."""

import math

import numpy as np
import pytest
import scipy.stats

from ablate.stats.power import seeds_needed
from ablate.stats.sources import sd_limit, sd_of_difference, share_of, spread_of

DRAWS = 4000


@pytest.mark.parametrize("n", [2, 3, 10, 40])
@pytest.mark.parametrize("confidence", [0.8, 0.95])
def test_the_interval_of_a_sd_inverts_the_chi_square_test(n, confidence):
    values = np.random.default_rng(n).normal(0.9, 0.02, n)
    spread = spread_of(values, confidence)
    assert (spread.n, spread.mean, spread.sd) == (n, values.mean(), values.std(ddof=1))
    for limit, tail in ((spread.low, scipy.stats.chi2.sf), (spread.high, scipy.stats.chi2.cdf)):
        assert tail((n - 1) * spread.variance / limit**2, n - 1) == pytest.approx((1 - confidence) / 2)


def test_the_share_of_one_part_inverts_the_f_test():
    generator = np.random.default_rng(0)
    part, whole = generator.normal(0, 1, 8), generator.normal(0, 2, 12)
    share = share_of([spread_of(part)], spread_of(whole))
    assert share.share == pytest.approx(part.var(ddof=1) / whole.var(ddof=1))
    for limit, tail in ((share.low, scipy.stats.f.sf), (share.high, scipy.stats.f.cdf)):
        assert tail(share.share / limit, 7, 11) == pytest.approx(0.025)


def test_equal_parts_add_their_degrees_of_freedom():
    part, whole = spread_of(np.array([0.0, 1.0, 2.0, 3.0])), spread_of(np.array([0.0, 2.0, 4.0, 6.0, 8.0]))
    share = share_of([part] * 3, whole)
    assert share.share == pytest.approx(3 * part.variance / whole.variance)
    assert share.share / share.low == pytest.approx(scipy.stats.f.ppf(0.975, 9, 4))


@pytest.mark.parametrize("sds", [(0.7,), (0.6, 0.4, 0.3), (0.9, 0.05, 0.05, 0.05)])
def test_intervals_of_shares_cover(sds):
    generator, hits = np.random.default_rng(1), 0
    truth = sum(sd**2 for sd in sds)
    for _ in range(DRAWS):
        parts = [spread_of(generator.normal(0, sd, 10)) for sd in sds]
        share = share_of(parts, spread_of(generator.normal(0, 1, 10)))
        hits += share.low <= truth <= share.high
    # 95 % of 4000 has a standard error of 0.35 points; Satterthwaite's degrees of freedom are not exact.
    assert 0.935 < hits / DRAWS < 0.965


def test_the_assured_limit_lies_above_the_true_sd_nine_times_out_of_ten():
    samples = np.random.default_rng(2).normal(0, 1, (DRAWS, 6))
    above = [sd_limit(sd, 6, below=0.1) > 1 for sd in samples.std(axis=1, ddof=1)]
    assert np.mean(above) == pytest.approx(0.9, abs=0.02)


def test_plans_with_the_limit_reach_their_power_nine_times_out_of_ten_and_plans_without_it_half_of_the_time():
    generator, effect = np.random.default_rng(3), 1.0
    truly = seeds_needed(sd_of_difference(1.0), effect, df_factor=2.0)
    enough = np.zeros(2)
    for _ in range(400):
        sd = generator.normal(0, 1, 10).std(ddof=1)
        plans = [seeds_needed(sd_of_difference(each), effect, df_factor=2.0) for each in (sd, sd_limit(sd, 10, 0.1))]
        enough += [plan >= truly for plan in plans]
    assert 0.35 < enough[0] / 400 < 0.55
    assert enough[1] / 400 == pytest.approx(0.9, abs=0.05)


def test_seeds_for_an_unpaired_difference_are_those_of_the_two_sample_test():
    needed = seeds_needed(sd_of_difference(1.0), 1.0, df_factor=2.0)
    assert needed == 17  # Cohen 1988: d = 1, alpha .05 two-sided, power .80


def test_without_a_spread_there_is_no_share():
    still, moving = spread_of(np.array([0.5, 0.5, 0.5])), spread_of(np.array([0.1, 0.2, 0.3]))
    assert (still.sd, still.low, still.high) == (0.0, None, None)
    assert spread_of(np.array([0.1, 0.1 + 1e-10])).sd == 0.0  # rounding
    assert share_of([moving], still) is None
    assert tuple(share_of([still], moving)) == (0.0, None, None)
    assert share_of([still, moving], moving) == share_of([moving], moving)


def test_a_difference_keeps_what_is_not_shared():
    generator = np.random.default_rng(4)
    common, own = generator.normal(0, math.sqrt(0.3), DRAWS), generator.normal(0, math.sqrt(0.7), (2, DRAWS))
    assert np.std((common + own[0]) - (common + own[1])) == pytest.approx(sd_of_difference(1.0, 0.3), rel=0.03)
    assert sd_of_difference(2.0) == pytest.approx(2 * math.sqrt(2))
    assert sd_of_difference(1.0, 1.3) == 0.0


def test_too_few_or_infinite_values_are_refused():
    with pytest.raises(ValueError, match="two values"):
        spread_of(np.array([1.0]))
    with pytest.raises(ValueError, match="finite"):
        spread_of(np.array([1.0, np.nan]))
