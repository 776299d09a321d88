"""Axis `gradient`: how a gradient is obtained, as a wrapper of the function that computes it.

The wrapped function and the wrapper are called as `(params, batch, key) -> ((loss, aux), grads)`. What is random in the
loss, such as dropout, follows from the key.
"""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array

from ablate.tricks.axis import Axis, Choice, Count, NonNegative

__all__ = ["accumulate", "centralize", "gradient_noise", "plain_gradient", "sam"]

ValueAndGrad = Callable[..., tuple[Any, Any]]

NOISE = 0x6E6F6973


def plain_gradient(value_and_grad: ValueAndGrad) -> ValueAndGrad:
    """The gradient as it is."""
    return value_and_grad


def accumulate(value_and_grad: ValueAndGrad, steps: Count = 4) -> ValueAndGrad:
    """The gradient of a batch as the mean of the gradients of its parts, which need a part of the memory.

        g = 1/k * sum_j g(batch_j),    batch_1, ..., batch_k = batch

    Without batch norm this is the gradient of the whole batch, up to rounding; with it every part is normalised by
    itself. What acts on the mean loss of a batch, such as flooding, acts on every part. The config's batch size is that
    of the whole batch; the update that follows is one (Caffe's iter_size).

    Args:
        value_and_grad: `(params, batch, key) -> ((loss, aux), grads)`.
        steps: parts k, at least 1, which must divide the batch; at 1 nothing changes.

    Returns:
        A function of the same signature, whose loss and aux are means too.

    Raises:
        ValueError: for a batch that is no multiple of the parts.

    Example:
        >>> vg = jax.value_and_grad(lambda w, batch, key: (jnp.mean(w * batch), None), has_aux=True)
        >>> (loss, _), grad = accumulate(vg, steps=2)(2.0, jnp.array([1.0, 2.0, 3.0, 4.0]), jax.random.key(0))
        >>> float(loss), float(grad)
        (5.0, 2.5)

    References:
        Jia, Shelhamer, Donahue, Karayev, Long, Girshick, Guadarrama, Darrell. Caffe: Convolutional Architecture for
        Fast Feature Embedding. 2014. https://arxiv.org/abs/1408.5093
    """

    def accumulated(params: Any, batch: Any, key: Array) -> tuple[Any, Any]:
        size = jax.tree.leaves(batch)[0].shape[0]
        if size % steps:
            raise ValueError(f"accumulate: steps={steps} does not divide the batch of {size}")
        results: list[Any] = []
        for k in range(steps):
            # One part behind the other, or the compiler might hold the activations of all of them at once.
            params, results = jax.lax.optimization_barrier((params, results))
            part = jax.tree.map(lambda leaf, k=k: leaf[k::steps], batch)
            results = [*results, value_and_grad(params, part, jax.random.fold_in(key, k))]
        return jax.tree.map(_mean, *results)

    return value_and_grad if steps == 1 else accumulated


def _mean(*values: Array) -> Array:
    """Of numbers; what is no float, such as a counter, is the same in every part."""
    if not jnp.issubdtype(jnp.result_type(values[0]), jnp.inexact):
        return values[-1]
    return sum(values[1:], values[0]) / len(values)


def sam(value_and_grad: ValueAndGrad, rho: NonNegative = 0.05) -> ValueAndGrad:
    """The gradient at the worst place nearby, so that training ends where the loss is flat: two gradients per step.

        g = grad L(w + rho * grad L(w) / |grad L(w)|)

    Loss and running statistics are those of the first pass; both see the same batch, augmentation and dropout.

    Args:
        value_and_grad: `(params, batch, key) -> ((loss, aux), grads)`.
        rho: how far the place is, at least 0, in units of the parameters' norm; off at 0.

    Returns:
        A function of the same signature.

    Example:
        >>> vg = jax.value_and_grad(lambda w, batch, key: (w**2, None), has_aux=True)
        >>> (loss, _), grad = sam(vg, rho=0.5)(3.0, None, jax.random.key(0))
        >>> float(loss), float(grad)
        (9.0, 7.0)

    References:
        Foret, Kleiner, Mobahi, Neyshabur. Sharpness-Aware Minimization for Efficiently Improving Generalization. 2020.
        https://arxiv.org/abs/2010.01412
    """

    def sharpness_aware(params: Any, batch: Any, key: Array) -> tuple[Any, Any]:
        value, grads = value_and_grad(params, batch, key)
        norm = optax.tree.norm(grads)
        step = rho / jnp.where(norm > 0, norm, 1.0)
        _, sharp = value_and_grad(jax.tree.map(lambda w, g: w + step * g, params, grads), batch, key)
        return value, sharp

    return sharpness_aware


def gradient_noise(value_and_grad: ValueAndGrad, scale: NonNegative = 0.01) -> ValueAndGrad:
    """Adds Gaussian noise to every gradient; its spread stays the same throughout training.

        f(g) = g + scale * n,    n ~ N(0, 1) per number

    The noise has a key of its own, folded from the given one, so that the streams of the model do not shift.

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
    composes=True,
    choices={
        "none": Choice(plain_gradient),
        "accumulate": Choice(accumulate),
        "sam": Choice(sam, off={"rho": 0.0}, merges=False),
        "gradient_noise": Choice(gradient_noise, off={"scale": 0.0}, merges=False),
        "centralize": Choice(centralize),
    },
)
