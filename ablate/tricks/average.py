"""Axis `average`: which variables evaluation reads; training never sees them.

A choice makes an `Average`: what it carries along, how a step changes that, and which sets of variables (members)
evaluation predicts with. Predictions of several members are averaged; each member is measured as well.
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, PyTree

from ablate.tricks.axis import Axis, Choice, Count, OneOrMore, Share
from ablate.tricks.clock import Clock

__all__ = ["Average", "ema", "last_checkpoints", "no_average", "snapshots", "swa"]


class Average(NamedTuple):
    """What evaluation reads instead of the variables of the last step.

    Args:
        init: variables before the first step -> state.
        update: (state, variables, clock) -> state, after each step; `clock.step` is the step that was just taken.
        members: state -> (sets of variables, their shares, which sum to 1).
    """

    init: Callable[[PyTree], PyTree]
    update: Callable[[PyTree, PyTree, Clock], PyTree]
    members: Callable[[PyTree], tuple[Sequence[PyTree], Sequence[Any]]]


def no_average() -> Average:
    """Evaluation reads the variables of the last step."""
    return Average(lambda variables: variables, lambda state, variables, clock: variables, _alone)


def ema(decay: Share = 0.999) -> Average:
    """Evaluation reads a running mean, which forgets its random start quickly.

        a <- d * a + (1 - d) * w,    d = min(decay, (1 + t) / (10 + t))

    Running statistics are averaged like parameters; whole numbers, such as counters, are taken as they are.

    Args:
        decay: share of the old mean that is kept, 0 to 1; off at 0.

    Returns:
        An `Average` of one member.

    Example:
        >>> mean = ema(decay=0.75)
        >>> float(mean.update(jnp.float32(0.0), jnp.float32(1.0), Clock(step=1000)))
        0.25

    References:
        Polyak, Juditsky. Acceleration of Stochastic Approximation by Averaging. 1992.
        https://doi.org/10.1137/0330046
        Tarvainen, Valpola. Mean Teachers Are Better Role Models. 2017. https://arxiv.org/abs/1703.01780
    """

    def update(averaged: PyTree, variables: PyTree, clock: Clock) -> PyTree:
        t = jnp.asarray(clock.step, jnp.float32)
        keep = jnp.minimum(jnp.asarray(decay, jnp.float32), (1.0 + t) / (10.0 + t))
        return jax.tree.map(lambda a, w: _blend(a, w, keep), averaged, variables)

    return Average(lambda variables: variables, update, _alone)


def swa(start: Share = 0.75, every: OneOrMore = 1.0) -> Average:
    """The plain mean of the variables along the last part of training, into which a constant or cyclic rate wanders.

        a <- a + (w - a) / k    at the k-th of the steps start*T, start*T + every, ...

    Before that, evaluation reads the variables of the last step.

    Args:
        start: share of the training after which averaging begins, 0 to 1; off at 1.
        every: steps from one set of variables to the next, at least 1.

    Returns:
        An `Average` of one member.

    Example:
        >>> mean = swa(start=0.5)
        >>> state = mean.init(jnp.float32(0.0))
        >>> for step in range(4):
        ...     state = mean.update(state, jnp.float32(step), Clock(step, total=4))
        >>> float(mean.members(state)[0][0])
        2.5

    References:
        Izmailov, Podoprikhin, Garipov, Vetrov, Wilson. Averaging Weights Leads to Wider Optima and Better
        Generalization. 2018. https://arxiv.org/abs/1803.05407
    """

    def update(state: PyTree, variables: PyTree, clock: Clock) -> PyTree:
        averaged, count = state
        since = jnp.asarray(clock.step, jnp.float32) - jnp.ceil(
            jnp.asarray(start * jnp.asarray(clock.total, jnp.float32))
        )
        takes = (since >= 0) & (jnp.mod(since, jnp.asarray(every, jnp.float32)) == 0)
        count = count + takes.astype(jnp.float32)
        keep = jnp.where(takes, 1.0 - 1.0 / jnp.maximum(count, 1.0), jnp.where(count > 0, 1.0, 0.0))
        return jax.tree.map(lambda a, w: _blend(a, w, keep), averaged, variables), count

    return Average(
        lambda variables: (variables, jnp.zeros((), jnp.float32)), update, lambda state: ((state[0],), (1.0,))
    )


def last_checkpoints(count: Count = 5, every: OneOrMore = 10.0) -> Average:
    """Evaluation averages the predictions of the last variables and of earlier ones, some steps apart.

        p = 1/k * sum_k p(w_(T - k * every))

    Args:
        count: members, at least 1.
        every: steps between them, at least 1.

    Returns:
        An `Average` of `count` members.

    Example:
        >>> average = last_checkpoints(count=2, every=2.0)
        >>> state = average.init(jnp.float32(0.0))
        >>> for step in range(6):
        ...     state = average.update(state, jnp.float32(step + 1), Clock(step, total=6))
        >>> sorted(float(w) for w in average.members(state)[0])
        [4.0, 6.0]

    References:
        Vaswani, Shazeer, Parmar, Uszkoreit, Jones, Gomez, Kaiser, Polosukhin. Attention Is All You Need (section 6.1).
        2017. https://arxiv.org/abs/1706.03762
    """

    def due(clock: Clock) -> Array:
        left = jnp.asarray(clock.total, jnp.float32) - jnp.asarray(clock.step, jnp.float32) - 1.0
        return jnp.mod(left, jnp.asarray(every, jnp.float32)) == 0

    return _ring(count, due)


def snapshots(cycle: OneOrMore = 100.0, count: Count = 5) -> Average:
    """Evaluation averages the predictions of the variables at the ends of the last restart cycles.

        p = 1/k * sum_k p(w at the end of cycle k)

    Use it with `sgdr` of the same cycle, whose rate is lowest there.

    Args:
        cycle: steps of a cycle, at least 1.
        count: members, at least 1.

    Returns:
        An `Average` of `count` members.

    Example:
        >>> average = snapshots(cycle=3.0, count=2)
        >>> state = average.init(jnp.float32(0.0))
        >>> for step in range(7):
        ...     state = average.update(state, jnp.float32(step + 1), Clock(step))
        >>> sorted(float(w) for w in average.members(state)[0])
        [3.0, 6.0]

    References:
        Huang, Li, Pleiss, Liu, Hopcroft, Weinberger. Snapshot Ensembles: Train 1, Get M for Free. 2017.
        https://arxiv.org/abs/1704.00109
    """

    def due(clock: Clock) -> Array:
        return jnp.mod(jnp.asarray(clock.step, jnp.float32) + 1.0, jnp.asarray(cycle, jnp.float32)) == 0

    return _ring(count, due)


def _alone(state: PyTree) -> tuple[Sequence[PyTree], Sequence[Any]]:
    return (state,), (1.0,)


def _blend(a: Array, w: Array, keep: Array) -> Array:
    if not jnp.issubdtype(jnp.result_type(w), jnp.inexact):
        return w
    share = keep.astype(jnp.result_type(w))
    return share * a + (1.0 - share) * w


def _ring(count: Count, due: Callable[[Clock], Array]) -> Average:
    """The variables at the last `count` steps that are due; until the first, those of the last step."""

    def init(variables: PyTree) -> PyTree:
        return [variables] * count, jnp.zeros((), jnp.int32)

    def update(state: PyTree, variables: PyTree, clock: Clock) -> PyTree:
        kept, taken = state
        takes = due(clock)

        def member(k: int, old: PyTree) -> PyTree:
            own = (takes & (jnp.mod(taken, count) == k)) | (taken == 0)
            return jax.tree.map(lambda w, a: jnp.where(own, w, a), variables, old)

        return [member(k, old) for k, old in enumerate(kept)], taken + takes.astype(jnp.int32)

    def members(state: PyTree) -> tuple[Sequence[PyTree], Sequence[Any]]:
        kept, taken = state
        known = jnp.clip(taken, 1, count).astype(jnp.float32)
        return kept, [jnp.where(k < known, 1.0 / known, 0.0) for k in range(count)]

    return Average(init, update, members)


AXIS = Axis(
    name="average",
    tasks=(),  # training itself reads it, whatever the task
    seam="() -> Average(init, update, members)",
    identity="none",
    choices={
        "none": Choice(no_average),
        "ema": Choice(ema, off={"decay": 0.0}),
        "swa": Choice(swa),
        "checkpoints": Choice(last_checkpoints),
        "snapshots": Choice(snapshots),
    },
)
