"""Values to places on an axis, and the round numbers that label it. Pure; shared by the print figures and the page."""

import dataclasses
import math
from collections.abc import Callable, Sequence

# Accuracies in percent are placed by the logarithm of the error, so that 98 and 99 lie as far apart as 80 and 90. The
# offset keeps 100 % on the axis.
PERFECT = 100.25
PERCENT_TICKS = (0, 20, 40, 60, 80, 90, 95, 98, 99, 99.5, 100)


def linear(value: float) -> float:
    """The place of a value on an even axis."""
    return value


def by_error(percent: float) -> float:
    """The place of a percentage: minus the logarithm of what is missing to 100 %."""
    return -math.log(max(PERFECT - percent, 1e-3))


def by_logarithm(value: float) -> float:
    """The place of a positive value on a logarithmic axis."""
    return math.log(max(value, 1e-12))


def share(value: float, low: float, high: float, place: Callable[[float], float] = linear) -> float:
    """Where a value lies between two ends, in percent; outside them it is below 0 or above 100, within a thousand.

    >>> share(3.0, 2.0, 4.0), share(5.0, 2.0, 4.0)
    (50.0, 150.0)
    """
    start, end = place(low), place(high)
    part = (place(value) - start) / (end - start) if end > start else 0.5
    return round(100 * min(max(part, -10.0), 10.0), 2)


@dataclasses.dataclass(frozen=True)
class Placer:
    """A value's place between two ends, in percent."""

    low: float
    high: float
    scale: Callable[[float], float] = linear

    def __call__(self, value: float) -> float:
        return share(value, self.low, self.high, self.scale)

    def inside(self, value: float) -> float:
        """The place, cut at the ends."""
        return min(max(self(value), 0.0), 100.0)


def even_ticks(low: float, high: float, wanted: int = 5) -> list[float]:
    """About `wanted` round numbers in an interval.

    >>> even_ticks(-1.3, 2.6)
    [-1.0, 0.0, 1.0, 2.0]
    """
    if not high > low:
        return [low]
    rough = (high - low) / wanted
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * digit for digit in (1, 2, 5, 10) if power * digit >= rough * 0.999)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [float(f"{i * step:.10g}") for i in range(first, last + 1)]


def decade_ticks(low: float, high: float) -> list[float]:
    """1, 2 and 5 times powers of ten around an interval of positive numbers.

    >>> decade_ticks(0.15, 2.5)
    [0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 50.0]
    """
    decades = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    return [float(f"{digit}e{decade}") for decade in decades for digit in (1, 2, 5)]


def ticks_between(ticks: Sequence[float], low: float, high: float) -> list[float]:
    """The given ticks inside an interval, or even ones where fewer than three fall into it."""
    inside = [float(tick) for tick in ticks if low <= tick <= high]
    return inside if len(inside) > 2 else even_ticks(low, high, 4)


def padded(values: Sequence[float], part: float) -> Placer:
    """A scale with room around the values."""
    low, high = min(values), max(values)
    room = part * (high - low) or 0.1 * abs(high) or 1.0
    return Placer(low - room, high + room)


def spread_out(
    places: Sequence[float], spans: Sequence[tuple[float, float]], gap: float = 5.0, rounds: int = 80
) -> list[float]:
    """Moves labels apart until those that overlap sideways keep a gap between their places.

    Args:
        places: where each label would hang, in percent of the height.
        spans: where each label starts and ends, in percent of the width.
        gap: least distance of two labels, in percent of the height.
        rounds: how often all pairs are looked at.

    >>> spread_out([50.0, 50.0, 52.0], [(0, 20), (10, 30), (90, 99)], gap=4.0)
    [48.0, 52.0, 52.0]
    """
    result = list(places)
    order = sorted(range(len(places)), key=lambda i: (places[i], i))
    near = [
        (i, j)
        for a, i in enumerate(order)
        for j in order[a + 1 :]
        if spans[i][0] < spans[j][1] and spans[j][0] < spans[i][1]
    ]
    for _ in range(rounds):
        for i, j in near:
            overlap = gap - (result[j] - result[i])
            if overlap > 1e-6:
                result[i] -= overlap / 2
                result[j] += overlap / 2
    return [min(max(place, 2.0), 98.0) for place in result]


def label_span(at: float, letters: int, per_letter: float, gap: float = 3.0) -> tuple[float, float]:
    """Where a label starts and ends: right of its point, or left of it where the point lies far right.

    >>> label_span(50.0, 10, 1.0), label_span(90.0, 10, 1.0)
    ((53.0, 63.0), (77.0, 87.0))
    """
    start = at + gap if at < 60 else at - gap - letters * per_letter
    return start, start + letters * per_letter
