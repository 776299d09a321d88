"""Tests for arms that share no seeds: Welch's t test, and exact tests over all relabellings of the runs."""

import math
from typing import NamedTuple

import numpy as np
import scipy
from jaxtyping import Float

from ablate.stats.checks import FLOAT32_ROUNDING, finite, has_spread, rounding_of
from ablate.stats.exact import ranks
from ablate.stats.student import quantile, upper_tail

RELABELLINGS = 20_000


class Welch(NamedTuple):
    """A test of mean(a) - mean(b); `df` to `p` are None where a side has fewer than two values.

    `error` is the standard error of the difference. Without spread on both sides only `p` is given.
    """

    n_a: int
    n_b: int
    mean: float | None
    error: float | None
    df: float | None
    low: float | None
    high: float | None
    t: float | None
    p: float | None


def welch(a: Float[np.ndarray, "runs_a"], b: Float[np.ndarray, "runs_b"], confidence: float = 0.95) -> Welch:
    """Test mean(a) = mean(b) without equal variances: t = (mean a - mean b) / sqrt(var a / n_a + var b / n_b).

    The degrees of freedom are Satterthwaite's. Where neither side has spread, p is the share of relabellings as
    extreme as the one seen: 1 for equal means, otherwise at most 2 / binomial(n_a + n_b, n_a).

    Args:
        a: the arm's metric, one per run.
        b: the baseline's metric, one per run.
        confidence: of the interval, between 0 and 1.

    Returns:
        The test; see `Welch` for what is None when.

    Raises:
        ValueError: if a value is not finite.

    Example:
        >>> result = welch(np.array([3.0, 4.0, 5.0]), np.array([1.0, 2.0, 3.0]))
        >>> result.mean, round(result.df, 3), round(result.p, 4)
        (2.0, 4.0, 0.0705)

    References:
        Welch, "The generalization of Student's problem when several different population variances are involved",
        Biometrika 1947, https://doi.org/10.1093/biomet/34.1-2.28
    """
    a, b = finite(a), finite(b)
    mean = float(a.mean() - b.mean()) if a.size and b.size else None
    if mean is None or min(a.size, b.size) < 2:
        return Welch(a.size, b.size, mean, None, None, None, None, None, None)
    if not (has_spread(a) or has_spread(b)):
        same = abs(mean) <= rounding_of(a, b)
        p = 1.0 if same else min(1.0, 2 / math.comb(a.size + b.size, a.size))
        return Welch(a.size, b.size, mean, 0.0, None, None, None, None, p)
    parts = a.var(ddof=1) / a.size, b.var(ddof=1) / b.size
    error = math.sqrt(sum(parts))
    df = float(sum(parts) ** 2 / (parts[0] ** 2 / (a.size - 1) + parts[1] ** 2 / (b.size - 1)))
    half, t = quantile((1 + confidence) / 2, df) * error, mean / error
    return Welch(a.size, b.size, mean, error, df, mean - half, mean + half, t, 2 * upper_tail(abs(t), df))


def relabel(a: Float[np.ndarray, "runs_a"], b: Float[np.ndarray, "runs_b"], seed: int = 0) -> float | None:
    """Give the two-sided permutation p of mean(a) - mean(b): the share of relabellings with a difference as large.

    Exact where there are at most 20,000 relabellings (8 runs against 8), otherwise by as many random ones.

    Args:
        a: the arm's metric, one per run.
        b: the baseline's metric, one per run.
        seed: of the random relabellings.

    Returns:
        p in (0, 1], or None where a side is empty or has a single run.

    Raises:
        ValueError: if a value is not finite.

    Example:
        >>> relabel(np.array([4.0, 5.0, 6.0]), np.array([1.0, 2.0, 3.0]))
        0.1

    References:
        Fisher, "The design of experiments", 1935; Pitman, "Significance tests which may be applied to samples from any
        populations", Supplement to the JRSS 1937, https://doi.org/10.2307/2984124
    """
    return _permutation(finite(a), finite(b), seed)


def rank_sum(a: Float[np.ndarray, "runs_a"], b: Float[np.ndarray, "runs_b"], seed: int = 0) -> float | None:
    """Give the two-sided permutation p of the rank sum, ties at their mean rank: the Wilcoxon-Mann-Whitney test.

    Args:
        a: the arm's metric, one per run; -inf where a run diverged (with the sign turned so that more is better).
        b: the baseline's metric, likewise.
        seed: of the random relabellings, used beyond 20,000 of them.

    Returns:
        p in (0, 1], or None where a side is empty or has a single run.

    Raises:
        ValueError: if a value is nan.

    Example:
        >>> rank_sum(np.array([-np.inf, -np.inf, -np.inf]), np.array([1.0, 2.0, 3.0]))
        0.1

    References:
        Mann and Whitney, "On a test of whether one of two random variables is stochastically larger than the other",
        Annals of Mathematical Statistics 1947, https://doi.org/10.1214/aoms/1177730491
    """
    both = np.concatenate([np.asarray(a, np.float64), np.asarray(b, np.float64)])
    if np.isnan(both).any():
        raise ValueError("a value is nan: a diverged run takes part as -inf")
    placed = ranks(both, FLOAT32_ROUNDING * np.abs(both)) if both.size else both
    return _permutation(placed[: len(a)], placed[len(a) :], seed)


def _permutation(a: np.ndarray, b: np.ndarray, seed: int) -> float | None:
    """Return the two-sided permutation p of the difference of means."""
    if min(a.size, b.size) < 2:
        return None

    # Differences that are meant to be equal part by rounding, and count as "at least as large".
    least = abs(a.mean() - b.mean()) - rounding_of(a, b)

    def as_large(x: np.ndarray, y: np.ndarray, axis: int) -> np.ndarray | np.floating:
        return (np.abs(x.mean(axis) - y.mean(axis)) >= least).astype(float)

    rng = np.random.default_rng(seed)
    test = scipy.stats.permutation_test(
        (a, b), as_large, vectorized=True, n_resamples=RELABELLINGS, alternative="greater", rng=rng
    )
    return float(test.pvalue)
