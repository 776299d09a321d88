"""Which way a program runs on the devices at hand: a choice by platform and by whether it has convolutions."""

import dataclasses
import math


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
    """Cells that advance together: `width` lanes, the same for every wave of a program, the last ones padded."""

    members: tuple[int, ...]
    width: int


def waves(count: int, devices: int, strategy: Strategy, most_lanes: int = 0) -> tuple[Wave, ...]:
    """Splits the cells 0..count-1 of a program into waves of equal width.

    >>> [(len(w.members), w.width) for w in waves(100, 2, STRATEGIES["scan"], 32)]
    [(50, 50), (50, 50)]
    """
    per_device = 1 if not strategy.vmapped else (most_lanes or MOST_LANES)
    across = 1 if strategy.sharded else devices
    most = per_device * across
    number = math.ceil(count / most)
    width = math.ceil(math.ceil(count / number) / across) * across
    starts = range(0, count, width)
    return tuple(Wave(tuple(range(start, min(start + width, count))), width) for start in starts)
