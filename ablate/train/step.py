"""Training one cell: make its state, take a step, evaluate. Pure functions; no device, no lane, no `if` on a number.

A task is whatever offers `init(seed, init_hp, hp, images)`, `step(...)` and `evaluate(...)` with these signatures;
lanes, store, statistics and reports know nothing about classification.
"""

import dataclasses
import functools
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from clu import metrics as clu_metrics
from flax import linen as nn
from jaxtyping import Array, Bool, Float, Int, UInt8

from ablate.train.keys import stream
from ablate.train.parts import Compiled, Numbers, Parts, assemble, base_learning_rate, bind, build_model, layer_checks
from ablate.train.seams import Owner, array
from ablate.tricks.init import split_init
from ablate.tricks.scale import ImageStats

Tree = Any


class State(NamedTuple):
    """Everything that training one cell carries from step to step."""

    step: Int[Array, ""]
    params: Tree
    extra: Tree  # model collections beside the parameters: running statistics of batch norm
    opt_state: Tree
    averaged: Tree  # {"params", "extra"} as evaluation reads them
    running: Bool[Array, ""]
    diverged_step: Int[Array, ""]  # -1: it did not
    stopped_step: Int[Array, ""]  # -1: it did not
    history: Float[Array, " evaluations"]  # validation loss at each evaluation, nan where not yet
    loss_sum: Float[Array, ""]  # of the mini-batch losses since the last evaluation
    loss_count: Float[Array, ""]


class Batch(NamedTuple):
    """A mini-batch as it leaves the data set: raw pixels and dense target distributions."""

    images: Float[Array, "batch height width channels"]
    probs: Float[Array, "batch classes"]
    labels: Int[Array, " batch"]


class Metrics(NamedTuple):
    """Sums over examples, to be merged over batches and divided once."""

    loss: clu_metrics.Average
    accuracy: clu_metrics.Average


@dataclasses.dataclass(frozen=True)
class Classification:
    """Image classification with the choices of one program compiled in.

    Args:
        compiled: axis -> (choice, static arguments), in order.
        classes: number of classes.
        stats: channel mean and sd of the pool, in units of [0, 1] images.
        evaluations: how often a run is evaluated, the length of `State.history`.
    """

    compiled: Compiled
    classes: int
    stats: ImageStats
    evaluations: int

    def init(
        self, made: Compiled, seed: Int[Array, ""], init_hp: Numbers, hp: Numbers, images: UInt8[Array, "batch h w c"]
    ) -> State:
        """The state before the first step; `made` holds the choices of the axes that only make initial values."""
        kernel, adjust = split_init(bind(made, init_hp, "init")[0]())
        model = build_model(self.compiled, hp, self.classes, kernel, bind(made, init_hp, "bias")[0]())
        parts = assemble(self.compiled, hp)
        batch = parts.scale(images, self.stats)
        key = stream(seed, "init")
        with nn.intercept_methods(layer_checks(self.compiled, hp, self.classes)):
            variables = dict(model.init({"params": key, "dropout": stream(seed, "dropout")}, batch, train=False))
        variables.pop("features", None)
        params = variables.pop("params")
        apply = functools.partial(model.apply, train=False)
        params = adjust(jax.random.fold_in(key, 1), params, lambda p, x: apply({"params": p, **variables}, x), batch)
        optimizer = parts.optimizer(jnp.int32(0), jnp.float32(1))
        return State(
            step=jnp.int32(0),
            params=params,
            extra=variables,
            opt_state=optimizer.init(params),
            averaged={"params": params, "extra": variables},
            running=jnp.bool_(True),
            diverged_step=jnp.int32(-1),
            stopped_step=jnp.int32(-1),
            history=jnp.full((self.evaluations,), jnp.nan, jnp.float32),
            loss_sum=jnp.float32(0),
            loss_count=jnp.float32(0),
        )

    def step(
        self,
        state: State,
        images: UInt8[Array, "batch h w c"],
        labels: Int[Array, " batch"],
        seed: Int[Array, ""],
        hp: Numbers,
        total: Float[Array, ""],
    ) -> State:
        """One update. A lane whose loss or parameters become non-finite keeps its last finite state for good."""
        parts = assemble(self.compiled, hp)
        key = functools.partial(_key, seed, state.step)
        batch = Batch(parts.scale(images, self.stats), jax.nn.one_hot(labels, self.classes), labels)
        augmented, probs = parts.augment(key("augment"), batch.images, batch.probs)
        loss_of = functools.partial(self._loss, parts, hp, state.extra, key("dropout"))
        value_and_grad = parts.gradient(_with_key(jax.value_and_grad(loss_of, has_aux=True)))
        (_, (data_loss, extra)), grads = value_and_grad(state.params, Batch(augmented, probs, labels), key("gradient"))
        optimizer = parts.optimizer(state.step, parts.schedule(state.step, total))
        updates, opt_state = optimizer.update(grads, state.opt_state, state.params)
        params = optax.apply_updates(state.params, updates)
        averaged = parts.average(state.averaged, {"params": params, "extra": extra}, state.step)
        candidate = state._replace(
            step=state.step + 1,
            params=params,
            extra=extra,
            opt_state=opt_state,
            averaged=averaged,
            loss_sum=state.loss_sum + data_loss,
            loss_count=state.loss_count + 1,
        )
        return _keep_finite(state, candidate, jnp.isfinite(data_loss) & _all_finite(params))

    def training_loss(
        self, state: State, images: UInt8[Array, "batch h w c"], labels: Int[Array, " batch"], seed: Any, hp: Numbers
    ) -> Float[Array, ""]:
        """What the choice of the `loss` axis says of a batch, as a training step would see it."""
        parts, key = assemble(self.compiled, hp), functools.partial(_key, seed, state.step)
        scaled = parts.scale(images, self.stats)
        augmented, probs = parts.augment(key("augment"), scaled, jax.nn.one_hot(labels, self.classes))
        batch = Batch(augmented, probs, labels)
        return self._loss(parts, hp, state.extra, key("dropout"), state.params, batch)[1][0]

    def _apply(self, hp: Numbers, variables: Tree, images: Array, **options: Any) -> tuple[Array, Tree]:
        """Logits and changed collections of the network, whose layers and logits are checked while it is traced."""
        model = build_model(self.compiled, hp, self.classes, _no_init, _no_init)
        with nn.intercept_methods(layer_checks(self.compiled, hp, self.classes)):
            logits, changed = model.apply(variables, images, **options)
        owner = Owner("model", self.compiled["model"][0][0])
        return array(owner, logits, (len(images), self.classes), "a logit per example and class"), changed

    def _loss(self, parts: Parts, hp: Numbers, extra: Tree, key: Array, params: Tree, batch: Batch):
        logits, changed = self._apply(
            hp,
            {"params": params, **extra},
            batch.images,
            train=True,
            rngs={"dropout": key},
            mutable=[*extra, "features"],
        )
        features = _features(changed, logits)
        data_loss = jnp.mean(parts.loss(logits, parts.target(batch.probs)))
        objective = parts.objective(data_loss + parts.penalty(params, features, batch.labels))
        return objective, (data_loss, {name: changed[name] for name in extra})

    def evaluate(
        self,
        state: State,
        images: UInt8[Array, "batch h w c"],
        labels: Int[Array, " batch"],
        weights: Float[Array, " batch"],
        hp: Numbers,
    ) -> Metrics:
        """Cross-entropy and accuracy against the labels, summed over examples of weight 1."""
        scaled = assemble(self.compiled, hp).scale(images, self.stats)
        variables = {"params": state.averaged["params"], **state.averaged["extra"]}
        logits, _ = self._apply(hp, variables, scaled, train=False, mutable=["features"])
        loss = optax.softmax_cross_entropy_with_integer_labels(logits, labels)
        correct = (jnp.argmax(logits, -1) == labels).astype(jnp.float32)
        return Metrics(_average(loss, weights), _average(correct, weights))

    def after_evaluation(
        self, state: State, k: Int[Array, ""], loss: Float[Array, ""], lost: Bool[Array, ""], hp: Numbers
    ) -> State:
        """Notes the k-th validation loss and asks `stop` whether the lane goes on; a `lost` lane has diverged."""
        history = state.history.at[k].set(loss)
        goes_on = assemble(self.compiled, hp).stop(history)
        diverges = state.running & lost
        stops = state.running & ~goes_on & ~lost
        return state._replace(
            history=history,
            running=state.running & goes_on & ~lost,
            diverged_step=jnp.where(diverges, state.step, state.diverged_step),
            stopped_step=jnp.where(stops, state.step, state.stopped_step),
            loss_sum=jnp.zeros_like(state.loss_sum),
            loss_count=jnp.zeros_like(state.loss_count),
        )

    def learning_rate(self, step: Int[Array, ""], total: Float[Array, ""], hp: Numbers) -> Float[Array, ""]:
        """The rate at a step, for the report's learning-rate curves."""
        return base_learning_rate(hp) * assemble(self.compiled, hp).schedule(step, total)

    def signals(
        self, state: State, images: UInt8[Array, "batch h w c"], labels: Int[Array, " batch"], seed: Any, hp: Numbers
    ) -> tuple[dict[str, Array], dict[str, Array]]:
        """What every activation gives on a batch, and the gradient of the loss with respect to it, by module path."""
        parts = assemble(self.compiled, hp)
        kind = type(bind(self.compiled, hp, "activation")[0]())
        batch = Batch(parts.scale(images, self.stats), jax.nn.one_hot(labels, self.classes), labels)

        def loss_of(offsets: Tree) -> tuple[Array, Tree]:
            seen: dict[str, Array] = {}
            with nn.intercept_methods(functools.partial(_offset, kind, offsets, seen)):
                objective, _ = self._loss(
                    parts, hp, state.extra, _key(seed, state.step, "dropout"), state.params, batch
                )
            return objective, seen

        _, activations = loss_of({})
        gradients, _ = jax.grad(loss_of, has_aux=True)(jax.tree.map(jnp.zeros_like, activations))
        return activations, gradients


def _offset(kind: type, offsets: Tree, seen: dict[str, Array], call, args, kwargs, context) -> Any:
    """Adds a zero to what a layer gives, so that the loss can be differentiated with respect to it."""
    found = call(*args, **kwargs)
    path = "/".join(context.module.path)
    if context.method_name != "__call__" or not (isinstance(context.module, kind) or path == "head"):
        return found
    seen[path] = found
    return found + offsets[path] if path in offsets else found


def _average(values: Array, weights: Array) -> clu_metrics.Average:
    """Total and count of the values of weight 1, both float32; clu counts in integers."""
    found: Any = clu_metrics.Average.from_model_output(values, weights > 0)
    return found.replace(count=found.count.astype(jnp.float32))


def _key(seed: Array, step: Array, purpose: str) -> Array:
    return jax.random.fold_in(stream(seed, purpose), step)


def _with_key(value_and_grad):
    def called(params, batch, key):
        del key
        return value_and_grad(params, batch)

    return called


def _no_init(key, shape, dtype=jnp.float32):
    """Stands where parameters exist already; flax only asks it for their shape."""
    del key
    return jnp.zeros(shape, dtype)


def _features(changed: Tree, logits: Array) -> Array:
    found = jax.tree.leaves(changed.get("features", {}))
    return found[0] if found else logits


def _all_finite(tree: Tree) -> Bool[Array, ""]:
    return functools.reduce(jnp.logical_and, [jnp.all(jnp.isfinite(leaf)) for leaf in jax.tree.leaves(tree)])


def _keep_finite(state: State, candidate: State, finite: Bool[Array, ""]) -> State:
    takes = state.running & finite
    kept = jax.tree.map(functools.partial(jnp.where, takes), candidate, state)
    return kept._replace(
        running=takes, diverged_step=jnp.where(state.running & ~finite, state.step, state.diverged_step)
    )
