"""Corrections for many arms: Holm for the verdicts, Benjamini-Hochberg beside it, Bonferroni-t for intervals.

`None` stands for "no test was possible" in every list: it stays None and does not make the others stricter.
"""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from ablate.stats.paired import Interval, t_interval


def holm(p: Sequence[float | None]) -> list[float | None]:
    """Adjust p-values for the risk of any false rejection: max_{j<=i} (m - j + 1) p_(j), cut at 1.

    Holds under any dependence between the tests; arms that share a baseline and seeds are dependent.

    Args:
        p: two-sided p-values in [0, 1], None where there was no test.

    Returns:
        Adjusted p-values in the order given.

    Raises:
        ValueError: if a p-value is nan or outside [0, 1].

    Example:
        >>> holm([0.01, None, 0.04, 0.03])
        [0.03, None, 0.06, 0.06]

    References:
        Holm, "A simple sequentially rejective multiple test procedure", Scandinavian Journal of Statistics 1979,
        https://www.jstor.org/stable/4615733
    """
    where, tested = _tested(p)
    order = np.argsort(tested, kind="stable")
    steps = np.arange(tested.size, 0, -1)
    adjusted = np.minimum(1.0, np.maximum.accumulate(steps * tested[order]))
    return _put_back(len(p), where[order], adjusted)


def benjamini_hochberg(p: Sequence[float | None]) -> list[float | None]:
    """Adjust p-values for the expected share of false rejections: min_{j>=i} m p_(j) / j, cut at 1.

    Weaker than Holm: shown for studies with many arms that look for candidates, never used for the verdict.

    Args:
        p: two-sided p-values in [0, 1], None where there was no test.

    Returns:
        Adjusted p-values in the order given.

    Raises:
        ValueError: if a p-value is nan or outside [0, 1].

    Example:
        >>> benjamini_hochberg([0.01, None, 0.04, 0.03])
        [0.03, None, 0.04, 0.04]

    References:
        Benjamini and Hochberg, "Controlling the false discovery rate", JRSS B 1995,
        https://doi.org/10.1111/j.2517-6161.1995.tb02031.x
    """
    where, tested = _tested(p)
    order = np.argsort(tested, kind="stable")
    scaled = tested[order] * tested.size / np.arange(1, tested.size + 1)
    adjusted = np.minimum(1.0, np.minimum.accumulate(scaled[::-1])[::-1])
    return _put_back(len(p), where[order], adjusted)


def simultaneous_confidence(contrasts: int, alpha: float = 0.05) -> float:
    """Give the confidence of each interval that makes all of them hold together: 1 - alpha / contrasts.

    Args:
        contrasts: number of intervals, 1 or more.
        alpha: probability that any of them misses, between 0 and 1.

    Returns:
        Confidence between 0 and 1.

    Example:
        >>> simultaneous_confidence(5)
        0.99

    References:
        Dunn, "Multiple comparisons among means", JASA 1961, https://doi.org/10.1080/01621459.1961.10482090
    """
    return 1 - alpha / max(1, contrasts)


def simultaneous_intervals(deltas: Sequence[Float[np.ndarray, "_"]], alpha: float = 0.05) -> list[Interval]:
    """Give intervals that hold all together with 1 - alpha: Bonferroni-t, mean +- t(n - 1, 1 - alpha/2m) sd / sqrt(n).

    Not Dunnett's intervals: those assume one variance for all arms and independent runs, so that contrasts correlate
    by the shared baseline alone. Paired deltas have a variance of their own per arm, correlate through seeds as well,
    and lose pairs separately; Bonferroni needs none of that, and agrees with the first step of Holm.

    Args:
        deltas: one vector of paired deltas per arm, in the metric's unit; m counts those of two or more.
        alpha: probability that any interval misses, between 0 and 1.

    Returns:
        One interval per arm, in the order given.

    Raises:
        ValueError: if a delta is not finite.

    Example:
        >>> both = simultaneous_intervals([np.array([1.0, 2.0, 3.0]), np.array([0.0])])
        >>> [round(x, 2) for x in both[0]], both[1].low
        ([2.0, -0.48, 4.48], None)

    References:
        Dunn, "Multiple comparisons among means", JASA 1961, https://doi.org/10.1080/01621459.1961.10482090
    """
    confidence = simultaneous_confidence(sum(len(d) >= 2 for d in deltas), alpha)
    return [t_interval(d, confidence) for d in deltas]


def _tested(p: Sequence[float | None]) -> tuple[np.ndarray, np.ndarray]:
    """Split into the positions of the tests and their p-values."""
    where = np.array([i for i, value in enumerate(p) if value is not None], dtype=int)
    tested = np.array([value for value in p if value is not None], dtype=np.float64)
    if not ((tested >= 0) & (tested <= 1)).all():  # Written so that nan fails too.
        raise ValueError(f"p-values lie in [0, 1], got {tested.tolist()}; where there was no test, give None")
    return where, tested


def _put_back(length: int, where: np.ndarray, adjusted: np.ndarray) -> list[float | None]:
    """Put the adjusted values at their positions, None elsewhere."""
    p_adjusted: list[float | None] = [None] * length
    for i, value in zip(where, adjusted, strict=True):
        p_adjusted[i] = float(value)
    return p_adjusted
