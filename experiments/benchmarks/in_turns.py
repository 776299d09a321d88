"""Two compiled programs of the same work, each of which does it `LOOPS` times, timed in turns on this processor."""

import platform
import statistics
import time
from collections.abc import Callable, Sequence
from importlib import metadata
from typing import Any

import jax

LOOPS, ROUNDS = 20, 7


def compared(programs: Sequence[Callable[..., jax.Array]], *arguments: Any) -> tuple[float, ...]:
    """Microseconds of a time in the first and in the second; how many times as fast that is, with least and most.

    Medians of `ROUNDS` rounds, behind one that compiles.
    """
    rounds = [[microseconds(program, *arguments) for program in programs] for _ in range(ROUNDS + 1)][1:]
    first, second = (statistics.median(column) for column in zip(*rounds, strict=True))
    ratios = [one / other for one, other in rounds]
    return first, second, statistics.median(ratios), min(ratios), max(ratios)


def measured_on(*packages: str) -> str:
    """This machine, and the versions of Python and of packages."""
    versions = ", ".join(f"{name} {metadata.version(name)}" for name in packages)
    return f"{platform.machine()}, {platform.system()}; Python {platform.python_version()}, {versions}"


def microseconds(program: Callable[..., jax.Array], *arguments: Any) -> float:
    started = time.perf_counter()
    program(*arguments).block_until_ready()
    return (time.perf_counter() - started) / LOOPS * 1e6
