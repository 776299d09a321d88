"""Student's t, against scipy's own distribution."""

import numpy as np
import pytest
from scipy import stats

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
