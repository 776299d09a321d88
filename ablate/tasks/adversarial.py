"""Adversarial: a generator that learns to make samples like the data, against a critic that learns to tell them apart.

Every step is one update of the critic on a batch of its own; the generator is updated at each `critic_steps`-th of
them. So games of any ratio see the same data and are compared at the same number of steps.

z ──generator──> fake ─┐
                       ├──critic──> scores ──game──> losses ──gradients──> optimizer, critic_optimizer
            real ──────┘
"""

import dataclasses
import functools
import math
from collections.abc import Callable, Sequence
from typing import Annotated, Any, ClassVar, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn
from jaxtyping import Array, Float

from ablate.data import DataInfo
from ablate.models.generator import GENERATORS
from ablate.models.layers import Layers, Network, layers_of
from ablate.tasks import parts, samples
from ablate.tasks.keys import Keys
from ablate.tasks.network import MODEL
from ablate.tasks.task import Batch, Mean, Metric, Numbers, ProgramChoices, Tree, columns_named
from ablate.tricks import game, optimizer
from ablate.tricks.axis import Axis, Choice, Count, Range
from ablate.tricks.clock import Clock
from ablate.tricks.dropout import NoDropout
from ablate.tricks.init import split_init
from ablate.tricks.norm import NoNorm

GENERATOR = Axis(
    name="generator",
    seam="(layers, outputs) -> module with `latent`, called as module(z, train=...), which gives samples",
    data=("layers", "outputs"),
    supplied=("shape",),  # of an example, for generators that have it as an argument
    tasks=("adversarial",),
    default="mlp",
    choices={name: Choice(module) for name, module in GENERATORS.items()},
)
CRITIC = dataclasses.replace(MODEL, name="critic", tasks=("adversarial",))
CRITIC_OPTIMIZER = dataclasses.replace(optimizer.AXIS, name="critic_optimizer", tasks=("adversarial",))


class Player(NamedTuple):
    """A network in training."""

    params: Tree
    opt_state: Tree


class Players(NamedTuple):
    """Both of them between two steps."""

    generator: Player
    critic: Player


class Sums(NamedTuple):
    """Over samples, of which there are as many as examples."""

    modes: Float[Array, " modes"]  # samples in each mode
    high_quality: Mean  # samples in any mode
    sliced_distance: Mean  # that of a batch, weighted by its examples


@dataclasses.dataclass(frozen=True)
class Adversarial:
    """Samples like the images or vectors of the data, by the choices of one program.

    Networks see floats with mean 0 and sd 1 per channel, and bytes from -1 to 1; samples are in units of the data,
    bytes from 0 to 1. Both networks have the same `init`, `bias` and `activation`, and neither norm nor dropout, so
    that the critic judges each example by itself.

    Modes are those of the mixture where the data's facts name `centers` and `sd`, else the classes of its `label`, else
    the data is one mode. A sample belongs to the mode of the nearest center within 3 sd; without centers, to that of
    the nearest held-out example of its batch, where it lies no farther from one than that one's fifth neighbour.

    Metrics:
        modes_covered: share of the modes that get at least `fair_share` of what each would get if all got the same.
        high_quality: share of the samples that belong to a mode; about 98.9 % for a perfect generator of a mixture in
            the plane.
        sliced_distance: Wasserstein-1 distance of samples and held-out examples, mean over `slices` directions, of each
            evaluation batch, weighted by its examples; above 0 for a perfect generator, the more so the smaller
            `train.eval_batch_size` is, and misleading where a split is sorted, so that no batch resembles the whole.

    Args:
        choices: axis -> (choice, static arguments), in order.
        data: what is known of the data.
        fair_share: from 0 (a single sample covers a mode) to 1.
        slices: directions of the sliced distance, at least 1; the same ones everywhere.

    References:
        Goodfellow, Pouget-Abadie, Mirza, Xu, Warde-Farley, Ozair, Courville, Bengio. Generative Adversarial Networks.
        2014. https://arxiv.org/abs/1406.2661
        Arjovsky, Chintala, Bottou. Wasserstein GAN. 2017. https://arxiv.org/abs/1701.07875
    """

    choices: ProgramChoices
    data: DataInfo
    fair_share: Annotated[float, Range(0, 1)] = 0.1
    slices: Count = 64

    axes: ClassVar[tuple[Axis, ...]] = (game.AXIS, GENERATOR, CRITIC, CRITIC_OPTIMIZER)
    metrics: ClassVar[tuple[Metric, ...]] = (
        Metric("modes_covered", True, 100.0, "%", "points"),
        Metric("high_quality", True, 100.0, "%", "points"),
        Metric("sliced_distance", False),
    )
    watch: ClassVar[str] = "sliced_distance"
    draws: ClassVar[tuple[str, ...]] = ("latent vectors",)
    curves: ClassVar[tuple[str, ...]] = ("critic_loss", "generator_loss")

    def init(self, keys: Keys, batch: Batch, init_hp: Numbers, hp: Numbers) -> Players:
        """Both networks before the first step; their initial values are independent."""
        kernel, adjust = split_init(parts.bind(self.choices, init_hp, "init")[0]())
        layers = self._layers(hp, kernel, parts.bind(self.choices, init_hp, "bias")[0]())
        generator, critic = self._generator(hp, layers), self._critic(hp, layers)
        real, noise = self._scaled(batch), jax.random.fold_in(keys("init"), 2)
        latent = jax.random.normal(noise, (len(real), generator.latent))
        begin = functools.partial(self._begin, hp, adjust)
        return Players(
            begin("optimizer", generator, latent, jax.random.fold_in(keys("init"), 0)),
            begin("critic_optimizer", critic, real, jax.random.fold_in(keys("init"), 1)),
        )

    def step(
        self, state: Players, batch: Batch, keys: Keys, clock: Clock, hp: Numbers
    ) -> tuple[Players, dict[str, Array]]:
        """One update of the critic, and at every `critic_steps`-th step one of the generator against it."""
        rules, (first, second) = self._game(hp), jax.random.split(keys("latent"))
        real = self._scaled(batch)
        fake = self._fake(hp, state.generator.params, first, len(real))

        def critic_objective(params: Tree) -> tuple[Array, Array]:
            judge = functools.partial(self._scores, hp, params)
            loss = rules.critic_loss(judge(real), judge(fake))
            return loss + rules.penalty(judge, real, fake, keys("between")), loss

        def generator_objective(params: Tree) -> tuple[Array, Array]:
            loss = rules.generator_loss(self._scores(hp, critic.params, self._fake(hp, params, second, len(real))))
            return loss, loss

        critic, critic_loss = self._update("critic_optimizer", hp, clock, state.critic, critic_objective)
        critic = critic._replace(params=rules.constrain(critic.params))
        generator, generator_loss = self._update("optimizer", hp, clock, state.generator, generator_objective)
        moves = (clock.step + 1) % rules.critic_steps == 0
        generator = jax.tree.map(functools.partial(jnp.where, moves), generator, state.generator)
        return Players(generator, critic), {"critic_loss": critic_loss, "generator_loss": generator_loss}

    def variables(self, state: Players) -> Tree:
        """The parameters of both; evaluation reads the generator's."""
        return {"params": {"generator": state.generator.params, "critic": state.critic.params}}

    def predict(self, variables: Tree, batch: Batch, keys: Keys, hp: Numbers) -> Float[Array, "batch ..."]:
        """As many samples as the batch has examples, in units of the data; bytes from 0 to 1."""
        count = len(batch[self.data.input])
        return self._unscaled(self._fake(hp, variables["params"]["generator"], keys("sample"), count))

    def combine(self, predictions: Sequence[Tree], shares: Sequence[Any]) -> Tree:
        """Nothing: the mean of two samples is a sample of neither.

        Raises:
            ValueError: always.
        """
        raise ValueError(
            f"average has {len(predictions)} members, and samples of several generators cannot be averaged; "
            "take one that gives a single set of variables, such as ema"
        )

    def measure(self, prediction: Float[Array, "batch ..."], batch: Batch, weights: Float[Array, " batch"]) -> Sums:
        """Modes reached, and the distance to the examples of the batch."""
        mine, examples = _rows(prediction), _rows(self._unscaled(self._scaled(batch)))
        modes = self._modes(mine, examples, batch, weights) & (weights > 0)[:, None]
        directions = samples.directions_of(self.slices, mine.shape[-1])
        distance = samples.sliced_distance(mine, examples, weights, directions)
        return Sums(
            jnp.sum(modes.astype(jnp.float32), 0),
            Mean.of(jnp.any(modes, -1).astype(jnp.float32), weights),
            Mean.of(jnp.broadcast_to(distance, weights.shape), weights),
        )

    def summarise(self, sums: Sums) -> dict[str, Float[Array, ""]]:
        """Means over samples, and the share of modes that got enough of them."""
        enough = jnp.maximum(self.fair_share * sums.high_quality.count / len(sums.modes), 1.0)
        return {
            "modes_covered": jnp.mean((sums.modes >= enough).astype(jnp.float32)),
            "high_quality": sums.high_quality.value,
            "sliced_distance": sums.sliced_distance.value,
        }

    def columns(self, prediction: Float[Array, "batch ..."], batch: Batch) -> dict[str, Array]:
        """The numbers of a sample, in the order of the array; a table of samples says nothing of its examples."""
        return columns_named("x", prediction)

    def rates(self, clock: Clock, hp: Numbers) -> dict[str, Float[Array, ""]]:
        """The learning rates of generator and critic, on the same schedule."""
        rate = functools.partial(parts.rate, self.choices, hp, clock)
        return {"learning_rate": rate("optimizer"), "critic_learning_rate": rate("critic_optimizer")}

    def _begin(self, hp: Numbers, adjust: Any, axis: str, network: nn.Module, inputs: Array, key: Array) -> Player:
        def apply(variables: Tree, x: Array) -> Any:
            given = network.apply(variables, x, train=False)
            return given[1] if isinstance(given, tuple) else given

        variables = network.init(key, inputs, train=False)
        params = adjust(jax.random.fold_in(key, 1), variables, apply, inputs)["params"]
        return Player(params, parts.begin(self.choices, hp, params, axis))

    def _update(
        self, axis: str, hp: Numbers, clock: Clock, player: Player, objective: Callable[[Tree], tuple[Array, Array]]
    ) -> tuple[Player, Array]:
        grads, loss = jax.grad(objective, has_aux=True)(player.params)
        return Player(*parts.descend(self.choices, hp, clock, grads, player.params, player.opt_state, axis)), loss

    def _game(self, hp: Numbers) -> game.Game:
        return parts.bind(self.choices, hp, "game")[0]()

    def _layers(self, hp: Numbers, kernel_init: Any = parts.no_init, bias_init: Any = parts.no_init) -> Layers:
        activation, precision = (parts.bind(self.choices, hp, axis)[0] for axis in ("activation", "precision"))
        return layers_of(NoNorm, activation, NoDropout, kernel_init, bias_init, dtype=precision())

    def _generator(self, hp: Numbers, layers: Layers) -> Any:
        shape = {"shape": self._shape} if self.choices["generator"][0][0].asks_for("shape") else {}
        return parts.bind(self.choices, hp, "generator")[0](layers, math.prod(self._shape), **shape)

    def _critic(self, hp: Numbers, layers: Layers) -> Network:
        return Network(parts.bind(self.choices, hp, "critic")[0](layers), {"score": functools.partial(layers.dense, 1)})

    def _fake(self, hp: Numbers, params: Tree, key: Array, count: int) -> Float[Array, "batch ..."]:
        """Samples as networks see them."""
        generator = self._generator(hp, self._layers(hp))
        latent = jax.random.normal(key, (count, generator.latent))
        numbers = generator.apply({"params": params}, latent, train=True).reshape(count, *self._shape)
        return jnp.tanh(numbers) if self._bytes else numbers

    def _scores(self, hp: Numbers, params: Tree, inputs: Float[Array, "batch ..."]) -> Float[Array, " batch"]:
        judged: Any = self._critic(hp, self._layers(hp)).apply({"params": params}, inputs, train=True)
        return judged[1]["score"][:, 0]

    @property
    def _shape(self) -> tuple[int, ...]:
        return self.data.shapes[self.data.input]

    @property
    def _bytes(self) -> bool:
        return self.data.dtypes[self.data.input] == np.uint8

    def _span(self) -> tuple[Array, Array]:
        """What networks see as 0, and as the distance from 0 to 1, in units of the data; one number per channel."""
        stats = self.data.stats[self.data.input]
        center, spread = (0.5, 0.5) if self._bytes else (stats.mean, stats.spread)
        ones = np.ones((*(1 for _ in self._shape), self._shape[-1]), np.float32)
        return jnp.asarray(ones * center, jnp.float32), jnp.asarray(ones * spread, jnp.float32)

    def _scaled(self, batch: Batch) -> Float[Array, "batch ..."]:
        center, spread = self._span()
        values = batch[self.data.input].astype(jnp.float32) / (255.0 if self._bytes else 1.0)
        return (values - center) / spread

    def _unscaled(self, values: Float[Array, "batch ..."]) -> Float[Array, "batch ..."]:
        center, spread = self._span()
        return values * spread + center

    def _modes(self, mine: Array, examples: Array, batch: Batch, weights: Array) -> Array:
        facts = self.data.facts
        if "centers" in facts and "sd" in facts:
            return samples.modes_of_mixture(mine, jnp.asarray(facts["centers"]), jnp.float32(facts["sd"]))
        labels = batch.get("label", jnp.zeros(len(examples), jnp.int32))
        return samples.modes_of_examples(mine, examples, labels, self.data.classes or 1, weights)


def _rows(values: Float[Array, "batch ..."]) -> Float[Array, "batch numbers"]:
    return values.reshape(len(values), -1)
