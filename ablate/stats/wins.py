"""Who wins, run against run, over several data sets: only order counts, and a failed run is the worst there is.

Scores are turned so that more is better. Sets may differ in unit and scale, since runs of one set meet only each other.
"""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float


def probability_of_improvement(
    a: Sequence[Float[np.ndarray, "_"]], b: Sequence[Float[np.ndarray, "_"]]
) -> float | None:
    """Give the probability that a run of a beats a run of b, averaged over sets: mean P(A > B) + P(A = B) / 2.

    Only the order of runs on the same set counts, so sets in different units can be averaged.

    Args:
        a: scores of one arm, more is better, one vector per set; -inf where a run failed.
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
        raise ValueError("expected scores that are finite, or -inf for a failed run")
    return scores
