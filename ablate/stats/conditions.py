"""Does an effect depend on where it was measured? A trick's effects under several conditions, seed by seed.

One study under every combination of conditions (data sets, models, batch sizes) gives an effect of each trick per seed
and condition. An interaction is a contrast of them within a seed: the mean effect at one level less that at all others,
averaged over whatever else varies. Tested over seeds, it asks nothing of how conditions correlate (one seed draws
the same splits and initial values in several) or how much they scatter. It is known as well as its number of seeds
allows, not as the pooled cells would pretend.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float

from ablate.stats.max_t import max_t
from ablate.stats.multiple import holm
from ablate.stats.paired import paired_t

Levels = Mapping[str, Sequence[str]]  # what varies -> its level in each condition


class Effects(NamedTuple):
    """What a trick did: `by_seed` the effect under every condition, one row per seed; `rounding` of each of them."""

    by_seed: Float[np.ndarray, "seeds conditions"]
    rounding: float


class Departure(NamedTuple):
    """How far a trick's effect at one level departs from that at the others.

    Attributes:
        what: the thing that varies, such as "data".
        level: of it.
        others: the level it is compared with where there is one other, else empty.
        n: seeds with an effect under every condition.
        there: mean effect at the level, in the unit of the effects; `elsewhere` at the others.
        mean: `there` less `elsewhere`; `low` and `high` its t interval, one at a time.
        p: of the t test, two-sided; `p_holm` over all levels and tricks, `p_max_t` likewise by sign flips of seeds.
    """

    what: str
    level: str
    others: str
    n: int
    there: float | None
    elsewhere: float | None
    mean: float | None
    low: float | None
    high: float | None
    p: float | None
    p_holm: float | None
    p_max_t: float | None


class _Contrast(NamedTuple):
    what: str
    level: str
    others: str
    here: Bool[np.ndarray, " conditions"]


def departures(tricks: Mapping[str, Effects], levels: Levels, alpha: float = 0.05) -> dict[str, list[Departure]]:
    """Test every trick at every level: d_s = mean of the effects of seed s there - mean elsewhere, t over seeds.

    The p-values are corrected over all tricks and levels at once. A trick whose smallest corrected p is at most alpha
    depends on the conditions: with effects that are alike everywhere, the probability that any does is at most alpha.

    Args:
        tricks: name to effects, in any unit that makes conditions comparable; rows where one is nan are left out.
        levels: what varies to its level in each condition, in the order of the columns; all combinations alike often.
        alpha: the intervals have confidence 1 - alpha, between 0 and 1.

    Returns:
        Name to its departures, one per level, one alone of two levels; p is None with fewer than two seeds.

    Raises:
        ValueError: a trick has not one effect per condition.

    Example:
        >>> effects = np.array([[2.0, 0.1], [2.2, -0.1], [1.9, 0.0]])
        >>> (found,) = departures({"trick": Effects(effects, 0.0)}, {"data": ("digits", "faces")})["trick"]
        >>> found.level, found.others, round(found.mean, 3), round(found.p_holm, 4), found.p_max_t
        ('digits', 'faces', 2.033, 0.0043, 0.25)

    References:
        Gail and Simon, "Testing for qualitative interactions between treatment effects and patient subsets", Biometrics
        1985, https://doi.org/10.2307/2530862 (on what such interactions mean); Student, "The probable error of a mean",
        Biometrika 1908, https://doi.org/10.1093/biomet/6.1.1
    """
    contrasts = list(_contrasts(levels))
    keys = [(name, contrast) for name in tricks for contrast in contrasts]
    sides = [_sides(tricks[name], contrast) for name, contrast in keys]
    values = [there - elsewhere for there, elsewhere in sides]
    rounding = np.array([2 * tricks[name].rounding for name, _ in keys])
    tests = [paired_t(v[np.isfinite(v)], 1 - alpha, near) for v, near in zip(values, rounding, strict=True)]
    corrected = zip(holm([test.p for test in tests]), _flipped(values, rounding), strict=True)
    found: dict[str, list[Departure]] = {name: [] for name in tricks}
    for (name, contrast), both, test, p in zip(keys, sides, tests, corrected, strict=True):
        there, elsewhere = map(_mean, both)
        estimate = (test.n, there, elsewhere, test.mean, test.low, test.high, test.p)
        found[name].append(Departure(contrast.what, contrast.level, contrast.others, *estimate, *p))
    return found


def _contrasts(levels: Levels) -> Iterator[_Contrast]:
    for what, of_condition in levels.items():
        distinct = list(dict.fromkeys(of_condition))
        # Of two levels the second contrast is the first one turned round, of a single one there is none.
        for level in distinct[:1] if len(distinct) == 2 else distinct[: len(distinct) * (len(distinct) > 1)]:
            others = distinct[1] if len(distinct) == 2 else ""
            yield _Contrast(what, level, others, np.array([own == level for own in of_condition]))


def _sides(effects: Effects, contrast: _Contrast) -> tuple[Float[np.ndarray, " seeds"], Float[np.ndarray, " seeds"]]:
    """Give the mean effects of every seed, at the level and elsewhere; nan where a condition has no effect."""
    if effects.by_seed.ndim != 2 or effects.by_seed.shape[1] != contrast.here.size:
        raise ValueError(f"expected effects (seeds, {contrast.here.size}), got shape {effects.by_seed.shape}")
    whole = np.where(np.isfinite(effects.by_seed).all(axis=1, keepdims=True), effects.by_seed, np.nan)
    return whole[:, contrast.here].mean(axis=1), whole[:, ~contrast.here].mean(axis=1)


def _mean(values: Float[np.ndarray, " seeds"]) -> float | None:
    known = values[np.isfinite(values)]
    return float(known.mean()) if known.size else None


def _flipped(values: Sequence[Float[np.ndarray, " seeds"]], rounding: Float[np.ndarray, " tests"]) -> Sequence:
    """Step-down p-values by sign flips; seeds come in one order for all tricks."""
    if not values:
        return []
    return max_t(np.stack(values, axis=1), rounding)
