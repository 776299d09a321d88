"""Axis `weighting`: one loss out of those of several heads.

A choice makes a `Weighting`: what is added up, and whether a number per head is learned with the network for it. Losses
are cross-entropies, and for heads that predict numbers half the squared error in standard deviations of the target:
both are negative log-likelihoods.
"""

from collections.abc import Callable
from typing import NamedTuple

import jax.numpy as jnp
from jaxtyping import Array, Float

from ablate.tricks.axis import Axis, Choice, Scalar

__all__ = ["Weighting", "fixed_weights", "uncertainty_weights"]

PerHead = Float[Array, " heads"]


class Weighting(NamedTuple):
    """How losses of heads become one.

    Args:
        total: (losses [heads], learned numbers [heads]) -> scalar.
        begin: what the learned number of every head starts from; None where nothing is learned (zeros are given).
    """

    total: Callable[[PerHead, PerHead], Float[Array, ""]]
    begin: Scalar | None = None


def fixed_weights(weights: tuple[float | int, ...] = ()) -> Weighting:
    """A weighted sum, with weights that somebody chose.

        L = sum_k w_k * L_k

    Args:
        weights: one per head, in the order of the task's `labels` and `values`; () gives every head 1. They shape the
            program: each tuple compiles one of its own.

    Returns:
        A `Weighting` that learns nothing.

    Raises:
        ValueError: from `total`, where there is another number of heads.

    Example:
        >>> float(fixed_weights((1.0, 0.5)).total(jnp.array([2.0, 4.0]), jnp.zeros(2)))
        4.0

    References:
        Caruana. Multitask Learning. 1997. https://doi.org/10.1023/A:1007379606734
    """

    def total(losses: PerHead, learned: PerHead) -> Float[Array, ""]:
        if weights and len(weights) != len(losses):
            raise ValueError(f"weights={weights} are {len(weights)}, the task has {len(losses)} heads")
        return jnp.sum(losses * jnp.asarray(weights or 1.0, losses.dtype))

    return Weighting(total)


def uncertainty_weights(begin: Scalar = 0.0) -> Weighting:
    """Weights that are learned: a head whose loss stays large is believed to be noisy, and counts less.

        L = sum_k e^-s_k * L_k + s_k / 2,    s_k = log of the variance of head k

    For a constant loss L_k the best variance is 2 * L_k. The total may be negative.

    Args:
        begin: the value that every s_k starts from.

    Returns:
        A `Weighting` that learns s, one number per head.

    Example:
        >>> weighting, losses = uncertainty_weights(), jnp.array([0.5, 0.5])
        >>> float(weighting.total(losses, jnp.zeros(2))) <= float(weighting.total(losses, jnp.ones(2)))
        True

    References:
        Kendall, Gal, Cipolla. Multi-Task Learning Using Uncertainty to Weigh Losses for Scene Geometry and Semantics.
        2017. https://arxiv.org/abs/1705.07115
    """
    return Weighting(lambda losses, learned: jnp.sum(jnp.exp(-learned) * losses + learned / 2), begin)


AXIS = Axis(
    name="weighting",
    of_loss=True,
    tasks=("multi_task",),
    seam="() -> Weighting(total, begin)",
    default="fixed",
    choices={"fixed": Choice(fixed_weights), "uncertainty": Choice(uncertainty_weights)},
)
