"""Several studies of the same arms, lined up by name. Pure; what holds over all of them is `overall`'s."""

import dataclasses
from collections.abc import Iterable, Sequence
from typing import Protocol

from ablate.report.comparison.matching import Match, measurable
from ablate.report.comparison.overall import Overall, overall
from ablate.report.records import Summary, Tables
from ablate.report.tables import tabulate
from ablate.report.wording import Unit, listed, plain
from ablate.results.schema import RowRecord, Study


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
class Comparison:
    """Several studies side by side.

    Attributes:
        names: of the studies, numbered where they are alike.
        tables: each study by itself.
        arms: those that every study has, the baseline first.
        left_out: names of all others.
        unit: of the deciding metric, where all studies share it; otherwise the first one's.
        in_points: whether differences are averaged, and shown in that unit.
        in_ratios: whether the relative change is averaged, and then tested.
        better: 1 where more of the metric is better, -1 where less is.
        alpha: family-wise level, the smallest of the studies'.
    """

    names: tuple[str, ...]
    tables: tuple[Tables, ...]
    arms: tuple[Overall, ...]
    left_out: tuple[str, ...]
    unit: Unit
    in_points: bool
    in_ratios: bool
    better: float
    alpha: float

    @property
    def tricks(self) -> tuple[Overall, ...]:
        """Every arm but the baseline."""
        return tuple(arm for arm in self.arms if not arm.baseline)

    @property
    def failures_tested(self) -> bool:
        """Whether failures of any arm are among the tests."""
        return any(arm.p_failure_holm is not None for arm in self.tricks)

    @property
    def confidence(self) -> str:
        """The level of the intervals over studies, "95 %"."""
        return f"{100 * (1 - self.alpha):.4g} %"


def compare(
    studies: Sequence[LoadedStudy], names: Sequence[str] | None = None, alpha: float | None = None
) -> Comparison:
    """Lines the arms of several studies up by name.

    Args:
        studies: two or more, with one metric of one direction.
        names: what to call them; their own names if not given.
        alpha: family-wise level of what is said over all of them; the smallest of the studies' if not given.

    Raises:
        ValueError: fewer than two studies, different metrics, or one metric in different directions.
    """
    if len(studies) < 2:
        raise ValueError("a comparison takes two or more studies")
    metrics = {loaded.study["metric"]["name"] for loaded in studies}
    if len(metrics) > 1:
        raise ValueError(f"the studies decide by different metrics: {listed(sorted(metrics))}; compare those of one")
    if len({loaded.study["metric"]["higher_is_better"] for loaded in studies}) > 1:
        raise ValueError(f"the studies disagree whether more {metrics.pop()} is better; compare those that agree")
    tables = tuple(tabulate(loaded.study, loaded.rows, looks=getattr(loaded, "looks", ())) for loaded in studies)
    keyed = [{key_of(arm): arm for arm in study.arms} for study in tables]
    shared = sorted((key for key in keyed[0] if all(key in arms for arms in keyed)), key=bool)  # the baseline first
    others = [key for arms in keyed for key in arms if key not in shared]
    arms = [[Match(study, by_key[key]) for study, by_key in zip(tables, keyed, strict=True)] for key in shared]
    in_ratios, alpha = measurable(arms), alpha or min(study.study["alpha"] for study in tables)
    in_points = comparable(tables, in_ratios)
    return Comparison(
        names=tuple(distinct_names([plain(name) for name in names or [study.study["name"] for study in tables]])),
        tables=tables,
        arms=overall(arms, difference=in_points, change=in_ratios, alpha=alpha),
        left_out=tuple(plain(key) for key in dict.fromkeys(others)),
        unit=tables[0].unit,
        in_points=in_points,
        in_ratios=in_ratios,
        better=tables[0].better,
        alpha=alpha,
    )


def comparable(tables: Sequence[Tables], in_ratios: bool) -> bool:
    """Whether differences can be averaged: all in one unit. A bare number is one only where there is nothing better."""
    units = {(study.unit.scale, study.unit.suffix, study.unit.difference) for study in tables}
    return len(units) == 1 and (bool(tables[0].unit.difference) or not in_ratios)


def key_of(arm: Summary) -> str:
    """What identifies an arm over studies; empty for the baseline."""
    return "" if arm.baseline else arm.arm


def distinct_names(names: Sequence[str]) -> list[str]:
    """Names, numbered where one stands for several studies.

    >>> distinct_names(["digits", "faces", "digits"])
    ['digits 1', 'faces', 'digits 2']
    """
    return [name if names.count(name) == 1 else f"{name} {names[: i + 1].count(name)}" for i, name in enumerate(names)]
