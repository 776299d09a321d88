"""Which examples a lane sees: split and order are functions of its data key, never of what other lanes do.

Two folds of one seed are two data keys. Lanes with the same data key share the split, the order and the batches.

What is shuffled is in the order of `jax.random.permutation`: JAX draws the numbers, many epochs at once, and numpy
sorts by them. A device would sort more slowly, and only when it has nothing to train.
"""

import math
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jaxtyping import Array, Int, Key, UInt32

from ablate.data import DataSet, Draws, Sampling, Split, label_shifts, number_split, positions, split
from ablate.tasks.keys import Seed, Seeds, stream
from ablate.train.lanes import as_one_program, uint32

MOST_DRAWN = 2**18  # numbers that are drawn at once, if one epoch does not need more


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
    order = shuffled(np.asarray(_numbers_of_split(seed, size=size)))
    return split(dataset, key.sampling, Draws(order, flips, shifts, key.fold))


def shuffled(numbers: UInt32[np.ndarray, "rounds examples"]) -> Int[np.ndarray, " examples"]:
    """Positions in a random order: sorted by random numbers, in rounds, since two of these may be equal.

    Example:
        >>> shuffled(np.array([[7, 9, 7]], np.uint32)).tolist()
        [0, 2, 1]
    """
    order = np.arange(numbers.shape[1], dtype=np.int32)
    for row in numbers:
        order = order[np.argsort(row, kind="stable")]
    return order


def rounds_of(size: int) -> int:
    """So many that examples which get equal numbers in all of them are as good as never."""
    return math.ceil(3 * math.log(max(size, 1)) / math.log(2**32 - 1))


def _numbers(key: Key[Array, ""], size: int) -> UInt32[Array, "rounds examples"]:
    rows = []
    for _ in range(rounds_of(size)):
        key, own = jax.random.split(key)
        rows.append(jax.random.bits(own, (size,), np.uint32))
    return jnp.stack(rows) if rows else jnp.zeros((0, size), jnp.uint32)


@as_one_program("size")
def _numbers_of_split(seed: Seed, size: int) -> Array:
    return _numbers(stream(seed, "split"), size)


@as_one_program("size", "shifts")
def _noise_of(seed: Seed, size: int, shifts: int) -> tuple[Array, Array]:
    flip, shift = jax.random.split(stream(seed, "noise"))
    return jax.random.uniform(flip, (size,)), jax.random.randint(shift, (size,), 1, shifts)


@as_one_program("size", "epochs")
def _numbers_of_epochs(seed: Seed, fold: Any, first: Any, size: int, epochs: int) -> Array:
    key = stream(seed, "order")
    folded = key if fold is None else jax.random.fold_in(key, fold)
    return lax.map(
        lambda k: _numbers(jax.random.fold_in(folded, first + k), size), jnp.arange(epochs, dtype=jnp.uint32)
    )


class BatchOrder:
    """Which training examples a data key sees at each step: shuffled anew every epoch, nothing to remember."""

    def __init__(self, key: DataKey, size: int, batch_size: int):
        self._seed, self._fold = uint32(key.seed), np.uint32(key.fold) if key.fold else None
        self._size = size
        self._batch_size = batch_size
        self._together = max(1, MOST_DRAWN // max(1, size * rounds_of(size)))
        # Dictionaries that other threads may put others in place of: of some epochs, and of one.
        self._numbers: dict[int, UInt32[np.ndarray, "epochs rounds examples"]] = {}
        self._epochs: dict[int, Int[np.ndarray, " examples"]] = {}

    def at(self, step: int) -> Int[np.ndarray, " batch"]:
        """Positions [batch] within the training split for a step."""
        epoch, batch = positions(step, self._batch_size, self._size)
        order = self._epochs.get(epoch)
        if order is None:
            order = shuffled(self._numbers_of(epoch))
            self._epochs = {epoch: order}
        return order[batch]

    def _numbers_of(self, epoch: int) -> UInt32[np.ndarray, "rounds examples"]:
        part, place = divmod(epoch, self._together)
        numbers = self._numbers.get(part)
        if numbers is None:
            first = np.uint32(part * self._together)
            drawn = _numbers_of_epochs(self._seed, self._fold, first, size=self._size, epochs=self._together)
            numbers = np.asarray(drawn)
            self._numbers = {part: numbers}
        return numbers[place]

    def rows(self, begin: int, count: int, length: int) -> Int[np.ndarray, "length batch"]:
        """Those of `count` steps, filled up with the first example to `length` of them."""
        found = np.stack([self.at(begin + k) for k in range(count)])
        return np.pad(found, ((0, length - count), (0, 0)))
