"""Initializers of axis `init` that know of a kernel its shape and nothing else: `(key, shape, dtype) -> kernel`.

Fans are those of JAX: a kernel is [..., inputs, outputs], and the leading axes of a convolution's kernel count on both
sides.
"""

from collections.abc import Callable
from typing import Any, Literal

import jax
import jax.numpy as jnp
from jaxtyping import Array

from ablate.tricks.axis import NonNegative

__all__ = ["fan_mean_normal", "he", "lecun", "normal", "orthogonal", "uniform", "xavier", "zeros"]

Initializer = Callable[..., Array]
DISTRIBUTIONS = ("normal", "uniform")


def zeros() -> Initializer:
    """All zeros: kept to show that units that start equal stay equal.

        W = 0

    Returns:
        An initializer (key, shape, dtype) -> array.

    Example:
        >>> zeros()(jax.random.key(0), (2, 2), jnp.float32).tolist()
        [[0.0, 0.0], [0.0, 0.0]]

    References:
        Goodfellow, Bengio, Courville. Deep Learning, section 8.4. 2016. https://www.deeplearningbook.org
    """
    return jax.nn.initializers.zeros


def normal(stddev: NonNegative = 0.01) -> Initializer:
    """A fixed spread, whatever the layer's size: too small or too large one after another through many layers.

        W ~ N(0, stddev^2)

    Args:
        stddev: standard deviation, at least 0; .01 fades out and 1 saturates in a deep tanh network.

    Returns:
        An initializer (key, shape, dtype) -> array.

    Example:
        >>> normal(stddev=0.01)(jax.random.key(0), (4, 3), jnp.float32).shape
        (4, 3)

    References:
        Glorot, Bengio. Understanding the Difficulty of Training Deep Feedforward Neural Networks. 2010.
        https://proceedings.mlr.press/v9/glorot10a.html
    """
    return jax.nn.initializers.normal(stddev)


def uniform(scale: NonNegative = 0.05) -> Initializer:
    """A fixed range around 0, whatever the layer's size.

        W ~ U(-scale, scale)

    Args:
        scale: half the width of the range, at least 0.

    Returns:
        An initializer (key, shape, dtype) -> array.

    Example:
        >>> bool(abs(uniform(scale=0.5)(jax.random.key(0), (4, 3), jnp.float32)).max() <= 0.5)
        True

    References:
        Glorot, Bengio. Understanding the Difficulty of Training Deep Feedforward Neural Networks. 2010.
        https://proceedings.mlr.press/v9/glorot10a.html
    """

    def init(key: Array, shape: tuple[int, ...], dtype: Any = jnp.float32, **_: Any) -> Array:
        return jax.random.uniform(key, shape, dtype, -1.0, 1.0) * jnp.asarray(scale, dtype)

    return init


def fan_mean_normal() -> Initializer:
    """The spread that the mean of inputs and outputs asks for; the same distribution as `xavier("normal")`.

        W ~ N(0, 1/n),    n = (n_in + n_out) / 2

    Returns:
        An initializer (key, shape, dtype) -> array.

    Example:
        >>> fan_mean_normal()(jax.random.key(0), (4, 3), jnp.float32).shape
        (4, 3)

    References:
        Glorot, Bengio. Understanding the Difficulty of Training Deep Feedforward Neural Networks. 2010.
        https://proceedings.mlr.press/v9/glorot10a.html
    """
    return scaled_by_fan(1.0, "fan_avg", "normal")


def lecun(distribution: str = "normal") -> Initializer:
    """Keeps the variance of a signal that goes forward through linear units.

        W ~ N(0, 1/n_in)    or    U(-a, a) with a = sqrt(3/n_in)

    Args:
        distribution: "normal" (not truncated) or "uniform".

    Returns:
        An initializer (key, shape, dtype) -> array.

    Raises:
        ValueError: for another distribution.

    Example:
        >>> lecun()(jax.random.key(0), (4, 3), jnp.float32).shape
        (4, 3)

    References:
        LeCun, Bottou, Orr, Müller. Efficient BackProp. 1998. https://doi.org/10.1007/3-540-49430-8_2
    """
    return scaled_by_fan(1.0, "fan_in", distribution)


def xavier(distribution: str = "normal") -> Initializer:
    """Balances the variances of the signal forward and of the gradient backward.

        W ~ N(0, 2/(n_in + n_out))    or    U(-a, a) with a = sqrt(6/(n_in + n_out))

    Args:
        distribution: "normal" (not truncated) or "uniform".

    Returns:
        An initializer (key, shape, dtype) -> array.

    Raises:
        ValueError: for another distribution.

    Example:
        >>> xavier("uniform")(jax.random.key(0), (4, 3), jnp.float32).shape
        (4, 3)

    References:
        Glorot, Bengio. Understanding the Difficulty of Training Deep Feedforward Neural Networks. 2010.
        https://proceedings.mlr.press/v9/glorot10a.html
    """
    return scaled_by_fan(1.0, "fan_avg", distribution)


def he(distribution: str = "normal") -> Initializer:
    """Keeps the variance of a signal of which ReLU throws half away.

        W ~ N(0, 2/n_in)    or    U(-a, a) with a = sqrt(6/n_in)

    Args:
        distribution: "normal" (not truncated) or "uniform".

    Returns:
        An initializer (key, shape, dtype) -> array.

    Raises:
        ValueError: for another distribution.

    Example:
        >>> he()(jax.random.key(0), (3, 3, 8, 16), jnp.float32).shape
        (3, 3, 8, 16)

    References:
        He, Zhang, Ren, Sun. Delving Deep into Rectifiers: Surpassing Human-Level Performance on ImageNet
        Classification. 2015. https://arxiv.org/abs/1502.01852
    """
    return scaled_by_fan(2.0, "fan_in", distribution)


def orthogonal(scale: NonNegative = 1.0) -> Initializer:
    """A random rotation, so that a linear layer keeps every length; a convolution's leading axes count as inputs.

        W = scale * Q,    Q'Q = I  or  QQ' = I

    Args:
        scale: factor of every length, at least 0.

    Returns:
        An initializer (key, shape, dtype) -> array, for shapes of at least two dimensions.

    Example:
        >>> w = orthogonal()(jax.random.key(0), (4, 4), jnp.float32)
        >>> bool(jnp.allclose(w.T @ w, jnp.eye(4), atol=1e-5))
        True

    References:
        Saxe, McClelland, Ganguli. Exact Solutions to the Nonlinear Dynamics of Learning in Deep Linear Neural
        Networks. 2013. https://arxiv.org/abs/1312.6120
    """
    return jax.nn.initializers.orthogonal(scale)


def scaled_by_fan(gain: float, mode: Literal["fan_in", "fan_avg"], distribution: str) -> Initializer:
    """JAX's variance scaling, with the untruncated normal that the articles' formulas mean."""
    if distribution not in DISTRIBUTIONS:
        raise ValueError(f"distribution={distribution!r} is not one of {', '.join(map(repr, DISTRIBUTIONS))}")
    return jax.nn.initializers.variance_scaling(gain, mode, distribution)
