"""Axis `penalty`: what is added to the objective for the parameters or the features themselves.

An L2 penalty and coupled decay of the same weight add the same to the gradient in front of the optimizer, so momentum
and Adam take the same steps with either. They part where something comes between gradient and decay: clipping, flooding
and a gradient that is changed (`centralize`) treat the penalty's share like the rest, and leave coupled decay alone.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PyTree

from ablate.tricks.axis import Axis, Choice, NonNegative
from ablate.tricks.masks import parameter_mask

__all__ = ["l1", "l2", "no_penalty"]


def no_penalty(params: PyTree, features: PyTree, labels: PyTree) -> Float[Array, ""]:
    """Nothing is added."""
    return jnp.zeros((), jnp.float32)


def l1(
    params: PyTree, features: PyTree, labels: PyTree, weight: NonNegative = 1e-5, mask: str = "kernels"
) -> Float[Array, ""]:
    """Pulls every parameter towards 0 with the same force, which empties many of them.

        R = weight * sum |w|

    Args:
        params: pytree of arrays.
        features: not read.
        labels: not read.
        weight: loss per unit of |w|, at least 0; off at 0.
        mask: "kernels" leaves biases and norms out, "all" takes every parameter, "regex:P" those whose path matches P.

    Returns:
        A scalar, at least 0.

    Raises:
        ValueError: for another mask.

    Example:
        >>> float(l1({"kernel": jnp.full((2, 2), -3.0), "bias": jnp.ones(2)}, None, None, weight=0.5))
        6.0

    References:
        Tibshirani. Regression Shrinkage and Selection via the Lasso. 1996. https://www.jstor.org/stable/2346178
    """
    return weight * total(jnp.abs, params, mask)


def l2(
    params: PyTree, features: PyTree, labels: PyTree, weight: NonNegative = 1e-4, mask: str = "kernels"
) -> Float[Array, ""]:
    """Pulls every parameter towards 0 in proportion to its size.

        R = weight / 2 * sum w^2

    Args:
        params: pytree of arrays.
        features: not read.
        labels: not read.
        weight: the gradient is `weight * w`, at least 0; off at 0.
        mask: "kernels" leaves biases and norms out, "all" takes every parameter, "regex:P" those whose path matches P.

    Returns:
        A scalar, at least 0.

    Raises:
        ValueError: for another mask.

    Example:
        >>> float(l2({"kernel": jnp.full((2, 2), -3.0), "bias": jnp.ones(2)}, None, None, weight=0.5))
        9.0

    References:
        Krogh, Hertz. A Simple Weight Decay Can Improve Generalization. 1991.
        https://papers.nips.cc/paper/563-a-simple-weight-decay-can-improve-generalization
    """
    return weight * 0.5 * total(jnp.square, params, mask)


def total(measure: Callable[[Array], Array], params: PyTree, mask: str) -> Float[Array, ""]:
    """Sum of a measure over all parameters under the mask."""
    chosen = parameter_mask(params, mask)
    sums = jax.tree.map(lambda w, m: jnp.sum(measure(w)) if m else jnp.zeros((), jnp.float32), params, chosen)
    return sum(jax.tree.leaves(sums), jnp.zeros((), jnp.float32))


AXIS = Axis(
    name="penalty",
    seam="(params, features, labels) -> scalar",
    data=("params", "features", "labels"),
    identity="none",
    composes=True,
    choices={
        "none": Choice(no_penalty),
        "l1": Choice(l1, off={"weight": 0.0}),
        "l2": Choice(l2, off={"weight": 0.0}),
    },
)
