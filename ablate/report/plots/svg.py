"""Plots as places in percent, for the inline SVG of the page. Pure.

Places in percent let a plot take any width without stretching its text, so that one page serves a phone and a desk;
and without `style` attributes the page's content security policy can forbid all styles but its own sheet.
"""

import dataclasses
from collections.abc import Mapping, Sequence

from ablate.report.plots.bands import Band, Panel, arm_in, bands_of, panels_of, recorded_rates, shared_curve, window
from ablate.report.plots.scales import (
    PERCENT_TICKS,
    Placer,
    by_error,
    by_logarithm,
    decade_ticks,
    even_ticks,
    ticks_between,
)
from ablate.report.ranking import effect_text, ranked, reach
from ablate.report.sections.factorial import analyse
from ablate.report.tables import Summary, Tables
from ablate.report.wording import DASH, listed, plain
from ablate.stats.factorial import Effect


@dataclasses.dataclass(frozen=True)
class Tick:
    """A labelled place on an axis."""

    at: float
    label: str
    anchor: str = "middle"


@dataclasses.dataclass(frozen=True)
class Line:
    """A curve in a square of 100 by 100: `points` of its mean, `area` of its band; `look` names colour and dash."""

    label: str
    look: str
    points: str
    area: str = ""
    crosses: tuple[tuple[float, float], ...] = ()


@dataclasses.dataclass(frozen=True)
class Plot:
    """Curves with their axes."""

    title: str
    lines: tuple[Line, ...]
    across: tuple[Tick, ...]
    up: tuple[Tick, ...]


@dataclasses.dataclass(frozen=True)
class Strip:
    """One line of the forest: everything in percent of its width."""

    arm: str
    verdict: str
    text: str
    estimate: float | None
    low: float | None
    high: float | None
    dots: tuple[float, ...]


@dataclasses.dataclass(frozen=True)
class Forest:
    """All lines of the forest over one axis."""

    strips: tuple[Strip, ...]
    zero: float
    margin: tuple[float, float] | None
    ticks: tuple[Tick, ...]


@dataclasses.dataclass(frozen=True)
class HeatCell:
    """One effect of the interaction matrix: its text and a bar from the middle."""

    text: str
    look: str
    clear: bool
    x: float
    width: float


@dataclasses.dataclass(frozen=True)
class Heat:
    """The interaction matrix: rows end on the diagonal."""

    names: tuple[str, ...]
    rows: tuple[tuple[HeatCell | None, ...], ...]


def heat(tables: Tables) -> Heat | None:
    """The interaction matrix of a factorial study."""
    found = analyse(tables)
    if found is None:
        return None
    largest = max((abs(t.effect.estimate) for t in found.terms if t.effect.estimate is not None), default=0.0) or 1.0
    rows = tuple(
        tuple(heat_cell(found.effect(a, b), largest, tables) for b in found.names[: i + 1])
        for i, a in enumerate(found.names)
    )
    return Heat(found.names, rows)


def heat_cell(effect: Effect | None, largest: float, tables: Tables) -> HeatCell | None:
    """One effect; None where the cells do not determine it."""
    if effect is None or effect.estimate is None:
        return None
    width = round(50 * abs(effect.estimate) / largest, 2)
    look = "better" if effect.estimate * tables.better > 0 else "worse"
    clear = effect.p_holm is not None and effect.p_holm <= tables.study["alpha"]
    x = 50.0 if effect.estimate > 0 else round(50 - width, 2)
    return HeatCell(tables.unit.delta(effect.estimate), look, clear, x, width)


def forest(tables: Tables) -> Forest:
    """The forest of all arms, best first."""
    arms = ranked(tables)
    low, high = reach(tables)
    place = Placer(low, high)
    margin = tables.study["metric"]["margin"]
    wide = None if margin is None else margin * tables.unit.scale
    return Forest(
        strips=tuple(strip(arm, tables, place) for arm in arms),
        zero=place(0.0),
        margin=None if wide is None else (place(-wide), round(place(wide) - place(-wide), 2)),
        ticks=ticks(even_ticks(low, high, 6), place),
    )


def ticks(values: Sequence[float], place: Placer, *, up: bool = False) -> tuple[Tick, ...]:
    """Labelled places; labels at the ends of a horizontal axis are kept inside it."""
    found = []
    for value in values:
        at = place(value)
        anchor = "middle" if up or 6 < at < 94 else "start" if at <= 6 else "end"
        found.append(Tick(round(100 - at, 2) if up else at, f"{value:g}".replace("-", "\N{MINUS SIGN}"), anchor))
    return tuple(found)


def strip(arm: Summary, tables: Tables, place: Placer) -> Strip:
    """One arm's line."""
    found, scale = arm.contrast, tables.unit.scale

    def at(value: float | None) -> float | None:
        return None if value is None else place.inside(scale * value)

    lost = f"{arm.diverged} of {arm.cells} diverged" if arm.diverged else DASH
    return Strip(
        arm=plain(arm.arm),
        verdict=arm.verdict,
        text=effect_text(arm, tables) if found and found.mean is not None else lost,
        estimate=at(found.mean) if found else None,
        low=at(found.low) if found else None,
        high=at(found.high) if found else None,
        dots=tuple(place.inside(scale * delta) for delta in arm.deltas.values()),
    )


def curve_plots(tables: Tables, curve: str) -> tuple[Plot, ...]:
    """One plot per panel, all on the same axes; none where there are no curves yet."""
    unit = tables.unit_of(curve)
    bands = bands_of(tables, curve, unit.scale)
    limits = window(bands.values())
    if limits is None:
        return ()
    last = max(band.steps[-1] for band in bands.values() if band.steps)
    across = Placer(0.0, last)
    up, marks = vertical(*limits, percent=unit.percent)
    return tuple(
        Plot(
            plain(panel.title),
            panel_lines(panel, bands, tables.baseline.arm, across, up),
            ticks(even_ticks(0, last, 4), across),
            ticks(marks, up, up=True),
        )
        for panel in panels_of(tables)
    )


def vertical(low: float, high: float, *, percent: bool) -> tuple[Placer, list[float]]:
    """The vertical scale of curves with its ticks: by error for percentages, logarithmic for positive losses."""
    if percent:
        low, high = max(low, 0.0), min(high, 100.0)
        return Placer(low, high, by_error), ticks_between(PERCENT_TICKS, low, high)
    if low > 0:
        return Placer(low, high, by_logarithm), ticks_between(decade_ticks(low, high), low, high)
    return Placer(low, high), even_ticks(low, high)


def panel_lines(panel: Panel, bands: Mapping[str, Band], base: str, across: Placer, up: Placer) -> tuple[Line, ...]:
    """The baseline and the arms of a panel that have a curve."""
    looks = [(base, "base"), *((arm, f"c{i}") for i, arm in enumerate(panel.arms))]
    drawn = [(arm, line(bands[arm], look, across, up)) for arm, look in looks if bands[arm].steps]
    return tuple(one if arm == base else dataclasses.replace(one, label=arm_in(panel, arm)) for arm, one in drawn)


def line(band: Band, look: str, across: Placer, up: Placer) -> Line:
    """One band as points and an area."""
    x = [across(step) for step in band.steps]

    def trace(values: Sequence[float]) -> list[str]:
        return [f"{a:g},{round(100 - up(value), 2):g}" for a, value in zip(x, values, strict=True)]

    before = [[m for s, m in zip(band.steps, band.mean, strict=True) if s <= step] for step in band.diverged]
    crosses = tuple(
        (across(step), round(100 - up(means[-1]), 2))
        for step, means in zip(band.diverged, before, strict=True)
        if means
    )
    area = " ".join(trace(band.low) + trace(band.high)[::-1]) if band.low != band.high else ""
    return Line(plain(band.arm), look, " ".join(trace(band.mean)), area, crosses)


def rate_plot(tables: Tables) -> Plot | None:
    """Learning rates; arms whose rates coincide share a line."""
    groups = shared_curve(recorded_rates(tables))
    if not groups:
        return None
    last = max(band.steps[-1] for _, band in groups)
    top = max(max(band.mean) for _, band in groups) * 1.05 or 1.0
    across, up = Placer(0.0, last), Placer(0.0, top)
    lines = tuple(
        dataclasses.replace(line(band, f"c{i % 6}", across, up), label=listed(arms, 6), area="", crosses=())
        for i, (arms, band) in enumerate(groups)
    )
    return Plot("Learning rate", lines, ticks(even_ticks(0, last), across), ticks(even_ticks(0, top), up, up=True))
