"""`ablate clean`: which labels of a data set are probably wrong, by models that did not learn them.

    config ──every arm a model, seeds the folds──> an ordinary study ──kept weights──> predictions of what was left out
    predictions of a seed ──mean over the models──> label in doubt or not ──all folds and rounds──> counts per example

Each seed is a fold of a partition: trained on all other folds (or on it alone), the models of a seed predict what they
were not trained on. An example is picked out in a test where their fused answer is another label, or where it is the
label with a score below a threshold. Nothing is held out for validation: its labels would be as doubtful as the others.
"""

import copy
import dataclasses
import hashlib
import math
import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int
from ml_collections import ConfigDict

from ablate.data import TRAINED_FOLDS, DataSet, Sampling
from ablate.report.rows import ACROSS, Rows
from ablate.report.wording import listed, plural
from ablate.results.schema import Study, read_record
from ablate.runner.engines.engine import Engine
from ablate.runner.engines.local import LocalEngine
from ablate.runner.execute import execute
from ablate.runner.fuse import OF, fused_probabilities
from ablate.runner.interrupts import Between, go_on
from ablate.runner.kept import KeptCells, pair_of, problems_of_cells
from ablate.runner.place import Place
from ablate.runner.plan import Plan, data_id, load_data, make_plan
from ablate.stats.labels import Found, found, in_doubt
from ablate.study.choices import sampling_of
from ablate.study.design import Arm, arms_of
from ablate.study.problems import ConfigError
from ablate.study.resolving import Spec, resolve
from ablate.tasks.task import Categories

DESIGN = "clean"  # of the study, so that no other one is taken for it
WATCHING = {"stop": "early_stopping", "schedule": "plateau"}
LEFT_ALONE = ("per_class", "examples", "imbalance", "oversample", "rotate_test")  # they would hide examples


class Terms(NamedTuple):
    """How labels are doubted.

    Args:
        folds: parts of a partition, 2 or more.
        train_on: rest (a model learns from all parts but one and is asked about that one) or one (the other way round).
        rounds: partitions, each with models of its own, 1 or more.
        score: an answer that agrees with the label counts as doubt below this probability, 0 to 1.
        picked: in how many tests an example must be in doubt to be listed; 0 for all of them.
        of: what is averaged over models: logits or probabilities.
    """

    folds: int = 5
    train_on: str = "rest"
    rounds: int = 3
    score: float = 0.0
    picked: int = 0
    of: str = "logits"

    @property
    def tests(self) -> int:
        """How often every example is tested."""
        return self.rounds * (1 if self.train_on == "rest" else self.folds - 1)

    @property
    def least(self) -> int:
        """The number of doubts from which an example is listed."""
        return self.picked or self.tests


PLAIN = Terms()


@dataclasses.dataclass(frozen=True)
class Cleaned:
    """What the models of all folds say of every training example, in the order of the data set's pool.

    Attributes:
        terms: how labels were doubted.
        dataset: the data.
        names: of the classes.
        models: names of the arms.
        labels: as they are given to the models.
        times: in how many tests an example was in doubt.
        probs: mean over the tests of what the models say together.
        truth: labels without planted noise; None where none was planted, so that nobody knows.
    """

    terms: Terms
    dataset: DataSet
    names: tuple[str, ...]
    models: tuple[str, ...]
    labels: Int[np.ndarray, " examples"]
    times: Int[np.ndarray, " examples"]
    probs: Float[np.ndarray, "examples categories"]
    truth: Int[np.ndarray, " examples"] | None

    @property
    def suggested(self) -> Int[np.ndarray, " examples"]:
        """The most probable class."""
        return np.argmax(self.probs, 1)

    @property
    def listed(self) -> Bool[np.ndarray, " examples"]:
        """Whether an example was in doubt often enough to be looked at."""
        return self.times >= self.terms.least

    @property
    def order(self) -> Int[np.ndarray, " examples"]:
        """All examples, the most doubtful first: by doubts, then by the probability of the label."""
        return np.lexsort((self.scores(self.labels), -self.times))

    def scores(self, labels: Int[np.ndarray, " examples"]) -> Float[np.ndarray, " examples"]:
        """The probability of one class for every example."""
        return self.probs[np.arange(len(labels)), labels]

    def judged(self, least: int | None = None) -> Found | None:
        """How well what is listed covers the planted noise, or would from so many doubts on; None without noise."""
        if self.truth is None:
            return None
        listed = self.listed if least is None else self.times >= least
        return found(listed, self.truth != self.labels)

    def corrected(self) -> float | None:
        """The share of what is listed for which the true label is suggested; None without planted noise."""
        if self.truth is None:
            return None
        return float(np.mean((self.suggested == self.truth)[self.listed])) if self.listed.any() else math.nan


def clean(
    cfg: ConfigDict, workdir: str | os.PathLike[str], terms: Terms = PLAIN, *, engine: Engine | None = None
) -> Cleaned:
    """Trains every arm of a config on folds of its data, and asks about what each did not see; the same call continues.

    Args:
        cfg: a config as `base_config()` gives it.
        workdir: the run's directory.
        terms: how labels are doubted.
        engine: who trains; this process if not given.

    Raises:
        ConfigError: with all problems of the config; or the directory holds a study of another kind.
        InUseError, Interrupted, StorageError: as `ablate.run` does.

    References:
        Northcutt, Jiang, Chuang. Confident Learning: Estimating Uncertainty in Dataset Labels. 2021.
        https://arxiv.org/abs/1911.00068, which out-of-sample predictions such as these are made for.
    """
    directory, engine = Path(workdir), engine or LocalEngine()
    texts: dict[str, Any] = {"name": directory.name, "command": "ablate.clean(cfg)", "place": engine.place()}
    plan = plan_cleaning(resolve(cfg), terms, **texts)
    refuse_another(directory)
    return cleaned(execute(plan, directory, engine=engine), plan, terms)


def plan_cleaning(
    spec: Spec, terms: Terms = PLAIN, *, name: str, question: str = "", command: str = "", folder: str = "",
    place: Place | None = None, between: Between = go_on,
) -> Plan:  # fmt: skip
    """The study that trains every arm of a config on the folds of its data.

    Args:
        spec: the resolved config; its arms are the models, its data what is cleaned.
        terms: how.
        name: of the study.
        question: that the config asks.
        command: that asked for it.
        folder: of the config file.
        place: what its waves will run on; all devices of this process if not given.
        between: called between two steps of planning; what it raises ends it there.

    Raises:
        ConfigError: the task has no labels, an arm or the data do not fit, or as `make_plan` does.
    """
    problems = [*_out_of_range(terms), *_unfit(spec)]
    if problems:
        raise ConfigError(problems)
    texts: dict[str, Any] = {"name": name, "question": question, "command": command, "folder": folder}
    folded = _folded(spec, terms)
    arms = arms_of(folded) if spec.vary or spec.arms else (Arm("baseline", folded.recipe, {}),)
    loaded = {data_id(folded.recipe["data"]): load_data(folded.recipe["data"])}
    (dataset,) = loaded.values()
    if terms.folds > dataset.sizes[0]:
        raise ConfigError([f"--folds: {terms.folds} is more than the {dataset.sizes[0]} training examples"])
    plan = make_plan(
        dataclasses.replace(folded, design=DESIGN), arms=arms, loaded=loaded, place=place, between=between, **texts
    )
    categories: Categories | None = getattr(plan.task, "categories", None)
    if categories is None or categories.truth != "label" or not hasattr(plan.task, "probabilities"):
        raise ConfigError([f"clean: labels are looked for, and task {spec.task.name} has none"])
    return dataclasses.replace(plan, notes=(*plan.notes, *_leaks(plan)))


def _leaks(plan: Plan) -> Iterator[str]:
    """How a model may have seen what it is asked about."""
    starts = [arm.name for arm in plan.arms if any(one.name == "pretrained" for one in arm.recipe["init"].chain)]
    if starts:
        yield (
            f"{listed(starts)} start from kept weights: where those were trained on examples of this data set, they "
            "have seen what they are asked about, and wrong labels stay hidden."
        )
    copies = copied(plan.dataset.pool[plan.dataset.info.input])
    if copies:
        yield (
            f"{copies:,} of {plan.dataset.sizes[0]:,} training examples are copies of others, which may lie in another "
            "fold: what was learnt from a copy hides its wrong label. Remove copies first."
        )


def copied(inputs: np.ndarray) -> int:
    """How many examples equal another one in every number."""
    times = Counter(map(digest_of, inputs))
    return sum(count for count in times.values() if count > 1)


def digest_of(example: np.ndarray) -> bytes:
    """A hash of an example's numbers."""
    return hashlib.blake2b(np.ascontiguousarray(example).data, digest_size=16).digest()


def cleaned(rows: Rows, plan: Plan, terms: Terms = PLAIN, between: Between = go_on) -> Cleaned:
    """Asks the cells of a plan that has run about every example that they were not trained on.

    Args:
        rows: what running it left.
        plan: of `plan_cleaning`.
        terms: the same.
        between: called between two cells; what it raises ends it there.

    Raises:
        ConfigError: a cell has no kept variables, since it failed or diverged.
    """
    dataset, task = plan.dataset, plan.task
    labels, names = given_labels(plan), _categories(task).names
    times, total = np.zeros(len(labels), int), np.zeros((len(labels), len(names)))
    pairs = [pair_of(cell) for cell in plan.cells]
    problems = [*problems_of_cells(rows, pairs)]
    if problems:
        raise ConfigError(problems)
    for asked, predictions in _by_seed(KeptCells(rows, plan, frozenset(pairs)), between):
        probs = fused_probabilities(task, predictions, terms.of)
        total[asked] += probs
        times[asked] += in_doubt(probs, labels[asked], terms.score)
    spoilt = sampling_of(plan.spec.recipe["data"]).label_noise > 0
    truth = dataset.pool["label"] if spoilt else None
    models = tuple(arm.name for arm in plan.arms)
    return Cleaned(terms, dataset, names, models, labels, times, total / terms.tests, truth)


def given_labels(plan: Plan) -> Int[np.ndarray, " examples"]:
    """The label of every example of the pool as training sees it: one and the same, whoever trains on it."""
    labels = plan.dataset.pool["label"].copy()
    for item in plan.programs:
        for inputs in item.inputs.values():
            labels[inputs.split.train] = inputs.split.planted["label"]
    return labels


def _by_seed(kept: KeptCells, between: Between) -> Iterator[tuple[Int[np.ndarray, " asked"], list[Any]]]:
    """For every seed the examples that none of its cells was trained on, and what each of them says of these."""
    asked, predictions = dict[int, np.ndarray](), dict[int, list[Any]]()
    for cell in kept:
        between()
        seed, dataset = cell.cell.seed, cell.item.dataset
        asked[seed] = np.setdiff1d(np.arange(dataset.sizes[0]), cell.inputs.split.train)
        predictions.setdefault(seed, []).append(cell.predictions(dataset.rows(asked[seed]), asked[seed]))
    return zip(asked.values(), predictions.values(), strict=True)


def _folded(spec: Spec, terms: Terms) -> Spec:
    """The config with seeds for folds, all of whose variables are kept."""
    content = copy.deepcopy(dict(spec.plain)) | {"seeds": terms.folds * terms.rounds, "across": {}}
    content["data"] |= {"folds": terms.folds, "train_on": terms.train_on, "validation": 0.0}
    content["train"] |= {"keep_weights": True}
    content["tune"] |= {"grid": {}}
    content["report"] |= {"looks": ()}
    return resolve(content)


def _categories(task: Any) -> Categories:
    return task.categories


def _out_of_range(terms: Terms) -> Iterator[str]:
    if terms.folds < 2:
        yield f"--folds: expected 2 or more, got {terms.folds}"
    if terms.train_on not in TRAINED_FOLDS:
        yield f"--train-on: expected {' or '.join(TRAINED_FOLDS)}, got {terms.train_on!r}"
    if terms.rounds < 1:
        yield f"--rounds: expected 1 or more, got {terms.rounds}"
    if not 0 <= terms.score <= 1:
        yield f"--score: expected a probability from 0 to 1, got {terms.score}"
    if not 0 <= terms.picked <= max(1, terms.tests):
        yield f"--picked: every example is tested {plural(terms.tests, 'time')}, so expected 1 to {terms.tests}"
    if terms.of not in OF:
        yield f"--of: expected {' or '.join(OF)}, got {terms.of!r}"


def _unfit(spec: Spec) -> Iterator[str]:
    """What a config asks for that does not go with looking at every label."""
    sampling, plain = sampling_of(spec.recipe["data"]), Sampling()
    for name in LEFT_ALONE:
        if getattr(sampling, name) != getattr(plain, name):
            yield f"data.{name}: every training example is looked at; leave it away"
    for arm in arms_of(spec) if spec.vary or spec.arms else ():
        if "data" in arm.changes:
            yield f"arm {arm.name!r}: has data of its own, and one data set is cleaned; vary anything else"
        for axis, name in WATCHING.items():
            if axis in arm.recipe and name in {one.name for one in arm.recipe[axis].chain}:
                yield f"arm {arm.name!r}: {axis}={name} watches validation, for which no doubtful label is held out"


def refuse_another(directory: Path) -> None:
    """Leaves a directory alone that holds a study of another kind.

    Raises:
        ConfigError: it holds one.
    """
    before = read_record(directory / "study.json", Study)
    if (directory / ACROSS).exists() or (before is not None and before["design"] != DESIGN):
        raise ConfigError([f"--workdir: {directory} holds another study; give another directory"])
