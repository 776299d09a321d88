"""From the choices of a program and its traced numbers to the functions of one training step.

Runs inside the traced step: choices are bound to numbers that are tracers, so a number never becomes a constant of
the compiled program. Where an axis holds several choices, they stand behind one another; the ones that a lane did not
choose are at their off values.
"""

import functools
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax
import optax
from flax import linen as nn
from jaxtyping import Array, Float

from ablate.train.seams import Bound, LayerChecks, guard
from ablate.tricks.axis import Choice

Compiled = Mapping[str, tuple[tuple[Choice, Mapping[str, Any]], ...]]  # axis -> (choice, static arguments), in order
Numbers = Mapping[str, tuple[Mapping[str, Any], ...]]  # axis -> traced numbers of each of them


class Parts(NamedTuple):
    """The functions of one step, named by their axis."""

    scale: Bound
    augment: Bound
    target: Bound
    loss: Bound
    penalty: Bound
    objective: Bound
    gradient: Bound
    optimizer: Bound
    schedule: Bound
    average: Bound
    stop: Bound


def bind(compiled: Compiled, hp: Numbers, axis: str) -> list[Bound]:
    """The choices of an axis with their static arguments and traced numbers filled in, and their results checked."""
    return [
        guard(axis, choice, functools.partial(choice.make, **static, **numbers))
        for (choice, static), numbers in zip(compiled[axis], hp[axis], strict=True)
    ]


def assemble(compiled: Compiled, hp: Numbers) -> Parts:
    """The functions of one step for one lane."""
    found = {axis: bind(compiled, hp, axis) for axis in compiled}
    return Parts(
        scale=found["scale"][0],
        augment=functools.partial(_augment, found["augment"]),
        target=functools.partial(_after_each_other, found["target"]),
        loss=found["loss"][0],
        penalty=functools.partial(_sum, found["penalty"]),
        objective=functools.partial(_after_each_other, found["objective"]),
        gradient=functools.partial(_after_each_other, found["gradient"]),
        optimizer=functools.partial(_optimizer, found, hp),
        schedule=functools.partial(_product, found["schedule"]),
        average=found["average"][0],
        stop=found["stop"][0],
    )


def build_model(compiled: Compiled, hp: Numbers, classes: int, init: Bound, bias: Bound) -> nn.Module:
    """The network of a lane; `init` and `bias` only matter where its parameters are made."""
    return bind(compiled, hp, "model")[0](
        classes=classes,
        norm=bind(compiled, hp, "norm")[0],
        kernel_init=init,
        bias_init=bias,
        activation=bind(compiled, hp, "activation")[0],
        dropout=bind(compiled, hp, "dropout")[0],
        head=bind(compiled, hp, "head")[0],
    )


def layer_checks(compiled: Compiled, hp: Numbers, classes: int) -> LayerChecks:
    """What checks the layers of a model while it is traced; for `flax.linen.intercept_methods`."""
    layers = {axis: (compiled[axis][0][0], bind(compiled, hp, axis)[0]) for axis in ("norm", "activation", "dropout")}
    return LayerChecks(layers, compiled["head"][0][0], classes)


def base_learning_rate(hp: Numbers) -> Float[Array, ""]:
    """The rate that the schedule's factors multiply."""
    return hp["optimizer"][0]["learning_rate"]


def _optimizer(
    found: Mapping[str, list[Bound]], hp: Numbers, step: Any, factor: Float[Array, ""]
) -> optax.GradientTransformation:
    """clip, then decay around the optimizer, then the layer-wise factors of the update."""
    learning_rate = base_learning_rate(hp) * factor
    core = found["optimizer"][0](learning_rate=learning_rate)
    for decay in found["decay"]:
        core = decay(core, learning_rate)
    layerwise = functools.partial(_product_of_path, found["layerwise"], step)
    return optax.chain(*(clip() for clip in found["clip"]), core, _scale_by_path(layerwise))


def _scale_by_path(factor: Callable[[str], Any]) -> optax.GradientTransformation:
    def update(updates, state, params=None):
        del params

        def scaled(path, leaf):
            return leaf * factor("/".join(str(getattr(key, "key", key)) for key in path))

        return jax.tree_util.tree_map_with_path(scaled, updates), state

    return optax.GradientTransformation(lambda params: optax.EmptyState(), update)


def _after_each_other(functions: list[Bound], value: Any) -> Any:
    return functools.reduce(lambda current, function: function(current), functions, value)


def _augment(functions: list[Bound], key: Any, images: Any, targets: Any) -> Any:
    for k, function in enumerate(functions):
        images, targets = function(jax.random.fold_in(key, k), images, targets)
    return images, targets


def _sum(functions: list[Bound], *data: Any) -> Any:
    return functools.reduce(lambda total, function: total + function(*data), functions[1:], functions[0](*data))


def _product(functions: list[Bound], *data: Any) -> Any:
    return functools.reduce(lambda total, function: total * function(*data), functions[1:], functions[0](*data))


def _product_of_path(functions: list[Bound], step: Any, path: str) -> Any:
    return _product(functions, path, step)
