"""Axis `stop`: when a cell has trained enough, and which of its variables were the best, seen from validation."""

from typing import NamedTuple

import jax.numpy as jnp
from jaxtyping import Array, Bool

from ablate.tricks.axis import Axis, Choice, NonNegative, OneOrMore
from ablate.tricks.clock import Clock

__all__ = ["Decision", "early_stopping", "never"]


class Decision(NamedTuple):
    """What an evaluation leads to.

    Args:
        go_on: whether training goes on.
        best: whether the variables of this evaluation are the best so far, which the test split will be read with;
            None where the last ones are taken.
    """

    go_on: Bool[Array, ""]
    best: Bool[Array, ""] | None = None


def never(clock: Clock) -> Decision:
    """Trains to the last step."""
    return Decision(jnp.ones((), jnp.bool_))


def early_stopping(clock: Clock, patience: OneOrMore = 5.0, min_delta: NonNegative = 0.0) -> Decision:
    """Stops when validation has not improved for some evaluations, and goes back to the best variables.

        stop where  k - argmin_j v_j >= patience,    an improvement being v_k < min(v) - min_delta

    Args:
        clock: the validation history v of the metric that the task watches (of classification the loss), lower is
            better.
        patience: evaluations without an improvement, at least 1; inf only keeps the best variables.
        min_delta: the least improvement that counts, in units of the watched metric, at least 0.

    Returns:
        The decision.

    Example:
        >>> seen = jnp.array([1.0, 0.5, 0.6, 0.7, jnp.nan])
        >>> bool(early_stopping(Clock(3, 4, seen), patience=2.0).go_on)
        False

    References:
        Prechelt. Early Stopping - But When? 1998. https://doi.org/10.1007/3-540-49430-8_3
    """
    values = clock.seen()
    best, since = improvements(values, min_delta)
    last = jnp.sum(jnp.isfinite(values)) - 1
    return Decision(since < jnp.asarray(patience, jnp.float32), best & (last >= 0))


def improvements(values: Array, min_delta: NonNegative) -> tuple[Array, Array]:
    """Whether the last known value improved on all before, and how many evaluations ago the last improvement was.

    Args:
        values: finite as far as is known, infinite behind, [evaluations].
        min_delta: the least improvement that counts.

    Returns:
        A boolean and a float32 scalar.
    """
    known = jnp.isfinite(values)
    places = jnp.arange(values.shape[0])
    before = jnp.concatenate([jnp.full((1,), jnp.inf), jnp.minimum.accumulate(values)[:-1]])
    improved = known & (values < before - jnp.asarray(min_delta, jnp.float32))
    last = jnp.max(jnp.where(known, places, -1))
    latest = jnp.max(jnp.where(improved, places, -1))
    return (latest == last) & (last >= 0), (last - latest).astype(jnp.float32)


AXIS = Axis(
    name="stop",
    tasks=(),  # training itself reads it, whatever the task
    seam="(clock) -> Decision(go_on, best)",
    data=("clock",),
    identity="never",
    choices={"never": Choice(never), "early_stopping": Choice(early_stopping)},
)
