"""Axis `decay`: weights shrink by themselves, before the optimizer (coupled) or behind it (decoupled)."""

import functools
from typing import Annotated

import optax

from ablate.tricks.axis import SUPERVISED, Axis, Choice, NonNegative, Range, Scalar
from ablate.tricks.masks import parameter_mask

__all__ = ["coupled", "decoupled", "no_decay"]

Rate = Annotated[Scalar | optax.Schedule, Range(0, above=True)]


def no_decay(optimizer: optax.GradientTransformation, learning_rate: Rate) -> optax.GradientTransformation:
    """The optimizer as it is."""
    return optimizer


def coupled(
    optimizer: optax.GradientTransformation, learning_rate: Rate, weight: NonNegative = 1e-4, mask: str = "kernels"
) -> optax.GradientTransformation:
    """Adds a share of the weights to the gradient, so that the optimizer's momentum and scaling act on it too.

        u = optimizer(g + weight * w)

    Args:
        optimizer: any optax transform.
        learning_rate: not read.
        weight: the share, at least 0; off at 0.
        mask: "kernels" leaves biases and norms out, "all" takes every parameter, "regex:P" those whose path matches P.

    Returns:
        An optax transform that needs the parameters.

    Raises:
        ValueError: for another mask, when the transform is initialised.

    Example:
        >>> import jax.numpy as jnp
        >>> optimizer, w = coupled(optax.sgd(0.5), 0.5, weight=0.5), jnp.ones((1, 1))
        >>> optimizer.update(jnp.zeros((1, 1)), optimizer.init(w), w)[0].tolist()
        [[-0.25]]

    References:
        Krogh, Hertz. A Simple Weight Decay Can Improve Generalization. 1991.
        https://papers.nips.cc/paper/563-a-simple-weight-decay-can-improve-generalization
    """
    return optax.chain(add_weights(weight, mask), optimizer)


def decoupled(
    optimizer: optax.GradientTransformation, learning_rate: Rate, weight: NonNegative = 1e-4, mask: str = "kernels"
) -> optax.GradientTransformation:
    """Takes a share of the weights off behind the optimizer, whose scaling does not see it.

        u = optimizer(g) - learning_rate * weight * w

    Args:
        optimizer: any optax transform.
        learning_rate: the rate of this step, above 0, or an optax schedule.
        weight: the share per unit of the learning rate, at least 0; off at 0.
        mask: "kernels" leaves biases and norms out, "all" takes every parameter, "regex:P" those whose path matches P.

    Returns:
        An optax transform that needs the parameters.

    Raises:
        ValueError: for another mask, when the transform is initialised.

    Example:
        >>> import jax.numpy as jnp
        >>> optimizer, w = decoupled(optax.sgd(0.5), 0.5, weight=0.5), jnp.ones((1, 1))
        >>> optimizer.update(jnp.zeros((1, 1)), optimizer.init(w), w)[0].tolist()
        [[-0.25]]

    References:
        Loshchilov, Hutter. Decoupled Weight Decay Regularization. 2017. https://arxiv.org/abs/1711.05101
    """
    if callable(learning_rate):
        return optax.chain(optimizer, add_weights(lambda count: -weight * learning_rate(count), mask))
    return optax.chain(optimizer, add_weights(-weight * learning_rate, mask))


def add_weights(share: Rate, mask: str) -> optax.GradientTransformation:
    """optax's decay under one of our masks."""
    return optax.add_decayed_weights(share, mask=functools.partial(parameter_mask, mask=mask))


AXIS = Axis(
    name="decay",
    bare=False,
    tasks=(*SUPERVISED, "adversarial"),
    seam="(optimizer, learning_rate) -> optax transform",
    data=("optimizer", "learning_rate"),
    identity="none",
    composes=True,
    choices={
        "none": Choice(no_decay),
        "coupled": Choice(coupled, off={"weight": 0.0}),
        "decoupled": Choice(decoupled, off={"weight": 0.0}),
    },
)
