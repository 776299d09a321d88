"""What a task is: what one cell trains and how it is judged.

Whoever runs, stores, compares or reports knows of a task what stands here and nothing else. Everything is pure and
written for one cell; lanes, devices, masking of diverged cells, averages, stopping and the best variables are added
around it by `ablate.train`, once for all tasks.

    init ──> state ──step──> state ──variables──> what evaluation reads ──predict──> prediction ──measure──> sums
                    └─> curves                                                                └─summarise─> metrics
"""

import functools
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, Protocol, runtime_checkable

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from ablate.data import DataInfo
from ablate.tasks.keys import Keys
from ablate.tricks.axis import Choice
from ablate.tricks.clock import Clock

Tree = Any
Batch = Mapping[str, Array]  # named arrays [batch, ...] as the data set has them, and `index`, positions in it
ProgramChoices = Mapping[str, tuple[tuple[Choice, Mapping[str, Any]], ...]]  # axis -> (choice, static arguments)
Numbers = Mapping[str, tuple[Mapping[str, Any], ...]]  # axis -> traced numbers of each of them


class Metric(NamedTuple):
    """How a number is read: recorded in study.json, and shown from there.

    Args:
        name: without the split, `accuracy`; rows say `test_accuracy` and `val_accuracy`.
        higher_is_better: its direction.
        scale: shown value per stored value.
        unit: behind a shown level; `{unit}` stands for the unit of the data's target.
        difference: behind a shown difference; "" takes the unit.
    """

    name: str
    higher_is_better: bool
    scale: float = 1.0
    unit: str = ""
    difference: str = ""


class Mean(NamedTuple):
    """Total and count of values, to be added over batches and divided once."""

    total: Float[Array, ""]
    count: Float[Array, ""]

    @classmethod
    def of(cls, values: Float[Array, " batch"], weights: Float[Array, " batch"]) -> "Mean":
        """The sum of the values of positive weight, and how many they are."""
        counts = weights > 0  # padding has weight 0, and may hold anything
        return cls(jnp.sum(jnp.where(counts, values, 0.0)), jnp.sum(counts.astype(jnp.float32)))

    @property
    def value(self) -> Float[Array, ""]:
        """The mean, nan of nothing."""
        return self.total / self.count


class Sanity(NamedTuple):
    """What `ablate check` may expect: the watched metric before the first step, and what a few examples can reach."""

    first: float
    words: str  # what `first` is called
    metric: str
    at_least: float


class Chance(NamedTuple):
    """What guessing gives of a metric that is a share of test examples: a cell not above it has learned nothing."""

    metric: str
    level: float


class Categories(NamedTuple):
    """What predictions choose among, one category for each example.

    Args:
        one: the word for a category, `class`.
        many: the word for several.
        names: of all of them, in the order of their numbers from 0.
        truth: the array of the data set that holds the right one of every example.
    """

    one: str
    many: str
    names: tuple[str, ...]
    truth: str


class Presented(NamedTuple):
    """What a step shows the network of a batch [batch, ...]: inputs as noise and augmentation leave them, the same
    behind scaling, and what they are to give.
    """

    inputs: Array
    scaled: Array
    targets: Array


@runtime_checkable
class Task(Protocol):
    """One cell: a frozen dataclass with the fields `choices` and `data`, and arguments of its own behind them.

    `choices` holds the choices of all of its axes, those that make initial values too when `init` is called; `data`
    is what may be known of the data. `metrics`, `watch` and `curves` may be attributes of the class or properties that
    follow from its own arguments: they are asked for before there are choices and data. A task may have a `chance`
    (`Chance`) as well, by which reports tell cells that collapsed; a `score(prediction, batch)`, 0 or 1 for each
    example [batch], by which they tell how much rests on the test examples; and `categories` (`Categories`) with a
    `decide(prediction)` that gives the number of one for each example, by which they tell what is mistaken for what,
    and `probabilities(prediction)` [batch, categories], by which labels are doubted. Reports show pictures by its
    `presented(batch, keys, clock, hp)` (`Presented`), with `captions(targets)`, a text for each of them.
    """

    choices: ProgramChoices
    data: DataInfo

    @property
    def metrics(self) -> tuple[Metric, ...]:
        """What evaluation gives; the first decides unless the config says another."""
        ...

    @property
    def watch(self) -> str:
        """The metric whose validation values a stopping rule or a schedule follows."""
        ...

    @property
    def curves(self) -> tuple[str, ...]:
        """The scalars of a step, in the order of the report."""
        ...

    def init(self, keys: Keys, batch: Batch, init_hp: Numbers, hp: Numbers) -> Tree:
        """The state before the first step."""
        ...

    def step(self, state: Tree, batch: Batch, keys: Keys, clock: Clock, hp: Numbers) -> tuple[Tree, dict[str, Array]]:
        """One update, and its scalars by the names in `curves`."""
        ...

    def variables(self, state: Tree) -> Tree:
        """What evaluation reads of a state, what is averaged and kept: parameters and running statistics."""
        ...

    def predict(self, variables: Tree, batch: Batch, keys: Keys, hp: Numbers) -> Tree:
        """A prediction per example."""
        ...

    def combine(self, predictions: Sequence[Tree], shares: Sequence[Any]) -> Tree:
        """One prediction from those of several members, whose shares sum to 1."""
        ...

    def measure(self, prediction: Tree, batch: Batch, weights: Float[Array, " batch"]) -> Tree:
        """Sums over the examples of weight 1; sums of several batches are added."""
        ...

    def summarise(self, sums: Tree) -> dict[str, Float[Array, ""]]:
        """Metrics by name from sums over a whole split."""
        ...

    def rates(self, clock: Clock, hp: Numbers) -> dict[str, Float[Array, ""]]:
        """Learning rates at a step, by the name of their curve."""
        ...


def columns_of(task: Task, prediction: Tree, batch: Batch) -> dict[str, Any]:
    """Predictions as columns [batch] of a table: by the task's own `columns(prediction, batch)` where it has one."""
    own = getattr(task, "columns", None)
    if own is not None:
        return own(prediction, batch)
    leaves = jax.tree_util.tree_leaves_with_path(prediction)
    named = [(jax.tree_util.keystr(path, simple=True, separator="_") or "prediction", leaf) for path, leaf in leaves]
    return {column: numbers for name, leaf in named for column, numbers in columns_named(name, leaf).items()}


def columns_named(name: str, values: Array) -> dict[str, Array]:
    """An array with one entry or several per example as columns: `name`, or `name_0`, `name_1`, ..."""
    rows = values.reshape(len(values), -1).T
    return {name: rows[0]} if len(rows) == 1 else {f"{name}_{k}": row for k, row in enumerate(rows)}


def mean_of(predictions: Sequence[Tree], shares: Sequence[Any]) -> Tree:
    """The weighted mean of predictions: what most tasks `combine` by."""
    weighted = (jax.tree.map(lambda leaf, s=share: leaf * s, p) for p, share in zip(predictions, shares, strict=True))
    return functools.reduce(lambda a, b: jax.tree.map(jnp.add, a, b), weighted)
