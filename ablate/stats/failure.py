"""Failure as an outcome of its own: how often runs fail, whether that differs, and which finite results are failures.

A mean over all runs calls an arm better that gains a little in nine runs and loses everything in the tenth, and a mean
over the survivors hides the tenth. So two questions are asked apart: how often does a run fail, and how good is it
where it does not. A run that diverged has failed. So has one that collapsed: it ended with a number, but learned
nothing, or lies far from all other runs of its arm.
"""

import functools
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import scipy
from jaxtyping import Float
from scipy import special

from ablate.stats.checks import SPREADS, STANDARD_ERRORS
from ablate.stats.exact import sign_flip

FEWEST_SIBLINGS = 3
NORMAL = 1.4826  # sd over median absolute deviation, of normal data


class Rate(NamedTuple):
    """How often something happened, with the exact 95 % interval of a binomial probability."""

    hits: int
    repeats: int
    rate: float
    low: float
    high: float


def rate(hits: int, repeats: int, confidence: float = 0.95) -> Rate:
    """Give hits / repeats with its Clopper-Pearson interval.

    Args:
        hits: 0 to repeats.
        repeats: 1 or more.
        confidence: of the interval, between 0 and 1.

    Returns:
        The rate and its limits.

    Example:
        >>> [round(x, 3) for x in rate(5, 100)[2:]]
        [0.05, 0.016, 0.113]

    References:
        Clopper and Pearson, "The use of confidence or fiducial limits illustrated in the case of the binomial",
        Biometrika 1934, https://doi.org/10.1093/biomet/26.4.404
    """
    tail = (1 - confidence) / 2
    low = float(special.betaincinv(hits, repeats - hits + 1, tail)) if hits else 0.0
    high = float(special.betaincinv(hits + 1, repeats - hits, 1 - tail)) if hits < repeats else 1.0
    return Rate(hits, repeats, hits / repeats, low, high)


@functools.lru_cache(maxsize=4096)
def compare_failures(failed: int, runs: int, failed_baseline: int, runs_baseline: int) -> float | None:
    """Give the exact p of equal failure probabilities: Boschloo's unconditional test, two-sided.

    It takes the two sides as independent. Runs that share a seed tend to fail together, which makes differences smaller
    than that, and the test conservative.

    Args:
        failed: runs of the arm that failed.
        runs: of the arm.
        failed_baseline: runs of the baseline that failed.
        runs_baseline: of the baseline.

    Returns:
        p in [0, 1]; None where a side has no runs, or where no run failed on either side and nothing is to be tested.

    Example:
        >>> round(compare_failures(6, 6, 0, 6), 5), round(compare_failures(1, 6, 0, 6), 2), compare_failures(0, 6, 0, 6)
        (0.00049, 0.77, None)

    References:
        Boschloo, "Raised conditional level of significance for the 2x2-table when testing the equality of two
        probabilities", Statistica Neerlandica 1970, https://doi.org/10.1111/j.1467-9574.1970.tb00104.x
    """
    if not runs or not runs_baseline or not failed + failed_baseline:
        return None
    table = [[failed, failed_baseline], [runs - failed, runs_baseline - failed_baseline]]
    return min(1.0, float(scipy.stats.boschloo_exact(table).pvalue))


def compare_failures_by_seed(differences: Float[np.ndarray, "seeds"]) -> float | None:
    """Give the exact p of equally frequent failures where a seed has several runs: sign flips of whole seeds.

    A seed that fails once in a study often fails in the next one on the same data, so that runs are no independent
    draws; with their seed as the unit they need not be.

    Args:
        differences: failures of the arm less those of the baseline, one number per seed, over all its studies.

    Returns:
        p in (0, 1], not below 2/2^m with m seeds on which the sides differ; None where there is no such seed.

    Example:
        >>> compare_failures_by_seed(np.array([1.0, 2.0, 1.0, 0.0, 1.0])), compare_failures_by_seed(np.zeros(4))
        (0.125, None)

    References:
        Fisher, "The design of experiments", 1935
    """
    apart = differences[differences != 0]
    return sign_flip(apart) if apart.size else None


def compare_failures_in_strata(strata: Sequence[tuple[int, int, int, int]]) -> tuple[float | None, float]:
    """Give the exact p of equal failure probabilities within every study, whatever they are from one to the next.

    Given how many runs failed in each study, those of the arm are hypergeometric, independently of study to study; p is
    the probability of all sums that are no more probable than the one seen. Pooled counts would compare the studies:
    an arm with more runs where everything fails would look worse.

    Args:
        strata: per study, failed runs and runs of the arm, failed runs and runs of the baseline; all independent.

    Returns:
        p in (0, 1], None without a failure; and the smallest p that so many failures could have had.

    Example:
        >>> p, least = compare_failures_in_strata([(6, 6, 0, 6), (0, 6, 0, 6)])
        >>> round(p, 5), round(least, 5)
        (0.00216, 0.00216)

    References:
        Agresti, "Categorical data analysis", section 6.3.5 on exact conditional inference in stratified tables, 2002,
        https://doi.org/10.1002/0471249688
    """
    chances = np.ones(1)
    for failed, runs, failed_baseline, runs_baseline in strata:
        lost = failed + failed_baseline
        chances = np.convolve(chances, scipy.stats.hypergeom.pmf(np.arange(lost + 1), runs + runs_baseline, lost, runs))
    seen, total = sum(stratum[0] for stratum in strata), chances.size - 1
    if not total:
        return None, 1.0
    two_sided = np.array([chances[chances <= chance * (1 + 1e-9)].sum() for chance in chances])
    return min(1.0, float(two_sided[seen])), float(two_sided[chances > 0].min())


def can_differ(failed: int, runs: int, runs_baseline: int, alpha: float = 0.05) -> bool:
    """Say whether so many failures, however they fell to the two sides, could reach alpha.

    A test that cannot find anything need not be corrected for: one failed run of the baseline would otherwise double
    the number of tests of a study. It depends on the sum of failures alone, and so on no difference.

    Args:
        failed: failures of both sides together, at most their runs.
        runs: of the arm.
        runs_baseline: of the baseline.
        alpha: level, between 0 and 1.

    Returns:
        False where no split of the failures has p <= alpha.

    Example:
        >>> can_differ(1, 6, 6), can_differ(6, 6, 6)
        (False, True)

    References:
        Tarone. A Modified Bonferroni Method for Discrete Data. 1990. https://doi.org/10.2307/2531456
    """
    arm, baseline = min(failed, runs), min(failed, runs_baseline)
    extremes = (arm, failed - arm), (failed - baseline, baseline)
    p = [compare_failures(a, runs, b, runs_baseline) for a, b in extremes]
    return any(value is not None and value <= alpha for value in p)


def not_above_chance(value: float, chance: float, examples: int, standard_errors: float = STANDARD_ERRORS) -> bool:
    """Say whether a share of examples is one that guessing gives: value - c <= k sqrt(c (1 - c) / n).

    Args:
        value: the share, from 0 to 1.
        chance: c, the share that guessing gives.
        examples: n, the number of test examples.
        standard_errors: k.

    Returns:
        True where nothing was learned that the test examples can show.

    Example:
        >>> not_above_chance(0.13, 0.1, 450), not_above_chance(0.15, 0.1, 450)
        (True, False)
    """
    error = float(np.sqrt(chance * (1 - chance) / max(1, examples)))
    return value - chance <= standard_errors * error


def outliers(
    arms: Mapping[str, Mapping[int, float]], *, higher_is_better: bool, spreads: float = SPREADS
) -> dict[str, tuple[int, ...]]:
    """Find the runs that lie far below their siblings: worse than their arm's median by more than so many spreads.

    The spread is 1.4826 times the median absolute deviation of the arm, which outliers do not widen, or the median of
    that over all arms where it is larger, so that a few equal results do not make the next one an outlier. Metrics of
    which less is better and all are above 0 are compared by their logarithms: a loss is far where it is many times that
    of its siblings.

    Args:
        arms: arm to seed to final metric; finite numbers only.
        higher_is_better: direction of the metric.
        spreads: by how many of them.

    Returns:
        Arm to its seeds that are outliers; arms with fewer than four runs have none.

    Example:
        >>> outliers({"a": {0: 0.90, 1: 0.91, 2: 0.92, 3: 0.905, 4: 0.31}}, higher_is_better=True)
        {'a': (4,)}

    References:
        Rousseeuw, Croux. Alternatives to the Median Absolute Deviation. 1993.
        https://doi.org/10.1080/01621459.1993.10476408
    """
    values = {name: np.array(list(runs.values()), dtype=np.float64) for name, runs in arms.items()}
    if not higher_is_better:
        positive = all((runs > 0).all() for runs in values.values())
        values = {name: -(np.log(runs) if positive else runs) for name, runs in values.items()}
    own = {name: _spread(runs) for name, runs in values.items() if runs.size > FEWEST_SIBLINGS}
    usual = float(np.median(list(own.values()))) if own else 0.0
    found: dict[str, tuple[int, ...]] = dict.fromkeys(arms, ())
    for name, spread in own.items():
        far = np.median(values[name]) - values[name] > spreads * max(spread, usual)
        # Without any spread, whatever is not equal would be far.
        found[name] = tuple(seed for seed, is_far in zip(arms[name], far, strict=True) if is_far and (spread or usual))
    return found


def _spread(runs: Float[np.ndarray, "runs"]) -> float:
    return float(NORMAL * np.median(np.abs(runs - np.median(runs))))
