"""Adding one against leaving one out: does a trick still help among the others? Pure; the test is `ablate.stats`'s."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np

from ablate.report.comparison.studies import Comparison
from ablate.report.records import Summary, Tables
from ablate.report.section import Column, Grid, grid
from ablate.report.wording import interval, plain, short
from ablate.stats.attribution import Company, company
from ablate.stats.checks import rounding_of

NOTE = (
    "Alone is what a trick adds to the baseline, together what is lost when it is taken away from all tricks. "
    "Redundancy: significantly less together than alone, since another trick already does its work; synergy: more."
)


def company_grid(comparison: Comparison) -> Grid | None:
    """One line per trick that one study adds and the other leaves out; None where the studies are not such a pair."""
    pair = add_one_and_leave_one_out(comparison)
    tricks = dict(companies(*pair)) if pair else {}
    if not tricks:
        return None
    unit = comparison.unit

    def of_trick(text: Callable[[Company], str]) -> Callable[[str], str]:
        return lambda trick: text(tricks[trick])

    columns = (
        Column[str]("trick", str, numeric=False),
        Column("alone", of_trick(lambda company: unit.delta(company.alone.mean))),
        Column("together", of_trick(lambda company: unit.delta(company.together.mean))),
        Column("together minus alone", of_trick(lambda company: unit.delta(company.extra.mean))),
        Column(
            "95 % interval",
            of_trick(lambda company: interval(unit.delta(company.extra.low), unit.delta(company.extra.high))),
        ),
        Column("p", of_trick(lambda company: short(company.extra.p))),
        Column("reading", of_trick(lambda company: company.kind), numeric=False),
    )
    return grid(columns, tricks)


def add_one_and_leave_one_out(comparison: Comparison) -> tuple[Tables, Tables] | None:
    """The two studies in this order, if they train alike on the same data."""
    by_design = {tables.study["design"]: tables for tables in comparison.tables}
    if len(comparison.tables) != 2 or set(by_design) != {"one_at_a_time", "leave_one_out"}:
        return None
    first, second = by_design["one_at_a_time"], by_design["leave_one_out"]
    same = all(first.study[key] == second.study[key] for key in ("task", "data", "train", "paired"))
    return (first, second) if same else None


def companies(added: Tables, left_out: Tables) -> Iterator[tuple[str, Company]]:
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
            yield plain(single.arm), company_of(single, arm, seeds, added, left_out)


def company_of(single: Summary, without: Summary, seeds: list[int], added: Tables, left_out: Tables) -> Company:
    """Taking a trick away from all loses what it gives together."""
    four = (single, without, added.baseline, left_out.baseline)
    alone = np.array([single.deltas[seed] for seed in seeds])
    together = np.array([-without.deltas[seed] for seed in seeds])
    return company(
        alone,
        together,
        higher_is_better=bool(added.study["metric"]["higher_is_better"]),
        alpha=added.study["alpha"],
        rounding=rounding_of(*(np.array([arm.values[seed] for seed in seeds]) for arm in four)),
    )


def key_of(changes: Mapping[str, Mapping[str, Any]]) -> str:
    """Choices as a comparable text."""
    return repr(sorted((axis, sorted(choice.items(), key=str)) for axis, choice in changes.items()))
