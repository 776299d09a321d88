"""Curves of single cells -> one band per arm -> the plots of curves. Pure."""

import dataclasses
import math
import statistics
from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from ablate.report.plots.plot import Lines, Panel, Run, Series
from ablate.report.plots.scales import Scale, even_scale, level_scale
from ablate.report.records import Cell, Summary, Tables, drawn
from ablate.report.tables import finite
from ablate.report.wording import Unit, listed, plain
from ablate.stats.paired import t_interval

PANEL_ARMS = 4
POINTS = 150
RUN_POINTS = 50
STORED = Unit("")
MOST_RUNS = 20  # seeds of an arm that can be told apart as single lines
TAKEN = ("forest", "interactions", "curves", "cost")  # names of the plots that every task may have


@dataclasses.dataclass(frozen=True)
class Band:
    """Mean and 95 % t interval over the seeds that still had a finite value at each step, and each of these seeds."""

    arm: str
    steps: tuple[float, ...]
    mean: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]
    diverged: tuple[int, ...]
    runs: tuple[Run, ...] = ()


@dataclasses.dataclass(frozen=True)
class ArmGroup:
    """Arms that are drawn together, over the baseline."""

    title: str
    arms: tuple[str, ...]


def band_of(arm: str, cells: Iterable[Cell], curve: str, unit: Unit = STORED) -> Band:
    """The band of one arm.

    Args:
        arm: its name.
        cells: its cells; those without the curve are left out.
        curve: key of `curves`.
        unit: how the curve is shown; values stay as they are stored without one.
    """
    cells = list(cells)
    runs = [run for run in (run_of(cell, curve, unit.scale) for cell in cells) if run.x]
    seen: dict[float, list[float]] = {}
    for step, value in (point for run in runs for point in zip(run.x, run.y, strict=True)):
        seen.setdefault(step, []).append(value)
    steps = thinned(sorted(seen))
    spans = [t_interval(np.array(seen[step])) for step in steps]
    mean = [float(span.mean or 0.0) for span in spans]
    return Band(
        arm=arm,
        steps=tuple(steps),
        mean=tuple(mean),
        low=tuple(m if span.low is None else unit.inside(span.low) for m, span in zip(mean, spans, strict=True)),
        high=tuple(m if span.high is None else unit.inside(span.high) for m, span in zip(mean, spans, strict=True)),
        diverged=tuple(sorted(c.diverged_step for c in cells if c.diverged_step is not None)),
        runs=tuple(map(thinned_run, runs)) if 1 < len(runs) <= MOST_RUNS else (),
    )


def run_of(cell: Cell, curve: str, scale: float) -> Run:
    """What one cell gave, where it is finite."""
    pairs = zip(cell.curves.get("step", ()), cell.curves.get(curve, ()), strict=False)
    numbers = ((finite(step), finite(value)) for step, value in pairs)
    points = [(step, scale * value) for step, value in numbers if step is not None and value is not None]
    return Run(f"seed {cell.seed}", tuple(x for x, _ in points), tuple(y for _, y in points))


def thinned_run(run: Run) -> Run:
    """A run at fewer of its steps."""
    values = dict(zip(run.x, run.y, strict=True))
    steps = thinned(run.x, RUN_POINTS)
    return Run(run.label, tuple(steps), tuple(values[step] for step in steps))


def thinned(steps: Sequence[float], points: int = POINTS) -> list[float]:
    """At most `points` of the steps, evenly spread, with the first and the last."""
    if len(steps) <= points:
        return list(steps)
    return [steps[i] for i in np.linspace(0, len(steps) - 1, points).round().astype(int)]


def bands_of(tables: Tables, curve: str) -> dict[str, Band]:
    """The bands of the baseline and every arm that is drawn, by arm."""
    names, unit = (arm.arm for arm in (tables.baseline, *drawn(tables))), tables.unit_of(curve)
    return {name: band_of(name, tables.cells_of(name), curve, unit) for name in names}


def learning_rates(tables: Tables) -> dict[str, dict[str, Band]]:
    """Every learning rate by name, and each by arm; a task has one, several or none.

    Finer where the study recorded it per arm than where it comes from the evaluations of a row.
    """
    recorded = dict.fromkeys(name for arm in tables.study["arms"] for name in arm.get("rates", {}))
    others = {"step", *tables.study["curves"]}  # what else a row has curves of, beside the validation metrics
    names = dict.fromkeys(name for cell in tables.cells for name in cell.curves if not name.startswith("val_"))
    names = recorded | {name: None for name in names if name not in others}
    return {name: recorded_rate(tables, name) if name in recorded else bands_of(tables, name) for name in names}


def recorded_rate(tables: Tables, name: str) -> dict[str, Band]:
    """A learning rate of every drawn arm that the study recorded it for, by arm; a line without an interval."""
    bands, shown = {}, {arm.arm for arm in (tables.baseline, *drawn(tables))}
    for arm in (arm for arm in tables.study["arms"] if arm["name"] in shown):
        curve = arm.get("rates", {}).get(name) or {"step": [], "rate": []}
        points = [(step, rate) for step, rate in zip(curve["step"], curve["rate"], strict=True) if rate is not None]
        if points:
            steps, rates = zip(*points, strict=True)
            bands[arm["name"]] = Band(arm["name"], steps, rates, rates, rates, ())
    return bands


def groups_of(tables: Tables, left_out: Sequence[str] = ()) -> tuple[ArmGroup, ...]:
    """One group per axis that drawn arms change, at most `PANEL_ARMS` arms in each; only the baseline: one group."""
    groups: dict[str, list[str]] = {}
    for arm in (arm for arm in drawn(tables) if arm.arm not in left_out):
        groups.setdefault(axis_title(arm), []).append(arm.arm)
    chunks = [
        ArmGroup(title, tuple(arms[i : i + PANEL_ARMS]))
        for title, arms in groups.items()
        for i in range(0, len(arms), PANEL_ARMS)
    ]
    return tuple(chunks) or (ArmGroup(plain(tables.baseline.arm), ()),)


def name_in(group: ArmGroup, arm: str) -> str:
    """An arm's name without the axis that the group's title says already."""
    return plain(arm).removeprefix(f"{group.title}=") or plain(arm)


def axis_title(arm: Summary) -> str:
    """The axes that an arm changes, as a panel title."""
    axes = [plain(axis) for axis in arm.changes]
    if len(axes) > 3:
        return f"{len(axes)} axes changed"
    return " + ".join(axes) or plain(arm.arm)


def level_limits(bands: Iterable[Band], late: float = 0.25) -> tuple[float, float] | None:
    """Limits of the vertical axis: what the means span behind the first quarter of training.

    So the end is legible. Intervals count as wide as the middle one of them, since two seeds can give an
    interval of any width.

    Returns:
        Lowest and highest value with a margin, or None where there is nothing to draw.
    """
    bands = [band for band in bands if band.steps]
    if not bands:
        return None
    start = late * max(band.steps[-1] for band in bands)
    late_points = [(band, i) for band in bands for i, step in enumerate(band.steps) if step >= start]
    late_points = late_points or [(band, len(band.steps) - 1) for band in bands]
    means = [band.mean[i] for band, i in late_points]
    half_width = statistics.median(band.high[i] - band.low[i] for band, i in late_points) / 2
    low, high = min(means), max(means)
    margin = max(0.1 * (high - low), 1.2 * half_width) or 0.05 * abs(high) or 1.0
    return max(low - margin, 0.8 * low) if low > 0 else low - margin, high + margin


def shared_curve(bands: Mapping[str, Band]) -> list[tuple[list[str], Band]]:
    """Arms grouped by equal mean curves: learning rates coincide for most arms."""
    groups: dict[tuple, tuple[list[str], Band]] = {}
    for name, band in bands.items():
        if band.steps and all(map(math.isfinite, band.mean)):
            key = (band.steps, tuple(f"{value:.5g}" for value in band.mean))
            groups.setdefault(key, ([], band))[0].append(plain(name))
    return list(groups.values())


def validation_curve(tables: Tables) -> dict[str, Lines]:
    """The validation curve by which the study is judged."""
    lines = curve_lines(tables, tables.validation_curve)
    return {"curves": lines} if lines else {}


def training_curves(tables: Tables) -> dict[str, Lines]:
    """Every curve that the task names; one that is called like another plot gets a name of its own."""
    plots = {name: curve_lines(tables, name, incomparable(tables)) for name in tables.study["curves"]}
    return {f"{name} by step" if name in TAKEN else name: lines for name, lines in plots.items() if lines}


def rate_curves(tables: Tables) -> dict[str, Lines]:
    """Every learning rate; arms whose rates coincide share a line."""
    shared = {name: shared_curve(bands) for name, bands in learning_rates(tables).items()}
    steps = tables.study["train"].get("steps", 0)
    return {name: rate_lines(name, bands, steps) for name, bands in shared.items() if bands}


def incomparable(tables: Tables) -> tuple[str, ...]:
    """The arms whose loss is not the baseline's, so that the curves of their training are in a unit of their own."""
    return tuple(arm["name"] for arm in tables.study["arms"] if arm.get("own_loss"))


def left_out_words(arms: Sequence[str]) -> str:
    """Why arms are not drawn; empty where all are."""
    names = listed([plain(arm) for arm in arms], 12)
    return f"Not drawn, since their losses are not the baseline's and have other values: {names}" if arms else ""


def curve_lines(tables: Tables, curve: str, left_out: Sequence[str] = ()) -> Lines | None:
    """Small multiples: the arms of one axis in each panel, over the baseline, as mean and interval; None without any.

    Args:
        tables: the study.
        curve: key of the rows' curves.
        left_out: arms whose curves cannot be compared with the baseline's.
    """
    unit = tables.unit_of(curve)
    bands = bands_of(tables, curve)
    limits = level_limits(band for arm, band in bands.items() if arm not in left_out)
    if limits is None:
        return None
    last = max(band.steps[-1] for band in bands.values() if band.steps)
    return Lines(
        panels=tuple(panel_of(group, bands, tables.baseline.arm) for group in groups_of(tables, left_out)),
        x=step_scale(last, 4),
        y=level_scale(*limits, unit),
        grey=plain(tables.baseline.arm),
        left_out=left_out_words([arm for arm in left_out if arm in {arm.arm for arm in drawn(tables)}]),
    )


def step_scale(last: float, wanted: int = 5) -> Scale:
    """The axis of training steps; one step wide where there is a single evaluation."""
    return even_scale(0.0, last or 1.0, "training step", wanted)


def panel_of(group: ArmGroup, bands: Mapping[str, Band], base: str) -> Panel:
    """The baseline and the arms of a group that have a curve."""
    arms = [(base, plain(base), None), *((arm, name_in(group, arm), i) for i, arm in enumerate(group.arms))]
    drawn = (series_of(bands[arm], label, colour) for arm, label, colour in arms if bands[arm].steps)
    return Panel(plain(group.title), tuple(drawn))


def series_of(band: Band, label: str, colour: int | None) -> Series:
    """A band as a curve; a cross on its mean where a seed diverged, unless none of it is left by then."""
    before = {step: [m for s, m in zip(band.steps, band.mean, strict=True) if s <= step] for step in band.diverged}
    crosses = tuple((float(step), means[-1]) for step, means in before.items() if means)
    ends = (band.low, band.high) if band.low != band.high else ((), ())
    return Series(label, colour, band.steps, band.mean, *ends, crosses, band.runs)


def rate_lines(name: str, shared: Sequence[tuple[list[str], Band]], steps: int) -> Lines:
    """One line per group of arms that share a learning rate, over a training of so many steps or more."""
    last = max(steps, *(band.steps[-1] for _, band in shared))
    top = max(max(band.mean) for _, band in shared) * 1.05 or 1.0
    series = (Series(listed(arms, 2), i, band.steps, band.mean) for i, (arms, band) in enumerate(shared))
    return Lines(
        panels=(Panel("", tuple(series)),),
        x=step_scale(last),
        y=even_scale(0.0, top, plain(Unit(name.replace("_", " ")).metric)),
    )
