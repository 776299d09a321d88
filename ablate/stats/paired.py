"""Tests and intervals for paired seeds: the deltas arm - baseline, one per seed that both arms share.

One rule holds for every function here: what the data cannot tell is `None`, never nan. In particular, deltas without
spread (one value, up to rounding) have no t interval: a standard deviation of zero would claim a certainty that a few
seeds cannot give. Their p-value is the exact one instead: 1 if all are zero, otherwise 2/2^n.

Deltas of float32 metrics carry the rounding of the values subtracted, which the deltas themselves do not show: give it
as `rounding`, from `checks.rounding_of`.

The exact tests stand in `exact`, the ones for unshared seeds in `unpaired`; both can be imported from here.
"""

import math
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from ablate.stats.checks import finite, has_spread, rounding_of
from ablate.stats.exact import sign_flip, sign_test, smallest_p, smallest_p_sentence, wilcoxon
from ablate.stats.student import quantile, upper_tail
from ablate.stats.unpaired import Welch, welch

__all__ = [
    "Interval",
    "PairedT",
    "Pairing",
    "Welch",
    "drop_one",
    "paired_t",
    "pairing",
    "sign_flip",
    "sign_test",
    "smallest_p",
    "smallest_p_sentence",
    "t_interval",
    "welch",
    "wilcoxon",
]


class Interval(NamedTuple):
    """A mean with its confidence limits; `low` and `high` are None where no interval can be given."""

    mean: float | None
    low: float | None
    high: float | None


class PairedT(NamedTuple):
    """A paired t test.

    `mean` is None without deltas, `sd` to `p` with fewer than two, and `low`, `high` and `t` without spread.
    """

    n: int
    mean: float | None
    sd: float | None
    low: float | None
    high: float | None
    t: float | None
    p: float | None


class Pairing(NamedTuple):
    """What sharing seeds was worth: `rho` the correlation of the pairs, `gain` the factor of seeds saved."""

    rho: float | None
    gain: float | None


def t_interval(values: Float[np.ndarray, "values"], confidence: float = 0.95, rounding: float = 0.0) -> Interval:
    """Return the mean with its t interval: mean +- t(n - 1, (1 + confidence)/2) sd / sqrt(n).

    Args:
        values: independent numbers, one per seed, in any unit.
        confidence: between 0 and 1.
        rounding: where the values are differences, of what was subtracted, in their unit.

    Returns:
        Mean and limits in the unit of the values; no limits for fewer than two values or values without spread.

    Raises:
        ValueError: if a value is not finite.

    Example:
        >>> [round(x, 3) for x in t_interval(np.array([1.0, 2.0, 3.0]))]
        [2.0, -0.484, 4.484]

    References:
        Student, "The probable error of a mean", Biometrika 1908, https://doi.org/10.1093/biomet/6.1.1
    """
    test = paired_t(values, confidence, rounding)
    return Interval(test.mean, test.low, test.high)


def paired_t(deltas: Float[np.ndarray, "pairs"], confidence: float = 0.95, rounding: float = 0.0) -> PairedT:
    """Test whether the mean delta is zero: t = mean / (sd / sqrt(n)) with n - 1 degrees of freedom, two-sided.

    Deltas without spread leave t and the interval undefined; the p-value is then the exact sign-flip one, 1 for zeros
    and 2/2^n otherwise, which is true whatever the metric's resolution hides.

    Args:
        deltas: arm - baseline, one per shared seed, in the metric's unit.
        confidence: of the interval, between 0 and 1.
        rounding: of the values subtracted, in the same unit; deltas closer together than that are equal.

    Returns:
        The test; see `PairedT` for what is None when.

    Raises:
        ValueError: if a delta is not finite.

    Example:
        >>> test = paired_t(np.array([0.02, 0.01, 0.03, 0.02]))
        >>> round(test.t, 3), round(test.p, 4)
        (4.899, 0.0163)
        >>> paired_t(np.array([0.01, 0.01, 0.01])).p
        0.25

    References:
        Student, "The probable error of a mean", Biometrika 1908, https://doi.org/10.1093/biomet/6.1.1
    """
    deltas = finite(deltas)
    n = deltas.size
    if n < 2:
        return PairedT(n, float(deltas[0]) if n else None, None, None, None, None, None)
    mean, sd = float(deltas.mean()), float(deltas.std(ddof=1))
    if not has_spread(deltas, rounding):
        return PairedT(n, mean, 0.0, None, None, None, sign_flip(deltas, rounding=rounding))
    error = sd / math.sqrt(n)
    half = quantile((1 + confidence) / 2, n - 1) * error
    t = mean / error
    return PairedT(n, mean, sd, mean - half, mean + half, t, 2 * upper_tail(abs(t), n - 1))


def drop_one(deltas: Float[np.ndarray, "pairs"]) -> tuple[float, float] | None:
    """Give the range of the mean when any one seed is left out: (n mean - d_i) / (n - 1).

    Args:
        deltas: arm - baseline, one per shared seed, in the metric's unit.

    Returns:
        Smallest and largest mean in the metric's unit, or None with fewer than two deltas.

    Raises:
        ValueError: if a delta is not finite.

    Example:
        >>> drop_one(np.array([1.0, 2.0, 6.0]))
        (1.5, 4.0)

    References:
        Tukey, "Bias and confidence in not quite large samples" (abstract), Annals of Mathematical Statistics 1958,
        https://doi.org/10.1214/aoms/1177706647
    """
    deltas = finite(deltas)
    if deltas.size < 2:
        return None
    means = (deltas.sum() - deltas) / (deltas.size - 1)
    return float(means.min()), float(means.max())


def pairing(a: Float[np.ndarray, "pairs"], b: Float[np.ndarray, "pairs"]) -> Pairing:
    """Say what sharing seeds was worth: rho = cor(a, b) and gain = (var a + var b) / var(a - b).

    A gain of 3 means that unshared seeds would have taken three times as many cells for the same standard error
    (degrees of freedom aside); below 1, pairing cost precision. Estimated from few seeds, both are rough.

    Args:
        a: the arm's metric, one per shared seed.
        b: the baseline's metric, in the same order of seeds.

    Returns:
        rho is None with fewer than three pairs or where one side has no spread, gain where the differences have none.

    Raises:
        ValueError: if a value is not finite or the lengths differ.

    Example:
        >>> result = pairing(np.array([1.0, 2.0, 3.0]), np.array([1.0, 2.0, 4.0]))
        >>> round(result.rho, 3), round(result.gain, 3)
        (0.982, 10.0)

    References:
        Glasserman, "Monte Carlo methods in financial engineering", section 7.1 on common random numbers, 2003,
        https://doi.org/10.1007/978-0-387-21617-1
    """
    a, b = finite(a), finite(b)
    if a.size != b.size:
        raise ValueError(f"pairs need equal lengths, got {a.size} and {b.size}")
    if a.size < 3:
        return Pairing(None, None)
    varies = has_spread(a) and has_spread(b)
    rho = float(np.corrcoef(a, b)[0, 1]) if varies else None
    if not has_spread(a - b, rounding_of(a, b)):
        return Pairing(rho, None)
    return Pairing(rho, float((a.var(ddof=1) + b.var(ddof=1)) / (a - b).var(ddof=1)))
