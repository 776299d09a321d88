"""Time to target: how soon each arm reaches what the baseline reaches at its best. Pure."""

import math
import statistics

import numpy as np

from ablate.report.plots.curves import band_of
from ablate.report.records import Cell, Summary, Tables
from ablate.report.section import Column, Grid, Section, grid
from ablate.report.tables import finite
from ablate.report.wording import DASH, Unit, count, plain, short
from ablate.stats.times import TimeToTarget, first_reached, time_to_target


def speed(tables: Tables) -> Section | None:
    """Time to target, where there are curves."""
    target_and_times = speed_grid(tables, tables.validation_curve)
    if target_and_times is None:
        return None
    target, times = target_and_times
    return Section("speed", "Time to target", paragraphs=(target,), grids=(times,))


def target_of(tables: Tables, curve: str) -> float | None:
    """The best mean of the baseline's validation curve, less one sd between its seeds there; None without curves."""
    cells = [cell for cell in tables.cells_of(tables.baseline.arm) if cell.status == "done"]
    band = band_of(tables.baseline.arm, cells, curve)
    if not band.steps:
        return None
    better = 1.0 if tables.unit_of(curve).higher_is_better else -1.0
    best, step = max((better * mean, -step) for mean, step in zip(band.mean, band.steps, strict=True))
    values = [value_at(cell, curve, -step) for cell in cells]
    finite_values = [value for value in values if value is not None]
    return better * (best - (statistics.stdev(finite_values) if len(finite_values) > 1 else 0.0))


def value_at(cell: Cell, curve: str, step: float) -> float | None:
    """A cell's curve at a step; None where it has no finite value there."""
    values = dict(zip(cell.curves.get("step", ()), cell.curves.get(curve, ()), strict=False))
    return finite(values.get(step))


def reached(tables: Tables, arm: Summary, curve: str, target: float) -> TimeToTarget:
    """When the cells of an arm first reached the target."""
    ended = [cell for cell in tables.cells_of(arm.arm) if cell.ended and cell.curves.get(curve)]
    return time_to_target(
        [
            first_reached(
                np.array(cell.curves["step"], dtype=float),
                np.array([math.nan if finite(v) is None else v for v in cell.curves[curve]], dtype=float),
                target,
                higher_is_better=tables.unit_of(curve).higher_is_better,
            )
            for cell in ended
        ]
    )


def speed_grid(tables: Tables, curve: str) -> tuple[str, Grid] | None:
    """What the target is, and per arm how many seeds reached it and when; None where there are no curves yet."""
    target = target_of(tables, curve)
    if target is None:
        return None
    unit = tables.unit_of(curve).showing_levels([target])
    times = {arm.arm: reached(tables, arm, curve, target) for arm in tables.arms}

    def seconds(arm: Summary) -> str:
        median = times[arm.arm].median
        return DASH if median is None or arm.step_seconds is None else short(median * arm.step_seconds)

    columns = (
        Column[Summary]("arm", lambda arm: plain(arm.arm), numeric=False),
        Column[Summary]("reached", lambda arm: f"{times[arm.arm].reached}/{times[arm.arm].runs}"),
        Column[Summary]("steps (median)", lambda arm: count(times[arm.arm].median)),
        *((Column[Summary]("seconds (median)", seconds),) if tables.timed else ()),
    )
    return sentence(unit, target, timed=tables.timed), grid(columns, tables.arms)


def sentence(unit: Unit, target: float, *, timed: bool) -> str:
    """What the target is."""
    seconds = " Seconds are for one cell whose step was measured alone." if timed else ""
    return (
        f"Target: {unit.validation} {f'{unit.level(target)} {unit.suffix}'.strip()}, the best that the "
        "baseline's mean curve reaches, less one standard deviation between its seeds. Evaluated only every few steps, "
        f"so times are rounded up; a seed that never got there counts as later than all others.{seconds}"
    )
