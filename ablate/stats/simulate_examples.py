"""What the two standard errors cover: new test examples of the same kind, and data drawn anew from one pool."""

import numpy as np
import scipy
from jaxtyping import Bool, Float

from ablate.stats.examples import TwoErrors, resampled_errors, two_errors
from ablate.stats.failure import Rate, rate

FEATURES = 12  # of the population below; the arm sees the first half of them


def simulate_two_errors(
    n: int,
    examples: int,
    repeats: int,
    rng: np.random.Generator,
    *,
    favour: float = 0.3,
    confidence: float = 0.95,
) -> tuple[Rate, Rate]:
    """Count intervals that hold the truth where test examples favour one side or the other, and are new in each study.

    Args:
        n: seeds, 2 or more.
        examples: of the test split.
        repeats: studies; about a tenth of a millisecond each.
        rng: source of all draws.
        favour: by how much a third of the examples raises, and another third lowers, the arm's chance to be right.
        confidence: of the Monte Carlo intervals.

    Returns:
        Rates of 95 % intervals with the error over seeds, and with that over seeds and examples; the truth is 0.

    Example:
        >>> seeds, both = simulate_two_errors(10, 200, 300, np.random.default_rng(0))
        >>> seeds.high < 0.9 < both.high
        True
    """
    held = np.zeros(2, int)
    for _ in range(repeats):
        chance = 0.6 + rng.choice((-favour, 0.0, favour), size=examples)
        held += _holds(two_errors(rng.random((n, examples)) < chance, rng.random((n, examples)) < 0.6), n, 0.0)
    seeds, both = (rate(int(count), repeats, confidence) for count in held)
    return seeds, both


def simulate_resampled_errors(
    n: int,
    repeats: int,
    rng: np.random.Generator,
    *,
    size: int = 120,
    tested: int = 40,
    truth: int = 20_000,
    confidence: float = 0.95,
) -> tuple[Rate, Rate]:
    """Count intervals that hold the truth where each seed splits one pool anew, and pools are drawn from a population.

    Least-squares classifiers of two classes in 12 dimensions; the arm sees six of them, the baseline all.

    Args:
        n: seeds, 2 or more.
        repeats: studies; about a tenth of a millisecond per seed.
        rng: source of all draws.
        size: examples of a pool.
        tested: of them, in every split.
        truth: studies of one seed whose mean is taken as the true difference.
        confidence: of the Monte Carlo intervals.

    Returns:
        Rates of 95 % intervals with the error over seeds, and with that which allows for overlapping training sets.

    Example:
        >>> seeds, both = simulate_resampled_errors(6, 200, np.random.default_rng(0), truth=2000)
        >>> seeds.rate < both.rate
        True
    """
    true = float(np.mean([np.subtract(*(side.mean() for side in _study(1, size, tested, rng))) for _ in range(truth)]))
    held = np.zeros(2, int)
    for _ in range(repeats):
        held += _holds(resampled_errors(*_study(n, size, tested, rng), pool=size), n, true)
    seeds, both = (rate(int(count), repeats, confidence) for count in held)
    return seeds, both


def _holds(errors: TwoErrors | None, n: int, truth: float) -> Bool[np.ndarray, "2"]:
    """Say which of the two 95 % intervals hold the truth."""
    assert errors is not None
    half = float(scipy.stats.t.isf(0.025, n - 1)) * np.array([errors.of_seeds, errors.of_both])
    return np.abs(errors.mean - truth) <= half


def _study(
    seeds: int, size: int, tested: int, rng: np.random.Generator
) -> tuple[Bool[np.ndarray, "seeds tested"], Bool[np.ndarray, "seeds tested"]]:
    """Draw a pool, and say of every seed's test examples whether arm and baseline got them right."""
    y = rng.choice((-1.0, 1.0), size)
    x = y[:, None] * np.linspace(0.5, 0.0, FEATURES) + rng.standard_normal((size, FEATURES))
    orders = [rng.permutation(size) for _ in range(seeds)]
    arm, baseline = (
        np.stack([_right(x[:, :used], y, order[tested:], order[:tested]) for order in orders])
        for used in (FEATURES // 2, FEATURES)
    )
    return arm, baseline


def _right(
    x: Float[np.ndarray, "size used"], y: Float[np.ndarray, " size"], train: np.ndarray, test: np.ndarray
) -> Bool[np.ndarray, " tested"]:
    weights = np.linalg.lstsq(x[train], y[train], rcond=None)[0]
    return np.sign(x[test] @ weights) == y[test]
