"""Least squares with seeds as blocks: the columns of factors and their products, and what those can tell apart.

Levels are coded to sum to zero, so that an effect of one factor is an average over the levels of the others. Columns
may be dependent (missing cells, fractions): a contrast is then estimable or it is not, and nothing in between.
"""

from itertools import combinations
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int

from ablate.stats.checks import rounding_of

Term = tuple[int, ...]
# Columns hold small integers, so dependence shows at once; this only has to stand clear of rounding.
DEPENDENT = 1e-8


class Fit(NamedTuple):
    """A least-squares fit: smallest-norm coefficients, (X'X)^+, X^+ X, residual sum of squares, degrees of freedom."""

    coefficients: Float[np.ndarray, "columns"]
    inverse: Float[np.ndarray, "columns columns"]
    projection: Float[np.ndarray, "columns columns"]
    residual: float
    df: int


def terms(factors: int, interactions: bool) -> list[Term]:
    """List main effects and, if asked, two-way interactions, as tuples of factor indices.

    Args:
        factors: number of factors.
        interactions: whether to add the pairs.

    Returns:
        Terms, main effects first.

    Example:
        >>> terms(3, True)
        [(0,), (1,), (2,), (0, 1), (0, 2), (1, 2)]
    """
    pairs = list(combinations(range(factors), 2)) if interactions else []
    return [(i,) for i in range(factors)] + pairs


def code(count: int) -> Float[np.ndarray, "levels columns"]:
    """Code levels to sum to zero: level l < L - 1 is the l-th unit vector, the last one minus all of them.

    Args:
        count: number of levels, 1 or more.

    Returns:
        One row per level, one column fewer than levels.

    Example:
        >>> code(2).tolist()
        [[1.0], [-1.0]]

    References:
        Searle, "Linear models", 1971, ISBN 978-0-471-18499-7
    """
    return np.vstack([np.eye(count - 1), -np.ones((1, count - 1))])


def columns(levels: Int[np.ndarray, "cells factors"], term: Term) -> Float[np.ndarray, "cells columns"]:
    """Build the columns of a term: products of its factors' codes.

    Args:
        levels: level of each factor in each cell; the sorted distinct values of a column are its levels.
        term: factor indices.

    Returns:
        One column per degree of freedom of the term.

    Example:
        >>> columns(np.array([[0, 0], [0, 1], [1, 0], [1, 1]]), (0, 1)).ravel().tolist()
        [1.0, -1.0, -1.0, 1.0]
    """
    products = np.ones((len(levels), 1))
    for factor in term:
        values, index = np.unique(levels[:, factor], return_inverse=True)
        products = _products(products, code(values.size)[index])
    return products


def contrast(levels: Int[np.ndarray, "cells factors"], term: Term, at: Term) -> Float[np.ndarray, "columns"]:
    """Weigh a term's columns to compare level `at` with the lowest: of a pair, the difference of the differences.

    Args:
        levels: as in `columns`.
        term: factor indices.
        at: for each factor, the position of the level among its sorted levels, 1 or more.

    Returns:
        Weights of the term's columns.

    Example:
        >>> contrast(np.array([[0, 0], [0, 1], [1, 0], [1, 1]]), (0, 1), (1, 1)).tolist()
        [4.0]

    References:
        Searle, "Linear models", 1971, ISBN 978-0-471-18499-7
    """
    weights = np.ones((1, 1))
    for factor, position in zip(term, at, strict=True):
        codes = code(np.unique(levels[:, factor]).size)
        weights = _products(weights, codes[[position]] - codes[[0]])
    return weights[0]


def blocks(seeds: Int[np.ndarray, "cells"]) -> Float[np.ndarray, "cells blocks"]:
    """Give every seed a mean of its own: one indicator column per seed.

    Args:
        seeds: seed of each cell.

    Returns:
        Indicators, whose sum is the intercept.

    Example:
        >>> blocks(np.array([3, 5, 3])).tolist()
        [[1.0, 0.0], [0.0, 1.0], [1.0, 0.0]]
    """
    values, index = np.unique(seeds, return_inverse=True)
    return np.eye(values.size)[index]


def fit(matrix: Float[np.ndarray, "cells columns"], response: Float[np.ndarray, "cells"]) -> Fit:
    """Fit by least squares: b = X^+ y.

    Args:
        matrix: X, columns may be dependent.
        response: y, in any unit.

    Returns:
        The fit; `residual` is 0 where the response is met up to rounding.

    Example:
        >>> result = fit(np.ones((3, 1)), np.array([1.0, 2.0, 3.0]))
        >>> round(float(result.coefficients[0]), 6), round(result.residual, 6), result.df
        (2.0, 2.0, 2)

    References:
        Searle, "Linear models", 1971, ISBN 978-0-471-18499-7
    """
    products = matrix.T @ matrix
    inverse = np.linalg.pinv(products, rcond=DEPENDENT, hermitian=True)
    coefficients = inverse @ (matrix.T @ response)
    residual = float(np.sum((response - matrix @ coefficients) ** 2))
    df = len(response) - int(np.linalg.matrix_rank(matrix)) if matrix.size else len(response)
    met = residual <= len(response) * rounding_of(response) ** 2
    return Fit(coefficients, inverse, inverse @ products, 0.0 if met else residual, df)


def estimable(model: Fit, weights: Float[np.ndarray, "columns"]) -> bool:
    """Say whether the cells of a fit determine a contrast: c = c X^+ X.

    Args:
        model: the fit.
        weights: c.

    Returns:
        False where another set of coefficients fits alike and gives another contrast.

    Example:
        >>> twice = fit(np.array([[1.0, 1.0], [2.0, 2.0]]), np.array([1.0, 2.0]))
        >>> estimable(twice, np.array([1.0, 1.0])), estimable(twice, np.array([1.0, 0.0]))
        (True, False)

    References:
        Searle, "Linear models", 1971, ISBN 978-0-471-18499-7
    """
    return bool(np.allclose(weights @ model.projection, weights, rtol=0, atol=DEPENDENT * np.abs(weights).max()))


def _products(a: Float[np.ndarray, "cells p"], b: Float[np.ndarray, "cells q"]) -> Float[np.ndarray, "cells pq"]:
    """Multiply every column of a with every column of b."""
    return (a[:, :, None] * b[:, None, :]).reshape(len(a), -1)
