"""Corrections against statsmodels."""

import numpy as np
import pytest
import scipy.stats
from statsmodels.stats.multitest import multipletests

from ablate.stats.multiple import benjamini_hochberg, holm, simultaneous_confidence, simultaneous_intervals

CASES = [[0.03], [0.01, 0.04, 0.03], [0.5, 0.5, 0.9, 1.0], [0.02] * 4, np.random.default_rng(0).random(20).tolist()]


@pytest.mark.parametrize("p", CASES)
@pytest.mark.parametrize(("ours", "theirs"), [(holm, "holm"), (benjamini_hochberg, "fdr_bh")])
def test_adjusted_p_is_statsmodels(p, ours, theirs):
    expected = multipletests(p, method=theirs)[1]
    np.testing.assert_allclose(ours(p), expected, rtol=1e-12)
    gaps = [None, *p[:1], None, *p[1:], None]
    found = ours(gaps)
    assert [x is None for x in found] == [x is None for x in gaps]
    np.testing.assert_allclose([x for x in found if x is not None], expected, rtol=1e-12)


@pytest.mark.parametrize("correct", [holm, benjamini_hochberg])
def test_no_tests_and_no_nan(correct):
    assert correct([]) == []
    assert correct([None, None]) == [None, None]
    for bad in (float("nan"), -0.1, 1.1):
        with pytest.raises(ValueError, match="p-values"):
            correct([0.5, bad])


def test_simultaneous_intervals_share_alpha_among_the_estimable():
    rng = np.random.default_rng(0)
    deltas = [rng.normal(size=5), rng.normal(size=8), np.array([1.0]), np.array([])]
    found = simultaneous_intervals(deltas, alpha=0.1)
    for d, interval in zip(deltas[:2], found[:2], strict=True):
        half = scipy.stats.t.ppf(1 - 0.1 / 4, d.size - 1) * scipy.stats.sem(d)
        np.testing.assert_allclose(interval, (d.mean(), d.mean() - half, d.mean() + half))
    assert found[2] == (1.0, None, None)
    assert found[3] == (None, None, None)


def test_an_interval_excludes_zero_exactly_where_bonferroni_rejects():
    rng = np.random.default_rng(1)
    deltas = [rng.normal(shift, 1.0, 6) for shift in np.linspace(0, 4, 12)]
    p = multipletests([scipy.stats.ttest_1samp(d, 0).pvalue for d in deltas], method="bonferroni")[1]
    excluded = [low > 0 or high < 0 for _, low, high in simultaneous_intervals(deltas)]
    assert excluded == (p <= 0.05).tolist()
    assert 0 < sum(excluded) < 12
    assert simultaneous_confidence(12) == pytest.approx(1 - 0.05 / 12)
