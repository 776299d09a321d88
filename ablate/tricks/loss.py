"""Axis `loss`: how far logits are from a target distribution, per example.

Weights of classes are a tuple, one number per class, and shape the program, since their count must fit the logits.
"""

from typing import Annotated

import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Float

from ablate.tricks.axis import Axis, Choice, NonNegative, Positive, Range

__all__ = ["cross_entropy", "focal", "weighted"]

Logits = Float[Array, "*batch classes"]
Losses = Float[Array, "*batch"]
Weights = Annotated[tuple[float | int, ...], Range(0)]


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


def weighted(logits: Logits, probs: Logits, weights: Weights) -> Losses:
    """Cross-entropy in which some classes count for more than others.

        L = -sum_k w_k * y_k * log p_k,    p = softmax(logits)

    A batch's loss is the plain mean of these, so weights of 2 throughout double the gradient. torch's CrossEntropyLoss
    does the same for targets that are distributions; for labels, its 'mean' divides by the sum of the batch's weights.

    Args:
        logits: finite numbers, [..., classes].
        probs: target distributions y, same shape.
        weights: one number w_k per class, at least 0.

    Returns:
        One loss per example, in nats, [...].

    Raises:
        ValueError: for another number of weights than classes.

    Example:
        >>> logits, probs = jnp.zeros((2, 2)), jnp.eye(2)
        >>> [round(loss, 4) for loss in weighted(logits, probs, weights=(1.0, 3.0)).tolist()]
        [0.6931, 2.0794]

    References:
        King, Zeng. Logistic Regression in Rare Events Data. 2001.
        https://doi.org/10.1093/oxfordjournals.pan.a004868
    """
    return optax.softmax_cross_entropy(logits, per_class(weights, logits) * probs)


def focal(
    logits: Logits, probs: Logits, gamma: NonNegative = 2.0, alpha: Positive = 1.0, *, weights: Weights = ()
) -> Losses:
    """Cross-entropy that down-weights what is already right, and classes where weights are given.

        L = -alpha * sum_k w_k * y_k * (1 - p_k)^gamma * log p_k,    p = softmax(logits)

    The authors' alpha of a class k is alpha * w_k here. Theirs is the loss of one sigmoid per class, this one is of one
    softmax over the classes.

    Args:
        logits: finite numbers, [..., classes].
        probs: target distributions y, same shape.
        gamma: how sharply easy examples fade, at least 0; off at 0.
        alpha: weight of all classes alike, above 0; off at 1.
        weights: one number w_k per class, at least 0; empty for 1 each.

    Returns:
        One loss per example, in nats, [...].

    Raises:
        ValueError: for another number of weights than classes.

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
    weighed = per_class(weights, logits) * probs if weights else probs
    return -jnp.sum(weighed * (alpha * miss**gamma * log_p), axis=-1)


def per_class(weights: Weights, logits: Logits) -> Logits:
    """The weights of the classes in the shape of the logits.

    Raises:
        ValueError: their number is another than that of the classes.
    """
    if len(weights) != logits.shape[-1]:
        raise ValueError(f"weights={weights}: {len(weights)} for {logits.shape[-1]} classes; give one for each")
    return jnp.broadcast_to(jnp.asarray(weights, logits.dtype), logits.shape)


AXIS = Axis(
    name="loss",
    of_loss=True,
    tasks=("classification", "multi_task"),
    seam="(logits, probs) -> per-example loss",
    data=("logits", "probs"),
    identity="cross_entropy",
    choices={
        "cross_entropy": Choice(cross_entropy),
        "focal": Choice(focal, off={"gamma": 0.0, "alpha": 1.0}, unless=("weights",)),
        "weighted": Choice(weighted, example={"weights": (1.0, 2.0, 0.5, 1.0, 3.0)}),
    },
)
