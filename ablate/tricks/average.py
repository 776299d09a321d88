"""Axis `average`: which variables evaluation reads; training never sees them."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, PyTree

from ablate.tricks.axis import Axis, Choice, Scalar


def no_average(averaged: PyTree, variables: PyTree, step: Scalar) -> PyTree:
    """Evaluation reads the variables of the last step.

        a <- w

    Args:
        averaged: not read.
        variables: what training has just reached.
        step: not read.

    Returns:
        The same variables.

    Example:
        >>> no_average({"w": 0.0}, {"w": 1.0}, 0)
        {'w': 1.0}

    References:
        Polyak, Juditsky. Acceleration of Stochastic Approximation by Averaging. 1992.
        https://doi.org/10.1137/0330046
    """
    return variables


def ema(averaged: PyTree, variables: PyTree, step: Scalar, decay: Scalar = 0.999) -> PyTree:
    """Evaluation reads a running mean, which forgets its random start quickly.

        a <- d * a + (1 - d) * w,    d = min(decay, (1 + t) / (10 + t))

    Running statistics are averaged like parameters; whole numbers, such as counters, are taken as they are.

    Args:
        averaged: the mean so far, a pytree of arrays.
        variables: what training has just reached, same structure.
        step: t, from 0.
        decay: share of the old mean that is kept, 0 to 1; off at 0.

    Returns:
        A pytree of the same structure and types.

    Example:
        >>> float(ema(jnp.float32(0.0), jnp.float32(1.0), step=1000, decay=0.75))
        0.25

    References:
        Polyak, Juditsky. Acceleration of Stochastic Approximation by Averaging. 1992.
        https://doi.org/10.1137/0330046
        Tarvainen, Valpola. Mean Teachers Are Better Role Models. 2017. https://arxiv.org/abs/1703.01780
    """
    t = jnp.asarray(step, jnp.float32)
    keep = jnp.minimum(jnp.asarray(decay, jnp.float32), (1.0 + t) / (10.0 + t))

    def blend(a: Array, w: Array) -> Array:
        if not jnp.issubdtype(jnp.result_type(w), jnp.inexact):
            return w
        share = keep.astype(jnp.result_type(w))
        return share * a + (1.0 - share) * w

    return jax.tree.map(blend, averaged, variables)


AXIS = Axis(
    name="average",
    seam="(averaged, variables, step) -> variables that evaluation reads",
    data=("averaged", "variables", "step"),
    identity="none",
    choices={
        "none": Choice(no_average),
        "ema": Choice(ema, off={"decay": 0.0}),
    },
)
