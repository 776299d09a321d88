"""Who earned the gain: Shapley shares on a full grid of tricks, and a trick alone against the trick in company."""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int

from ablate.stats.checks import finite, rounding_of
from ablate.stats.multiple import holm
from ablate.stats.paired import Interval, PairedT, paired_t, t_interval


class Shapley(NamedTuple):
    """One trick's part of the gain of all tricks together: in the metric's unit, and as a share of the total."""

    value: Interval
    share: float | None


class Company(NamedTuple):
    """A trick alone and among the others: `extra` = together - alone, `kind` "synergy", "redundancy" or "unclear".

    `p_holm` is the p that the kind rests on: corrected over all tricks by `corrected`, before that the p of `extra`.
    """

    alone: Interval
    together: Interval
    extra: PairedT
    p_holm: float | None
    kind: str


def shapley(
    on: Int[np.ndarray, "cells tricks"],
    response: Float[np.ndarray, "cells"],
    seeds: Int[np.ndarray, "cells"],
    confidence: float = 0.95,
) -> list[Shapley] | None:
    """Split the total gain fairly: sum over sets S without i of |S|! (k - |S| - 1)! / k! (v(S + i) - v(S)).

    That is the mean of what the trick adds over all orders in which tricks can be added. It is computed seed by seed,
    on seeds whose 2^k cells are all there, with a t interval over seeds; the values add up to the total gain.

    Args:
        on: 1 where the trick is on in the cell, 0 where it is off.
        response: final metric of each cell, in any unit; leave diverged cells out.
        seeds: seed of each cell.
        confidence: of the intervals, between 0 and 1.

    Returns:
        One entry per trick, or None where no seed has the full grid; `share` is None where the interval of the total
        gain holds zero: parts of nothing are no shares.

    Raises:
        ValueError: if a response is not finite, or a level is neither 0 nor 1, or a seed holds a cell twice.

    Example:
        >>> grid = np.array([[0, 0], [0, 1], [1, 0], [1, 1]])
        >>> values = shapley(grid, np.array([0.5, 0.6, 0.7, 0.7]), np.zeros(4, int))
        >>> [(round(s.value.mean, 3), round(s.share, 3)) for s in values]
        [(0.15, 0.75), (0.05, 0.25)]

    References:
        Shapley, "A value for n-person games", Contributions to the Theory of Games II, 1953,
        https://doi.org/10.1515/9781400881970-018
    """
    grids = _grids(on, finite(response), seeds)
    if not grids.size:
        return None
    tricks = on.shape[1]
    values = np.stack([_values(grids, i, tricks) for i in range(tricks)], axis=1)
    means, rounding = values.mean(axis=0), rounding_of(grids)
    gain = paired_t(grids[:, -1] - grids[:, 0], confidence, rounding)
    total = gain.mean or 0.0
    known = abs(total) > rounding and (gain.p is None or gain.p <= 1 - confidence)
    return [
        Shapley(t_interval(values[:, i], confidence, rounding), float(means[i] / total) if known else None)
        for i in range(tricks)
    ]


def company(
    alone: Float[np.ndarray, "pairs"],
    together: Float[np.ndarray, "pairs"],
    *,
    higher_is_better: bool,
    alpha: float = 0.05,
    rounding: float = 0.0,
) -> Company:
    """Compare a trick's gain alone with its gain among the others: together_i - alone_i, by the paired t test.

    Alone is (baseline + trick) - baseline, from the add-one design; together is all - (all without the trick), from
    leave-one-out. Significantly more together is synergy, less is redundancy; neither says which trick is the cause.
    For one trick: of several, `corrected` takes away what is found by looking often.

    Args:
        alone: deltas, one per seed, in the metric's unit.
        together: deltas of the same seeds in the same order.
        higher_is_better: direction of the metric.
        alpha: level of the test, between 0 and 1.
        rounding: of the values subtracted (`checks.rounding_of`), in the metric's unit.

    Returns:
        Both means with intervals, the test of their difference and its reading.

    Raises:
        ValueError: if a delta is not finite or the lengths differ.

    Example:
        >>> one = np.array([0.02, 0.021, 0.019])
        >>> company(one, one - np.array([0.015, 0.016, 0.014]), higher_is_better=True).kind
        'redundancy'
    """
    alone, together = finite(alone), finite(together)
    if alone.size != together.size:
        raise ValueError(f"pairs need equal lengths, got {alone.size} and {together.size}")
    extra = paired_t(together - alone, 1 - alpha, 2 * rounding)  # four values make one of these
    one, both = (t_interval(deltas, 1 - alpha, rounding) for deltas in (alone, together))
    return Company(one, both, extra, extra.p, _kind(extra, extra.p, higher_is_better, alpha))


def corrected(companies: Sequence[Company], *, higher_is_better: bool, alpha: float = 0.05) -> list[Company]:
    """Read several tricks with p corrected by Holm: one false synergy or redundancy among them is as rare as alpha.

    Args:
        companies: one per trick, from `company`.
        higher_is_better: direction of the metric.
        alpha: family-wise level, between 0 and 1.

    Returns:
        The same with `p_holm` over all tricks and the kind that follows from it; intervals stay one at a time.

    Example:
        >>> one = np.array([0.02, 0.021, 0.019])
        >>> less = company(one, one - np.array([0.015, 0.014, 0.0148]), higher_is_better=True)
        >>> even = company(one, one + np.array([0.002, -0.001, 0.001]), higher_is_better=True)
        >>> [trick.kind for trick in corrected([less, even], higher_is_better=True)]
        ['redundancy', 'unclear']

    References:
        Holm, "A simple sequentially rejective multiple test procedure", Scandinavian Journal of Statistics 1979,
        https://www.jstor.org/stable/4615733
    """
    p_holm = holm([trick.extra.p for trick in companies])
    return [
        trick._replace(p_holm=p, kind=_kind(trick.extra, p, higher_is_better, alpha))
        for trick, p in zip(companies, p_holm, strict=True)
    ]


def _kind(extra: PairedT, p: float | None, higher_is_better: bool, alpha: float) -> str:
    """Name the difference between together and alone, where the p given shows one."""
    if p is None or extra.mean is None or p > alpha:
        return "unclear"
    return "synergy" if (extra.mean > 0) == higher_is_better else "redundancy"


def _grids(
    on: Int[np.ndarray, "cells tricks"], response: Float[np.ndarray, "cells"], seeds: Int[np.ndarray, "cells"]
) -> Float[np.ndarray, "seeds sets"]:
    """Arrange the cells of complete seeds by set of tricks: bit i of the column number is trick i."""
    if not np.isin(on, (0, 1)).all():
        raise ValueError(f"a trick is on (1) or off (0), got levels {np.unique(on).tolist()}")
    sets = on @ (1 << np.arange(on.shape[1]))
    rows = []
    for seed in np.unique(seeds):
        of_seed = seeds == seed
        if np.unique(sets[of_seed]).size != of_seed.sum():
            raise ValueError(f"seed {seed} holds the same cell twice")
        if of_seed.sum() == 1 << on.shape[1]:
            rows.append(response[of_seed][np.argsort(sets[of_seed])])
    return np.array(rows, dtype=np.float64).reshape(-1, 1 << on.shape[1])


def _values(grids: Float[np.ndarray, "seeds sets"], trick: int, tricks: int) -> Float[np.ndarray, "seeds"]:
    """Return the Shapley value of one trick for every seed."""
    without = np.array([s for s in range(1 << tricks) if not s >> trick & 1])
    sizes = [int(s).bit_count() for s in without]
    weights = np.array([math.factorial(n) * math.factorial(tricks - n - 1) for n in sizes]) / math.factorial(tricks)
    return (grids[:, without | 1 << trick] - grids[:, without]) @ weights
