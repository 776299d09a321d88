"""Does a trick's effect depend on the condition? Pure; the test is `ablate.stats.conditions`'s.

Effects are taken on the scale on which averages over the conditions are tested: the relative change of what is missing
to a perfect score, where the metric has one, so that a trick which takes the same share off an easy and off a hard data
set does not differ between them; otherwise the difference itself.
"""

from collections.abc import Sequence

import numpy as np

from ablate.report.comparison.matching import Match, shortfall
from ablate.report.comparison.overall import Overall
from ablate.report.comparison.studies import Comparison
from ablate.stats.checks import rounding_of
from ablate.stats.conditions import Departure, Effects, Levels, departures


def interactions(comparison: Comparison, levels: Levels) -> dict[str, list[Departure]]:
    """Every arm's departures at every level, corrected over all of them; none where conditions share no scale.

    Args:
        comparison: of the conditions, in the order of the levels.
        levels: what varies to its level in each condition.
    """
    if not (comparison.in_ratios or comparison.in_points):
        return {}
    matches = {arm.arm: matches_of(arm, comparison) for arm in comparison.tricks}
    seeds = sorted({seed for own in matches.values() for match in own for seed in match.pairs})
    tricks = {name: effects_of(own, seeds, in_ratios=comparison.in_ratios) for name, own in matches.items()}
    return departures(tricks, levels, comparison.alpha)


def matches_of(arm: Overall, comparison: Comparison) -> list[Match]:
    """An arm under every condition."""
    return [Match(tables, own) for tables, own in zip(comparison.tables, arm.summaries, strict=True)]


def effects_of(matches: Sequence[Match], seeds: Sequence[int], *, in_ratios: bool) -> Effects:
    """A trick's effect by seed and condition; nan where one of the runs that it takes has failed."""
    common = frozenset.intersection(*(match.pairs for match in matches))
    kept = [seed for seed in seeds if seed in common]
    columns = [(log_ratios if in_ratios else deltas)(match, kept) for match in matches]
    by_seed = np.full((len(seeds), len(matches)), np.nan)
    by_seed[[seeds.index(seed) for seed in kept]] = np.stack([column for column, _ in columns], axis=1)
    return Effects(by_seed, max(rounding for _, rounding in columns))


def deltas(match: Match, seeds: Sequence[int]) -> tuple[np.ndarray, float]:
    """Arm minus baseline of every seed, as stored, and how far rounding may move it."""
    arm, baseline = values_of(match, seeds)
    return arm - baseline, rounding_of(arm, baseline)


def log_ratios(match: Match, seeds: Sequence[int]) -> tuple[np.ndarray, float]:
    """What every seed says of the log ratio of mean errors, by the delta method; nan where a mean is zero.

    log(mean a / mean b) + a_s / mean a - b_s / mean b: its mean over seeds is the log ratio, its spread that of it.
    """
    values = values_of(match, seeds)
    arm, baseline = (shortfall(side, match.tables) for side in values)
    means = [float(side.mean()) if side.size else 0.0 for side in (arm, baseline)]
    if not min(means) > 0:
        return np.full(len(seeds), np.nan), 0.0
    by_seed = np.log(means[0] / means[1]) + arm / means[0] - baseline / means[1]
    return by_seed, rounding_of(*values) / min(means)


def values_of(match: Match, seeds: Sequence[int]) -> tuple[np.ndarray, np.ndarray]:
    """Metrics of arm and baseline, by seed."""
    arm, baseline = ([side.values[seed] for seed in seeds] for side in (match.arm, match.baseline))
    return np.array(arm, dtype=np.float64), np.array(baseline, dtype=np.float64)
