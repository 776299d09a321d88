"""The processor of this machine: its name, and the instructions that decide how XLA rounds on it."""

import contextlib
import platform
from pathlib import Path

# Wider vectors sum in another order, and a fused multiply-add rounds once instead of twice.
ROUNDING = ("avx", "amx", "fma", "f16c", "sse4", "asimd", "sve", "sme", "neon", "bf16", "fphp")


def model_name() -> str:
    """As the system writes it; the machine's kind where it names no model."""
    named = _described("model name") or platform.processor() or platform.machine()
    return " ".join(named.split())


def flags() -> list[str]:
    """Every instruction set and property that Linux lists of the processor; empty elsewhere."""
    return (_described("flags") or _described("Features")).split()


def rounding_instructions() -> list[str]:
    """Those of the instruction sets that change the last digits of results, sorted; empty where nobody says."""
    return sorted({flag for flag in flags() if flag.startswith(ROUNDING)})


def _described(key: str) -> str:
    """The first value of a key of /proc/cpuinfo."""
    with contextlib.suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines():
            name, _, value = line.partition(":")
            if name.strip() == key:
                return value.strip()
    return ""
