"""Adding one against leaving one out: does a trick still help among the others? Pure; the test is `ablate.stats`'s."""

import math
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np

from ablate.report.comparison.grids import fitted
from ablate.report.comparison.studies import Comparison
from ablate.report.records import Summary, Tables
from ablate.report.section import Column, Grid, grid
from ablate.report.wording import interval, plain, plural, probability
from ablate.stats.attribution import Company, company, corrected
from ablate.stats.checks import rounding_of


def company_grid(comparison: Comparison) -> Grid | None:
    """One line per trick that one study adds and the other leaves out; None where the studies are not such a pair."""
    tricks = readings(comparison)
    if not tricks:
        return None
    unit = comparison.unit.showing(map(error_of, tricks.values()))

    def shown(value: Callable[[Company], float | None]) -> Callable[[str], str]:
        return lambda trick: fitted(unit, error_of(tricks[trick])).delta(value(tricks[trick]))

    low, high = shown(lambda company: company.extra.low), shown(lambda company: company.extra.high)
    columns = (
        Column[str]("trick", str, numeric=False),
        Column[str]("seeds", lambda trick: str(tricks[trick].extra.n)),
        Column[str](unit.labelled("alone", difference=True), shown(lambda company: company.alone.mean)),
        Column[str](unit.labelled("together", difference=True), shown(lambda company: company.together.mean)),
        Column[str]("together minus alone", shown(lambda company: company.extra.mean)),
        Column[str](f"{comparison.confidence} interval", lambda trick: interval(low(trick), high(trick))),
        Column[str]("p (Holm)", lambda trick: probability(tricks[trick].p_holm)),
        Column[str]("reading", lambda trick: tricks[trick].kind, numeric=False),
    )
    return grid(columns, tricks)


def company_note(comparison: Comparison) -> str:
    """What the table says, and what it does not."""
    return (
        "Alone is what a trick adds to the baseline, together what is lost when it is taken away from all tricks, over "
        "the seeds of which all four runs succeeded. Redundancy: the trick adds less among the others than alone; "
        "synergy: more; each only where p, corrected by Holm's method for "
        f"{plural(len(readings(comparison)), 'trick')}, is at or below {comparison.alpha:g}, otherwise unclear. Which "
        "other trick is the cause, this does not say."
    )


def readings(comparison: Comparison) -> dict[str, Company]:
    """Each trick by name, alone against together, corrected over the tricks; empty where the studies are no pair."""
    pair = add_one_and_leave_one_out(comparison)
    tricks = dict(companies(*pair, comparison.alpha)) if pair else {}
    kinds = corrected(list(tricks.values()), higher_is_better=comparison.better > 0, alpha=comparison.alpha)
    return dict(zip(tricks, kinds, strict=True))


def error_of(trick: Company) -> float | None:
    """The standard error of together minus alone."""
    return trick.extra.sd / math.sqrt(trick.extra.n) if trick.extra.sd else None


def add_one_and_leave_one_out(comparison: Comparison) -> tuple[Tables, Tables] | None:
    """The two studies in this order, if they train alike on the same data and share seeds between their arms."""
    by_design = {tables.study["design"]: tables for tables in comparison.tables}
    if len(comparison.tables) != 2 or set(by_design) != {"one_at_a_time", "leave_one_out"}:
        return None
    first, second = by_design["one_at_a_time"], by_design["leave_one_out"]
    same = all(first.study[key] == second.study[key] for key in ("task", "data", "train", "paired"))
    # Without shared seeds the baseline's own error is in all differences alike, where no pairing removes or shows it.
    return (first, second) if same and first.study["paired"] else None


def companies(added: Tables, left_out: Tables, alpha: float) -> Iterator[tuple[str, Company]]:
    """Each trick by name with its gain alone and together, over the seeds that both studies have."""
    recipes = {arm["name"]: arm["recipe"] for arm in left_out.study["arms"]}
    alone = {key_of(arm.changes): arm for arm in added.arms if not arm.baseline}
    for arm in left_out.arms:
        if arm.baseline or len(arm.changes) != 1:
            continue
        (axis,) = arm.changes
        single = alone.get(key_of({axis: recipes[left_out.study["baseline"]][axis]}))
        seeds = sorted(set(arm.deltas) & set(single.deltas)) if single else []
        if single and seeds:
            yield plain(single.arm), company_of(single, arm, seeds, (added, left_out), alpha)


def company_of(
    single: Summary, without: Summary, seeds: list[int], studies: tuple[Tables, Tables], alpha: float
) -> Company:
    """Taking a trick away from all loses what it gives together."""
    four = (single, without, *(study.baseline for study in studies))
    alone = np.array([single.deltas[seed] for seed in seeds])
    together = np.array([-without.deltas[seed] for seed in seeds])
    return company(
        alone,
        together,
        higher_is_better=bool(studies[0].study["metric"]["higher_is_better"]),
        alpha=alpha,
        rounding=rounding_of(*(np.array([arm.values[seed] for seed in seeds]) for arm in four)),
    )


def key_of(changes: Mapping[str, Mapping[str, Any]]) -> str:
    """Choices as a comparable text."""
    return repr(sorted((axis, sorted(choice.items(), key=str)) for axis, choice in changes.items()))
