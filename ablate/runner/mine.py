"""`ablate mine`: which examples of a pool are worth a look, by a production model and an ensemble of others.

pool ──production model──> a label for every example ──┐
     ──kept cells, fused──> a label with its score ────┴─ agree with a high score? ──yes──> left out
                                                                                   └─no──> listed, to be reviewed
"""

import csv
import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int

from ablate.report.rows import Rows
from ablate.runner.clean import probabilities
from ablate.runner.fuse import OF, mean_prediction
from ablate.runner.kept import Kept, KeptCells
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
        seeds: of the ensemble's cells.
        pool: examples, as `ablate predict --data` takes them; labels are not needed.
        terms: what is left out.

    Raises:
        ConfigError: a cell is not there, the pool does not fit, or a line of a CSV is no label.
    """
    is_file = terms.production.lower().endswith(".csv")
    known = [record["name"] for record in rows.study["arms"]]
    _check(terms, known, is_file=is_file)
    chosen = list(arms) or [name for name in known if name != terms.production]
    if not chosen:
        raise ConfigError(["mine: the production model is the only arm; an ensemble needs others, --arm=NAME"])
    kept = KeptCells.of("mine", rows, chosen, seeds)
    cells = list(kept)
    names = _names(rows, cells)
    arrays, source = examples_for(kept, pool)
    positions = np.arange(len(next(iter(arrays.values()))))
    predictions = [cell.predictions(arrays, positions) for cell in cells]
    task = cells[0].item.task
    probs = probabilities(task, mean_prediction(task, predictions, [1.0] * len(cells), terms.of))
    if is_file:
        production = _from_file(terms.production, names, len(positions))
    else:
        (cell,) = KeptCells.of("mine", rows, [terms.production], [terms.seed])
        production = np.argmax(probabilities(task, cell.predictions(arrays, positions)), 1)
    suggested, truth = np.argmax(probs, 1), arrays.get("label")
    return Mined(
        arrays, source, names, len(cells), production, suggested, probs.max(1), truth, terms.score, kept.changed
    )


def _check(terms: Terms, known: Sequence[str], *, is_file: bool) -> None:
    problems = []
    if not is_file and terms.production not in known:
        problems.append(f"{unknown('--production', 'arm', terms.production, known)}; or a FILE.csv")
    if not 0 <= terms.score <= 1:
        problems.append(f"--score: expected a probability from 0 to 1, got {terms.score}")
    if terms.of not in OF:
        problems.append(f"--of: expected {' or '.join(OF)}, got {terms.of!r}")
    if problems:
        raise ConfigError(problems)


def _names(rows: Rows, cells: Sequence[Kept]) -> tuple[str, ...]:
    categories: Any = getattr(cells[0].item.task, "categories", None)
    if categories is None or not hasattr(cells[0].item.task, "probabilities"):
        raise ConfigError([f"mine: labels are compared, and task {rows.study['task']} has none"])
    return tuple(categories.names)


def _from_file(path: str, names: tuple[str, ...], examples: int) -> Int[np.ndarray, " examples"]:
    """The labels of a column `predicted`, as numbers."""
    try:
        with open(path, newline="", encoding="utf-8-sig") as file:
            said = [line.get("predicted") for line in csv.DictReader(file)]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise ConfigError([f"--production: cannot read {path!r}: {error}"]) from error
    problems = [*_wrong_lines(path, said, names, examples)]
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
