"""Step-down max-T: against enumeration by itself, against the test of one arm, and what it holds."""

import itertools

import numpy as np
import pytest

from ablate.stats.exact import sign_flip
from ablate.stats.failure import rate
from ablate.stats.max_t import max_t

NAN = float("nan")


def enumerated(deltas):
    """The definition, seed pattern by seed pattern, with t by numpy."""

    def t(column):
        own = column[np.isfinite(column)]
        spread = own.std(ddof=1)
        return abs(own.mean()) / max(spread / np.sqrt(own.size), 1e-300)

    columns = range(deltas.shape[1])
    seen = [t(deltas[:, k]) for k in columns]
    patterns = [np.array(signs)[:, None] for signs in itertools.product((1, -1), repeat=len(deltas))]
    flipped = np.array([[t((signs * deltas)[:, k]) for k in columns] for signs in patterns])
    order, p, result = np.argsort(seen)[::-1], 0.0, [0.0] * len(seen)
    for place, arm in enumerate(order):
        largest = flipped[:, order[place:]].max(axis=1)
        p = max(p, float(np.mean(largest >= seen[arm] * (1 - 1e-9))))
        result[arm] = p
    return result


@pytest.mark.parametrize(("seeds", "arms"), [(3, 1), (4, 3), (6, 4), (7, 2)])
def test_it_is_what_it_is_defined_as(seeds, arms):
    rng = np.random.default_rng(seeds)
    deltas = rng.normal(0.3, 1.0, size=(seeds, arms)) + rng.normal(size=(seeds, 1))
    np.testing.assert_allclose(max_t(deltas), enumerated(deltas), atol=1e-12)


def test_missing_pairs_leave_an_arm_with_its_own():
    rng = np.random.default_rng(1)
    deltas = rng.normal(0.5, 1.0, size=(6, 3))
    deltas[[0, 3], [1, 2]] = NAN
    np.testing.assert_allclose(max_t(deltas), enumerated(deltas), atol=1e-12)
    deltas[1:, 2] = NAN
    assert max_t(deltas)[2] is None
    assert max_t(np.full((3, 2), NAN)) == [None, None]
    assert max_t(np.zeros((0, 2))) == [None, None]


@pytest.mark.parametrize("seeds", [2, 5, 9, 16])
def test_one_arm_is_the_sign_flip_test(seeds):
    deltas = np.random.default_rng(seeds).normal(0.4, 1.0, size=(seeds, 1))
    assert max_t(deltas) == [sign_flip(deltas[:, 0])]


def test_beyond_sixteen_seeds_patterns_are_drawn():
    deltas = np.random.default_rng(2).normal(0.2, 1.0, size=(20, 1))
    assert max_t(deltas)[0] == pytest.approx(sign_flip(deltas[:, 0]), abs=0.02)
    assert max_t(deltas + 10.0)[0] == 1 / 20_001


def test_deltas_without_spread_are_as_likely_as_their_mirror():
    deltas = np.array([[0.01, 0.0, 0.02]] * 6)
    assert max_t(deltas, np.full(3, 1e-7)) == [2 / 2**6, 1.0, 2 / 2**6]
    near = deltas + np.random.default_rng(0).uniform(-2e-8, 2e-8, size=deltas.shape)
    assert max_t(near, np.full(3, 1e-7)) == [2 / 2**6, 1.0, 2 / 2**6]


def test_the_floor_is_that_of_one_arm_and_a_bad_baseline_seed_does_not_silence_it():
    rng = np.random.default_rng(0)
    deltas = 3.0 + rng.normal(size=(8, 10))
    assert max(max_t(deltas)) <= 0.05
    deltas[2] += 8.0  # the baseline's seed collapsed, so every arm gains by it
    assert max(max_t(deltas)) <= 0.05


@pytest.mark.parametrize("noise", ["normal", "heavy tails", "unequal"])
def test_the_family_wise_error_holds(noise):
    rng = np.random.default_rng(4)
    hits, repeats = 0, 400
    for _ in range(repeats):
        cells = rng.normal(size=(7, 6)) if noise != "heavy tails" else rng.standard_t(2, size=(7, 6))
        cells *= np.linspace(0.3, 3, 7)[:, None] if noise == "unequal" else 1.0
        hits += min(max_t((cells[1:] - cells[0]).T)) <= 0.05
    assert rate(hits, repeats).low <= 0.05
