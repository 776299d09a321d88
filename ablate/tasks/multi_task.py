"""Multi-task: one network with a head per question, and one loss out of theirs.

features ──> heads ──> losses [heads] ──weighting──> loss
"""

import dataclasses
import functools
import math
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import optax
from flax import linen as nn
from jaxtyping import Array, Float

from ablate.data import DataInfo
from ablate.tasks import parts
from ablate.tasks.keys import Keys
from ablate.tasks.network import Learner, Outputs, Trainer
from ablate.tasks.task import Batch, Mean, Metric, Numbers, ProgramChoices, Sanity, Tree, columns_named, mean_of
from ablate.tricks import weighting
from ablate.tricks.axis import Axis, Scalar
from ablate.tricks.clock import Clock

Rows = Float[Array, "batch numbers"]
LEARNED = "weighting"  # where the numbers that a weighting learns stand among the parameters


class LearnedNumbers(nn.Module):
    """Parameters that follow from no input."""

    count: int
    begin: Scalar

    @nn.compact
    def __call__(self, features: Float[Array, "batch channels"]) -> Float[Array, " count"]:
        """The numbers [count], whatever the features."""
        return self.param("log_variance", lambda key: jnp.full((self.count,), self.begin, jnp.float32))


@dataclasses.dataclass(frozen=True)
class MultiTask:
    """Images or vectors to several answers at once, by the choices of one program.

    The choices of `loss` and `target` serve every head with a label. Label noise touches `label` alone, outliers
    `target` alone. The curve `train_loss` is the weighted sum: of arms that weigh otherwise it says nothing.

    Metrics:
        <label>_accuracy, <label>_loss: of every array in `labels`; the loss is the cross-entropy in nats.
        <value>_mse: of every array in `values`, in the square of its unit.
        loss: sum over heads of cross-entropies and of half squared errors in standard deviations, each with weight 1.

    Args:
        choices: axis -> (choice, static arguments), in order.
        data: what is known of the data.
        labels: arrays of integers [n] from 0, each the answer of a head of its own.
        values: arrays of floats [n, outputs], likewise.

    Raises:
        ValueError: there is no head, a name is there twice, or an array is of another kind.
    """

    choices: ProgramChoices
    data: DataInfo
    labels: tuple[str, ...] = ("label", "even")
    values: tuple[str, ...] = ()

    axes: ClassVar[tuple[Axis, ...]] = (weighting.AXIS,)
    watch: ClassVar[str] = "loss"
    curves: ClassVar[tuple[str, ...]] = ("train_loss",)

    def __post_init__(self) -> None:
        """Refuses what cannot be heads."""
        if not self.needs or len(set(self.needs)) < len(self.needs):
            raise ValueError(f"labels and values name {self.needs}; at least one array is needed, each once")

    @property
    def needs(self) -> tuple[str, ...]:
        """The arrays with the answers, one per head."""
        return (*self.labels, *self.values)

    @property
    def metrics(self) -> tuple[Metric, ...]:
        """The first label decides, unless the config says another."""
        of_labels = [
            metric
            for name in self.labels
            for metric in (
                Metric(f"{name}_accuracy", True, 100.0, "%", "points"),
                Metric(f"{name}_loss", False, 1.0, "nats"),
            )
        ]
        return (*of_labels, *(Metric(f"{name}_mse", False) for name in self.values), Metric("loss", False))

    @property
    def sanity(self) -> Sanity | None:
        """All classes equally likely, all values at their mean at first; examples can be memorised."""
        if not self.labels:
            return None
        first = sum(math.log(width) for width in self._label_widths.values()) + 0.5 * len(self.values)
        return Sanity(first, "the sum of log C over labels and 1/2 over values", f"{self.labels[0]}_accuracy", 0.95)

    def init(self, keys: Keys, batch: Batch, init_hp: Numbers, hp: Numbers) -> Learner:
        """The network before its first step."""
        return self._trainer(hp).init(keys, batch, init_hp)

    def step(
        self, state: Learner, batch: Batch, keys: Keys, clock: Clock, hp: Numbers
    ) -> tuple[Learner, dict[str, Array]]:
        """One update of the network and of what the weighting learns."""
        loss = functools.partial(self._loss, hp)
        return self._trainer(hp).step(state, batch, self._targets(batch), loss, keys, clock)

    def variables(self, state: Learner) -> Tree:
        """Parameters and running statistics."""
        return state.variables

    def predict(self, variables: Tree, batch: Batch, keys: Keys, hp: Numbers) -> dict[str, Rows]:
        """Logits of every label, and values in their own unit."""
        trainer = self._trainer(hp)
        outputs = trainer.outputs_of(variables, trainer.scaled(batch))
        logits = {name: outputs[_head(name)] for name in self.labels}
        return logits | {name: self._unscaled(name, outputs[_head(name)]) for name in self.values}

    def combine(self, predictions: Sequence[Tree], shares: Sequence[Any]) -> dict[str, Rows]:
        """The logarithm of the members' mean probabilities, and their mean values."""
        probs = [{n: jax.nn.softmax(p[n]) if n in self.labels else p[n] for n in self.needs} for p in predictions]
        mean = mean_of(probs, shares)
        return {name: jnp.log(rows) if name in self.labels else rows for name, rows in mean.items()}

    def measure(self, prediction: Mapping[str, Rows], batch: Batch, weights: Float[Array, " batch"]) -> dict[str, Mean]:
        """The metrics of every head, and the sum of their losses, whatever the training's weighting."""
        per_example, total = {}, jnp.zeros_like(weights)
        for name in self.labels:
            loss = optax.softmax_cross_entropy_with_integer_labels(prediction[name], batch[name])
            right = jnp.argmax(prediction[name], -1) == batch[name]
            per_example |= {f"{name}_accuracy": right.astype(jnp.float32), f"{name}_loss": loss}
            total += loss
        for name in self.values:
            error = prediction[name] - batch[name]
            per_example[f"{name}_mse"] = jnp.mean(jnp.square(error), -1)
            total += half_square(error / self._stats(name)[1])
        return {name: Mean.of(values, weights) for name, values in {**per_example, "loss": total}.items()}

    def summarise(self, sums: Mapping[str, Mean]) -> dict[str, Float[Array, ""]]:
        """Means over examples."""
        return {name: mean.value for name, mean in sums.items()}

    def columns(self, prediction: Mapping[str, Rows], batch: Batch) -> dict[str, Array]:
        """Head by head what is known and what is predicted; of labels the probability of every class too."""
        columns: dict[str, Array] = {}
        for name in self.needs:
            columns |= columns_named(name, batch[name]) if name in batch else {}
            if name in self.values:
                columns |= columns_named(f"{name}_predicted", prediction[name])
            else:
                columns[f"{name}_predicted"] = jnp.argmax(prediction[name], -1)
                columns |= columns_named(f"{name}_p", jax.nn.softmax(prediction[name]))
        return columns

    def rates(self, clock: Clock, hp: Numbers) -> dict[str, Float[Array, ""]]:
        """The learning rate."""
        return {"learning_rate": parts.rate(self.choices, hp, clock)}

    def signals(self, state: Learner, batch: Batch, keys: Keys, hp: Numbers) -> tuple[dict[str, Array], ...]:
        """Activations and their gradients by layer, on a batch as it is."""
        loss = functools.partial(self._loss, hp)
        return self._trainer(hp).signals(state, batch, self._targets(batch), loss, keys)

    @property
    def _label_widths(self) -> dict[str, int]:
        missing = [name for name in self.labels if name not in self.data.levels]
        if missing:
            raise ValueError(f"labels: {missing[0]!r} must be an array of integers [n], none below 0")
        return {name: self.data.levels[name] for name in self.labels}

    @property
    def _widths(self) -> dict[str, int]:
        """Numbers that each head gives."""
        wrong = [name for name in self.values if name not in self.data.stats or len(self.data.shapes[name]) != 1]
        if wrong:
            raise ValueError(f"values: {wrong[0]!r} must be an array of floats [n, outputs]")
        return self._label_widths | {name: self.data.shapes[name][0] for name in self.values}

    def _trainer(self, hp: Numbers) -> Trainer:
        outputs, begin = {_head(name): width for name, width in self._widths.items()}, self._weighting(hp).begin
        learned = {} if begin is None else {LEARNED: functools.partial(LearnedNumbers, len(outputs), begin)}
        return Trainer(self.choices, hp, self.data, outputs, learned)

    def _weighting(self, hp: Numbers) -> weighting.Weighting:
        return parts.bind(self.choices, hp, "weighting")[0]()

    def _stats(self, name: str) -> tuple[Array, Array]:
        stats = self.data.stats[name]
        return jnp.asarray(stats.mean)[None, :], jnp.asarray(stats.spread)[None, :]

    def _unscaled(self, name: str, rows: Rows) -> Rows:
        mean, sd = self._stats(name)
        return rows * sd + mean

    def _targets(self, batch: Batch) -> Rows:
        """What heads aim at, side by side, so that whatever mixes examples mixes all of their answers alike."""
        rows = [jax.nn.one_hot(batch[name], width) for name, width in self._label_widths.items()]
        for name in self.values:
            mean, sd = self._stats(name)
            rows.append((batch[name] - mean) / sd)
        return jnp.concatenate(rows, -1)

    def _loss(self, hp: Numbers, outputs: Outputs, targets: Rows) -> Float[Array, ""]:
        (loss,), target = parts.bind(self.choices, hp, "loss"), parts.assemble(self.choices, hp).target
        losses, begin = [], 0
        for name, width in self._widths.items():
            mine, begin = targets[:, begin : begin + width], begin + width
            given = outputs[_head(name)]
            losses.append(jnp.mean(loss(given, target(mine)) if name in self.labels else half_square(given - mine)))
        return self._weighting(hp).total(jnp.stack(losses), outputs.get(LEARNED, jnp.zeros(len(losses))))


def half_square(errors: Rows) -> Float[Array, " batch"]:
    """Half the squared error, mean over outputs: up to a constant, -log likelihood of a normal of variance 1."""
    return jnp.mean(jnp.square(errors), -1) / 2


def _head(name: str) -> str:
    return f"head_{name}"
