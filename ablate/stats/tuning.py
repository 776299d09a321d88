"""Tuning as part of the recipe: what a budget of trials buys, which trial to take, whether the grid was too small."""

import math

import numpy as np
from jaxtyping import Float


def expected_best(
    values: Float[np.ndarray, "trials"], *, higher_is_better: bool, replacement: bool = False
) -> list[float | None]:
    """Give the expected best validation value of n random trials, for n = 1, ..., N: sum_i v_(i) P(best = v_(i)).

    Drawn from the N trials without replacement, P = binomial(i - 1, n - 1) / binomial(N, n), which is unbiased for any
    budget up to N; with replacement, P = (i/N)^n - ((i - 1)/N)^n, the form of Dodge et al., which is biased low.

    Args:
        values: validation metric of each trial of a random search; nan or an infinity means diverged, as the worst.
        higher_is_better: direction of the metric.
        replacement: which form.

    Returns:
        One value per budget, in the metric's unit; None where diverged trials could be the best one.

    Example:
        >>> expected_best(np.array([0.5, 0.7, 0.6]), higher_is_better=True)
        [0.6, 0.6666666666666666, 0.7]

    References:
        Dodge et al., "Show your work: improved reporting of experimental results", EMNLP 2019,
        https://arxiv.org/abs/1909.03004; Tang et al., "Showing your work doesn't always work", ACL 2020,
        https://arxiv.org/abs/2004.13705
    """
    values = np.asarray(values, dtype=np.float64)
    total = values.size
    kept = values[np.isfinite(values)]
    ascending = np.sort(kept) if higher_is_better else -np.sort(-kept)
    diverged = total - kept.size
    curve: list[float | None] = []
    for budget in range(1, total + 1):
        share = _with if replacement else _without
        weights = [share(rank, budget, total) for rank in range(1, total + 1)]
        certain = not any(weights[:diverged])
        curve.append(float(np.dot(weights[diverged:], ascending)) if certain and kept.size else None)
    return curve


def at_border(grid: Float[np.ndarray, "points"], chosen: float) -> str | None:
    """Say whether the chosen value is the lowest or highest of its grid, so that the best may lie outside.

    Args:
        grid: values tried, in any order.
        chosen: one of them.

    Returns:
        "low", "high" or None; a grid of a single value has no inside and no flag.

    Raises:
        ValueError: if the value is not on the grid.

    Example:
        >>> at_border(np.array([0.01, 0.03, 0.1]), 0.1), at_border(np.array([0.01, 0.03, 0.1]), 0.03)
        ('high', None)

    References:
        Choi et al., "On empirical comparisons of optimizers for deep learning", 2019, https://arxiv.org/abs/1910.05446
    """
    points = np.unique(np.asarray(grid, dtype=np.float64))
    match = np.flatnonzero(
        np.isclose(points, chosen, rtol=1e-6, atol=0)
    )  # A float32 value still finds its float64 one.
    if not match.size:
        raise ValueError(f"{chosen} is not on the grid {points.tolist()}")
    if points.size == 1:
        return None
    return {0: "low", points.size - 1: "high"}.get(int(match[0]))


def choose(validation: Float[np.ndarray, "points seeds"], *, higher_is_better: bool) -> int | None:
    """Choose the point with the best mean validation metric over seeds: argmax_i mean_s v_is.

    The test split has no part in it, and the seeds that chose should not be those of the estimate.

    Args:
        validation: one row per point of the grid, one column per seed; nan or an infinity means diverged.
        higher_is_better: direction of the metric.

    Returns:
        Index of the point, the first among equals; a point with a diverged seed is never chosen, None if all have one.

    Raises:
        ValueError: if there is no point or no seed.

    Example:
        >>> choose(np.array([[0.7, 0.8], [0.9, np.nan], [0.8, 0.8]]), higher_is_better=True)
        2

    References:
        Cawley and Talbot, "On over-fitting in model selection and subsequent selection bias in performance
        evaluation", JMLR 2010, https://jmlr.org/papers/v11/cawley10a.html
    """
    validation = np.asarray(validation, dtype=np.float64)
    if validation.ndim != 2 or not validation.size:
        raise ValueError(f"expected validation metrics (points, seeds), got shape {validation.shape}")
    usable = np.isfinite(validation).all(axis=1)
    if not usable.any():
        return None
    means = np.where(np.isfinite(validation), validation, 0.0).mean(axis=1) * (1 if higher_is_better else -1)
    return int(np.argmax(np.where(usable, means, -np.inf)))


def _without(rank: int, budget: int, total: int) -> float:
    """Probability that the value of ascending rank is the best of a draw without replacement."""
    return math.comb(rank - 1, budget - 1) / math.comb(total, budget)


def _with(rank: int, budget: int, total: int) -> float:
    """Probability that the value of ascending rank is the best of a draw with replacement."""
    return (rank / total) ** budget - ((rank - 1) / total) ** budget
