"""Regression: a row of numbers per example, from one head.

The network and its loss work on targets in units of their standard deviation; metrics are in the target's own unit.
"""

import dataclasses
import functools
from collections.abc import Sequence
from typing import Any, ClassVar, NamedTuple

import jax.numpy as jnp
from jaxtyping import Array, Float

from ablate.data import DataInfo
from ablate.tasks import parts
from ablate.tasks.keys import Keys
from ablate.tasks.network import Learner, Outputs, Trainer
from ablate.tasks.task import Batch, Mean, Metric, Numbers, ProgramChoices, Tree, columns_named, mean_of
from ablate.tricks.clock import Clock

Values = Float[Array, "batch outputs"]


class Sums(NamedTuple):
    """Over examples; the spread is taken around the pool's mean, where float32 loses nothing."""

    squared: Mean
    absolute: Mean
    offset: Mean
    spread: Mean


@dataclasses.dataclass(frozen=True)
class Regression:
    """Images or vectors to numbers, by the choices of one program.

    Args:
        choices: axis -> (choice, static arguments), in order.
        data: what is known of the data; `target` is needed.
    """

    choices: ProgramChoices
    data: DataInfo

    needs: ClassVar[tuple[str, ...]] = ("target",)
    metrics: ClassVar[tuple[Metric, ...]] = (
        Metric("mse", False, unit="{unit}²"),
        Metric("mae", False, unit="{unit}"),
        Metric("r2", True),
    )
    watch: ClassVar[str] = "mse"
    curves: ClassVar[tuple[str, ...]] = ("train_loss",)

    def init(self, keys: Keys, batch: Batch, init_hp: Numbers, hp: Numbers) -> Learner:
        """The network before its first step."""
        return self._trainer(hp).init(keys, batch, init_hp)

    def step(
        self, state: Learner, batch: Batch, keys: Keys, clock: Clock, hp: Numbers
    ) -> tuple[Learner, dict[str, Array]]:
        """One update of the network."""
        loss = functools.partial(self._loss, hp)
        return self._trainer(hp).step(state, batch, self._standardized(batch["target"]), loss, keys, clock)

    def variables(self, state: Learner) -> Tree:
        """Parameters and running statistics."""
        return state.variables

    def predict(self, variables: Tree, batch: Batch, keys: Keys, hp: Numbers) -> Values:
        """Predictions in the target's own unit."""
        trainer, (mean, sd) = self._trainer(hp), self._stats()
        return trainer.outputs_of(variables, trainer.scaled(batch))["head"] * sd + mean

    def combine(self, predictions: Sequence[Tree], shares: Sequence[Any]) -> Values:
        """The members' mean."""
        return mean_of(predictions, shares)

    def measure(self, prediction: Values, batch: Batch, weights: Float[Array, " batch"]) -> Sums:
        """Errors, and how far the targets lie from the pool's mean; each output counts alike."""
        error, offset = prediction - batch["target"], batch["target"] - self._stats()[0]
        rows = (jnp.square(error), jnp.abs(error), offset, jnp.square(offset))
        return Sums(*(Mean.of(jnp.mean(row, -1), weights) for row in rows))

    def summarise(self, sums: Sums) -> dict[str, Float[Array, ""]]:
        """Mean squared and absolute error, and R^2 = 1 - MSE / variance of the targets of the split.

        For several outputs the variance is that of all of them around the mean of their offsets, not a mean of R^2.
        """
        variance = sums.spread.value - jnp.square(sums.offset.value)
        return {"mse": sums.squared.value, "mae": sums.absolute.value, "r2": 1.0 - sums.squared.value / variance}

    def columns(self, prediction: Values, batch: Batch) -> dict[str, Array]:
        """The targets where they are known, and the predictions, in the target's own unit."""
        known = columns_named("target", batch["target"]) if "target" in batch else {}
        return {**known, **columns_named("predicted", prediction)}

    def rates(self, clock: Clock, hp: Numbers) -> dict[str, Float[Array, ""]]:
        """The learning rate."""
        return {"learning_rate": parts.rate(self.choices, hp, clock)}

    def signals(self, state: Learner, batch: Batch, keys: Keys, hp: Numbers) -> tuple[dict[str, Array], ...]:
        """Activations and their gradients by layer, on a batch as it is."""
        loss = functools.partial(self._loss, hp)
        return self._trainer(hp).signals(state, batch, self._standardized(batch["target"]), loss, keys)

    def _trainer(self, hp: Numbers) -> Trainer:
        return Trainer(self.choices, hp, self.data, {"head": self.data.shapes["target"][0]})

    def _stats(self) -> tuple[Array, Array]:
        stats = self.data.stats["target"]
        return jnp.asarray(stats.mean)[None, :], jnp.asarray(stats.spread)[None, :]

    def _standardized(self, targets: Values) -> Values:
        mean, sd = self._stats()
        return (targets - mean) / sd

    def _loss(self, hp: Numbers, outputs: Outputs, targets: Values) -> Float[Array, ""]:
        (loss,) = parts.bind(self.choices, hp, "loss")
        return jnp.mean(loss(outputs["head"], targets))
