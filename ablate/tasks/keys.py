"""Random streams: one per purpose, so that a trick which draws more numbers never shifts another stream.

    stream(seed, purpose) = fold_in(key(seed), index of the purpose)

threefry only: with `rbg`, `vmap` would use the first lane's key for all lanes.
"""

import functools
import zlib
from collections.abc import Callable

import jax
from jaxtyping import Array, Integer, Key

PURPOSES = ("init", "order", "augment", "dropout", "split", "noise", "gradient")
Keys = Callable[[str], Key[Array, ""]]  # from a purpose to its key


def stream(seed: int | Integer[Array, ""], purpose: str) -> Key[Array, ""]:
    """The key of one purpose for a seed; `seed` may be traced. A task may name purposes of its own.

    >>> bool((stream(0, "order") == stream(0, "init")).all())
    False
    """
    # Purposes of a task's own lie far behind the listed ones, at a place that depends on their name alone.
    known = purpose in PURPOSES
    index = PURPOSES.index(purpose) if known else 2**16 + zlib.crc32(purpose.encode()) % 2**31
    return jax.random.fold_in(jax.random.key(seed, impl="threefry2x32"), index)


def keys_of(seed: int | Integer[Array, ""]) -> Keys:
    """The streams of a seed, for what happens once: initial values, samples at an evaluation."""
    return functools.partial(stream, seed)


def keys_at(seed: int | Integer[Array, ""], step: int | Integer[Array, ""]) -> Keys:
    """The streams of a seed at one step."""
    return lambda purpose: jax.random.fold_in(stream(seed, purpose), step)
