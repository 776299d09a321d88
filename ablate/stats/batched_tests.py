"""Tests and corrections over many studies at once, each the same as its original: t, sign flips, max-T, Holm."""

import numpy as np
from jaxtyping import Bool, Float
from scipy import special

from ablate.stats.checks import FLOAT32_ROUNDING
from ablate.stats.exact import EXACT_UP_TO

DRAWS = 999  # random sign patterns beyond the exact ones: p <= .05 then has a probability of exactly .05
NUMBERS_AT_ONCE = 2_000_000


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
