"""Several studies of the same arms: what holds over all of them. Pure; numbers by `ablate.stats.datasets`."""

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol

import numpy as np

from ablate.report.grids import Grid, grid
from ablate.report.ranking import RANK
from ablate.report.tables import Summary, Tables, tabulate
from ablate.report.wording import DASH, Unit, interval, listed, number, plain
from ablate.stats.datasets import iqm_interval, performance_profile, probability_of_improvement
from ablate.stats.paired import Interval

THRESHOLDS = 80


class Study(Protocol):
    """A study as `ablate.load` gives it."""

    @property
    def study(self) -> Mapping[str, Any]:
        """The content of study.json."""
        ...

    @property
    def rows(self) -> Iterable[Mapping[str, Any]]:
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


def compare(studies: Sequence[Study]) -> Comparison:
    """Lines the arms of several studies up by name.

    Args:
        studies: two or more, with one metric.

    Raises:
        ValueError: fewer than two studies, or different metrics.
    """
    if len(studies) < 2:
        raise ValueError("a comparison takes two or more studies")
    metrics = {one.study["metric"]["name"] for one in studies}
    if len(metrics) > 1:
        raise ValueError(f"the studies decide by different metrics: {listed(sorted(metrics))}; compare those of one")
    tables = tuple(tabulate(one.study, one.rows) for one in studies)
    keyed = [{key_of(arm): arm for arm in one.arms} for one in tables]
    shared = [key for key in keyed[0] if all(key in other for other in keyed)]
    others = [key for one in keyed for key in one if key not in shared]
    better = tables[0].better
    base = scores([one[""] for one in keyed], better)
    return Comparison(
        names=tuple(distinct_names([plain(one.study["name"]) for one in tables])),
        tables=tables,
        arms=tuple(overall([one[key] for one in keyed], base, better) for key in shared),
        left_out=tuple(plain(key) for key in dict.fromkeys(others)),
        unit=tables[0].unit_of(tables[0].metric, [arm.sd for one in tables for arm in one.arms]),
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
    seeds = [sorted({*arm.values, *arm.diverged_seeds}) for arm in arms]
    common = [seed for seed in seeds[0] if all(seed in other for other in seeds)]
    found = [[better * arm.values[seed] if seed in arm.values else -np.inf for arm in arms] for seed in common]
    return np.array(found, dtype=float).reshape(len(common), len(arms))


def overall(arms: Sequence[Summary], base: np.ndarray, better: float) -> Overall:
    """One arm over all studies."""
    mine = scores(arms, better)
    improvement = None if arms[0].baseline else probability_of_improvement(mine, base)
    middle = iqm_interval(mine)
    return Overall(plain(arms[0].arm), arms[0].baseline, mine, middle, improvement, tuple(arms))


def overall_grid(found: Comparison) -> Grid:
    """One line per arm over all studies."""
    unit = found.unit
    header = ("arm", "runs", unit.labelled("IQM"), "95 % interval", "beats the baseline", *RANK)
    rows = [
        (
            arm.arm,
            str(len(arm.scores)),
            unit.level(turned(arm.middle.mean, found)),
            interval(*sorted_bounds(arm, found)),
            DASH if arm.improvement is None else f"{number(arm.improvement, 0, 100)} %",
            *(DASH if arm.baseline else str(sum(s.verdict == v for s in arm.summaries)) for v in RANK),
        )
        for arm in found.arms
    ]
    return grid(header, rows, text=("arm",))


def turned(score: float | None, found: Comparison) -> float | None:
    """A score as the metric it came from."""
    return None if score is None else found.better * score


def sorted_bounds(arm: Overall, found: Comparison) -> tuple[str, str]:
    """The interval of the interquartile mean in shown units, the smaller end first."""
    ends = (arm.middle.low, arm.middle.high)[:: int(found.better)]
    low, high = (found.unit.level(turned(end, found)) for end in ends)
    return low, high


def delta_grid(found: Comparison) -> Grid:
    """Deltas and verdicts of every arm in every study."""
    rows = [
        (arm.arm, *(delta_text(one, found.unit) for one in arm.summaries)) for arm in found.arms if not arm.baseline
    ]
    return grid(("arm", *found.names), rows, text=("arm", *found.names))


def delta_text(arm: Summary, unit: Unit) -> str:
    """Delta and verdict of an arm in one study."""
    return f"{unit.delta(arm.contrast.mean)} {arm.verdict}".strip() if arm.contrast else DASH


def profiles(found: Comparison) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Thresholds in shown units, ascending in the metric, and per arm the share of runs at least that good."""
    known = np.concatenate([arm.scores[np.isfinite(arm.scores)] for arm in found.arms] or [np.zeros(0)])
    if not known.size:
        return np.zeros(0), {}
    thresholds = np.linspace(known.min(), known.max(), THRESHOLDS)
    shares = {arm.arm: performance_profile(arm.scores, thresholds) for arm in found.arms if arm.scores.size}
    return found.unit.scale * found.better * thresholds, shares


def notes(found: Comparison) -> tuple[str, ...]:
    """How to read the comparison."""
    names = listed(list(found.names), 20)
    lines = [
        f"{len(found.names)} studies ({names}), each weighing the same, in {found.unit.metric}; verdicts are those of "
        "the single studies.",
        "IQM is the mean of the middle half of all runs, with a bootstrap interval over runs. Beats the baseline: how "
        "probably a run of the arm scores above a run of the baseline on the same study; 50 % is no difference.",
        "A diverged run counts as the worst. Only seeds with a result in every study are counted.",
    ]
    if found.left_out:
        lines.append(f"Left out, since not every study has them: {listed(list(found.left_out), 20)}.")
    return tuple(lines)
