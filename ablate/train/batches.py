"""Which examples a lane sees: split and order are functions of its data key, never of what other lanes do.

Two folds of one seed are two data keys. Lanes with the same data key share the split, the order and the batches.
"""

from typing import Any, NamedTuple

import jax
import numpy as np
from jaxtyping import Array, Int

from ablate.data import DataSet, Draws, Sampling, Split, label_shifts, number_split, positions, split
from ablate.tasks.keys import Seed, Seeds, stream
from ablate.train.lanes import as_one_program, uint32


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
    size, seed = number_split(dataset, key.sampling), uint32(key.seed)
    flips, shifts = np.ones(size, np.float32), np.ones(size, np.int32)  # which spoil nothing
    if key.sampling.spoils:
        noise = _noise_of(uint32(0) if key.sampling.folds else seed, size=size, shifts=label_shifts(dataset))
        flips, shifts = (np.asarray(numbers) for numbers in noise)
    order = np.asarray(_shuffled(seed, size=size)).astype(np.int32)
    return split(dataset, key.sampling, Draws(order, flips, shifts, key.fold))


@as_one_program("size")
def _shuffled(seed: Seed, size: int) -> Array:
    return jax.random.permutation(stream(seed, "split"), size)


@as_one_program("size", "shifts")
def _noise_of(seed: Seed, size: int, shifts: int) -> tuple[Array, Array]:
    flip, shift = jax.random.split(stream(seed, "noise"))
    return jax.random.uniform(flip, (size,)), jax.random.randint(shift, (size,), 1, shifts)


@as_one_program("size")
def _order_of(seed: Seed, fold: Any, epoch: Any, size: int) -> Array:
    key = stream(seed, "order")
    folded = key if fold is None else jax.random.fold_in(key, fold)
    return jax.random.permutation(jax.random.fold_in(folded, epoch), size)


class BatchOrder:
    """Which training examples a data key sees at each step: shuffled anew every epoch, nothing to remember."""

    def __init__(self, key: DataKey, size: int, batch_size: int):
        self._seed, self._fold = uint32(key.seed), np.uint32(key.fold) if key.fold else None
        self._size = size
        self._batch_size = batch_size
        self._epochs: dict[int, Int[np.ndarray, " examples"]] = {}

    def at(self, step: int) -> Int[np.ndarray, " batch"]:
        """Positions [batch] within the training split for a step."""
        epoch, batch = positions(step, self._batch_size, self._size)
        order = self._epochs.get(epoch)  # of a dictionary that other threads may put another in place of
        if order is None:
            drawn = _order_of(self._seed, self._fold, np.uint32(epoch), size=self._size)
            order = np.asarray(drawn).astype(np.int32)
            self._epochs = {epoch: order}
        return order[batch]

    def rows(self, begin: int, count: int, length: int) -> Int[np.ndarray, "length batch"]:
        """Those of `count` steps, filled up with the first example to `length` of them."""
        found = np.stack([self.at(begin + k) for k in range(count)])
        return np.pad(found, ((0, length - count), (0, 0)))
