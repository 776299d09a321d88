"""The tables of a comparison of several studies. Pure."""

import dataclasses
import math
from collections.abc import Callable

from ablate.report.comparison.overall import Overall
from ablate.report.comparison.studies import Comparison
from ablate.report.records import RANK, Summary, Tables
from ablate.report.section import Column, Grid, grid
from ablate.report.wording import DASH, Unit, interval, number, probability

PERCENT = Unit("", scale=100.0, suffix="%", difference="%")


def overall_grid(comparison: Comparison) -> Grid:
    """One line per arm: what it changes on average over the studies, how sure that is, and on how many runs."""
    count = len(comparison.names)
    pairs = "pairs" if all(tables.study["paired"] for tables in comparison.tables) else "runs"
    everywhere = all(len(arm.deltas) == count for arm in comparison.tricks)
    studies = () if everywhere else (Column[Overall]("studies", lambda arm: f"{studies_of(arm)}/{count}"),)
    failures = (Column[Overall]("p (failures)", lambda arm: probability(arm.p_failure_holm)),)
    columns = (
        Column[Overall]("arm", lambda arm: arm.arm, numeric=False),
        *(delta_columns(comparison) if comparison.in_points else ()),
        *(change_columns(comparison) if comparison.in_ratios else ()),
        Column[Overall]("p (Holm)", lambda arm: probability(arm.p_holm)),
        *(failures if comparison.failures_tested else ()),
        Column[Overall]("verdict", lambda arm: "baseline" if arm.baseline else arm.verdict or DASH, numeric=False),
        *studies,
        Column[Overall](pairs, lambda arm: f"{arm.pairs}/{arm.cells}"),
        Column[Overall]("failed", lambda arm: f"{arm.failed}/{arm.cells}"),
    )
    return grid(columns, comparison.arms, sortable=True)


def studies_of(arm: Overall) -> int:
    """In how many studies an arm has an estimate."""
    return len(arm.deltas) if not arm.baseline else sum(summary.mean is not None for summary in arm.summaries)


def delta_columns(comparison: Comparison) -> tuple[Column[Overall], ...]:
    """The mean difference and its interval."""
    return (
        Column[Overall](
            comparison.unit.labelled("mean delta", difference=True), lambda arm: delta_texts(arm, comparison)[0]
        ),
        Column[Overall](f"{comparison.confidence} interval of delta", lambda arm: delta_texts(arm, comparison)[1]),
    )


def change_columns(comparison: Comparison) -> tuple[Column[Overall], ...]:
    """The relative change of what is missing to a perfect score, and its interval."""
    return (
        Column[Overall](f"change of {shortfall_word(comparison)} (%)", lambda arm: change_texts(arm, comparison)[0]),
        Column[Overall](f"{comparison.confidence} interval of change", lambda arm: change_texts(arm, comparison)[1]),
    )


def delta_texts(arm: Overall, comparison: Comparison) -> tuple[str, str]:
    """An arm's mean difference and its interval, in shown units."""
    if arm.difference is None:
        return DASH, DASH
    unit = fitted(unit_of_deltas(comparison), arm.difference.error)
    return unit.delta(arm.difference.mean), interval(unit.delta(arm.difference.low), unit.delta(arm.difference.high))


def change_texts(arm: Overall, comparison: Comparison) -> tuple[str, str]:
    """An arm's relative change and its interval, in percent."""
    if arm.change is None:
        return DASH, DASH
    unit = fitted(unit_of_changes(comparison), error_of_change(arm))
    low, high = (None if end is None else relative(end) for end in (arm.change.low, arm.change.high))
    return unit.delta(relative(arm.change.mean)), interval(unit.delta(low), unit.delta(high))


def relative(log_ratio: float) -> float:
    """The relative change of a log ratio.

    >>> round(relative(math.log(0.9)), 3)
    -0.1
    """
    return math.expm1(min(log_ratio, 700.0))  # beyond which there is no float


def error_of_change(arm: Overall) -> float | None:
    """The standard error of the relative change."""
    if arm.change is None or arm.change.error is None:
        return None
    return (1 + relative(arm.change.mean)) * arm.change.error


def unit_of_deltas(comparison: Comparison) -> Unit:
    """The metric's unit, with the digits that the middle standard error deserves."""
    return comparison.unit.showing([arm.difference.error for arm in comparison.tricks if arm.difference])


def unit_of_changes(comparison: Comparison) -> Unit:
    """Percent, with the digits that the middle standard error deserves."""
    return PERCENT.showing([error_of_change(arm) for arm in comparison.tricks])


def fitted(unit: Unit, error: float | None) -> Unit:
    """The unit with more digits where an error is so small that it would vanish: no significant number prints as 0.00.

    >>> fitted(Unit("loss", digits=2), 0.00012).delta(0.0005), fitted(Unit("loss", digits=2), 0.12).delta(0.5)
    ('+0.0005', '+0.50')
    """
    return dataclasses.replace(unit, digits=max(unit.digits, unit.showing([error]).digits - 1)) if error else unit


def in_shortfall(comparison: Comparison) -> bool:
    """Whether ratios are taken of what is missing to 100 %."""
    return comparison.in_ratios and comparison.better > 0


def shortfall_word(comparison: Comparison) -> str:
    """What a ratio is taken of: the metric itself where less of it is better."""
    return "shortfall" if comparison.better > 0 else comparison.unit.metric


def study_grid(comparison: Comparison) -> Grid:
    """The baseline's level, and delta, interval and verdict of every arm, study by study."""

    def of_study(place: int) -> Column[Overall]:
        tables = comparison.tables[place]
        name = tables.unit.labelled(comparison.names[place], difference=True)
        return Column[Overall](name, lambda arm: in_study(arm.summaries[place], tables), numeric=False)

    columns = (Column[Overall]("arm", lambda arm: arm.arm, numeric=False), *map(of_study, range(len(comparison.names))))
    return grid(columns, comparison.arms)


def in_study(arm: Summary, tables: Tables) -> str:
    """One arm in one study."""
    lost = f"{arm.failed}/{arm.cells} failed" if arm.failed else ""
    if arm.baseline:
        level = f"{tables.unit.level(arm.mean)} {tables.unit.suffix}".strip()
        return ", ".join(filter(None, (f"{level} (sd {tables.unit.level(arm.sd)})" if arm.n > 1 else level, lost)))
    contrast = arm.contrast
    if contrast is None or contrast.mean is None:
        return ", ".join(filter(None, (DASH, arm.verdict, lost)))
    errors = [error_of(other) for other in tables.tricks]
    unit = fitted(tables.unit.showing(errors), error_of(arm))
    bounds = interval(unit.delta(contrast.low), unit.delta(contrast.high))
    estimate = f"{unit.delta(contrast.mean)} ({bounds})" if bounds != DASH else unit.delta(contrast.mean)
    return ", ".join(filter(None, (f"{estimate} {arm.verdict}".strip(), lost)))


def error_of(arm: Summary) -> float | None:
    """The standard error of an arm's delta in its study."""
    contrast = arm.contrast
    return contrast.sd / math.sqrt(contrast.n) if contrast and contrast.sd is not None and contrast.n else None


def agreement_grid(comparison: Comparison) -> Grid:
    """How far the studies agree about an arm: a spread over studies, not over seeds."""

    def tally(verdict: str) -> Callable[[Overall], str]:
        return lambda arm: str(sum(summary.verdict == verdict for summary in arm.summaries))

    columns = (
        Column[Overall]("arm", lambda arm: arm.arm, numeric=False),
        Column[Overall]("in favour", lambda arm: f"{arm.in_favour}/{len(arm.deltas)}"),
        Column[Overall](*ranges(comparison)),
        Column[Overall](
            "beats the baseline",
            lambda arm: DASH if arm.improvement is None else f"{number(arm.improvement, 0, 100)} %",
        ),
        *(Column[Overall](verdict, tally(verdict)) for verdict in RANK),
    )
    return grid(columns, comparison.tricks)


def ranges(comparison: Comparison) -> tuple[str, Callable[[Overall], str]]:
    """The column with the smallest and the largest estimate of all studies."""
    if comparison.in_points:
        unit = unit_of_deltas(comparison)
        return unit.labelled("deltas", difference=True), lambda arm: span(unit, arm.deltas)
    unit = unit_of_changes(comparison)

    def changes(arm: Overall) -> str:
        return span(unit, tuple(relative(change) for change in arm.changes if change is not None))

    return f"changes of {shortfall_word(comparison)} (%)", changes


def span(unit: Unit, values: tuple[float, ...]) -> str:
    """Smallest and largest value."""
    return interval(unit.delta(min(values)), unit.delta(max(values))) if values else DASH
