"""Predicted against measured: makespan and idle share of 1, 2 and 4 workers on Ray, as `ablate plan` simulates them.

    python experiments/benchmarks/scale.py [--rounds=3] [--steps=5000]

A Ray cluster of this machine: a head without cores, and four nodes with one core each, to which their processes are
bound; on two cores, two nodes share one. The same 24 waves of four programs, compiled before, train on 1, 2 and 4 of
its workers, in turns. The simulation gets what each wave took with one worker in the same round, or what the rows of
that run say, as a plan has it; and what each wave took in the very run that is predicted, since on two cores waves take
longer where four train at once. Writes results/scale.md. Expected time: four minutes on 2 cores.
"""

import argparse
import collections
import os
import platform
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any, NamedTuple

from ray.cluster_utils import Cluster

from ablate import base_config, choice
from ablate.report.wording import plural
from ablate.results.schema import RowRecord
from ablate.runner.engines.ray_engine import RayEngine
from ablate.runner.engines.workers import Hired
from ablate.runner.events import Ended, Event
from ablate.runner.interrupts import Stop
from ablate.runner.plan import Plan, make_plan
from ablate.runner.simulation import Schedule, WaveTime, schedule
from ablate.runner.units import Unit, unit_of
from ablate.runner.wave_times import wave_times
from ablate.runner.waves import WaveLanes
from ablate.study.resolving import resolve

COUNTS = (1, 2, 4)


def get_config(steps: str = "5000"):
    """Four programs with six equal waves of two cells each."""
    cfg = base_config()
    cfg.model = choice("mlp", widths=(64, 64))
    cfg.data = choice("digits")
    cfg.train.update(steps=int(steps), batch_size=64, eval_every=int(steps), lanes=2)
    cfg.vary.norm = ("layer", "batch", choice("group", groups=8))
    cfg.seeds = 12
    return cfg


def by_turns(workers: Sequence[Hired]) -> list[Hired]:
    """Workers so that the first of them are bound to different cores."""
    seen = collections.Counter[int]()
    places = []
    for hired in workers:
        (core,) = os.sched_getaffinity(int(hired.node.rpartition(":")[2]))
        places.append(seen[core])
        seen[core] += 1
    return [hired for _, hired in sorted(zip(places, workers, strict=True), key=lambda pair: pair[0])]


class SomeWorkers(RayEngine):
    """Gives units to `most` of its workers, and notes when."""

    most = max(COUNTS)

    def _assign(self, units: collections.deque[Unit]) -> None:
        everyone = self._workers.hired
        self._workers.hired = everyone if self.most == max(COUNTS) else by_turns(everyone)[: self.most]
        super()._assign(units)
        self._workers.hired = everyone
        now = time.perf_counter()
        for hired in self._workers.busy:
            self.given.setdefault(hired.unit.key, now)

    def run(self, units: collections.deque[Unit], stop: Stop) -> Iterator[Event]:
        self.given: dict[str, float] = {}
        return super().run(units, stop)


class Run(NamedTuple):
    """What was measured of one training of all waves: seconds from a wave's being given to its rows, in their order."""

    makespan: float
    seconds: list[float]
    rows: list[RowRecord]

    def idle(self, workers: int) -> float:
        """Share of the workers' time without a wave."""
        return 1 - sum(self.seconds) / (workers * self.makespan)


def bound_cluster(nodes: int) -> Cluster:
    """A head without cores, and nodes whose processes are bound to one core each."""
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, "include_dashboard": False})
    cores = sorted(os.sched_getaffinity(0))
    for node in range(nodes):
        os.sched_setaffinity(0, {cores[node % len(cores)]})  # which the processes of the node inherit
        cluster.add_node(num_cpus=1)
    os.sched_setaffinity(0, cores)
    return cluster


def units_of(plan: Plan) -> collections.deque[Unit]:
    """All waves of a plan, in the order in which a run gives them."""
    return collections.deque(
        unit_of(item, WaveLanes([item.program.lanes[k] for k in wave.members], wave.width, wave.together))
        for item in plan.programs
        for wave in item.waves
    )


def trained(engine: SomeWorkers, plan: Plan, workers: int, folder: Path) -> Run:
    """All waves of a plan on some workers."""
    units, ended, rows = units_of(plan), {}, []
    keys = [unit.key for unit in units]
    engine.most = workers
    engine.open(plan.datasets, folder)
    for event in engine.run(units, Stop()):
        if isinstance(event, Ended):
            ended[event.key] = time.perf_counter()
            rows += event.rows
    engine.close()
    seconds = [ended[key] - engine.given[key] for key in keys]
    return Run(max(ended.values()) - min(engine.given.values()), seconds, rows)


def times_of(plan: Plan, run: Run, workers: int) -> list[WaveTime]:
    """The waves of a run as the simulation takes them; what first waves took longer than others is compiling.

    With one worker the first wave of each program pays for it; with more it is not known which did, and left as it is.
    """
    programs = [item.program.id for item in plan.programs for _ in item.waves]
    if workers > 1:
        return [WaveTime(program, seconds) for program, seconds in zip(programs, run.seconds, strict=True)]
    times = []
    for program in dict.fromkeys(programs):
        first, *others = (seconds for seconds, own in zip(run.seconds, programs, strict=True) if own == program)
        warm = statistics.median(others)
        times += [WaveTime(program, min(first, warm), max(0.0, first - warm))]
        times += [WaveTime(program, seconds, max(0.0, first - warm)) for seconds in others]
    return times


def measure(engine: SomeWorkers, plan: Plan, rounds: int, folder: Path) -> list[dict[int, Run]]:
    """Rounds in which 1, 2 and 4 workers take turns; one before them starts the workers and fills the caches."""
    trained(engine, plan, max(COUNTS), folder)
    found = []
    for turn in range(rounds):
        order = COUNTS if turn % 2 == 0 else COUNTS[::-1]
        runs = {workers: trained(engine, plan, workers, folder) for workers in order}
        found.append({workers: runs[workers] for workers in COUNTS})
        shown = ", ".join(f"{workers}: {run.makespan:.1f} s" for workers, run in found[-1].items())
        print(f"round {turn + 1}: {shown}", file=sys.stderr, flush=True)
    return found


Predict = Callable[[Plan, dict[int, Run], int], Schedule]
SOURCES: dict[str, Predict] = {
    "waves of 1 worker": lambda plan, runs, n: schedule(times_of(plan, runs[1], 1), n),
    "rows of 1 worker": lambda plan, runs, n: schedule([*wave_times(plan, (), runs[1].rows)], n),
    "its own waves": lambda plan, runs, n: schedule(times_of(plan, runs[n], n), n),
}


def spread(values: Sequence[float], digits: int = 1, factor: float = 1.0) -> str:
    """The median, with the least and the most."""
    low, middle, high = (factor * value for value in (min(values), statistics.median(values), max(values)))
    return f"{middle:.{digits}f} ({low:.{digits}f} to {high:.{digits}f})"


def table(plan: Plan, rounds: Sequence[dict[int, Run]]) -> list[str]:
    """A line per number of workers and source of the times."""
    head = ["workers", "measured, s", "predicted from", "predicted, s", "measured over predicted", "idle, measured, %"]
    lines = [f"| {' | '.join([*head, 'idle, predicted, %'])} |", "| ---: | ---: | :--- | ---: | ---: | ---: | ---: |"]
    for workers in COUNTS:
        measured = [runs[workers].makespan for runs in rounds]
        idle = [runs[workers].idle(workers) for runs in rounds]
        for source, predict in [*SOURCES.items()][: 2 if workers == 1 else 3]:  # with one, the last is the first
            found = [predict(plan, runs, workers) for runs in rounds]
            ratios = [real / each.makespan for real, each in zip(measured, found, strict=True)]
            cells: list[Any] = [workers, spread(measured), source, spread([each.makespan for each in found])]
            cells += [spread(ratios, 2), spread(idle, 0, 100), spread([each.idle for each in found], 0, 100)]
            lines.append(f"| {' | '.join(map(str, cells))} |")
    return lines


def slower(rounds: Sequence[dict[int, Run]], workers: int) -> str:
    """How much longer waves took than with one worker."""
    return spread([statistics.median(runs[workers].seconds) / statistics.median(runs[1].seconds) for runs in rounds], 2)


def text_of(plan: Plan, rounds: Sequence[dict[int, Run]], load: float) -> str:
    """The page."""
    cores = len(os.sched_getaffinity(0))
    versions = ", ".join(f"{name} {metadata.version(name)}" for name in ("ray", "jax", "jaxlib"))
    waves = sum(len(item.waves) for item in plan.programs)
    return (
        "# Makespan on workers: predicted and measured\n\n"
        f"{waves} waves of {len(plan.programs)} programs on workers of a Ray cluster on this machine, each bound to "
        "one core and with its programs compiled before: seconds until the last wave has ended, and the share of the "
        f"workers' time without a wave; medians with least and most of {plural(len(rounds), 'round')} in turns, "
        "`experiments/benchmarks/scale.py`. Predictions are those of `ablate plan --engine=ray` "
        "(`runner/simulation.py`), a list schedule by the rule of the engine: of what each wave took with one worker "
        "in the same round; of what the rows of that run tell, as a plan has it; and of what each wave took in the run "
        "that is predicted, which leaves the schedule alone to be judged.\n\n"
        f"This machine has {cores} cores: four workers share them two by two, and what follows from one worker for "
        f"four holds for four cores. Waves took {slower(rounds, 2)} times as long with two workers as with one, and "
        f"{slower(rounds, 4)} times with four. The load average was {load:.1f} when it began and "
        f"{os.getloadavg()[0]:.1f} when it ended; what is beyond four is other work, which makes waves longer as well. "
        f"{platform.machine()}, {platform.system()}; Python "
        f"{platform.python_version()}, {versions}.\n\n"
    )


def main() -> None:
    """Measures and writes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=5000)
    options = parser.parse_args()
    load = os.getloadavg()[0]
    cluster = bound_cluster(max(COUNTS))
    try:
        with tempfile.TemporaryDirectory() as folder, SomeWorkers(cluster.address, 1, say=print) as engine:
            plan = make_plan(resolve(get_config(str(options.steps))), name="scale", place=engine.place())
            rounds = measure(engine, plan, options.rounds, Path(folder))
            path = Path("results/scale.md")
            path.write_text(text_of(plan, rounds, load) + "\n".join(table(plan, rounds)) + "\n", encoding="utf-8")
            print(path)
    finally:
        cluster.shutdown()


if __name__ == "__main__":
    main()
