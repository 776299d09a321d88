"""One network that is trained by one optimizer: what most tasks consist of, and an adversarial one twice.

inputs ──augment, scale──> model ──features──> heads ──outputs──> loss ──objective──> gradient ──optimizer──> params
"""

import dataclasses
import functools
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from flax import linen as nn
from jaxtyping import Array

from ablate.data import DataInfo
from ablate.models import MODELS
from ablate.models.layers import Network
from ablate.tasks import parts
from ablate.tasks.keys import Keys
from ablate.tasks.task import Batch, Numbers, Presented, ProgramChoices, Tree
from ablate.tricks.axis import Axis, Choice
from ablate.tricks.clock import Clock
from ablate.tricks.feature_loss import MEMORY, FeatureLoss, begun, no_feature_loss
from ablate.tricks.init import split_init
from ablate.tricks.scale import ImageStats, in_units

Outputs = Mapping[str, Array]
Loss = Callable[[Outputs, Tree], Array]  # of what heads give, and of targets
MODEL = Axis(
    name="model",
    seam="(layers) -> module called as module(x, train=...), which gives features",
    data=("layers",),
    default="mlp",
    choices={name: Choice(module) for name, module in MODELS.items()},
)


class Learner(NamedTuple):
    """A network in training."""

    params: Tree
    model_state: Tree  # collections beside the parameters: running statistics of batch norm
    opt_state: Tree

    @property
    def variables(self) -> dict[str, Tree]:
        """What flax applies a network with at evaluation."""
        return {"params": parts.evaluated(self.opt_state, self.params), **self.model_state}


class Example(NamedTuple):
    """A batch on its way through a step: what the network sees, what the loss aims at, and the batch as it was."""

    inputs: Array
    targets: Tree
    batch: Batch


@dataclasses.dataclass(frozen=True)
class Trainer:
    """The functions of one network for one lane, with the choices of its program compiled in.

    Args:
        choices: axis -> (choice, static arguments), in order.
        hp: their traced numbers.
        data: what is known of the data.
        outputs: width of every head by name.
        learned: modules beside the heads that hold what a loss learns for itself, called as `module(features)`.
    """

    choices: ProgramChoices
    hp: Numbers
    data: DataInfo
    outputs: Mapping[str, int]
    learned: Mapping[str, Callable[..., nn.Module]] = dataclasses.field(default_factory=dict)

    def scaled(self, batch: Batch) -> Array:
        """The input of a batch as the network sees it, without augmentation."""
        return self._scale(in_units(batch[self.data.input]))

    def _scale(self, inputs: Array) -> Array:
        stats = ImageStats(*(jnp.asarray(number) for number in self.data.stats[self.data.input]))
        return parts.assemble(self.choices, self.hp).scale(inputs, stats)

    def init(self, keys: Keys, batch: Batch, init_hp: Numbers) -> Learner:
        """The learner before the first step; `choices` must hold those of `init` and `bias` too."""
        kernel, adjust = split_init(parts.bind(self.choices, init_hp, "init")[0]())
        network = self._network(kernel, parts.bind(self.choices, init_hp, "bias")[0]())
        inputs, key = self.scaled(batch), keys("init")
        with nn.intercept_methods(self._checks()):
            variables = dict(network.init({"params": key, "dropout": keys("dropout")}, inputs, train=False))

        def apply(variables: Tree, x: Array) -> Any:
            return network.apply(variables, x, train=False)[1]

        variables = dict(adjust(jax.random.fold_in(key, 1), variables, apply, inputs))
        params = variables.pop("params")
        if any(choice.make is not no_feature_loss for choice, _ in self.choices.get(MEMORY, ())):
            apply_whole = functools.partial(network.apply, train=False)
            features, _ = jax.eval_shape(apply_whole, {"params": params, **variables}, inputs)
            variables |= begun(self._feature_loss(), features.shape[-1], self.data)
        return Learner(params, variables, parts.begin(self.choices, self.hp, params))

    def outputs_of(self, variables: Tree, inputs: Array) -> Outputs:
        """What every head gives at evaluation."""
        return self.apply(variables, inputs, train=False)[1]

    def apply(self, variables: Tree, inputs: Array, **options: Any) -> Any:
        """(features, outputs), with changed collections behind them where `mutable` names some.

        Layers and outputs are checked while the network is traced.
        """
        network = self._network(parts.no_init, parts.no_init)
        with nn.intercept_methods(self._checks()):
            return network.apply(variables, inputs, **options)

    def step(
        self, learner: Learner, batch: Batch, targets: Array, loss: Loss, keys: Keys, clock: Clock
    ) -> tuple[Learner, dict[str, Array]]:
        """One update on a batch, augmented together with what it aims at; gives the loss before penalties too."""
        shown = self.presented(batch, targets, keys, clock)
        example = Example(shown.scaled, shown.targets, batch)
        learner, data_loss = self._update(learner, example, loss, keys, clock)
        return learner, {"train_loss": data_loss}

    def presented(self, batch: Batch, targets: Array, keys: Keys, clock: Clock) -> Presented:
        """A batch and what it aims at, as noise and augmentation leave them; inputs behind scaling too."""
        inputs = parts.noisy(self.choices, self.hp, keys, batch["index"], in_units(batch[self.data.input]))
        visit = functools.partial(parts.visit, self.hp, keys, clock, batch["index"])
        augment = parts.assemble(self.choices, self.hp).augment
        inputs, targets = augment(keys("augment"), inputs, targets, visit)
        return Presented(inputs, self._scale(inputs), targets)

    def _update(
        self, learner: Learner, example: Example, loss: Loss, keys: Keys, clock: Clock
    ) -> tuple[Learner, Array]:
        gradient = parts.assemble(self.choices, self.hp).gradient
        objective = functools.partial(self.objective, learner.model_state, loss)
        value_and_grad = gradient(jax.value_and_grad(objective, has_aux=True))
        (_, (data_loss, model_state)), grads = value_and_grad(learner.params, example, keys("dropout"))
        depths = (
            self._depths({"params": learner.params, **learner.model_state}, example.inputs)
            if parts.asks_for_depths(self.choices)
            else {}
        )
        params, opt_state = parts.descend(
            self.choices, self.hp, clock, grads, learner.params, learner.opt_state, depths=depths
        )
        # Paths begin below the collection, so that one pattern names a layer's parameters and its statistics.
        keep = functools.partial(parts.keep_frozen, self.choices, self.hp, clock, depths=depths)
        model_state = {name: keep(new, learner.model_state[name]) for name, new in model_state.items()}
        return Learner(params, model_state, opt_state), data_loss

    def objective(
        self, model_state: Tree, loss: Loss, params: Tree, example: Example, key: Array
    ) -> tuple[Array, tuple[Array, Tree]]:
        """What is differentiated: the loss with penalties, flooded where chosen; and the loss as curves show it."""
        chosen = parts.assemble(self.choices, self.hp)
        (features, outputs), changed = self.apply(
            {"params": params, **model_state},
            example.inputs,
            train=True,
            rngs={"dropout": key},
            mutable=[*model_state],
        )
        data_loss = loss(outputs, example.targets)
        labels = example.batch.get("label")
        extra, changed = self._measured(dict(changed), features, labels)
        total = chosen.objective(data_loss + chosen.penalty(params, features, labels) + extra)
        return total, (data_loss, changed)

    def _measured(self, changed: dict[str, Tree], features: Array, labels: Any) -> tuple[Array, dict[str, Tree]]:
        """What the features themselves are punished for, and the collections with its memory changed."""
        if MEMORY not in changed:
            return jnp.zeros(()), changed
        value, memory = self._feature_loss().measure(changed[MEMORY], features, labels)
        return value, {**changed, MEMORY: memory}

    def _feature_loss(self) -> FeatureLoss:
        return parts.bind(self.choices, self.hp, MEMORY)[0]()

    def signals(
        self, learner: Learner, batch: Batch, targets: Array, loss: Loss, keys: Keys
    ) -> tuple[dict[str, Array], dict[str, Array]]:
        """What every activation gives on a batch as it is, and the loss's gradient with respect to it, by path."""
        example = Example(self.scaled(batch), targets, batch)
        kind = type(parts.bind(self.choices, self.hp, "activation")[0]())

        def loss_of(offsets: Tree) -> tuple[Array, Tree]:
            seen: dict[str, Array] = {}
            with nn.intercept_methods(functools.partial(_offset, kind, set(self.outputs), offsets, seen)):
                total, _ = self.objective(learner.model_state, loss, learner.params, example, keys("dropout"))
            return total, seen

        _, activations = loss_of({})
        gradients, _ = jax.grad(loss_of, has_aux=True)(jax.tree.map(jnp.zeros_like, activations))
        return activations, gradients

    def _depths(self, variables: Tree, inputs: Array) -> dict[str, int]:
        """How deep every layer lies, by the order in which an abstract pass calls them."""
        depths: dict[str, int] = {}
        with nn.intercept_methods(functools.partial(_note_depth, depths)):
            jax.eval_shape(lambda variables, x: self.outputs_of(variables, x), variables, inputs)
        return depths

    def _network(self, kernel_init: Any, bias_init: Any) -> Network:
        make_head = parts.bind(self.choices, self.hp, "head")[0]
        heads = {
            name: functools.partial(make_head, width, kernel_init, bias_init) for name, width in self.outputs.items()
        }
        layers = parts.layers(self.choices, self.hp, kernel_init, bias_init)
        return Network(parts.bind(self.choices, self.hp, "model")[0](layers), {**heads, **self.learned})

    def _checks(self) -> Any:
        return parts.layer_checks(self.choices, self.hp, self.outputs)


def _note_depth(depths: dict[str, int], call: Any, args: Any, kwargs: Any, context: Any) -> Any:
    """Notes what a layer's path begins with: one deeper where it is a new kernel's, as deep as the last where not."""
    path, given = context.module.path, call(*args, **kwargs)
    if path and path[0] not in depths:
        last = max(depths.values(), default=-1)
        kernel = isinstance(context.module, nn.Dense | nn.Conv | nn.ConvTranspose)
        depths[path[0]] = last + 1 if kernel else max(last, 0)
    return given


def _offset(kind: type, heads: set[str], offsets: Tree, seen: dict[str, Array], call, args, kwargs, context) -> Any:
    """Adds a zero to what a layer gives, so that the loss can be differentiated with respect to it."""
    given = call(*args, **kwargs)
    path = "/".join(context.module.path)
    if context.method_name != "__call__" or not (isinstance(context.module, kind) or path in heads):
        return given
    seen[path] = given
    return given + offsets[path] if path in offsets else given
