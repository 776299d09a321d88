"""Which factor did it: effects, interactions and shares of the gain from a grid of recipes, with seeds as blocks.

A factor is an axis that was varied, a level one of its choices. All effects are in the metric's unit and compare with
the lowest level. An interaction is the difference of the differences: how much more the one trick gives with the other
than without (twice the "interaction effect" of textbooks on design). The error is the residual of the fitted model, so
whatever it leaves out (interactions of three, seeds that react differently to a trick) widens the intervals.
"""

from itertools import product
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int
from scipy import stats

from ablate.stats.checks import finite
from ablate.stats.linear import Term, blocks, columns, contrast, estimable, fit, terms


class Effect(NamedTuple):
    """One contrast of a factorial: `estimate` None where the cells do not determine it, `low` to `p` without error df.

    `factors` holds one index for a main effect and two for an interaction; `levels` the level compared with the lowest.
    """

    factors: Term
    levels: Term
    estimate: float | None
    low: float | None
    high: float | None
    t: float | None
    p: float | None


class Share(NamedTuple):
    """The part of a term in the variation: all but `factors` None where the cells do not determine the term."""

    factors: Term
    df: int | None
    sum_squares: float | None
    f: float | None
    p: float | None
    partial_eta_squared: float | None


def effects(
    levels: Int[np.ndarray, "cells factors"],
    response: Float[np.ndarray, "cells"],
    seeds: Int[np.ndarray, "cells"],
    *,
    interactions: bool = True,
    confidence: float = 0.95,
) -> list[Effect]:
    """Estimate main effects and two-way interactions with t intervals: c'b +- t(df) s sqrt(c' (X'X)^+ c).

    In a fraction of resolution III main effects are aliased with interactions, and come out as None unless
    `interactions=False` assumes that there are none; in resolution IV interactions are aliased with each other.

    Args:
        levels: level of each factor in each cell, integers.
        response: final metric of each cell, in any unit; leave diverged cells out.
        seeds: seed of each cell, which is its block; where no seeds are shared, the same number for all.
        interactions: whether the model has the two-way ones.
        confidence: of the intervals, between 0 and 1.

    Returns:
        One effect per factor and level above the lowest, then one per pair of factors and levels.

    Raises:
        ValueError: if a response is not finite or lengths differ.

    Example:
        >>> grid = np.array([[0, 0], [0, 1], [1, 0], [1, 1]])
        >>> found = effects(grid, np.array([0.5, 0.6, 0.7, 0.8]), np.zeros(4, int))
        >>> [(e.factors, round(e.estimate, 3)) for e in found]
        [((0,), 0.2), ((1,), 0.1), ((0, 1), 0.0)]

    References:
        Box, Hunter and Hunter, "Statistics for experimenters", 2005, ISBN 978-0-471-71813-0
    """
    response = _aligned(levels, response, seeds)
    wanted = terms(levels.shape[1], interactions)
    parts = [columns(levels, term) for term in wanted]
    base = blocks(seeds)
    matrix = np.hstack([base, *parts])
    starts = base.shape[1] + np.cumsum([0] + [part.shape[1] for part in parts])
    model = fit(matrix, response)
    result = []
    for term, start in zip(wanted, starts, strict=False):
        values = [np.unique(levels[:, factor]) for factor in term]
        for at in product(*(range(1, v.size) for v in values)):
            weights = np.zeros(matrix.shape[1])
            part = contrast(levels, term, at)
            weights[start : start + part.size] = part
            named = tuple(int(v[i]) for v, i in zip(values, at, strict=True))
            result.append(Effect(term, named, *_estimate(matrix, model, weights, confidence)))
    return result


def shares(
    levels: Int[np.ndarray, "cells factors"],
    response: Float[np.ndarray, "cells"],
    seeds: Int[np.ndarray, "cells"],
    *,
    interactions: bool = True,
) -> list[Share]:
    """Split the variation by type II: SS of a term beyond all terms that do not contain it; eta^2_p = SS / (SS + RSS).

    With every cell present this is the ordinary split; with cells missing, each main effect is adjusted for the others
    but not for its own interactions.

    Args:
        levels: level of each factor in each cell, integers.
        response: final metric of each cell, in any unit; leave diverged cells out.
        seeds: seed of each cell, which is its block.
        interactions: whether the model has the two-way ones.

    Returns:
        One share per term, main effects first; partial eta squared lies in [0, 1].

    Raises:
        ValueError: if a response is not finite or lengths differ.

    Example:
        >>> grid = np.tile([[0, 0], [0, 1], [1, 0], [1, 1]], (2, 1))
        >>> y = np.array([0.5, 0.6, 0.7, 0.8, 0.51, 0.6, 0.7, 0.81])
        >>> [round(s.partial_eta_squared, 3) for s in shares(grid, y, np.repeat([0, 1], 4))]
        [0.999, 0.998, 0.5]

    References:
        Langsrud, "ANOVA for unbalanced data: use type II instead of type III sums of squares", Statistics and Computing
        2003, https://doi.org/10.1023/A:1023260610025
    """
    response = _aligned(levels, response, seeds)
    wanted = terms(levels.shape[1], interactions)
    parts = {term: columns(levels, term) for term in wanted}
    base = blocks(seeds)
    full = fit(np.hstack([base, *parts.values()]), response)
    result = []
    for term in wanted:
        others = np.hstack([base] + [parts[t] for t in wanted if not set(term) <= set(t)])
        small, large = fit(others, response), fit(np.hstack([others, parts[term]]), response)
        df = small.df - large.df
        if df < parts[term].shape[1] or df == 0:
            result.append(Share(term, None, None, None, None, None))
            continue
        result.append(_share(term, df, small.residual - large.residual, full.residual, full.df))
    return result


def _share(term: Term, df: int, gained: float, residual: float, residual_df: int) -> Share:
    """Return the share of a term that the cells determine."""
    if residual_df == 0 or residual == 0:
        # A model that meets every cell has no error to test against, and would give every term a share of 1.
        return Share(term, df, gained, None, None, None)
    f = (gained / df) / (residual / residual_df)
    return Share(term, df, gained, f, float(stats.f.sf(f, df, residual_df)), gained / (gained + residual))


def _estimate(matrix, model, weights, confidence: float) -> tuple[float | None, ...]:
    """Return estimate, low, high, t and p of a contrast."""
    if not estimable(matrix, weights):
        return (None,) * 5
    estimate = float(weights @ model.coefficients)
    if model.df == 0 or model.residual == 0:
        return estimate, None, None, None, None
    error = float(np.sqrt(model.residual / model.df * (weights @ model.inverse @ weights)))
    half, t = float(stats.t.ppf((1 + confidence) / 2, model.df)) * error, estimate / error
    return estimate, estimate - half, estimate + half, t, float(2 * stats.t.sf(abs(t), model.df))


def _aligned(levels, response, seeds) -> Float[np.ndarray, "cells"]:
    """Return the response as float64, after checking that the three describe the same cells."""
    response = finite(response)
    if levels.ndim != 2 or not len(levels) == response.size == len(seeds) > 0:
        raise ValueError(f"levels {levels.shape}, response {response.shape} and seeds {np.shape(seeds)} do not fit")
    return response
