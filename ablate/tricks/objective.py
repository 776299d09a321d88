"""Axis `objective`: what becomes of the mini-batch loss before it is differentiated."""

import jax.numpy as jnp
from jaxtyping import Array, Float

from ablate.tricks.axis import Axis, Choice, NonNegative

__all__ = ["flood", "mean"]


def mean(loss: Float[Array, ""]) -> Float[Array, ""]:
    """The mini-batch mean as it is."""
    return loss


def flood(loss: Float[Array, ""], level: NonNegative) -> Float[Array, ""]:
    """Keeps the training loss from sinking under a level: below it the gradient turns round.

        f(L) = |L - b| + b

    Args:
        loss: mean loss of the mini-batch, at least 0.
        level: the flood level b in units of the loss, at least 0; off at 0.

    Returns:
        The flooded loss, a scalar, at least `level`.

    Example:
        >>> float(flood(jnp.float32(0.25), level=0.5))
        0.75

    References:
        Ishida, Yamane, Sakai, Niu, Sugiyama. Do We Need Zero Training Loss After Achieving Zero Training Error?
        2020. https://arxiv.org/abs/2002.08709
    """
    return jnp.abs(loss - level) + level


AXIS = Axis(
    name="objective",
    seam="(loss) -> scalar",
    data=("loss",),
    identity="mean",
    composes=True,
    choices={
        "mean": Choice(mean),
        "flood": Choice(flood, off={"level": 0.0}, example={"level": 0.5}),
    },
)
