"""What arms and the baseline take each category of test examples for: rows -> numbers by category. Pure.

Compared are the seeds on which both succeeded. A row whose predictions do not give the examples that it says were
right is left out: it is damaged, or its arm is judged by other data.
"""

import dataclasses
from collections.abc import Iterable, Mapping

import numpy as np

from ablate.report.records import Cell, Summary, Tables, ranked, rotates
from ablate.report.wording import plain
from ablate.results.packed import bits_for, unpacked
from ablate.results.schema import Study
from ablate.stats.categories import Flips, counts_by_seed, flips, shares_right
from ablate.stats.checks import rounding_of
from ablate.stats.paired import Interval, t_interval

Truths = Mapping[int, np.ndarray]  # seed -> the right category of every test example


@dataclasses.dataclass(frozen=True, eq=False)
class ArmByCategory:
    """An arm against the baseline, on the seeds of both: categories of the test examples, [seeds, examples].

    Attributes:
        arm: its name.
        truth: the right ones.
        baseline: those that the baseline predicts.
        own: those that the arm predicts.
        n: test examples of each category, the mean over seeds.
        before: share of them that the baseline has right, the mean over seeds; None of a category without examples.
        after: that of the arm.
        deltas: their differences, with intervals over seeds.
    """

    arm: str
    truth: np.ndarray
    baseline: np.ndarray
    own: np.ndarray
    n: tuple[float, ...]
    before: tuple[float | None, ...]
    after: tuple[float | None, ...]
    deltas: tuple[Interval, ...]

    @property
    def seeds(self) -> int:
        """How many there are."""
        return len(self.truth)

    @property
    def flips(self) -> Flips:
        """In how many seeds each example is won and lost."""
        return flips(self.own == self.truth, self.baseline == self.truth)

    @property
    def won(self) -> list[int]:
        """Positions of the examples that are won in more than half of the seeds."""
        return np.flatnonzero(2 * self.flips.won > self.seeds).tolist()

    @property
    def lost(self) -> list[int]:
        """Positions of the examples that are lost in more than half of the seeds."""
        return np.flatnonzero(2 * self.flips.lost > self.seeds).tolist()

    def changes(self) -> list[float]:
        """The size of each category's difference; 0 where there is none."""
        return [abs(delta.mean or 0.0) for delta in self.deltas]


@dataclasses.dataclass(frozen=True, eq=False)
class ByCategory:
    """All arms of which predictions are known, in the order of the answers.

    Attributes:
        one: the word for a category.
        many: the word for several.
        names: of all of them.
        arms: at least one.
        shared: whether every seed has the same test examples, so that an example has a place of its own.
    """

    one: str
    many: str
    names: tuple[str, ...]
    arms: tuple[ArmByCategory, ...]
    shared: bool

    def most_changed(self, limit: int, arms: Iterable[ArmByCategory]) -> list[int]:
        """Numbers of the categories, in their order; of too many, those that some of the arms changes most."""
        largest = np.max([arm.changes() for arm in arms], axis=0)
        return sorted(np.argsort(-largest, kind="stable")[:limit].tolist())


def by_category(tables: Tables) -> ByCategory | None:
    """The comparison by category; None where predictions decide on none, are not known, or seeds are not shared."""
    known, truths = tables.study.get("categories"), truths_of(tables.study)
    if not known or not truths or not tables.study["paired"]:
        return None
    count = len(known["names"])
    baseline = decided_of(tables.cells_of(tables.baseline.arm), truths, tables, count)
    arms = [arm_by_category(arm, baseline, truths, tables, count) for arm in ranked(tables)]
    found = tuple(arm for arm in arms if arm)
    names = tuple(map(plain, known["names"]))
    shared = not rotates(tables.study)
    return ByCategory(plain(known["one"]), plain(known["many"]), names, found, shared) if found else None


def truths_of(study: Study) -> Truths | None:
    """The right category of every test example, by seed; None where study.json does not say, or not plausibly."""
    known, seeds = study.get("categories"), study["seeds"]
    if not known or not known["names"]:
        return None
    texts = known["truth"] * len(seeds) if len(known["truth"]) == 1 else known["truth"]
    arrays = {text: unpacked_below(text, study, len(known["names"])) for text in set(texts)}
    if len(texts) != len(seeds) or any(array is None for array in arrays.values()):
        return None
    return {seed: array for seed, text in zip(seeds, texts, strict=True) if (array := arrays[text]) is not None}


def unpacked_below(text: str | None, study: Study, count: int) -> np.ndarray | None:
    """Numbers of categories of the test examples; None where there is another number of them, or one that is none."""
    numbers = unpacked(text, study["data"].get("test") or 0, bits_for(count))
    if numbers is None or numbers.max() >= count:
        return None
    return numbers.astype(np.min_scalar_type(count))  # a study has many of them


def decided_of(cells: Iterable[Cell], truths: Truths, tables: Tables, count: int) -> dict[int, np.ndarray]:
    """What the cells that succeeded predict, by seed."""
    found = {}
    for cell in cells:
        numbers = unpacked_below(cell.predicted, tables.study, count)
        if numbers is None or cell.seed not in truths or cell.value(tables.metric) is None:
            continue
        right = unpacked(cell.right, len(numbers))
        if cell.right is None or (right is not None and np.array_equal(right, numbers == truths[cell.seed])):
            found[cell.seed] = numbers
    return found


def arm_by_category(
    arm: Summary, baseline: Mapping[int, np.ndarray], truths: Truths, tables: Tables, count: int
) -> ArmByCategory | None:
    """One arm; None where it shares no seed with the baseline."""
    decided = decided_of(tables.cells_of(arm.arm), truths, tables, count)
    seeds = [seed for seed in tables.study["seeds"] if seed in decided and seed in baseline]
    if not seeds:
        return None
    truth, before, after = (np.stack([by_seed[seed] for seed in seeds]) for by_seed in (truths, baseline, decided))
    sides = [shares_right(truth, side, count) for side in (before, after)]
    return ArmByCategory(
        arm.arm,
        truth,
        before,
        after,
        tuple(counts_by_seed(truth, count).mean(0).tolist()),
        means_of(sides[0]),
        means_of(sides[1]),
        tuple(delta_of(a, b, 1 - tables.level) for a, b in zip(sides[0].T, sides[1].T, strict=True)),
    )


def means_of(shares: np.ndarray) -> tuple[float | None, ...]:
    """Of every column, over the seeds that have such examples."""
    return tuple(float(known.mean()) if (known := column[~np.isnan(column)]).size else None for column in shares.T)


def delta_of(before: np.ndarray, after: np.ndarray, confidence: float) -> Interval:
    """The mean difference of two shares over seeds, with its interval."""
    known = ~np.isnan(before)
    if not known.any():
        return Interval(None, None, None)
    return t_interval((after - before)[known], confidence, rounding_of(before[known], after[known]))
