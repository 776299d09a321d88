"""Several studies of the same arms: what holds over all of them. Pure; numbers by `ablate.stats.datasets`."""

import dataclasses
from collections.abc import Callable, Iterable, Sequence
from typing import Protocol

import numpy as np

from ablate.report.records import RANK, Summary, Tables
from ablate.report.section import Column, Grid, grid
from ablate.report.tables import tabulate
from ablate.report.wording import DASH, Unit, interval, listed, number, plain
from ablate.results.schema import RowRecord, Study
from ablate.stats.datasets import iqm_interval, performance_profile, probability_of_improvement
from ablate.stats.paired import Interval

THRESHOLDS = 80


class LoadedStudy(Protocol):
    """A study as `ablate.load` gives it."""

    @property
    def study(self) -> Study:
        """The content of study.json."""
        ...

    @property
    def rows(self) -> Iterable[RowRecord]:
        """The rows there are."""
        ...


@dataclasses.dataclass(frozen=True)
class Overall:
    """One arm over all studies; scores as stored, with the sign turned so that more is better.

    Attributes:
        arm: its name; the baselines of all studies count as one arm.
        scores: (runs, studies), -inf where a run diverged, over the seeds that have a result in every study.
        middle: interquartile mean with its bootstrap interval.
        improvement: probability that a run beats one of the baseline; None for the baseline.
        summaries: the arm in each study.
    """

    arm: str
    baseline: bool
    scores: np.ndarray
    middle: Interval
    improvement: float | None
    summaries: tuple[Summary, ...]


@dataclasses.dataclass(frozen=True)
class Comparison:
    """Several studies side by side."""

    names: tuple[str, ...]
    tables: tuple[Tables, ...]
    arms: tuple[Overall, ...]
    left_out: tuple[str, ...]
    unit: Unit
    better: float


def compare(studies: Sequence[LoadedStudy]) -> Comparison:
    """Lines the arms of several studies up by name.

    Args:
        studies: two or more, with one metric.

    Raises:
        ValueError: fewer than two studies, or different metrics.
    """
    if len(studies) < 2:
        raise ValueError("a comparison takes two or more studies")
    metrics = {loaded.study["metric"]["name"] for loaded in studies}
    if len(metrics) > 1:
        raise ValueError(f"the studies decide by different metrics: {listed(sorted(metrics))}; compare those of one")
    tables = tuple(tabulate(loaded.study, loaded.rows) for loaded in studies)
    keyed = [{key_of(arm): arm for arm in study.arms} for study in tables]
    shared = [key for key in keyed[0] if all(key in arms for arms in keyed)]
    others = [key for arms in keyed for key in arms if key not in shared]
    better = tables[0].better
    base = scores([arms[""] for arms in keyed], better)
    return Comparison(
        names=tuple(distinct_names([plain(study.study["name"]) for study in tables])),
        tables=tables,
        arms=tuple(overall([arms[key] for arms in keyed], base, better) for key in shared),
        left_out=tuple(plain(key) for key in dict.fromkeys(others)),
        unit=tables[0].unit.showing([arm.sd for study in tables for arm in study.arms]),
        better=better,
    )


def key_of(arm: Summary) -> str:
    """What identifies an arm over studies; empty for the baseline."""
    return "" if arm.baseline else arm.arm


def distinct_names(names: Sequence[str]) -> list[str]:
    """Names, numbered where one stands for several studies.

    >>> distinct_names(["digits", "faces", "digits"])
    ['digits 1', 'faces', 'digits 2']
    """
    return [name if names.count(name) == 1 else f"{name} {names[: i + 1].count(name)}" for i, name in enumerate(names)]


def scores(arms: Sequence[Summary], better: float) -> np.ndarray:
    """Runs by studies over the seeds that ended in every study; -inf where a run diverged."""
    seeds = [sorted({*arm.values, *arm.failed_seeds}) for arm in arms]
    common = [seed for seed in seeds[0] if all(seed in other for other in seeds)]
    runs = [[better * arm.values[seed] if seed in arm.values else -np.inf for arm in arms] for seed in common]
    return np.array(runs, dtype=float).reshape(len(common), len(arms))


def overall(arms: Sequence[Summary], base: np.ndarray, better: float) -> Overall:
    """One arm over all studies."""
    runs = scores(arms, better)
    improvement = None if arms[0].baseline else probability_of_improvement(runs, base)
    middle = iqm_interval(runs)
    return Overall(plain(arms[0].arm), arms[0].baseline, runs, middle, improvement, tuple(arms))


def overall_grid(comparison: Comparison) -> Grid:
    """One line per arm over all studies."""
    unit = comparison.unit

    def tally(verdict: str) -> Callable[[Overall], str]:
        return lambda arm: DASH if arm.baseline else str(sum(s.verdict == verdict for s in arm.summaries))

    columns = (
        Column[Overall]("arm", lambda arm: arm.arm, numeric=False),
        Column[Overall]("runs", lambda arm: str(len(arm.scores))),
        Column[Overall](unit.labelled("IQM"), lambda arm: unit.level(turned(arm.middle.mean, comparison))),
        Column[Overall]("95 % interval", lambda arm: interval(*sorted_bounds(arm, comparison))),
        Column[Overall](
            "beats the baseline",
            lambda arm: DASH if arm.improvement is None else f"{number(arm.improvement, 0, 100)} %",
        ),
        *(Column(verdict, tally(verdict)) for verdict in RANK),
    )
    return grid(columns, comparison.arms, sortable=True)


def turned(score: float | None, comparison: Comparison) -> float | None:
    """A score as the metric it came from."""
    return None if score is None else comparison.better * score


def sorted_bounds(arm: Overall, comparison: Comparison) -> tuple[str, str]:
    """The interval of the interquartile mean in shown units, the smaller end first."""
    ends = (arm.middle.low, arm.middle.high)[:: int(comparison.better)]
    low, high = (comparison.unit.level(turned(end, comparison)) for end in ends)
    return low, high


def delta_grid(comparison: Comparison) -> Grid:
    """Deltas and verdicts of every arm in every study."""

    def in_study(place: int) -> Callable[[Overall], str]:
        return lambda arm: delta_text(arm.summaries[place], comparison.unit)

    columns = (
        Column[Overall]("arm", lambda arm: arm.arm, numeric=False),
        *(Column(name, in_study(place), numeric=False) for place, name in enumerate(comparison.names)),
    )
    return grid(columns, (arm for arm in comparison.arms if not arm.baseline))


def delta_text(arm: Summary, unit: Unit) -> str:
    """Delta and verdict of an arm in one study."""
    return f"{unit.delta(arm.contrast.mean)} {arm.verdict}".strip() if arm.contrast else DASH


def profiles(comparison: Comparison) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Thresholds in shown units, ascending in the metric, and per arm the share of runs at least that good."""
    finite_scores = np.concatenate([arm.scores[np.isfinite(arm.scores)] for arm in comparison.arms] or [np.zeros(0)])
    if not finite_scores.size:
        return np.zeros(0), {}
    thresholds = np.linspace(finite_scores.min(), finite_scores.max(), THRESHOLDS)
    shares = {arm.arm: performance_profile(arm.scores, thresholds) for arm in comparison.arms if arm.scores.size}
    return comparison.unit.scale * comparison.better * thresholds, shares


def notes(comparison: Comparison) -> tuple[str, ...]:
    """How to read the comparison."""
    names = listed(list(comparison.names), 20)
    lines = [
        f"{len(comparison.names)} studies ({names}), each weighing the same, in {comparison.unit.metric}; verdicts are "
        "those of the single studies.",
        "IQM is the mean of the middle half of all runs, with a bootstrap interval over runs. Beats the baseline: how "
        "probably a run of the arm scores above a run of the baseline on the same study; 50 % is no difference.",
        "A diverged run counts as the worst. Only seeds with a result in every study are counted.",
    ]
    if comparison.left_out:
        lines.append(f"Left out, since not every study has them: {listed(list(comparison.left_out), 20)}.")
    return tuple(lines)
