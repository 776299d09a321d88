"""What a study could have seen: power of the two-sided one-sample (paired) t test, and its two inverses."""

import functools
import math

import numpy as np
from scipy import special

from ablate.stats.student import quantile


def power_of(effect: float, sd: float, n: int, alpha: float = 0.05) -> float | None:
    """Give the probability that n pairs reach p <= alpha when the mean delta is `effect`.

    P(|T| > t(n - 1, 1 - alpha/2)) where T is noncentral t with n - 1 degrees of freedom and noncentrality
    sqrt(n) |effect| / sd.

    Args:
        effect: true mean delta, in the metric's unit.
        sd: standard deviation of the deltas, in the same unit, above 0.
        n: number of pairs.
        alpha: level of the test, between 0 and 1; with m contrasts under Holm, alpha / m is the strict case.

    Returns:
        Power in [alpha, 1], or None with fewer than two pairs or without spread.

    Example:
        >>> round(power_of(0.02, 0.01, 5), 3)
        0.909

    References:
        Cohen, "Statistical power analysis for the behavioral sciences", 1988, https://doi.org/10.4324/9780203771587
    """
    if n < 2 or not sd > 0:
        return None
    return _power(math.sqrt(n) * abs(effect) / sd, float(n - 1), alpha)


def minimum_detectable_effect(
    sd: float, n: int, alpha: float = 0.05, power: float = 0.8, df_factor: float = 1.0
) -> float | None:
    """Give the true mean delta that n pairs find with the stated power: the root of power_of(effect, ...) = power.

    Args:
        sd: standard deviation of the deltas, in the metric's unit, above 0.
        n: number of pairs.
        alpha: level of the test, between 0 and 1.
        power: probability of finding it, above alpha and below 1.
        df_factor: degrees of freedom per pair beyond the first: 1 for pairs, between 1 and 2 for Welch's test.

    Returns:
        Effect in the metric's unit, or None with fewer than two pairs or without spread.

    Raises:
        ValueError: if power is not between alpha and 1.

    Example:
        >>> round(minimum_detectable_effect(0.01, 6), 5)
        0.01435

    References:
        Bloom, "Minimum detectable effects: a simple way to report the statistical power of experimental designs",
        Evaluation Review 1995, https://doi.org/10.1177/0193841X9501900504
    """
    _check(alpha, power)
    if n < 2 or not sd > 0:
        return None
    return _shift(df_factor * (n - 1), alpha, power) * sd / math.sqrt(n)


def seeds_needed(
    sd: float, effect: float, alpha: float = 0.05, power: float = 0.8, most: int = 10_000, df_factor: float = 1.0
) -> int | None:
    """Give the smallest number of pairs that finds an effect with the stated power: min n with power_of(...) >= power.

    Args:
        sd: standard deviation of the deltas, in the metric's unit, above 0.
        effect: true mean delta, in the same unit.
        alpha: level of the test, between 0 and 1.
        power: probability of finding it, above alpha and below 1.
        most: largest number to consider, 2 or more.
        df_factor: as in `minimum_detectable_effect`.

    Returns:
        Number of pairs, or None without spread, without an effect, or if `most` would not do.

    Raises:
        ValueError: if power is not between alpha and 1.

    Example:
        >>> seeds_needed(sd=0.01, effect=0.01)
        10

    References:
        Cohen, "Statistical power analysis for the behavioral sciences", 1988, https://doi.org/10.4324/9780203771587
    """
    _check(alpha, power)

    def reached(n: int) -> bool:
        return _power(math.sqrt(n) * abs(effect) / sd, df_factor * (n - 1), alpha) >= power

    if not sd > 0 or effect == 0 or not reached(most):
        return None
    low, high = 1, most  # Power grows with n: `low` never suffices, `high` always does.
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if reached(middle) else (middle, high)
    return high


@functools.lru_cache(1024)
def _shift(df: float, alpha: float, power: float) -> float:
    """Return the noncentrality that has this power: the same for all arms with as many pairs."""
    high = 2.0 - quantile(alpha / 2, df)
    while _power(high, df, alpha) < power:
        high *= 2
    low = 0.0
    while high - low > 1e-12 * high:  # in halves: loading scipy.optimize takes longer than all of them
        middle = (low + high) / 2
        low, high = (low, middle) if _power(middle, df, alpha) >= power else (middle, high)
    return high


def _power(shift: float, df: float, alpha: float) -> float:
    """Return the two-sided power at noncentrality `shift`."""
    bar = -quantile(alpha / 2, df)
    # nan for tails too small to represent: the wrong tail is then 0.
    wrong = float(np.nan_to_num(special.nctdtr(df, shift, -bar)))
    right = float(special.nctdtr(df, -shift, -bar))  # P(T > bar), mirrored
    # The right tail underflows only where bar is far above shift or far below it.
    if math.isnan(right):
        right = float(shift > bar)
    return min(1.0, right + wrong)


def _check(alpha: float, power: float) -> None:
    """Raise unless 0 < alpha < power < 1."""
    if not 0 < alpha < power < 1:
        raise ValueError(f"expected 0 < alpha < power < 1, got alpha {alpha} and power {power}")
