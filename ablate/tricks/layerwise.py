"""Axis `layerwise`: learning rates that differ from parameter to parameter.

A path is the parameter's names joined by slashes, `block_1/conv/kernel`, known when the program is traced.
"""

import re

import jax.numpy as jnp
from jaxtyping import Array, Float

from ablate.tricks.axis import Axis, Choice, Scalar


def same_rate(path: str, step: Scalar) -> Float[Array, ""]:
    """One rate for all parameters.

        f = 1

    Args:
        path: not read.
        step: not read.

    Returns:
        The float32 scalar 1.

    Example:
        >>> float(same_rate("head/kernel", 0))
        1.0

    References:
        Robbins, Monro. A Stochastic Approximation Method. 1951. https://doi.org/10.1214/aoms/1177729586
    """
    return jnp.ones((), jnp.float32)


def multipliers(path: str, step: Scalar, pattern: str, factor: Scalar) -> Float[Array, ""]:
    """Multiplies the update of the parameters whose path matches a pattern: low in front, high in new layers.

        f = factor  where the pattern is found in the path,    1 elsewhere

    Args:
        path: the parameter's path, such as "head/kernel".
        step: not read.
        pattern: a regular expression, searched for anywhere in the path.
        factor: the multiplier, at least 0; off at 1, and 0 freezes the layers.

    Returns:
        A float32 scalar.

    Raises:
        ValueError: where the pattern is not a regular expression.

    Example:
        >>> [float(multipliers(p, 0, pattern="^head/", factor=10.0)) for p in ("conv/kernel", "head/kernel")]
        [1.0, 10.0]

    References:
        Jia, Shelhamer, Donahue, Karayev, Long, Girshick, Guadarrama, Darrell. Caffe: Convolutional Architecture for
        Fast Feature Embedding. 2014. https://arxiv.org/abs/1408.5093
        Howard, Ruder. Universal Language Model Fine-tuning for Text Classification. 2018.
        https://arxiv.org/abs/1801.06146
    """
    try:
        matched = re.search(pattern, path) is not None
    except re.error as error:
        raise ValueError(f"pattern={pattern!r} is not a regular expression: {error}") from error
    return jnp.asarray(factor if matched else 1.0, jnp.float32)


AXIS = Axis(
    name="layerwise",
    seam="(path, step) -> factor of one parameter's update",
    data=("path", "step"),
    identity="none",
    composes=True,
    choices={
        "none": Choice(same_rate),
        "multipliers": Choice(multipliers, off={"factor": 1.0}),
    },
)
