"""Axis `class_weight`: how much a training example counts, by its class; it stands in front of any loss.

A weight multiplies the target of its class, so that a loss linear in targets, as all of axis `loss` are, is multiplied
by it: L = -sum_k w_k y_k log p_k for cross-entropy. Evaluation counts every example alike.
"""

import jax.numpy as jnp
from jaxtyping import Array, Float

from ablate.tricks.axis import Axis, BelowOne, Choice

__all__ = ["class_balanced", "equal_weights"]

Counts = Float[Array, " classes"]


def equal_weights(counts: Counts) -> Counts:
    """All classes count alike."""
    return jnp.ones_like(counts)


def class_balanced(counts: Counts, beta: BelowOne = 0.999) -> Counts:
    """Weights rare classes by the inverse of their effective number of examples, which grows ever more slowly.

        w_k = c * (1 - beta) / (1 - beta^n_k),    c such that the mean over classes is 1

    Towards beta = 1 it becomes 1/n_k, the inverse frequency; a class without examples weighs as one with one.

    Args:
        counts: training examples n_k of every class, [classes].
        beta: how much one more example still adds, at least 0 and below 1; off at 0. The paper tries .9 to .9999.

    Returns:
        Weights of mean 1, [classes].

    Example:
        >>> class_balanced(jnp.array([1.0, 1000.0]), beta=0.999).round(2).tolist()
        [2.0, 0.0]

    References:
        Cui, Jia, Lin, Song, Belongie. Class-Balanced Loss Based on Effective Number of Samples. 2019.
        https://arxiv.org/abs/1901.05555
    """
    power = jnp.asarray(beta, counts.dtype) ** jnp.maximum(counts, 1.0)
    weights = (1.0 - beta) / (1.0 - power)
    return weights / jnp.mean(weights)


AXIS = Axis(
    name="class_weight",
    of_loss=True,
    tasks=("classification",),
    seam="(counts) -> weight of every class",
    data=("counts",),
    identity="none",
    choices={
        "none": Choice(equal_weights),
        "class_balanced": Choice(class_balanced, off={"beta": 0.0}),
    },
)
