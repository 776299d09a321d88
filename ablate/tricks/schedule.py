"""Axis `schedule`: factors of the base learning rate as functions of the step.

Steps count from 0 and may be traced. They are computed as float32, exact below 2^24 steps. Every schedule can be
preceded by a linear warm-up and then counts its own steps from the warm-up's end. Those that rise again stand in
`schedule_cycles`.
"""

import itertools

import jax.numpy as jnp
import numpy as np
from jax import lax

from ablate.tricks.axis import SUPERVISED, Axis, Choice, Counts, NonNegative, OneOrMore, Positive, Share
from ablate.tricks.clock import Clock
from ablate.tricks.factors import Factor, after_warmup, elapsed_share, line, to_power, wave
from ablate.tricks.schedule_cycles import one_cycle, sgdr, triangular

__all__ = [
    "constant",
    "cosine",
    "exponential",
    "inverse_sqrt",
    "linear",
    "multistep",
    "one_cycle",
    "plateau",
    "polynomial",
    "sgdr",
    "triangular",
    "warmup",
]


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
        return to_power(factor, periods)

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
    return after_warmup(lambda t, rest: to_power(gamma, jnp.sum(t >= edges).astype(jnp.float32)), clock, warmup)


def linear(clock: Clock, end_factor: Share = 0.0, *, warmup: NonNegative = 0.0) -> Factor:
    """A straight line from the base rate to the last at the end of the run.

        f(t) = 1 - (1 - e) * t / total

    Args:
        clock: the step t, from 0, and the number of steps of the run, total; behind the end it stays at e.
        end_factor: the last factor e, 0 to 1; off at 1.
        warmup: steps W of linear warm-up, factor (t+1)/W, then the formula at t - W of total - W; off at 0.

    Returns:
        A float32 scalar.

    Example:
        >>> [float(linear(Clock(t, 10), end_factor=0.5)) for t in (0, 5, 10)]
        [1.0, 0.75, 0.5]

    References:
        Goodfellow, Bengio, Courville. Deep Learning, section 8.3. 2016. https://www.deeplearningbook.org
    """
    return after_warmup(lambda t, rest: line(elapsed_share(t, rest), end_factor), clock, warmup)


def polynomial(clock: Clock, power: Positive = 0.9, end_factor: Share = 0.0, *, warmup: NonNegative = 0.0) -> Factor:
    """A power of the share of the run that is left; `linear` at power 1.

        f(t) = (1 - e) * (1 - t / total)^power + e

    Args:
        clock: the step t, from 0, and the number of steps of the run, total; behind the end it stays at e.
        power: above 0; a small one lets the rate fall late, a large one early.
        end_factor: the last factor e, 0 to 1; off at 1.
        warmup: steps W of linear warm-up, factor (t+1)/W, then the formula at t - W of total - W; off at 0.

    Returns:
        A float32 scalar.

    Example:
        >>> [float(polynomial(Clock(t, 10), power=2.0)) for t in (0, 5, 10)]
        [1.0, 0.25, 0.0]

    References:
        Chen, Papandreou, Kokkinos, Murphy, Yuille. DeepLab: Semantic Image Segmentation with Deep Convolutional Nets,
        Atrous Convolution, and Fully Connected CRFs (power 0.9). 2016. https://arxiv.org/abs/1606.00915
    """

    def fallen(t: Factor, rest: Factor) -> Factor:
        left = 1.0 - elapsed_share(t, rest)
        return (1.0 - end_factor) * jnp.power(left, jnp.asarray(power, jnp.float32)) + end_factor

    return after_warmup(fallen, clock, warmup)


def inverse_sqrt(clock: Clock, timescale: Positive, *, warmup: NonNegative = 0.0) -> Factor:
    """Falls with the root of the steps, slower and slower, whatever the length of the run.

        f(t) = 1 / sqrt(1 + t / k)

    With a warm-up of W = k steps it is the transformer's: t / W, then sqrt(W / t), at a base rate of the authors' peak
    (width * W)^-1/2. They count steps from 1, so behind the warm-up theirs is one step ahead. T5's differs: it holds
    the rate for the first k steps and then has sqrt(k / t).

    Args:
        clock: the step t, from 0; the number of steps of the run is not read.
        timescale: steps k, above 0, after three of which the rate has halved; off at inf.
        warmup: steps W of linear warm-up, factor (t+1)/W, then the formula at t - W; off at 0.

    Returns:
        A float32 scalar.

    Example:
        >>> [float(inverse_sqrt(Clock(t, 1600), timescale=100.0)) for t in (0, 300, 1500)]
        [1.0, 0.5, 0.25]

    References:
        Vaswani, Shazeer, Parmar, Uszkoreit, Jones, Gomez, Kaiser, Polosukhin. Attention Is All You Need (section 5.3).
        2017. https://arxiv.org/abs/1706.03762
        Raffel, Shazeer, Roberts, Lee, Narang, Matena, Zhou, Li, Liu. Exploring the Limits of Transfer Learning with a
        Unified Text-to-Text Transformer (T5). 2019. https://arxiv.org/abs/1910.10683
    """
    return after_warmup(lambda t, rest: 1.0 / jnp.sqrt(1.0 + t / timescale), clock, warmup)


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

    return after_warmup(lambda t, rest: wave(elapsed_share(t, rest), min_factor), clock, warmup)


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
    return after_warmup(lambda t, rest: to_power(factor, reductions), clock, warmup)


OFF = {"warmup": 0.0}

AXIS = Axis(
    name="schedule",
    bare=False,
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
        "linear": Choice(linear, off=OFF | {"end_factor": 1.0}),
        "polynomial": Choice(polynomial, off=OFF | {"end_factor": 1.0}),
        "inverse_sqrt": Choice(inverse_sqrt, off=OFF | {"timescale": jnp.inf}, example={"timescale": 4.0}),
        "cosine": Choice(cosine, off=OFF | {"min_factor": 1.0}),
        "plateau": Choice(plateau, off={"factor": 1.0, **OFF}),
        "sgdr": Choice(sgdr, off=OFF | {"min_factor": 1.0}, example={"cycle": 4.0}),
        "triangular": Choice(triangular, off=OFF | {"min_factor": 1.0}, example={"cycle": 4.0}),
        "one_cycle": Choice(one_cycle, off=OFF | {"start_factor": 1.0, "end_factor": 1.0}),
    },
)
