"""Exact tests for paired seeds: no normality assumed, and a floor of 2/2^n under every p-value."""

import math

import numpy as np
import scipy
from jaxtyping import Float

from ablate.stats.checks import FLOAT32_ROUNDING, finite, rounding_of

EXACT_UP_TO = 16


def sign_flip(
    deltas: Float[np.ndarray, "pairs"], seed: int = 0, draws: int = 100_000, *, rounding: float = 0.0
) -> float:
    """Give the exact two-sided p of the sign-flip test: the share of sign patterns with |sum +-delta| >= |sum delta|.

    It assumes that deltas are symmetric about zero under the null, not that they are normal. All 2^n patterns are
    counted to n = 16; beyond, `draws` random ones with (1 + hits) / (1 + draws), which never gives zero.

    Args:
        deltas: arm - baseline, one per shared seed, in the metric's unit.
        seed: of the random patterns, used beyond 16 pairs only.
        draws: number of random patterns.
        rounding: of the values subtracted (`checks.rounding_of`), in the same unit; sums of n deltas that differ by
            less than n times that are ties.

    Returns:
        p in (0, 1]; 1 without deltas, and where all are zero up to rounding.

    Raises:
        ValueError: if a delta is not finite.

    Example:
        >>> sign_flip(np.array([0.02, 0.01, 0.03, 0.02]))
        0.125

    References:
        Fisher, "The design of experiments", 1935; Phipson and Smyth, "Permutation p-values should never be zero",
        Statistical Applications in Genetics and Molecular Biology 2010, https://doi.org/10.2202/1544-6115.1585
    """
    deltas = finite(deltas)
    total = deltas.sum()
    # Sums that are meant to be equal differ by the rounding of every delta in them, and count as "at least as extreme".
    threshold = abs(total) - deltas.size * max(rounding, rounding_of(deltas))
    if deltas.size <= EXACT_UP_TO:
        return float(np.mean(np.abs(_all_flips(deltas)) >= threshold))
    bits = np.random.default_rng(seed).integers(0, 2, size=(draws, deltas.size), dtype=np.int8)
    hits = int(np.sum(np.abs(2 * (bits @ deltas) - total) >= threshold))
    return (1 + hits) / (1 + draws)


def _all_flips(deltas: Float[np.ndarray, "pairs"]) -> Float[np.ndarray, "patterns"]:
    """Sum the deltas under every sign pattern; the first sign is fixed, since a pattern and its mirror count alike."""
    sums = deltas[:1]
    for delta in deltas[1:]:
        sums = np.concatenate([sums + delta, sums - delta])
    return sums


def smallest_p(n: int) -> float:
    """Give the smallest p that the exact paired tests can reach with n pairs: 2 / 2^n.

    Args:
        n: number of pairs, 0 or more.

    Returns:
        p in (0, 1].

    Example:
        >>> smallest_p(6)
        0.03125

    References:
        Fisher, "The design of experiments", 1935, on all sign patterns of paired differences
    """
    return min(1.0, 2.0 ** (1 - n))


def smallest_p_sentence(n: int, contrasts: int = 1, alpha: float = 0.05) -> str | None:
    """Say in plain words when n seeds cannot reach alpha by the exact test: contrasts 2/2^n > alpha.

    Args:
        n: number of shared seeds.
        contrasts: arms compared with the baseline, 1 or more.
        alpha: level, between 0 and 1.

    Returns:
        One or two sentences, or None where the exact test can reach alpha.

    Example:
        >>> smallest_p_sentence(4)[:66]
        'With 4 seeds the exact sign-flip test cannot give a p below 0.125,'
        >>> smallest_p_sentence(6) is None
        True

    References:
        Fisher, "The design of experiments", 1935, on all sign patterns of paired differences
    """
    floor = smallest_p(n)
    if contrasts * floor <= alpha:
        return None
    seeds = "one seed" if n == 1 else f"{n} seeds"
    start = f"With {seeds} the exact sign-flip test cannot give a p below {floor:.3g}"
    if floor > alpha:
        return f"{start}, whatever the data; reaching {alpha:g} takes {_pairs_for(1, alpha)} seeds."
    corrected = min(1.0, contrasts * floor)
    return (
        f"{start}, which corrected for {contrasts} contrasts is {corrected:.3g}: it is shown uncorrected. "
        f"Reaching {alpha:g} in the strictest comparison takes {_pairs_for(contrasts, alpha)} seeds."
    )


def _pairs_for(contrasts: int, alpha: float) -> int:
    """Return the smallest n with contrasts 2/2^n <= alpha."""
    n = 1
    while contrasts * smallest_p(n) > alpha:
        n += 1
    return n


def sign_test(deltas: Float[np.ndarray, "pairs"]) -> float:
    """Give the exact two-sided p of the sign test: plus signs ~ Binomial(n, 1/2), zeros dropped.

    Only the order within a pair counts, so a diverged cell takes part as the worst outcome there is.

    Args:
        deltas: one per shared seed; -inf where only the arm diverged, +inf where only the baseline did, 0 where both
            (with the sign turned so that more is better).

    Returns:
        p in (0, 1]; 1 without a nonzero delta.

    Raises:
        ValueError: if a delta is nan.

    Example:
        >>> sign_test(np.array([1.0, 2.0, np.inf, 0.5, 3.0, 1.0]))
        0.03125

    References:
        Dixon and Mood, "The statistical sign test", JASA 1946, https://doi.org/10.1080/01621459.1946.10501898
    """
    deltas = np.asarray(deltas, dtype=np.float64)
    if np.isnan(deltas).any():
        raise ValueError("a delta is nan: a pair in which both cells diverged is a tie, 0")
    plus, minus = int((deltas > 0).sum()), int((deltas < 0).sum())
    n, few = plus + minus, min(plus, minus)
    return min(1.0, 2 * sum(math.comb(n, k) for k in range(few + 1)) / 2**n)  # whole numbers: exact, rounded once


def wilcoxon(deltas: Float[np.ndarray, "pairs"], rounding: float | Float[np.ndarray, "pairs"] = 0.0) -> float | None:
    """Give the two-sided p of the signed-rank test: W = sum sign(d) rank(|d|), ties at their mean rank, zeros dropped.

    Exact to 16 nonzero deltas also with ties (the sign-flip test of the signed ranks); beyond, scipy's.

    Args:
        deltas: arm - baseline, one per shared seed, in the metric's unit.
        rounding: of the values subtracted (`checks.rounding_of`), in the same unit, for all pairs or for each: zero and
            ties are up to it.

    Returns:
        p in (0, 1], or None without a nonzero delta.

    Raises:
        ValueError: if a delta is not finite.

    Example:
        >>> wilcoxon(np.array([0.02, 0.01, 0.03, -0.005]))
        0.25

    References:
        Wilcoxon, "Individual comparisons by ranking methods", Biometrics Bulletin 1945,
        https://doi.org/10.2307/3001968
    """
    deltas = finite(deltas)
    near = np.maximum(rounding, FLOAT32_ROUNDING * np.abs(deltas))
    other = np.abs(deltas) > near
    if not other.any():
        return None
    signed = np.sign(deltas[other]) * ranks(np.abs(deltas[other]), near[other])
    if signed.size <= EXACT_UP_TO:
        return sign_flip(signed)
    return float(np.asarray(scipy.stats.wilcoxon(signed))[1])


def ranks(values: Float[np.ndarray, "values"], rounding: Float[np.ndarray, "values"]) -> Float[np.ndarray, "values"]:
    """Rank numbers from 1, giving those that differ by rounding only one mean rank: .91 - .90 ties with .81 - .80.

    Args:
        values: in any unit; infinities are ties of each other.
        rounding: how far each can be from what it is meant to be, in the same unit.

    Returns:
        Ranks in the order given.

    Example:
        >>> ranks(np.array([3.0, 1.0, 1.0 + 1e-9, -np.inf]), np.full(4, 1e-7)).tolist()
        [4.0, 2.5, 2.5, 1.0]
    """
    order = np.argsort(values, kind="stable")
    ascending, near = values[order], np.where(np.isfinite(values), rounding, 0.0)[order]
    with np.errstate(invalid="ignore"):  # inf - inf is nan, which is not larger than anything
        apart = np.diff(ascending) > np.maximum(near[1:], near[:-1])
    group = np.concatenate([[0], np.cumsum(apart)])
    members = np.bincount(group)
    ranked = np.empty(values.size)
    ranked[order] = (np.cumsum(members) - (members - 1) / 2)[group]  # the middle of the ranks that a group takes
    return ranked
