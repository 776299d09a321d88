"""Axis `gradient`: how a gradient is obtained, as a wrapper of the function that computes it.

The wrapped function and the wrapper are called as `(params, batch, key) -> ((loss, aux), grads)`.
"""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array

from ablate.tricks.axis import Axis, Choice, NonNegative

__all__ = ["centralize", "gradient_noise", "plain_gradient"]

ValueAndGrad = Callable[..., tuple[Any, Any]]

NOISE = 0x6E6F6973


def plain_gradient(value_and_grad: ValueAndGrad) -> ValueAndGrad:
    """The gradient as it is."""
    return value_and_grad


def gradient_noise(value_and_grad: ValueAndGrad, scale: NonNegative = 0.01) -> ValueAndGrad:
    """Adds Gaussian noise to every gradient; its spread stays the same throughout training.

        f(g) = g + scale * n,    n ~ N(0, 1) per number

    The noise has a key of its own, folded from the step's, so that the streams of the model do not shift.

    Args:
        value_and_grad: `(params, batch, key) -> ((loss, aux), grads)`.
        scale: standard deviation of the noise in units of the gradient, at least 0; off at 0.

    Returns:
        A function of the same signature.

    Example:
        >>> vg = jax.value_and_grad(lambda w, batch, key: (w**2, None), has_aux=True)
        >>> (loss, aux), grad = gradient_noise(vg, scale=0.0)(3.0, None, jax.random.key(0))
        >>> float(loss), float(grad)
        (9.0, 6.0)

    References:
        Neelakantan, Vilnis, Le, Sutskever, Kaiser, Kurach, Martens. Adding Gradient Noise Improves Learning for
        Very Deep Networks. 2015. https://arxiv.org/abs/1511.06807
    """

    def noisy(params: Any, batch: Any, key: Array) -> tuple[Any, Any]:
        value, grads = value_and_grad(params, batch, key)
        leaves, treedef = jax.tree.flatten(grads)
        keys = jax.random.split(jax.random.fold_in(key, NOISE), len(leaves))
        noise = [jax.random.normal(k, g.shape, g.dtype) for k, g in zip(keys, leaves, strict=True)]
        return value, treedef.unflatten([g + scale * n for g, n in zip(leaves, noise, strict=True)])

    return noisy


def centralize(value_and_grad: ValueAndGrad) -> ValueAndGrad:
    """Takes from the gradient of every unit's incoming weights their mean; biases and norms are left alone.

        f(g)_o = g_o - mean(g_o)    over all axes of a kernel but the last, its outputs

    `optax.centralize` averages over all axes but the first, which in flax's kernels is not the output.

    Args:
        value_and_grad: `(params, batch, key) -> ((loss, aux), grads)`.

    Returns:
        A function of the same signature.

    Example:
        >>> vg = jax.value_and_grad(lambda w, batch, key: ((batch @ w).sum(), None), has_aux=True)
        >>> _, grad = centralize(vg)(jnp.zeros((2, 1)), jnp.array([[1.0, 3.0]]), jax.random.key(0))
        >>> grad.tolist()
        [[-1.0], [1.0]]

    References:
        Yong, Huang, Hua, Zhang. Gradient Centralization: A New Optimization Technique for Deep Neural Networks.
        2020. https://arxiv.org/abs/2004.01461
    """

    def centred(g: Array) -> Array:
        return g - jnp.mean(g, axis=tuple(range(g.ndim - 1)), keepdims=True) if g.ndim > 1 else g

    def centralized(params: Any, batch: Any, key: Array) -> tuple[Any, Any]:
        value, grads = value_and_grad(params, batch, key)
        return value, jax.tree.map(centred, grads)

    return centralized


AXIS = Axis(
    name="gradient",
    seam="(value_and_grad) -> value_and_grad",
    data=("value_and_grad",),
    identity="none",
    choices={
        "none": Choice(plain_gradient),
        "gradient_noise": Choice(gradient_noise, off={"scale": 0.0}, merges=False),
        "centralize": Choice(centralize),
    },
)
