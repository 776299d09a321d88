"""One comparison over several data sets: what an arm changes on average, and how sure that is.

Raw scores must not be pooled: the spread between a hard set and an easy one swamps every effect, and a mean that trims
its tails, such as the interquartile mean, drops the hardest and the easiest set altogether. Here each set contributes
one number, its mean paired difference from the baseline, and each weighs the same. There are two scales:

- the difference itself, in points, which means something where all sets share a unit; hard sets, where there is much to
  gain, have the larger say;
- the log ratio of what is missing to a perfect score, log(error of the arm / error of the baseline): every set is
  measured by its own baseline, so sets in different units, hard or easy, can be averaged.

Differences in standard deviations of a run would do for every metric, but that yardstick has n - 1 degrees of freedom:
with 3 seeds its noise makes the weights of the sets random, and they are large just where the standard error is
underestimated, so that 95 % intervals cover as little as 87 % (5 sets, an arm twice as noisy as its baseline). The
error of the baseline is known to a few per cent, and the noise of the ratio is part of its interval.

Intervals are over seeds: the squared standard errors of the sets add up, with the degrees of freedom of Welch and
Satterthwaite, whatever the scale and the noise of each set. They say what new seeds would give on these sets, not what
another set would give: for that, a handful of chosen sets is no sample.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from ablate.stats.checks import FLOAT32_ROUNDING, finite, has_spread, rounding_of
from ablate.stats.student import quantile, upper_tail
from ablate.stats.unpaired import welch


class Difference(NamedTuple):
    """What independent seeds say: a mean with standard error and degrees of freedom; None where they cannot tell."""

    mean: float
    error: float | None
    df: float | None


class Average(NamedTuple):
    """A mean over data sets with its t interval and two-sided p; `error` to `p` are None where seeds cannot tell."""

    mean: float
    error: float | None
    df: float | None
    low: float | None
    high: float | None
    p: float | None


def paired_difference(arm: Float[np.ndarray, "sets pairs"], baseline: Float[np.ndarray, "sets pairs"]) -> Difference:
    """Give the mean of paired differences, summed over sets seed by seed; its error is sd_i(sum_k d_ki) / sqrt(n).

    Sets that are one data set trained in several ways share its splits with the seed, so that their differences
    correlate; summed within a seed, that is part of the error. Independent sets are better given one by one.

    Args:
        arm: final metric, one row per set, one column per seed, in any unit.
        baseline: the same for the baseline.

    Returns:
        The sum over sets of the mean of arm - baseline, with n - 1 degrees of freedom; no error for fewer than two
        pairs or differences without spread.

    Raises:
        ValueError: if a value is not finite, the shapes differ, or there is no pair.

    Example:
        >>> paired_difference(np.array([[3.0, 5.0, 7.0]]), np.array([[1.0, 2.0, 3.0]])).mean
        3.0

    References:
        Student, "The probable error of a mean", Biometrika 1908, https://doi.org/10.1093/biomet/6.1.1
    """
    _check_pairs(arm, baseline)
    deltas = (arm - baseline).sum(axis=0)
    return _over_seeds(float(deltas.mean()), deltas, len(arm) * rounding_of(arm, baseline))


def paired_log_ratio(
    arm: Float[np.ndarray, "sets pairs"], baseline: Float[np.ndarray, "sets pairs"], rounding: float = 0.0
) -> Difference:
    """Give the log ratio of mean errors, log(mean a / mean b), summed over sets seed by seed.

    Its standard error is that of the mean of a_i / mean a - b_i / mean b, by the delta method for a ratio of two
    correlated means; single errors may be zero.

    Args:
        arm: errors (what is missing to a perfect score, 0 or more), one row per set, one column per seed.
        baseline: the same for the baseline.
        rounding: of the metric that the errors were taken from (`checks.rounding_of`), in their unit.

    Returns:
        The sum over sets of log(mean a / mean b), with n - 1 degrees of freedom; no error where `paired_difference`
        has none.

    Raises:
        ValueError: if a value is negative or not finite, a mean is zero, the shapes differ, or there is no pair.

    Example:
        >>> ratio = paired_log_ratio(np.array([[0.11, 0.10, 0.09]]), np.array([[0.20, 0.21, 0.19]]))
        >>> round(math.exp(ratio.mean), 2), ratio.df
        (0.5, 2.0)

    References:
        Hedges, Gurevitch and Curtis, "The meta-analysis of response ratios in experimental ecology", Ecology 1999,
        https://doi.org/10.1890/0012-9658(1999)080[1150:TMAORR]2.0.CO;2
    """
    _check_pairs(arm, baseline)
    of_arm, of_baseline = _mean_errors(arm), _mean_errors(baseline)
    mean = float(np.log(of_arm / of_baseline).sum())
    # Equal differences are as silent about their error when they have become unequal parts of the baseline.
    if not has_spread((arm - baseline).sum(axis=0), len(arm) * max(rounding, rounding_of(arm, baseline))):
        return Difference(mean, None, None)
    parts = arm / of_arm - baseline / of_baseline
    return _over_seeds(mean, parts.sum(axis=0), len(arm) * max(rounding / of_baseline.min(), FLOAT32_ROUNDING))


def unpaired_difference(arm: Float[np.ndarray, "runs_a"], baseline: Float[np.ndarray, "runs_b"]) -> Difference:
    """Give mean(arm) - mean(baseline) for runs that share no seeds, with Welch's error and degrees of freedom.

    Args:
        arm: final metric, one per run, in any unit.
        baseline: the same for the baseline.

    Returns:
        The difference; no error where a side has fewer than two runs or neither has spread.

    Raises:
        ValueError: if a value is not finite, or a side has no run.

    Example:
        >>> difference = unpaired_difference(np.array([3.0, 4.0, 5.0]), np.array([1.0, 2.0, 3.0]))
        >>> difference.mean, round(difference.error, 3), round(difference.df, 3)
        (2.0, 0.816, 4.0)

    References:
        Welch, "The generalization of Student's problem when several different population variances are involved",
        Biometrika 1947, https://doi.org/10.1093/biomet/34.1-2.28
    """
    test = welch(arm, baseline)
    if test.mean is None:
        raise ValueError("a difference needs a run on each side")
    return Difference(test.mean, test.error or None, test.df)


def unpaired_log_ratio(arm: Float[np.ndarray, "runs_a"], baseline: Float[np.ndarray, "runs_b"]) -> Difference:
    """Give the log ratio of mean errors for runs that share no seeds: log(mean a / mean b), with Welch's error.

    The standard error is that of mean(a / mean a) - mean(b / mean b), by the delta method.

    Args:
        arm: errors (what is missing to a perfect score, 0 or more), one per run.
        baseline: the same for the baseline.

    Returns:
        log(mean a / mean b) with Satterthwaite's degrees of freedom; no error where `unpaired_difference` has none.

    Raises:
        ValueError: if a value is negative or not finite, a mean is zero, or a side has no run.

    Example:
        >>> ratio = unpaired_log_ratio(np.array([0.09, 0.11]), np.array([0.18, 0.22]))
        >>> round(math.exp(ratio.mean), 2), round(ratio.error, 3), round(ratio.df, 3)
        (0.5, 0.141, 2.0)

    References:
        Hedges, Gurevitch and Curtis, "The meta-analysis of response ratios in experimental ecology", Ecology 1999,
        https://doi.org/10.1890/0012-9658(1999)080[1150:TMAORR]2.0.CO;2
    """
    of_arm, of_baseline = (float(_mean_errors(errors[None])[0, 0]) for errors in (arm, baseline))
    ratio = math.log(of_arm / of_baseline)
    if unpaired_difference(arm, baseline).error is None:
        return Difference(ratio, None, None)
    return unpaired_difference(arm / of_arm, baseline / of_baseline)._replace(mean=ratio)


def average(parts: Sequence[Difference], sets: int, confidence: float = 0.95) -> Average:
    """Average over data sets with equal weights: sum_k x_k / K +- t(df) sqrt(sum_k e_k^2) / K.

    df = (sum_k e_k^2)^2 / sum_k (e_k^4 / df_k), of Welch and Satterthwaite: sets may differ in noise and seeds.

    Args:
        parts: independent differences, one or more; each the sum over one set or several that share their splits.
        sets: how many sets they hold, K.
        confidence: of the interval, between 0 and 1.

    Returns:
        The mean in the unit of the parts; no interval and no p where a part has no error, or all are exactly zero.

    Raises:
        ValueError: if there are no parts, or fewer sets than parts.

    Example:
        >>> both = average([Difference(3.0, 0.4, 5.0), Difference(1.0, 0.3, 5.0)], sets=2)
        >>> both.mean, round(both.error, 3), round(both.df, 2), round(both.low, 2), round(both.high, 2)
        (2.0, 0.25, 9.27, 1.44, 2.56)

    References:
        Satterthwaite, "An approximate distribution of estimates of variance components", Biometrics Bulletin 1946,
        https://doi.org/10.2307/3002019; Welch, "The generalization of Student's problem when several different
        population variances are involved", Biometrika 1947, https://doi.org/10.1093/biomet/34.1-2.28
    """
    if not parts or sets < len(parts):
        raise ValueError(f"expected one or more parts of at least as many sets, got {len(parts)} of {sets}")
    mean = sum(part.mean for part in parts) / sets
    known = [(part.error, part.df) for part in parts if part.error is not None and part.df is not None]
    variance = sum(error**2 for error, _ in known)
    if len(known) < len(parts) or not variance:
        return Average(mean, None, None, None, None, None)
    df = variance**2 / sum(error**4 / df for error, df in known)
    error = math.sqrt(variance) / sets
    half = quantile((1 + confidence) / 2, df) * error
    return Average(mean, error, df, mean - half, mean + half, 2 * upper_tail(abs(mean) / error, df))


def _over_seeds(mean: float, values: Float[np.ndarray, "pairs"], rounding: float) -> Difference:
    """Give a mean the standard error of one value per seed; none where seeds are one, or all alike."""
    n = values.size
    if n < 2 or not has_spread(values, rounding):
        return Difference(mean, None, None)
    return Difference(mean, float(values.std(ddof=1)) / math.sqrt(n), n - 1.0)


def _check_pairs(arm: np.ndarray, baseline: np.ndarray) -> None:
    """Raise unless both sides hold the same finite pairs."""
    if arm.shape != baseline.shape or not arm.size:
        raise ValueError(f"expected pairs of the same sets and seeds, got {arm.shape} and {baseline.shape}")
    finite(np.concatenate([arm.ravel(), baseline.ravel()]))


def _mean_errors(errors: Float[np.ndarray, "sets runs"]) -> Float[np.ndarray, "sets 1"]:
    """Average the errors of each set; a ratio needs them above zero."""
    means = errors.mean(axis=1, keepdims=True) if errors.size else np.zeros((1, 1))
    if (errors < 0).any() or not (means > 0).all():
        raise ValueError("a ratio of errors needs errors of 0 or more with a mean above 0")
    return means
