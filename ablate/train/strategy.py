"""Which way a program runs on the devices at hand: a choice by platform and by whether it has convolutions."""

import dataclasses
import math
from collections import Counter
from collections.abc import Hashable, Sequence


@dataclasses.dataclass(frozen=True)
class Strategy:
    """How lanes and steps meet the devices.

    Args:
        name: what `--strategy` calls it.
        vmapped: several lanes per device advance in one operation.
        looped: many steps run inside XLA; otherwise every step is dispatched.
        sharded: one cell's batch is spread over the devices, instead of cells over devices.
    """

    name: str
    vmapped: bool
    looped: bool
    sharded: bool


STRATEGIES = {
    "scan": Strategy("scan", True, True, False),
    "vmap": Strategy("vmap", True, False, False),
    "loop": Strategy("loop", False, True, False),
    "solo": Strategy("solo", False, False, False),
    "data": Strategy("data", False, False, True),
}

MORE_LANES = 1.1  # filling up, for the sake of sharing
MOST_LANES = 64  # per device; throughput on CPU gains little beyond, and a wave is what a crash can lose


def choose(platform: str, convolutions: str) -> tuple[Strategy, str]:
    """The strategy for a program and the reason, for the plan and the report.

    On CPU, XLA is fast at convolutions inside loops only where they are in the form that its kernels take, and `vmap`
    turns convolutions of several lanes into grouped ones, which are slow there too.

    Args:
        platform: of the devices.
        convolutions: of the step, as `convolutions_of` calls them.

    >>> [choose("cpu", kind)[0].name for kind in ("none", "plain", "other")], choose("gpu", "plain")[0].name
    (['scan', 'loop', 'solo'], 'scan')
    """
    if convolutions == "none":
        return STRATEGIES["scan"], "only matrix products, which vmap and loops suit"
    if platform != "cpu":
        return STRATEGIES["scan"], f"{platform} runs many lanes at once"
    if convolutions == "plain":
        return STRATEGIES["loop"], "convolutions on CPU suit loops as these are written, but not vmap"
    return STRATEGIES["solo"], "some of these convolutions are slow inside XLA loops on CPU, and all under vmap"


@dataclasses.dataclass(frozen=True)
class Wave:
    """Cells that advance together: `width` lanes, the same for every wave of a program, the last ones padded.

    Every `together` lanes in a row have one data key: they see the same examples and draw the same numbers.
    """

    members: tuple[int, ...]
    width: int
    together: int = 1


def waves(count: int, devices: int, strategy: Strategy, most_lanes: int = 0, together: int = 1) -> tuple[Wave, ...]:
    """Splits the cells 0..count-1 of a program into waves of equal width.

    Args:
        count: of the cells.
        devices: that there are.
        strategy: of the program.
        most_lanes: per device; 0 for as many as are worth it.
        together: lanes in a row that no wave and no device takes apart; `count` is a multiple of it.

    >>> [(len(w.members), w.width) for w in waves(100, 2, STRATEGIES["scan"], 32)]
    [(50, 50), (50, 50)]
    >>> [(len(w.members), w.width) for w in waves(100, 2, STRATEGIES["scan"], 32, together=20)]
    [(40, 40), (40, 40), (20, 40)]
    """
    across = 1 if strategy.sharded else devices
    blocks, most = count // together, most_per_device(strategy, most_lanes) // together * across
    number = math.ceil(blocks / most)
    width = math.ceil(math.ceil(blocks / number) / across) * across * together
    starts = range(0, count, width)
    return tuple(Wave(tuple(range(start, min(start + width, count))), width, together) for start in starts)


def most_per_device(strategy: Strategy, most_lanes: int = 0) -> int:
    """How many lanes a device takes at once."""
    return 1 if not strategy.vmapped else (most_lanes or MOST_LANES)


def waves_by_key(keys: Sequence[Hashable], devices: int, strategy: Strategy, most_lanes: int = 0) -> tuple[Wave, ...]:
    """Waves in which as many neighbours as possible share a data key, for steps that draw.

    What follows from the data key alone, examples, augmentation and masks of dropout, is then made once for all of
    them. Lanes that only fill up cost as much as others, so there are at most a tenth more of them than without.

    Args:
        keys: the data key of every cell.
        devices: that there are.
        strategy: of the program.
        most_lanes: as in `waves`.

    >>> [(w.members, w.together) for w in waves_by_key("abcabc", 1, STRATEGIES["scan"], 4)]
    [((0, 3, 1, 4), 2), ((2, 5), 2)]
    """
    plain, counts = waves(len(keys), devices, strategy, most_lanes), Counter(keys)
    common, most = math.gcd(*counts.values()), most_per_device(strategy, most_lanes)
    sizes = [size for size in range(common, 1, -1) if common % size == 0 and size <= most]
    candidates = [waves(len(keys), devices, strategy, most_lanes, size) for size in sizes]
    best = min(candidates, key=_lanes, default=plain)
    if best is plain or _lanes(best) > MORE_LANES * _lanes(plain):
        return plain
    places = {key: place for place, key in enumerate(counts)}
    order = sorted(range(len(keys)), key=lambda k: places[keys[k]])
    return tuple(dataclasses.replace(wave, members=tuple(order[k] for k in wave.members)) for wave in best)


def _lanes(spread: Sequence[Wave]) -> int:
    return sum(wave.width for wave in spread)
