"""Axis `layerwise`: learning rates that differ from parameter to parameter.

A path is the parameter's names joined by slashes, `block_1/conv/kernel`, known when the program is traced.
"""

import re
from collections.abc import Mapping
from typing import Annotated

import jax.numpy as jnp
from jaxtyping import Array, Float

from ablate.tricks.axis import Axis, Choice, NonNegative, Range, Scalar
from ablate.tricks.clock import Clock

__all__ = ["freeze", "layer_decay", "multipliers", "same_rate"]


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


def layer_decay(
    path: str, clock: Clock, depths: Mapping[str, int], rate: Annotated[Scalar, Range(0, 1, above=True)] = 0.75
) -> Float[Array, ""]:
    """Lowers the rate from the head down to the first layer, by the same factor from layer to layer.

        f = rate^(d_head - d),    d the depth of the layer that the path begins with

    A layer is what the path names first, a block of a residual network for example; what has no kernel of its own, such
    as a norm, counts with the layer before it.

    Args:
        path: the parameter's path, such as "head/kernel".
        clock: not read.
        depths: depth of every layer by name, from 0, in the order in which the network calls them.
        rate: the factor, above 0 and at most 1; off at 1.

    Returns:
        A float32 scalar.

    Example:
        >>> depths = {"stem": 0, "block": 1, "head": 2}
        >>> [float(layer_decay(f"{name}/kernel", Clock(0), depths, rate=0.5)) for name in depths]
        [0.25, 0.5, 1.0]

    References:
        Clark, Luong, Le, Manning. ELECTRA: Pre-training Text Encoders as Discriminators Rather Than Generators. 2020.
        https://arxiv.org/abs/2003.10555
        Bao, Dong, Piao, Wei. BEiT: BERT Pre-Training of Image Transformers. 2021. https://arxiv.org/abs/2106.08254
    """
    last = max(depths.values(), default=0)
    return jnp.asarray(rate, jnp.float32) ** (last - depths.get(path.split("/")[0], last))


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
    bare=False,
    seam="(path, clock) -> factor of one parameter's update",
    data=("path", "clock"),
    supplied=("depths",),
    identity="none",
    composes=True,
    choices={
        "none": Choice(same_rate),
        "multipliers": Choice(multipliers, off={"factor": 1.0}, example={"pattern": "^head/", "factor": 0.5}),
        "layer_decay": Choice(layer_decay, off={"rate": 1.0}),
        "freeze": Choice(freeze, off={"until": 0.0}, example={"pattern": "^conv/", "until": 2.0}),
    },
)
