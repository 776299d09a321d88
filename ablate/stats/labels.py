"""Labels in doubt: which examples predictions disagree with, and how well those that are picked are the wrong ones."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int


class Found(NamedTuple):
    """How a set of picked examples covers those whose label is wrong.

    Args:
        picked: how many were picked.
        wrong: how many are wrong.
        both: how many are both.
    """

    picked: int
    wrong: int
    both: int

    @property
    def precision(self) -> float:
        """The share of the picked that are wrong; nan where nothing was picked."""
        return self.both / self.picked if self.picked else float("nan")

    @property
    def recall(self) -> float:
        """The share of the wrong that were picked; nan where nothing is wrong."""
        return self.both / self.wrong if self.wrong else float("nan")


def found(picked: Bool[np.ndarray, " examples"], wrong: Bool[np.ndarray, " examples"]) -> Found:
    """Counts what was picked, what is wrong, and what is both.

    Args:
        picked: which examples were picked.
        wrong: which have a wrong label.

    Returns:
        The counts, from which precision and recall follow.

    Example:
        >>> found(np.array([True, True, False]), np.array([True, False, True]))
        Found(picked=2, wrong=2, both=1)
    """
    return Found(int(picked.sum()), int(wrong.sum()), int((picked & wrong).sum()))


def in_doubt(
    probs: Float[np.ndarray, "examples categories"], labels: Int[np.ndarray, " examples"], score: float
) -> Bool[np.ndarray, " examples"]:
    """Examples whose label is not the most probable one, or is, with a probability below a score.

        doubt = argmax_k p_k != y  or  p_y < score

    Args:
        probs: predicted for examples that were not trained on.
        labels: as they are given.
        score: from 0 (only disagreement counts) to 1.

    Returns:
        A mask over the examples.

    Example:
        >>> in_doubt(np.array([[0.9, 0.1], [0.6, 0.4], [0.2, 0.8]]), np.array([0, 0, 0]), 0.7).tolist()
        [False, True, True]
    """
    own = probs[np.arange(len(labels)), labels]
    return (np.argmax(probs, 1) != labels) | (own < score)
