"""Axis `target`: what the loss is told to aim at, as a distribution over the classes."""

import optax
from jaxtyping import Array, Float

from ablate.tricks.axis import Axis, Choice, Share

__all__ = ["keep_target", "smooth_labels"]

Probs = Float[Array, "*batch classes"]


def keep_target(probs: Probs) -> Probs:
    """The labels as they are."""
    return probs


def smooth_labels(probs: Probs, alpha: Share = 0.1) -> Probs:
    """Gives a share of the target to all classes alike, so that no logit has to grow without end.

        f(p) = (1 - alpha) * p + alpha / K

    Args:
        probs: distributions over the K classes, rows that sum to 1.
        alpha: the share, 0 to 1; off at 0.

    Returns:
        Distributions of the same shape.

    Example:
        >>> import jax.numpy as jnp
        >>> smooth_labels(jnp.array([0.0, 1.0]), alpha=0.5).tolist()
        [0.25, 0.75]

    References:
        Szegedy, Vanhoucke, Ioffe, Shlens, Wojna. Rethinking the Inception Architecture for Computer Vision. 2015.
        https://arxiv.org/abs/1512.00567
        Müller, Kornblith, Hinton. When Does Label Smoothing Help? 2019. https://arxiv.org/abs/1906.02629
    """
    return optax.smooth_labels(probs, alpha)


AXIS = Axis(
    name="target",
    of_loss=True,
    tasks=("classification", "multi_task"),
    seam="(probs) -> probs",
    data=("probs",),
    identity="none",
    choices={
        "none": Choice(keep_target),
        "smooth_labels": Choice(smooth_labels, off={"alpha": 0.0}),
    },
)
