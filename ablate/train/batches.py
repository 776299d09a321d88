"""Which examples a lane sees: split and order are functions of its data key, never of what other lanes do.

Two folds of one seed are two data keys. Lanes with the same data key share the split, the order and the batches.
"""

from typing import NamedTuple

import jax
import numpy as np
from jaxtyping import Int

from ablate.data import DataSet, Draws, Sampling, Split, label_shifts, number_split, positions, split
from ablate.tasks.keys import Seeds, stream


class DataKey(NamedTuple):
    """What a lane's examples follow from: a seed, what the study does with the pool, and a fold.

    The batch order is drawn from the seed and the fold alone, so that arms with other label noise stay paired.
    """

    seed: int | Seeds
    sampling: Sampling = Sampling()
    fold: int = 0

    @classmethod
    def of(cls, seed: int | Seeds, sampling: Sampling) -> "DataKey":
        """That of a cell: with folds, as many seeds in a row are the folds of one partition."""
        if isinstance(seed, int) and sampling.folds:
            return cls(seed // sampling.folds, sampling, seed % sampling.folds)
        return cls(seed, sampling)


def split_of(key: DataKey, dataset: DataSet) -> Split:
    """The positions that a data key trains, validates and is tested on, and what is planted into training examples."""
    size = number_split(dataset, key.sampling)
    flip, shift = jax.random.split(stream(0 if key.sampling.folds else key.seed, "noise"))
    draws = Draws(
        order=np.asarray(jax.random.permutation(stream(key.seed, "split"), size)).astype(np.int32),
        flips=np.asarray(jax.random.uniform(flip, (size,))),
        shifts=np.asarray(jax.random.randint(shift, (size,), 1, label_shifts(dataset))),
        fold=key.fold,
    )
    return split(dataset, key.sampling, draws)


class BatchOrder:
    """Which training examples a data key sees at each step: shuffled anew every epoch, nothing to remember."""

    def __init__(self, key: DataKey, size: int, batch_size: int):
        order = stream(key.seed, "order")
        self._key = jax.random.fold_in(order, key.fold) if key.fold else order
        self._size = size
        self._batch_size = batch_size
        self._epochs: dict[int, Int[np.ndarray, " examples"]] = {}

    def at(self, step: int) -> Int[np.ndarray, " batch"]:
        """Positions [batch] within the training split for a step."""
        epoch, batch = positions(step, self._batch_size, self._size)
        order = self._epochs.get(epoch)  # of a dictionary that other threads may put another in place of
        if order is None:
            key = jax.random.fold_in(self._key, epoch)
            order = np.asarray(jax.random.permutation(key, self._size)).astype(np.int32)
            self._epochs = {epoch: order}
        return order[batch]

    def rows(self, begin: int, count: int, length: int) -> Int[np.ndarray, "length batch"]:
        """Those of `count` steps, filled up with the first example to `length` of them."""
        found = np.stack([self.at(begin + k) for k in range(count)])
        return np.pad(found, ((0, length - count), (0, 0)))
