"""Curves of single cells -> one band per arm, and arms -> panels. Pure; the figures and the page both draw these."""

import dataclasses
import math
import statistics
from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from ablate.report.tables import Cell, Summary, Tables, finite
from ablate.report.wording import plain, record_of
from ablate.stats.paired import t_interval

PANEL_ARMS = 4
POINTS = 150


@dataclasses.dataclass(frozen=True)
class Band:
    """Mean and 95 % t interval over the seeds that still had a finite value at each step."""

    arm: str
    steps: tuple[float, ...]
    mean: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]
    diverged: tuple[int, ...]


@dataclasses.dataclass(frozen=True)
class Panel:
    """Arms that are drawn together, over the baseline."""

    title: str
    arms: tuple[str, ...]


def band_of(arm: str, cells: Iterable[Cell], curve: str, scale: float = 1.0) -> Band:
    """The band of one arm.

    Args:
        arm: its name.
        cells: its cells; those without the curve are left out.
        curve: key of `curves`.
        scale: shown value per stored value.
    """
    cells = list(cells)
    seen: dict[float, list[float]] = {}
    for cell in cells:
        for step, value in zip(cell.curves.get("step", ()), cell.curves.get(curve, ()), strict=False):
            if finite(value) is not None:
                seen.setdefault(step, []).append(scale * float(value or 0.0))
    steps = thinned(sorted(seen))
    spans = [t_interval(np.array(seen[step])) for step in steps]
    mean = [float(span.mean or 0.0) for span in spans]
    return Band(
        arm=arm,
        steps=tuple(steps),
        mean=tuple(mean),
        low=tuple(m if span.low is None else span.low for m, span in zip(mean, spans, strict=True)),
        high=tuple(m if span.high is None else span.high for m, span in zip(mean, spans, strict=True)),
        diverged=tuple(sorted(c.diverged_step for c in cells if c.diverged_step is not None)),
    )


def thinned(steps: Sequence[float], points: int = POINTS) -> list[float]:
    """At most `points` of the steps, evenly spread, with the first and the last."""
    if len(steps) <= points:
        return list(steps)
    return [steps[i] for i in np.linspace(0, len(steps) - 1, points).round().astype(int)]


def bands_of(tables: Tables, curve: str, scale: float = 1.0) -> dict[str, Band]:
    """The bands of every arm, by arm."""
    return {arm.arm: band_of(arm.arm, tables.cells_of(arm.arm), curve, scale) for arm in tables.arms}


def recorded_rates(tables: Tables) -> dict[str, Band]:
    """The learning rate of every arm that the study recorded it for, by arm; a line without an interval."""
    recorded = {}
    for arm in tables.study["arms"]:
        for name, curve in (arm.get("rates") or {}).items():
            known = [(step, rate) for step, rate in zip(curve["step"], curve["rate"], strict=True) if rate is not None]
            if known:
                steps, rates = zip(*known, strict=True)
                label = arm["name"] if name == "learning_rate" else f"{arm['name']}, {name.replace('_', ' ')}"
                recorded[label] = Band(label, steps, rates, rates, rates, ())
    return recorded


def validation_curve(tables: Tables) -> str:
    """The validation curve of the study's metric, or of what its task watches where rows hold none."""
    wanted = tables.metric.replace("test_", "val_")
    return wanted if any(cell.curves.get(wanted) for cell in tables.cells) else f"val_{tables.study['watch']}"


def rises(tables: Tables, curve: str) -> bool:
    """Whether more is better on a curve."""
    record = record_of(curve, tables.study["metrics"])
    return record is not None and record["higher_is_better"]


def panels_of(tables: Tables) -> tuple[Panel, ...]:
    """One panel per axis that arms change, at most `PANEL_ARMS` arms in each; only the baseline: one panel."""
    groups: dict[str, list[str]] = {}
    for arm in tables.tricks:
        groups.setdefault(axis_title(arm), []).append(arm.arm)
    chunks = [
        Panel(title, tuple(arms[i : i + PANEL_ARMS]))
        for title, arms in groups.items()
        for i in range(0, len(arms), PANEL_ARMS)
    ]
    return tuple(chunks) or (Panel(plain(tables.baseline.arm), ()),)


def arm_in(panel: Panel, arm: str) -> str:
    """An arm's name without the axis that the panel's title says already."""
    return plain(arm).removeprefix(f"{panel.title}=") or plain(arm)


def axis_title(arm: Summary) -> str:
    """The axes that an arm changes, as a panel title."""
    axes = [plain(axis) for axis in arm.changes]
    if len(axes) > 3:
        return f"{len(axes)} axes changed"
    return " + ".join(axes) or plain(arm.arm)


def window(bands: Iterable[Band], late: float = 0.25) -> tuple[float, float] | None:
    """Limits of the vertical axis: what the means span behind the first quarter of training.

    So the end is legible. Intervals get the room that the middle one of them takes, since two seeds can give an
    interval of any width.

    Returns:
        Lowest and highest value with a margin, or None where there is nothing to draw.
    """
    bands = [band for band in bands if band.steps]
    if not bands:
        return None
    start = late * max(band.steps[-1] for band in bands)
    chosen = [(band, i) for band in bands for i, step in enumerate(band.steps) if step >= start]
    chosen = chosen or [(band, len(band.steps) - 1) for band in bands]
    means = [band.mean[i] for band, i in chosen]
    wide = statistics.median(band.high[i] - band.low[i] for band, i in chosen) / 2
    low, high = min(means), max(means)
    margin = max(0.1 * (high - low), 1.2 * wide) or 0.05 * abs(high) or 1.0
    return max(low - margin, 0.8 * low) if low > 0 else low - margin, high + margin


def shared_curve(bands: Mapping[str, Band]) -> list[tuple[list[str], Band]]:
    """Arms grouped by equal mean curves: learning rates coincide for most arms."""
    groups: dict[tuple, tuple[list[str], Band]] = {}
    for name, band in bands.items():
        if band.steps and all(map(math.isfinite, band.mean)):
            key = (band.steps, tuple(f"{value:.5g}" for value in band.mean))
            groups.setdefault(key, ([], band))[0].append(plain(name))
    return list(groups.values())
