"""How much memory is left, and whether a plan is likely to need more.

bytes of a compiled step, by XLA's own analysis ──more than what is left──> TooLarge ──> half the lanes
what a device says when it is full (RESOURCE_EXHAUSTED) ───────────────────────┘
"""

import contextlib
import traceback
from collections.abc import Sequence
from pathlib import Path

from ablate.data.stream import AHEAD
from ablate.runner.plan import Plan, ProgramPlan
from ablate.train.feed import POOL_BYTES
from ablate.train.lanes import Device

GIB = 2**30
POOLS = 1 + AHEAD  # of streamed examples: one that is used, and those read ahead


def is_out_of_memory(error: BaseException) -> bool:
    """Whether something failed for lack of memory, on the host or on a device."""
    return isinstance(error, MemoryError) or "RESOURCE_EXHAUSTED" in "".join(traceback.format_exception(error))


def free_bytes(devices: Sequence[Device]) -> int | None:
    """What a program may still take on each of its devices; None where that is not known.

    CPU devices share the memory of their machine, or what its control group allows, in equal parts.
    """
    if devices[0].platform == "cpu":
        left = [known for known in (_machine(), _control_group()) if known is not None]
        return min(left) // len(devices) if left else None
    stats = [device.memory_stats() or {} for device in devices]
    known = [each["bytes_limit"] - each["bytes_in_use"] for each in stats if {"bytes_limit", "bytes_in_use"} <= {*each}]
    return min(known, default=None)


def needed_bytes(item: ProgramPlan) -> int:
    """What a program holds at once on all devices, roughly and before it is compiled.

    State before and after a step, activations as large as the state, and the data on every device, or what of them is
    read ahead.
    """
    arrays = POOLS * POOL_BYTES if item.streamed else item.dataset.bytes
    return 3 * item.state_bytes * item.width + arrays * item.place.devices


def shortage(plan: Plan) -> str | None:
    """A warning where a plan is likely to need more than there is."""
    needed, room = max(needed_bytes(item) for item in plan.programs), free_bytes(plan.devices)
    if room is None or needed <= room * plan.place.devices:
        return None
    return (
        f"this needs about {needed / GIB:.1f} GiB at once, and {room * plan.place.devices / GIB:.1f} GiB are free; "
        "programs that do not fit run with fewer lanes at once (or set train.lanes)"
    )


def _machine() -> int | None:
    """Memory that Linux could give without swapping."""
    with contextlib.suppress(OSError, ValueError, IndexError):
        for line in Path("/proc/meminfo").read_text(encoding="ascii").splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
    return None


def _control_group() -> int | None:
    """What a container or a batch system leaves; files in its cache would be given up."""
    group = Path("/sys/fs/cgroup")
    with contextlib.suppress(OSError, ValueError, KeyError):
        limit, used = (int((group / name).read_text(encoding="ascii")) for name in ("memory.max", "memory.current"))
        lines = (group / "memory.stat").read_text(encoding="ascii").splitlines()
        return limit - used + int(dict(line.split() for line in lines)["inactive_file"])
    return None
