"""From the final metrics of all cells to one verdict per arm.

Superiority ("better", "worse") rests on the paired t test, Holm-corrected over all arms: with no effect anywhere, the
probability that any arm is called better or worse is at most alpha. Equivalence is a second family, two one-sided
tests against a margin declared beforehand, with Holm over its own p-values, asked only where superiority is not
significant. Each family errs with probability at most alpha, so a study that uses both errs with at most 2 alpha. An
arm that differs significantly by less than the margin is "better" or "worse", not "equivalent".

Divergence is an outcome, not a missing value. Where any cell of a comparison diverged, a mean over the survivors would
flatter the side that lost its bad seeds, so the test is by rank with diverged as the worst: the sign test for pairs,
the rank sum for unshared seeds. An arm with a diverged cell is never better or equivalent. One verdict is a statement
of fact and no test: four or more cells of one side, all diverged, against four or more of the other, none diverged.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from scipy import stats

from ablate.stats.checks import POWER
from ablate.stats.evidence import Evidence, Location, as_array, paired_evidence, unpaired_evidence
from ablate.stats.multiple import benjamini_hochberg, holm
from ablate.stats.paired import paired_t
from ablate.stats.power import minimum_detectable_effect, power_of, seeds_needed

__all__ = [
    "VERDICTS",
    "Contrast",
    "compare",
    "minimum_detectable_effect",
    "power_of",
    "seeds_needed",
    "tost",
]

# Two sides that diverge equally often part completely with probability at most 2 / 4^n: below .01 from 4 cells on.
FEWEST_FOR_FACT = 4
VERDICTS = ("better", "worse", "equivalent", "inconclusive")


@dataclass(frozen=True)
class Contrast:
    """One arm against the baseline: everything a report shows. None is what the cells at hand cannot tell.

    Attributes:
        n: pairs of finite cells (unshared seeds: finite cells of the smaller side).
        diverged_arm: diverged cells of the arm; `diverged_baseline` those of the baseline.
        mean: mean delta, arm - baseline, in the metric's unit, over finite cells; `sd`, `low`, `high` likewise.
        test: what gives `p`: "paired t" or "Welch t"; "sign" or "rank sum" where a cell diverged; "sign flip" or
            "relabelling" where the deltas have no spread.
        p: of that test, two-sided; `p_holm` and `p_bh` are corrected over all arms.
        p_exact: sign-flip p (unshared seeds: permutation p), uncorrected; None where a cell diverged.
        p_wilcoxon: signed-rank p, None where a cell diverged (unshared seeds: rank sum, diverged as worst).
        p_sign: sign test over all pairs, diverged as worst.
        drop_one: range of the mean when any one seed is left out.
        simultaneous_low: lower limit that holds for all arms together; `simultaneous_high` the upper one.
        rho: correlation of the pairs; `pairing_gain` is the factor of seeds that pairing saved.
        p_tost: of equivalence within the margin, 1 where a cell diverged; `p_tost_holm` is corrected over all arms.
        mde: true delta found with 80 % power in the strictest step of Holm, alpha / arms.
        seeds_for_margin: seeds with which a true delta of one margin would be found, in the same sense.
        verdict: one of `VERDICTS`.
        fact: whether the verdict is a statement of fact about divergence, without a test.
        disagrees: whether `p` and `p_exact` lie on different sides of alpha, both uncorrected.
    """

    n: int
    diverged_arm: int
    diverged_baseline: int
    mean: float | None
    sd: float | None
    low: float | None
    high: float | None
    test: str | None
    p: float | None
    p_holm: float | None
    p_bh: float | None
    p_exact: float | None
    p_wilcoxon: float | None
    p_sign: float | None
    drop_one: tuple[float, float] | None
    simultaneous_low: float | None
    simultaneous_high: float | None
    rho: float | None
    pairing_gain: float | None
    p_tost: float | None
    p_tost_holm: float | None
    mde: float | None
    seeds_for_margin: int | None
    verdict: str
    fact: bool
    disagrees: bool


def tost(deltas: Float[np.ndarray, "pairs"], margin: float, rounding: float = 0.0) -> float | None:
    """Give the p of equivalence by two one-sided t tests: P(T > (margin - |mean|) / (sd / sqrt(n))), n - 1 degrees.

    Deltas without spread have no t test: p is then 1/2^n inside the margin, and 1 at or outside it.

    Args:
        deltas: arm - baseline, one per shared seed, in the metric's unit.
        margin: differences below it do not matter, in the same unit, above 0.
        rounding: of the values subtracted (`checks.rounding_of`), in the same unit.

    Returns:
        p in (0, 1], or None with fewer than two deltas.

    Raises:
        ValueError: if a delta is not finite or the margin is not above 0.

    Example:
        >>> round(tost(np.array([0.001, -0.001, 0.002, 0.0]), margin=0.005), 4)
        0.003

    References:
        Schuirmann, "A comparison of the two one-sided tests procedure and the power approach", Journal of
        Pharmacokinetics and Biopharmaceutics 1987, https://doi.org/10.1007/BF01068419
    """
    _check(margin=margin)
    test = paired_t(deltas, rounding=rounding)
    if test.mean is None or test.sd is None:
        return None
    return _equivalence(test.mean, test.sd / math.sqrt(test.n), float(test.n - 1), 2.0 ** (1 - test.n), margin)


def compare(
    arms: Mapping[str, Mapping[int, float]],
    baseline: str,
    *,
    higher_is_better: bool,
    alpha: float = 0.05,
    margin: float | None = None,
    paired: bool = True,
) -> dict[str, Contrast]:
    """Compare every arm with the baseline and reach a verdict; see the module for the rules.

    Args:
        arms: arm to seed to final metric; nan (or an infinity) means diverged, an absent seed failed or missing.
        baseline: name of the baseline arm.
        higher_is_better: direction of the metric.
        alpha: family-wise level, between 0 and 1.
        margin: differences below it do not matter, in the metric's unit, above 0; None asks no equivalence.
        paired: whether arms share seeds; False compares by Welch's test.

    Returns:
        Arm to contrast, without the baseline, in the order given.

    Raises:
        ValueError: if the baseline is no arm, or alpha or margin are out of range.

    Example:
        >>> cells = {"none": {0: 0.90, 1: 0.91, 2: 0.89}, "mixup": {0: 0.92, 1: 0.932, 2: 0.911}}
        >>> result = compare(cells, "none", higher_is_better=True)["mixup"]
        >>> round(result.mean, 3), round(result.p_holm, 4), result.verdict, result.disagrees
        (0.021, 0.0008, 'better', True)

    References:
        Holm, "A simple sequentially rejective multiple test procedure", Scandinavian Journal of Statistics 1979,
        https://www.jstor.org/stable/4615733
    """
    _check(alpha=alpha, margin=margin)
    if baseline not in arms:
        raise ValueError(f"the baseline {baseline!r} is no arm; the arms are {', '.join(arms)}")
    gather = paired_evidence if paired else unpaired_evidence
    others = [name for name in arms if name != baseline]
    evidence = [gather(arms[a], arms[baseline], higher_is_better=higher_is_better, alpha=alpha) for a in others]
    p = [e.p for e in evidence]
    p_tost = [_margin_test(e, margin) for e in evidence]
    strict = alpha / max(1, sum(value is not None for value in p))
    corrected = zip(holm(p), benjamini_hochberg(p), p_tost, holm(p_tost), strict=True)
    return {
        name: _contrast(e, _divergence(arms[name], arms[baseline]), more, alpha, strict, margin)
        for name, e, more in zip(others, evidence, corrected, strict=True)
    }


def _contrast(
    evidence: Evidence,
    divergence: tuple[int, int, int],
    corrected: tuple[float | None, float | None, float | None, float | None],
    alpha: float,
    strict: float,
    margin: float | None,
) -> Contrast:
    """Lay the record of one arm out for the report."""
    where, (p_holm, p_bh, p_tost, p_tost_holm) = evidence.location, corrected
    diverged_arm, diverged_baseline, fact = divergence
    ranked = evidence.test in ("sign", "rank sum")
    low, high = _limits(where, strict)
    spread = 0.0 if ranked or where.sd is None else where.sd
    return Contrast(
        n=where.n,
        diverged_arm=diverged_arm,
        diverged_baseline=diverged_baseline,
        mean=where.mean,
        sd=where.sd,
        low=where.low,
        high=where.high,
        test=evidence.test,
        p=evidence.p,
        p_holm=p_holm,
        p_bh=p_bh,
        p_exact=evidence.p_exact,
        p_wilcoxon=evidence.p_wilcoxon,
        p_sign=evidence.p_sign,
        drop_one=evidence.drop_one,
        simultaneous_low=low,
        simultaneous_high=high,
        rho=evidence.pairing.rho,
        pairing_gain=evidence.pairing.gain,
        p_tost=p_tost,
        p_tost_holm=p_tost_holm,
        mde=minimum_detectable_effect(spread, where.n, strict, POWER),
        seeds_for_margin=None if margin is None else seeds_needed(spread, margin, strict, POWER),
        verdict=_verdict(evidence.lean, p_holm, p_tost_holm, diverged_arm, fact, alpha),
        fact=fact != 0,
        disagrees=_apart(evidence.p, evidence.p_exact, alpha),
    )


def _verdict(
    lean: int, p_holm: float | None, p_tost_holm: float | None, diverged_arm: int, fact: int, alpha: float
) -> str:
    """Return the verdict: fact first, then superiority, then equivalence."""
    if fact:
        return "better" if fact > 0 else "worse"
    if p_holm is not None and p_holm <= alpha:
        if lean < 0:
            return "worse"
        return "better" if lean > 0 and not diverged_arm else "inconclusive"
    return "equivalent" if p_tost_holm is not None and p_tost_holm <= alpha and not diverged_arm else "inconclusive"


def _divergence(arm: Mapping[int, float], baseline: Mapping[int, float]) -> tuple[int, int, int]:
    """Count the diverged cells of both sides, and tell which side is better as a fact: 1 the arm, -1 the baseline."""
    lost, lost_baseline = ~np.isfinite(as_array(arm.values())), ~np.isfinite(as_array(baseline.values()))
    fact = 0
    if min(lost.size, lost_baseline.size) >= FEWEST_FOR_FACT:
        fact = int(lost_baseline.all() and not lost.any()) - int(lost.all() and not lost_baseline.any())
    return int(lost.sum()), int(lost_baseline.sum()), fact


def _limits(where: Location, level: float) -> tuple[float | None, float | None]:
    """Return the t interval of confidence 1 - level."""
    if where.low is None or where.mean is None or where.error is None:
        return None, None
    half = float(stats.t.isf(level / 2, where.df)) * where.error
    return where.mean - half, where.mean + half


def _margin_test(evidence: Evidence, margin: float | None) -> float | None:
    """Return the p of equivalence; what diverged cannot be equivalent, and stays in the family as a certain no."""
    where = evidence.location
    if margin is None or evidence.p is None:
        return None
    if where.mean is None or where.error is None or evidence.test in ("sign", "rank sum"):
        return 1.0
    return _equivalence(where.mean, where.error, where.df, where.floor, margin)


def _equivalence(mean: float, error: float, df: float | None, floor: float, margin: float) -> float:
    """Return the larger p of the two one-sided tests."""
    if error == 0:
        return floor / 2 if abs(mean) < margin else 1.0
    return float(stats.t.sf((margin - abs(mean)) / error, df))


def _apart(p: float | None, q: float | None, alpha: float) -> bool:
    """Say whether two p-values lie on different sides of alpha; a test that was not made contradicts nothing."""
    return p is not None and q is not None and (p <= alpha) != (q <= alpha)


def _check(alpha: float = 0.05, margin: float | None = None) -> None:
    """Raise unless 0 < alpha < POWER and the margin, if any, is finite and above 0."""
    if not 0 < alpha < POWER:
        raise ValueError(f"alpha is a level between 0 and {POWER}, got {alpha}")
    if margin is not None and not 0 < margin < math.inf:
        raise ValueError(
            f"the margin is a difference above 0 in the metric's unit, got {margin}; None asks no equivalence"
        )
