"""How much of a difference rests on the test examples: seeds and examples as two crossed random factors.

The interval of a delta is over seeds, and the test examples stay the same in all of them: it speaks of this very test
set. Whoever wants to speak of new examples of the same kind has to add how much the delta differs from example to
example. That part does not shrink with more seeds.
"""

import math
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float


class TwoErrors(NamedTuple):
    """A mean delta of shares with its two standard errors, and what lies behind it, per seed.

    `of_seeds` is over new seeds on the same test examples, `of_both` over new seeds and new examples. `won` and `lost`
    count examples that one side had right and the other wrong; `seeds` and `examples` are how many there were.
    """

    mean: float
    of_seeds: float
    of_both: float
    won: float
    lost: float
    seeds: int
    examples: int


def two_errors(
    arm: Bool[np.ndarray, "seeds examples"], baseline: Bool[np.ndarray, "seeds examples"]
) -> TwoErrors | None:
    """Split the error of a paired delta: d[s, i] = mean + seed_s + example_i + rest.

        of_seeds^2 = var_s(mean_i d) / S
        of_both^2  = var_s(mean_i d) / S + var_i(mean_s d) / T - MS_rest / (S T)

    MS_rest is the mean square of d without the means of its row and column. The rest is in both of the variances before
    it, and is taken off once; the result is never below `of_seeds`.

    Args:
        arm: whether each test example was right, one row per seed.
        baseline: the same for the baseline, same seeds and examples.

    Returns:
        The errors in shares (0.01 is a point); None with fewer than two seeds or examples.

    Example:
        >>> arm, baseline = np.array([[1, 1, 0, 1]] * 2, bool), np.array([[1, 0, 0, 1]] * 2, bool)
        >>> found = two_errors(arm, baseline)  # always the same example
        >>> found.mean, found.of_seeds, found.of_both, found.won, found.lost
        (0.25, 0.0, 0.25, 1.0, 0.0)

    References:
        Owen. The Pigeonhole Bootstrap. 2007. https://doi.org/10.1214/07-AOAS122
    """
    deltas = arm.astype(np.float64) - baseline
    seeds, examples = deltas.shape
    if seeds < 2 or examples < 2:
        return None
    of_seeds = _variance_of_mean(deltas.mean(axis=1))
    both = of_seeds + max(0.0, _variance_of_mean(deltas.mean(axis=0)) - _rest(deltas) / deltas.size)
    won, lost = (float((deltas == sign).sum(axis=1).mean()) for sign in (1, -1))
    return TwoErrors(float(deltas.mean()), math.sqrt(of_seeds), math.sqrt(both), won, lost, seeds, examples)


def resampled_errors(
    arm: Bool[np.ndarray, "seeds examples"], baseline: Bool[np.ndarray, "seeds examples"], pool: int
) -> TwoErrors | None:
    """Give both errors of a paired delta where every seed draws its own training and test examples from one pool.

        of_seeds^2 = var_s(d_s) / S,        of_both^2 = (1 / S + T / (P - T)) var_s(d_s)

    d_s is the delta of a seed, T its test examples, P those of the pool. The first is over new seeds that draw from the
    same pool. Training sets of two seeds overlap, so that their deltas say less together about other data than
    independent ones would; the second is Nadeau's and Bengio's correction for that. It takes the correlation of two
    seeds as T / P, which is an approximation.

    Args:
        arm: whether each test example was right, one row per seed.
        baseline: the same for the baseline, same seeds and examples.
        pool: examples that every seed splits, test examples included.

    Returns:
        The errors in shares (0.01 is a point); None with fewer than two seeds, or where the test is all of the pool.

    Example:
        >>> arm, baseline = np.array([[1, 1, 0, 1], [1, 1, 1, 1]], bool), np.array([[1, 0, 0, 1], [1, 0, 0, 1]], bool)
        >>> found = resampled_errors(arm, baseline, pool=12)
        >>> found.mean, found.of_seeds, round(found.of_both, 4), found.won, found.lost
        (0.375, 0.125, 0.1768, 1.5, 0.0)

    References:
        Nadeau, Bengio. Inference for the Generalization Error. 2003. https://doi.org/10.1023/A:1024068626366
    """
    deltas = arm.astype(np.float64) - baseline
    seeds, examples = deltas.shape
    if seeds < 2 or not 0 < examples < pool:
        return None
    of_seeds = _variance_of_mean(deltas.mean(axis=1))
    both = of_seeds * (1 + seeds * examples / (pool - examples))
    won, lost = (float((deltas == sign).sum(axis=1).mean()) for sign in (1, -1))
    return TwoErrors(float(deltas.mean()), math.sqrt(of_seeds), math.sqrt(both), won, lost, seeds, examples)


def _variance_of_mean(means: Float[np.ndarray, "means"]) -> float:
    return float(means.var(ddof=1)) / means.size


def _rest(deltas: Float[np.ndarray, "seeds examples"]) -> float:
    """The mean square of what neither the seed nor the example explains."""
    rest = deltas - deltas.mean(axis=1, keepdims=True) - deltas.mean(axis=0, keepdims=True) + deltas.mean()
    seeds, examples = deltas.shape
    return float((rest**2).sum()) / ((seeds - 1) * (examples - 1))
