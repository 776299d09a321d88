"""Data that are hard on the rules: ties, unequal spreads, tails, correlated arms, runs that collapse or diverge.

Everything is in units of the standard deviation of one cell, and no arm has an effect unless `Scenario.truth` says so.
Cells are drawn after the baseline, which comes first; a cell that diverges is nan, one that collapses is far below.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from ablate.stats.draws import draw_cells, normal

Draw = Callable[[int, int, int, np.random.Generator], np.ndarray]  # studies, arms, seeds, source -> cells

SEEDS, ARMS = (3, 6, 10, 20), (1, 5, 11, 20)
FALL = 10.0  # standard deviations by which a run that collapses falls


class Scenario(NamedTuple):
    """One kind of data: `draw` gives cells of shape (studies, arms + 1, seeds).

    `truth` is the true delta given success, of every arm. `null` is False where arms differ given success, so that a
    verdict is no error. `reason` says why and where the promise is not kept, if it is not.
    """

    name: str
    what: str
    draw: Draw
    paired: bool = True
    truth: float = 0.0
    null: bool = True
    reason: str = ""
    seeds: tuple[int, ...] = SEEDS
    arms: tuple[int, ...] = ARMS


def log_normal(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """Draw exp(z) with z standard normal, scaled to mean 0 and variance 1: a long upper tail, of skewness 6.2.

    Args:
        rng: source of the draws.
        shape: of the result.

    Returns:
        Draws with mean 0 and variance 1.

    Example:
        >>> bool(log_normal(np.random.default_rng(0), (1000,)).min() > -0.77)
        True
    """
    return (np.exp(rng.standard_normal(shape)) - np.exp(0.5)) / np.sqrt((np.e - 1) * np.e)


def tied(examples: int, sd: float, share: float = 0.85) -> Draw:
    """Draw shares of test examples as float32, which are often equal: round(share m + sd z) / m.

    Args:
        examples: m, in the test set.
        sd: of a cell, in examples.
        share: mean share that is right.

    Returns:
        Draws of cells.

    Example:
        >>> cells = tied(360, 1.5)(100, 1, 3, np.random.default_rng(0))
        >>> bool((cells[:, 1] == cells[:, 0]).mean() > 0.1)
        True
    """

    def draw(studies: int, arms: int, n: int, rng: np.random.Generator) -> Float[np.ndarray, "studies sides n"]:
        right = np.round(share * examples + sd * draw_cells(studies, arms, n, rng))
        return (right.astype(np.float32) / np.float32(examples)).astype(np.float64)

    return draw


def failing(
    probability: float, *, fall: float = np.nan, arms_only: bool = False, centred: bool = False, shared: float = 0.5
) -> Draw:
    """Draw normal cells of which some fail, each by itself.

    Args:
        probability: that a cell fails.
        fall: standard deviations by which it then falls; nan diverges.
        arms_only: whether the baseline never fails.
        centred: whether the others rise such that the mean over all cells stays 0.
        shared: part of a cell's variance that belongs to its seed.

    Returns:
        Draws of cells.

    Example:
        >>> cells = failing(0.5)(1000, 1, 3, np.random.default_rng(0))
        >>> bool(0.4 < np.isnan(cells).mean() < 0.6)
        True
    """

    def draw(studies: int, arms: int, n: int, rng: np.random.Generator) -> Float[np.ndarray, "studies sides n"]:
        cells = draw_cells(studies, arms, n, rng, shared=shared)
        lost, side = rng.random(cells.shape) < probability, np.arange(arms + 1) >= arms_only
        cells += np.where(side, probability * fall, 0.0)[:, None] if centred else 0.0
        return np.where(lost & side[:, None], cells - fall, cells)

    return draw


def _spreads(arms: int) -> Float[np.ndarray, "sides"]:
    """Standard deviations from .3 to 3 by arm, 3 for a single one; 1 for the baseline."""
    return np.concatenate([[1.0], np.geomspace(3.0, 0.3, arms)])


def _normal(studies, arms, n, rng):
    return draw_cells(studies, arms, n, rng)


def _independent(studies, arms, n, rng):
    return draw_cells(studies, arms, n, rng, shared=0.0)


def _heteroscedastic(studies, arms, n, rng):
    return normal(rng, (studies, 1, n)) + _spreads(arms)[:, None] * normal(rng, (studies, arms + 1, n))


def _heteroscedastic_independent(studies, arms, n, rng):
    return _spreads(arms)[:, None] * normal(rng, (studies, arms + 1, n))


def _correlated(studies, arms, n, rng):
    cells = normal(rng, (studies, arms + 1, n))
    cells[:, 1:] = np.sqrt(0.9) * normal(rng, (studies, 1, n)) + np.sqrt(0.1) * cells[:, 1:]
    return cells


def _alike(sign: float) -> Draw:
    return lambda studies, arms, n, rng: sign * draw_cells(studies, arms, n, rng, noise=log_normal)


def _against_calm(sign: float) -> Draw:
    def draw(studies: int, arms: int, n: int, rng: np.random.Generator) -> Float[np.ndarray, "studies sides n"]:
        cells = sign * log_normal(rng, (studies, arms + 1, n))
        cells[:, 0] = 0.1 * normal(rng, (studies, n))
        return cells

    return draw


TIES = "Test accuracies of {m} examples as float32, with a standard deviation of {sd:g} examples: many are equal."
CALM = "The baseline is normal with a standard deviation of .1, the arms are log-normal with 1; all means are equal. "
TAIL = (
    "No test of means holds here at few seeds: most samples of a log-normal arm miss the rare large values that carry "
    "its mean, and so agree with each other on a wrong one. The report warns (caveat `skewed`) where a claim has six "
    "or more deltas whose skewness exceeds two standard errors; with fewer seeds it cannot tell."
)

COARSE = (
    "With a standard deviation of 1.5 examples, differences take a few whole values, and the t "
    "distribution is off by about half a percentage point; sign flips hold. The report names effects of fewer than "
    "three examples (caveat `coarse_test_set`)."
)

WIDE = (
    "With few arms the usual spread is that of few, and of an arm with three times the baseline's spread the rule for "
    "collapsed runs takes the lowest run for a failure, in up to 3 % of studies of 4 to 10 seeds: the interval of the "
    "others is then too high and too narrow. False verdicts exceed .05 by at most half a percentage point, since an "
    "arm that failed more often is not called better."
)

SCENARIOS = (
    Scenario("Normal, shared seeds", "Half of a cell's variance belongs to its seed.", _normal),
    *(
        Scenario(f"Ties: {m} test examples, sd {sd:g}", TIES.format(m=m, sd=sd), tied(m, sd), reason=COARSE * (sd < 5))
        for m in (360, 450)
        for sd in (1.5, 5.0)
    ),
    Scenario(
        "Unequal spreads",
        "Standard deviations from .3 to 3 by arm, 1 for the baseline.",
        _heteroscedastic,
        reason=WIDE,
        seeds=(3, 4, 6, 10, 20),
    ),
    Scenario("Correlated arms", "Arms correlate by .9 with each other and not with the baseline.", _correlated),
    Scenario("Log-normal, all arms alike", "Skewness 6, long upper tail; differences are symmetric.", _alike(1.0)),
    Scenario("Log-normal, all arms alike, tail below", "The same upside down: the tail collapses.", _alike(-1.0)),
    Scenario("Log-normal arms, calm baseline", CALM + "Long upper tail.", _against_calm(1.0), reason=TAIL),
    Scenario(
        "Collapsing",
        "Each cell falls by 10 standard deviations with a probability of 5 %, in all arms alike.",
        failing(0.05, fall=FALL),
    ),
    Scenario("Diverging, 10 %", "Each cell diverges with a probability of 10 %, in all arms alike.", failing(0.1)),
    Scenario(
        "Diverging, 50 %",
        "Each cell diverges with a probability of 50 %, in all arms alike.",
        failing(0.5),
        seeds=(3, 4, 6),
    ),
    Scenario(
        "Diverging, 25 %",
        "Each cell diverges with a probability of 25 %, in all arms alike.",
        failing(0.25),
        seeds=(6, 7),
    ),
    Scenario(
        "Diverging, 70 %",
        "Each cell diverges with a probability of 70 %, in all arms alike.",
        failing(0.7),
        seeds=(3, 6),
    ),
    Scenario("Normal, unshared seeds", "Welch's test.", _independent, paired=False),
    Scenario(
        "Unequal spreads, unshared seeds",
        "Standard deviations from .3 to 3 by arm, 1 for the baseline.",
        _heteroscedastic_independent,
        paired=False,
        reason=WIDE,
        seeds=(3, 4, 6, 10, 20),
    ),
    Scenario(
        "Diverging, 10 %, unshared seeds",
        "Each cell diverges with a probability of 10 %.",
        failing(0.1, shared=0.0),
        paired=False,
    ),
    Scenario(
        "Diverging, 50 %, unshared seeds",
        "Each cell diverges with a probability of 50 %.",
        failing(0.5, shared=0.0),
        paired=False,
        seeds=(3, 4, 6),
    ),
)

GIVEN_SUCCESS = (
    Scenario(
        "Arms that collapse, baseline that does not",
        "Each cell of an arm falls by 10 standard deviations with a probability of 10 %, and is higher by 1 otherwise: "
        "means over all cells are equal. Given success the arm is truly better by 1, and it fails more often. It is "
        "called better where no more of its runs than of the baseline's were seen to collapse: better is then said of "
        "runs that succeed, and the report adds how often an arm may fail that was not seen to. The rule finds about "
        "60 % of these runs with 6 seeds and 85 % with 20; those that it misses lower the mean, and with 10 seeds or "
        "more the coverage of the difference given success.",
        failing(0.1, fall=FALL, arms_only=True, centred=True),
        truth=1.0,
        null=False,
    ),
    Scenario(
        "Log-normal arms with the tail below, calm baseline",
        CALM
        + "Long lower tail, of which the lowest cells count as collapsed: the means of what is left differ, and an "
        "arm without a collapsed run is called better, far too often as above. The report warns likewise.",
        _against_calm(-1.0),
        truth=float("nan"),
        null=False,
    ),
)
