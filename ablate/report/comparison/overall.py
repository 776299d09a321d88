"""One arm over several studies: what it changes on average, and is that real? Pure; numbers by `ablate.stats`.

Two questions per arm, as in a single study. Quality is compared given success, on one scale for all arms: the relative
change of what is missing to a perfect score where the metric has one, otherwise the difference itself. Failures are
compared seed by seed. Both are in one family.
"""

import dataclasses
import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from ablate.report.comparison.matching import Block, Match, blocks, failures, name_of_data, scores, shortfall, sides
from ablate.report.records import Summary
from ablate.report.wording import plain
from ablate.stats.checks import rounding_of
from ablate.stats.datasets import (
    Average,
    Difference,
    average,
    paired_difference,
    paired_log_ratio,
    unpaired_difference,
    unpaired_log_ratio,
)
from ablate.stats.failure import compare_failures_by_seed, compare_failures_in_strata
from ablate.stats.multiple import holm
from ablate.stats.verdict import verdict_of
from ablate.stats.wins import probability_of_improvement


@dataclasses.dataclass(frozen=True)
class Overall:
    """One arm over all studies; for the baseline only `summaries` say something.

    Attributes:
        arm: its name; the baselines of all studies count as one arm.
        summaries: the arm in each study.
        difference: mean over the studies of arm - baseline, as stored; None where units differ.
        change: mean log ratio of what is missing to a perfect score; None where the metric has none.
        changes: the same in each study; None where there is no estimate.
        p: of the t test of quality; None where seeds cannot tell.
        p_holm: corrected over all arms and both questions.
        p_failure: of equally frequent failures; `p_failure_holm` likewise corrected, None where so few cannot differ.
        least: the smallest p that so many failures could have had.
        excess: share of its runs that failed, less the baseline's, over the runs that the test is about.
        verdict: "better", "worse" or "inconclusive"; empty without a test.
        in_favour: studies whose delta is on the good side.
        improvement: probability that a run beats one of the baseline, averaged over studies.
        joined: names of data that several studies share, whose differences were added up seed by seed.
    """

    arm: str
    baseline: bool
    summaries: tuple[Summary, ...]
    difference: Average | None = None
    change: Average | None = None
    changes: tuple[float | None, ...] = ()
    p: float | None = None
    p_holm: float | None = None
    p_failure: float | None = None
    p_failure_holm: float | None = None
    least: float = 1.0
    excess: float = 0.0
    lean: int = 0
    verdict: str = ""
    in_favour: int = 0
    improvement: float | None = None
    joined: tuple[str, ...] = ()

    def by_failure(self, alpha: float) -> bool:
        """Whether the verdict rests on failures, or is held back by them."""
        claimed = self.p_holm is not None and self.p_holm <= alpha
        return self.verdict != "" and claimed != (self.verdict in ("better", "worse"))

    @property
    def deltas(self) -> tuple[float, ...]:
        """The delta in every study that has one."""
        return deltas_of(self.summaries)

    @property
    def pairs(self) -> int:
        """Seeds, over all studies, of which arm and baseline succeeded."""
        return sum(summary.contrast.n if summary.contrast else summary.n for summary in self.summaries)

    @property
    def cells(self) -> int:
        """Runs that the studies planned."""
        return sum(summary.cells for summary in self.summaries)

    @property
    def failed(self) -> int:
        """Runs that diverged or collapsed."""
        return sum(summary.failed for summary in self.summaries)


def deltas_of(summaries: Sequence[Summary]) -> tuple[float, ...]:
    """The deltas that there are, as stored."""
    means = (summary.contrast.mean for summary in summaries if summary.contrast)
    return tuple(mean for mean in means if mean is not None)


def overall(arms: Sequence[Sequence[Match]], *, difference: bool, change: bool, alpha: float) -> tuple[Overall, ...]:
    """Every arm over all studies, tested together.

    Args:
        arms: for each arm its match in every study, the baseline's among them.
        difference: whether studies share a unit.
        change: whether ratios can be taken; then they are what is tested.
        alpha: family-wise level of the verdicts; intervals have confidence 1 - alpha.
    """
    uncorrected = [one_arm(matches, difference=difference, change=change, alpha=alpha) for matches in arms]
    # A test that could not reach the level however the failures fell is not counted.
    reachable = [arm.p_failure if arm.least <= alpha else None for arm in uncorrected]
    corrected = holm([*(arm.p for arm in uncorrected), *reachable])
    p_holm, p_failure_holm = corrected[: len(arms)], corrected[len(arms) :]
    return tuple(
        dataclasses.replace(arm, p_holm=p, p_failure_holm=q, verdict=verdict(arm, p, q, alpha))
        for arm, p, q in zip(uncorrected, p_holm, p_failure_holm, strict=True)
    )


def one_arm(matches: Sequence[Match], *, difference: bool, change: bool, alpha: float) -> Overall:
    """One arm, its p not yet corrected."""
    summaries = tuple(match.arm for match in matches)
    name = plain(summaries[0].arm)
    if summaries[0].baseline:
        return Overall(name, True, summaries)
    parts, failing = blocks(matches), failing_of(matches)
    mean_difference = mean_of(parts, difference_of, alpha) if difference else None
    mean_change = mean_of(parts, log_ratio_of, alpha) if change else None
    # A smaller part of the error is better, whatever the direction of the metric.
    p, lean = by_t(mean_change, -1.0) if change else by_t(mean_difference, matches[0].tables.better)
    return Overall(
        name,
        False,
        summaries,
        difference=mean_difference,
        change=mean_change,
        changes=tuple(log_ratio(match) if change and match.estimated else None for match in matches),
        p=p,
        p_failure=failing.p,
        least=failing.least,
        excess=failing.excess,
        lean=lean,
        in_favour=sum(match.tables.better * delta > 0 for match in matches for delta in deltas_of([match.arm])),
        improvement=probability_of_improvement(
            [scores(match.arm, match.tables.better) for match in matches],
            [scores(match.baseline, match.tables.better) for match in matches],
        ),
        joined=tuple(dict.fromkeys(name_of_data(b.matches[0]) for b in parts if len(b.matches) > 1)),
    )


def by_t(estimate: Average | None, better: float) -> tuple[float | None, int]:
    """p and direction by the t test of a mean over studies, of which more is better, or less where it is -1."""
    if estimate is None or estimate.p is None:
        return None, 0
    return estimate.p, int(np.sign(better * estimate.mean))


class Failing(NamedTuple):
    """How often an arm failed against its baseline: p, the smallest p that there could be, the excess of its share."""

    p: float | None
    least: float
    excess: float


def failing_of(matches: Sequence[Match]) -> Failing:
    """Failures by sign flips of whole seeds; where they are not shared, exactly within every study."""
    if all(match.paired for match in matches):
        parts = blocks(matches, ended=True)
        differences = np.concatenate([np.zeros(0), *map(failures, parts)])
        runs = sum(len(part.seeds) * len(part.matches) for part in parts)
        least = 2.0 ** (1 - int(np.count_nonzero(differences)))
        return Failing(compare_failures_by_seed(differences), least, float(differences.sum()) / max(1, runs))
    strata = [(*counts(match.arm), *counts(match.baseline)) for match in matches]
    shares = [lost / runs - lost_base / base for lost, runs, lost_base, base in strata if runs and base]
    return Failing(*compare_failures_in_strata(strata), float(np.mean(shares)) if shares else 0.0)


def counts(side: Summary) -> tuple[int, int]:
    """Runs that failed, and those that ended."""
    return len(side.failed_seeds), len(side.failed_seeds) + len(side.values)


def verdict(arm: Overall, p_holm: float | None, p_failure: float | None, alpha: float) -> str:
    """What the two tests say together, by the rules of a single study."""
    if p_holm is None and p_failure is None:
        return ""
    quality = arm.lean if p_holm is not None and p_holm <= alpha else 0
    failing = int(np.sign(-arm.excess)) if p_failure is not None and p_failure <= alpha else 0
    return verdict_of(quality, failing, arm.excess)


def mean_of(parts: Sequence[Block], estimate: Callable[[Block], Difference], alpha: float) -> Average | None:
    """The mean over studies; None where no study has an estimate."""
    return average(list(map(estimate, parts)), sum(len(b.matches) for b in parts), 1 - alpha) if parts else None


def difference_of(block: Block) -> Difference:
    """The difference of a block; an arm that is known to change nothing has no error."""
    if all(match.arm.identical for match in block.matches):
        return Difference(0.0, 0.0, math.inf)
    return (paired_difference if block.matches[0].paired else unpaired_difference)(*sides(block))


def log_ratio_of(block: Block) -> Difference:
    """The log ratio of a block; an arm that is known to change nothing has no error."""
    if all(match.arm.identical for match in block.matches):
        return Difference(0.0, 0.0, math.inf)
    arm, baseline = sides(block)
    errors = (shortfall(side, block.matches[0].tables) for side in (arm, baseline))
    if not block.matches[0].paired:
        return unpaired_log_ratio(*errors)
    return paired_log_ratio(*errors, rounding=rounding_of(arm, baseline))


def log_ratio(match: Match) -> float:
    """The log ratio in one study."""
    return log_ratio_of(Block((match,), match.pairs)).mean
