"""Classification: one label per example, logits from one head."""

import dataclasses
import functools
import math
from collections.abc import Sequence
from typing import Any, ClassVar, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array, Float, Int

from ablate.data import DataInfo
from ablate.tasks import parts
from ablate.tasks.keys import Keys
from ablate.tasks.network import Learner, Outputs, Trainer
from ablate.tasks.task import (
    Batch,
    Categories,
    Chance,
    Mean,
    Metric,
    Numbers,
    Presented,
    ProgramChoices,
    Sanity,
    Tree,
    mean_of,
)
from ablate.tricks.clock import Clock


class Sums(NamedTuple):
    """Over examples."""

    accuracy: Mean
    loss: Mean


@dataclasses.dataclass(frozen=True)
class Classification:
    """Images or vectors to one of several classes, by the choices of one program.

    Args:
        choices: axis -> (choice, static arguments), in order.
        data: what is known of the data; `label` and its number of classes are needed.
    """

    choices: ProgramChoices
    data: DataInfo

    needs: ClassVar[tuple[str, ...]] = ("label",)
    metrics: ClassVar[tuple[Metric, ...]] = (
        Metric("accuracy", True, 100.0, "%", "points"),
        Metric("loss", False, 1.0, "nats"),
    )
    watch: ClassVar[str] = "loss"
    curves: ClassVar[tuple[str, ...]] = ("train_loss",)

    @property
    def classes(self) -> int:
        """The number of logits."""
        return self.data.classes or 1

    @property
    def sanity(self) -> Sanity:
        """All classes equally likely at first; 64 examples can be memorised."""
        return Sanity(math.log(self.classes), "log C", "accuracy", 0.95)

    @property
    def chance(self) -> Chance:
        """Every class as often as the others."""
        return Chance("accuracy", 1 / self.classes)

    @property
    def categories(self) -> Categories:
        """The classes, called by their texts where the data's facts have `labels`."""
        return Categories("class", "classes", tuple(map(str, self._texts)), "label")

    @property
    def _texts(self) -> Sequence[Any]:
        return self.data.facts.get("labels") or range(self.classes)

    def init(self, keys: Keys, batch: Batch, init_hp: Numbers, hp: Numbers) -> Learner:
        """The network before its first step."""
        return self._trainer(hp).init(keys, batch, init_hp)

    def step(
        self, state: Learner, batch: Batch, keys: Keys, clock: Clock, hp: Numbers
    ) -> tuple[Learner, dict[str, Array]]:
        """One update of the network."""
        loss = functools.partial(self._loss, hp)
        return self._trainer(hp).step(state, batch, self._targets(batch), loss, keys, clock)

    def presented(self, batch: Batch, keys: Keys, clock: Clock, hp: Numbers) -> Presented:
        """What a step trains on."""
        return self._trainer(hp).presented(batch, self._targets(batch), keys, clock)

    def captions(self, targets: Float[np.ndarray, "batch classes"]) -> list[str]:
        """The class of every target, or where classes are mixed, the two largest with their shares in percent."""
        return [self._caption(target) for target in targets]

    def _caption(self, target: Float[np.ndarray, " classes"]) -> str:
        ranks = np.argsort(-target, kind="stable")[:2]
        parts_of = [(round(100 * float(target[k])), str(self._texts[k])) for k in ranks]
        mixed = parts_of[-1][0] > 0 and parts_of[0][0] < 100
        return " + ".join(f"{percent} % {text}" for percent, text in parts_of) if mixed else parts_of[0][1]

    def variables(self, state: Learner) -> Tree:
        """Parameters and running statistics."""
        return state.variables

    def predict(self, variables: Tree, batch: Batch, keys: Keys, hp: Numbers) -> Float[Array, "batch classes"]:
        """Logits."""
        trainer = self._trainer(hp)
        return trainer.outputs_of(variables, trainer.scaled(batch))["head"]

    def combine(self, predictions: Sequence[Tree], shares: Sequence[Any]) -> Float[Array, "batch classes"]:
        """The logarithm of the members' mean probabilities, which are logits again."""
        return jnp.log(mean_of([jax.nn.softmax(logits) for logits in predictions], shares))

    def measure(self, prediction: Float[Array, "batch classes"], batch: Batch, weights: Float[Array, " batch"]) -> Sums:
        """Cross-entropy and accuracy against the labels, whatever the training's targets."""
        loss = optax.softmax_cross_entropy_with_integer_labels(prediction, batch["label"])
        return Sums(Mean.of(self.score(prediction, batch), weights), Mean.of(loss, weights))

    def summarise(self, sums: Sums) -> dict[str, Float[Array, ""]]:
        """Means over examples."""
        return {"accuracy": sums.accuracy.value, "loss": sums.loss.value}

    def score(self, prediction: Float[Array, "batch classes"], batch: Batch) -> Float[Array, " batch"]:
        """1 where the largest logit is that of the label."""
        return (self.decide(prediction) == batch["label"]).astype(jnp.float32)

    def decide(self, prediction: Float[Array, "batch classes"]) -> Int[Array, " batch"]:
        """The class with the largest logit."""
        return jnp.argmax(prediction, -1)

    def probabilities(self, prediction: Float[Array, "batch classes"]) -> Float[Array, "batch classes"]:
        """Of every class."""
        return jax.nn.softmax(prediction)

    def columns(self, prediction: Float[Array, "batch classes"], batch: Batch) -> dict[str, Any]:
        """The label where it is known, the most probable class, and the probability of every class.

        Classes are called by their texts where the data's facts have `labels`.
        """
        texts = self._texts
        numbers = {"label": batch["label"]} if "label" in batch else {}
        numbers["predicted"] = self.decide(prediction)
        named = {name: np.array(texts)[np.asarray(label)] for name, label in numbers.items()}
        probs = self.probabilities(prediction)
        return {**named, **{f"p_{text}": probs[:, k] for k, text in enumerate(texts)}}

    def rates(self, clock: Clock, hp: Numbers) -> dict[str, Float[Array, ""]]:
        """The learning rate."""
        return {"learning_rate": parts.rate(self.choices, hp, clock)}

    def signals(self, state: Learner, batch: Batch, keys: Keys, hp: Numbers) -> tuple[dict[str, Array], ...]:
        """Activations and their gradients by layer, on a batch as it is."""
        loss = functools.partial(self._loss, hp)
        return self._trainer(hp).signals(state, batch, self._targets(batch), loss, keys)

    def _trainer(self, hp: Numbers) -> Trainer:
        return Trainer(self.choices, hp, self.data, {"head": self.classes})

    def _targets(self, batch: Batch) -> Float[Array, "batch classes"]:
        return jax.nn.one_hot(batch["label"], self.classes)

    def _loss(self, hp: Numbers, outputs: Outputs, probs: Float[Array, "batch classes"]) -> Float[Array, ""]:
        (loss,) = parts.bind(self.choices, hp, "loss")
        (class_weight,) = parts.bind(self.choices, hp, "class_weight")
        targets = parts.assemble(self.choices, hp).target(probs) * class_weight(hp["data"][0]["counts"])[None, :]
        return jnp.mean(loss(outputs["head"], targets))
