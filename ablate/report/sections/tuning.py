"""What tuning found before the study: the same budget for every arm, the baseline included."""

import math
from collections.abc import Callable, Mapping

import numpy as np

from ablate.report.records import Tables
from ablate.report.section import Column, Grid, Section, grid
from ablate.report.sections.equal_cost import ratio_of
from ablate.report.wording import DASH, Unit, listed, plain, plural, probability
from ablate.results.schema import TunedArm, TuningRecord
from ablate.stats.tuning import expected_by_seed
from ablate.stats.verdict import Contrast, compare

BUDGETS = (
    "Does a verdict depend on the budget? The second table compares every arm with the baseline on validation, both as "
    "a search of so many points is expected to leave them, over the seeds of the tuning; p corrected over the arms of "
    "a column. Equal operations: as many points as the operations of the baseline's tuning pay for, to the nearest. "
    "The same seeds chose the points, of all arms alike; the study's own seeds did not."
)


def tuning(tables: Tables) -> Section | None:
    """What tuning found, where there was one."""
    record = tables.study.get("tuning")
    if not record:
        return None
    budgets = budget_grid(record, tables)
    notes = (*tuning_notes(record), *([BUDGETS] if budgets else []))
    return Section("tuning", "Tuning", paragraphs=notes, grids=(tuning_grid(record, tables), *budgets))


def tuning_grid(tuning: TuningRecord, tables: Tables) -> Grid:
    """One line per arm: what it chose, how that did on validation, and what smaller budgets would have found."""
    levels = [level for record in tuning["arms"].values() for level in record["expected_best"]]
    unit = tables.unit_of(tuning["metric"]).showing_levels(levels)

    def of_record(text: Callable[[TunedArm], str]) -> Callable[[str], str]:
        return lambda arm: text(tuning["arms"][arm])

    def best_of(points: int) -> Callable[[TunedArm], str]:
        return lambda record: unit.level(dict(enumerate(record["expected_best"], start=1)).get(points))

    columns = (
        Column[str]("arm", plain, numeric=False),
        Column("chosen", of_record(lambda record: chosen_text(record, tuning)), numeric=False),
        Column(unit.title, of_record(lambda record: chosen_level(record, unit))),
        *(Column(f"best of {n}", of_record(best_of(n))) for n in budgets_of(len(tuning["points"]))),
        Column(
            "at the border",
            of_record(lambda record: listed(list(map(plain, record["at_border"]))) or DASH),
            numeric=False,
        ),
    )
    return grid(columns, tuning["arms"])


def budget_grid(record: TuningRecord, tables: Tables) -> tuple[Grid, ...]:
    """Arms against the baseline on validation, tuned with ever smaller budgets; none for an older record."""
    searches = {name: np.array(arm.get("by_seed") or [], dtype=np.float64) for name, arm in record["arms"].items()}
    if tables.interim or not all(values.size for values in searches.values()) or len(searches) < 2:
        return ()
    points = len(record["points"])
    columns = [(f"best of {n}", dict.fromkeys(searches, n)) for n in budgets_of(points)]
    afforded = affordable(points, tables)
    if afforded:
        columns.append(("equal operations", afforded))
    found = {title: tuned_contrasts(searches, budgets, record, tables) for title, budgets in columns}
    spreads = [c.sd / math.sqrt(c.n) for contrasts in found.values() for c in contrasts.values() if c.sd]
    unit = tables.unit_of(record["metric"]).showing(spreads)

    def text(title: str) -> Callable[[str], str]:
        return lambda arm: budget_text(found[title][arm], unit)

    shown = [Column[str]("arm", plain, numeric=False), *(Column(title, text(title)) for title in found)]
    if afforded:
        shown.append(Column[str]("points of equal operations", lambda arm: str(afforded[arm])))
    return (grid(shown, [arm.arm for arm in tables.tricks if arm.arm in searches]),)


def affordable(points: int, tables: Tables) -> dict[str, int]:
    """The points that the operations of the baseline's tuning pay for; empty where all arms cost about the same."""
    ratios = {arm.arm: ratio_of(arm, tables) for arm in tables.tricks}
    known = {name: ratio for name, ratio in ratios.items() if ratio}
    afforded = {name: max(1, min(points, round(points / ratio))) for name, ratio in known.items()}
    differ = len(known) == len(ratios) and any(budget < points for budget in afforded.values())
    return {tables.baseline.arm: points, **afforded} if differ else {}


def tuned_contrasts(
    searches: Mapping[str, np.ndarray], budgets: Mapping[str, int], record: TuningRecord, tables: Tables
) -> dict[str, Contrast]:
    """Every arm against the baseline, each as a search of its budget is expected to leave it, over tuning's seeds."""
    up = tables.unit_of(record["metric"]).higher_is_better
    values = {
        name: dict(zip(record["seeds"], expected_by_seed(search, budgets[name], higher_is_better=up), strict=True))
        for name, search in searches.items()
    }
    return compare(values, tables.study["baseline"], higher_is_better=up, alpha=tables.level)


def budget_text(contrast: Contrast, unit: Unit) -> str:
    """`+1.20 better (.031)`."""
    if contrast.mean is None:
        return contrast.verdict or DASH
    return f"{unit.delta(contrast.mean)} {contrast.verdict} ({probability(contrast.p_holm)})"


def chosen_text(record: TunedArm, tuning: TuningRecord) -> str:
    """The point that an arm chose."""
    return "none: its own numbers" if record["chosen"] is None else point_text(tuning["points"][record["chosen"]])


def chosen_level(record: TunedArm, unit: Unit) -> str:
    """What that point gave on validation."""
    return DASH if record["chosen"] is None else unit.level(record["validation"][record["chosen"]])


def budgets_of(points: int) -> list[int]:
    """One point, about half and all of them.

    >>> budgets_of(9), budgets_of(1)
    ([1, 4, 9], [1])
    """
    return sorted({1, max(1, points // 2), points})


def point_text(point: Mapping[str, Mapping[str, float | str]]) -> str:
    """A point of the grid, `optimizer.learning_rate=0.1`."""
    return plain(
        ", ".join(f"{axis}.{name}={number(x)}" for axis, values in point.items() for name, x in values.items())
    )


def tuned_lines(tuning: TuningRecord | None) -> list[str]:
    """What every arm chose, one line each, for the console."""
    if not tuning:
        return []
    lines = []
    for arm, record in tuning["arms"].items():
        chosen = "nothing, no point trained well"
        if record["chosen"] is not None:
            chosen = point_text(tuning["points"][record["chosen"]])
        border = ", at the border of its grid" if record["at_border"] else ""
        lines.append(f"tuning of {plain(arm)} chose {chosen}{border}")
    return lines


def number(value: float | str) -> str:
    """Stored infinities are words."""
    return value if isinstance(value, str) else f"{value:g}"


def tuning_notes(tuning: TuningRecord) -> tuple[str, ...]:
    """How to read the grid."""
    times = "Values multiply the arm's own number. " if tuning["relative"] else ""
    return (
        f"Every arm, the baseline included, was tried at {plural(len(tuning['points']), 'point')} on "
        f"{plural(len(tuning['seeds']), 'seed')} that the study does not use; the best mean on validation was taken. "
        f"{times}Best of n: the validation value that n points drawn at random would have led to, which says how much "
        "of an arm's result is search.",
    )


def failure_caveat(tuning: TuningRecord | None) -> str | None:
    """Tuning cells without a result: budgets were not equal after all."""
    failed = tuning.get("failed", 0) if tuning else 0
    if not failed:
        return None
    return (
        f"{plural(failed, 'cell')} of the tuning failed, so arms were not tuned alike; see tuning/ and --retry-failed."
    )


def border_caveat(tuning: TuningRecord | None) -> str | None:
    """Arms whose best point lies at the end of the grid."""
    records = tuning["arms"] if tuning else {}
    arms = [f"{arm} ({listed(record['at_border'])})" for arm, record in records.items() if record["at_border"]]
    if not arms:
        return None
    return f"Tuned to the border of the grid, so that the best may lie outside it: {listed(arms, 12)}."
