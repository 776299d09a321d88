"""Time to target: how soon each arm reaches what the baseline ends with. Pure."""

import math
import statistics

import numpy as np

from ablate.report.costs import lane_share
from ablate.report.grids import Grid, grid
from ablate.report.tables import Cell, Summary, Tables, finite
from ablate.report.wording import DASH, Unit, count, plain, short, unit_of
from ablate.stats.times import TimeToTarget, first_reached, time_to_target


def target_of(tables: Tables, curve: str) -> float | None:
    """The baseline's last validation value, averaged over seeds, less one sd between seeds; None without curves."""
    ends = [end for end in (last_value(c, curve) for c in tables.cells_of(tables.baseline.arm)) if end is not None]
    if not ends:
        return None
    sd = statistics.stdev(ends) if len(ends) > 1 else 0.0
    return statistics.fmean(ends) - sd if curve.endswith("accuracy") else statistics.fmean(ends) + sd


def last_value(cell: Cell, curve: str) -> float | None:
    """The last value of a curve, None where the cell has none or diverged."""
    values = cell.curves.get(curve) or ()
    return finite(values[-1]) if values and cell.status == "done" else None


def reached(tables: Tables, arm: Summary, curve: str, target: float) -> TimeToTarget:
    """When the cells of an arm first reached the target."""
    ended = [cell for cell in tables.cells_of(arm.arm) if cell.ended and cell.curves.get(curve)]
    return time_to_target(
        [
            first_reached(
                np.array(cell.curves["step"], dtype=float),
                np.array([math.nan if finite(v) is None else v for v in cell.curves[curve]], dtype=float),
                target,
                higher_is_better=curve.endswith("accuracy"),
            )
            for cell in ended
        ]
    )


def speed_grid(tables: Tables, curve: str) -> tuple[str, Grid] | None:
    """What the target is, and per arm how many seeds reached it and when; None where there are no curves yet."""
    target = target_of(tables, curve)
    if target is None:
        return None
    unit = unit_of(curve, [0.001 if curve.endswith("accuracy") else 0.01])
    rows = [speed_row(arm, reached(tables, arm, curve, target)) for arm in tables.arms]
    header = ("arm", "reached", "steps (median)", "seconds per cell (median)")
    return sentence(unit, target), grid(header, rows, text=("arm",))


def sentence(unit: Unit, target: float) -> str:
    """What the target is."""
    name = unit.metric.replace("val ", "validation ")
    return (
        f"Target: {name} {unit.level(target)} {unit.suffix}, where the baseline ends, less one standard deviation "
        "between its seeds. Evaluated only every few steps, so times are rounded up; a seed that never got there "
        "counts as later than all others. Seconds are those of a step measured alone, where it was, or else one lane's "
        "share of its program's time."
    )


def speed_row(arm: Summary, found: TimeToTarget) -> tuple[str, ...]:
    """One arm."""
    seconds = arm.step_seconds or lane_share(arm)
    spent = short(found.median * seconds) if found.median is not None and seconds else DASH
    return (plain(arm.arm), f"{found.reached}/{found.runs}", count(found.median), spent)
