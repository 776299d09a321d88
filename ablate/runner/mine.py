"""`ablate mine`: which examples of a pool are worth a look, by a production model and an ensemble of others.

pool ──production model──> a label for every example ──┐
     ──kept cells, fused──> a label with its score ────┴─ agree with a high score? ──yes──> left out
                                                                                   └─no──> listed, to be reviewed
"""

import csv
import dataclasses
import itertools
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int

from ablate.report.rows import Rows
from ablate.runner.clean import digest_of
from ablate.runner.fuse import OF, fused_probabilities
from ablate.runner.kept import KeptCells, Pair, pair_of, seeds_of
from ablate.runner.predict import examples_for
from ablate.study.problems import ConfigError, unknown


class Terms(NamedTuple):
    """What is left out.

    Args:
        production: an arm of the study, or a CSV with a line per example of the pool and a column `predicted`.
        seed: of the production model, where it is an arm.
        score: an agreed label is left out from this probability on, 0 to 1.
        of: what is averaged over the ensemble: logits or probabilities.
    """

    production: str
    seed: int
    score: float = 0.9
    of: str = "logits"


@dataclasses.dataclass(frozen=True)
class Mined:
    """What two models say of every example of a pool.

    Attributes:
        arrays: the examples.
        source: a column that says where they come from, if that is known.
        names: of the classes.
        members: how many cells the ensemble has.
        production: label that the production model gives.
        suggested: label that the ensemble gives.
        scores: probability that the ensemble gives it.
        truth: labels of the pool, if it has any.
        score: from where on an agreed label is left out.
        changed: in words, what is not as it was when the cells trained.
    """

    arrays: Mapping[str, np.ndarray]
    source: Mapping[str, np.ndarray]
    names: tuple[str, ...]
    members: int
    production: Int[np.ndarray, " examples"]
    suggested: Int[np.ndarray, " examples"]
    scores: Float[np.ndarray, " examples"]
    truth: Int[np.ndarray, " examples"] | None
    score: float
    changed: list[str]

    @property
    def agreed(self) -> Bool[np.ndarray, " examples"]:
        """Whether both give the same label."""
        return self.production == self.suggested

    @property
    def listed(self) -> Bool[np.ndarray, " examples"]:
        """Whether an example is worth a look."""
        return ~(self.agreed & (self.scores >= self.score))

    @property
    def order(self) -> Int[np.ndarray, " listed"]:
        """The listed examples: those in dispute first, the most certain ones before others; then the least certain."""
        certainty = np.where(self.agreed, self.scores, -self.scores)
        order = np.lexsort((certainty, self.agreed))
        return order[self.listed[order]]

    def right(self) -> dict[str, float] | None:
        """Shares of right labels: of production among what is left out and listed, of the ensemble among the latter."""
        if self.truth is None:
            return None
        groups = {"left_out": ~self.listed, "listed": self.listed, "suggested": self.listed}
        given = {"left_out": self.production, "listed": self.production, "suggested": self.suggested}
        right = {name: (given[name] == self.truth)[group] for name, group in groups.items()}
        return {name: float(np.mean(values)) for name, values in right.items() if len(values)}


def mine(rows: Rows, arms: Sequence[str], seeds: Sequence[int], pool: str, terms: Terms) -> Mined:
    """Looks through a pool with cells of a study.

    Args:
        rows: the study, trained with `cfg.train.keep_weights`.
        arms: whose cells make the ensemble; empty for all arms but the production model's.
        seeds: of the ensemble's cells; empty for all that finished, of named arms those that all of them have.
        pool: examples, as `ablate predict --data` takes them; labels are not needed.
        terms: what is left out.

    Raises:
        ConfigError: a cell is not there, the pool does not fit, or a line of a CSV is no label.
    """
    is_file = terms.production.lower().endswith(".csv")
    known = [record["name"] for record in rows.study["arms"]]
    named = itertools.product(arms, seeds or seeds_of(rows, arms))
    ensemble = [*named] if arms else _others(rows, terms.production, seeds)
    production = [] if is_file else [(terms.production, terms.seed)]
    asked = [*ensemble, *(pair for pair in production if terms.production in known)]
    kept = KeptCells.of("mine", rows, asked, _unfit(terms, known, ensemble, production))
    arrays, source = examples_for(kept, pool)
    positions = np.arange(len(next(iter(arrays.values()))))
    said = {pair_of(cell.cell): cell.predictions(arrays, positions) for cell in kept}
    task = kept.plan.task
    names = _names(rows, task)
    probs = fused_probabilities(task, [said[pair] for pair in ensemble], terms.of)
    if is_file:
        labels = _from_file(terms.production, names, len(positions))
    else:
        labels = np.argmax(fused_probabilities(task, [said[pair] for pair in production], terms.of), 1)
    changed = [*kept.changed, *_known_already(kept, arrays)]
    return Mined(
        arrays, source, names, len(ensemble), labels, np.argmax(probs, 1), probs.max(1), arrays.get("label"),
        terms.score, changed,
    )  # fmt: skip


def _others(rows: Rows, production: str, seeds: Sequence[int]) -> list[Pair]:
    """The cells of the other arms that finished, of some seeds or all."""
    finished = [(row["arm"], row["seed"]) for row in rows if row["status"] == "done"]
    return [(arm, seed) for arm, seed in finished if arm != production and (not seeds or seed in seeds)]


def _known_already(kept: KeptCells, arrays: Mapping[str, np.ndarray]) -> Iterator[str]:
    """Whether models were trained on what the pool has, which they then know by heart."""
    dataset = kept.plan.dataset
    name = dataset.info.input
    trained = {digest_of(example) for example in dataset.pool[name]}
    known = sum(digest_of(example) in trained for example in arrays[name])
    if known:
        yield f"{known:,} of {len(arrays[name]):,} examples of the pool are training examples of the study"


def _unfit(terms: Terms, known: Sequence[str], ensemble: Sequence[Pair], production: Sequence[Pair]) -> Iterator[str]:
    if production and terms.production not in known:
        yield f"{unknown('--production', 'arm', terms.production, known)}; or a FILE.csv"
    elif not ensemble:
        yield "mine: the production model is the only arm that finished; an ensemble needs others, --arm=NAME"
    if not 0 <= terms.score <= 1:
        yield f"--score: expected a probability from 0 to 1, got {terms.score}"
    if terms.of not in OF:
        yield f"--of: expected {' or '.join(OF)}, got {terms.of!r}"
    for arm, seed in dict.fromkeys(ensemble):
        if ensemble.count((arm, seed)) > 1:
            yield f"--arm: the cell of arm {arm!r} and seed {seed} is named twice"
    if set(ensemble) & set(production):
        yield f"--arm: arm {terms.production!r}, seed {terms.seed} is the production model; name others, or other seeds"


def _names(rows: Rows, task: Any) -> tuple[str, ...]:
    categories: Any = getattr(task, "categories", None)
    if categories is None or not hasattr(task, "probabilities"):
        raise ConfigError([f"mine: labels are compared, and task {rows.study['task']} has none"])
    return tuple(categories.names)


def _from_file(path: str, names: tuple[str, ...], examples: int) -> Int[np.ndarray, " examples"]:
    """The labels of a column `predicted`, as numbers."""
    try:
        with open(path, newline="", encoding="utf-8-sig") as file:
            lines = [*csv.DictReader(file)]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise ConfigError([f"--production: cannot read {path!r}: {error}"]) from error
    said = [line.get("predicted") for line in lines]
    problems = [*_wrong_lines(path, said, names, examples)]
    if not problems and "index" in lines[0]:
        order = [line["index"] for line in lines]
        if sorted(order) != sorted(map(str, range(examples))):
            problems.append(f"--production: {path!r} has a column index that does not count 0 to {examples - 1}")
        else:
            said = [label for _, label in sorted(zip(map(int, order), said, strict=True))]
    if problems:
        raise ConfigError(problems)
    return np.array([names.index(str(label)) for label in said])


def _wrong_lines(path: str, said: Sequence[str | None], names: tuple[str, ...], examples: int) -> Iterator[str]:
    wrong = next((k for k, label in enumerate(said) if label not in names), None)
    if len(said) != examples:
        yield f"--production: {path!r} has {len(said)} lines, and the pool {examples} examples; give one for each"
    elif wrong is not None and said[wrong] is None:
        yield f"--production: {path!r} needs a column 'predicted', as `ablate predict` writes it"
    elif wrong is not None:
        yield f"--production: {path!r}, line {wrong + 2}: {said[wrong]!r} is no label; they are {', '.join(names[:20])}"
