"""Effects, shares of variation and Shapley values against statsmodels, differences of means and brute force."""

import itertools
import math

import numpy as np
import pandas as pd
import pytest
import scipy.stats
import statsmodels.api as sm
import statsmodels.formula.api as smf
from statsmodels.stats.multitest import multipletests

from ablate.stats.attribution import company, corrected, shapley
from ablate.stats.designs import fractional, full
from ablate.stats.factorial import effects, separable, shares
from ablate.stats.simulate import rate

FORMULA = "y ~ (C(a, Sum) + C(b, Sum) + C(c, Sum))**2"


def cells(levels=(2, 2, 2), seeds=4, drop=(), noise=0.1):
    """Simulate a grid in which a helps, b helps only without a, and c does nothing."""
    rng = np.random.default_rng(0)
    grid = np.array(list(itertools.product(*(range(n) for n in levels))))
    table = np.tile(grid, (seeds, 1))
    seed = np.repeat(np.arange(seeds), len(grid))
    y = 0.5 * table[:, 0] + 0.2 * table[:, 1] * (table[:, 0] == 0) + rng.normal(size=seeds)[seed]
    y = y + noise * rng.normal(size=len(y))
    keep = np.setdiff1d(np.arange(len(y)), drop)
    return table[keep], y[keep], seed[keep]


def reference(table, y, seed):
    frame = pd.DataFrame({"a": table[:, 0], "b": table[:, 1], "c": table[:, 2], "seed": seed, "y": y})
    return smf.ols(FORMULA if seed is None else f"{FORMULA} + C(seed)", frame).fit()


def weights_of(effect, names, levels):
    """Weights of statsmodels' columns: level l of a sum-coded factor is a unit vector, the last -1 everywhere."""
    weights = np.zeros(len(names))
    for signs in itertools.product((0, 1), repeat=len(effect.factors)):
        at = {f: level * s for f, level, s in zip(effect.factors, effect.levels, signs, strict=True)}
        sign = (-1) ** (len(signs) - sum(signs))
        for i, name in enumerate(names):
            parts = [p for p in name.split(":") if "Sum" in p]
            if {"abc".index(p[2]) for p in parts} == set(effect.factors):
                weights[i] += sign * np.prod([code(p, at, levels) for p in parts])
    return weights


def test_effects_on_a_full_grid_are_differences_of_means():
    table, y, seed = cells(seeds=12)
    found = {e.factors: e for e in effects(table, y, seed)}
    for factor in range(3):
        on = table[:, factor] == 1
        assert found[factor,].estimate == pytest.approx(y[on].mean() - y[~on].mean())
        assert found[factor,].levels == (1,)
    mean = {ab: y[(table[:, :2] == ab).all(axis=1)].mean() for ab in itertools.product((0, 1), repeat=2)}
    assert found[0, 1].estimate == pytest.approx((mean[1, 1] - mean[0, 1]) - (mean[1, 0] - mean[0, 0]))
    assert found[0, 1].p < 0.01
    assert found[2,].p > 0.05


@pytest.mark.parametrize("lost", ["none", "one in two seeds", "a whole seed"])
@pytest.mark.parametrize("levels", [(2, 2, 2), (3, 2, 2), (3, 2, 4)])
def test_effects_are_t_tests_over_seeds_of_contrasts_within_seeds(levels, lost):
    size = math.prod(levels)
    drop = {"none": (), "one in two seeds": (0, size + 5), "a whole seed": range(size)}[lost]
    table, y, seed = cells(levels, seeds=6, drop=drop)
    found = effects(table, y, seed, confidence=0.9)
    for effect in found:
        values = []
        for s in np.unique(seed):
            mine = seed == s
            model = reference(table[mine], y[mine], None)
            values += [float(weights_of(effect, model.model.exog_names, levels) @ model.params.to_numpy())]
        theirs = scipy.stats.ttest_1samp(values, 0.0)
        np.testing.assert_allclose(
            [effect.n, effect.estimate, effect.low, effect.high, effect.t, effect.p],
            [len(np.unique(seed)), np.mean(values), *theirs.confidence_interval(0.9), theirs.statistic, theirs.pvalue],
            rtol=1e-6,
            atol=1e-9,
        )
    assert len(found) == sum(n - 1 for n in levels) + sum(
        (m - 1) * (n - 1) for m, n in itertools.combinations(levels, 2)
    )
    for order in (1, 2):
        family = [e for e in found if len(e.factors) == order]
        theirs = multipletests([e.p for e in family], method="holm")[1]
        np.testing.assert_allclose([e.p_holm for e in family], theirs)


@pytest.mark.parametrize("drop", [(), (3,), (0, 5, 11, 30)])
@pytest.mark.parametrize("levels", [(2, 2, 2), (3, 2, 4)])
def test_effects_of_unshared_seeds_are_those_of_one_fit(levels, drop):
    table, y, _ = cells(levels, drop=drop)
    model = reference(table, y, None)
    for effect in effects(table, y, None, confidence=0.9):
        test = model.t_test(weights_of(effect, model.model.exog_names, levels))
        np.testing.assert_allclose(
            [effect.estimate, effect.low, effect.high, effect.t, effect.p],
            [*test.effect, *test.conf_int(0.1)[0], *np.ravel(test.tvalue), np.ravel(test.pvalue)[0]],
            rtol=1e-6,
            atol=1e-9,
        )


@pytest.mark.parametrize("tricks", [2, 4])
def test_tricks_that_work_on_some_seeds_only_are_not_called_effective_too_often(tricks):
    # Mean effect 0, and over seeds a spread as large as the noise of a cell: the pooled residual says "helps" or
    # "hurts" of some trick in 15 % (two tricks) and 48 % (four) of such studies.
    rng, grid, repeats, seeds = np.random.default_rng(0), full(tricks), 400, 6
    table, seed = np.tile(grid, (seeds, 1)), np.repeat(np.arange(seeds), len(grid))
    hits = 0
    for _ in range(repeats):
        y = rng.normal(size=len(table)) + (table * rng.normal(size=(seeds, tricks))[seed]).sum(axis=1)
        hits += any(e.p_holm <= 0.05 for e in effects(table, y, seed) if len(e.factors) == 1)
    assert rate(hits, repeats).low <= 0.05
    assert hits > 0


def test_cells_without_a_result_are_nan_and_change_nothing_else():
    table, y, seed = cells((3, 2, 2), seeds=5)
    lost = y.copy()
    lost[[0, 14]] = np.nan
    known = ~np.isnan(lost)
    assert effects(table, lost, seed) == effects(table[known], y[known], seed[known])
    assert shares(table, lost, seed) == shares(table[known], y[known], seed[known])
    lost[table[:, 0] == 0] = np.nan  # the lowest level has no cell left: nothing can be compared with it
    found = effects(table, lost, seed)
    assert all(e.estimate is None for e in found if 0 in e.factors)
    assert [e.n for e in found if e.factors == (0,)] == [0, 0]
    with pytest.raises(ValueError, match="finite"):
        effects(table, np.full(len(y), np.inf), seed)


def code(part, at, levels):
    """Value of statsmodels' column `C(a, Sum)[S.0]` at a level."""
    factor, column = "abc".index(part[2]), int(part.split("S.")[1][0])
    if at[factor] == levels[factor] - 1:
        return -1
    return int(at[factor] == column)


@pytest.mark.parametrize("drop", [(), (3,), (0, 5, 11, 30)])
@pytest.mark.parametrize("levels", [(2, 2, 2), (3, 2, 4)])
def test_shares_are_statsmodels_type_two(levels, drop):
    table, y, seed = cells(levels, drop=drop)
    theirs = sm.stats.anova_lm(reference(table, y, seed), typ=2)
    residual = theirs.loc["Residual", "sum_sq"]
    for share in shares(table, y, seed):
        row = theirs.loc[":".join(f"C({'abc'[f]}, Sum)" for f in share.factors)]
        np.testing.assert_allclose([share.df, share.sum_squares], [row.df, row.sum_sq], rtol=1e-6)
        assert share.partial_eta_squared == pytest.approx(row.sum_sq / (row.sum_sq + residual))


def test_what_a_fraction_aliases_is_not_estimated():
    three, four = fractional(3, resolution=3).matrix, fractional(4, resolution=4).matrix
    y3, y4 = np.array([1.0, 2.0, 4.0, 3.0]), np.random.default_rng(0).normal(size=8)
    assert all(e.estimate is None for e in effects(three, y3, np.zeros(4, int)))
    mains = effects(three, y3, np.zeros(4, int), interactions=False)
    assert [e.estimate for e in mains] == pytest.approx([y3[c == 1].mean() - y3[c == 0].mean() for c in three.T])
    assert [separable(matrix) for matrix in (three, four, full(2))] == [False, True, True]
    found = effects(four, y4, np.zeros(8, int))
    assert [e.estimate is None for e in found] == [len(e.factors) == 2 for e in found]
    assert [s.sum_squares is None for s in shares(four, y4, np.zeros(8, int))] == [len(e.factors) == 2 for e in found]


def test_one_seed_means_no_interval():
    y = np.array([1.0, 2.0, 4.0, 8.0])
    for found in (effects(full(2), y, np.zeros(4, int)), effects(full(2), y, None)):
        assert [e.estimate for e in found] == pytest.approx([4.5, 2.5, 3.0])
        assert all(e.low is e.high is e.t is e.p is e.p_holm is None for e in found)
    assert all(s.partial_eta_squared is None for s in shares(full(2), y, np.zeros(4, int)))


def test_a_missing_corner_makes_its_interaction_inestimable():
    table = np.array([[0, 0], [0, 1], [1, 0]] * 3)
    y, seed = np.random.default_rng(0).normal(size=9), np.repeat(np.arange(3), 3)
    found = effects(table, y, seed)
    assert [e.estimate for e in found] == [None, None, None]
    assert [s.df for s in shares(table, y, seed)] == [1, 1, None]
    assert all(e.p is not None for e in effects(table, y, seed, interactions=False))


def test_cells_must_fit(unchecked):
    with pytest.raises(ValueError, match="do not fit"):
        effects(full(2), np.zeros(3), np.zeros(4, int))


def test_shapley_is_the_mean_over_all_orders():
    table, y, seed = cells(seeds=3)
    found = shapley(table, y, seed)
    value = {(s, *row): v for s, row, v in zip(seed.tolist(), table.tolist(), y, strict=True)}
    by_seed = np.zeros((3, 3))
    orders = list(itertools.permutations(range(3)))
    for s, order in itertools.product(range(3), orders):
        on = [0, 0, 0]
        for trick in order:
            before = value[s, *on]
            on[trick] = 1
            by_seed[s, trick] += (value[s, *on] - before) / len(orders)
    np.testing.assert_allclose([f.value.mean for f in found], by_seed.mean(axis=0))
    total = np.mean([value[s, 1, 1, 1] - value[s, 0, 0, 0] for s in range(3)])
    assert sum(f.value.mean for f in found) == pytest.approx(total)
    assert [f.share for f in found] == pytest.approx(by_seed.mean(axis=0) / total)
    assert found[0].value.low < found[0].value.mean < found[0].value.high


def test_shapley_uses_complete_seeds_only():
    table, y, seed = cells(seeds=3, drop=(4,))
    rest = seed != 0
    assert shapley(table, y, seed) == shapley(table[rest], y[rest], seed[rest])
    assert shapley(table[:7], y[:7], seed[:7]) is None
    flat = shapley(full(2), np.ones(4), np.zeros(4, int))
    assert [f.share for f in flat] == [None, None]
    assert flat[0].value == (0.0, None, None)
    with pytest.raises(ValueError, match="twice"):
        shapley(np.vstack([full(2), full(2)]), np.ones(8), np.zeros(8, int))
    with pytest.raises(ValueError, match="on"):
        shapley(2 * full(2), np.ones(4), np.zeros(4, int))


def test_company_tells_synergy_from_redundancy():
    rng = np.random.default_rng(0)
    alone = 0.02 + 0.001 * rng.normal(size=6)
    more, less = alone + 0.01 + 0.001 * rng.normal(size=6), alone - 0.015 + 0.001 * rng.normal(size=6)
    kinds = [company(alone, other, higher_is_better=True).kind for other in (more, less, alone)]
    assert kinds == ["synergy", "redundancy", "unclear"]
    # For a loss, gains are negative deltas: the same reading with every sign turned.
    assert company(-alone, -more, higher_is_better=False).kind == "synergy"
    assert company(alone[:1], more[:1], higher_is_better=True).kind == "unclear"


def test_many_tricks_are_read_with_corrected_p():
    rng = np.random.default_rng(0)
    alone = 0.02 + 0.001 * rng.normal(size=6)
    tricks = [company(alone, alone + 0.001 * rng.normal(size=6), higher_is_better=True) for _ in range(200)]
    assert any(trick.kind != "unclear" for trick in tricks)  # one in twenty, one at a time
    real = company(alone, alone - 0.015 + 0.0001 * rng.normal(size=6), higher_is_better=True)
    single = company(alone[:1], alone[:1], higher_is_better=True)
    found = corrected([*tricks, real, single], higher_is_better=True)
    assert {trick.kind for trick in found[:200]} == {"unclear"}
    assert (found[200].kind, found[201].kind) == ("redundancy", "unclear")
    assert found[200].p_holm == pytest.approx(201 * real.extra.p)
    assert found[201].p_holm is None
