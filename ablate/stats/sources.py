"""Where the spread of a metric comes from: standard deviations with their intervals, and ratios of variances.

Samples are independent and normal: one varies every source of randomness, each of the others varies a single one while
all others are held. A sd of few runs is uncertain by itself, so plans are made with its upper limit as well.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float
from scipy import special

from ablate.stats.checks import finite, has_spread


class Spread(NamedTuple):
    """Mean and sd of a sample with the interval of the sd, in the unit of the values; sd 0 has no interval."""

    n: int
    mean: float
    sd: float
    low: float | None
    high: float | None

    @property
    def variance(self) -> float:
        """The square of the sd."""
        return self.sd**2


class Share(NamedTuple):
    """Variances over the variance of all, with its interval; 1 is all of it."""

    share: float
    low: float | None
    high: float | None


def spread_of(values: Float[np.ndarray, "values"], confidence: float = 0.95) -> Spread:
    """Give mean, sd and the chi-square interval of the sd: sd sqrt((n - 1) / chi2_q(n - 1)) at both tails.

    Args:
        values: two or more finite numbers in any unit.
        confidence: of the interval, between 0 and 1.

    Returns:
        The spread; its sd is 0 where the values differ by no more than rounding.

    Raises:
        ValueError: if there are fewer than two values, or one is not finite.

    Example:
        >>> tuple(round(x, 3) for x in spread_of(np.array([1.0, 2.0, 3.0, 4.0])))
        (4, 2.5, 1.291, 0.731, 4.814)
    """
    values = finite(values)
    if values.size < 2:
        raise ValueError(f"expected two values or more, got {values.size}")
    if not has_spread(values):
        return Spread(values.size, float(values.mean()), 0.0, None, None)
    sd, tail = float(values.std(ddof=1)), (1 - confidence) / 2
    low, high = sd_limit(sd, values.size, 1 - tail), sd_limit(sd, values.size, tail)
    return Spread(values.size, float(values.mean()), sd, low, high)


def sd_limit(sd: float, n: int, below: float) -> float:
    """Give the one-sided limit that lies below the true sd with a probability: sd sqrt((n - 1) / chi2(below; n - 1)).

    Args:
        sd: standard deviation of n normal values.
        n: their number, 2 or more.
        below: probability, between 0 and 1; 0.1 gives the upper limit that holds with 90 % assurance.

    Returns:
        A sd in the same unit.

    Example:
        >>> round(sd_limit(1.0, 10, below=0.1), 3)
        1.469

    References:
        Browne, "On the use of a pilot sample for sample size determination", Statistics in Medicine 1995,
        https://doi.org/10.1002/sim.4780141709
    """
    return sd * math.sqrt((n - 1) / (2 * float(special.gammaincinv((n - 1) / 2, below))))


def share_of(parts: Sequence[Spread], whole: Spread, confidence: float = 0.95) -> Share | None:
    """Give the variance of a part, or the sum of several, over that of the whole, with F limits.

    r = sum of s_i^2 / s^2, with the limits r / F(1 - a/2; d, n - 1) and r / F(a/2; d, n - 1) at a = 1 - confidence.
    d is n_i - 1 for a single part and Satterthwaite's (sum of s_i^2)^2 / sum of (s_i^4 / (n_i - 1)) for several.

    Args:
        parts: one or more spreads, of samples that are independent of each other and of the whole.
        whole: the spread where everything varies.
        confidence: of the interval, between 0 and 1.

    Returns:
        The share, without an interval where no part has a spread; None where the whole has none.

    Example:
        >>> whole, part = spread_of(np.array([0.0, 1.0, 2.0, 3.0])), spread_of(np.array([0.0, 0.5, 1.0, 1.5]))
        >>> tuple(round(x, 3) for x in share_of([part], whole))
        (0.25, 0.016, 3.86)

    References:
        Satterthwaite, "An approximate distribution of estimates of variance components", Biometrics Bulletin 1946,
        https://doi.org/10.2307/3002019
    """
    if not whole.sd > 0:
        return None
    total = sum(part.variance for part in parts)
    if not total > 0:
        return Share(0.0, None, None)
    df = total**2 / sum(part.variance**2 / (part.n - 1) for part in parts)
    ratio, tail = total / whole.variance, (1 - confidence) / 2
    low, high = (ratio / float(special.fdtri(df, whole.n - 1, q)) for q in (1 - tail, tail))
    return Share(ratio, low, high)


def sd_of_difference(sd: float, shared: float = 0.0) -> float:
    """Give the sd of the difference of two runs of equal sd that share a part of their variance: sd sqrt(2 (1 - r)).

    Args:
        sd: of one run.
        shared: r, the share of the variance that both have in common; from 1 on, nothing is left.

    Returns:
        A sd in the same unit.

    Example:
        >>> sd_of_difference(1.0, shared=0.5), sd_of_difference(1.0, shared=1.2)
        (1.0, 0.0)
    """
    return sd * math.sqrt(2 * max(0.0, 1 - shared))
