"""Student's t, against scipy's own distribution."""

import numpy as np
import pytest
from scipy import optimize, stats

from ablate.stats.power import minimum_detectable_effect, power_of
from ablate.stats.student import quantile, upper_tail

DEGREES = (1, 2, 5, 7.31, 40, 1000)


@pytest.mark.parametrize("df", DEGREES)
def test_tails_and_quantiles_are_those_of_scipy_to_the_bit(df):
    for t in (-12.0, -1.0, 0.0, 1e-9, 2.5, 80.0, np.inf):
        assert upper_tail(t, df) == stats.t.sf(t, df)
    for level in (1e-12, 0.001, 0.05):
        assert quantile(1 - level, df) == stats.t.ppf(1 - level, df)
        assert -quantile(level, df) == stats.t.isf(level, df)


def test_the_detectable_effect_is_in_units_of_the_spread_and_has_the_power():
    small, large = (minimum_detectable_effect(sd, 6, 0.01) for sd in (0.01, 10.0))
    assert large == pytest.approx(1000 * small, rel=1e-12)
    assert power_of(small, 0.01, 6, 0.01) == pytest.approx(0.8)


@pytest.mark.parametrize(("n", "alpha"), [(2, 0.05), (6, 0.05), (20, 1e-9), (500, 0.05)])
def test_the_minimum_detectable_effect_is_where_scipy_s_power_is_eighty_percent(n, alpha):
    bar = stats.t.isf(alpha / 2, n - 1)

    def lacking(shift):
        both = stats.nct.sf(bar, n - 1, shift) + np.nan_to_num(stats.nct.cdf(-bar, n - 1, shift))
        return both - 0.8

    shift = optimize.brentq(lacking, 0, 2 + 2 * bar, xtol=1e-12)
    assert minimum_detectable_effect(1.0, n, alpha) == pytest.approx(shift / np.sqrt(n), rel=1e-9)


def test_a_shift_so_large_that_no_number_lies_between_its_limits_is_found():
    assert 1e8 < minimum_detectable_effect(1.0, 2, alpha=1e-9) < 1e10
