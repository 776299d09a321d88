"""Looking again as seeds are added: what planned looks keep, and what stopping early saves."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int

from ablate.stats.batched_tests import holm_p, max_t_p, t_p
from ablate.stats.draws import draw_deltas
from ablate.stats.failure import Rate, rate
from ablate.stats.spending import level_at

LOOKS = (6, 12, 24)
AT_ONCE = 2_000  # studies
Corrected = Callable[[np.ndarray], np.ndarray]


class Looked(NamedTuple):
    """What came of looking: studies with any verdict, arms with one, and the mean seeds of an arm until it has one."""

    studies: Rate
    arms: Rate
    seeds: float


def simulate_looks(
    arms: int,
    repeats: int,
    rng: np.random.Generator,
    *,
    effect: float = 0.0,
    looks: Sequence[int] = LOOKS,
    planned: bool = True,
    test: str = "t",
    alpha: float = 0.05,
    confidence: float = 0.95,
) -> Looked:
    """Look at growing studies of normal data; an arm stops at the first look that makes it better or worse.

    Args:
        arms: arms besides the baseline, all with the same effect.
        repeats: studies.
        rng: source of all draws.
        effect: true delta, in standard deviations of a delta.
        looks: numbers of seeds, ascending.
        planned: whether the looks share alpha (`spending.level_at`); otherwise each has all of it.
        test: "t" with Holm's correction, or "max_t".
        alpha: family-wise level.
        confidence: of the Monte Carlo intervals.

    Returns:
        Rates over all looks together; an arm that is never decided has the seeds of the last look.

    Example:
        >>> looked = simulate_looks(1, 500, np.random.default_rng(0), effect=2.0)
        >>> looked.arms.rate > 0.95, looked.seeds < 12
        (True, True)

    References:
        Lan, DeMets. Discrete sequential boundaries for clinical trials. 1983. https://doi.org/10.1093/biomet/70.3.659
    """
    first: list[np.ndarray] = []
    spent = looks if planned else ()
    for start in range(0, repeats, AT_ONCE):
        deltas = draw_deltas(min(AT_ONCE, repeats - start), arms, looks[-1], rng) + effect
        corrected: Corrected = _holm_t if test == "t" else lambda part: max_t_p(part, rng)
        first.append(_first_look(deltas, looks, [level_at(alpha, spent, n) for n in looks], corrected))
    stopped = np.concatenate(first)
    decided = stopped > 0
    return Looked(
        rate(int(decided.any(axis=1).sum()), repeats, confidence),
        rate(int(decided.sum()), decided.size, confidence),
        float(np.where(decided, stopped, looks[-1]).mean()),
    )


def seeds_for_power(
    power: float, arms: int, repeats: int, rng: np.random.Generator, *, effect: float, most: int = LOOKS[-1]
) -> int | None:
    """Give the smallest fixed number of seeds that finds as many of the arms, by Holm-t at .05.

    Args:
        power: share of arms to be found.
        arms: arms besides the baseline, all with the same effect.
        repeats: studies.
        rng: source of all draws.
        effect: true delta, in standard deviations of a delta.
        most: largest number to consider.

    Returns:
        Number of seeds, or None if `most` would not do.

    Example:
        >>> seeds_for_power(0.8, 1, 4000, np.random.default_rng(0), effect=1.0) in (9, 10, 11)
        True
    """
    deltas = draw_deltas(repeats, arms, most, rng) + effect
    low, high = 1, most + 1  # `low` never suffices, `high` does or is beyond all
    while high - low > 1:
        middle = (low + high) // 2
        enough = float((_holm_t(deltas[..., :middle]) <= 0.05).mean()) >= power
        low, high = (low, middle) if enough else (middle, high)
    return high if high <= most else None


def _holm_t(deltas: Float[np.ndarray, "studies arms n"]) -> Float[np.ndarray, "studies arms"]:
    return holm_p(t_p(deltas))


def _first_look(
    deltas: Float[np.ndarray, "studies arms n"], looks: Sequence[int], levels: Sequence[float], corrected: Corrected
) -> Int[np.ndarray, "studies arms"]:
    """Return the seeds at which each arm was decided, 0 for never."""
    stopped = np.zeros(deltas.shape[:2], int)
    for n, level in zip(looks, levels, strict=True):
        found: Bool[np.ndarray, "studies arms"] = corrected(deltas[..., :n]) <= level
        stopped[found & (stopped == 0)] = n
    return stopped
