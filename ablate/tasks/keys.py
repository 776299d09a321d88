"""Random streams: one per purpose, so that a trick which draws more numbers never shifts another stream.

    stream(seed, purpose) = fold_in(key(seed), index of the purpose)

threefry only: with `rbg`, `vmap` would use the first lane's key for all lanes.
"""

import zlib
from typing import NamedTuple

import jax
from jaxtyping import Array, Integer, Key

PURPOSES = ("init", "order", "augment", "dropout", "split", "noise")
Number = int | Integer[Array, ""]


class Keys(NamedTuple):
    """From a purpose to its key, at one step or for what happens once."""

    seed: Number
    step: Number | None = None

    def __call__(self, purpose: str) -> Key[Array, ""]:
        """The key of a purpose at this step."""
        key = self.of_seed(purpose)
        return key if self.step is None else jax.random.fold_in(key, self.step)

    def of_seed(self, purpose: str) -> Key[Array, ""]:
        """The key of a purpose that is the same at every step."""
        return stream(self.seed, purpose)


def stream(seed: Number, purpose: str) -> Key[Array, ""]:
    """The key of one purpose for a seed; `seed` may be traced. A task may name purposes of its own.

    >>> bool((stream(0, "order") == stream(0, "init")).all())
    False
    """
    # Purposes of a task's own lie far behind the listed ones, at a place that depends on their name alone.
    known = purpose in PURPOSES
    index = PURPOSES.index(purpose) if known else 2**16 + zlib.crc32(purpose.encode()) % 2**31
    return jax.random.fold_in(jax.random.key(seed, impl="threefry2x32"), index)


def keys_of(seed: Number) -> Keys:
    """The streams of a seed, for what happens once: initial values, samples at an evaluation."""
    return Keys(seed)


def keys_at(seed: Number, step: Number) -> Keys:
    """The streams of a seed at one step."""
    return Keys(seed, step)
