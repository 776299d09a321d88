"""Axes: values to places, and the round numbers that label them. Pure; the print figures and the page share them."""

import dataclasses
import math
from collections.abc import Callable, Sequence
from statistics import fmean
from typing import Literal

from ablate.report.wording import Unit

# Percentages to bring up are placed by the logarithm of the error, so that 98 and 99 lie as far apart as 80 and 90. The
# offset keeps 100 % on the axis.
PERFECT = 100.25
PERCENT_TICKS = (0, 20, 40, 60, 80, 90, 95, 98, 99, 99.5, 100)


Spacing = Literal["even", "logarithmic", "by error"]


def by_error(percent: float) -> float:
    """The place of a percentage: minus the logarithm of what is missing to 100 %."""
    return -math.log(max(PERFECT - percent, 1e-3))


def by_logarithm(value: float) -> float:
    """The place of a positive value on a logarithmic axis."""
    return math.log(max(value, 1e-12))


SPACING_WORDS: dict[Spacing, str] = {"even": "", "logarithmic": "logarithmic", "by error": "spaced by log error"}
SPACINGS: dict[Spacing, Callable[[float], float]] = {"even": float, "logarithmic": by_logarithm, "by error": by_error}


@dataclasses.dataclass(frozen=True)
class Scale:
    """An axis: its ends, the values that label it, what it is called, and how values are spaced on it."""

    low: float
    high: float
    ticks: tuple[float, ...] = ()
    label: str = ""
    spacing: Spacing = "even"

    @property
    def spacing_words(self) -> str:
        """How values are spaced where they are not spaced evenly."""
        return SPACING_WORDS[self.spacing]

    @property
    def full_label(self) -> str:
        """What the axis is called, and how it is spaced."""
        return ", ".join(filter(None, (self.label, self.spacing_words)))

    def place(self, value: float) -> float:
        """Where a value lies between the ends, in percent; outside them it is below 0 or above 100, within a thousand.

        >>> Scale(2.0, 4.0).place(3.0), Scale(2.0, 4.0).place(5.0)
        (50.0, 150.0)
        """
        spaced = SPACINGS[self.spacing]
        start, end = spaced(self.low), spaced(self.high)
        part = (spaced(value) - start) / (end - start) if end > start else 0.5
        return round(100 * min(max(part, -10.0), 10.0), 2)

    def inside(self, value: float) -> float:
        """The place, cut at the ends."""
        return min(max(self.place(value), 0.0), 100.0)


def even_scale(low: float, high: float, label: str = "", wanted: int = 5) -> Scale:
    """An even axis with about `wanted` round numbers."""
    return Scale(low, high, tuple(even_ticks(low, high, wanted)), label)


def padded(values: Sequence[float], part: float, label: str = "", wanted: int = 8) -> Scale:
    """An even axis that leaves a part of the values' range free around them."""
    low, high = min(values), max(values)
    padding = part * (high - low) or 0.1 * abs(high) or 1.0
    return even_scale(low - padding, high + padding, label, wanted)


def level_scale(low: float, high: float, unit: Unit) -> Scale:
    """The axis of a metric's levels between two shown values.

    Percentages to bring up are spaced by error, positive levels to bring down by logarithm, all others evenly.
    """
    if unit.percent:
        low, high = max(low, 0.0), min(high, 100.0)
    if unit.percent and unit.higher_is_better:
        ticks = ticks_between(PERCENT_TICKS, low, high)
        return Scale(low, high, tuple(ticks), unit.title, "by error")
    if low > 0 and not unit.higher_is_better:
        ticks = ticks_between(decade_ticks(low, high), low, high)
        return Scale(low, high, tuple(ticks), unit.title, "logarithmic")
    return even_scale(low, high, unit.title)


NARROWEST = 1e-300  # of an axis: steps below it are no numbers any more


def even_ticks(low: float, high: float, wanted: int = 5) -> list[float]:
    """About `wanted` round numbers in an interval.

    >>> even_ticks(-1.3, 2.6)
    [-1.0, 0.0, 1.0, 2.0]
    """
    if not NARROWEST < high - low < math.inf:
        return [low]
    rough = (high - low) / wanted
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * digit for digit in (1, 2, 5, 10) if power * digit >= rough * 0.999)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [float(f"{i * step:.10g}") for i in range(first, last + 1)]


def decade_ticks(low: float, high: float) -> list[float]:
    """Powers of ten around an interval of positive numbers, and 2 and 5 times them where these are few.

    >>> decade_ticks(0.15, 2.5)
    [0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 50.0]
    """
    decades = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    digits = (1, 2, 5) if len(decades) < 5 else (1,)
    return [float(f"{digit}e{decade}") for decade in decades for digit in digits]


def ticks_between(ticks: Sequence[float], low: float, high: float) -> list[float]:
    """The given ticks inside an interval, or even ones where fewer than three fall into it.

    >>> ticks_between((1.0, 10.0, 20.0), 16.4, 24.6)
    [18.0, 20.0, 22.0, 24.0]
    """
    choices = ([float(tick) for tick in ticks if low <= tick <= high], *(even_ticks(low, high, n) for n in (4, 6, 8)))
    return next((inside for inside in choices if len(inside) > 2), choices[-1])


def spread_out(places: Sequence[float], gap: float) -> list[float]:
    """Moves labels of one column apart, as little as it takes, so that neighbours keep a gap and all stay inside.

    Args:
        places: where each label would stand, in percent of the height.
        gap: least distance of two labels, likewise; less where so many labels do not fit.

    >>> spread_out([50.0, 10.0, 50.0, 52.0], gap=4.0)
    [46.67, 10.0, 50.67, 54.67]
    """
    order = sorted(range(len(places)), key=lambda i: (places[i], i))
    low, high = 2.0, 98.0
    gap = min(gap, (high - low) / max(1, len(places) - 1))
    pools: list[list[float]] = []  # of neighbours that touch: each stands where the mean of its labels wants it
    for rank, i in enumerate(order):
        pools.append([places[i] - rank * gap])
        while len(pools) > 1 and fmean(pools[-2]) > fmean(pools[-1]):
            last = pools.pop()
            pools[-1] += last
    least = (fmean(pool) for pool in pools for _ in pool)
    bounded = (min(max(place, low), high - (len(places) - 1) * gap) for place in least)
    moved = dict(zip(order, bounded, strict=True))
    return [round(moved[i] + order.index(i) * gap, 2) for i in range(len(places))]
