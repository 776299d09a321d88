"""Counts by category against loops over every example."""

import numpy as np
import pytest

from ablate.stats.categories import confusion, counts_by_seed, flips, mistaken_for, shares_right

SEEDS, EXAMPLES, COUNT = 3, 40, 6


@pytest.fixture(scope="module")
def drawn():
    rng = np.random.default_rng(0)
    truth = rng.integers(COUNT - 1, size=(SEEDS, EXAMPLES))  # nothing is of the last category
    decided = np.where(rng.random(truth.shape) < 0.6, truth, rng.integers(COUNT, size=truth.shape))
    return truth, decided


@pytest.mark.parametrize("shown", [[0, 1, 2, 3, 4, 5], [1, 4], [5]])
def test_confusion(drawn, shown):
    truth, decided = drawn
    wanted = np.zeros((len(shown), len(shown) + 1), int)
    for true, taken in zip(truth.ravel(), decided.ravel(), strict=True):
        if true in shown:
            wanted[shown.index(true), shown.index(taken) if taken in shown else -1] += 1
    assert confusion(truth, decided, shown).tolist() == wanted.tolist()


def test_counts_and_shares(drawn):
    truth, decided = drawn
    counts, shares = counts_by_seed(truth, COUNT), shares_right(truth, decided, COUNT)
    for seed in range(SEEDS):
        for k in range(COUNT):
            own = [t == d for t, d in zip(truth[seed], decided[seed], strict=True) if t == k]
            assert counts[seed, k] == len(own)
            assert shares[seed, k] == pytest.approx(sum(own) / len(own) if own else np.nan, nan_ok=True)


def test_flips_and_mistakes(drawn):
    truth, decided = drawn
    other = np.roll(decided, 1, axis=0)
    won, lost = flips(decided == truth, other == truth)
    for i in range(EXAMPLES):
        pairs = [(decided[s, i] == truth[s, i], other[s, i] == truth[s, i]) for s in range(SEEDS)]
        assert won[i] == pairs.count((True, False))
        assert lost[i] == pairs.count((False, True))
        wrong = [int(decided[s, i]) for s in range(SEEDS) if decided[s, i] != truth[s, i]]
        expected = min(wrong, key=lambda k: (-wrong.count(k), k)) if wrong else -1
        assert mistaken_for(truth, decided)[i] == expected
    assert min(sum(won), sum(lost)) > 0
