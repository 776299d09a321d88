"""Axis `stop`: when a cell has trained enough, seen from its validation losses."""

import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from ablate.tricks.axis import Axis, Choice


def never(history: Float[Array, " evaluations"]) -> Bool[Array, ""]:
    """Trains to the last step.

        keep going = True

    Args:
        history: validation loss at each evaluation so far, nan where not yet.

    Returns:
        The boolean scalar True.

    Example:
        >>> bool(never(jnp.array([1.0, jnp.nan])))
        True

    References:
        Prechelt. Early Stopping - But When? 1998. https://doi.org/10.1007/3-540-49430-8_3
    """
    return jnp.ones((), jnp.bool_)


AXIS = Axis(
    name="stop",
    seam="(history) -> keep going?",
    data=("history",),
    identity="never",
    choices={"never": Choice(never)},
)
