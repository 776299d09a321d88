"""How long and how much memory a plan will take, before anything is compiled: from counted operations."""

import time
from typing import Any

import jax
import numpy as np

from ablate.runner.interrupts import Between, go_on
from ablate.runner.memory import needed_bytes
from ablate.runner.plan import Plan, ProgramPlan

# Share of the matrix-product rate that training and evaluation reach, by the convolutions of a step: measured on CPU
# (results/benchmarks.md). Other platforms are estimated from below.
EFFICIENCY = {"none": 0.6, "plain": 0.3, "other": 0.08}
COMPILE_SECONDS = {"none": 1.5, "plain": 4.0, "other": 4.0}
CELL_SECONDS = 0.003  # first values and a row, whatever its size
PASSES = 3  # of a training step, each as expensive as a prediction: forward, and back to inputs and to weights


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


def work_of_step(item: ProgramPlan) -> float:
    """Operations of one step of one cell with its share of evaluation, as if all ran at the rate of matrix products."""
    training, cell = item.training, next(iter(item.inputs.values()))
    evaluated = (item.evaluations - 1) * len(cell.split.validation) + len(cell.split.test)
    steps = 1 + evaluated / (PASSES * training.batch_size * training.steps)
    return item.operations * steps / EFFICIENCY[item.convolutions]


def _seconds(item: ProgramPlan, rate: float) -> float:
    cell_steps = item.training.steps * item.width * len(item.waves)
    others = COMPILE_SECONDS[item.convolutions] + CELL_SECONDS * len(item.inputs)
    return others + work_of_step(item) * cell_steps / rate


def _matrix_rate(size: int = 512, repeats: int = 8) -> float:
    """Operations per second of a matrix product on all devices of this machine, taken quickly."""
    a = jax.device_put(np.ones((size, size), np.float32))
    (a @ a).block_until_ready()
    started = time.perf_counter()
    for _ in range(repeats):
        product = a @ a
    product.block_until_ready()
    return 2 * size**3 * repeats / (time.perf_counter() - started)
