"""Axis `schedule`: factors of the base learning rate as functions of the step.

Steps count from 0 and may be traced. They are computed as float32, exact below 2^24 steps. Every schedule can be
preceded by a linear warm-up and then counts its own steps from the warm-up's end.
"""

import itertools
import math
from collections.abc import Callable

import jax.numpy as jnp
import numpy as np
from jax import lax
from jaxtyping import Array, Float

from ablate.tricks.axis import SUPERVISED, Axis, Choice, Count, Counts, NonNegative, OneOrMore, Positive, Share
from ablate.tricks.clock import Clock

__all__ = ["constant", "cosine", "exponential", "multistep", "plateau", "sgdr", "warmup"]

Factor = Float[Array, ""]


def constant(clock: Clock, warmup: NonNegative = 0.0) -> Factor:
    """The base rate throughout.

        f(t) = 1

    Args:
        clock: the step t, from 0, and the number of steps of the run.
        warmup: steps W of linear warm-up, factor (t+1)/W; off at 0.

    Returns:
        A float32 scalar.

    Example:
        >>> float(constant(Clock(7, 10)))
        1.0

    References:
        Goodfellow, Bengio, Courville. Deep Learning, section 8.3. 2016. https://www.deeplearningbook.org
    """
    return after_warmup(lambda t, rest: jnp.ones_like(t), clock, warmup)


def warmup(clock: Clock, steps: NonNegative = 0.0) -> Factor:
    """Rises in a straight line to the base rate and stays there; composed, it stands in front of any schedule.

        f(t) = min(1, (t + 1) / W)

    Composed by product the other schedule counts from step 0; by its own `warmup` argument, from the warm-up's end.

    Args:
        clock: the step t, from 0, and the number of steps of the run.
        steps: length W of the warm-up in steps, at least 0; off at 0.

    Returns:
        A float32 scalar.

    Example:
        >>> [float(warmup(Clock(t, 10), steps=4)) for t in (0, 1, 3, 9)]
        [0.25, 0.5, 1.0, 1.0]

    References:
        Goyal, Dollár, Girshick, Noordhuis, Wesolowski, Kyrola, Tulloch, Jia, He. Accurate, Large Minibatch SGD:
        Training ImageNet in 1 Hour. 2017. https://arxiv.org/abs/1706.02677
    """
    return constant(clock, warmup=steps)


def exponential(
    clock: Clock, factor: NonNegative, every: Positive, *, staircase: bool = True, warmup: NonNegative = 0.0
) -> Factor:
    """Multiplies the rate by the same number again and again.

        f(t) = factor ^ floor(t / every)        without the floor where staircase is False

    Args:
        clock: the step t, from 0, and the number of steps of the run.
        factor: the multiplier, at least 0; below one the rate falls (.98 per epoch is usual); off at 1.
        every: steps between two multiplications, above 0.
        staircase: stay constant between multiplications, or sink a little every step.
        warmup: steps W of linear warm-up, factor (t+1)/W, then the formula at t - W; off at 0.

    Returns:
        A float32 scalar.

    Example:
        >>> [float(exponential(Clock(t, 30), factor=0.5, every=10)) for t in (0, 9, 10, 29)]
        [1.0, 1.0, 0.5, 0.25]

    References:
        Goodfellow, Bengio, Courville. Deep Learning, section 8.3. 2016. https://www.deeplearningbook.org
        Szegedy, Vanhoucke, Ioffe, Shlens, Wojna. Rethinking the Inception Architecture for Computer Vision. 2015.
        https://arxiv.org/abs/1512.00567
    """

    def decayed(t: Factor, rest: Factor) -> Factor:
        periods = jnp.floor(t / every) if staircase else t / every
        return power(factor, periods)

    return after_warmup(decayed, clock, warmup)


def multistep(clock: Clock, boundaries: Counts, gamma: Share = 0.1, *, warmup: NonNegative = 0.0) -> Factor:
    """Multiplies the rate by the same number at chosen steps.

        f(t) = gamma ^ #{b in boundaries: b <= t}

    Args:
        clock: the step t, from 0, and the number of steps of the run.
        boundaries: steps at which the rate falls, at least 1, increasing.
        gamma: the multiplier, 0 to 1; off at 1.
        warmup: steps W of linear warm-up, factor (t+1)/W, then the formula at t - W; off at 0.

    Returns:
        A float32 scalar.

    Raises:
        ValueError: for boundaries that do not increase.

    Example:
        >>> [float(multistep(Clock(t, 30), boundaries=(10, 20), gamma=0.25)) for t in (9, 10, 20)]
        [1.0, 0.25, 0.0625]

    References:
        He, Zhang, Ren, Sun. Deep Residual Learning for Image Recognition. 2015. https://arxiv.org/abs/1512.03385
    """
    if any(later <= b for b, later in itertools.pairwise(boundaries)):
        raise ValueError(f"boundaries={boundaries} must increase")
    edges = np.asarray(boundaries, np.float32)
    return after_warmup(lambda t, rest: power(gamma, jnp.sum(t >= edges).astype(jnp.float32)), clock, warmup)


def cosine(clock: Clock, min_factor: Share = 0.0, *, warmup: NonNegative = 0.0) -> Factor:
    """Half a cosine from the base rate to the smallest at the end of the run.

        f(t) = (1 - m) / 2 * (cos(pi * t / total) + 1) + m

    Args:
        clock: the step t, from 0, and the number of steps of the run, total; behind the end it stays at m.
        min_factor: the last factor m, 0 to 1; off at 1.
        warmup: steps W of linear warm-up, factor (t+1)/W, then the formula at t - W of total - W; off at 0.

    Returns:
        A float32 scalar.

    Example:
        >>> [round(float(cosine(Clock(t, 10))), 4) for t in (0, 5, 10)]
        [1.0, 0.5, 0.0]

    References:
        Loshchilov, Hutter. SGDR: Stochastic Gradient Descent with Warm Restarts. 2016.
        https://arxiv.org/abs/1608.03983
    """

    def half_wave(t: Factor, rest: Factor) -> Factor:
        return wave(jnp.minimum(t / jnp.maximum(rest, 1.0), 1.0), min_factor)

    return after_warmup(half_wave, clock, warmup)


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


def plateau(
    clock: Clock,
    factor: Share = 0.1,
    patience: OneOrMore = 3.0,
    min_delta: NonNegative = 0.0,
    warmup: NonNegative = 0.0,
) -> Factor:
    """Lowers the rate whenever validation has not improved for some evaluations.

        f(t) = factor ^ n,    n = how often `patience` evaluations went by without v_k < min(v) - min_delta

    After every reduction it waits anew.

    Args:
        clock: the step t, from 0, and the validation history v so far, lower is better.
        factor: of every reduction, 0 to 1; off at 1.
        patience: evaluations without an improvement before one, at least 1.
        min_delta: the least improvement that counts, in units of the watched metric, at least 0.
        warmup: steps W of linear warm-up, factor (t+1)/W; off at 0.

    Returns:
        A float32 scalar.

    Example:
        >>> seen = jnp.array([1.0, 0.5, 0.6, 0.7, jnp.nan])
        >>> float(plateau(Clock(30, 40, seen), factor=0.5, patience=2.0))
        0.5

    References:
        Prechelt. Early Stopping - But When? 1998. https://doi.org/10.1007/3-540-49430-8_3
        He, Zhang, Ren, Sun. Deep Residual Learning for Image Recognition (section 3.4). 2015.
        https://arxiv.org/abs/1512.03385
    """

    def visit(carry: tuple[Factor, Factor, Factor], value: Factor) -> tuple[tuple[Factor, Factor, Factor], None]:
        best, waited, reductions = carry
        improved = value < best - jnp.asarray(min_delta, jnp.float32)
        waited = jnp.where(improved, 0.0, waited + jnp.isfinite(value).astype(jnp.float32))
        reduces = waited >= jnp.asarray(patience, jnp.float32)
        best = jnp.where(improved, value, best)
        return (best, jnp.where(reduces, 0.0, waited), reductions + reduces.astype(jnp.float32)), None

    zero = jnp.zeros((), jnp.float32)
    (_, _, reductions), _ = lax.scan(visit, (zero + jnp.inf, zero, zero), clock.seen())
    return after_warmup(lambda t, rest: power(factor, reductions), clock, warmup)


def within_cycle(t: Factor, cycle: Positive, mult: Count) -> tuple[Factor, Factor]:
    """Steps since the cycle began and its length; t is compared with every border, as a logarithm would miss some."""
    if mult == 1:
        return jnp.mod(t, cycle), jnp.asarray(cycle, jnp.float32)
    lengths = float(mult) ** np.arange(math.ceil(24 / math.log2(mult)) + 1, dtype=np.float32)
    starts = (lengths - 1.0) / (mult - 1.0)
    index = jnp.sum(t >= cycle * starts) - 1
    return t - cycle * jnp.asarray(starts)[index], cycle * jnp.asarray(lengths)[index]


def wave(share: Factor, min_factor: Share) -> Factor:
    """Half a cosine from 1 at share 0 to `min_factor` at share 1."""
    return (1.0 - min_factor) * 0.5 * (jnp.cos(jnp.pi * share) + 1.0) + min_factor


def power(base: NonNegative, exponent: Factor) -> Factor:
    """base ^ exponent as float32; exactly 1 for the base 1."""
    return jnp.power(jnp.asarray(base, jnp.float32), exponent)


def after_warmup(schedule: Callable[[Factor, Factor], Factor], clock: Clock, warmup: NonNegative) -> Factor:
    """The ramp (t+1)/W for the first W steps, then `schedule(t - W, total - W)`."""
    t, length = jnp.asarray(clock.step, jnp.float32), jnp.asarray(warmup, jnp.float32)
    rest = jnp.asarray(clock.total, jnp.float32) - length
    ramp = (t + 1.0) / jnp.maximum(length, 1.0)
    return jnp.where(t < length, jnp.minimum(ramp, 1.0), schedule(jnp.maximum(t - length, 0.0), rest))


OFF = {"warmup": 0.0}

AXIS = Axis(
    name="schedule",
    tasks=(*SUPERVISED, "adversarial"),
    seam="(clock) -> factor of the base learning rate",
    data=("clock",),
    identity="constant",
    composes=True,
    choices={
        "constant": Choice(constant, off=OFF),
        "warmup": Choice(warmup, off={"steps": 0.0}),
        "exponential": Choice(exponential, off=OFF | {"factor": 1.0}, example={"factor": 0.9, "every": 3.0}),
        "multistep": Choice(multistep, off=OFF | {"gamma": 1.0}, example={"boundaries": (2, 5)}),
        "cosine": Choice(cosine, off=OFF | {"min_factor": 1.0}),
        "plateau": Choice(plateau, off={"factor": 1.0, **OFF}),
        "sgdr": Choice(sgdr, off=OFF | {"min_factor": 1.0}, example={"cycle": 4.0}),
    },
)
