"""What is mistaken for what, category by category: counts, shares that are right, and examples won and lost.

Everything goes over seeds and test examples; which category is the right one may differ from seed to seed, where each
draws its own test examples.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int, Integer


class Flips(NamedTuple):
    """Of every test example, in how many seeds it was won and lost."""

    won: Int[np.ndarray, " examples"]
    lost: Int[np.ndarray, " examples"]


def confusion(
    truth: Integer[np.ndarray, "seeds examples"], decided: Integer[np.ndarray, "seeds examples"], shown: list[int]
) -> Int[np.ndarray, "shown columns"]:
    """Count how often each category was taken for each, summed over seeds.

    Args:
        truth: the right category of every test example, one row per seed.
        decided: the predicted one.
        shown: numbers of the categories that get a row and a column; others have no row, and one column together.

    Returns:
        Counts, the true category down, the predicted one across, all others in the last column.

    Example:
        >>> confusion(np.array([[0, 0, 1, 2]]), np.array([[0, 1, 1, 0]]), [0, 1]).tolist()
        [[1, 1, 0], [0, 1, 0]]
    """
    largest = max(int(truth.max(initial=0)), int(decided.max(initial=0)), *shown, 0)
    place = np.full(largest + 1, len(shown))
    place[shown] = np.arange(len(shown))
    columns = len(shown) + 1
    counts = np.bincount((place[truth] * columns + place[decided]).ravel(), minlength=columns**2)
    return counts.reshape(columns, columns)[:-1]


def counts_by_seed(truth: Integer[np.ndarray, "seeds examples"], count: int) -> Int[np.ndarray, "seeds categories"]:
    """Count the test examples of each category.

    Args:
        truth: the right category of every test example, one row per seed.
        count: number of categories.

    Returns:
        How many there are, by seed and category.

    Example:
        >>> counts_by_seed(np.array([[0, 0, 1], [1, 1, 1]]), 2).tolist()
        [[2, 1], [0, 3]]
    """
    seeds = len(truth)
    places = truth + count * np.arange(seeds)[:, None]
    return np.bincount(places.ravel(), minlength=seeds * count).reshape(seeds, count)


def shares_right(
    truth: Integer[np.ndarray, "seeds examples"], decided: Integer[np.ndarray, "seeds examples"], count: int
) -> Float[np.ndarray, "seeds categories"]:
    """Give the share of each category's test examples that are right.

    Args:
        truth: the right category of every test example, one row per seed.
        decided: the predicted one.
        count: number of categories.

    Returns:
        Shares from 0 to 1; nan where a seed has no such example.

    Example:
        >>> shares_right(np.array([[0, 0, 1]]), np.array([[0, 1, 1]]), 3).tolist()
        [[0.5, 1.0, nan]]
    """
    seeds, right = len(truth), truth == decided
    places = (truth + count * np.arange(seeds)[:, None])[right]
    hits = np.bincount(places, minlength=seeds * count).reshape(seeds, count)
    totals = counts_by_seed(truth, count)
    return np.divide(hits, totals, out=np.full(hits.shape, np.nan), where=totals > 0)


def flips(arm: Bool[np.ndarray, "seeds examples"], baseline: Bool[np.ndarray, "seeds examples"]) -> Flips:
    """Count in how many seeds each test example is won (the arm is right, the baseline wrong) and lost.

    Args:
        arm: whether each test example was right, one row per seed.
        baseline: the same for the baseline.

    Returns:
        Counts of seeds, by test example.

    Example:
        >>> [counts.tolist() for counts in flips(np.array([[True, False]] * 2), np.array([[False, True]] * 2))]
        [[2, 0], [0, 2]]
    """
    return Flips((arm & ~baseline).sum(0), (baseline & ~arm).sum(0))


def mistaken_for(
    truth: Integer[np.ndarray, "seeds examples"], decided: Integer[np.ndarray, "seeds examples"]
) -> Int[np.ndarray, " examples"]:
    """Give what each example is taken for in most of the seeds in which it is wrong; of several, the lowest number.

    Args:
        truth: the right category of every test example, one row per seed.
        decided: the predicted one.

    Returns:
        Numbers of categories; -1 of an example that is never wrong.

    Example:
        >>> mistaken_for(np.zeros((3, 3), int), np.array([[2, 1, 0], [2, 0, 0], [1, 3, 0]])).tolist()
        [2, 1, -1]
    """
    wrong, decided = truth != decided, decided.astype(np.int64)
    votes = (wrong & (decided[:, None] == decided)).sum(1)  # seeds that are wrong in the way that each of them is
    largest = np.iinfo(np.int64).max
    most = np.where(wrong & (votes == votes.max(0)), decided, largest).min(0)
    return np.where(most == largest, -1, most)
