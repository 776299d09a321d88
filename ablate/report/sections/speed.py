"""Time to target: how soon each arm reaches what the baseline reaches at its best. Pure."""

import math
import statistics
from collections.abc import Iterator
from typing import Any

import numpy as np

from ablate.report.grids import Grid, grid
from ablate.report.plots.bands import band_of, rises
from ablate.report.tables import Cell, Summary, Tables, finite
from ablate.report.wording import DASH, Unit, count, plain, short
from ablate.stats.times import TimeToTarget, first_reached, time_to_target


def target_of(tables: Tables, curve: str) -> float | None:
    """The best mean of the baseline's validation curve, less one sd between its seeds there; None without curves."""
    cells = [cell for cell in tables.cells_of(tables.baseline.arm) if cell.status == "done"]
    band = band_of(tables.baseline.arm, cells, curve)
    if not band.steps:
        return None
    better = 1.0 if rises(tables, curve) else -1.0
    best, step = max((better * mean, -step) for mean, step in zip(band.mean, band.steps, strict=True))
    there = [finite(value) for cell in cells for at, value in points(cell, curve) if at == -step]
    known = [value for value in there if value is not None]
    return better * (best - (statistics.stdev(known) if len(known) > 1 else 0.0))


def points(cell: Cell, curve: str) -> Iterator[tuple[float, Any]]:
    """Steps and values of one cell's curve."""
    return zip(cell.curves.get("step", ()), cell.curves.get(curve, ()), strict=False)


def reached(tables: Tables, arm: Summary, curve: str, target: float) -> TimeToTarget:
    """When the cells of an arm first reached the target."""
    ended = [cell for cell in tables.cells_of(arm.arm) if cell.ended and cell.curves.get(curve)]
    return time_to_target(
        [
            first_reached(
                np.array(cell.curves["step"], dtype=float),
                np.array([math.nan if finite(v) is None else v for v in cell.curves[curve]], dtype=float),
                target,
                higher_is_better=rises(tables, curve),
            )
            for cell in ended
        ]
    )


def speed_grid(tables: Tables, curve: str) -> tuple[str, Grid] | None:
    """What the target is, and per arm how many seeds reached it and when; None where there are no curves yet."""
    target = target_of(tables, curve)
    if target is None:
        return None
    unit = tables.unit_of(curve, [abs(target) / 100])
    timed = any(arm.step_seconds for arm in tables.arms)
    rows = [speed_row(arm, reached(tables, arm, curve, target), timed=timed) for arm in tables.arms]
    header = ("arm", "reached", "steps (median)", *(("seconds (median)",) if timed else ()))
    return sentence(unit, target, timed=timed), grid(header, rows, text=("arm",))


def sentence(unit: Unit, target: float, *, timed: bool) -> str:
    """What the target is."""
    seconds = " Seconds are for one cell whose step was measured alone." if timed else ""
    return (
        f"Target: {unit.validation} {f'{unit.level(target)} {unit.suffix}'.strip()}, the best that the "
        "baseline's mean curve reaches, less one standard deviation between its seeds. Evaluated only every few steps, "
        f"so times are rounded up; a seed that never got there counts as later than all others.{seconds}"
    )


def speed_row(arm: Summary, found: TimeToTarget, *, timed: bool) -> tuple[str, ...]:
    """One arm."""
    known = found.median is not None and arm.step_seconds is not None
    spent = short((found.median or 0.0) * (arm.step_seconds or 0.0)) if known else DASH
    return (plain(arm.arm), f"{found.reached}/{found.runs}", count(found.median), *((spent,) if timed else ()))
