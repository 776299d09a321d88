"""All arms at once without normality: the largest t over arms, under flips of the signs of whole seeds.

Where no arm has an effect, the deltas of a seed are as likely as the same deltas with all signs turned, whatever their
distributions, as long as these are symmetric, and however the arms of a seed correlate. So the flips say how large the
largest |t| becomes by chance, and correct for the number of arms without paying for it twice where arms move together.
The smallest p is 2 / 2^n for any number of arms; one wild seed of the baseline widens every t alike, and does not
silence the study.
"""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from ablate.stats.exact import EXACT_UP_TO

DRAWS = 20_000  # random patterns beyond the exact ones; the error of a p of .05 is then .0015


def max_t(
    deltas: Float[np.ndarray, "seeds arms"],
    rounding: Float[np.ndarray, "arms"] | None = None,
    *,
    seed: int = 0,
    draws: int = DRAWS,
) -> list[float | None]:
    """Give step-down max-T p-values: for the arm with the j-th largest |t|, P(max |t*| over it and all below >= |t|).

    t = sum / sqrt(n var) of an arm's deltas over the n seeds that it has, t* the same after flips that act on all arms
    of a seed; the p of an arm is never below that of one with a larger |t|. All 2^n patterns are counted to n = 16;
    beyond, `draws` random ones with (1 + hits) / (1 + draws).

    Args:
        deltas: arm - baseline in the metric's unit, a row per seed; nan where either side has no result.
        rounding: of the values subtracted (`checks.rounding_of`), one per arm: deltas closer together than that have
            no spread of their own.
        seed: of the random patterns.
        draws: number of random patterns.

    Returns:
        One p per arm in (0, 1], None for an arm with fewer than two deltas.

    Example:
        >>> max_t(np.array([[0.02, 0.001], [0.01, -0.001], [0.03, 0.002], [0.02, -0.003]]))
        [0.125, 1.0]

    References:
        Westfall, Young. Resampling-Based Multiple Testing. 1993. ISBN 978-0-471-55761-6; Ge, Dudoit, Speed.
        Resampling-based multiple testing for microarray data analysis. 2003. https://doi.org/10.1007/BF02595811
    """
    arms = deltas.shape[1]
    known = np.isfinite(deltas)
    tested = np.flatnonzero(known.sum(axis=0) >= 2)
    found: list[float | None] = [None] * arms
    if not tested.size:
        return found
    near = np.zeros(arms) if rounding is None else np.asarray(rounding, dtype=np.float64)
    columns, near = np.where(known, deltas, 0.0)[:, tested], near[tested]
    count, squares = known[:, tested].sum(axis=0), (columns**2).sum(axis=0)

    def size(sums: Float[np.ndarray, "... arms"]) -> Float[np.ndarray, "... arms"]:
        variance = (squares - sums**2 / count) / (count - 1)
        # Sums of squares lose what a sum of equal deltas has left: no spread, up to the rounding of float64 here.
        least = np.maximum(near**2, 1e-24 * squares)
        return np.abs(sums) / np.sqrt(count * np.maximum(variance, np.maximum(least, np.finfo(float).tiny)))

    patterns, whole = _patterns(len(deltas), np.random.default_rng(seed), draws)
    flipped = size(patterns @ columns)
    own = size(np.maximum(np.abs(columns.sum(axis=0)) - count * near, 0.0)) * (1 - 1e-9)
    for place, p in zip(tested, _step_down(own, flipped, whole=whole), strict=True):
        found[place] = p
    return found


def _step_down(
    own: Float[np.ndarray, "arms"], flipped: Float[np.ndarray, "patterns arms"], *, whole: bool
) -> Sequence[float]:
    """Compare each statistic with the largest of it and all smaller ones."""
    order = np.argsort(-own, kind="stable")
    largest = np.maximum.accumulate(flipped[:, order[::-1]], axis=1)[:, ::-1]
    hits = (largest >= own[order]).sum(axis=0)
    p = hits / len(flipped) if whole else (1 + hits) / (1 + len(flipped))
    result = np.empty(own.size)
    result[order] = np.maximum.accumulate(p)
    return result.tolist()


def _patterns(seeds: int, rng: np.random.Generator, draws: int) -> tuple[Float[np.ndarray, "patterns seeds"], bool]:
    """Signs of every seed: all patterns, the first sign fixed since a mirror gives the same |t|; or random ones."""
    if seeds > EXACT_UP_TO:
        return rng.choice((-1.0, 1.0), size=(draws, seeds)), False
    bits = np.arange(1 << max(0, seeds - 1))[:, None] >> np.arange(seeds) & 1
    return 1.0 - 2.0 * bits[:, ::-1] if seeds else np.ones((1, 0)), True
