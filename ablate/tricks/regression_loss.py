"""Axis `loss` of regression: how an error is weighed, example by example."""

import jax.numpy as jnp
import optax
from jaxtyping import Array, Float

from ablate.tricks.axis import Axis, Choice, Positive

__all__ = ["absolute_error", "smooth_l1", "squared_error"]

Values = Float[Array, "*batch outputs"]
Losses = Float[Array, "*batch"]


def squared_error(outputs: Values, targets: Values) -> Losses:
    """Half the squared error: the mean is its optimum, and one outlier can outweigh all else.

        L = 1/2 * mean_j (y_j - t_j)^2

    Args:
        outputs: predictions y, [..., outputs].
        targets: what they should be, same shape.

    Returns:
        A loss per example, at least 0.

    Example:
        >>> float(squared_error(jnp.array([3.0]), jnp.array([1.0])))
        2.0

    References:
        Goodfellow, Bengio, Courville. Deep Learning, section 5.5. 2016. https://www.deeplearningbook.org
    """
    return jnp.mean(optax.l2_loss(outputs, targets), axis=-1)


def absolute_error(outputs: Values, targets: Values) -> Losses:
    """The absolute error: the median is its optimum, and every error pulls alike.

        L = mean_j |y_j - t_j|

    Args:
        outputs: predictions y, [..., outputs].
        targets: what they should be, same shape.

    Returns:
        A loss per example, at least 0.

    Example:
        >>> float(absolute_error(jnp.array([3.0]), jnp.array([1.0])))
        2.0

    References:
        Huber. Robust Estimation of a Location Parameter. 1964. https://doi.org/10.1214/aoms/1177703732
    """
    return jnp.mean(jnp.abs(outputs - targets), axis=-1)


def smooth_l1(outputs: Values, targets: Values, beta: Positive = 1.0) -> Losses:
    """Squared for small errors, absolute for large ones, so that an outlier's pull is bounded.

        L = mean_j  d^2 / (2 beta)  where d < beta,    d - beta / 2  elsewhere;    d = |y_j - t_j|

    Args:
        outputs: predictions y, [..., outputs].
        targets: what they should be, same shape.
        beta: where the square turns into a line, above 0, in units of the target's standard deviation.

    Returns:
        A loss per example, at least 0.

    Example:
        >>> [float(smooth_l1(jnp.array([d]), jnp.zeros(1))) for d in (0.5, 2.0)]
        [0.125, 1.5]

    References:
        Girshick. Fast R-CNN. 2015. https://arxiv.org/abs/1504.08083
        Huber. Robust Estimation of a Location Parameter. 1964. https://doi.org/10.1214/aoms/1177703732
    """
    return jnp.mean(optax.huber_loss(outputs, targets, delta=beta) / beta, axis=-1)


AXIS = Axis(
    name="loss",
    of_loss=True,
    tasks=("regression",),
    seam="(outputs, targets) -> per-example loss",
    data=("outputs", "targets"),
    default="squared_error",
    choices={
        "squared_error": Choice(squared_error),
        "absolute_error": Choice(absolute_error),
        "smooth_l1": Choice(smooth_l1),
    },
)
