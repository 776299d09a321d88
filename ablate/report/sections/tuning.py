"""What tuning found before the study: the same budget for every arm, the baseline included."""

import statistics
from collections.abc import Mapping, Sequence
from typing import Any

from ablate.report.grids import Grid, grid
from ablate.report.wording import DASH, Unit, listed, plain, plural, unit_of
from ablate.results.schema import MetricRecord


def tuning_grid(tuning: Mapping[str, Any], metrics: Sequence[MetricRecord]) -> Grid:
    """One line per arm: what it chose, how that did on validation, and what smaller budgets would have found."""
    values = [v for arm in tuning["arms"].values() for v in arm["validation"] if v is not None]
    unit = unit_of(tuning["metric"], metrics, [statistics.stdev(values) / 10] if len(values) > 1 else [])
    budgets = budgets_of(len(tuning["points"]))
    names = [f"best of {n}" for n in budgets]
    header = ("arm", "chosen", unit.title, *names, "at the border")
    rows = [tuning_row(arm, found, tuning["points"], unit, budgets) for arm, found in tuning["arms"].items()]
    return grid(header, rows, text=("arm", "chosen", "at the border"))


def budgets_of(points: int) -> list[int]:
    """One point, about half and all of them.

    >>> budgets_of(9), budgets_of(1)
    ([1, 4, 9], [1])
    """
    return sorted({1, max(1, points // 2), points})


def tuning_row(arm: str, found: Mapping[str, Any], points: list, unit: Unit, budgets: list[int]) -> tuple[str, ...]:
    """One arm."""
    best = found["expected_best"]
    return (
        plain(arm),
        "none: its own numbers" if found["chosen"] is None else point_text(points[found["chosen"]]),
        DASH if found["chosen"] is None else unit.level(found["validation"][found["chosen"]]),
        *(unit.level(best[n - 1]) if n <= len(best) else DASH for n in budgets),
        listed([plain(text) for text in found["at_border"]]) or DASH,
    )


def point_text(point: Mapping[str, Mapping[str, float]]) -> str:
    """A point of the grid, `optimizer.learning_rate=0.1`."""
    return plain(
        ", ".join(f"{axis}.{name}={number(x)}" for axis, values in point.items() for name, x in values.items())
    )


def tuned_lines(tuning: Mapping[str, Any] | None) -> list[str]:
    """What every arm chose, one line each, for the console."""
    if not tuning:
        return []
    lines = []
    for arm, found in tuning["arms"].items():
        chosen = "nothing, no point trained well"
        if found["chosen"] is not None:
            chosen = point_text(tuning["points"][found["chosen"]])
        border = ", at the border of its grid" if found["at_border"] else ""
        lines.append(f"tuning of {plain(arm)} chose {chosen}{border}")
    return lines


def number(value: float | str) -> str:
    """Stored infinities are words."""
    return value if isinstance(value, str) else f"{value:g}"


def tuning_notes(tuning: Mapping[str, Any]) -> tuple[str, ...]:
    """How to read the grid."""
    times = "Values multiply the arm's own number. " if tuning["relative"] else ""
    return (
        f"Every arm, the baseline included, was tried at {plural(len(tuning['points']), 'point')} on "
        f"{plural(len(tuning['seeds']), 'seed')} that the study does not use; the best mean on validation was taken. "
        f"{times}Best of n: the validation value that n points drawn at random would have led to, which says how much "
        "of an arm's result is search.",
    )


def failure_caveat(tuning: Mapping[str, Any] | None) -> str | None:
    """Tuning cells without a result: budgets were not equal after all."""
    failed = (tuning or {}).get("failed", 0)
    if not failed:
        return None
    return (
        f"{plural(failed, 'cell')} of the tuning failed, so arms were not tuned alike; see tuning/ and --retry-failed."
    )


def border_caveat(tuning: Mapping[str, Any] | None) -> str | None:
    """Arms whose best point lies at the end of the grid."""
    found = [
        f"{arm} ({listed(one['at_border'])})" for arm, one in (tuning or {}).get("arms", {}).items() if one["at_border"]
    ]
    if not found:
        return None
    return f"Tuned to the border of the grid, so that the best may lie outside it: {listed(found, 12)}."
