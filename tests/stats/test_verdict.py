"""Verdicts: every rule once, and the numbers behind them against statsmodels and scipy."""

import dataclasses
import math

import numpy as np
import pytest
import scipy.integrate
import scipy.stats
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.weightstats import CompareMeans, DescrStatsW

from ablate.stats.paired import paired_t, sign_flip
from ablate.stats.verdict import (
    VERDICTS,
    compare,
    minimum_detectable_effect,
    power_of,
    seeds_needed,
    tost,
)

NAN = math.nan


def study(seeds=6, **gains):
    """Build cells: a baseline that varies by seed, and arms that add their gain and a little noise of their own."""
    rng = np.random.default_rng(0)
    base = {s: 0.9 + 0.02 * rng.normal() for s in range(seeds)}
    arms = {"baseline": base}
    for name, gain in gains.items():
        arms[name] = {s: v + gain + 0.002 * rng.normal() for s, v in base.items()}
    return arms


def power(effect, n, alpha):
    """Integrate P(|Z + sqrt(n) effect| > t s) over the distribution of s; scipy's noncentral t is nan in places."""
    bar, shift = scipy.stats.t.isf(alpha / 2, n - 1), math.sqrt(n) * effect

    def found(s):
        tails = scipy.stats.norm.sf(bar * s - shift) + scipy.stats.norm.cdf(-bar * s - shift)
        return tails * 2 * (n - 1) * s * scipy.stats.chi2.pdf((n - 1) * s * s, n - 1)

    return scipy.integrate.quad(found, 0, 8, points=(shift / bar,), epsabs=1e-11, limit=400)[0]


def verdicts(arms, **options):
    options = {"higher_is_better": True, **options}
    return {name: contrast.verdict for name, contrast in compare(arms, "baseline", **options).items()}


@pytest.mark.parametrize("n", [2, 3, 6, 20])
@pytest.mark.parametrize("effect", [0.3, 1.0, 3.0])
def test_power_is_the_integral(n, effect):
    for alpha in (0.05, 0.005):
        expected = power(effect, n, alpha)
        assert power_of(effect, 1.0, n, alpha) == pytest.approx(expected, abs=1e-8)
        assert power_of(-5 * effect, 5.0, n, alpha) == pytest.approx(expected, abs=1e-8)


@pytest.mark.parametrize("n", [2, 3, 6, 20])
@pytest.mark.parametrize("alpha", [0.05, 0.05 / 11])
def test_minimum_detectable_effect_has_its_power(n, alpha):
    found = minimum_detectable_effect(0.01, n, alpha)
    assert power(found / 0.01, n, alpha) == pytest.approx(0.8, abs=1e-6)


@pytest.mark.parametrize("ratio", [0.1, 0.5, 1.0, 5.0])
def test_seeds_needed_is_the_first_that_suffices(ratio):
    n = seeds_needed(sd=2.0, effect=2.0 * ratio)
    assert power(ratio, n, 0.05) >= 0.8
    assert n == 2 or power(ratio, n - 1, 0.05) < 0.8


def test_power_where_there_is_nothing_to_say():
    assert power_of(1.0, 0.0, 6) is None
    assert power_of(1.0, 1.0, 1) is None
    assert minimum_detectable_effect(0.0, 6) is None
    assert minimum_detectable_effect(1.0, 1) is None
    assert seeds_needed(1.0, 0.0) is None
    assert seeds_needed(0.0, 1.0) is None
    assert seeds_needed(1.0, 0.1, most=50) is None
    with pytest.raises(ValueError, match="alpha"):
        minimum_detectable_effect(1.0, 6, alpha=0.9)
    for shift in (0.0, 1e-3, 5.0, 38.0, 1e3, 1e6):  # scipy's noncentral t gives nan in some of these tails.
        for n in (2, 6, 100, 10_000):
            assert 0.049 <= power_of(shift, 1.0, n) <= 1.0


@pytest.mark.parametrize("margin", [0.1, 0.5, 2.0])
def test_tost_is_statsmodels(margin):
    deltas = np.random.default_rng(0).normal(0.1, 0.4, 7)
    assert tost(deltas, margin) == pytest.approx(DescrStatsW(deltas).ttost_mean(-margin, margin)[0])


def test_tost_without_data_or_spread():
    assert tost(np.array([0.1]), 1.0) is None
    assert tost(np.zeros(5), 0.1) == 1 / 2**5
    assert tost(np.full(5, 0.2), 0.1) == 1.0
    with pytest.raises(ValueError, match="margin"):
        tost(np.zeros(5), 0.0)


def test_each_of_the_four_verdicts():
    arms = study(up=0.02, down=-0.02, same=0.0, near=0.008)
    found = verdicts(arms, margin=0.008)
    assert found == {"up": "better", "down": "worse", "same": "equivalent", "near": "better"}
    assert set(found.values()) < set(VERDICTS)
    turned = verdicts(arms, margin=0.008, higher_is_better=False)
    assert turned == {"up": "worse", "down": "better", "same": "equivalent", "near": "worse"}
    assert verdicts(arms)["same"] == "inconclusive"


def test_the_numbers_of_a_contrast():
    arms = study(up=0.004, down=-0.02, same=0.0)
    found = compare(arms, "baseline", higher_is_better=True, margin=0.01)
    assert list(found) == ["up", "down", "same"]
    base = np.array(list(arms["baseline"].values()))
    deltas = {name: np.array(list(arms[name].values())) - base for name in found}
    p = [scipy.stats.ttest_1samp(d, 0.0).pvalue for d in deltas.values()]
    p_tost = [DescrStatsW(d).ttost_mean(-0.01, 0.01)[0] for d in deltas.values()]
    np.testing.assert_allclose([c.p for c in found.values()], p)
    np.testing.assert_allclose([c.p_holm for c in found.values()], multipletests(p, method="holm")[1])
    np.testing.assert_allclose([c.p_bh for c in found.values()], multipletests(p, method="fdr_bh")[1])
    np.testing.assert_allclose([c.p_tost for c in found.values()], p_tost)
    np.testing.assert_allclose([c.p_tost_holm for c in found.values()], multipletests(p_tost, method="holm")[1])
    for name, c in found.items():
        d = deltas[name]
        assert (c.n, c.failures[:2], c.failures_baseline[:2], c.test) == (6, (0, 6), (0, 6), "paired t")
        np.testing.assert_allclose((c.mean, c.sd), (d.mean(), d.std(ddof=1)))
        np.testing.assert_allclose((c.low, c.high), DescrStatsW(d).tconfint_mean(0.05))
        np.testing.assert_allclose(
            (c.simultaneous_low, c.simultaneous_high), DescrStatsW(d).tconfint_mean(0.05 / 3), rtol=1e-9
        )
        assert power(c.mde / c.sd, 6, 0.05 / 3) == pytest.approx(0.8, abs=1e-6)
        assert c.seeds_for_margin == seeds_needed(c.sd, 0.01, 0.05 / 3)
        assert c.p_exact == sign_flip(d)
        assert c.rho == pytest.approx(np.corrcoef(base, base + d)[0, 1])
        assert c.pairing_gain == pytest.approx((base.var(ddof=1) + (base + d).var(ddof=1)) / d.var(ddof=1))


def test_only_shared_seeds_make_pairs():
    arms = study(up=0.02)
    del arms["up"][0], arms["baseline"][5]
    arms["up"][99] = 0.0
    found = compare(arms, "baseline", higher_is_better=True)["up"]
    assert found.n == 4
    deltas = np.array([arms["up"][s] - arms["baseline"][s] for s in (1, 2, 3, 4)])
    assert found.p == pytest.approx(paired_t(deltas).p)


@pytest.mark.parametrize("paired", [True, False])
def test_one_seed_has_no_interval_and_no_winner(paired):
    found = compare(study(seeds=1, up=5.0), "baseline", higher_is_better=True, margin=0.1, paired=paired)["up"]
    assert found.mean == pytest.approx(5.0, abs=0.01)
    assert found.verdict == "inconclusive"
    assert not found.disagrees
    empty = ("sd", "low", "high", "test", "p", "p_holm", "p_exact", "p_tost", "mde", "drop_one", "simultaneous_low")
    assert all(getattr(found, name) is None for name in empty)


@pytest.mark.parametrize("paired", [True, False])
def test_no_seed_at_all(paired):
    found = compare({"baseline": {0: 1.0}, "gone": {}}, "baseline", higher_is_better=True, paired=paired)["gone"]
    assert (found.n, found.mean, found.p, found.verdict) == (0, None, None, "inconclusive")


def test_an_arm_without_a_test_does_not_make_the_others_stricter():
    arms = study(up=0.02)
    alone = compare(arms, "baseline", higher_is_better=True)["up"]
    assert compare(arms | {"gone": {}, "one": {0: 0.9}}, "baseline", higher_is_better=True)["up"] == alone


def test_six_seeds_reach_a_verdict_under_eleven_contrasts_where_the_exact_test_cannot():
    arms = study(up=0.02, **{f"same{i}": 0.0 for i in range(10)})
    found = compare(arms, "baseline", higher_is_better=True)["up"]
    assert found.verdict == "better"
    assert found.p_exact == found.p_max_t == 2 / 2**6  # the largest statistic corrects for nothing here
    assert not found.disagrees
    assert not found.disputed


def test_a_t_test_that_the_exact_test_does_not_confirm_is_marked():
    found = compare(study(seeds=4, up=0.02), "baseline", higher_is_better=True)["up"]
    assert found.verdict == "better"
    assert found.p_exact == 2 / 2**4
    assert found.disagrees


@pytest.mark.parametrize("paired", [True, False])
def test_an_arm_that_always_fails_is_worse_by_its_failures(paired):
    for seeds in (4, 6):
        arms = study(seeds=seeds, up=0.02)
        arms["lost"] = dict.fromkeys(range(seeds), NAN)
        for higher in (True, False):
            found = compare(arms, "baseline", higher_is_better=higher, margin=0.1, paired=paired)["lost"]
            assert (found.verdict, found.by_failure, found.mean, found.n) == ("worse", True, None, 0)
            assert (found.failures.hits, found.failures_baseline.hits) == (seeds, 0)
            assert found.p_failure == pytest.approx(2 * 4.0**-seeds)  # twice the largest p^n (1 - p)^n
            assert found.p_tost is None
    few = {"baseline": {0: 1.0, 1: 1.1}, "lost": dict.fromkeys(range(2), NAN)}
    assert verdicts(few, paired=paired) == {"lost": "inconclusive"}


@pytest.mark.parametrize("paired", [True, False])
def test_a_baseline_that_always_fails_is_beaten_by_what_does_not(paired):
    arms = study(up=0.0)
    arms["baseline"] = dict.fromkeys(range(6), NAN)
    arms["half"] = {s: NAN if s < 3 else 0.9 for s in range(6)}
    found = compare(arms, "baseline", higher_is_better=True, paired=paired)
    assert {name: c.verdict for name, c in found.items()} == {"up": "better", "half": "inconclusive"}
    assert found["up"].by_failure


def test_quality_is_compared_given_success_and_more_failures_bar_better_and_equivalent():
    arms = study(seeds=12, up=0.05, same=0.0)
    for name in ("up", "same"):
        arms[name][3] = NAN
    found = compare(arms, "baseline", higher_is_better=True, margin=0.05)
    kept = [s for s in range(12) if s != 3]
    deltas = np.array([arms["up"][s] - arms["baseline"][s] for s in kept])
    assert (found["up"].n, found["up"].test) == (11, "paired t")
    assert found["up"].p == pytest.approx(scipy.stats.ttest_1samp(deltas, 0).pvalue)
    assert found["up"].p_exact == sign_flip(deltas)
    assert found["up"].p_holm < 0.05
    assert {c.verdict for c in found.values()} == {"inconclusive"}
    assert not any(c.by_failure for c in found.values())


def test_one_bad_seed_of_the_baseline_silences_nothing():
    arms = study(seeds=6, up=0.02, same=0.0, **{f"up{i}": 0.02 for i in range(4)})
    arms["baseline"][2] = NAN
    found = compare(arms, "baseline", higher_is_better=True)
    assert found["up"].n == 5
    assert found["up"].tests == 6  # a single failure can be no test
    assert all(c.verdict == "better" for name, c in found.items() if name.startswith("up"))
    assert found["same"].verdict == "inconclusive"


def test_failures_and_quality_in_opposite_directions_decide_nothing():
    arms = {"baseline": {s: NAN if s < 9 else 0.9 + 0.001 * s for s in range(16)}}
    arms["low"] = {s: 0.5 + 0.001 * (s % 3) for s in range(16)}
    arms["high"] = {s: 0.99 + 0.001 * (s % 3) for s in range(16)}
    found = compare(arms, "baseline", higher_is_better=True)
    assert [c.p_failure_corrected < 0.05 and c.p_holm < 0.05 for c in found.values()] == [True, True]
    assert {name: c.verdict for name, c in found.items()} == {"low": "inconclusive", "high": "better"}


def test_a_failure_without_its_pair_counts_as_well():
    arms = study(up=0.05)
    arms["up"][77] = NAN
    found = compare(arms, "baseline", higher_is_better=True)["up"]
    assert (found.test, found.failures.hits, found.failures.repeats, found.verdict) == (
        "paired t",
        1,
        7,
        "inconclusive",
    )
    assert found.p_holm < 0.05


@pytest.mark.parametrize("higher", [True, False])
def test_the_sign_test_beside_takes_failed_as_the_worst(higher):
    sign = 1 if higher else -1
    arms = {"baseline": {s: NAN if s == 7 else 1.0 for s in range(9)}}
    arms["bad"] = {s: NAN if s < 3 or s == 7 else 1.0 - 0.1 * sign for s in range(9)}
    found = compare(arms, "baseline", higher_is_better=higher)["bad"]
    assert found.p_sign == 2 / 2**8


def test_the_family_holds_both_questions_and_arms_that_are_gone():
    arms = study(seeds=8, up=0.02, same=0.0)
    arms["lost"] = dict.fromkeys(range(8), NAN)
    found = compare(arms, "baseline", higher_is_better=True)
    p = [found["up"].p, found["same"].p, found["lost"].p_failure]
    holm = multipletests(p, method="holm")[1]
    np.testing.assert_allclose([found["up"].p_holm, found["same"].p_holm, found["lost"].p_failure_corrected], holm)
    more = compare(arms, "baseline", higher_is_better=True, gone=2)
    holm = multipletests([*p, 1.0, 1.0], method="holm")[1]
    np.testing.assert_allclose(more["up"].p_holm, holm[0])
    assert more["up"].p_max_t == pytest.approx(min(1, found["up"].p_max_t * 5 / 3))
    assert {c.tests for c in more.values()} == {5}


def test_the_declared_test_decides_and_the_other_one_disputes():
    four = study(seeds=4, up=0.02)
    by_t, by_flips = (compare(four, "baseline", higher_is_better=True, test=test)["up"] for test in ("t", "max_t"))
    assert (by_t.verdict, by_t.disputed) == ("better", True)
    assert (by_flips.verdict, by_flips.disputed, by_flips.p_corrected) == ("inconclusive", False, 2 / 2**4)


def test_the_smallest_margin_is_that_at_which_the_corrected_test_of_equivalence_reaches_alpha():
    arms = study(up=0.004, down=-0.02, same=0.0)
    for name, c in compare(arms, "baseline", higher_is_better=True).items():
        deltas = np.array([arms[name][s] - arms["baseline"][s] for s in range(6)])
        assert DescrStatsW(deltas).ttost_mean(-c.within, c.within)[0] == pytest.approx(0.05 / 3)


def test_the_detectable_effect_of_unshared_seeds_has_welchs_degrees_of_freedom():
    rng = np.random.default_rng(3)
    arms = {"baseline": dict(enumerate(rng.normal(size=6))), "a": {10 + i: x for i, x in enumerate(rng.normal(size=6))}}
    found = compare(arms, "baseline", higher_is_better=True, paired=False)["a"]
    samples = [np.array(list(runs.values())) for runs in arms.values()]
    df = scipy.stats.ttest_ind(*samples, equal_var=False).df
    bar = scipy.stats.t.isf(0.025, df)
    shift = found.mde / (found.sd / math.sqrt(6))
    assert scipy.stats.nct.sf(bar, df, shift) + scipy.stats.nct.cdf(-bar, df, shift) == pytest.approx(0.8)


def test_deltas_without_spread_fall_back_to_the_exact_test():
    base = study()["baseline"]
    arms = {"baseline": base, "same": dict(base), "up": {s: v + 0.25 for s, v in base.items()}}
    found = compare(arms, "baseline", higher_is_better=True, margin=0.1)
    assert (found["same"].p, found["same"].test, found["same"].p_tost) == (1.0, "sign flip", 1 / 2**6)
    assert (found["up"].p, found["up"].p_holm, found["up"].verdict) == (2 / 2**6, 4 / 2**6, "inconclusive")
    assert found["same"].verdict == "equivalent"


def test_unshared_seeds_are_compared_by_welch():
    rng = np.random.default_rng(3)
    a, b = rng.normal(0.95, 0.01, 5), rng.normal(0.9, 0.02, 7)
    arms = {"baseline": dict(enumerate(b)), "up": {100 + i: v for i, v in enumerate(a)}}
    found = compare(arms, "baseline", higher_is_better=True, paired=False, margin=0.01)["up"]
    theirs = CompareMeans(DescrStatsW(a), DescrStatsW(b))
    assert (found.n, found.test, found.verdict) == (5, "Welch t", "better")
    assert found.p == pytest.approx(scipy.stats.ttest_ind(a, b, equal_var=False).pvalue)
    np.testing.assert_allclose((found.low, found.high), theirs.tconfint_diff(usevar="unequal"))
    assert found.p_tost == pytest.approx(theirs.ttost_ind(-0.01, 0.01, usevar="unequal")[0])
    assert found.p_wilcoxon == pytest.approx(scipy.stats.mannwhitneyu(a, b, method="exact").pvalue)
    assert found.p_sign is found.rho is found.drop_one is None
    arms["up"][100] = NAN
    lost = compare(arms, "baseline", higher_is_better=True, paired=False)["up"]
    assert (lost.test, lost.n, lost.verdict) == ("Welch t", 4, "inconclusive")
    assert lost.p == pytest.approx(scipy.stats.ttest_ind(a[1:], b, equal_var=False).pvalue)


def test_no_nan_leaves_compare():
    rng = np.random.default_rng(5)
    for trial in range(60):
        n = int(rng.integers(0, 5))
        arms = {
            name: {s: rng.choice([NAN, math.inf, 0.5, rng.normal()]) for s in range(8) if rng.random() < n / 4}
            for name in ("baseline", "a", "b")
        }
        for c in compare(arms, "baseline", higher_is_better=True, margin=0.5, paired=bool(trial % 2)).values():
            for name, value in dataclasses.asdict(c).items():
                values = value if isinstance(value, tuple) else (value,)
                assert not any(isinstance(v, float) and not math.isfinite(v) for v in values), (name, value)
            assert c.verdict in VERDICTS
            assert c.verdict not in ("better", "equivalent") or c.excess <= 0


def test_mistakes_are_named():
    arms = study(up=0.02)
    with pytest.raises(ValueError, match=r"'none' is no arm; the arms are baseline, up"):
        compare(arms, "none", higher_is_better=True)
    with pytest.raises(ValueError, match="alpha"):
        compare(arms, "baseline", higher_is_better=True, alpha=5.0)
    with pytest.raises(ValueError, match="margin"):
        compare(arms, "baseline", higher_is_better=True, margin=-0.1)
    with pytest.raises(ValueError, match="max_t takes shared seeds"):
        compare(arms, "baseline", higher_is_better=True, paired=False, test="max_t")
