"""From the choices of a program and its traced numbers to the functions of one training step.

Runs inside the traced step: choices are bound to numbers that are tracers, so a number never becomes a constant of
the compiled program. Where an axis holds several choices, they stand behind one another; the ones that a lane did not
choose are at their off values. An axis that a task does not have is absent: it changes nothing.
"""

import functools
import inspect
import zlib
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
import optax.contrib
from jax import lax
from jaxtyping import Array, Float

from ablate.models.layers import Layers, layers_of
from ablate.tasks.keys import Keys
from ablate.tasks.seams import Bound, LayerChecks, Owner, guard
from ablate.tasks.task import Numbers, ProgramChoices
from ablate.tricks.augment import Visit
from ablate.tricks.axis import Choice
from ablate.tricks.clock import Clock
from ablate.tricks.draws import keys_at
from ablate.tricks.layerwise import same_rate

LAYER_AXES = ("norm", "activation", "dropout")
Depths = Mapping[str, int]  # of layers by the name that their parameters' paths begin with
NO_DEPTHS: Depths = {}


class Parts(NamedTuple):
    """The functions of one step, named by their axis."""

    scale: Bound
    augment: Bound
    target: Bound
    penalty: Bound
    objective: Bound
    gradient: Bound


def bind(choices: ProgramChoices, hp: Numbers, axis: str) -> list[Bound]:
    """The choices of an axis with their static arguments and traced numbers filled in, and their results checked."""
    return [
        guard(axis, choice, functools.partial(choice.make, **static, **numbers))
        for (choice, static), numbers in zip(choices.get(axis, ()), hp.get(axis, ()), strict=True)
    ]


def assemble(choices: ProgramChoices, hp: Numbers) -> Parts:
    """What happens to a batch and its loss, for one lane."""
    bound = functools.partial(bind, choices, hp)
    return Parts(
        scale=functools.partial(_scale, bound("scale")),
        augment=functools.partial(_augment, choices.get("augment", ()), bound("augment")),
        target=functools.partial(_compose, bound("target")),
        penalty=functools.partial(_sum, bound("penalty")),
        objective=functools.partial(_compose, bound("objective")),
        gradient=functools.partial(_compose, bound("gradient")),
    )


def layers(choices: ProgramChoices, hp: Numbers, kernel_init: Bound, bias_init: Bound) -> Layers:
    """The bundle that models are built from; the initializers only matter where parameters are made."""
    norm, activation, dropout = (bind(choices, hp, axis)[0] for axis in LAYER_AXES)
    place, precision = bind(choices, hp, "place")[0], bind(choices, hp, "precision")[0]
    return layers_of(norm, activation, dropout, kernel_init, bias_init, place=place, dtype=precision())


def layer_checks(choices: ProgramChoices, hp: Numbers, outputs: Mapping[str, int]) -> LayerChecks:
    """What checks the layers of a model while it is traced; for `flax.linen.intercept_methods`."""
    owned = {axis: (choices[axis][0][0], bind(choices, hp, axis)[0]) for axis in LAYER_AXES}
    return LayerChecks(owned, choices["model"][0][0], choices["head"][0][0], outputs)


def rate(choices: ProgramChoices, hp: Numbers, clock: Clock, axis: str = "optimizer") -> Float[Array, ""]:
    """The learning rate at a step: the optimizer's own number times the factors of the schedule."""
    numbers = hp[axis][0]
    if "learning_rate" not in numbers:
        owner = Owner(axis, choices[axis][0][0])
        owner.fail("no number called learning_rate", "an argument annotated as learning_rate: Scalar")
    return numbers["learning_rate"] * _product(bind(choices, hp, "schedule"), clock)


def optimizer(
    choices: ProgramChoices, hp: Numbers, clock: Clock, axis: str = "optimizer", depths: Depths = NO_DEPTHS
) -> optax.GradientTransformation:
    """Clip, then decay around the optimizer, then the layer-wise factors of the update.

    Clipping sees the gradient of the loss alone: decay stands behind it, also where it is coupled.
    """
    learning_rate = rate(choices, hp, clock, axis)
    core = bind(choices, hp, axis)[0](learning_rate=learning_rate)
    for decay in bind(choices, hp, "decay"):
        core = decay(core, learning_rate)
    chain = optax.chain(*(clip() for clip in bind(choices, hp, "clip")), core)
    factors = _layer_factors(choices, hp, depths)
    return chain if factors is None else _by_path(chain, functools.partial(_product_of_path, factors, clock))


def begin(choices: ProgramChoices, hp: Numbers, params: Any, axis: str = "optimizer") -> Any:
    """The optimizer's state before the first step."""
    return optimizer(choices, hp, Clock(jnp.int32(0), jnp.float32(1)), axis).init(params)


def descend(
    choices: ProgramChoices, hp: Numbers, clock: Clock, grads: Any, params: Any, opt_state: Any,
    axis: str = "optimizer", depths: Depths = NO_DEPTHS,
) -> tuple[Any, Any]:  # fmt: skip
    """Parameters and the optimizer's state behind one step along a gradient."""
    updates, opt_state = optimizer(choices, hp, clock, axis, depths).update(grads, opt_state, params)
    return optax.apply_updates(params, jax.tree.map(functools.partial(_rounded, clock.step), updates)), opt_state


def _rounded(step: Any, update: Array) -> Array:
    """The same bits, and a compiler that must make them before it adds them to a parameter.

    Otherwise XLA contracts the last product of an update and the sum into one rounding or does not, by what stands
    between them: a decay at weight 0 would change the last bit. Nobody but us knows that no step is below 0.
    """
    if update.dtype != jnp.float32:
        return update
    zero = jnp.minimum(jnp.asarray(step, jnp.int32), 0)
    return lax.bitcast_convert_type(lax.bitcast_convert_type(update, jnp.int32) ^ zero, jnp.float32)


def evaluated(opt_state: Any, params: Any) -> Any:
    """The parameters that evaluation reads: those in training, or the average that a schedule-free optimizer keeps."""
    states = jax.tree.leaves(opt_state, is_leaf=_is_schedule_free)
    own = next((state for state in states if _is_schedule_free(state)), None)
    return params if own is None else optax.contrib.schedule_free_eval_params(own, params)


def _is_schedule_free(state: Any) -> bool:
    return isinstance(state, optax.contrib.ScheduleFreeState)


def keep_frozen(
    choices: ProgramChoices, hp: Numbers, clock: Clock, new: Any, old: Any, depths: Depths = NO_DEPTHS
) -> Any:
    """A tree in which what lies below a frozen path stays as it was: running statistics of frozen layers."""
    factors = _layer_factors(choices, hp, depths)
    return new if factors is None else _keep(functools.partial(_product_of_path, factors, clock), new, old)


def noisy(choices: ProgramChoices, hp: Numbers, keys: Keys, index: Array, inputs: Array) -> Array:
    """Inputs with the noise that the data are given: drawn once per example, the same at every step that sees it."""
    static = dict(choices["data"][0][1]) if "data" in choices else {}
    if not static.get("input_noise"):
        return inputs
    noise = jax.vmap(lambda key: jax.random.normal(key, inputs.shape[1:]))(keys_at(keys.of_seed("noise"), index))
    return inputs + hp["data"][0]["input_noise"] * noise


def visit(hp: Numbers, keys: Keys, clock: Clock, index: Array) -> Visit:
    """When the examples of a step are seen."""
    steps = jnp.floor(hp["data"][0]["examples"] / index.shape[0])  # a last partial batch is left out
    return Visit(index, jnp.floor(jnp.asarray(clock.step, jnp.float32) / steps), keys.of_seed("augment"))


def no_init(key: Any, shape: Any, dtype: Any = jnp.float32) -> Array:
    """A placeholder initializer for `apply`: flax evaluates only its shape."""
    del key
    return jnp.zeros(shape, dtype)


def asks_for_depths(choices: ProgramChoices) -> bool:
    """Whether some layer-wise choice wants to know how deep a layer lies."""
    return any(choice.asks_for("depths") for choice, _ in choices.get("layerwise", ()))


def _layer_factors(choices: ProgramChoices, hp: Numbers, depths: Depths) -> list[Bound] | None:
    """None where no choice does anything, so that its program carries no masks."""
    chosen = [choice for choice, _ in choices.get("layerwise", ())]
    if all(choice.make is same_rate for choice in chosen):
        return None
    return [
        functools.partial(bound, depths=depths) if choice.asks_for("depths") else bound
        for choice, bound in zip(chosen, bind(choices, hp, "layerwise"), strict=True)
    ]


def _by_path(core: optax.GradientTransformation, factor: Callable[[str], Any]) -> optax.GradientTransformation:
    """Multiplies updates by a factor per path; a factor of 0 freezes: gradient, moments and update.

    The gradient is masked before clipping, or frozen layers would count in a global norm; the moments stay, or they
    would fill up meanwhile and act at once when the layer thaws.
    """

    def update(updates: Any, state: Any, params: Any = None) -> tuple[Any, Any]:
        masked = _map_paths(lambda path, g: jnp.where(factor(path) == 0, jnp.zeros_like(g), g), updates)
        changed, after = core.update(masked, state, params)
        scaled = _map_paths(lambda path, u: jnp.where(factor(path) == 0, jnp.zeros_like(u), u * factor(path)), changed)
        paths = {name_of(path) for path, _ in jax.tree_util.tree_leaves_with_path(masked)}
        return scaled, _keep(factor, after, state, paths)

    return optax.GradientTransformation(core.init, update)


def _keep(factor: Callable[[str], Any], new: Any, old: Any, paths: set[str] | None = None) -> Any:
    """The old leaf where its path is frozen; leaves at none of `paths` (counters) are always new."""

    def leaf(path: Any, fresh: Any, before: Any) -> Any:
        name = name_of(path)
        if paths is not None and name not in paths:
            return fresh
        return jnp.where(factor(name) == 0, before, fresh)

    return jax.tree_util.tree_map_with_path(leaf, new, old)


def name_of(path: Any) -> str:
    """The names of dictionaries on a path, joined: in an optimizer's state, those of the parameter it belongs to."""
    return "/".join(str(key.key) for key in path if isinstance(key, jax.tree_util.DictKey))


def _map_paths(function: Callable[[str, Any], Any], tree: Any) -> Any:
    return jax.tree_util.tree_map_with_path(lambda path, leaf: function(name_of(path), leaf), tree)


def _compose(functions: list[Bound], value: Any) -> Any:
    return functools.reduce(lambda current, function: function(current), functions, value)


def _scale(functions: list[Bound], inputs: Any, stats: Any) -> Any:
    return functools.reduce(lambda current, function: function(current, stats), functions, inputs)


def _augment(chosen: Any, functions: list[Bound], key: Any, images: Any, targets: Any, visit: Callable[[], Any]) -> Any:
    """One choice behind the other; what each draws follows from its name, whatever stands beside it in the program."""
    names = [_name(choice) for choice, _ in chosen]
    for k, ((choice, _), function) in enumerate(zip(chosen, functions, strict=True)):
        asked = {"visit": visit()} if choice.asks_for("visit") else {}
        own = jax.random.fold_in(jax.random.fold_in(key, zlib.crc32(names[k].encode())), names[:k].count(names[k]))
        images, targets = function(own, images, targets, **asked)
    return images, targets


def _name(choice: Choice) -> str:
    make = inspect.unwrap(choice.make)
    return getattr(make, "__qualname__", type(make).__qualname__)


def _sum(functions: list[Bound], *data: Any) -> Any:
    if not functions:
        return jnp.zeros((), jnp.float32)
    return functools.reduce(lambda total, function: total + function(*data), functions[1:], functions[0](*data))


def _product(functions: list[Bound], *data: Any) -> Any:
    if not functions:
        return jnp.ones((), jnp.float32)
    return functools.reduce(lambda total, function: total * function(*data), functions[1:], functions[0](*data))


def _product_of_path(functions: list[Bound], clock: Clock, path: str) -> Any:
    return _product(functions, path, clock)
