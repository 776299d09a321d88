"""Schedules that rise and fall: `sgdr` restarts at the base rate, `triangular` and `one_cycle` climb to it.

The base rate is the highest rate of all three.
"""

import math

import jax.numpy as jnp
import numpy as np

from ablate.tricks.axis import Count, NonNegative, OneOrMore, Positive, Share
from ablate.tricks.clock import Clock
from ablate.tricks.factors import Factor, after_warmup, line, to_power, wave


def sgdr(
    clock: Clock,
    cycle: OneOrMore,
    min_factor: Share = 0.0,
    *,
    mult: Count = 1,
    warmup: NonNegative = 0.0,
) -> Factor:
    """Half a cosine again and again, each time back to the base rate: a warm restart out of the minimum it is in.

        f(t) = (1 - m) / 2 * (cos(pi * s / T_i) + 1) + m,    s = steps since cycle i began,    T_i = cycle * mult^i

    For mult 1, s is mod(t, cycle). The factor is 1 at every first step of a cycle, and m is never quite reached.

    Args:
        clock: the step t, from 0, and the number of steps of the run; not read but for the warm-up.
        cycle: length of the first cycle in steps, at least 1.
        min_factor: the factor m towards which each cycle sinks, 0 to 1; off at 1.
        mult: how many times longer each cycle is than the one before, at least 1.
        warmup: steps W of linear warm-up, factor (t+1)/W, then the formula at t - W; off at 0.

    Returns:
        A float32 scalar.

    Raises:
        ValueError: for mult below 1.

    Example:
        >>> [round(float(sgdr(Clock(t, 60), cycle=10, mult=2)), 4) for t in (0, 5, 10, 20, 30)]
        [1.0, 0.5, 1.0, 0.5, 1.0]

    References:
        Loshchilov, Hutter. SGDR: Stochastic Gradient Descent with Warm Restarts. 2016.
        https://arxiv.org/abs/1608.03983
    """
    if mult < 1:
        raise ValueError(f"mult={mult} must be at least 1")

    def restarted(t: Factor, rest: Factor) -> Factor:
        elapsed, length = within_cycle(t, cycle, mult)
        return wave(elapsed / length, min_factor)

    return after_warmup(restarted, clock, warmup)


def triangular(
    clock: Clock,
    cycle: Positive,
    min_factor: Share = 0.25,
    swing_factor: Share = 1.0,
    *,
    warmup: NonNegative = 0.0,
) -> Factor:
    """Climbs in a straight line to the base rate and back down, again and again.

        f(t) = m + (1 - m) * q^i * (1 - |2 * s / cycle - 1|),    s = mod(t, cycle),    i = floor(t / cycle)

    The author's stepsize is half a cycle, and his base rate is the lowest, m times ours. His `triangular` is q = 1,
    his `triangular2`, which halves the swing from cycle to cycle, is q = 1/2.

    Args:
        clock: the step t, from 0, and the number of steps of the run; not read but for the warm-up.
        cycle: length of a cycle in steps, up and down, above 0.
        min_factor: the factor m at which every cycle begins and ends, 0 to 1; the author advises a third or a quarter;
            off at 1.
        swing_factor: q, what each cycle's swing above m is multiplied by for the next one, 0 to 1.
        warmup: steps W of linear warm-up, factor (t+1)/W, then the formula at t - W; off at 0.

    Returns:
        A float32 scalar.

    Example:
        >>> [float(triangular(Clock(t, 16), cycle=8, min_factor=0.5, swing_factor=0.5)) for t in (0, 2, 4, 8, 12)]
        [0.5, 0.75, 1.0, 0.5, 0.75]

    References:
        Smith. Cyclical Learning Rates for Training Neural Networks. 2015. https://arxiv.org/abs/1506.01186
    """

    def triangle(t: Factor, rest: Factor) -> Factor:
        elapsed, length = within_cycle(t, cycle, 1)
        swing = to_power(swing_factor, jnp.floor(t / length))  # a quotient rounded at a border is harmless: height 0
        height = 1.0 - jnp.abs(2.0 * elapsed / length - 1.0)
        return min_factor + (1.0 - min_factor) * swing * height

    return after_warmup(triangle, clock, warmup)


def one_cycle(
    clock: Clock,
    start_factor: Share = 0.04,
    peak: Share = 0.3,
    end_factor: Share = 4e-6,
    *,
    shape: str = "cosine",
    warmup: NonNegative = 0.0,
) -> Factor:
    """One climb to the base rate, then a descent far below where it began.

        f(t) = c(1 - t / P, a)                      for t < P = peak * total
        f(t) = c((t - P) / (total - P), e)          from there on

        c(x, m) = (1 - m) / 2 * (cos(pi * x) + 1) + m  for "cosine",    1 - (1 - m) * x  for "linear"

    Two phases, as in torch's OneCycleLR and optax's cosine_onecycle_schedule; the article has two lines of the same
    length and a short third one that falls further. optax rounds P down to a whole step. torch counts from P - 1 to
    total - 1, so that its last step has the last rate: `OneCycleLR` with total + 1 steps and a `pct_start` of
    (P + 1) / (total + 1) is this one, with a = 1 / div_factor and e = a / final_div_factor; the defaults are theirs.

    Args:
        clock: the step t, from 0, and the number of steps of the run, total; behind the end it stays at e.
        start_factor: the first factor a, 0 to 1; off at 1.
        peak: share of the run at which the base rate is reached, 0 to 1.
        end_factor: the last factor e, 0 to 1; off at 1.
        shape: "cosine" or "linear", of both phases.
        warmup: steps W of linear warm-up, factor (t+1)/W, then the formula at t - W of total - W; off at 0.

    Returns:
        A float32 scalar.

    Raises:
        ValueError: for another shape.

    Example:
        >>> steps = [Clock(t, 20) for t in (0, 2, 4, 12, 20)]
        >>> [round(float(one_cycle(at, 0.5, 0.2, 0.0, shape="linear")), 4) for at in steps]
        [0.5, 0.75, 1.0, 0.5, 0.0]

    References:
        Smith, Topin. Super-Convergence: Very Fast Training of Neural Networks Using Large Learning Rates. 2017.
        https://arxiv.org/abs/1708.07120
    """
    if shape not in CURVES:
        raise ValueError(f"shape={shape!r} is not one of {', '.join(map(repr, CURVES))}")
    curve = CURVES[shape]

    def up_and_down(t: Factor, rest: Factor) -> Factor:
        top = peak * rest
        climbed, fallen = share_of(t, top), share_of(t - top, rest - top)
        return jnp.where(t < top, curve(1.0 - climbed, start_factor), curve(fallen, end_factor))

    return after_warmup(up_and_down, clock, warmup)


CURVES = {"cosine": wave, "linear": line}


def share_of(t: Factor, length: Factor) -> Factor:
    """The share of a phase that is over, 0 to 1; a phase without length is over once it has begun."""
    return jnp.clip(t / jnp.maximum(length, jnp.finfo(jnp.float32).tiny), 0.0, 1.0)


def within_cycle(t: Factor, cycle: Positive, mult: Count) -> tuple[Factor, Factor]:
    """Steps since the cycle began and its length; t is compared with every border, as a logarithm would miss some."""
    if mult == 1:
        return jnp.mod(t, cycle), jnp.asarray(cycle, jnp.float32)
    lengths = float(mult) ** np.arange(math.ceil(24 / math.log2(mult)) + 1, dtype=np.float32)
    starts = (lengths - 1.0) / (mult - 1.0)
    index = jnp.sum(t >= cycle * starts) - 1
    return t - cycle * jnp.asarray(starts)[index], cycle * jnp.asarray(lengths)[index]
