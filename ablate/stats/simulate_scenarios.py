"""What the verdict rules make of the data of `scenarios`: false verdicts, coverage, and what one wild seed costs."""

from typing import NamedTuple

import numpy as np

from ablate.stats.batched import Claims, covered, decide, paired_quality, unpaired_quality, without_outliers
from ablate.stats.checks import TESTS
from ablate.stats.draws import draw_cells
from ablate.stats.failure import Rate, rate
from ablate.stats.scenarios import Scenario
from ablate.stats.simulate import chunks

# The rule for runs that collapsed copies the cells once.
COPIES = 2


class Outcome(NamedTuple):
    """Rates over studies: `better` and `worse` of any arm, `claims` of either, and coverage of the interval of one arm.

    `coverage` is None where no study has an interval.
    """

    better: Rate
    worse: Rate
    claims: Rate
    coverage: Rate | None


def simulate_scenario(
    scenario: Scenario,
    n: int,
    arms: int,
    repeats: int,
    rng: np.random.Generator,
    *,
    test: str = "t",
    alpha: float = 0.05,
    confidence: float = 0.95,
) -> Outcome:
    """Apply the verdict rules to many studies, after the rule for runs that collapsed, as reports do.

    Args:
        scenario: kind of data.
        n: seeds per arm, 2 or more.
        arms: arms besides the baseline.
        repeats: studies.
        rng: source of all draws.
        test: which test of quality decides, "t" or "max_t"; the latter takes a scenario with shared seeds.
        alpha: family-wise level; intervals have confidence 1 - alpha.
        confidence: of the Monte Carlo intervals of the rates.

    Returns:
        Rates of verdicts and of coverage.

    Example:
        >>> from ablate.stats.scenarios import SCENARIOS
        >>> outcome = simulate_scenario(SCENARIOS[0], 6, 5, 1000, np.random.default_rng(0))
        >>> outcome.claims.low < 0.05, outcome.coverage.high > 0.95
        (True, True)

    References:
        Morris, White, Crowther. Using simulation studies to evaluate statistical methods. 2019.
        https://doi.org/10.1002/sim.8086
    """
    hits = np.zeros(3, int)
    inside: list[np.ndarray] = []
    for size in chunks(repeats, COPIES * (arms + 1) * n):
        cells = _reported(scenario.draw(size, arms, n, rng))
        quality = (paired_quality if scenario.paired else unpaired_quality)(cells)
        found = decide(cells, quality, rng, test=test, alpha=alpha)
        hits += [int(x.any(axis=1).sum()) for x in (found.better, found.worse, found.better | found.worse)]
        inside.append(covered(quality, scenario.truth, 1 - alpha))
    within = np.concatenate(inside)
    coverage = rate(int(within.sum()), within.size, confidence) if within.size else None
    better, worse, claims = (rate(int(count), repeats, confidence) for count in hits)
    return Outcome(better, worse, claims, coverage)


def simulate_wild_seed(
    n: int,
    repeats: int,
    rng: np.random.Generator,
    *,
    collapses: bool,
    arms: int = 5,
    effect: float = 3.0,
    fall: float = 8.0,
    alpha: float = 0.05,
) -> dict[str, Rate]:
    """Count arms with an effect that are called better although one seed of the baseline is an outlier.

    Args:
        n: seeds per arm.
        repeats: studies.
        rng: source of all draws.
        collapses: whether the rule for runs that collapsed is applied first, as in reports.
        arms: arms besides the baseline, all with the effect.
        effect: in standard deviations of a cell.
        fall: by how many standard deviations the baseline's first seed lies below.
        alpha: family-wise level.

    Returns:
        Test to the share of arms called better, of all arms of all studies.

    Example:
        >>> powers = simulate_wild_seed(10, 200, np.random.default_rng(0), collapses=True)
        >>> powers["t"].rate > 0.9, powers["max_t"].rate > 0.9
        (True, True)
    """
    hits = dict.fromkeys(TESTS, 0)
    for size in chunks(repeats, COPIES * (arms + 1) * n):
        cells = draw_cells(size, arms, n, rng)
        cells[:, 1:] += effect
        cells[:, 0, 0] -= fall
        cells = without_outliers(cells) if collapses else cells
        for test in TESTS:
            found: Claims = decide(cells, paired_quality(cells), rng, test=test, alpha=alpha)
            hits[test] += int(found.better.sum())
    return {test: rate(count, repeats * arms) for test, count in hits.items()}


def _reported(cells: np.ndarray) -> np.ndarray:
    """Leave out what collapsed; where cells diverge, none of these data collapse as well."""
    return cells if np.isnan(cells).any() else without_outliers(cells)
