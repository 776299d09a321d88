"""Lanes of a device at once (`scan`, vmapped) or one after another (`loop`): a step of the same waves, in turns.

    python experiments/benchmarks/lanes.py [--rounds=5] [--steps=100]

A ratio above 1 says that turns are faster. Where they are, a step has some million operations: below,
calling an operation costs more than what it does; above, what many lanes work on leaves the cache.
"""

import argparse
import dataclasses
import statistics
from typing import Any, NamedTuple

from sharing import milliseconds

from ablate import base_config, choice
from ablate.runner.backend import prepare_jax
from ablate.runner.plan import ProgramPlan, make_plan
from ablate.runner.units import lanes_of, unit_of
from ablate.runner.waves import WaveLanes
from ablate.study.resolving import resolve
from ablate.train.loop import Loop
from ablate.train.strategy import MOST_LANES, STRATEGIES, waves


class Shape(NamedTuple):
    """A multilayer perceptron with the data, batches and optimizer of its training."""

    data: str
    widths: tuple[int, ...]
    batch: int
    optimizer: str
    norm: str


SHAPES = (
    Shape("spirals", (8,), 8, "momentum", "none"),
    Shape("spirals", (16, 16), 32, "adam", "batch"),
    Shape("spirals", (64, 64), 32, "adam", "none"),
    Shape("digits", (16,), 32, "momentum", "none"),
    Shape("digits", (64, 64), 32, "adam", "batch"),
    Shape("digits", (64, 64), 128, "momentum", "batch"),
    Shape("digits", (128, 128), 64, "adam", "layer"),
    Shape("digits", (256, 256), 16, "momentum", "layer"),
    Shape("digits", (512, 512), 128, "momentum", "batch"),
)
ARMS, SEEDS = 12, 6


def program(shape: Shape) -> ProgramPlan:
    """One program of a dozen learning rates."""
    cfg = base_config()
    cfg.model, cfg.data = choice("mlp", widths=shape.widths), choice(shape.data)
    cfg.recipe.norm = shape.norm
    rates = [choice(shape.optimizer, learning_rate=round(0.002 * (k + 1), 4)) for k in range(ARMS)]
    cfg.recipe.optimizer, cfg.vary.optimizer = rates[0], tuple(rates[1:])
    cfg.train.update(steps=100, batch_size=shape.batch, eval_every=100)
    cfg.seeds = SEEDS
    return make_plan(resolve(cfg), name="lanes").programs[0]


def loop_of(item: ProgramPlan, strategy: str, steps: int) -> Loop:
    """The first wave of a program, run in one way."""
    item = dataclasses.replace(item, strategy=STRATEGIES[strategy])
    wave = waves(len(item.program.lanes), item.place.devices, item.strategy, MOST_LANES)[0]
    members: Any = [item.program.lanes[k] for k in wave.members]
    lanes = lanes_of(unit_of(item, WaveLanes(members, wave.width, 1)), item.dataset)
    return Loop(lanes, item.wave(members, wave.width, steps=steps, eval_every=steps))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=100)
    options = parser.parse_args()
    prepare_jax()
    print(
        "| data | widths | batch | optimizer, norm | operations of a lane's step | at once, ms | in turn, ms | ratio |"
    )
    print("| :--- | :--- | ---: | :--- | ---: | ---: | ---: | ---: |")
    for shape in SHAPES:
        item = program(shape)
        loops = [loop_of(item, strategy, options.steps) for strategy in ("scan", "loop")]
        [milliseconds(loop) for loop in loops]  # compiles
        pairs = [[milliseconds(loop) for loop in loops] for _ in range(options.rounds)]
        medians = " | ".join(f"{statistics.median(times):.3f}" for times in zip(*pairs, strict=True))
        ratio = statistics.median(at_once / in_turn for at_once, in_turn in pairs)
        widths = " ".join(map(str, shape.widths))
        words = f"{shape.data} | {widths} | {shape.batch} | {shape.optimizer}, {shape.norm} | {item.operations:,}"
        print(f"| {words} | {medians} | {ratio:.2f} |", flush=True)


if __name__ == "__main__":
    main()
