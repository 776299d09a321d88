"""Optimizers that read the path of the weights: slow weights, an average, the distance from the start, past steps.

They know where the weights will be from the update that they give. What changes it afterwards, a factor of axis
`layerwise` other than 0 and 1, changes the jumps of `lookahead` and the average of `schedule_free` as well.
"""

from collections.abc import Callable
from typing import Annotated, NamedTuple

import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Int, PyTree

from ablate.tricks.adam_variants import adabelief, adamax, amsgrad, nadam, radam, yogi
from ablate.tricks.adaptive import adadelta, adagrad, adam, adamw, along, promoting, rmsprop
from ablate.tricks.axis import BelowOne, Count, NonNegative, Positive, Range, Scalar, Share
from ablate.tricks.blockwise import adafactor, lamb, lars, muon
from ablate.tricks.decay import Rate
from ablate.tricks.descent import lion, momentum, nesterov, normalized_gradient, sgd

Optimizer = Callable[[Rate], optax.GradientTransformation]
INNER: dict[str, Optimizer] = {
    "sgd": sgd,
    "momentum": momentum,
    "nesterov": nesterov,
    "normalized_gradient": normalized_gradient,
    "adagrad": adagrad,
    "adadelta": adadelta,
    "rmsprop": rmsprop,
    "adam": adam,
    "nadam": nadam,
    "amsgrad": amsgrad,
    "adamw": adamw,
    "adamax": adamax,
    "lion": lion,
    "lamb": lamb,
    "lars": lars,
    "radam": radam,
    "adabelief": adabelief,
    "yogi": yogi,
    "adafactor": adafactor,
    "muon": muon,
}


class LookaheadState(NamedTuple):
    """Steps so far, the slow weights, and the state of the inner optimizer."""

    count: Int[Array, ""]
    slow: PyTree
    inner: PyTree


def lookahead(
    learning_rate: Rate, inner: str = "momentum", *, period: Count = 5, slow: Share = 0.5
) -> optax.GradientTransformation:
    """Slow weights that follow the fast ones of another optimizer, which start from them anew every few steps.

        w <- w + u,    u from the inner optimizer
        s <- s + slow * (w - s),    w <- s    at every `period`-th step,    s_0 = w_0

    The inner optimizer keeps its state at these steps. Training and evaluation see the fast weights w, which are the
    slow ones after whole periods. PyTorch has none.

    Args:
        learning_rate: lr of the inner optimizer, above 0, or an optax schedule.
        inner: its name, a choice of this axis other than lookahead, schedule_free, prodigy and lbfgs; its other
            numbers are its defaults.
        period: steps from one jump to the next.
        slow: share of the way that the slow weights go, 0 to 1; at 1 it is the inner optimizer, to rounding.

    Returns:
        An optax transform that needs the parameters.

    Raises:
        ValueError: for another inner optimizer.

    Example:
        >>> optimizer, w = lookahead(0.5, "sgd", period=1, slow=0.25), jnp.array([1.0])
        >>> optimizer.update(jnp.array([2.0]), optimizer.init(w), w)[0].tolist()
        [-0.25]

    References:
        Zhang, Lucas, Hinton, Ba. Lookahead Optimizer: k Steps Forward, 1 Step Back. 2019.
        https://arxiv.org/abs/1907.08610
    """
    if inner not in INNER:
        raise ValueError(f"inner={inner!r} is not one of {', '.join(map(repr, INNER))}")
    fast = INNER[inner](learning_rate)

    def init(params: PyTree) -> LookaheadState:
        return LookaheadState(jnp.zeros((), jnp.int32), _copy(params), fast.init(params))

    def update(updates: PyTree, state: PyTree, params: PyTree = None) -> tuple[PyTree, LookaheadState]:
        steps, inner_state = fast.update(updates, state.inner, params)
        count = jnp.asarray(optax.safe_increment(state.count))
        jumps = count % period == 0
        moved = jax.tree.map(lambda s, w, u: s + slow * (w + u - s), state.slow, params, steps)
        after = jax.tree.map(lambda old, new: jnp.where(jumps, new, old), state.slow, moved)
        steps = jax.tree.map(lambda s, w, u: jnp.where(jumps, s - w, u), moved, params, steps)
        return steps, LookaheadState(count, after, inner_state)

    return promoting(optax.GradientTransformation(init, update))


def schedule_free(
    learning_rate: Rate,
    inner: str = "sgd",
    *,
    beta: Annotated[Scalar, Range(0, 1, above=True)] = 0.9,
    power: NonNegative = 2.0,
) -> optax.GradientTransformation:
    """An average of the weights in place of a falling rate; the gradient is taken between the two.

        z <- z + u(y),    u from the inner optimizer at the gradient in y
        x <- (1 - c) * x + c * z,    c = h^power / (sum of all h^power so far),    h = largest lr so far
        y <- beta * x + (1 - beta) * z,    x_0 = y_0 = z_0 = w_0

    The parameters of training are y; what is meant to be evaluated is x = (y - (1 - beta) * z) / beta. Somewhere in
    the state lies an `optax.contrib.ScheduleFreeState`, from which `optax.contrib.schedule_free_eval_params(state, y)`
    gives x. It wants a constant rate, warmed up at most. The authors' ScheduleFreeSGD for PyTorch with r = 0 is equal.

    Args:
        learning_rate: lr, above 0, or an optax schedule.
        inner: "sgd", or "adam" without its momentum (beta1 = 0, beta2 = 0.999, epsilon = 1e-8).
        beta: place of y between z (0) and x (1), above 0 and at most 1; it stands for momentum.
        power: weight of the rate in the average, at least 0; 0 weighs every step alike.

    Returns:
        An optax transform that needs the parameters.

    Raises:
        ValueError: for another inner optimizer.

    Example:
        >>> optimizer, w = schedule_free(0.5), jnp.array([1.0])
        >>> optimizer.update(jnp.array([2.0]), optimizer.init(w), w)[0].round(3).tolist()
        [-1.0]

    References:
        Defazio, Yang, Mehta, Mishchenko, Khaled, Cutkosky. The Road Less Scheduled. 2024.
        https://arxiv.org/abs/2405.15682
    """
    if inner not in ("sgd", "adam"):
        raise ValueError(f"inner={inner!r} is not one of 'sgd', 'adam'")
    adaptive = optax.scale_by_rms(decay=0.999, eps=1e-8, eps_in_sqrt=False, bias_correction=True)
    core = optax.chain(optax.identity() if inner == "sgd" else adaptive, optax.scale_by_learning_rate(learning_rate))
    # optax counts from 1 for the weights of the average and from 0 for the steps.
    rate = (lambda count: learning_rate(count - 1)) if callable(learning_rate) else learning_rate
    return promoting(optax.contrib.schedule_free(core, rate, b1=beta, weight_lr_power=power))


def prodigy(
    learning_rate: Rate,
    beta1: BelowOne = 0.9,
    beta2: BelowOne = 0.999,
    epsilon: Positive = 1e-8,
    initial: Positive = 1e-6,
    factor: Positive = 1.0,
) -> optax.GradientTransformation:
    """Adam that finds its rate: an estimate of how far the weights are from where they began to where they belong.

        a = lr * d * sqrt(1 - beta2^t) / (1 - beta1^t),    d_0 = initial
        m <- beta1 * m + (1 - beta1) * d * g,    v <- beta2 * v + (1 - beta2) * (d * g)^2
        r <- sqrt(beta2) * r + a * d * <g, w_0 - w>,    s <- sqrt(beta2) * s + a * d * g
        d' = max(d, factor * r / ||s||_1)
        w <- w - a * m / (sqrt(v) + d' * epsilon),    d <- d'

    All parameters share d. Before the first gradient other than 0 there is no step. This is the form with bias
    correction, as in optax; the authors' code leaves it off unless asked. PyTorch has none. Decoupled decay takes lr
    as the rate, not lr * d.

    Args:
        learning_rate: lr, above 0, or an optax schedule; 1 is meant, and a schedule that falls from there.
        beta1: share of the old mean that is kept, at least 0 and below 1.
        beta2: share of the old mean square that is kept, at least 0 and below 1.
        epsilon: keeps the divisor from 0, above 0, in units of the gradient.
        initial: first d, an underestimate, above 0, in units of the parameters.
        factor: multiplies the estimate, above 0.

    Returns:
        An optax transform that needs the parameters.

    Example:
        >>> optimizer, w = prodigy(1.0, initial=0.5), jnp.array([1.0])
        >>> optimizer.update(jnp.array([2.0]), optimizer.init(w), w)[0].round(3).tolist()
        [-0.5]

    References:
        Mishchenko, Defazio. Prodigy: An Expeditiously Adaptive Parameter-Free Learner. 2023.
        https://arxiv.org/abs/2306.06101
    """
    core = optax.contrib.prodigy(learning_rate, (beta1, beta2), eps=epsilon, estim_lr0=initial, estim_lr_coef=factor)

    def update(updates: PyTree, state: PyTree, params: PyTree = None) -> tuple[PyTree, PyTree]:
        steps, after = core.update(updates, state, params)
        waits = optax.tree.norm((state.grad_sum, updates), ord="inf") == 0.0  # r / ||s|| is 0 / 0
        after = jax.tree.map(lambda new, old: jnp.where(waits, old, new), after, state)
        return jax.tree.map(lambda u: jnp.where(waits, jnp.zeros_like(u), u), steps), after

    return promoting(optax.GradientTransformation(lambda params: core.init(_copy(params)), update))


def lbfgs(learning_rate: Rate, *, memory: Count = 10) -> optax.GradientTransformation:
    """Newton's direction without a matrix: the inverse Hessian is estimated from the last steps and gradients.

        w <- w - lr * H g
        H = V' H_ V + (p p') / (q' p),  V = I - (q p') / (q' p),  for the last `memory` pairs p, q, the oldest inmost
        p = w - w_,    q = g - g_,    innermost H = (p' q) / (q' q) * I of the newest pair

    The first step, without pairs, is lr * g * min(1, 1 / ||g||). There is no line search, which would look at the
    loss several times per step: the rate decides, and 1 is Newton's step. A line search would also keep q' p above 0,
    without which H g may point uphill; where q' p <= 0, all pairs are forgotten, and the step is a first one. PyTorch's
    LBFGS leaves out such a pair alone and begins with min(1, 1 / ||g||_1). Mini-batches should be large: q compares
    gradients of different ones. All parameters count as one vector; the pairs take 2 * memory times their space.

    Args:
        learning_rate: lr, above 0, or an optax schedule.
        memory: pairs that are kept.

    Returns:
        An optax transform that needs the parameters.

    Example:
        >>> optimizer, w = lbfgs(1.0), jnp.array([1.0])
        >>> optimizer.update(jnp.array([4.0]), optimizer.init(w), w)[0].tolist()
        [-1.0]

    References:
        Liu, Nocedal. On the Limited Memory BFGS Method for Large Scale Optimization. 1989.
        https://doi.org/10.1007/BF01589116
    """
    core = optax.scale_by_lbfgs(memory_size=memory)

    def update(updates: PyTree, state: PyTree, params: PyTree = None) -> tuple[PyTree, PyTree]:
        p, q = optax.tree.sub(params, state.params), optax.tree.sub(updates, state.updates)
        downhill = jnp.asarray(optax.tree.vdot(q, p)) > 0.0
        known = jax.tree.map(lambda old, fresh: jnp.where(downhill, old, fresh), state, core.init(params))
        return core.update(updates, known, params)

    direction = optax.GradientTransformation(lambda params: _copy(core.init(params)), update)
    return along(direction, learning_rate)


def _copy(params: PyTree) -> PyTree:
    """Arrays of their own, so that state and parameters can both be donated."""
    return jax.tree.map(jnp.copy, params)
