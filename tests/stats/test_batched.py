"""Rules over many studies at once are the rules of `compare`, study by study."""

import numpy as np
import pytest

from ablate.stats.batched import (
    covered,
    decide,
    paired_quality,
    unpaired_quality,
    without_outliers,
)
from ablate.stats.batched_tests import holm_p, max_t_p
from ablate.stats.failure import outliers
from ablate.stats.max_t import max_t
from ablate.stats.multiple import holm
from ablate.stats.scenarios import failing, tied
from ablate.stats.verdict import compare

NAN = float("nan")


def key(seed):
    return np.random.default_rng(seed)


def as_study(cells):
    return {str(i): dict(enumerate(row.tolist())) for i, row in enumerate(cells)}


def hard_cells(studies, arms, n, loss, seed):
    """Arms with and without effects, and a rate of failures of its own for every arm of every study."""
    rng = key(seed)
    cells = failing(0.0)(studies, arms, n, rng)
    cells[:, 1] += 1.5
    cells[:, -1] -= 1.0
    cells[rng.random(cells.shape) < 2 * loss * rng.random((studies, arms + 1, 1))] = NAN
    return cells


def verdicts(claims):
    return np.where(claims.better, "better", np.where(claims.worse, "worse", "inconclusive")).tolist()


@pytest.mark.parametrize(("n", "arms", "loss"), [(3, 2, 0.5), (4, 3, 0.3), (6, 4, 0.3), (6, 3, 0.6), (7, 1, 0.2)])
@pytest.mark.parametrize("test", ["t", "max_t"])
def test_paired_verdicts_are_those_of_compare(n, arms, loss, test):
    cells = hard_cells(30, arms, n, loss, seed=n + arms)
    found = verdicts(decide(cells, paired_quality(cells), key(0), test=test))
    for study, expected in zip(cells, found, strict=True):
        contrasts = compare(as_study(study), "0", higher_is_better=True, test=test).values()
        assert [c.verdict for c in contrasts] == expected


@pytest.mark.parametrize(("n", "arms", "loss"), [(3, 3, 0.6), (5, 2, 0.3)])
def test_unpaired_verdicts_are_those_of_compare(n, arms, loss):
    cells = hard_cells(25, arms, n, loss, seed=n)
    quality = unpaired_quality(cells)
    found = verdicts(decide(cells, quality, key(0)))
    for i, (study, expected) in enumerate(zip(cells, found, strict=True)):
        contrasts = list(compare(as_study(study), "0", higher_is_better=True, paired=False).values())
        assert [c.verdict for c in contrasts] == expected
        np.testing.assert_allclose(quality.p[i], [NAN if c.p is None else c.p for c in contrasts])


@pytest.mark.parametrize("sd", [0.5, 5.0])
def test_tied_metrics_are_tested_as_compare_tests_them(sd):
    cells = tied(360, sd)(30, 2, 4, key(1))
    quality = paired_quality(cells)
    for study, p, error in zip(cells, quality.p, quality.error, strict=True):
        contrasts = list(compare(as_study(study), "0", higher_is_better=True).values())
        np.testing.assert_allclose(p, [c.p for c in contrasts], rtol=1e-6)
        assert [c.low is None for c in contrasts] == np.isinf(error).tolist()


def test_steps_of_max_t_and_holm_are_those_of_one_study():
    cells = hard_cells(20, 4, 6, 0.3, seed=3)
    deltas = cells[:, 1:] - cells[:, :1]
    for study, p in zip(deltas, max_t_p(deltas, key(0)), strict=True):
        np.testing.assert_allclose(p, [NAN if x is None else x for x in max_t(study.T)], atol=1e-12)
    p = np.where(key(1).random((50, 5)) < 0.2, NAN, key(2).random((50, 5)) ** 3)
    for row, adjusted in zip(p, holm_p(p), strict=True):
        expected = holm([None if np.isnan(x) else float(x) for x in row])
        np.testing.assert_allclose(adjusted, [NAN if x is None else x for x in expected])


def test_beyond_sixteen_seeds_p_is_near_that_of_many_patterns():
    deltas = key(4).normal(0.3, 1.0, size=(6, 3, 20))
    for study, p in zip(deltas, max_t_p(deltas, key(5)), strict=True):
        np.testing.assert_allclose(p, max_t(study.T), atol=4 * np.sqrt(0.25 / 999))


def test_outliers_are_those_of_one_study():
    cells = key(6).standard_t(1.5, size=(100, 3, 6))
    cells[:30] = np.round(cells[:30])
    marked = np.isnan(without_outliers(cells))
    for study, lost in zip(cells, marked, strict=True):
        found = outliers(as_study(study), higher_is_better=True)
        assert [tuple(np.flatnonzero(row).tolist()) for row in lost] == list(found.values())
    assert 0 < marked.mean() < 0.2


def test_intervals_are_those_of_compare():
    cells = hard_cells(20, 3, 6, 0.2, seed=8)
    quality = paired_quality(cells)
    limits = [list(compare(as_study(s), "0", higher_is_better=True).values())[i % 3] for i, s in enumerate(cells)]
    expected = [c.low <= 0.4 <= c.high for c in limits if c.low is not None and c.high is not None]
    assert covered(quality, 0.4).tolist() == expected
    assert 0 < np.mean(expected) < 1
