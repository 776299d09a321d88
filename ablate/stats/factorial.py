"""Which factor did it: effects, interactions and shares of the gain from a grid of recipes, with seeds as blocks.

A factor is an axis that was varied, a level one of its choices. All effects are in the metric's unit and compare with
the lowest level. An interaction is the difference of the differences: how much more the one trick gives with the other
than without (twice the "interaction effect" of textbooks on design).

A contrast is computed within every seed, and tested over seeds: its error is how much it differs from seed to seed.
The residual of the pooled cells is not that error. A trick that works on some seeds and not on others moves all cells
of a seed together, and a grid of 16 cells would count it 16 times.
"""

from collections.abc import Callable
from itertools import product
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int

from ablate.stats.checks import finite, rounding_of
from ablate.stats.linear import Term, blocks, columns, contrast, estimable, fit, terms
from ablate.stats.multiple import holm
from ablate.stats.paired import PairedT, paired_t
from ablate.stats.student import quantile, upper_tail

Weights = Float[np.ndarray, "columns"]
Contrast = tuple[Term, Term, Weights]


class Effect(NamedTuple):
    """One contrast of a factorial: `estimate` None where the cells do not determine it, `low` to `p` where untested.

    `factors` holds one index for a main effect and two for an interaction; `levels` the level compared with the lowest;
    `n` counts the seeds whose cells determine it (unshared seeds: the cells). `p_holm` is corrected over all main
    effects, or over all interactions: two families, since headlines speak of main effects only.
    """

    factors: Term
    levels: Term
    n: int
    estimate: float | None
    low: float | None
    high: float | None
    t: float | None
    p: float | None
    p_holm: float | None


class Share(NamedTuple):
    """The part of a term in the variation: all but `factors` None where the cells do not determine the term."""

    factors: Term
    df: int | None
    sum_squares: float | None
    partial_eta_squared: float | None


def effects(
    levels: Int[np.ndarray, "cells factors"],
    response: Float[np.ndarray, "cells"],
    seeds: Int[np.ndarray, "cells"] | None,
    *,
    interactions: bool = True,
    confidence: float = 0.95,
) -> list[Effect]:
    """Estimate main effects and two-way interactions: mean over seeds of c'b_s, with a t interval over seeds.

    b_s are the least-squares coefficients of one seed's cells. Seeds whose cells do not determine the contrast are left
    out. Where seeds are not shared, cells are independent: c'b of all cells, with the residual as the error.

    In a fraction of resolution III main effects are aliased with interactions, and come out as None unless
    `interactions=False` assumes that there are none; in resolution IV interactions are aliased with each other.

    Args:
        levels: level of each factor in each cell of the design, integers.
        response: final metric of each cell, in any unit; nan where a cell diverged or has no result.
        seeds: seed of each cell; None where no seeds are shared.
        interactions: whether the model has the two-way ones.
        confidence: of the intervals, between 0 and 1.

    Returns:
        One effect per factor and level above the lowest, then one per pair of factors and levels.

    Raises:
        ValueError: if a response is infinite or lengths differ.

    Example:
        >>> grid = np.tile([[0, 0], [0, 1], [1, 0], [1, 1]], (3, 1))
        >>> y = np.array([0.5, 0.6, 0.7, 0.8, 0.5, 0.6, 0.71, 0.81, 0.4, 0.5, 0.62, 0.72])
        >>> [(e.factors, round(e.estimate, 3), e.n) for e in effects(grid, y, np.repeat([0, 1, 2], 4))]
        [((0,), 0.21, 3), ((1,), 0.1, 3), ((0, 1), 0.0, 3)]

    References:
        Box, Hunter and Hunter, "Statistics for experimenters", 2005, ISBN 978-0-471-71813-0; Holm, "A simple
        sequentially rejective multiple test procedure", Scandinavian Journal of Statistics 1979,
        https://www.jstor.org/stable/4615733
    """
    block = np.zeros(len(levels), int) if seeds is None else seeds
    response, known = _aligned(levels, response, block)
    matrix, contrasts = _model(levels, interactions=interactions)
    matrix, block = matrix[known], block[known]
    test = _pooled(matrix, response) if seeds is None else _over_seeds(matrix, response, block)
    uncorrected: list[Effect] = []
    for term, named, weights in contrasts:
        delta = test(weights, len(term), confidence)
        uncorrected.append(Effect(term, named, delta.n, delta.mean, delta.low, delta.high, delta.t, delta.p, None))
    return _corrected(uncorrected)


def separable(levels: Int[np.ndarray, "cells factors"]) -> bool:
    """Say whether a design tells any main effect from the two-way interactions.

    Args:
        levels: level of each factor in each arm of the design.

    Returns:
        False for fractions of resolution III, whose main effects take the assumption that there are no interactions.

    Example:
        >>> separable(np.array([[0, 0], [0, 1], [1, 0], [1, 1]])), separable(np.array([[0, 0], [0, 1], [1, 0]]))
        (True, False)
    """
    matrix, contrasts = _model(levels, interactions=True)
    model = fit(matrix, np.zeros(len(levels)))
    return any(len(term) == 1 and estimable(model, weights) for term, _, weights in contrasts)


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
        levels: level of each factor in each cell of the design, integers.
        response: final metric of each cell, in any unit; nan where a cell diverged or has no result.
        seeds: seed of each cell, which is its block.
        interactions: whether the model has the two-way ones.

    Returns:
        One share per term, main effects first; partial eta squared lies in [0, 1].

    Raises:
        ValueError: if a response is infinite or lengths differ.

    Example:
        >>> grid = np.tile([[0, 0], [0, 1], [1, 0], [1, 1]], (2, 1))
        >>> y = np.array([0.5, 0.6, 0.7, 0.8, 0.51, 0.6, 0.7, 0.81])
        >>> [round(s.partial_eta_squared, 3) for s in shares(grid, y, np.repeat([0, 1], 4))]
        [0.999, 0.998, 0.5]

    References:
        Langsrud, "ANOVA for unbalanced data: use type II instead of type III sums of squares", Statistics and Computing
        2003, https://doi.org/10.1023/A:1023260610025
    """
    response, known = _aligned(levels, response, seeds)
    wanted = terms(levels.shape[1], interactions)
    parts = {term: columns(levels, term)[known] for term in wanted}
    base = blocks(seeds[known])
    full = fit(np.hstack([base, *parts.values()]), response)
    split: list[Share] = []
    for term in wanted:
        others = np.hstack([base] + [parts[t] for t in wanted if not set(term) <= set(t)])
        small, large = fit(others, response), fit(np.hstack([others, parts[term]]), response)
        df = small.df - large.df
        if df < parts[term].shape[1] or df == 0:
            split.append(Share(term, None, None, None))
            continue
        split.append(_share(term, df, small.residual - large.residual, full.residual, full.df))
    return split


def _share(term: Term, df: int, gained: float, residual: float, residual_df: int) -> Share:
    """Return the share of a term that the cells determine."""
    # A model that meets every cell would give every term a share of 1.
    met = residual_df == 0 or residual == 0
    return Share(term, df, gained, None if met else gained / (gained + residual))


def _model(levels, *, interactions: bool) -> tuple[Float[np.ndarray, "cells columns"], list[Contrast]]:
    """Return the columns of the model, the constant first, and each contrast with its weights of these columns."""
    wanted = terms(levels.shape[1], interactions)
    parts = [columns(levels, term) for term in wanted]
    matrix = np.hstack([np.ones((len(levels), 1)), *parts])
    starts = 1 + np.cumsum([0] + [part.shape[1] for part in parts])
    contrasts: list[Contrast] = []
    for term, start in zip(wanted, starts, strict=False):
        values = [np.unique(levels[:, factor]) for factor in term]
        for at in product(*(range(1, v.size) for v in values)):
            weights, part = np.zeros(matrix.shape[1]), contrast(levels, term, at)
            weights[start : start + part.size] = part
            contrasts.append((term, tuple(int(v[i]) for v, i in zip(values, at, strict=True)), weights))
    return matrix, contrasts


def _over_seeds(matrix, response, seeds) -> Callable[[Weights, int, float], PairedT]:
    """Return the test of a contrast that every seed gives once."""
    models = [fit(matrix[seeds == seed], response[seeds == seed]) for seed in np.unique(seeds)]

    def test(weights: Weights, order: int, confidence: float) -> PairedT:
        values = [float(weights @ model.coefficients) for model in models if estimable(model, weights)]
        # An interaction subtracts twice.
        return paired_t(np.array(values), confidence, order * rounding_of(response))

    return test


def _pooled(matrix, response) -> Callable[[Weights, int, float], PairedT]:
    """Return the test of a contrast of independent cells, by the residual of the fit."""
    model, n = fit(matrix, response), len(response)

    def test(weights: Weights, order: int, confidence: float) -> PairedT:
        del order
        if not estimable(model, weights):
            return PairedT(0, None, None, None, None, None, None)
        estimate = float(weights @ model.coefficients)
        if model.df == 0 or model.residual == 0:
            return PairedT(n, estimate, None, None, None, None, None)
        error = float(np.sqrt(model.residual / model.df * (weights @ model.inverse @ weights)))
        half, t = quantile((1 + confidence) / 2, model.df) * error, estimate / error
        p = 2 * upper_tail(abs(t), model.df)
        return PairedT(n, estimate, error, estimate - half, estimate + half, t, p)

    return test


def _corrected(uncorrected: list[Effect]) -> list[Effect]:
    """Holm within the main effects, and within the interactions."""
    corrected: list[Effect] = []
    for order in (1, 2):
        family = [effect for effect in uncorrected if len(effect.factors) == order]
        p_holm = holm([effect.p for effect in family])
        corrected += [effect._replace(p_holm=p) for effect, p in zip(family, p_holm, strict=True)]
    return corrected


def _aligned(levels, response, seeds) -> tuple[Float[np.ndarray, "known"], Bool[np.ndarray, "cells"]]:
    """Return the known responses as float64 and where they stand, after checking that the three describe one design."""
    response = np.asarray(response, dtype=np.float64)
    if levels.ndim != 2 or not len(levels) == response.size == len(seeds) > 0:
        raise ValueError(f"levels {levels.shape}, response {response.shape} and seeds {np.shape(seeds)} do not fit")
    known = ~np.isnan(response)
    return finite(response[known]), known
