"""Which way a program runs on the devices at hand: a choice by platform, convolutions and the size of a step."""

import dataclasses
import math
from collections import Counter
from collections.abc import Hashable, Sequence


@dataclasses.dataclass(frozen=True)
class Strategy:
    """How lanes and steps meet the devices.

    Args:
        name: what `--strategy` calls it.
        vmapped: several lanes per device advance in one operation; otherwise they take turns.
        looped: many steps run inside XLA; otherwise every step is dispatched.
        sharded: one cell's batch is spread over the devices, instead of cells over devices.
    """

    name: str
    vmapped: bool
    looped: bool
    sharded: bool

    @property
    def several(self) -> bool:
        """Whether a device takes several lanes at once."""
        return self.vmapped or self.looped


STRATEGIES = {
    "scan": Strategy("scan", True, True, False),
    "vmap": Strategy("vmap", True, False, False),
    "loop": Strategy("loop", False, True, False),
    "solo": Strategy("solo", False, False, False),
    "data": Strategy("data", False, False, True),
}

MORE_LANES = 1.1  # filling up, for the sake of sharing
MOST_LANES = 64  # per device; throughput on CPU gains little beyond, and a wave is what a crash can lose
# Floating-point operations in a lane's step on CPU (measured: results/lanes.md). Below, a call costs more than what it
# does, and one for all lanes is faster; above, what vmapped lanes work on leaves the cache.
WORTH_A_TURN = 4_000_000
WORTH_DRAWING = 4  # times as much, where steps draw: lanes of one seed share what is drawn, which turns do not
LEAST_OF_A_WAVE = 10**12  # operations per device: about ten seconds, beside which the start of a wave is nothing


def choose(platform: str, convolutions: str, operations: int, *, draws: bool) -> tuple[Strategy, str]:
    """The strategy for a program and the reason, for the plan and the report.

    On CPU, XLA is fast at convolutions inside loops only where they are in the form that its kernels take, and `vmap`
    turns convolutions of several lanes into grouped ones, which are slow there too.

    Args:
        platform: of the devices.
        convolutions: of the step, as `convolutions_of` calls them.
        operations: floating-point ones in it, as `operations_in` counts them.
        draws: whether it draws random numbers.

    >>> [choose("cpu", kind, 10**6, draws=False)[0].name for kind in ("none", "plain", "other")]
    ['scan', 'loop', 'solo']
    >>> [choose(platform, "none", 10**8, draws=True)[0].name for platform in ("cpu", "gpu")]
    ['loop', 'scan']
    """
    if platform != "cpu":
        return STRATEGIES["scan"], f"{platform} runs many lanes at once"
    if convolutions == "other":
        return STRATEGIES["solo"], "some of these convolutions are slow inside XLA loops on CPU, and all under vmap"
    if convolutions == "plain":
        return STRATEGIES["loop"], "convolutions on CPU suit loops as these are written, but not vmap"
    if operations >= WORTH_A_TURN * (WORTH_DRAWING if draws else 1):
        return STRATEGIES["loop"], "matrix products of this size are faster one lane after another on CPU"
    return STRATEGIES["scan"], "small matrix products, which are faster for many lanes at once"


def most_per_device(strategy: Strategy, operations: int, asked: int = 0) -> int:
    """Lanes per device of a wave: as many as there may be, or where they take turns, enough for it to last a while.

    Rows are stored at the end of a wave, so long trainings that gain nothing by company end one by one.

    Args:
        strategy: of the program.
        operations: floating-point ones in a lane's whole training.
        asked: how many somebody wants; 0 for as many as are worth it.

    >>> [most_per_device(STRATEGIES["loop"], operations) for operations in (10**9, 10**11, 10**13)]
    [64, 10, 1]
    """
    if not strategy.several:
        return 1
    worth = MOST_LANES if strategy.vmapped else LEAST_OF_A_WAVE // max(1, operations)
    return asked or max(1, min(MOST_LANES, worth))


@dataclasses.dataclass(frozen=True)
class Wave:
    """Cells that advance together: `width` lanes, the same for every wave of a program, the last ones padded.

    Every `together` lanes in a row have one data key: they see the same examples and draw the same numbers.
    """

    members: tuple[int, ...]
    width: int
    together: int = 1


def waves(count: int, devices: int, strategy: Strategy, most: int, together: int = 1) -> tuple[Wave, ...]:
    """Splits the cells 0..count-1 of a program into waves of equal width.

    Args:
        count: of the cells.
        devices: that there are.
        strategy: of the program.
        most: lanes per device.
        together: lanes in a row that no wave and no device takes apart; `count` is a multiple of it.

    >>> [(len(w.members), w.width) for w in waves(100, 2, STRATEGIES["scan"], 32)]
    [(50, 50), (50, 50)]
    >>> [(len(w.members), w.width) for w in waves(100, 2, STRATEGIES["scan"], 32, together=20)]
    [(40, 40), (40, 40), (20, 40)]
    """
    across = 1 if strategy.sharded else devices
    blocks = count // together
    number = math.ceil(blocks / (most // together * across))
    width = math.ceil(math.ceil(blocks / number) / across) * across * together
    starts = range(0, count, width)
    return tuple(Wave(tuple(range(start, min(start + width, count))), width, together) for start in starts)


def waves_by_key(keys: Sequence[Hashable], devices: int, strategy: Strategy, most: int) -> tuple[Wave, ...]:
    """Waves in which as many neighbours as possible share a data key, for steps that draw.

    What follows from the data key alone, examples, augmentation and masks of dropout, is then made once for all of
    them. Lanes that only fill up cost as much as others, so there are at most a tenth more of them than without.

    Args:
        keys: the data key of every cell.
        devices: that there are.
        strategy: of the program.
        most: as in `waves`.

    >>> [(w.members, w.together) for w in waves_by_key("abab", 1, STRATEGIES["scan"], 4)]
    [((0, 2, 1, 3), 2)]
    """
    plain, counts = waves(len(keys), devices, strategy, most), Counter(keys)
    common = math.gcd(*counts.values())
    sizes = [size for size in range(common, 1, -1) if common % size == 0 and size <= most]
    candidates = [waves(len(keys), devices, strategy, most, size) for size in sizes]
    best = min(candidates, key=_lanes, default=plain)
    if best is plain or _lanes(best) > MORE_LANES * _lanes(plain):
        return plain
    places = {key: place for place, key in enumerate(counts)}
    order = sorted(range(len(keys)), key=lambda k: places[keys[k]])
    return tuple(dataclasses.replace(wave, members=tuple(order[k] for k in wave.members)) for wave in best)


def _lanes(spread: Sequence[Wave]) -> int:
    return sum(wave.width for wave in spread)
