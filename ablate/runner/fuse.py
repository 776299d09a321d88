"""Model fusion: the weighted mean of what kept cells predict, with its metric beside those of its members.

    kept cells ──predictions of the same examples──> groups ──weighted mean──> metrics of fusions and members
                                                                                    └──several groups──> verdicts

A fusion is of one seed's arms, of several seeds of one arm, or both. Several fusions are paired with their members
group by group, so that what fusing gains has an interval.
"""

import dataclasses
import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from ablate.report.rows import Rows
from ablate.report.verdicts import Verdicts
from ablate.report.wording import plural
from ablate.results.schema import TaskMetric
from ablate.runner.elsewhere import Terms, study_of
from ablate.runner.kept import Kept, KeptCells, pair_of
from ablate.runner.predict import examples_for, index_of
from ablate.runner.run_table import Columns, Run
from ablate.study.problems import ConfigError
from ablate.tasks.task import Task, columns_of, mean_of
from ablate.train.lanes import measured

OF = ("probabilities", "logits")
FUSED = "fused"


class Recipe(NamedTuple):
    """How cells are fused.

    Args:
        of: probabilities (as the task combines its members) or logits (the mean of predictions as they are).
        weights: of the arms, in their order, above 0; empty for equal ones. They need not sum to 1.
        at_once: seeds in one fusion; 0 for all of one arm, and for one of several arms.
    """

    of: str = "probabilities"
    weights: tuple[float, ...] = ()
    at_once: int = 0


PLAIN = Recipe()


class Fusion(NamedTuple):
    """What some cells say together.

    Args:
        seeds: of its members.
        prediction: of the fusion, [examples, ...].
        metrics: of the fusion, by name; empty where the examples have no answer.
        members: metrics of every member, by arm and seed.
    """

    seeds: tuple[int, ...]
    prediction: Any
    metrics: Mapping[str, float]
    members: Mapping[tuple[str, int], Mapping[str, float]]

    def mean_of(self, arm: str, metric: str) -> float:
        """The mean over the members of an arm."""
        return float(np.mean([values[metric] for (own, _), values in self.members.items() if own == arm]))


@dataclasses.dataclass(frozen=True)
class Fused:
    """Fusions of the same arms.

    Attributes:
        arms: their names.
        fusions: one per group of seeds.
        metric: the study's metric, as its task calls it.
        task: of the cells.
        arrays: the examples.
        index: how they are counted, as in `ablate predict`.
        changed: in words, what is not as it was when the cells trained.
        left_out: seeds that did not fill a group.
    """

    arms: tuple[str, ...]
    fusions: tuple[Fusion, ...]
    metric: TaskMetric
    task: Task
    arrays: Mapping[str, np.ndarray]
    index: np.ndarray
    changed: list[str]
    left_out: tuple[int, ...]

    @property
    def measured(self) -> bool:
        """Whether the examples have answers to measure against."""
        return all(fusion.metrics for fusion in self.fusions)

    def columns(self) -> dict[str, np.ndarray]:
        """The predictions of a single fusion as columns of a table.

        Raises:
            ConfigError: there are several.
        """
        if len(self.fusions) > 1:
            told = f"--out: there are {len(self.fusions)} fusions"
            raise ConfigError([f"{told}; name one --seed of several arms, or fuse more with --at-once"])
        batch = {name: jnp.asarray(array) for name, array in self.arrays.items()}
        columns = columns_of(self.task, next(iter(self.fusions)).prediction, batch)
        return {name: np.asarray(column) for name, column in columns.items()}

    def verdicts(self) -> Verdicts | None:
        """Every arm's members against the fusions, group by group; None with a single group."""
        if len(self.fusions) == 1 or not self.measured:
            return None
        name, rises = self.metric["name"], self.metric["higher_is_better"]
        runs = [Run(FUSED, k, str(k), one.metrics[name], "done", "") for k, one in enumerate(self.fusions)]
        for arm in self.arms:
            means = (one.mean_of(arm, name) for one in self.fusions)
            runs += [Run(f"{arm} alone", k, str(k), value, "done", "") for k, value in enumerate(means)]
        columns, terms = Columns("arm", "group", f"test_{name}"), Terms(FUSED, lower_is_better=not rises)
        study, rows = study_of(runs, columns, terms, name="fusion", command="ablate fuse")
        study["metrics"] = [self.metric]
        return Verdicts(study, tuple(rows))


def fuse(rows: Rows, arms: Sequence[str], seeds: Sequence[int], recipe: Recipe = PLAIN, data: str = "") -> Fused:
    """Fuses kept cells of a study.

        p_fused(x) = sum_m w_m p_m(x),    or    z_fused(x) = sum_m w_m z_m(x) of logits;    sum_m w_m = 1

    Args:
        rows: the study, trained with `cfg.train.keep_weights`.
        arms: whose cells; at least one.
        seeds: of the cells; at least one.
        recipe: how.
        data: other examples than the study's test examples, as `ablate predict` takes them.

    Raises:
        ConfigError: a cell is not there, cells have other test examples, or the recipe does not fit.

    References:
        Lakshminarayanan, Pritzel, Blundell. Simple and Scalable Predictive Uncertainty Estimation using Deep Ensembles.
        2017. https://arxiv.org/abs/1612.01474
    """
    at_once = recipe.at_once or (1 if len(arms) > 1 else len(seeds))
    groups = [tuple(seeds[k : k + at_once]) for k in range(0, len(seeds) - at_once + 1, at_once)]
    pairs = [*itertools.product(arms, itertools.chain(*groups))]
    kept = KeptCells.of("fuse", rows, pairs, _unfit(recipe, arms, seeds))
    cells = list(kept)
    task, metric = cells[0].item.task, _metric(rows)
    arrays, positions = _examples(kept, cells, groups, data)
    predictions = {
        pair_of(cell.cell): cell.predictions(arrays[cell.cell.seed], positions[cell.cell.seed]) for cell in cells
    }
    shares = dict(zip(arms, recipe.weights or [1.0] * len(arms), strict=True))
    fusions = []
    for group in groups:
        members = {pair: predictions[pair] for pair in itertools.product(arms, group)}
        fusions.append(_fusion(task, members, shares, recipe.of, arrays[group[0]]))
    first = groups[0][0]
    left_out = tuple(seeds[len(groups) * at_once :])
    index = np.arange(len(positions[first])) if data else index_of(cells[0], positions[first])
    return Fused(tuple(arms), tuple(fusions), metric, task, arrays[first], index, kept.changed, left_out)


def mean_prediction(task: Task, predictions: Sequence[Any], weights: Sequence[float], of: str) -> Any:
    """The weighted mean of predictions; of logits, or of probabilities as the task combines them.

    Raises:
        ConfigError: the task says that its predictions cannot be combined.
    """
    shares, given = [weight / sum(weights) for weight in weights], jax.tree.map(jnp.asarray, list(predictions))
    if len(given) == 1:
        return given[0]
    try:
        return (mean_of if of == "logits" else task.combine)(given, shares)
    except ValueError as error:
        raise ConfigError([f"fuse: {error}"]) from error


def fused_probabilities(task: Any, predictions: Sequence[Any], of: str) -> Float[np.ndarray, "examples categories"]:
    """Those of every category by the plain mean of predictions, as a task with categories tells them."""
    fused = mean_prediction(task, predictions, [1.0] * len(predictions), of)
    return np.asarray(task.probabilities(fused), np.float64)


def _fusion(
    task: Task, members: Mapping[tuple[str, int], Any], shares: Mapping[str, float], of: str, arrays: Mapping[str, Any]
) -> Fusion:
    prediction = mean_prediction(task, list(members.values()), [shares[arm] for arm, _ in members], of)
    seeds = tuple(dict.fromkeys(seed for _, seed in members))
    if not set(getattr(task, "needs", ())) <= arrays.keys():
        return Fusion(seeds, prediction, {}, {})
    metrics = {name: measured(task, own, arrays) for name, own in members.items()}
    return Fusion(seeds, prediction, measured(task, prediction, arrays), metrics)


def _unfit(recipe: Recipe, arms: Sequence[str], seeds: Sequence[int]) -> Iterator[str]:
    if recipe.of not in OF:
        yield f"--of: expected {' or '.join(OF)}, got {recipe.of!r}"
    if recipe.weights and len(recipe.weights) != len(arms):
        told = f"{plural(len(recipe.weights), 'weight')} for {plural(len(arms), 'arm')}"
        yield f"--weights: {told}; give one for each"
    if not all(0 < weight < math.inf for weight in recipe.weights):
        yield f"--weights: must be above 0 and finite, got {', '.join(map(str, recipe.weights))}"
    if not 0 <= recipe.at_once <= len(seeds):
        yield f"--at-once: expected 1 to {len(seeds)}, the number of seeds, got {recipe.at_once}"
    for flag, named in {"--arm": arms, "--seed": seeds}.items():
        yield from (f"{flag}: {one!r} is named twice" for one in dict.fromkeys(named) if list(named).count(one) > 1)
    if len(arms) * (recipe.at_once or (1 if len(arms) > 1 else len(seeds))) < 2:
        yield "fuse: a fusion takes two cells or more; name further arms or seeds, or more --at-once"


def _metric(rows: Rows) -> TaskMetric:
    """What verdicts of the study are about, as its task calls it."""
    name = rows.study["metric"]["name"].partition("_")[2]
    return next((metric for metric in rows.study["metrics"] if metric["name"] == name), rows.study["metrics"][0])


def _examples(
    kept: KeptCells, cells: Sequence[Kept], groups: Sequence[tuple[int, ...]], data: str
) -> tuple[dict[int, Mapping[str, np.ndarray]], dict[int, np.ndarray]]:
    """Examples and their positions by seed, the same for all cells of a group."""
    seeds = [seed for group in groups for seed in group]
    if data:
        arrays = examples_for(kept, data).arrays
        everywhere = np.arange(len(next(iter(arrays.values()))))
        return dict.fromkeys(seeds, arrays), dict.fromkeys(seeds, everywhere)
    tests = {cell.cell.seed: cell.inputs.split.test for cell in cells}
    apart = [*_apart(tests, groups)]
    if apart:
        raise ConfigError(apart[:1])
    dataset, known = cells[0].item.dataset, dict[bytes, Mapping[str, np.ndarray]]()
    for test in tests.values():
        known.setdefault(test.tobytes(), dataset.rows(test))
    return {seed: known[test.tobytes()] for seed, test in tests.items()}, tests


def _apart(tests: Mapping[int, np.ndarray], groups: Sequence[tuple[int, ...]]) -> Iterator[str]:
    """Why members of a group cannot be fused."""
    for group in groups:
        if any(not np.array_equal(tests[seed], tests[group[0]]) for seed in group):
            yield "fuse: every seed has test examples of its own (data.rotate_test); fuse arms of one seed, --at-once=1"
