"""Axis `loss`: how far logits are from a target distribution, per example."""

import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Float

from ablate.tricks.axis import Axis, Choice, NonNegative, Positive

__all__ = ["cross_entropy", "focal"]

Logits = Float[Array, "*batch classes"]
Losses = Float[Array, "*batch"]


def cross_entropy(logits: Logits, probs: Logits) -> Losses:
    """Softmax cross-entropy.

        L = -sum_k y_k * log p_k,    p = softmax(logits)

    Args:
        logits: finite numbers, [..., classes].
        probs: target distributions y, same shape.

    Returns:
        One loss per example, in nats, [...].

    Example:
        >>> round(float(cross_entropy(jnp.zeros(2), jnp.array([0.0, 1.0]))), 4)
        0.6931

    References:
        Goodfellow, Bengio, Courville. Deep Learning, section 6.2. 2016. https://www.deeplearningbook.org
    """
    return optax.softmax_cross_entropy(logits, probs)


def focal(logits: Logits, probs: Logits, gamma: NonNegative = 2.0, alpha: Positive = 1.0) -> Losses:
    """Cross-entropy that looks away from what is already right.

        L = -alpha * sum_k y_k * (1 - p_k)^gamma * log p_k,    p = softmax(logits)

    Args:
        logits: finite numbers, [..., classes].
        probs: target distributions y, same shape.
        gamma: how sharply easy examples fade, at least 0; off at 0.
        alpha: weight of every class, above 0; off at 1.

    Returns:
        One loss per example, in nats, [...].

    Example:
        >>> round(float(focal(jnp.zeros(2), jnp.array([0.0, 1.0]), gamma=2.0)), 4)
        0.1733

    References:
        Lin, Goyal, Girshick, He, Dollár. Focal Loss for Dense Object Detection. 2017.
        https://arxiv.org/abs/1708.02002
    """
    log_p = jax.nn.log_softmax(logits, axis=-1)
    # The derivative of x^gamma at 0 is infinite for gamma < 1; under the floor it is taken as 0.
    miss = jnp.maximum(-jnp.expm1(log_p), jnp.finfo(log_p.dtype).eps)
    return -jnp.sum(probs * (alpha * miss**gamma * log_p), axis=-1)


AXIS = Axis(
    name="loss",
    tasks=("classification", "multi_task"),
    seam="(logits, probs) -> per-example loss",
    data=("logits", "probs"),
    identity="cross_entropy",
    choices={
        "cross_entropy": Choice(cross_entropy),
        "focal": Choice(focal, off={"gamma": 0.0, "alpha": 1.0}),
    },
)
