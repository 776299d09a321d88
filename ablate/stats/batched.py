"""The rules of `verdict` over many studies at once, for `simulate`: same p-values, same verdicts, no loop over studies.

A study is an array of cells, the baseline first, nan where a cell failed. Every cell has ended, so that each side of a
comparison has all n runs. Tests hold each function here to its original.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int
from scipy import special

from ablate.stats.checks import FLOAT32_ROUNDING, SPREADS
from ablate.stats.exact import EXACT_UP_TO
from ablate.stats.failure import FEWEST_SIBLINGS, NORMAL, can_differ, compare_failures
from ablate.stats.verdict import LENIENCE

DRAWS = 999  # random sign patterns beyond the exact ones: p <= .05 then has a probability of exactly .05
NUMBERS_AT_ONCE = 2_000_000


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


def t_p(deltas: Float[np.ndarray, "*studies n"]) -> Float[np.ndarray, "*studies"]:
    """Give the paired t p-value of many vectors of deltas: `paired.paired_t` for continuous draws.

    Args:
        deltas: last axis the seeds, two or more.

    Returns:
        Two-sided p-values.

    Example:
        >>> round(float(t_p(np.array([0.02, 0.01, 0.03, 0.02]))), 4)
        0.0163
    """
    n = deltas.shape[-1]
    t = deltas.mean(axis=-1) / (deltas.std(axis=-1, ddof=1) / np.sqrt(n))
    return np.asarray(2 * special.stdtr(n - 1, -np.abs(t)))


def flip_p(deltas: Float[np.ndarray, "*studies n"]) -> Float[np.ndarray, "*studies"]:
    """Give the exact sign-flip p-value of many vectors of deltas: `exact.sign_flip`.

    Args:
        deltas: last axis the seeds; the work doubles with each.

    Returns:
        Two-sided p-values.

    Example:
        >>> float(flip_p(np.array([0.02, 0.01, 0.03, 0.02])))
        0.125
    """
    n = deltas.shape[-1]
    sums = np.abs(deltas @ _all_patterns(n).T)
    threshold = np.abs(deltas.sum(axis=-1)) - n * FLOAT32_ROUNDING * np.abs(deltas).max(axis=-1)
    return np.asarray((sums >= threshold[..., None]).mean(axis=-1))


def max_t_p(
    deltas: Float[np.ndarray, "studies arms n"],
    rng: np.random.Generator,
    rounding: Float[np.ndarray, "studies arms"] | None = None,
) -> Float[np.ndarray, "studies arms"]:
    """Give the step-down p-values of many studies: `max_t.max_t`.

    Args:
        deltas: arm - baseline, nan where either side failed.
        rng: source of the sign patterns beyond 16 seeds, which are then 999, drawn anew for every part of the studies
            that is computed at once.
        rounding: as in `max_t.max_t`.

    Returns:
        p-values, nan for an arm with fewer than two deltas.

    Example:
        >>> deltas = np.array([[[0.02, 0.01, 0.03, 0.02], [0.001, -0.001, 0.002, -0.003]]])
        >>> max_t_p(deltas, np.random.default_rng(0)).tolist()
        [[0.125, 1.0]]

    References:
        Westfall, Young. Resampling-Based Multiple Testing. 1993. ISBN 978-0-471-55761-6
    """
    studies, arms, n = deltas.shape
    near = np.zeros((studies, arms)) if rounding is None else rounding
    patterns = 1 << n - 1 if n <= EXACT_UP_TO else DRAWS
    size = max(1, NUMBERS_AT_ONCE // (patterns * arms))
    parts = [slice(start, start + size) for start in range(0, studies, size)]
    return np.concatenate([_max_t_part(deltas[part], near[part], rng) for part in parts])


def _max_t_part(deltas, near, rng) -> Float[np.ndarray, "studies arms"]:
    n, known = deltas.shape[-1], np.isfinite(deltas)
    whole = n <= EXACT_UP_TO
    patterns = _all_patterns(n) if whole else rng.choice((-1.0, 1.0), size=(DRAWS, n))
    values, count = np.where(known, deltas, 0.0), known.sum(axis=-1)
    squares, tested = (values**2).sum(axis=-1), count >= 2
    least = np.maximum(np.maximum(near**2, 1e-24 * squares), np.finfo(float).tiny)

    def size(sums: np.ndarray, squares: np.ndarray, count: np.ndarray, least: np.ndarray) -> np.ndarray:
        variance = (squares - sums**2 / np.maximum(count, 1)) / np.maximum(count - 1, 1)
        return np.abs(sums) / np.sqrt(np.maximum(count, 1) * np.maximum(variance, least))

    total = np.maximum(np.abs(values.sum(axis=-1)) - count * near, 0.0)
    own = np.where(tested, size(total, squares, count, least) * (1 - 1e-9), -1.0)
    # The arm with the smallest t first, so that a running maximum is the maximum over it and all below.
    order = np.argsort(own, axis=1, kind="stable")
    by = [np.take_along_axis(x, order, axis=1)[:, None] for x in (squares, count, least)]
    flipped = size(patterns @ np.take_along_axis(values, order[..., None], axis=1).transpose(0, 2, 1), *by)
    flipped[np.broadcast_to(by[1] < 2, flipped.shape)] = -1.0
    np.maximum.accumulate(flipped, axis=2, out=flipped)
    hits = (flipped >= np.take_along_axis(own, order, axis=1)[:, None]).sum(axis=1)
    p = hits / len(patterns) if whole else (1 + hits) / (1 + len(patterns))
    p = np.maximum.accumulate(p[:, ::-1], axis=1)[:, ::-1]
    result = np.empty(own.shape)
    np.put_along_axis(result, order, p, axis=1)
    return np.where(tested, result, np.nan)


def _all_patterns(n: int) -> Float[np.ndarray, "patterns n"]:
    """All sign patterns; the last sign stays, since mirrors count alike."""
    return 1.0 - 2.0 * (np.arange(1 << n - 1)[:, None] >> np.arange(n) & 1)


def holm_p(p: Float[np.ndarray, "studies tests"]) -> Float[np.ndarray, "studies tests"]:
    """Adjust the p-values of many studies: `multiple.holm`, nan where there was no test.

    Args:
        p: p-values, one row per study.

    Returns:
        Adjusted p-values.

    Example:
        >>> holm_p(np.array([[0.01, np.nan, 0.04, 0.03]])).tolist()
        [[0.03, nan, 0.06, 0.06]]
    """
    known = np.isfinite(p)
    order = np.argsort(p, axis=1)  # nan comes last
    steps = np.maximum(known.sum(axis=1, keepdims=True) - np.arange(p.shape[1]), 0)
    raised = np.take_along_axis(np.where(known, p, 1.0), order, axis=1) * steps
    result = np.empty(p.shape)
    np.put_along_axis(result, order, np.minimum(1.0, np.maximum.accumulate(raised, axis=1)), axis=1)
    return np.where(known, result, np.nan)


def holm_rejects(p: Float[np.ndarray, "repeats arms"], alpha: float) -> Bool[np.ndarray, "repeats arms"]:
    """Say which tests Holm rejects in many studies: `multiple.holm` <= alpha.

    Args:
        p: p-values, one row per study.
        alpha: family-wise level.

    Returns:
        True where rejected.

    Example:
        >>> holm_rejects(np.array([[0.01, 0.04, 0.03]]), 0.05).tolist()
        [[True, False, False]]
    """
    return holm_p(p) <= alpha


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
    return p if p is not None and can_differ(failed + failed_baseline, n, n, LENIENCE * alpha) else np.nan
