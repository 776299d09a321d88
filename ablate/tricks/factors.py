"""What the files of axis `schedule` share: the kind of number that a schedule gives, its warm-up, and curves.

A factor multiplies the base learning rate. All is computed in float32, exact below 2^24 steps.
"""

from collections.abc import Callable

import jax.numpy as jnp
from jaxtyping import Array, Float

from ablate.tricks.axis import NonNegative, Share
from ablate.tricks.clock import Clock

Factor = Float[Array, ""]


def elapsed_share(t: Factor, rest: Factor) -> Factor:
    """The share of the steps that lie behind, 0 to 1; 1 behind the end, and 0 where no steps are left."""
    return jnp.minimum(t / jnp.maximum(rest, 1.0), 1.0)


def line(share: Factor, end: Share) -> Factor:
    """A straight line from 1 at share 0 to `end` at share 1; exactly 1 for the end 1."""
    return 1.0 - (1.0 - end) * share


def wave(share: Factor, end: Share) -> Factor:
    """Half a cosine from 1 at share 0 to `end` at share 1; exactly 1 for the end 1."""
    return (1.0 - end) * 0.5 * (jnp.cos(jnp.pi * share) + 1.0) + end


def to_power(base: NonNegative, exponent: Factor) -> Factor:
    """base ^ exponent as float32; exactly 1 for the base 1."""
    return jnp.power(jnp.asarray(base, jnp.float32), exponent)


def after_warmup(schedule: Callable[[Factor, Factor], Factor], clock: Clock, warmup: NonNegative) -> Factor:
    """The ramp (t+1)/W for the first W steps, then `schedule(t - W, total - W)`."""
    t, length = jnp.asarray(clock.step, jnp.float32), jnp.asarray(warmup, jnp.float32)
    rest = jnp.asarray(clock.total, jnp.float32) - length
    ramp = (t + 1.0) / jnp.maximum(length, 1.0)
    return jnp.where(t < length, jnp.minimum(ramp, 1.0), schedule(jnp.maximum(t - length, 0.0), rest))
