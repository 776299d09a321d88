"""From the final metrics of all cells to one verdict per arm.

Two questions per arm, both against the baseline: does it fail more or less often (`failure`), and how good is it given
success, over the seeds on which both sides succeeded. Failed is what diverged or collapsed; the caller says which cells
those are. A mean over all cells would answer neither, and a mean over the survivors alone would flatter the side that
lost its bad seeds.

    better        quality significantly better and no more failures than the baseline, or significantly fewer failures
    worse         quality significantly worse, or significantly more failures
    equivalent    quality within a margin declared beforehand, and no more failures than the baseline
    inconclusive  neither, or the two questions answered in opposite directions

Better and worse are one family: with no effect anywhere, the probability that any arm is called either is at most alpha
(`simulation` shows for which data). The test of quality is declared before the study: "t", the paired t test with
Holm's correction over all arms and both questions, or "max_t", sign flips of whole seeds (`max_t`), which assume no
normality. Both are always computed; a verdict of the one that the other does not carry is `disputed`. Equivalence is a
second family, two one-sided t tests with Holm over their own p-values, asked only where superiority is not significant;
it errs with probability at most alpha as well. An arm that differs significantly by less than the margin is "better" or
"worse", not "equivalent".
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from ablate.stats.checks import POWER, TESTS
from ablate.stats.evidence import Evidence, Location, as_array, paired_evidence, unpaired_evidence
from ablate.stats.failure import Rate, can_differ, compare_failures, rate
from ablate.stats.max_t import max_t
from ablate.stats.multiple import benjamini_hochberg, holm
from ablate.stats.paired import paired_t
from ablate.stats.power import minimum_detectable_effect, power_of, seeds_needed
from ablate.stats.student import quantile, upper_tail

__all__ = [
    "TESTS",
    "VERDICTS",
    "Contrast",
    "compare",
    "minimum_detectable_effect",
    "power_of",
    "seeds_needed",
    "tost",
    "verdict_of",
]

VERDICTS = ("better", "worse", "equivalent", "inconclusive")


@dataclass(frozen=True)
class Contrast:
    """One arm against the baseline: everything a report shows. None is what the cells at hand cannot tell.

    Attributes:
        n: pairs of cells that succeeded (unshared seeds: those of the smaller side).
        failures: how often the arm failed, with its exact interval; `failures_baseline` the baseline. None without
            cells that ended.
        p_failure: of equal failure probabilities; `p_failure_corrected` over all arms and both questions, None where so
            few failures could not differ significantly however they fell.
        mean: mean delta, arm - baseline, in the metric's unit, given success; `sd`, `low`, `high` likewise.
        test: what gives `p`: "paired t" or "Welch t"; "sign flip" or "relabelling" where the deltas have no spread.
        p: of that test, two-sided; `p_holm` is corrected over all arms and both questions, `p_bh` over arms.
        p_max_t: by sign flips of whole seeds, corrected over all arms and both questions; None for unshared seeds.
        p_corrected: the one of `p_holm` and `p_max_t` that was declared to decide.
        p_exact: sign-flip p of this arm alone (unshared seeds: permutation p), uncorrected.
        p_wilcoxon: signed-rank p (unshared seeds: rank sum).
        p_sign: sign test over all pairs, failed as worst.
        drop_one: range of the mean when any one seed is left out.
        simultaneous_low: lower limit that holds for all arms together; `simultaneous_high` the upper one.
        within: the smallest margin within which the arm would be shown equivalent, corrected over all arms.
        rho: correlation of the pairs; `pairing_gain` is the factor of seeds that pairing saved.
        p_tost: of equivalence within the margin, 1 where it has no test; `p_tost_holm` is corrected over all arms.
        mde: true delta found with 80 % power in the strictest step of the correction.
        seeds_for_margin: seeds with which a true delta of one margin would be found, in the same sense.
        tests: how many tests of superiority the correction is over.
        verdict: one of `VERDICTS`.
        by_failure: whether the verdict rests on failures alone.
        disputed: whether quality is significant by the test that decides, and not by the other of `TESTS`.
        disagrees: whether `p` and `p_exact` lie on different sides of alpha, both uncorrected.
    """

    n: int
    failures: Rate | None
    failures_baseline: Rate | None
    p_failure: float | None
    p_failure_corrected: float | None
    mean: float | None
    sd: float | None
    low: float | None
    high: float | None
    test: str | None
    p: float | None
    p_holm: float | None
    p_max_t: float | None
    p_corrected: float | None
    p_bh: float | None
    p_exact: float | None
    p_wilcoxon: float | None
    p_sign: float | None
    drop_one: tuple[float, float] | None
    simultaneous_low: float | None
    simultaneous_high: float | None
    within: float | None
    rho: float | None
    pairing_gain: float | None
    p_tost: float | None
    p_tost_holm: float | None
    mde: float | None
    seeds_for_margin: int | None
    tests: int
    verdict: str
    by_failure: bool
    disputed: bool
    disagrees: bool

    @property
    def excess(self) -> float:
        """The share of the arm's cells that failed, less that of the baseline's."""
        return _excess(self.failures, self.failures_baseline)


@dataclass(frozen=True)
class _Corrected:
    """p-values of one arm after correction over all arms."""

    holm: float | None
    max_t: float | None
    failure: float | None
    bh: float | None
    tost: float | None
    tost_holm: float | None


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
    test: str = "t",
    gone: int = 0,
) -> dict[str, Contrast]:
    """Compare every arm with the baseline and reach a verdict; see the module for the rules.

    Args:
        arms: arm to seed to final metric; nan (or an infinity) means failed, an absent seed missing.
        baseline: name of the baseline arm.
        higher_is_better: direction of the metric.
        alpha: family-wise level, between 0 and 1.
        margin: differences below it do not matter, in the metric's unit, above 0; None asks no equivalence.
        paired: whether arms share seeds; False compares by Welch's test.
        test: which test of quality decides, one of `TESTS`; "max_t" takes shared seeds.
        gone: arms that were looked at before and are not among these; the correction counts them.

    Returns:
        Arm to contrast, without the baseline, in the order given.

    Raises:
        ValueError: if the baseline is no arm, or alpha, margin or test are out of range.

    Example:
        >>> cells = {"none": {0: 0.90, 1: 0.91, 2: 0.89}, "mixup": {0: 0.92, 1: 0.932, 2: 0.911}}
        >>> result = compare(cells, "none", higher_is_better=True)["mixup"]
        >>> round(result.mean, 3), round(result.p_holm, 4), result.verdict, result.disputed
        (0.021, 0.0008, 'better', True)

    References:
        Holm, "A simple sequentially rejective multiple test procedure", Scandinavian Journal of Statistics 1979,
        https://www.jstor.org/stable/4615733
    """
    _check(alpha=alpha, margin=margin, test=test, paired=paired)
    if baseline not in arms:
        raise ValueError(f"the baseline {baseline!r} is no arm; the arms are {', '.join(arms)}")
    gather = paired_evidence if paired else unpaired_evidence
    others = [name for name in arms if name != baseline]
    evidence = [gather(arms[a], arms[baseline], higher_is_better=higher_is_better, alpha=alpha) for a in others]
    failures = {name: _failures(runs, alpha) for name, runs in arms.items()}
    p_failure = [_failure_test(failures[name], failures[baseline]) for name in others]
    reachable = [_reachable(p, failures[a], failures[baseline], alpha) for p, a in zip(p_failure, others, strict=True)]
    idle = gone + sum(
        _silenced(e, arms[a], arms[baseline], paired=paired) for e, a in zip(evidence, others, strict=True)
    )
    corrected = _correct(evidence, reachable, margin, idle, exact=test == "max_t")
    tests = _count(e.p for e in evidence) + _count(reachable) + idle
    return {
        name: _contrast(e, (failures[name], failures[baseline]), p, more, alpha, tests, margin, test)
        for name, e, p, more in zip(others, evidence, p_failure, corrected, strict=True)
    }


def verdict_of(quality: int, failing: int, excess: float, *, equivalent: bool = False) -> str:
    """Give the verdict on an arm from what is significant about it.

    Args:
        quality: 1 where its quality given success is significantly better, -1 worse, 0 neither.
        failing: 1 where it fails significantly less often, -1 more often, 0 neither.
        excess: its share of runs that failed less the baseline's, tested or not.
        equivalent: whether its quality was shown to lie within the margin.

    Returns:
        One of `VERDICTS`.

    Example:
        >>> verdict_of(1, 0, 0.0), verdict_of(1, 0, 0.1), verdict_of(1, -1, 0.5), verdict_of(0, -1, 0.5)
        ('better', 'inconclusive', 'inconclusive', 'worse')
    """
    if quality * failing < 0:
        return "inconclusive"
    if quality < 0 or failing < 0:
        return "worse"
    if failing > 0 or (quality > 0 and excess <= 0):
        return "better"
    return "equivalent" if equivalent and not quality and excess <= 0 else "inconclusive"


def _count(p: Iterable[float | None]) -> int:
    return sum(value is not None for value in p)


def _failures(runs: Mapping[int, float], alpha: float) -> Rate | None:
    lost = ~np.isfinite(as_array(runs.values()))
    return rate(int(lost.sum()), lost.size, 1 - alpha) if lost.size else None


def _failure_test(arm: Rate | None, baseline: Rate | None) -> float | None:
    return compare_failures(arm.hits, arm.repeats, baseline.hits, baseline.repeats) if arm and baseline else None


def _reachable(p: float | None, arm: Rate | None, baseline: Rate | None, alpha: float) -> float | None:
    """Return the p of a test of failures that could find something, None of any other."""
    if p is None or arm is None or baseline is None:
        return None
    return p if can_differ(arm.hits + baseline.hits, arm.repeats, baseline.repeats, alpha) else None


def _silenced(evidence: Evidence, arm: Mapping[int, float], baseline: Mapping[int, float], *, paired: bool) -> bool:
    """Say whether an arm succeeded and has no test of quality, since the baseline failed.

    It stays in the correction. Otherwise a baseline that fails by bad luck leaves all of alpha to the tests of
    failures, which are then the ones that bad luck decides.
    """
    runs = as_array(value for seed, value in arm.items() if seed in baseline or not paired)
    return evidence.p is None and len(baseline) >= 2 and int(np.isfinite(runs).sum()) >= 2


def _correct(
    evidence: Sequence[Evidence], p_failure: Sequence[float | None], margin: float | None, idle: int, *, exact: bool
) -> list[_Corrected]:
    """Correct over all arms and both questions; `idle` arms, gone or silenced, count as tests that found nothing.

    Holm's method takes all tests together. Beside sign flips, which correct over the arms by themselves, each question
    gets its part of alpha by the number of its tests.
    """
    p = [e.p for e in evidence]
    quality, failing = _count(p), _count(p_failure)
    total = quality + failing + idle
    together = holm([*p, *p_failure, *[1.0] * idle])[: len(p) + len(p_failure)]
    flips = [None if x is None else min(1.0, x * total / quality) for x in _flips(evidence)]
    of_failure: Sequence[float | None] = together[len(p) :]
    if exact:
        of_failure = [None if x is None else min(1.0, x * total / failing) for x in holm(p_failure)]
    p_tost = [_margin_test(e, margin) for e in evidence]
    columns = (together[: len(p)], flips, of_failure, benjamini_hochberg(p), p_tost, holm(p_tost))
    return [_Corrected(*row) for row in zip(*columns, strict=True)]


def _flips(evidence: Sequence[Evidence]) -> list[float | None]:
    """Step-down p-values over the seeds that any arm shares with the baseline."""
    seeds = sorted({seed for e in evidence for seed in e.deltas})
    deltas = np.array([[e.deltas.get(seed, np.nan) for e in evidence] for seed in seeds], dtype=np.float64)
    rounding = np.array([e.rounding for e in evidence])
    return max_t(deltas.reshape(len(seeds), len(evidence)), rounding)


def _contrast(
    evidence: Evidence, failures: tuple[Rate | None, Rate | None], p_failure: float | None, corrected: _Corrected,
    alpha: float, tests: int, margin: float | None, test: str,
) -> Contrast:  # fmt: skip
    """Lay the record of one arm out for the report."""
    where, strict = evidence.location, alpha / max(1, tests)
    low, high = _limits(where, strict)
    spread, factor = where.sd or 0.0, _df_factor(where)
    p_corrected, other = (corrected.holm, corrected.max_t)[:: 1 if test == "t" else -1]
    quality = evidence.lean if p_corrected is not None and p_corrected <= alpha else 0
    arm, baseline = failures
    excess = _excess(arm, baseline)
    failing = int(np.sign(-excess)) if corrected.failure is not None and corrected.failure <= alpha else 0
    equivalent = corrected.tost_holm is not None and corrected.tost_holm <= alpha
    return Contrast(
        n=where.n,
        failures=arm,
        failures_baseline=baseline,
        p_failure=p_failure,
        p_failure_corrected=corrected.failure,
        mean=where.mean,
        sd=where.sd,
        low=where.low,
        high=where.high,
        test=evidence.test,
        p=evidence.p,
        p_holm=corrected.holm,
        p_max_t=corrected.max_t,
        p_corrected=p_corrected,
        p_bh=corrected.bh,
        p_exact=evidence.p_exact,
        p_wilcoxon=evidence.p_wilcoxon,
        p_sign=evidence.p_sign,
        drop_one=evidence.drop_one,
        simultaneous_low=low,
        simultaneous_high=high,
        within=_within(where, strict),
        rho=evidence.pairing.rho,
        pairing_gain=evidence.pairing.gain,
        p_tost=corrected.tost,
        p_tost_holm=corrected.tost_holm,
        mde=minimum_detectable_effect(spread, where.n, strict, POWER, factor),
        seeds_for_margin=None if margin is None else seeds_needed(spread, margin, strict, POWER, df_factor=factor),
        tests=tests,
        verdict=verdict_of(quality, failing, excess, equivalent=equivalent),
        by_failure=failing != 0 and quality == 0,
        disputed=quality != 0 and (other is None or other > alpha) and evidence.deltas != {},
        disagrees=_apart(evidence.p, evidence.p_exact, alpha),
    )


def _excess(arm: Rate | None, baseline: Rate | None) -> float:
    """Return the arm's share of failures less the baseline's; who has no cells has no failures."""
    return (arm.rate if arm else 0.0) - (baseline.rate if baseline else 0.0)


def _limits(where: Location, level: float) -> tuple[float | None, float | None]:
    """Return the t interval of confidence 1 - level."""
    if where.low is None or where.mean is None or where.error is None or where.df is None:
        return None, None
    half = -quantile(level / 2, where.df) * where.error
    return where.mean - half, where.mean + half


def _within(where: Location, level: float) -> float | None:
    """Return the margin at which the larger of two one-sided tests has p = level."""
    if where.mean is None or where.df is None or not where.error:
        return None
    return abs(where.mean) - quantile(level, where.df) * where.error


def _df_factor(where: Location) -> float:
    """Return the degrees of freedom per pair beyond the first: 1 for pairs, 1 to 2 for Welch's test."""
    return 1.0 if where.df is None or where.n < 2 else where.df / (where.n - 1)


def _margin_test(evidence: Evidence, margin: float | None) -> float | None:
    """Return the p of equivalence; what has no test stays in the family as a certain no."""
    where = evidence.location
    if margin is None or evidence.p is None:
        return None
    if where.mean is None or where.error is None:
        return 1.0
    return _equivalence(where.mean, where.error, where.df, where.floor, margin)


def _equivalence(mean: float, error: float, df: float | None, floor: float, margin: float) -> float:
    """Return the larger p of the two one-sided tests."""
    if error == 0 or df is None:
        return floor / 2 if abs(mean) < margin else 1.0
    return upper_tail((margin - abs(mean)) / error, df)


def _apart(p: float | None, q: float | None, alpha: float) -> bool:
    """Say whether two p-values lie on different sides of alpha; a test that was not made contradicts nothing."""
    return p is not None and q is not None and (p <= alpha) != (q <= alpha)


def _check(alpha: float = 0.05, margin: float | None = None, test: str = "t", *, paired: bool = True) -> None:
    """Raise unless 0 < alpha < POWER, the margin, if any, is finite and above 0, and the test can be made."""
    if not 0 < alpha < POWER:
        raise ValueError(f"alpha is a level between 0 and {POWER}, got {alpha}")
    if margin is not None and not 0 < margin < math.inf:
        raise ValueError(
            f"the margin is a difference above 0 in the metric's unit, got {margin}; None asks no equivalence"
        )
    if test not in TESTS or (test == "max_t" and not paired):
        raise ValueError(f"the test is one of {', '.join(TESTS)}, and max_t takes shared seeds; got {test!r}")
