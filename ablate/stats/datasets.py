"""One recipe over several data sets: the interquartile mean, how probably one arm beats another, performance profiles.

Scores are (runs, tasks), more is better, brought to one scale by the caller (accuracies are). A diverged run is -inf:
it is the worst score there is, and a mean that would have to include it is None.
"""

import numpy as np
from jaxtyping import Float

from ablate.stats.paired import Interval

Scores = Float[np.ndarray, "runs tasks"]


def iqm(scores: Scores) -> float | None:
    """Give the interquartile mean: the mean of all scores without the lowest and the highest floor(runs tasks / 4).

    Args:
        scores: one row per run, one column per task; -inf where a run diverged.

    Returns:
        A mean in the unit of the scores; None without scores, or if diverged runs reach into the middle half.

    Raises:
        ValueError: if a score is nan or +inf.

    Example:
        >>> iqm(np.array([[0.0, 1.0], [2.0, 9.0]]))
        1.5

    References:
        Agarwal et al., "Deep reinforcement learning at the edge of the statistical precipice", NeurIPS 2021,
        https://arxiv.org/abs/2108.13264
    """
    scores = _checked(scores)
    if not scores.size:
        return None
    mean = float(_middle_mean(scores.reshape(1, -1))[0])
    return mean if np.isfinite(mean) else None


def iqm_interval(
    scores: Scores, *, confidence: float = 0.95, draws: int = 2_000, seed: int = 0, paired: bool = False
) -> Interval:
    """Give the interquartile mean with a percentile interval of the bootstrap: runs redrawn within each task.

    Args:
        scores: one row per run, one column per task; -inf where a run diverged.
        confidence: between 0 and 1.
        draws: bootstrap samples.
        seed: of the bootstrap.
        paired: redraw whole rows, for runs that share a seed over tasks; otherwise each task on its own.

    Returns:
        Mean and limits in the unit of the scores; no limits for fewer than two runs or where they reach diverged runs.

    Raises:
        ValueError: if a score is nan or +inf.

    Example:
        >>> [round(x, 2) for x in iqm_interval(np.array([[0.7, 0.8], [0.72, 0.82], [0.74, 0.84]]), draws=200)]
        [0.77, 0.75, 0.78]

    References:
        Agarwal et al., "Deep reinforcement learning at the edge of the statistical precipice", NeurIPS 2021,
        https://arxiv.org/abs/2108.13264
    """
    scores, mean = _checked(scores), iqm(scores)
    runs, tasks = scores.shape
    if mean is None or runs < 2:
        return Interval(mean, None, None)
    rng = np.random.default_rng(seed)
    rows = rng.integers(runs, size=(draws, runs, 1 if paired else tasks))
    samples = scores[rows, np.arange(tasks)].reshape(draws, -1)
    # An order statistic, not an interpolation, since those next to a diverged sample would be nan.
    tails = (1 - confidence) / 2, (1 + confidence) / 2
    low, high = np.quantile(_middle_mean(samples), tails, method="inverted_cdf").tolist()
    return Interval(mean, low if np.isfinite(low) else None, high if np.isfinite(high) else None)


def probability_of_improvement(
    a: Float[np.ndarray, "runs_a tasks"], b: Float[np.ndarray, "runs_b tasks"]
) -> float | None:
    """Give the probability that a run of a beats a run of b, averaged over tasks: P(A > B) + P(A = B) / 2.

    Args:
        a: scores of one arm, -inf where a run diverged.
        b: scores of another on the same tasks; the number of runs may differ.

    Returns:
        Between 0 and 1; .5 says that neither is better. None without runs or tasks.

    Raises:
        ValueError: if a score is nan or +inf, or the numbers of tasks differ.

    Example:
        >>> probability_of_improvement(np.array([[2.0], [3.0]]), np.array([[1.0], [2.0]]))
        0.875

    References:
        Agarwal et al., "Deep reinforcement learning at the edge of the statistical precipice", NeurIPS 2021,
        https://arxiv.org/abs/2108.13264
    """
    a, b = _checked(a), _checked(b)
    if a.shape[1] != b.shape[1]:
        raise ValueError(f"expected the same tasks on both sides, got {a.shape[1]} and {b.shape[1]}")
    if not a.size or not b.size:
        return None
    wins, ties = a[:, None] > b[None], a[:, None] == b[None]
    return float((wins + 0.5 * ties).mean())


def performance_profile(scores: Scores, thresholds: Float[np.ndarray, "thresholds"]) -> Float[np.ndarray, "thresholds"]:
    """Give the share of runs that score above each threshold, over all tasks: mean of [score > threshold].

    Args:
        scores: one row per run, one column per task; -inf where a run diverged.
        thresholds: in the unit of the scores.

    Returns:
        One share in [0, 1] per threshold, falling from left to right for ascending thresholds.

    Raises:
        ValueError: if a score is nan or +inf, or there are none.

    Example:
        >>> performance_profile(np.array([[0.5, 0.9], [0.7, -np.inf]]), np.array([0.0, 0.6, 1.0])).tolist()
        [0.75, 0.5, 0.0]

    References:
        Dolan and Moré, "Benchmarking optimization software with performance profiles", Mathematical Programming 2002,
        https://doi.org/10.1007/s101070100263; Agarwal et al. 2021, https://arxiv.org/abs/2108.13264
    """
    scores = _checked(scores)
    if not scores.size:
        raise ValueError("a performance profile needs at least one score")
    return (scores[None] > np.asarray(thresholds)[:, None, None]).mean(axis=(1, 2))


def _middle_mean(samples: Float[np.ndarray, "samples scores"]) -> Float[np.ndarray, "samples"]:
    """Average each row without its lowest and highest quarter."""
    cut = samples.shape[1] // 4
    return np.sort(samples, axis=1)[:, cut : samples.shape[1] - cut].mean(axis=1)


def _checked(scores: Scores) -> Scores:
    """Return the scores as float64; only a finite score or -inf has a meaning."""
    scores = np.asarray(scores, dtype=np.float64)
    if scores.ndim != 2 or np.isnan(scores).any() or np.isposinf(scores).any():
        raise ValueError("expected scores (runs, tasks), finite or -inf for a diverged run")
    return scores
