"""What every cell carries from step to step, whatever its task: progress, divergence, history, averages, the best.

Pure functions of one lane; no device, no leading axis, no `if` on a number. A lane that has diverged or stopped keeps
its state for good: its program goes on with it, and masking makes every further step a step of nothing.
"""

import functools
from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from ablate.tasks.keys import Seed, keys_at, keys_of
from ablate.tasks.parts import bind
from ablate.tasks.task import Batch, Numbers, Task
from ablate.tricks.clock import Clock
from ablate.tricks.stop import Decision
from ablate.tricks.sums import over_all

Tree = Any


class Members(NamedTuple):
    """What makes a prediction: sets of variables, and their shares, which sum to 1."""

    variables: Sequence[Tree]
    shares: Sequence[Any]


class Judged(NamedTuple):
    """What evaluation says of each example of a batch; None where the task says nothing of that kind.

    `score` is 0 or 1, `decided` the number of the category that the prediction comes to.
    """

    score: Float[Array, " batch"] | None
    decided: Int[Array, " batch"] | None


class LaneState(NamedTuple):
    """A cell between two steps."""

    step: Int[Array, ""]
    task: Tree  # the task's own state
    averaged: Tree  # state of the `average` choice, from which evaluation takes its variables
    best: Tree  # `averaged` at the best evaluation so far; () where no choice of `stop` asks for it
    best_step: Int[Array, ""]  # -1: none is kept
    running: Bool[Array, ""]
    diverged_step: Int[Array, ""]  # -1: it did not
    stopped_step: Int[Array, ""]  # -1: it did not
    history: Float[Array, " evaluations"]  # watched validation metric, lower is better, nan where not yet
    sums: dict[str, Float[Array, ""]]  # of the task's curves since the last evaluation
    count: Float[Array, ""]


def begin(task: Task, evaluations: int, seed: Seed, init_hp: Numbers, hp: Numbers, batch: Batch) -> LaneState:
    """The lane before its first step; `task` holds the choices that make initial values too."""
    state = task.init(keys_of(seed), batch, init_hp, hp)
    averaged = _average(task, hp).init(task.variables(state))
    history = jnp.full((evaluations,), jnp.nan, jnp.float32)
    zero = jnp.zeros((), jnp.float32)
    decision = _stop(task, hp, Clock(jnp.int32(0), zero + 1, history))
    return LaneState(
        step=jnp.int32(0),
        task=state,
        averaged=averaged,
        best=() if decision.best is None else averaged,
        best_step=jnp.int32(-1),
        running=jnp.bool_(True),
        diverged_step=jnp.int32(-1),
        stopped_step=jnp.int32(-1),
        history=history,
        sums=dict.fromkeys(task.curves, zero),
        count=zero,
    )


def step(
    task: Task, lane: LaneState, batch: Batch, seed: Seed, hp: Numbers, total: Float[Array, ""], at: Int[Array, ""]
) -> LaneState:
    """One update, the `at`-th. A lane whose curves or variables become non-finite keeps its last finite state for good.

    `at` is the lane's own step as long as it runs. It comes from outside, since what lanes draw from it and a shared
    seed is then one and the same number, which `vmap` need not draw for each of them.
    """
    clock = Clock(at, total, lane.history)
    state, scalars = task.step(lane.task, batch, keys_at(seed, at), clock, hp)
    variables = task.variables(state)
    candidate = lane._replace(
        step=lane.step + 1,
        task=state,
        averaged=_average(task, hp).update(lane.averaged, variables, clock),
        sums={name: lane.sums[name] + scalars[name] for name in task.curves},
        count=lane.count + 1,
    )
    return _keep_finite(lane, candidate, _all_finite((scalars, variables)))


def evaluate(
    task: Task, averaged: Tree, batch: Batch, seed: Seed, hp: Numbers, weights: Float[Array, " batch"]
) -> tuple[Tree, Judged]:
    """Sums of one batch, and what is said of it example by example.

    The sums are first those of the prediction, then, where several members make it, those of each of them.
    """
    predictions = predict(task, members_of(task, averaged, hp), batch, seed, hp)
    score, decide = (getattr(task, name, None) for name in ("score", "decide"))
    sums = [task.measure(prediction, batch, weights) for prediction in predictions]
    return sums, Judged(
        score=None if score is None else score(predictions[0], batch),
        decided=None if decide is None else decide(predictions[0]),
    )


def predict(task: Task, members: Members, batch: Batch, seed: Seed, hp: Numbers) -> list[Tree]:
    """The prediction for a batch, and behind it, where several members make it, that of each of them."""
    keys, views = _keys_of_batch(seed, batch), _views(task, batch, hp)
    predictions = [_mean_over_views(task, variables, views, keys, hp) for variables in members.variables]
    if len(predictions) == 1:  # as it is: combining would round
        return predictions
    return [task.combine(predictions, members.shares), *predictions]


def _views(task: Task, batch: Batch, hp: Numbers) -> list[Batch]:
    """The batch as often as the network sees it, each time in another way."""
    bound = bind(task.choices, hp, "views")
    if not bound:
        return [batch]
    name = task.data.input
    return [{**batch, name: seen} for seen in bound[0](batch[name])]


def _mean_over_views(task: Task, variables: Tree, views: list[Batch], keys: Any, hp: Numbers) -> Tree:
    predictions = [task.predict(variables, view, keys, hp) for view in views]
    return predictions[0] if len(views) == 1 else task.combine(predictions, [1.0 / len(views)] * len(views))


def members_of(task: Task, averaged: Tree, hp: Numbers) -> Members:
    """The sets of variables that evaluation predicts with."""
    variables, shares = _average(task, hp).members(averaged)
    return Members(list(variables), list(shares))


def finish_evaluation(
    task: Task,
    lane: LaneState,
    sums: Tree,
    hp: Numbers,
    total: Float[Array, ""],
    k: Int[Array, ""],
    validated: Bool[Array, ""],
) -> tuple[LaneState, dict[str, Array]]:
    """Notes the k-th evaluation and asks `stop` whether the lane goes on; gives the readings of its curves.

    Args:
        task: the task.
        lane: the lane.
        sums: what `evaluate` gave over the validation split.
        hp: its numbers.
        total: steps of the whole training.
        k: number of the evaluation.
        validated: whether there is a validation split.
    """
    metrics = task.summarise(sums[0])
    readings = {name: lane.sums[name] / lane.count for name in task.curves}
    readings |= {f"val_{metric.name}": metrics[metric.name] for metric in task.metrics}
    # The rate of the step that was just taken.
    readings |= task.rates(Clock(jnp.maximum(lane.step - 1, 0), total, lane.history), hp)
    value = metrics[task.watch]
    history = lane.history.at[k].set(-value if _rises(task) else value)
    # The last update made the parameters so large that only evaluation shows it.
    diverges = lane.running & validated & ~jnp.isfinite(value)
    return _decided(task, lane, history, diverges, hp, total), readings


def _decided(
    task: Task,
    lane: LaneState,
    history: Float[Array, " evaluations"],
    diverges: Bool[Array, ""],
    hp: Numbers,
    total: Float[Array, ""],
) -> LaneState:
    decision = _stop(task, hp, Clock(lane.step, total, history))
    stops = lane.running & ~decision.go_on & ~diverges
    lane = lane._replace(
        history=history,
        running=lane.running & decision.go_on & ~diverges,
        diverged_step=jnp.where(diverges, lane.step, lane.diverged_step),
        stopped_step=jnp.where(stops, lane.step, lane.stopped_step),
        sums=jax.tree.map(jnp.zeros_like, lane.sums),
        count=jnp.zeros_like(lane.count),
    )
    if decision.best is None:
        return lane
    # What has stopped is evaluated again beside its neighbours; its first best stays.
    takes = decision.best & ~diverges & (lane.running | stops)
    best = jax.tree.map(functools.partial(jnp.where, takes), lane.averaged, lane.best)
    return lane._replace(best=best, best_step=jnp.where(takes, lane.step, lane.best_step))


def _rises(task: Task) -> bool:
    return next(metric.higher_is_better for metric in task.metrics if metric.name == task.watch)


def _average(task: Task, hp: Numbers) -> Any:
    return bind(task.choices, hp, "average")[0]()


def _stop(task: Task, hp: Numbers, clock: Clock) -> Decision:
    return bind(task.choices, hp, "stop")[0](clock)


def _keys_of_batch(seed: Seed, batch: Batch) -> Any:
    """Keys that differ from batch to batch of an evaluation, and are the same at every evaluation."""
    return keys_at(seed, batch["index"][0])


def _all_finite(tree: Tree) -> Bool[Array, ""]:
    floats = [leaf for leaf in jax.tree.leaves(tree) if jnp.issubdtype(leaf.dtype, jnp.inexact)]
    return over_all(jnp.all, jnp.logical_and, map(jnp.isfinite, floats))


def _keep_finite(lane: LaneState, candidate: LaneState, finite: Bool[Array, ""]) -> LaneState:
    takes = lane.running & finite
    kept = jax.tree.map(functools.partial(jnp.where, takes), candidate, lane)
    diverged_step = jnp.where(lane.running & ~finite, lane.step, lane.diverged_step)
    return kept._replace(running=takes, diverged_step=diverged_step)
