"""One arm over several studies: what it changes on average, and is that real? Pure; numbers by `ablate.stats`.

There is one test per arm, on one scale for all arms: the relative change of what is missing to a perfect score where
the metric has one, otherwise the difference itself. Where a run diverged, the test is by rank with diverged as the
worst, as in a single study.
"""

import dataclasses
import math
from collections.abc import Callable, Sequence

import numpy as np

from ablate.report.comparison.matching import Block, Match, blocks, data_of, ordered, scores, shortfall, sides
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
from ablate.stats.multiple import holm
from ablate.stats.wins import order, probability_of_improvement, stratified_sign_test


@dataclasses.dataclass(frozen=True)
class Overall:
    """One arm over all studies; for the baseline only `summaries` say something.

    Attributes:
        arm: its name; the baselines of all studies count as one arm.
        summaries: the arm in each study.
        difference: mean over the studies of arm - baseline, as stored; None where units differ.
        change: mean log ratio of what is missing to a perfect score; None where the metric has none.
        changes: the same in each study; None where there is no estimate.
        test: what gives `p`: "t" or "sign"; None where there is no test.
        p_holm: corrected over all arms.
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
    test: str | None = None
    p: float | None = None
    p_holm: float | None = None
    lean: int = 0
    verdict: str = ""
    in_favour: int = 0
    improvement: float | None = None
    joined: tuple[str, ...] = ()

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
    def diverged(self) -> int:
        """Runs that diverged."""
        return sum(summary.diverged for summary in self.summaries)


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
    corrected = holm([arm.p for arm in uncorrected])
    return tuple(
        dataclasses.replace(arm, p_holm=p, verdict=verdict(arm, p, alpha))
        for arm, p in zip(uncorrected, corrected, strict=True)
    )


def one_arm(matches: Sequence[Match], *, difference: bool, change: bool, alpha: float) -> Overall:
    """One arm, its p not yet corrected."""
    summaries = tuple(match.arm for match in matches)
    name = plain(summaries[0].arm)
    if summaries[0].baseline:
        return Overall(name, True, summaries)
    parts = blocks(matches)
    mean_difference = mean_of(parts, difference_of, alpha) if difference else None
    mean_change = mean_of(parts, log_ratio_of, alpha) if change else None
    if any(match.diverged for match in matches):
        test, p, lean = by_rank(matches)
    else:
        # A smaller part of the error is better, whatever the direction of the metric.
        test, p, lean = by_t(mean_change, -1.0) if change else by_t(mean_difference, matches[0].tables.better)
    return Overall(
        name,
        False,
        summaries,
        difference=mean_difference,
        change=mean_change,
        changes=tuple(log_ratio(match) if change and match.estimated else None for match in matches),
        test=test,
        p=p,
        lean=lean,
        in_favour=sum(match.tables.better * delta > 0 for match in matches for delta in deltas_of([match.arm])),
        improvement=probability_of_improvement(
            [scores(match.arm, match.tables.better) for match in matches],
            [scores(match.baseline, match.tables.better) for match in matches],
        ),
        joined=tuple(dict.fromkeys(data_of(b.matches[0])[0] for b in parts if len(b.matches) > 1)),
    )


def by_t(estimate: Average | None, better: float) -> tuple[str | None, float | None, int]:
    """Test, p and direction by the t test of a mean over studies, of which more is better, or less where it is -1."""
    if estimate is None or estimate.p is None:
        return None, None, 0
    return "t", estimate.p, int(np.sign(better * estimate.mean))


def by_rank(matches: Sequence[Match]) -> tuple[str | None, float | None, int]:
    """Test, p and direction by the signs of all pairs; there is no such test where seeds are not shared."""
    if not all(match.paired for match in matches):
        return None, None, 0
    p, lean = stratified_sign_test([order(*ordered(block)) for block in blocks(matches, ended=True)])
    return ("sign", p, lean) if p is not None else (None, None, 0)


def verdict(arm: Overall, p_holm: float | None, alpha: float) -> str:
    """What the test says; an arm of which a run diverged is never better."""
    if p_holm is None:
        return ""
    if p_holm > alpha or not arm.lean or (arm.lean > 0 and arm.diverged):
        return "inconclusive"
    return "better" if arm.lean > 0 else "worse"


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
