"""Random streams: one per purpose, so that a trick which draws more numbers never shifts another stream.

    stream(seed, purpose) = fold_in(key(seed), index of the purpose)

threefry only: with `rbg`, `vmap` would use the first lane's key for all lanes.
"""

import jax
import numpy as np
from jaxtyping import Array, Int, Key

from ablate.data import Draws, Sampling, Split, positions, split

PURPOSES = ("init", "order", "augment", "dropout", "split", "noise", "gradient")


def stream(seed: int | Int[Array, ""], purpose: str) -> Key[Array, ""]:
    """The key of one purpose for a seed; `seed` may be traced.

    >>> bool((stream(0, "order") == stream(0, "init")).all())
    False
    """
    return jax.random.fold_in(jax.random.key(seed, impl="threefry2x32"), PURPOSES.index(purpose))


def split_of(seed: int, labels: np.ndarray, classes: int, sampling: Sampling) -> Split:
    """The training and validation positions and the noisy labels of a seed."""
    size = len(labels)
    flip, shift = jax.random.split(stream(seed, "noise"))
    draws = Draws(
        order=np.asarray(jax.random.permutation(stream(seed, "split"), size)).astype(np.int32),
        flips=np.asarray(jax.random.uniform(flip, (size,))),
        shifts=np.asarray(jax.random.randint(shift, (size,), 1, max(classes, 2))),
    )
    return split(labels, classes, sampling, draws)


class BatchOrder:
    """Which training images a seed sees at each step: a function of (seed, step), shuffled anew every epoch."""

    def __init__(self, seed: int, size: int, batch_size: int):
        self._key = stream(seed, "order")
        self._size = size
        self._batch_size = batch_size
        self._epochs: dict[int, np.ndarray] = {}

    def at(self, step: int) -> np.ndarray:
        """Positions [batch] within the training split for a step."""
        epoch, batch = positions(step, self._batch_size, self._size)
        if epoch not in self._epochs:
            key = jax.random.fold_in(self._key, epoch)
            self._epochs = {epoch: np.asarray(jax.random.permutation(key, self._size)).astype(np.int32)}
        return self._epochs[epoch][batch]
