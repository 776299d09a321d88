"""What every seam expects back from a choice, checked while a step is traced; compiled programs contain none of it.

A loss that forgot to sum over classes, or that gives one number for the whole batch, broadcasts without complaint and
trains to a verdict. So each bound choice is wrapped: what it gives is compared with the shape and type that its axis
promises, and a difference ends the plan with the choice, its file and line, what was expected and what was given.
"""

import functools
import inspect
import os
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, NoReturn

import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import linen as nn

from ablate.tricks.average import Average
from ablate.tricks.axis import Choice
from ablate.tricks.clock import Clock
from ablate.tricks.data_init import DataInit
from ablate.tricks.feature_loss import FeatureLoss
from ablate.tricks.game import Game
from ablate.tricks.stop import Decision
from ablate.tricks.weighting import Weighting

Bound = Callable[..., Any]
FLOAT = np.dtype(np.float32)


class SeamError(TypeError):
    """A choice gave what its seam does not take; the message is one line for the person who wrote the choice."""


class Owner(NamedTuple):
    """Whose result is checked."""

    axis: str
    choice: Choice

    def fail(self, given: str, expected: str) -> NoReturn:
        """Says what was given and what was expected."""
        raise SeamError(f"{self} gave {given}; expected {expected}")

    def __str__(self) -> str:
        make = inspect.unwrap(self.choice.make)
        name = f"{self.axis} {getattr(make, '__module__', '')}:{getattr(make, '__qualname__', repr(make))}"
        try:
            path, (_, line) = inspect.getsourcefile(make) or "", inspect.getsourcelines(make)
        except (OSError, TypeError):  # made without a file
            return name
        near = os.path.relpath(path)
        return f"{name} ({path if near.startswith('..') else near}:{line})"


def guard(axis: str, choice: Choice, bound: Bound) -> Bound:
    """The bound choice of an axis, whose results are checked; as it is where its axis promises nothing.

    Raises:
        SeamError: from calls of the result.
    """
    wrap = GUARDS.get(axis)
    return bound if wrap is None else wrap(Owner(axis, choice), bound)


class LayerChecks:
    """A flax interceptor: layers keep the shape and type of what they are given, heads give what is asked of them."""

    def __init__(
        self, layers: Mapping[str, tuple[Choice, Bound]], model: Choice, head: Choice, outputs: Mapping[str, int]
    ):
        # Layers are told apart by their type, since models name them as they like.
        kinds = {axis: (choice, type(make())) for axis, (choice, make) in layers.items()}
        self._owners = {kind: Owner(axis, choice) for axis, (choice, kind) in kinds.items()}
        self._model, self._head = Owner("model", model), Owner("head", head)
        self._outputs = {(name,): width for name, width in outputs.items()}

    def __call__(self, call: Bound, args: Any, kwargs: Any, context: Any) -> Any:
        owner, path = self._owners.get(type(context.module)), context.module.path
        if path in self._outputs and args and args[0].ndim != 2:
            self._model.fail(described(args[0]), "float32[batch,channels], features per example")
        result = call(*args, **kwargs)
        if context.method_name != "__call__" or not args:
            return result
        if path in self._outputs:
            return array(self._head, result, (*args[0].shape[:1], self._outputs[path]), "an output per example")
        if owner is None:
            return result
        return array(owner, result, args[0].shape, "the shape that it was given", args[0].dtype)


def array(owner: Owner, value: Any, shape: tuple[int, ...], what: str, dtype: np.dtype = FLOAT) -> Any:
    """The value, if it is an array (or a number, where `shape` is empty) of that shape and type."""
    expected = f"{dtype}[{','.join(map(str, shape))}], {what}"
    if isinstance(value, bool | int | float):
        fits = shape == () and isinstance(value, bool) == (dtype == np.bool_)
    else:
        fits = hasattr(value, "dtype") and jnp.shape(value) == tuple(shape) and jnp.result_type(value) == dtype
    return value if fits else owner.fail(described(value), expected)


def like(owner: Owner, value: Any, example: Any, what: str) -> Any:
    """The value, if it is a tree of the structure, shapes and types of another."""
    mine, theirs = (jax.tree_util.tree_flatten_with_path(tree) for tree in (value, example))
    if mine[1] != theirs[1]:
        owner.fail("a tree of another structure", what)
    for (path, given), (_, wanted) in zip(mine[0], theirs[0], strict=True):
        if jnp.shape(given) != jnp.shape(wanted) or jnp.result_type(given) != jnp.result_type(wanted):
            place = jax.tree_util.keystr(path, simple=True, separator="/")
            owner.fail(f"{described(given)} at {place}", f"{what}: {described(wanted)}")
    return value


def record(owner: Owner, value: Any, kind: type, what: str) -> Any:
    """The value, if it is one of that kind."""
    return value if isinstance(value, kind) else owner.fail(described(value), what)


def described(value: Any) -> str:
    """`float32[128,10]`, or the type of what is no array."""
    if hasattr(value, "shape") and hasattr(value, "dtype"):
        return f"{value.dtype}[{','.join(map(str, value.shape))}]"
    return f"a {type(value).__name__}"


def _returns(shape_of: Callable[..., tuple[int, ...]], what: str, dtype: np.dtype = FLOAT) -> Callable[..., Bound]:
    """A guard of functions that give one array, whose shape follows from their arguments."""

    def wrap(owner: Owner, bound: Bound) -> Bound:
        return lambda *data, **supplied: array(owner, bound(*data, **supplied), shape_of(*data), what, dtype)

    return wrap


def _scale(owner: Owner, bound: Bound) -> Bound:
    def scale(images: Any, stats: Any) -> Any:
        scaled = bound(images, stats)
        shape = scaled.shape if np.ndim(scaled) == np.ndim(images) else images.shape
        return array(owner, scaled, (images.shape[0], *shape[1:]), "as many images as it was given")

    return scale


def _augment(owner: Owner, bound: Bound) -> Bound:
    def augment(key: Any, images: Any, targets: Any, **supplied: Any) -> Any:
        pair = bound(key, images, targets, **supplied)
        if not isinstance(pair, tuple) or len(pair) != 2:
            owner.fail(described(pair), "a pair (images, targets)")
        changed, probs = pair
        shape = changed.shape if np.ndim(changed) == np.ndim(images) else images.shape
        shape = (images.shape[0], *shape[1:-1], images.shape[-1])  # a crop may change height and width
        array(owner, changed, shape, "as many images, of as many channels, as it was given", images.dtype)
        return changed, array(owner, probs, targets.shape, "the shape of the targets it was given")

    return augment


def _gradient(owner: Owner, bound: Bound) -> Bound:
    def gradient(value_and_grad: Bound) -> Bound:
        changed = bound(value_and_grad)

        def called(params: Any, *rest: Any) -> Any:
            result = changed(params, *rest)
            if not (isinstance(result, tuple) and len(result) == 2):
                owner.fail(described(result), "((loss, auxiliary), gradients)")
            like(owner, result[1], params, "gradients like the parameters")
            return result

        return called

    return gradient


def _transform(owner: Owner, bound: Bound) -> Bound:
    def made(*data: Any, **named: Any) -> optax.GradientTransformationExtraArgs:
        transform = bound(*data, **named)
        if not (callable(getattr(transform, "init", None)) and callable(getattr(transform, "update", None))):
            owner.fail(described(transform), "an optax transform with init and update")
        inner = optax.with_extra_args_support(transform)

        def update(updates: Any, state: Any, params: Any = None, **extra: Any) -> Any:
            changed, after = inner.update(updates, state, params, **extra)
            like(owner, after, state, "a state that keeps its shapes and types")
            return like(owner, changed, updates, "updates like the gradients"), after

        return optax.GradientTransformationExtraArgs(inner.init, update)

    return made


def _average(owner: Owner, bound: Bound) -> Bound:
    def made() -> Average:
        average = record(owner, bound(), Average, "an Average(init, update, members)")

        def update(state: Any, variables: Any, clock: Clock) -> Any:
            return like(
                owner, average.update(state, variables, clock), state, "a state that keeps its shapes and types"
            )

        def init(variables: Any) -> Any:
            state = average.init(variables)
            for member in average.members(state)[0]:
                like(owner, member, variables, "members like the variables they come from")
            return state

        return average._replace(init=init, update=update)

    return made


def _stop(owner: Owner, bound: Bound) -> Bound:
    def stop(clock: Clock) -> Decision:
        decision = record(owner, bound(clock), Decision, "a Decision(go_on, best)")
        for value in decision:
            if value is not None:
                array(owner, value, (), "whether to go on, and whether this is the best so far", np.dtype(np.bool_))
        return decision

    return stop


def _layer(owner: Owner, bound: Bound) -> Bound:
    def made(*data: Any, **named: Any) -> nn.Module:
        return record(owner, bound(*data, **named), nn.Module, "a flax module")

    return made


def _game(owner: Owner, bound: Bound) -> Bound:
    def made() -> Game:
        return record(owner, bound(), Game, "a Game(critic_loss, generator_loss)")

    return made


def _weighting(owner: Owner, bound: Bound) -> Bound:
    def made() -> Weighting:
        rule = record(owner, bound(), Weighting, "a Weighting(total, begin)")
        return rule._replace(total=lambda *data: array(owner, rule.total(*data), (), "one loss out of several"))

    return made


def _initializer(owner: Owner, bound: Bound) -> Bound:
    def made() -> Any:
        init = bound()
        kernel = init.kernel if isinstance(init, DataInit) else init
        if not callable(kernel):
            owner.fail(described(kernel), "an initializer (key, shape, dtype)")

        @functools.wraps(kernel)
        def checked(key: Any, shape: Any, dtype: Any = jnp.float32) -> Any:
            return array(owner, kernel(key, shape, dtype), tuple(shape), "the shape asked for", np.dtype(dtype))

        return init._replace(kernel=checked, adjust=_adjust(owner, init)) if isinstance(init, DataInit) else checked

    return made


def _adjust(owner: Owner, init: DataInit) -> Bound:
    return lambda key, variables, apply, batch: like(
        owner, init.adjust(key, variables, apply, batch), variables, "variables like those it was given"
    )


def _place(owner: Owner, bound: Bound) -> Bound:
    def place(norm: Bound, activation: Bound, x: Any) -> Any:
        return array(owner, bound(norm, activation, x), x.shape, "the shape that it was given", x.dtype)

    return place


def _feature_loss(owner: Owner, bound: Bound) -> Bound:
    def made() -> FeatureLoss:
        loss = record(owner, bound(), FeatureLoss, "a FeatureLoss(begin, measure)")

        def measure(state: Any, features: Any, labels: Any) -> Any:
            value, after = loss.measure(state, features, labels)
            return array(owner, value, (), "one number"), like(owner, after, state, "a state that keeps its shapes")

        return loss._replace(measure=measure)

    return made


def _views(owner: Owner, bound: Bound) -> Bound:
    def views(inputs: Any) -> Any:
        seen = bound(inputs)
        if not (isinstance(seen, list | tuple) and seen):
            owner.fail(described(seen), "a list of batches, at least one")
        for view in seen:
            array(owner, view, inputs.shape, "the shape that it was given", inputs.dtype)
        return list(seen)

    return views


def _precision(owner: Owner, bound: Bound) -> Bound:
    def precision() -> Any:
        dtype = bound()
        if not (isinstance(dtype, np.dtype) and jnp.issubdtype(dtype, jnp.floating)):
            owner.fail(f"{dtype!r}", "a dtype of floats")
        return dtype

    return precision


_SCALAR = _returns(lambda *_: (), "one number")
GUARDS: Mapping[str, Callable[[Owner, Bound], Bound]] = {
    "scale": _scale,
    "augment": _augment,
    "init": _initializer,
    "bias": _initializer,
    "model": _layer,
    "generator": _layer,
    "critic": _layer,
    "norm": _layer,
    "activation": _layer,
    "dropout": _layer,
    "place": _place,
    "precision": _precision,
    "head": _layer,
    "target": _returns(lambda probs: probs.shape, "the shape of the targets it was given"),
    "class_weight": _returns(lambda counts: counts.shape, "a weight for every class"),
    "views": _views,
    "feature_loss": _feature_loss,
    "loss": _returns(lambda outputs, targets: outputs.shape[:1], "one loss per example"),
    "penalty": _SCALAR,
    "objective": _SCALAR,
    "gradient": _gradient,
    "clip": _transform,
    "decay": _transform,
    "optimizer": _transform,
    "critic_optimizer": _transform,
    "game": _game,
    "weighting": _weighting,
    "schedule": _SCALAR,
    "layerwise": _SCALAR,
    "average": _average,
    "stop": _stop,
}
