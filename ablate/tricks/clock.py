"""What time it is in training: what schedules, layer-wise rates, averages and stopping rules are told."""

from typing import NamedTuple

import jax.numpy as jnp
from jaxtyping import Array, Float

from ablate.tricks.axis import Scalar

__all__ = ["Clock"]

Total = Scalar


class Clock(NamedTuple):
    """The step that is about to be taken (or was just taken, for averages), the end, and what validation said so far.

    Args:
        step: from 0.
        total: steps of the whole training.
        history: the watched validation metric at each evaluation, lower is better, nan where not yet; None outside
            of a study.
    """

    step: Scalar
    total: Total = 1
    history: Float[Array, " evaluations"] | None = None

    def seen(self) -> Float[Array, " evaluations"]:
        """The history, infinite where not yet."""
        if self.history is None:
            return jnp.full((1,), jnp.inf, jnp.float32)
        return jnp.where(jnp.isnan(self.history), jnp.inf, self.history)
