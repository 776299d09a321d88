"""The promises beside better and worse: equivalence, effects of a grid and of conditions, Welch's detectable effect."""

from itertools import product

import numpy as np
from scipy import special

from ablate.stats.batched import decide, paired_quality, unpaired_quality
from ablate.stats.batched_tests import holm_p
from ablate.stats.conditions import Effects, Levels, departures
from ablate.stats.draws import draw_cells
from ablate.stats.factorial import effects
from ablate.stats.failure import Rate, rate
from ablate.stats.power import minimum_detectable_effect


def simulate_equivalence(
    n: int,
    arms: int,
    repeats: int,
    rng: np.random.Generator,
    *,
    margin: float,
    effect: float,
    paired: bool = True,
    alpha: float = 0.05,
    confidence: float = 0.95,
) -> Rate:
    """Count studies in which any arm is called equivalent: two one-sided t tests with Holm, where it is not superior.

    Args:
        n: seeds per arm, 2 or more.
        arms: arms besides the baseline, all with the same effect.
        repeats: studies.
        rng: source of all draws.
        margin: of equivalence, in standard deviations of a cell.
        effect: true delta, in the same unit; at the margin, equivalent is an error.
        paired: whether seeds are shared, with half of the variance; False compares by Welch's test.
        alpha: family-wise level.
        confidence: of the Monte Carlo interval.

    Returns:
        Rate of studies.

    Example:
        >>> at = simulate_equivalence(6, 1, 2000, np.random.default_rng(0), margin=2.0, effect=2.0)
        >>> at.low < 0.05
        True

    References:
        Schuirmann. A comparison of the two one-sided tests procedure and the power approach. 1987.
        https://doi.org/10.1007/BF01068419
    """
    cells = draw_cells(repeats, arms, n, rng, shared=0.5 if paired else 0.0)
    cells[:, 1:] += effect
    quality = (paired_quality if paired else unpaired_quality)(cells)
    found = decide(cells, quality, rng, alpha=alpha)
    p = special.stdtr(quality.df, -(margin - np.abs(quality.mean)) / quality.error)
    equivalent = (holm_p(p) <= alpha) & ~(found.better | found.worse)
    return rate(int(equivalent.any(axis=1).sum()), repeats, confidence)


def simulate_main_effects(
    factors: int,
    n: int,
    repeats: int,
    rng: np.random.Generator,
    *,
    varies: float = 1.0,
    alpha: float = 0.05,
    confidence: float = 0.95,
) -> tuple[Rate, Rate]:
    """Run `factorial.effects` on grids of tricks that work on some seeds and harm on others, and on average do nothing.

    Args:
        factors: of two levels each; the grid is full.
        n: seeds, 2 or more.
        repeats: studies; about two milliseconds each.
        rng: source of all draws.
        varies: standard deviation over seeds of what a trick does, in standard deviations of a cell.
        alpha: family-wise level over the main effects.
        confidence: of the Monte Carlo intervals.

    Returns:
        Rate of studies with any significant main effect, and of intervals of the first one that hold zero.

    Example:
        >>> family_wise, coverage = simulate_main_effects(2, 4, 100, np.random.default_rng(0))
        >>> family_wise.low < 0.05, coverage.high > 0.95
        (True, True)
    """
    grid = np.array(list(product((0, 1), repeat=factors)))
    levels, seeds = np.tile(grid, (n, 1)), np.repeat(np.arange(n), len(grid))
    hits = inside = 0
    for _ in range(repeats):
        does = varies * rng.standard_normal((n, factors))
        response = (levels * does[seeds]).sum(axis=1) + rng.standard_normal(n)[seeds] + rng.standard_normal(seeds.size)
        main = [effect for effect in effects(levels, response, seeds) if len(effect.factors) == 1]
        hits += any(effect.p_holm is not None and effect.p_holm <= alpha for effect in main)
        inside += main[0].low is not None and main[0].high is not None and main[0].low <= 0 <= main[0].high
    return rate(hits, repeats, confidence), rate(inside, repeats, confidence)


def simulate_departures(
    n: int,
    tricks: int,
    repeats: int,
    rng: np.random.Generator,
    *,
    levels: Levels,
    shared: float = 0.5,
    widest: float = 4.0,
    alpha: float = 0.05,
    confidence: float = 0.95,
) -> tuple[Rate, Rate]:
    """Run `conditions.departures` on tricks whose effects are 1 everywhere, but scatter more in some conditions.

    Args:
        n: seeds, 2 or more.
        tricks: number of them.
        repeats: studies; some milliseconds each.
        rng: source of all draws.
        levels: what varies to its level in each condition.
        shared: share of the variance that a seed brings into all its conditions alike, 0 to 1.
        widest: standard deviation in the last condition, where it is 1 in the first, and even steps between them.
        alpha: family-wise level over all tricks and levels.
        confidence: of the Monte Carlo intervals.

    Returns:
        Rates of studies in which any effect is said to differ: by Holm's t, and by sign flips.

    Example:
        >>> two = {"data": ("digits", "faces")}
        >>> t, flips = simulate_departures(6, 2, 200, np.random.default_rng(0), levels=two)
        >>> t.low < 0.05, flips.low < 0.05
        (True, True)
    """
    conditions = len(next(iter(levels.values())))
    spread = np.linspace(1.0, widest, conditions)
    hits = np.zeros(2, int)
    for _ in range(repeats):
        common = np.sqrt(shared) * rng.standard_normal((tricks, n, 1))
        own = np.sqrt(1 - shared) * rng.standard_normal((tricks, n, conditions))
        studies = 1.0 + spread * (common + own)
        found = departures({str(k): Effects(by_seed, 0.0) for k, by_seed in enumerate(studies)}, levels, alpha)
        tests = [(one.p_holm, one.p_max_t) for trick in found.values() for one in trick]
        hits += [any(p is not None and p <= alpha for p in column) for column in zip(*tests, strict=True)]
    t, flips = (rate(int(count), repeats, confidence) for count in hits)
    return t, flips


def simulate_welch_power(
    sd: float, n: int, repeats: int, rng: np.random.Generator, *, alpha: float = 0.05, confidence: float = 0.95
) -> Rate | None:
    """Count studies in which Welch's test finds the effect that `minimum_detectable_effect` promises to find in 80 %.

    The degrees of freedom are Satterthwaite's of the true variances, as a report has them of the estimated ones.

    Args:
        sd: standard deviation of the arm; that of the baseline is 1.
        n: seeds per side, 2 or more.
        repeats: studies.
        rng: source of all draws.
        alpha: level of the test.
        confidence: of the Monte Carlo interval.

    Returns:
        Rate of studies that find it.

    Example:
        >>> power = simulate_welch_power(1.0, 10, 4000, np.random.default_rng(0))
        >>> power.low < 0.8 < power.high
        True
    """
    variance = np.array([1.0, sd**2])
    factor = float(variance.sum() ** 2 / (variance**2).sum())
    effect = minimum_detectable_effect(float(np.sqrt(variance.sum())), n, alpha, df_factor=factor)
    if effect is None:
        return None
    cells = rng.standard_normal((repeats, 2, n)) * np.sqrt(variance)[:, None]
    cells[:, 1] += effect
    return rate(int((unpaired_quality(cells).p <= alpha).sum()), repeats, confidence)
