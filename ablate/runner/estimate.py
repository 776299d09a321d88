"""How long and how much memory a plan will take, before anything is compiled: from counted operations."""

import time
from typing import Any

import jax
import numpy as np

from ablate.runner.costs import operations_of
from ablate.runner.interrupts import Between, go_on
from ablate.runner.memory import needed_bytes
from ablate.runner.plan import Plan, ProgramPlan

# Share of the matrix-product rate that training reaches, by strategy: measured on CPU, where kernel gradients of
# convolutions are slow. Other platforms are estimated from below.
EFFICIENCY = {"scan": 0.4, "vmap": 0.3, "loop": 0.1, "solo": 0.08, "data": 0.08}
COMPILE_SECONDS = {"scan": 1.5, "vmap": 1.5, "loop": 4.0, "solo": 4.0, "data": 4.0}


def estimate(plan: Plan, between: Between = go_on) -> dict[str, Any]:
    """Seconds per program and in all, and the most bytes that a program holds at once."""
    rate = _matrix_rate()
    programs = {}
    for item in plan.programs:
        between()
        programs[item.program.id] = _seconds(item, rate)
    return {
        "seconds": round(sum(programs.values()), 1),
        "bytes": max(needed_bytes(item) for item in plan.programs),
        "programs": {name: round(seconds, 1) for name, seconds in programs.items()},
    }


def _seconds(item: ProgramPlan, rate: float) -> float:
    work = operations_of(item) * item.training.steps * item.width * len(item.waves)
    return COMPILE_SECONDS[item.strategy.name] + work / (rate * EFFICIENCY[item.strategy.name])


def _matrix_rate(size: int = 512, repeats: int = 8) -> float:
    """Operations per second of a matrix product on all devices of this machine, taken quickly."""
    a = jax.device_put(np.ones((size, size), np.float32))
    (a @ a).block_until_ready()
    started = time.perf_counter()
    for _ in range(repeats):
        product = a @ a
    product.block_until_ready()
    return 2 * size**3 * repeats / (time.perf_counter() - started)
