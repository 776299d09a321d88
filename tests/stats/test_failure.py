"""Failures: the exact test against its definition, intervals against scipy, and which runs count as failed."""

import itertools

import numpy as np
import pytest
import scipy.stats

from ablate.stats.failure import can_differ, compare_failures, not_above_chance, outliers, rate


def boschloo(a, n, b, m):
    """Twice the smaller of two one-sided p: sup over p of P(a table whose Fisher p is at most that seen)."""

    def fisher(x, y, side):
        return scipy.stats.fisher_exact([[x, y], [n - x, m - y]], alternative=side).pvalue

    def one_sided(side):
        seen = fisher(a, b, side) * (1 + 1e-13)
        tables = [(x, y) for x, y in itertools.product(range(n + 1), range(m + 1)) if fisher(x, y, side) <= seen]
        grid = np.linspace(1e-6, 1 - 1e-6, 4001)
        total = sum(scipy.stats.binom.pmf(x, n, grid) * scipy.stats.binom.pmf(y, m, grid) for x, y in tables)
        return float(np.max(total))

    return min(1.0, 2 * min(one_sided("less"), one_sided("greater")))


@pytest.mark.parametrize(("a", "n", "b", "m"), [(6, 6, 0, 6), (3, 6, 0, 6), (1, 6, 0, 6), (4, 5, 1, 7), (2, 3, 0, 3)])
def test_the_exact_test_is_what_it_is_defined_as(a, n, b, m):
    found = compare_failures(a, n, b, m)
    assert found == pytest.approx(boschloo(a, n, b, m), abs=2e-4)
    assert found == pytest.approx(compare_failures(b, m, a, n), abs=1e-4)


def test_where_there_is_nothing_to_test():
    assert compare_failures(0, 6, 0, 6) is compare_failures(0, 0, 3, 3) is compare_failures(3, 3, 0, 0) is None


def test_only_sums_of_failures_that_some_split_makes_significant_are_tests():
    for n, failed in itertools.product((3, 6, 10), range(1, 9)):
        if failed > 2 * n:
            continue
        splits = [(a, failed - a) for a in range(failed + 1) if a <= n and failed - a <= n]
        reached = any(compare_failures(a, n, b, n) <= 0.05 for a, b in splits)
        assert can_differ(failed, n, n) == reached, (n, failed)


@pytest.mark.parametrize(("hits", "repeats"), [(0, 6), (6, 6), (2, 10)])
@pytest.mark.parametrize("confidence", [0.95, 0.8])
def test_the_interval_of_a_rate_is_scipys(hits, repeats, confidence):
    theirs = scipy.stats.binomtest(hits, repeats).proportion_ci(confidence, method="exact")
    assert rate(hits, repeats, confidence)[2:] == pytest.approx((hits / repeats, theirs.low, theirs.high))


def test_chance_is_three_standard_errors_wide():
    error = (0.1 * 0.9 / 450) ** 0.5
    assert not_above_chance(0.1 + 2.99 * error, 0.1, 450)
    assert not not_above_chance(0.1 + 3.01 * error, 0.1, 450)
    assert not_above_chance(0.0, 0.1, 450)


def runs(*values):
    return dict(enumerate(values))


def test_a_run_far_below_its_siblings_is_found_and_one_far_above_is_not():
    arms = {"a": runs(0.9, 0.91, 0.92, 0.905, 0.31), "b": runs(0.9, 0.91, 0.92, 0.905, 0.999), "c": runs(0.9, 0.1)}
    assert outliers(arms, higher_is_better=True) == {"a": (4,), "b": (), "c": ()}
    assert outliers(arms, higher_is_better=False)["b"] == ()  # less is better: on logarithms it is no outlier
    losses = {"a": runs(0.30, 0.31, 0.29, 0.305, 5.0), "b": runs(0.3, 0.31, 0.29, 0.3, 0.001)}
    assert outliers(losses, higher_is_better=False) == {"a": (4,), "b": ()}


def test_several_that_collapse_do_not_hide_each_other():
    arms = {"a": runs(0.9, 0.91, 0.92, 0.905, 0.31, 0.312)}
    assert outliers(arms, higher_is_better=True) == {"a": (4, 5)}


def test_equal_results_make_no_outlier_of_the_next():
    arms = {"a": runs(0.9, 0.9, 0.9, 0.9, 0.898), "b": runs(0.9, 0.91, 0.92, 0.9, 0.89)}
    assert outliers(arms, higher_is_better=True) == {"a": (), "b": ()}
    assert outliers({"a": runs(0.9, 0.9, 0.9, 0.5)}, higher_is_better=True) == {"a": ()}  # no spread to measure by


@pytest.mark.parametrize(("n", "arms"), [(4, 2), (6, 6), (10, 2)])
def test_normal_runs_are_rarely_outliers(n, arms):
    rng = np.random.default_rng(0)
    hits = 0
    for _ in range(400):
        cells = rng.normal(0.9, 0.01, size=(arms, n))
        found = outliers({str(i): runs(*row) for i, row in enumerate(cells)}, higher_is_better=True)
        hits += any(found.values())
    assert rate(hits, 400).low < 0.02


def test_a_collapse_of_ten_sds_is_mostly_found():
    rng = np.random.default_rng(0)
    found = 0
    for _ in range(200):
        cells = rng.normal(0.0, 1.0, size=(6, 10))
        cells[0, 3] -= 10
        found += 3 in outliers({str(i): runs(*row) for i, row in enumerate(cells)}, higher_is_better=True)["0"]
    assert found > 180
