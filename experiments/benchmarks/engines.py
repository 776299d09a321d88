"""What workers on Ray cost beside this process: the start of a cluster, a wave, and asking a worker for its news.

    python experiments/benchmarks/engines.py [--rounds=5] [--waves=60]

The same tiny waves on this process and on one worker, each with one device and everything compiled, in turns: what a
wave takes longer on the worker is overhead. Writes the section "Workers on Ray" of results/benchmarks.md. Expected
time: three minutes on 2 cores.
"""

import argparse
import os
import statistics
import sys
import tempfile
import time
from collections import deque
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path

os.environ["JAX_NUM_CPU_DEVICES"] = "1"  # as the worker has

import ray
from ray.cluster_utils import Cluster

from ablate import base_config, choice
from ablate.report.wording import plural
from ablate.runner.engines.engine import Engine
from ablate.runner.engines.local import LocalEngine
from ablate.runner.engines.ray_engine import RayEngine
from ablate.runner.events import Ended
from ablate.runner.interrupts import Stop
from ablate.runner.plan import Plan, make_plan
from ablate.runner.units import unit_of
from ablate.runner.waves import WaveLanes
from ablate.study.resolving import resolve

HEADING = "\n## Workers on Ray\n"
WARM = 5  # waves of a turn that are left out: the first compiles
CALLS = 200


def get_config(waves: str = "60"):
    """One program with waves of one cell and two steps."""
    cfg = base_config()
    cfg.model = choice("mlp", widths=(16,))
    cfg.data = choice("digits")
    cfg.train.update(steps=2, batch_size=32, eval_every=2, lanes=1)
    cfg.vary.target = (choice("smooth_labels", alpha=0.1),)
    cfg.seeds = int(waves) // 2
    return cfg


def seconds_per_wave(engine: Engine, plan: Plan, folder: Path) -> float:
    """From the end of one wave to the end of the next, without the first ones."""
    (item,) = plan.programs
    waves = (WaveLanes([item.program.lanes[k] for k in wave.members], wave.width, 1) for wave in item.waves)
    units = deque(unit_of(item, wave) for wave in waves)
    engine.open(plan.datasets, folder)
    ends = [time.perf_counter() for event in engine.run(units, Stop()) if isinstance(event, Ended)]
    engine.close()
    return (ends[-1] - ends[WARM]) / (len(ends) - 1 - WARM)


def seconds_per_call(engine: RayEngine) -> float:
    """Of asking a worker that has nothing to say."""
    (hired,) = engine._workers.hired
    started = time.perf_counter()
    for _ in range(CALLS):
        ray.get(hired.actor.take.remote(0.0))
    return (time.perf_counter() - started) / CALLS


def start_and_end() -> tuple[float, float]:
    """Seconds until a cluster of this machine has a worker that said hello, and until all of it has ended."""
    started = time.perf_counter()
    with RayEngine("", 1):
        ready = time.perf_counter()
    return ready - started, time.perf_counter() - ready


def waves_in_turns(rounds: int, waves: int) -> dict[str, list[float]]:
    """Milliseconds per wave here and on a worker, the difference, and per call."""
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
    found: dict[str, list[float]] = {"here": [], "worker": [], "more": [], "call": []}
    try:
        with tempfile.TemporaryDirectory() as folder, RayEngine(cluster.address, 1, say=print) as engine:
            plan = make_plan(resolve(get_config(str(waves))), name="engines", place=engine.place())
            for turn in range(rounds + 1):
                here, there = (seconds_per_wave(each, plan, Path(folder)) for each in (LocalEngine(), engine))
                values = (here, there, there - here, seconds_per_call(engine))
                for name, value in zip(found, values, strict=True):
                    found[name] += [1000 * value] if turn else []
    finally:
        cluster.shutdown()
    return found


def spread(values: Sequence[float], digits: int = 1) -> str:
    """The median, with the least and the most."""
    return f"{statistics.median(values):.{digits}f} ({min(values):.{digits}f} to {max(values):.{digits}f})"


def section(starts: Sequence[tuple[float, float]], found: dict[str, list[float]], waves: int, load: float) -> str:
    """What is written below the heading."""
    rows = {
        "start of a cluster of this machine, until its first worker says hello": f"{spread([a for a, _ in starts])} s",
        "its end": f"{spread([b for _, b in starts])} s",
        "a wave of one cell and two steps in this process": f"{spread(found['here'])} ms",
        "the same on a worker": f"{spread(found['worker'])} ms",
        "a wave on a worker, longer than in this process by": f"{spread(found['more'])} ms",
        "asking a worker that has nothing to say": f"{spread(found['call'], 2)} ms",
    }
    text = (
        f"What `--engine=ray` adds on one machine; medians with least and most of {plural(len(starts), 'round')} in "
        f"turns, {waves} waves each, with everything compiled. While a wave trains, a worker is asked again whenever "
        "it has said something, five times a second at most. The load average before it began was "
        f"{load:.1f}. "
        f"`experiments/benchmarks/engines.py`; ray {metadata.version('ray')}, jax {metadata.version('jax')}.\n\n"
    )
    lines = ["| what | median (least to most) |", "| :--- | ---: |"]
    return text + "\n".join([*lines, *(f"| {what} | {value} |" for what, value in rows.items())]) + "\n"


def main() -> None:
    """Measures and writes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--waves", type=int, default=60)
    options = parser.parse_args()
    load = os.getloadavg()[0]
    found = waves_in_turns(options.rounds, options.waves)
    starts = [start_and_end() for _ in range(options.rounds)]
    words = section(starts, found, options.waves, load)
    print(words, file=sys.stderr)
    path = Path("results/benchmarks.md")
    before, _, after = path.read_text(encoding="utf-8").partition(HEADING)
    _, heading, others = after.partition("\n## ")
    path.write_text(f"{before}{HEADING}\n{words}{heading}{others}", encoding="utf-8")
    print(path)


if __name__ == "__main__":
    main()
