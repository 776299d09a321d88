"""Curves of single cells -> one band per arm, and arms -> panels. Pure; the figures and the page both draw these."""

import dataclasses
import math
from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from ablate.report.tables import Cell, Summary, Tables, finite
from ablate.report.wording import plain
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


def validation_curve(tables: Tables) -> str:
    """The curve that belongs to the study's metric."""
    return "val_accuracy" if tables.metric.endswith("accuracy") else "val_loss"


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


def axis_title(arm: Summary) -> str:
    """The axes that an arm changes, as a panel title."""
    axes = [plain(axis) for axis in arm.changes]
    if len(axes) > 3:
        return f"{len(axes)} axes changed"
    return " + ".join(axes) or plain(arm.arm)


def window(bands: Iterable[Band], skip: float = 0.1) -> tuple[float, float] | None:
    """Limits of the vertical axis: all bands behind the first `skip` of training, so that the end can be read.

    Returns:
        Lowest and highest value with a small margin, or None where there is nothing to draw.
    """
    bands = [band for band in bands if band.steps]
    if not bands:
        return None
    last = max(band.steps[-1] for band in bands)
    late = [
        (low, high)
        for band in bands
        for step, low, high in zip(band.steps, clipped(band.low, band.mean), clipped(band.high, band.mean), strict=True)
        if step >= skip * last
    ]
    low, high = min(pair[0] for pair in late), max(pair[1] for pair in late)
    margin = 0.04 * (high - low) or 0.05 * abs(high) or 1.0
    return max(low - margin, 0.9 * low) if low > 0 else low - margin, high + margin


def clipped(edge: Sequence[float], mean: Sequence[float]) -> list[float]:
    """An edge of a band kept within the span of its means, since two seeds can give an interval of any width."""
    span = max(mean) - min(mean) or abs(mean[0]) or 1.0
    return [min(max(e, m - 0.5 * span), m + 0.5 * span) for e, m in zip(edge, mean, strict=True)]


def shared_curve(bands: Mapping[str, Band]) -> list[tuple[list[str], Band]]:
    """Arms grouped by equal mean curves: learning rates coincide for most arms."""
    groups: dict[tuple, tuple[list[str], Band]] = {}
    for name, band in bands.items():
        if band.steps and all(map(math.isfinite, band.mean)):
            key = (band.steps, tuple(f"{value:.5g}" for value in band.mean))
            groups.setdefault(key, ([], band))[0].append(plain(name))
    return list(groups.values())
