"""What tuning found before the study: the same budget for every arm, the baseline included."""

from collections.abc import Callable, Mapping

from ablate.report.records import Tables
from ablate.report.section import Column, Grid, Section, grid
from ablate.report.sections.equal_cost import ratio_of
from ablate.report.wording import DASH, Unit, listed, plain, plural
from ablate.results.schema import TunedArm, TuningRecord

BUDGETS = (
    "The verdicts of this report are at equal budgets: every arm tried the same points, on seeds that the study does "
    "not use. The second table says what smaller budgets would have left of every arm's lead over the baseline on "
    "validation, as estimates without a test, since the seeds that chose the points are those of the estimates. Equal "
    "operations: as many points as the operations of the baseline's tuning pay for, to the nearest."
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
    """What smaller budgets would have left of every arm's lead over the baseline; estimates alone."""
    points, base, arms = len(record["points"]), tables.study["baseline"], record["arms"]
    if base not in arms or len(arms) < 2:
        return ()
    budgets = {f"best of {n}": dict.fromkeys(arms, n) for n in budgets_of(points)}
    afforded = affordable(points, tables)
    budgets |= {"equal operations": afforded} if afforded else {}
    leads = {title: {arm: lead(arms, arm, base, of_arm) for arm in arms} for title, of_arm in budgets.items()}
    sizes = [abs(value) for column in leads.values() for value in column.values() if value]
    unit = tables.unit_of(record["metric"]).showing(sizes)

    def shown(title: str) -> Column[str]:
        return Column(unit.labelled(title, difference=True), lambda arm: unit.delta(leads[title][arm]))

    columns = [Column[str]("arm", plain, numeric=False), *map(shown, leads)]
    if afforded:
        columns.append(Column[str]("points of equal operations", lambda arm: str(afforded[arm])))
    return (grid(columns, [arm for arm in arms if arm != base]),)


def lead(arms: Mapping[str, TunedArm], arm: str, base: str, budgets: Mapping[str, int]) -> float | None:
    """Expected best of an arm's budget less that of the baseline's; None where a search may meet no usable point."""
    own, other = (arms[name]["expected_best"][budgets[name] - 1 : budgets[name]] for name in (arm, base))
    return own[0] - other[0] if own and other and own[0] is not None and other[0] is not None else None


def affordable(points: int, tables: Tables) -> dict[str, int]:
    """The points that the operations of the baseline's tuning pay for; empty where all arms cost about the same."""
    ratios = {arm.arm: ratio_of(arm, tables) for arm in tables.tricks}
    known = {name: ratio for name, ratio in ratios.items() if ratio}
    afforded = {name: max(1, min(points, round(points / ratio))) for name, ratio in known.items()}
    differ = len(known) == len(ratios) and any(budget < points for budget in afforded.values())
    return {tables.baseline.arm: points, **afforded} if differ else {}


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
