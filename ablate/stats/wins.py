"""Who wins, run against run, over several data sets: only order counts, and a diverged run is the worst there is.

Scores are turned so that more is better. Sets may differ in unit and scale, since runs of one set meet only each other.
"""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from ablate.stats.checks import FLOAT32_ROUNDING
from ablate.stats.exact import sign_test


def order(
    arm: Float[np.ndarray, "sets pairs"], baseline: Float[np.ndarray, "sets pairs"]
) -> Float[np.ndarray, "pairs"]:
    """Say for each seed on which side more sets are: sign(sum_k sign(a_k - b_k)), 1 for the arm.

    Args:
        arm: scores, more is better, one row per set, one column per seed; -inf where a run diverged.
        baseline: the same for the baseline.

    Returns:
        -1, 0 or 1 per seed; differences within the rounding of float32, and two diverged runs, count as equal.

    Raises:
        ValueError: if a score is nan or +inf, or the shapes differ.

    Example:
        >>> order(np.array([[1.0, -np.inf, 2.0]]), np.array([[0.0, 1.0, 2.0]])).tolist()
        [1.0, -1.0, 0.0]
    """
    arm, baseline = _scores(arm), _scores(baseline)
    if arm.shape != baseline.shape:
        raise ValueError(f"expected pairs, got {arm.shape} and {baseline.shape}")
    largest = np.where(np.isfinite(arm) & np.isfinite(baseline), np.maximum(np.abs(arm), np.abs(baseline)), 0.0)
    with np.errstate(invalid="ignore"):  # -inf - -inf is nan, which is neither above nor below
        gaps = arm - baseline
    wins = (gaps > FLOAT32_ROUNDING * largest).astype(float) - (gaps < -FLOAT32_ROUNDING * largest)
    return np.sign(wins.sum(axis=0))


def stratified_sign_test(orders: Sequence[Float[np.ndarray, "_"]]) -> tuple[float | None, int]:
    """Test by the signs of all pairs of all sets whether arm and baseline win equally often, diverged as the worst.

    Args:
        orders: per independent part, the order of its pairs, from `order`.

    Returns:
        The exact two-sided p, None with fewer than two pairs; and the side with more wins, 1 the arm, -1 the baseline.

    Raises:
        ValueError: if an order is nan.

    Example:
        >>> stratified_sign_test([np.array([-1.0, -1.0, -1.0]), np.array([-1.0, -1.0, -1.0])])
        (0.03125, -1)

    References:
        Dixon and Mood, "The statistical sign test", JASA 1946, https://doi.org/10.1080/01621459.1946.10501898
    """
    pairs = np.concatenate([np.zeros(0), *orders])
    return (sign_test(pairs) if pairs.size > 1 else None), int(np.sign(pairs.sum()))


def probability_of_improvement(
    a: Sequence[Float[np.ndarray, "_"]], b: Sequence[Float[np.ndarray, "_"]]
) -> float | None:
    """Give the probability that a run of a beats a run of b, averaged over sets: mean P(A > B) + P(A = B) / 2.

    Only the order of runs on the same set counts, so sets in different units can be averaged.

    Args:
        a: scores of one arm, more is better, one vector per set; -inf where a run diverged.
        b: scores of another on the same sets; numbers of runs may differ.

    Returns:
        Between 0 and 1; .5 says that neither is better. None where no set has runs of both.

    Raises:
        ValueError: if a score is nan or +inf, or the numbers of sets differ.

    Example:
        >>> probability_of_improvement([np.array([2.0, 3.0])], [np.array([1.0, 2.0])])
        0.875

    References:
        Agarwal et al., "Deep reinforcement learning at the edge of the statistical precipice", NeurIPS 2021,
        https://arxiv.org/abs/2108.13264
    """
    if len(a) != len(b):
        raise ValueError(f"expected the same sets on both sides, got {len(a)} and {len(b)}")
    pairs = [(_scores(x)[:, None], _scores(y)[None]) for x, y in zip(a, b, strict=True)]
    chances = [float(((x > y) + 0.5 * (x == y)).mean()) for x, y in pairs if x.size and y.size]
    return sum(chances) / len(chances) if chances else None


def _scores(scores: Float[np.ndarray, "*shape"]) -> Float[np.ndarray, "*shape"]:
    """Return the scores as float64; only a finite score or -inf has a meaning."""
    scores = np.asarray(scores, dtype=np.float64)
    if np.isnan(scores).any() or np.isposinf(scores).any():
        raise ValueError("expected scores that are finite, or -inf for a diverged run")
    return scores
