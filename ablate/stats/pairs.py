"""Which of several arms is best: every pair of them, corrected over all pairs."""

from collections.abc import Mapping
from itertools import combinations
from typing import NamedTuple

from ablate.stats.evidence import paired_evidence, unpaired_evidence
from ablate.stats.multiple import holm


class Pair(NamedTuple):
    """The mean delta of one arm from another, in the metric's unit, given success, and its p over all pairs."""

    mean: float | None
    p_holm: float | None


def all_pairs(
    arms: Mapping[str, Mapping[int, float]], *, higher_is_better: bool, paired: bool = True
) -> dict[tuple[str, str], Pair]:
    """Compare every two arms by the paired t test (unshared seeds: Welch's), with Holm's correction over all pairs.

    Args:
        arms: arm to seed to final metric; finite numbers only.
        higher_is_better: direction of the metric.
        paired: whether arms share seeds.

    Returns:
        Both orders of every pair, the first minus the second.

    Example:
        >>> found = all_pairs({"a": {0: 1.0, 1: 2.1, 2: 3.0}, "b": {0: 0.0, 1: 1.0, 2: 2.1}}, higher_is_better=True)
        >>> round(found["a", "b"].mean, 2), round(found["b", "a"].mean, 2), round(found["a", "b"].p_holm, 4)
        (1.0, -1.0, 0.0033)

    References:
        Holm, "A simple sequentially rejective multiple test procedure", Scandinavian Journal of Statistics 1979,
        https://www.jstor.org/stable/4615733
    """
    gather = paired_evidence if paired else unpaired_evidence
    names = list(combinations(arms, 2))
    evidence = [gather(arms[a], arms[b], higher_is_better=higher_is_better) for a, b in names]
    found: dict[tuple[str, str], Pair] = {}
    for (a, b), one, p in zip(names, evidence, holm([one.p for one in evidence]), strict=True):
        mean = one.location.mean
        found[a, b], found[b, a] = Pair(mean, p), Pair(None if mean is None else -mean, p)
    return found
