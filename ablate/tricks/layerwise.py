"""Axis `layerwise`: learning rates that differ from parameter to parameter.

A path is the parameter's names joined by slashes, `block_1/conv/kernel`, known when the program is traced.
"""

import re

import jax.numpy as jnp
from jaxtyping import Array, Float

from ablate.tricks.axis import Axis, Choice, NonNegative
from ablate.tricks.clock import Clock

__all__ = ["freeze", "multipliers", "same_rate"]


def same_rate(path: str, clock: Clock) -> Float[Array, ""]:
    """One rate for all parameters."""
    return jnp.ones((), jnp.float32)


def multipliers(path: str, clock: Clock, pattern: str, factor: NonNegative) -> Float[Array, ""]:
    """Multiplies the update of the parameters whose path matches a pattern: low in front, high in new layers.

        f = factor  where the pattern is found in the path,    1 elsewhere

    Args:
        path: the parameter's path, such as "head/kernel".
        clock: not read.
        pattern: a regular expression, searched for anywhere in the path.
        factor: the multiplier, at least 0; off at 1, and 0 freezes the layers.

    Returns:
        A float32 scalar.

    Raises:
        ValueError: where the pattern is not a regular expression.

    Example:
        >>> [float(multipliers(p, Clock(0), pattern="^head/", factor=10.0)) for p in ("conv/kernel", "head/kernel")]
        [1.0, 10.0]

    References:
        Jia, Shelhamer, Donahue, Karayev, Long, Girshick, Guadarrama, Darrell. Caffe: Convolutional Architecture for
        Fast Feature Embedding. 2014. https://arxiv.org/abs/1408.5093
        Howard, Ruder. Universal Language Model Fine-tuning for Text Classification. 2018.
        https://arxiv.org/abs/1801.06146
    """
    return jnp.asarray(factor if matches(pattern, path) else 1.0, jnp.float32)


def freeze(path: str, clock: Clock, pattern: str, until: NonNegative = jnp.inf) -> Float[Array, ""]:
    """Holds the parameters whose path matches a pattern as they are, until a step.

        f = 0  where the pattern is found in the path and t < until,    1 elsewhere

    Where the factor of a path is 0, training leaves alone all that belongs to it: the gradient does not count in a
    global norm, the optimizer's moments do not fill up, and running statistics stay.

    Args:
        path: the parameter's path, such as "head/kernel".
        clock: the step t, from 0.
        pattern: a regular expression, searched for anywhere in the path.
        until: the first step that trains them, at least 0; off at 0, and inf freezes them for good.

    Returns:
        A float32 scalar, 0 or 1.

    Raises:
        ValueError: where the pattern is not a regular expression.

    Example:
        >>> [float(freeze("conv/kernel", Clock(t), pattern="^conv/", until=100.0)) for t in (99, 100)]
        [0.0, 1.0]

    References:
        Howard, Ruder. Universal Language Model Fine-tuning for Text Classification. 2018.
        https://arxiv.org/abs/1801.06146
    """
    if not matches(pattern, path):
        return jnp.ones((), jnp.float32)
    return (jnp.asarray(clock.step, jnp.float32) >= jnp.asarray(until, jnp.float32)).astype(jnp.float32)


def matches(pattern: str, path: str) -> bool:
    """Whether a regular expression is found in a path.

    Raises:
        ValueError: it is none.
    """
    try:
        return re.search(pattern, path) is not None
    except re.error as error:
        raise ValueError(f"pattern={pattern!r} is not a regular expression: {error}") from error


AXIS = Axis(
    name="layerwise",
    seam="(path, clock) -> factor of one parameter's update",
    data=("path", "clock"),
    identity="none",
    composes=True,
    choices={
        "none": Choice(same_rate),
        "multipliers": Choice(multipliers, off={"factor": 1.0}, example={"pattern": "^head/", "factor": 0.5}),
        "freeze": Choice(freeze, off={"until": 0.0}, example={"pattern": "^conv/", "until": 2.0}),
    },
)
