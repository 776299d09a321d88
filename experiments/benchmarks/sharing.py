"""What it brings that lanes of one seed share batches and draws: steps of the same waves with and without, in turns.

    python experiments/benchmarks/sharing.py [--rounds=6] [--steps=60]

The works are the multilayer perceptrons of `works.py`, as they are and with choices that draw. A ratio above 1 says
that sharing is faster. A plan shares where steps draw, and only there: without draws it costs a few percent on CPU,
where the products that it joins were as fast apart. The last column has lanes that take turns and share nothing.
"""

import argparse
import dataclasses
import itertools
import statistics

from works import get_config

from ablate import choice
from ablate.runner.backend import prepare_jax
from ablate.runner.plan import ProgramPlan, make_plan
from ablate.runner.units import lanes_of, unit_of
from ablate.runner.waves import WaveLanes
from ablate.study.resolving import resolve
from ablate.train.loop import Loop
from ablate.train.strategy import MOST_LANES, STRATEGIES

DRAWS = {
    "none": {},
    "dropout": {"dropout": choice("dropout", rate=0.3)},
    "random_crop": {"augment": choice("random_crop")},
    "resized_crop": {"augment": choice("resized_crop")},
    "dropout, random_crop": {"dropout": choice("dropout", rate=0.3), "augment": choice("random_crop")},
}


def program(work: str, recipe: dict) -> ProgramPlan:
    """The one program of a work with some of its recipe changed."""
    cfg = get_config(work)
    for axis, chosen in recipe.items():
        cfg.recipe[axis] = chosen
    return make_plan(resolve(cfg), name=work).programs[0]


def first_wave(item: ProgramPlan, strategy: str, *, shares: bool, steps: int) -> tuple[Loop, int]:
    """The first wave of a program, and how many of its lanes in a row share a key."""
    training = dataclasses.replace(item.training, lanes=MOST_LANES)
    item = dataclasses.replace(item, draws=shares, strategy=STRATEGIES[strategy], training=training)
    wave = item.split(item.program.lanes)[0]
    members = [item.program.lanes[k] for k in wave.members]
    lanes = lanes_of(unit_of(item, WaveLanes(members, wave.width, wave.together)), item.dataset)
    return Loop(lanes, item.wave(members, wave.width, steps=steps, eval_every=steps)), wave.together


def milliseconds(loop: Loop) -> float:
    """Of one step of all lanes, over a training from its first values."""
    before = loop.pace
    for _ in loop.run(loop.start()):
        pass
    seconds, steps = loop.pace.seconds - before.seconds, loop.pace.steps - before.steps
    return 1000 * seconds / steps


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=6)
    parser.add_argument("--steps", type=int, default=60)
    options = parser.parse_args()
    prepare_jax()
    print("| work | draws | lanes that share | ms a step, apart | ms a step, shared | ratio | ms a step, in turn |")
    print("| :--- | :--- | ---: | ---: | ---: | ---: | ---: |")
    for work, draws in itertools.product(("digits", "fashion"), DRAWS):
        item = program(work, DRAWS[draws])
        apart, _ = first_wave(item, "scan", shares=False, steps=options.steps)
        shared, together = first_wave(item, "scan", shares=True, steps=options.steps)
        in_turn, _ = first_wave(item, "loop", shares=False, steps=options.steps)
        loops = (apart, shared, in_turn)
        [milliseconds(loop) for loop in loops]  # compiles
        times = [[milliseconds(loop) for loop in loops] for _ in range(options.rounds)]
        ratio = statistics.median(row[0] / row[1] for row in times)
        one, two, three = (f"{statistics.median(column):.2f}" for column in zip(*times, strict=True))
        print(f"| {work} | {draws} | {together} | {one} | {two} | {ratio:.2f} | {three} |", flush=True)


if __name__ == "__main__":
    main()
