"""What the cells of one arm say against the baseline, before looking at any other arm.

Quality is compared given success: over the cells that did not fail. Whether an arm fails more often is a question of
its own (`failure`). Paired and unshared seeds give the same record, so that the verdict is written once.
"""

import math
from collections.abc import Iterable, Mapping
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from ablate.stats.checks import FLOAT32_ROUNDING, rounding_of
from ablate.stats.exact import sign_flip, sign_test, smallest_p, wilcoxon
from ablate.stats.paired import Pairing, drop_one, paired_t, pairing
from ablate.stats.unpaired import rank_sum, relabel, welch


class Location(NamedTuple):
    """The mean delta of the finite cells: standard error, degrees of freedom, t interval and p; None as in `PairedT`.

    `sd` is scaled such that error = sd / sqrt(n); `floor` is the smallest two-sided p an exact test could give.
    """

    n: int
    mean: float | None
    sd: float | None
    error: float | None
    df: float | None
    low: float | None
    high: float | None
    p: float | None
    floor: float


class Evidence(NamedTuple):
    """One arm against the baseline, alone: `p` is that of `test`, and `lean` its direction, 1 for a better arm.

    `deltas` are those of the shared seeds on which both sides succeeded, by seed; `rounding` is that of the values
    subtracted. Both are empty where seeds are not shared.
    """

    location: Location
    test: str | None
    p: float | None
    lean: int
    deltas: dict[int, float]
    rounding: float
    p_exact: float | None
    p_wilcoxon: float | None
    p_sign: float | None
    drop_one: tuple[float, float] | None
    pairing: Pairing


def paired_evidence(
    arm: Mapping[int, float], baseline: Mapping[int, float], *, higher_is_better: bool, alpha: float = 0.05
) -> Evidence:
    """Compare over the seeds on which both sides succeeded, by the paired t test.

    Args:
        arm: seed to final metric, in any unit; a value that is not finite means failed.
        baseline: the same for the baseline.
        higher_is_better: direction of the metric.
        alpha: the interval has confidence 1 - alpha.

    Returns:
        The record; its deltas are arm - baseline over the pairs with two finite values. Only `p_sign` is of all pairs,
        with failed as the worst outcome.

    Example:
        >>> result = paired_evidence({0: 1.2, 1: 2.1}, {0: 1.0, 1: 2.0, 2: 3.0}, higher_is_better=True)
        >>> result.location.n, round(result.location.mean, 3), result.test, result.lean
        (2, 0.15, 'paired t', 1)
    """
    seeds = sorted(arm.keys() & baseline.keys())
    a, b = as_array(arm[s] for s in seeds), as_array(baseline[s] for s in seeds)
    both = np.isfinite(a) & np.isfinite(b)
    deltas, rounding = a[both] - b[both], rounding_of(a[both], b[both])
    by_pair = FLOAT32_ROUNDING * np.maximum(np.abs(a[both]), np.abs(b[both]))
    location = _paired_location(deltas, alpha, rounding)
    good_a, good_b = _goodness(a, higher_is_better), _goodness(b, higher_is_better)
    order = (good_a > good_b).astype(float) - (good_a < good_b)
    order[both] *= np.abs(deltas) > by_pair
    p_sign = sign_test(order) if len(seeds) > 1 else None
    return Evidence(
        location,
        *_chosen(location, "paired t", "sign flip"),
        lean=int(np.sign(_goodness(deltas, higher_is_better).sum())),
        deltas={seed: float(delta) for seed, delta in zip(np.array(seeds)[both].tolist(), deltas, strict=True)},
        rounding=rounding,
        p_exact=None if deltas.size < 2 else sign_flip(deltas, rounding=rounding),
        p_wilcoxon=None if deltas.size < 2 else wilcoxon(deltas, by_pair),
        p_sign=p_sign,
        drop_one=drop_one(deltas),
        pairing=pairing(a[both], b[both]),
    )


def unpaired_evidence(
    arm: Mapping[int, float], baseline: Mapping[int, float], *, higher_is_better: bool, alpha: float = 0.05
) -> Evidence:
    """Compare runs that share no seeds and did not fail, by Welch's t test.

    Args:
        arm: seed to final metric, in any unit; a value that is not finite means failed.
        baseline: the same for the baseline.
        higher_is_better: direction of the metric.
        alpha: the interval has confidence 1 - alpha.

    Returns:
        The record; `p_exact` is the permutation test of the means, `p_wilcoxon` the rank sum, n the smaller side.

    Example:
        >>> result = unpaired_evidence({0: 3.0, 1: 4.0, 2: 5.0}, {3: 1.0, 4: 2.0, 5: 3.0}, higher_is_better=False)
        >>> result.test, round(result.p, 4), result.lean
        ('Welch t', 0.0705, -1)
    """
    a, b = as_array(arm.values()), as_array(baseline.values())
    a, b = a[np.isfinite(a)], b[np.isfinite(b)]
    location = _welch_location(a, b, alpha)
    gap = (location.mean or 0.0) * (1 if higher_is_better else -1)
    return Evidence(
        location,
        *_chosen(location, "Welch t", "relabelling"),
        lean=int(np.sign(gap)),
        deltas={},
        rounding=0.0,
        p_exact=relabel(a, b),
        p_wilcoxon=rank_sum(a, b),
        p_sign=None,
        drop_one=None,
        pairing=Pairing(None, None),
    )


def as_array(metrics: Iterable[float]) -> Float[np.ndarray, "cells"]:
    """Collect metrics as a float64 vector.

    Args:
        metrics: numbers, infinities or nan.

    Returns:
        The same, in order.

    Example:
        >>> as_array([1.0, 2.0]).tolist()
        [1.0, 2.0]
    """
    return np.fromiter(metrics, dtype=np.float64)


def _goodness(metrics: Float[np.ndarray, "cells"], higher_is_better: bool) -> Float[np.ndarray, "cells"]:
    """Turn the sign so that more is better, with diverged as the worst there is."""
    turned = metrics if higher_is_better else -metrics
    return np.where(np.isfinite(metrics), turned, -np.inf)


def _paired_location(deltas: Float[np.ndarray, "pairs"], alpha: float, rounding: float) -> Location:
    test = paired_t(deltas, 1 - alpha, rounding)
    error, df = (None, None) if test.sd is None else (test.sd / math.sqrt(test.n), float(test.n - 1))
    return Location(test.n, test.mean, test.sd, error, df, test.low, test.high, test.p, smallest_p(test.n))


def _welch_location(a: Float[np.ndarray, "runs_a"], b: Float[np.ndarray, "runs_b"], alpha: float) -> Location:
    test = welch(a, b, 1 - alpha)
    n = min(test.n_a, test.n_b)
    sd = None if test.error is None else test.error * math.sqrt(n)
    floor = min(1.0, 2 / math.comb(test.n_a + test.n_b, test.n_a))
    return Location(n, test.mean, sd, test.error, test.df, test.low, test.high, test.p, floor)


def _chosen(location: Location, usual: str, spreadless: str) -> tuple[str | None, float | None]:
    """Return the test of the means, and its p."""
    if location.p is None:
        return None, None
    return (spreadless if location.sd == 0 else usual), location.p
