"""Several arms, each against itself in another version of its study: paired by seed, corrected over all of them.

The two questions of `verdict` are asked of every arm, whether it fails more or less often and how good it is given
success, and all tests are one family. Unlike there, no arm is the reference of another.
"""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

import numpy as np

from ablate.stats.checks import rounding_of
from ablate.stats.evidence import Evidence, as_array, paired_evidence
from ablate.stats.failure import can_differ, compare_failures
from ablate.stats.multiple import holm
from ablate.stats.verdict import verdict_of

Runs = Mapping[int, float]


class Change(NamedTuple):
    """One arm in two versions of a study, over the seeds that both have; None is what these cannot tell.

    Attributes:
        n: seeds on which both runs succeeded.
        seeds: those that both versions have.
        failed_before: runs of these that failed in the first version; `failed_after` in the second.
        before: mean over the n seeds in the first version; `after` in the second.
        mean: after - before, in the metric's unit; `low` and `high` its t interval, one arm at a time.
        p: of the paired t test, two-sided; `p_holm` is corrected over all arms and both questions.
        p_failure: of equally frequent failures; `p_failure_holm` corrected, None where so few failures cannot differ.
        verdict: better, worse or inconclusive.
        identical: whether all n pairs are equal up to rounding.
    """

    n: int
    seeds: int
    failed_before: int
    failed_after: int
    before: float | None
    after: float | None
    mean: float | None
    low: float | None
    high: float | None
    p: float | None
    p_holm: float | None
    p_failure: float | None
    p_failure_holm: float | None
    verdict: str
    identical: bool


def compare_versions(
    before: Mapping[str, Runs], after: Mapping[str, Runs], *, higher_is_better: bool, alpha: float = 0.05
) -> dict[str, Change]:
    """Compare every arm that both versions have with itself, seed by seed.

    Args:
        before: arm to seed to final metric; nan means failed, an absent seed missing.
        after: the same in the other version.
        higher_is_better: direction of the metric.
        alpha: family-wise level, between 0 and 1.

    Returns:
        Arm to change, in the order of the first version.

    Example:
        >>> old, new = {"a": {0: 0.90, 1: 0.91, 2: 0.89}}, {"a": {0: 0.92, 1: 0.932, 2: 0.911}}
        >>> change = compare_versions(old, new, higher_is_better=True)["a"]
        >>> round(change.mean, 3), round(change.p_holm, 4), change.verdict
        (0.021, 0.0008, 'better')

    References:
        Holm, "A simple sequentially rejective multiple test procedure", Scandinavian Journal of Statistics 1979,
        https://www.jstor.org/stable/4615733
    """
    arms = {name: _shared(runs, after[name]) for name, runs in before.items() if name in after}
    evidence = [paired_evidence(b, a, higher_is_better=higher_is_better, alpha=alpha) for a, b in arms.values()]
    lost = [(_failed(a), _failed(b), len(a)) for a, b in arms.values()]
    p_failure = [compare_failures(b, n, a, n) for a, b, n in lost]
    reachable = [p if n and can_differ(a + b, n, n, alpha) else None for p, (a, b, n) in zip(p_failure, lost)]
    # An arm that lost its pairs to failures stays in the correction, as in `verdict`: bad luck must not free alpha.
    idle = sum(e.p is None and n >= 2 for e, (_, _, n) in zip(evidence, lost))
    p = [e.p for e in evidence]
    corrected = holm([*p, *reachable, *[1.0] * idle])
    return {
        name: _change(runs, e, counts, (p_fail, corrected[k], corrected[len(p) + k]), alpha)
        for k, ((name, runs), e, counts, p_fail) in enumerate(zip(arms.items(), evidence, lost, p_failure))
    }


def _shared(before: Runs, after: Runs) -> tuple[Runs, Runs]:
    seeds = sorted(before.keys() & after.keys())
    return {seed: before[seed] for seed in seeds}, {seed: after[seed] for seed in seeds}


def _failed(runs: Runs) -> int:
    return int((~np.isfinite(as_array(runs.values()))).sum())


def _change(
    runs: tuple[Runs, Runs],
    evidence: Evidence,
    counts: tuple[int, int, int],
    p: tuple[float | None, float | None, float | None],
    alpha: float,
) -> Change:
    where, (failed_before, failed_after, seeds) = evidence.location, counts
    p_failure, p_holm, p_failure_holm = p
    sides = [as_array(side[seed] for seed in evidence.deltas) for side in runs]
    rounding = rounding_of(*sides) if evidence.deltas else 0.0
    quality = evidence.lean if p_holm is not None and p_holm <= alpha else 0
    excess = (failed_after - failed_before) / seeds if seeds else 0.0
    failing = int(np.sign(-excess)) if p_failure_holm is not None and p_failure_holm <= alpha else 0
    return Change(
        n=where.n,
        seeds=seeds,
        failed_before=failed_before,
        failed_after=failed_after,
        before=_mean(sides[0]),
        after=_mean(sides[1]),
        mean=where.mean,
        low=where.low,
        high=where.high,
        p=evidence.p,
        p_holm=p_holm,
        p_failure=p_failure,
        p_failure_holm=p_failure_holm,
        verdict=verdict_of(quality, failing, excess),
        identical=seeds > 0 and where.n == seeds and _largest(evidence.deltas.values()) <= rounding,
    )


def _mean(values: np.ndarray) -> float | None:
    return float(values.mean()) if values.size else None


def _largest(values: Iterable[float]) -> float:
    return max(map(abs, values), default=0.0)
