"""Equal what? Verdicts where the baseline's operations end, and what a gain is worth in the baseline's steps. Pure.

The study compares what trainings have at their end. An arm whose step costs twice as much had twice the operations; its
validation curve says what it had after as many as the baseline had in all.
"""

import dataclasses
import math
from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from ablate.report.costs import ARITHMETIC, multiple
from ablate.report.plots.curves import band_of
from ablate.report.records import Cell, Summary, Tables, on_validation
from ablate.report.section import Column, Grid, Section, grid
from ablate.report.tables import finite
from ablate.report.wording import DASH, MINUS, Unit, count, interval, listed, number, plain, plural, probability
from ablate.stats.times import steps_worth, value_at
from ablate.stats.verdict import Contrast, compare

SAME = 0.005  # share by which operations may part and count as equal
DEARER = 1.05  # times the baseline's operations, from which on a claim has to hold at equal operations too


@dataclasses.dataclass(frozen=True)
class AtEqualCost:
    """One arm on validation: at the end of its training, and where it had used the baseline's operations.

    `ratio` is its operations over all its steps, over those of the baseline; `step` the one at which it had used as
    many as the baseline in all, its last where it used fewer. `at_end` and `equal_cost` compare it with the baseline.
    """

    arm: Summary
    ratio: float
    step: float
    at_end: Contrast
    equal_cost: Contrast


def equal_cost(tables: Tables) -> Section | None:
    """The table per arm, where operations were counted, there are curves, and all cells have ended."""
    lines = at_equal_cost(tables)
    if not lines:
        return None
    unit = unit_of(lines, tables)
    return Section(
        "equal_cost",
        "At equal cost",
        paragraphs=tuple(explanation(lines, tables)),
        grids=(cost_grid(lines, unit, tables),),
    )


def at_equal_cost(tables: Tables) -> list[AtEqualCost]:
    """Every arm whose operations are known; empty where the baseline's are not, or cells are pending."""
    if tables.interim or not tables.baseline.flops or not tables.baseline.steps:
        return []
    found = {arm.arm: ratio_of(arm, tables) for arm in tables.tricks}
    ratios = {name: ratio for name, ratio in found.items() if ratio is not None}
    known = [arm for arm in tables.tricks if arm.arm in ratios]
    ends = {arm.arm: float(arm.steps or 0) for arm in (tables.baseline, *known)}
    # An arm that is cheaper than the baseline has no steps beyond its own; what it had left counts for nothing.
    stops = {name: ends[name] / dearer(ratios.get(name, 1.0)) for name in ends}
    by_steps, by_cost = (contrasts(tables, places) for places in (ends, stops))
    return [
        AtEqualCost(
            arm,
            ratios[arm.arm],
            stops[arm.arm],
            by_steps[arm.arm],
            by_cost[arm.arm],
        )
        for arm in known
        if arm.arm in by_steps
    ]


def dearer(ratio: float) -> float:
    """By how much an arm's curve has to be shortened: 1 where it costs as much as the baseline, or less."""
    return ratio if ratio > 1 + SAME else 1.0


def ratio_of(arm: Summary, tables: Tables) -> float | None:
    """Operations of an arm's whole training over those of the baseline's; None where they are not known."""
    per_step, base = multiple(arm, tables, ARITHMETIC), tables.baseline.steps
    return per_step * arm.steps / base if per_step and arm.steps and base else None


def contrasts(tables: Tables, places: Mapping[str, float]) -> dict[str, Contrast]:
    """Arms against the baseline by their validation curves, each read at a step of its own, by the study's rules."""
    study, curve = tables.study, tables.validation_curve
    values = {name: curve_values(tables.cells_of(name), curve, step) for name, step in places.items()}
    if not any(math.isfinite(value) for value in values[study["baseline"]].values()):
        return {}
    return compare(
        values,
        study["baseline"],
        higher_is_better=tables.unit_of(curve).higher_is_better,
        alpha=tables.level,
        margin=study["metric"]["margin"] if curve == on_validation(tables.metric) else None,
        paired=study["paired"],
        test=study.get("test", "t"),
    )


def curve_values(cells: Sequence[Cell], curve: str, step: float) -> dict[int, float]:
    """Seed to validation metric at a step; nan where a cell failed."""
    failed = {cell.seed: math.nan for cell in cells if cell.ended and cell.status != "done"}
    read_off = {
        cell.seed: read(cell, curve, step) for cell in cells if cell.status == "done" and cell.curves.get(curve)
    }
    return failed | {seed: value for seed, value in read_off.items() if math.isfinite(value)}


def read(cell: Cell, curve: str, step: float) -> float:
    """A cell's curve at a step, between evaluations too."""
    values = [math.nan if finite(value) is None else float(value or 0.0) for value in cell.curves[curve]]
    return value_at(np.array(cell.curves["step"], dtype=float), np.array(values), step)


def unit_of(lines: Sequence[AtEqualCost], tables: Tables) -> Unit:
    """The validation metric's unit with the digits that the spreads deserve."""
    spreads = [line.equal_cost.sd / math.sqrt(line.equal_cost.n) for line in lines if line.equal_cost.sd]
    return tables.unit_of(tables.validation_curve).showing(spreads)


def cost_grid(lines: Sequence[AtEqualCost], unit: Unit, tables: Tables) -> Grid:
    """One line per arm."""

    def size(contrast: Contrast) -> str:
        return unit.delta(contrast.mean)

    columns = (
        Column[AtEqualCost]("arm", lambda line: plain(line.arm.arm), numeric=False),
        Column[AtEqualCost](unit.labelled("delta at the end", difference=True), lambda line: size(line.at_end)),
        Column[AtEqualCost]("worth, in the baseline's steps", lambda line: worth_text(line, tables)),
        Column[AtEqualCost]("operations (×)", lambda line: number(line.ratio)),
        Column[AtEqualCost]("read at step", step_text),
        Column[AtEqualCost](
            unit.labelled("delta, equal operations", difference=True), lambda line: size(line.equal_cost)
        ),
        Column[AtEqualCost](
            "interval",
            lambda line: interval(unit.delta(line.equal_cost.low), unit.delta(line.equal_cost.high)),
        ),
        Column[AtEqualCost]("corrected p", lambda line: probability(line.equal_cost.p_corrected)),
        Column[AtEqualCost]("verdict", lambda line: line.equal_cost.verdict or DASH, numeric=False),
    )
    return grid(columns, lines)


def step_text(line: AtEqualCost) -> str:
    """Where the curve was read."""
    return "its end" if line.ratio <= 1 + SAME else count(line.step)


def worth_text(line: AtEqualCost, tables: Tables) -> str:
    """The gain at equal steps in steps of the baseline, with its interval."""
    contrast = line.at_end
    mean, low, high = (worth(value, tables) for value in (contrast.mean, contrast.low, contrast.high))
    if mean is None:
        return DASH
    ends = sorted(end for end in (low, high) if end is not None)
    around = f" ({steps_text(ends[0], tables)} to {steps_text(ends[1], tables)})" if len(ends) == 2 else ""
    return f"{steps_text(mean, tables)}{around}"


def worth(gain: float | None, tables: Tables) -> float | None:
    """A difference in steps of the baseline's mean curve, read backwards; 0 where it is within rounding."""
    curve = tables.validation_curve
    cells = [cell for cell in tables.cells_of(tables.baseline.arm) if cell.status == "done"]
    band = band_of(tables.baseline.arm, cells, curve)
    if gain is None or not band.steps:
        return None
    up = tables.unit_of(curve).higher_is_better
    return steps_worth(np.array(band.steps, dtype=float), np.array(band.mean), gain, higher_is_better=up)


def steps_text(steps: float, tables: Tables) -> str:
    """`+120`, or `more than 500` where the whole curve made less."""
    if math.isinf(steps):
        return f"{MINUS if steps < 0 else '+'}more than {count(tables.baseline.steps)}"
    return number(steps, 0, signed=True)


def explanation(lines: Sequence[AtEqualCost], tables: Tables) -> list[str]:
    """How to read the table."""
    unit = tables.unit_of(tables.validation_curve)
    steps, cheaper = plural(tables.baseline.steps or 0, "step"), [line for line in lines if line.ratio < 1 - SAME]
    left = (
        " An arm that is cheaper had ended by then, and is read at its end: it had operations left." if cheaper else ""
    )
    return [
        f"{unit.validation[:1].upper()}{unit.validation[1:]}. Equal operations: every arm's curve is read where it had "
        f"used the operations that the baseline used in {steps}, between two evaluations by a straight line; tested "
        f"as in the table of arms, and corrected over the arms of this table.{left} A schedule that ends later has not "
        "yet let the rate fall there, which counts against the arm.",
        "Worth: in so many last steps the baseline itself improved by as much, with the ends of the interval of the "
        "delta read in the same way. Where training pays less and less, so many further steps would give it less; "
        "where its curve wavered or fell by more than half of that on the way, there is no such number.",
    ]


def cost_caveat(tables: Tables) -> Iterator[str]:
    """Arms that are better at their end, took more operations, and are not better at equal operations."""
    dear = [arm.arm for arm in tables.tricks if arm.verdict == "better" and (ratio_of(arm, tables) or 1.0) > DEARER]
    lines = [line for line in (at_equal_cost(tables) if dear else ()) if line.arm.arm in dear]
    fallen = [line for line in lines if line.equal_cost.verdict != "better"]
    if fallen:
        words = [f"{line.arm.arm} ({number(line.ratio)} times, {line.equal_cost.verdict})" for line in fallen]
        yield (
            "Better at the end of a training that took more operations than the baseline's, and on validation not "
            f"better at equal operations: {listed(words)}."
        )
