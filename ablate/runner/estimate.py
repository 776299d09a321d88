"""How long and how much memory a plan will take, before anything is compiled: from counted operations."""

import time
from collections.abc import Container
from typing import Any

import jax
import numpy as np

from ablate.runner.interrupts import Between, go_on
from ablate.runner.memory import needed_bytes
from ablate.runner.place import Place
from ablate.runner.plan import Plan, ProgramPlan
from ablate.train.strategy import Wave

# Share of the matrix-product rate that training and evaluation reach, by the convolutions of a step: measured on CPU
# (results/benchmarks.md). Other platforms are estimated from below.
EFFICIENCY = {"none": 0.6, "plain": 0.3, "other": 0.08}
COMPILE_SECONDS = {"none": 1.5, "plain": 4.0, "other": 4.0}
CELL_SECONDS = 0.003  # first values and a row, whatever its size
PASSES = 3  # of a training step, each as expensive as a prediction: forward, and back to inputs and to weights


def estimate(plan: Plan, between: Between = go_on, kept: Container[str] = ()) -> dict[str, Any]:
    """Seconds per program and in all on one `place`, and the most bytes that a program holds at once.

    Args:
        plan: the study.
        between: called between two programs; what it raises ends it there.
        kept: names of cells that are stored, and take no time.
    """
    rate = rate_of(plan.place)
    programs = {}
    for item in plan.programs:
        between()
        waves = waves_left(item, kept)
        seconds = sum(seconds_of_wave(item, wave, rate) for wave in waves)
        programs[item.program.id] = seconds + (COMPILE_SECONDS[item.convolutions] if waves else 0.0)
    return {
        "seconds": round(sum(programs.values()), 1),
        "bytes": max(needed_bytes(item) for item in plan.programs),
        "programs": {name: round(seconds, 1) for name, seconds in programs.items()},
    }


def waves_left(item: ProgramPlan, kept: Container[str]) -> tuple[Wave, ...]:
    """The waves of a program's cells that are not stored."""
    missing = item.missing(kept)
    if len(missing) == len(item.program.lanes):
        return item.waves
    return item.split(missing) if missing else ()


def work_of_step(item: ProgramPlan) -> float:
    """Operations of one step of one cell with its share of evaluation, as if all ran at the rate of matrix products."""
    return item.operations * with_evaluation(item) / EFFICIENCY[item.convolutions]


def with_evaluation(item: ProgramPlan) -> float:
    """Work of training and evaluation over that of training alone."""
    training, cell = item.training, next(iter(item.inputs.values()))
    evaluated = (item.evaluations - 1) * len(cell.split.validation) + len(cell.split.test)
    return 1 + evaluated / (PASSES * training.batch_size * training.steps)


def seconds_of_wave(item: ProgramPlan, wave: Wave, rate: float) -> float:
    """Without compiling; `rate` as `rate_of` gives it."""
    return CELL_SECONDS * len(wave.members) + work_of_step(item) * item.training.steps * wave.width / rate


def rate_of(place: Place) -> float:
    """Operations per second of matrix products at a place, from a measurement here; its devices count as those here."""
    here = jax.devices()
    measured = len(here) if here[0].platform == "cpu" else 1  # a product takes all cores, but one accelerator
    return _matrix_rate() * place.devices / measured


def _matrix_rate(size: int = 512, repeats: int = 8) -> float:
    """Operations per second of a matrix product on a device of this machine, or all its cores, taken quickly."""
    a = jax.device_put(np.ones((size, size), np.float32))
    (a @ a).block_until_ready()
    started = time.perf_counter()
    for _ in range(repeats):
        product = a @ a
    product.block_until_ready()
    return 2 * size**3 * repeats / (time.perf_counter() - started)
