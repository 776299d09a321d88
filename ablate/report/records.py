"""Cells, arms and the study as frozen records: what every section, plot and format reads.

A missing number is None from here on.
"""

import dataclasses
import functools
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ablate.report.wording import Unit, unit_of
from ablate.results.inputs import InputRow
from ablate.results.schema import Environment, LookRecord, Number, Progress, StepRatio, Study
from ablate.stats.examples import TwoErrors
from ablate.stats.spending import level_at
from ablate.stats.verdict import Contrast

if TYPE_CHECKING:
    from ablate.report.categories import ByCategory
    from ablate.report.factorial import Factorial

UNFINISHED = ("pending", "running")
FAILURES = ("diverged", "collapsed")  # how a cell can end without having trained
DRAWN = 40  # arms in a picture: more cannot be told apart
RANK = {"better": 0, "worse": 1, "equivalent": 2, "inconclusive": 3}


@dataclasses.dataclass(frozen=True)
class Cell:
    """One cell of the study, with or without a row; `collapsed` where the row is done and the study's rule says so."""

    cell: str
    arm: str
    seed: int
    program: str
    status: str
    metrics: Mapping[str, float | None]
    costs: Mapping[str, Any]
    curves: Mapping[str, Sequence[Number]]
    diverged_step: int | None
    stopped_step: int | None
    best_step: int | None
    members: Sequence[Mapping[str, Number]]
    right: str | None
    predicted: str | None
    error: str | None

    @property
    def ended(self) -> bool:
        """Whether the cell has a result: a number, or the knowledge that it failed to train."""
        return self.status in ("done", *FAILURES)

    def value(self, metric: str) -> float | None:
        """A metric, None where the cell diverged, collapsed, or has no result."""
        return self.metrics.get(metric) if self.status == "done" else None


@dataclasses.dataclass(frozen=True)
class Summary:
    """One arm: what its seeds gave, what it cost, and how it compares with the baseline (None for the baseline).

    `failed` of its cells diverged or collapsed; `errors` ended with an exception and have no result. `values` and
    `deltas` go by seed and are of cells that succeeded; `mean` to `high` and `deltas` are in the metric's unit as
    stored; `contrast.mean` is the delta. `decided`: the verdict of an earlier planned look, at `decided_at` seeds.
    `identical`: no metric of any cell differs from the baseline's. `examples`: how much of the delta
    rests on the test examples.
    """

    arm: str
    changes: Mapping[str, Mapping[str, Any]]
    baseline: bool
    n: int
    cells: int
    failed: int
    diverged: int
    collapsed: int
    errors: int
    pending: int
    values: Mapping[int, float]
    failed_seeds: tuple[int, ...]
    mean: float | None
    sd: float | None
    low: float | None
    high: float | None
    contrast: Contrast | None
    deltas: Mapping[int, float]
    decided: str
    decided_at: int | None
    identical: bool
    examples: TwoErrors | None
    parameters: int | None
    steps: int | None
    program: str
    lanes: int | None
    flops: float | None
    train_seconds: float | None
    step_seconds: float | None
    step_ratio: StepRatio | None

    @property
    def verdict(self) -> str:
        """One of the four verdicts; empty for the baseline and where there is nothing to judge yet."""
        contrast = self.contrast
        if self.decided:
            return self.decided
        known = contrast is not None and (contrast.mean is not None or contrast.p_failure is not None)
        return contrast.verdict if contrast is not None and known else ""


@dataclasses.dataclass(frozen=True)
class Tables:
    """Everything the writers need.

    Attributes:
        study: the content of study.json.
        cells: every cell of the study, in its order.
        arms: every arm, in the order of the study.
        unit: how the deciding metric is shown.
        metric: its name.
        better: 1 where more of it is better, -1 where less is.
        environment: the content of environment.json.
        progress: the content of progress.json, None where there is none.
        looks: the content of looks.json.
        inputs: what arms present to their networks, where the run stored it.
        factorial: the analysis of a factorial design; None for others and where there is nothing to analyse yet.
    """

    study: Study
    cells: tuple[Cell, ...]
    arms: tuple[Summary, ...]
    unit: Unit
    metric: str
    better: float
    environment: Environment
    progress: Progress | None
    factorial: "Factorial | None" = None
    looks: tuple[LookRecord, ...] = ()
    inputs: tuple[InputRow, ...] = ()

    @property
    def level(self) -> float:
        """That of the tests and intervals of this look."""
        return level_of(self.study)

    @property
    def interim(self) -> bool:
        """Whether cells are left to train: there are no verdicts before all that was planned has ended."""
        return any(arm.pending for arm in self.arms)

    @property
    def running(self) -> bool:
        """Whether a process was training the cells that are left when it last said so."""
        return self.interim and (self.progress or {}).get("state") == "running"

    @property
    def baseline(self) -> Summary:
        """The arm the others are compared with."""
        return next(arm for arm in self.arms if arm.baseline)

    @property
    def tricks(self) -> tuple[Summary, ...]:
        """Every arm but the baseline."""
        return tuple(arm for arm in self.arms if not arm.baseline)

    @property
    def metrics(self) -> tuple[str, ...]:
        """The metrics of a row: those of the task on the test and validation splits, its curves, then all others."""
        names = [metric["name"] for metric in self.study["metrics"]]
        splits = () if self.elsewhere else ("test", "val")
        declared = [f"{split}_{name}" for split in splits for name in names] + list(self.study["curves"])
        others = {name for cell in self.cells for name in cell.metrics} - set(declared)
        return (*dict.fromkeys(declared), *sorted(others))

    @property
    def validation_curve(self) -> str:
        """The validation curve of the study's metric, or of the watched one where rows hold none."""
        wanted = on_validation(self.metric)
        held = any(cell.curves.get(wanted) for cell in self.cells)
        return wanted if held else f"val_{self.study['watch']}"

    def unit_of(self, name: str) -> Unit:
        """How a number of the rows is shown; the study's own metric has the study's direction on every split."""
        unit = unit_of(name, self.study["metrics"])
        own = name in (self.metric, on_validation(self.metric))
        return dataclasses.replace(unit, higher_is_better=self.better > 0) if own else unit

    def cells_of(self, arm: str) -> tuple[Cell, ...]:
        """The cells of one arm, in the order of the study."""
        return self._by_arm.get(arm, ())

    @functools.cached_property
    def _by_arm(self) -> dict[str, tuple[Cell, ...]]:
        return by_arm(self.cells)

    @functools.cached_property
    def by_category(self) -> "ByCategory | None":
        """What is mistaken for what; None where that is not known. It is made when something first shows it."""
        from ablate.report.categories import by_category

        return by_category(self)

    @property
    def confidence(self) -> str:
        """The level of the intervals, "95 %"."""
        return f"{100 * (1 - self.level):.4g} %"

    @property
    def planned(self) -> int:
        """Seeds of a comparison: the most that an arm shares with the baseline, or has if seeds are not shared."""
        base, *others = ({cell.seed for cell in self.cells_of(arm.arm)} for arm in (self.baseline, *self.tricks))
        counts = [len(own & base) if self.study["paired"] else min(len(own), len(base)) for own in others]
        return max(counts, default=len(base))

    @property
    def elsewhere(self) -> bool:
        """Whether the runs come from a table: of task, data, programs and costs nothing is known."""
        return not self.study["programs"]

    @property
    def timed(self) -> bool:
        """Whether any arm's step was measured in a program of its own."""
        return any(arm.step_seconds for arm in self.arms)


def by_arm(cells: Iterable[Cell]) -> dict[str, tuple[Cell, ...]]:
    """The cells of every arm that has some, in their order."""
    found: dict[str, list[Cell]] = {}
    for cell in cells:
        found.setdefault(cell.arm, []).append(cell)
    return {arm: tuple(own) for arm, own in found.items()}


def rotates(study: Study) -> bool:
    """Whether every seed draws its own test examples."""
    return bool(study["data"].get("arguments", {}).get("rotate_test"))


def level_of(study: Study) -> float:
    """The level of a look: alpha, or the part of it that planned looks leave for so many seeds."""
    return level_at(study["alpha"], study.get("looks") or (), len(study["seeds"]))


def ranked(tables: Tables) -> list[Summary]:
    """The tricks in the order of the answers: by verdict, the largest gain first."""

    def place(arm: Summary) -> tuple[int, float]:
        return RANK.get(arm.verdict, len(RANK)), -(gain(arm, tables) or 0.0)

    return sorted(tables.tricks, key=place)


def gain(arm: Summary, tables: Tables) -> float | None:
    """What an arm gains over the baseline, below zero what it loses; None where no seed can be compared."""
    delta = arm.contrast.mean if arm.contrast else None
    return None if delta is None else tables.better * delta


def drawn(tables: Tables) -> tuple[Summary, ...]:
    """The tricks that pictures show, in the order of the study: all, or those that the answers begin with."""
    shown = {arm.arm for arm in ranked(tables)[:DRAWN]}
    return tuple(arm for arm in tables.tricks if arm.arm in shown)


def on_validation(metric: str) -> str:
    """The name of a test metric on the validation split.

    >>> on_validation("test_error")
    'val_error'
    """
    return f"val_{metric.removeprefix('test_')}"
