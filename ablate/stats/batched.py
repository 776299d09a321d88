"""The rules of `verdict` over many studies at once, for `simulate`: same p-values, same verdicts, no loop over studies.

A study is an array of cells, the baseline first, nan where a cell failed. Every cell has ended, so that each side of a
comparison has all n runs. Tests hold each function here to its original.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int
from scipy import special

from ablate.stats.batched_tests import holm_p, max_t_p
from ablate.stats.checks import FLOAT32_ROUNDING, SPREADS
from ablate.stats.failure import FEWEST_SIBLINGS, NORMAL, can_differ, compare_failures


class Quality(NamedTuple):
    """The t tests of all arms of all studies: nan where there is no test, an infinite error where no interval.

    `deltas` and `rounding` feed `max_t_p`; they are of paired cells only.
    """

    mean: Float[np.ndarray, "studies arms"]
    error: Float[np.ndarray, "studies arms"]
    df: Float[np.ndarray, "studies arms"]
    p: Float[np.ndarray, "studies arms"]
    deltas: Float[np.ndarray, "studies arms n"] | None
    rounding: Float[np.ndarray, "studies arms"] | None


class Claims(NamedTuple):
    """What the verdict rules say of every arm of every study; neither is inconclusive."""

    better: Bool[np.ndarray, "studies arms"]
    worse: Bool[np.ndarray, "studies arms"]


def without_outliers(
    cells: Float[np.ndarray, "studies sides n"], spreads: float = SPREADS
) -> Float[np.ndarray, "studies sides n"]:
    """Make nan of the cells that collapsed: `failure.outliers`, where more is better.

    Args:
        cells: finite metrics of all arms, the baseline among them.
        spreads: by how many spreads below its siblings a cell has collapsed.

    Returns:
        The cells, nan where they collapsed.

    Example:
        >>> without_outliers(np.array([[[0.90, 0.91, 0.92, 0.905, 0.31]]])).tolist()
        [[[0.9, 0.91, 0.92, 0.905, nan]]]

    References:
        Rousseeuw, Croux. Alternatives to the Median Absolute Deviation. 1993.
        https://doi.org/10.1080/01621459.1993.10476408
    """
    if cells.shape[-1] <= FEWEST_SIBLINGS:
        return cells
    below = np.median(cells, axis=-1, keepdims=True) - cells
    own = NORMAL * np.median(np.abs(below), axis=-1, keepdims=True)
    usual = np.median(own, axis=1, keepdims=True)
    far = (below > spreads * np.maximum(own, usual)) & ((own > 0) | (usual > 0))
    return np.where(far, np.nan, cells)


def paired_quality(cells: Float[np.ndarray, "studies sides n"]) -> Quality:
    """Compare every arm with the baseline over the seeds on which both succeeded: `evidence.paired_evidence`.

    Args:
        cells: metrics, the baseline first, nan where a cell failed.

    Returns:
        The paired t tests; deltas without spread have the sign-flip p instead.

    Example:
        >>> result = paired_quality(np.array([[[1.0, 2.0, 3.0, np.nan], [1.2, 2.1, np.nan, 4.0]]]))
        >>> round(float(result.mean[0, 0]), 3), float(result.df[0, 0])
        (0.15, 1.0)
    """
    arms, baseline = cells[:, 1:], cells[:, :1]
    deltas = arms - baseline
    known = np.isfinite(deltas)
    mean, variance, count = _moments(deltas)
    largest = np.where(known, np.maximum(np.abs(arms), np.abs(baseline)), 0.0).max(axis=-1)
    rounding = FLOAT32_ROUNDING * largest
    error = np.sqrt(variance / np.maximum(count, 1))
    flat = (count >= 2) & (_spread(deltas) <= np.maximum(rounding, FLOAT32_ROUNDING * _largest(deltas)))
    p = _two_sided(mean, error, count - 1.0)
    p = np.where(flat, np.where(np.abs(mean) <= rounding, 1.0, 2.0 ** (1 - count)), p)
    p = np.where(count >= 2, p, np.nan)
    return Quality(mean, np.where(flat | (count < 2), np.inf, error), count - 1.0, p, deltas, rounding)


def unpaired_quality(cells: Float[np.ndarray, "studies sides n"]) -> Quality:
    """Compare every arm with the baseline over all runs that succeeded: `evidence.unpaired_evidence`.

    Args:
        cells: continuous metrics, the baseline first, nan where a cell failed.

    Returns:
        Welch's t tests, without deltas.

    Example:
        >>> result = unpaired_quality(np.array([[[1.0, 2.0, 3.0], [3.0, 4.0, 5.0]]]))
        >>> float(result.mean[0, 0]), round(float(result.p[0, 0]), 4)
        (2.0, 0.0705)

    References:
        Welch. The generalization of Student's problem when several different population variances are involved. 1947.
        https://doi.org/10.1093/biomet/34.1-2.28
    """
    mean, variance, count = _moments(cells)
    part, tested = variance / np.maximum(count, 1), (count[:, 1:] >= 2) & (count[:, :1] >= 2)
    error = np.sqrt(part[:, 1:] + part[:, :1])
    parts = part**2 / np.maximum(count - 1, 1)
    with np.errstate(invalid="ignore", divide="ignore"):
        df = np.where(tested, error**4 / (parts[:, 1:] + parts[:, :1]), 1.0)
    delta = mean[:, 1:] - mean[:, :1]
    p = np.where(tested, _two_sided(delta, error, df), np.nan)
    return Quality(delta, np.where(tested, error, np.inf), df, p, None, None)


def _moments(values: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Mean, variance and number of the values that are not nan."""
    known = np.isfinite(values)
    count = known.sum(axis=-1)
    mean = np.where(known, values, 0.0).sum(axis=-1) / np.maximum(count, 1)
    squares = np.where(known, values - mean[..., None], 0.0) ** 2
    return mean, squares.sum(axis=-1) / np.maximum(count - 1, 1), count


def _two_sided(mean: np.ndarray, error: np.ndarray, df: np.ndarray) -> np.ndarray:
    with np.errstate(over="ignore"):
        t = np.abs(mean) / np.maximum(error, np.finfo(float).tiny)
    return 2 * special.stdtr(np.maximum(df, 1.0), -t)


def _spread(values: np.ndarray) -> np.ndarray:
    known = np.isfinite(values)
    return np.where(known, values, -np.inf).max(axis=-1) - np.where(known, values, np.inf).min(axis=-1)


def _largest(values: np.ndarray) -> np.ndarray:
    return np.where(np.isfinite(values), np.abs(values), 0.0).max(axis=-1)


def covered(quality: Quality, truth: float, confidence: float = 0.95) -> Bool[np.ndarray, "pairs"]:
    """Say of one arm per study, in turn, whether its t interval holds the truth.

    Args:
        quality: of many studies.
        truth: the true delta given success, the same for all arms.
        confidence: of the interval.

    Returns:
        True where it does, over the studies in which that arm has an interval.

    Example:
        >>> quality = paired_quality(np.array([[[1.0, 2.0, 3.0], [1.1, 2.2, 3.3]]]))
        >>> covered(quality, 0.2).tolist(), covered(quality, 2.0).tolist()
        ([True], [False])
    """
    studies, arms = quality.mean.shape
    one = np.arange(studies), np.arange(studies) % arms
    mean, error, df = quality.mean[one], quality.error[one], quality.df[one]
    shown = np.isfinite(error)
    half = special.stdtrit(np.maximum(df[shown], 1.0), (1 + confidence) / 2) * error[shown]
    return np.abs(mean[shown] - truth) <= half


def decide(
    cells: Float[np.ndarray, "studies sides n"],
    quality: Quality,
    rng: np.random.Generator,
    *,
    test: str = "t",
    alpha: float = 0.05,
) -> Claims:
    """Reach the verdicts of many studies: `verdict.compare` without a margin, where more is better.

    Args:
        cells: metrics, the baseline first, nan where a cell failed.
        quality: of these cells, paired or not.
        rng: source of the sign patterns beyond 16 seeds.
        test: "t" or "max_t", as in `verdict.compare`.
        alpha: family-wise level.

    Returns:
        Which arms are called better, and which worse.

    Example:
        >>> cells = np.array([[[0.90, 0.91, 0.89], [0.92, 0.932, 0.911]]])
        >>> decide(cells, paired_quality(cells), np.random.default_rng(0)).better.tolist()
        [[True]]
    """
    failures, n = (~np.isfinite(cells)).sum(axis=-1), cells.shape[-1]
    p_failure = _failure_p(failures, n, alpha)
    silenced = np.isnan(quality.p) & (n - failures[:, 1:] >= 2)
    together = holm_p(np.concatenate([np.where(silenced, 1.0, quality.p), p_failure], axis=1))
    arms = quality.p.shape[1]
    p_quality, p_failing = together[:, :arms], together[:, arms:]
    if test == "max_t":
        p_quality, p_failing = _shares_of_alpha(quality, p_failure, silenced, rng)
    excess = failures[:, 1:] - failures[:, :1]
    leans = np.sign(quality.mean) * (p_quality <= alpha)
    fails = -np.sign(excess) * (p_failing <= alpha)
    agree = leans * fails >= 0
    worse = agree & ((leans < 0) | (fails < 0))
    return Claims(agree & ~worse & ((fails > 0) | ((leans > 0) & (excess <= 0))), worse)


def _shares_of_alpha(
    quality: Quality, p_failure: np.ndarray, silenced: np.ndarray, rng: np.random.Generator
) -> tuple[np.ndarray, ...]:
    """Beside sign flips, each question has its part of alpha by the number of its tests."""
    assert quality.deltas is not None
    count, failing = (np.isfinite(p).sum(axis=1, keepdims=True) for p in (quality.p, p_failure))
    flips = max_t_p(quality.deltas, rng, quality.rounding)
    total = count + failing + silenced.sum(axis=1, keepdims=True)
    return flips * total / np.maximum(count, 1), holm_p(p_failure) * total / np.maximum(failing, 1)


def _failure_p(failures: Int[np.ndarray, "studies sides"], n: int, alpha: float) -> Float[np.ndarray, "studies arms"]:
    """Boschloo's p of every arm, nan where so many failures could not differ significantly; one test per kind."""
    kinds, places = np.unique(failures[:, 1:] * (n + 1) + failures[:, :1], return_inverse=True)
    p = [_reachable_p(*divmod(int(kind), n + 1), n, alpha) for kind in kinds]
    return np.array(p)[places].reshape(len(failures), -1)


def _reachable_p(failed: int, failed_baseline: int, n: int, alpha: float) -> float:
    p = compare_failures(failed, n, failed_baseline, n)
    return p if p is not None and can_differ(failed + failed_baseline, n, n, alpha) else np.nan
