"""Axis `place`: whether the norm stands before or behind the activation."""

from collections.abc import Callable

from jaxtyping import Array, Float

from ablate.tricks.axis import Axis, Choice

__all__ = ["after_activation", "before_activation"]

Features = Float[Array, "batch *positions channels"]
Step = Callable[[Features], Features]


def before_activation(norm: Step, activation: Step, x: Features) -> Features:
    """Norm, then activation, as batch norm was proposed.

        f(x) = activation(norm(x))

    Args:
        norm: a function of x.
        activation: a function of x.
        x: what a linear layer gives, [batch, ..., channels].

    Returns:
        An array of the shape of x.

    Example:
        >>> import jax.numpy as jnp
        >>> before_activation(lambda x: x - 1.0, jnp.abs, jnp.array([[0.0]])).tolist()
        [[1.0]]

    References:
        Ioffe, Szegedy. Batch Normalization: Accelerating Deep Network Training by Reducing Internal Covariate
        Shift. 2015. https://arxiv.org/abs/1502.03167
    """
    return activation(norm(x))


def after_activation(norm: Step, activation: Step, x: Features) -> Features:
    """Activation, then norm: the next layer sees numbers of mean 0 and variance 1 instead of a rectified half.

        f(x) = norm(activation(x))

    Without a norm it changes nothing. The last norm of a residual branch stays before the sum.

    Args:
        norm: a function of x.
        activation: a function of x.
        x: what a linear layer gives, [batch, ..., channels].

    Returns:
        An array of the shape of x.

    Example:
        >>> import jax.numpy as jnp
        >>> after_activation(lambda x: x - 1.0, jnp.abs, jnp.array([[0.0]])).tolist()
        [[-1.0]]

    References:
        Mishkin, Sergievskiy, Matas. Systematic Evaluation of CNN Advances on the ImageNet. 2016.
        https://arxiv.org/abs/1606.02228
    """
    return norm(activation(x))


AXIS = Axis(
    name="place",
    bare=False,
    seam="(norm, activation, x) -> x",
    data=("norm", "activation", "x"),
    identity="before_activation",
    choices={
        "before_activation": Choice(before_activation),
        "after_activation": Choice(after_activation),
    },
)
