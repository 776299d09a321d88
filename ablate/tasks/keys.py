"""Random streams: one per purpose, so that a trick which draws more numbers never shifts another stream.

    stream(seed, purpose) = fold_in(key(seed), index of the purpose)

A seed is one number for all purposes or, to see what each of them does to a result, a number for every purpose.
threefry only: with `rbg`, `vmap` would use the first lane's key for all lanes.
"""

import zlib
from collections.abc import Collection
from typing import NamedTuple

import jax
from jaxtyping import Array, Integer, Key

PURPOSES = ("init", "order", "augment", "dropout", "split", "noise")
Number = int | Integer[Array, ""]


class Seeds(NamedTuple):
    """A seed for every purpose, where not all streams change together; `own`: for those that a task names itself."""

    init: Number
    order: Number
    augment: Number
    dropout: Number
    split: Number
    noise: Number
    own: Number

    def of(self, purpose: str) -> Number:
        """The seed of a purpose."""
        return getattr(self, purpose if purpose in PURPOSES else "own")


Seed = Number | Seeds
HELD = 0  # the seed of streams that do not vary


def varied(purposes: Collection[str], seed: int) -> Seeds:
    """A seed for the named purposes alone; all others are held.

    >>> varied(["order"], 3)
    Seeds(init=0, order=3, augment=0, dropout=0, split=0, noise=0, own=0)
    """
    return Seeds(**{name: seed if name in purposes else HELD for name in Seeds._fields})


class Keys(NamedTuple):
    """From a purpose to its key, at one step or for what happens once."""

    seed: Seed
    step: Number | None = None

    def __call__(self, purpose: str) -> Key[Array, ""]:
        """The key of a purpose at this step."""
        key = self.of_seed(purpose)
        return key if self.step is None else jax.random.fold_in(key, self.step)

    def of_seed(self, purpose: str) -> Key[Array, ""]:
        """The key of a purpose that is the same at every step."""
        return stream(self.seed, purpose)


def stream(seed: Seed, purpose: str) -> Key[Array, ""]:
    """The key of one purpose for a seed, which may be traced. A task may name purposes of its own.

    >>> bool((stream(0, "order") == stream(0, "init")).all())
    False
    """
    # Purposes of a task's own lie far behind the listed ones, at a place that depends on their name alone.
    known = purpose in PURPOSES
    index = PURPOSES.index(purpose) if known else 2**16 + zlib.crc32(purpose.encode()) % 2**31
    number = seed.of(purpose) if isinstance(seed, Seeds) else seed
    return jax.random.fold_in(jax.random.key(number, impl="threefry2x32"), index)


def keys_of(seed: Seed) -> Keys:
    """The streams of a seed, for what happens once: initial values, samples at an evaluation."""
    return Keys(seed)


def keys_at(seed: Seed, step: Number) -> Keys:
    """The streams of a seed at one step."""
    return Keys(seed, step)
