"""How long workers of a cluster would take for some waves, and how long they would wait: pure functions.

    seconds of every wave ──list scheduling by the rule of `ray_engine`──> makespan, idle share

A free worker takes first a wave of the program that it has compiled, then one of a program that nobody else has, else
the first that waits; the first wave of a program on a worker pays for compiling. What is left out: the seconds until
workers have started, what is lost and trained again, and the events on their way.
"""

import heapq
import math
from collections import Counter, deque
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from ablate.runner.place import Place

GAIN = 0.05  # by which the makespan must fall for more workers to be worth it
FACTORS = (0.25, 0.5, 1, 2)  # of the nodes asked for, that a table shows


class WaveTime(NamedTuple):
    """What a wave takes on one worker.

    Args:
        program: whose executables it runs with.
        seconds: with these compiled.
        compile_seconds: before, where they are not.
        measured: whether `seconds` follow from stored rows.
    """

    program: str
    seconds: float
    compile_seconds: float = 0.0
    measured: bool = False


class Cluster(NamedTuple):
    """Nodes that are alike.

    Args:
        platform: cpu, gpu or tpu.
        kind: of device, as JAX calls it; empty where that is not known.
        nodes: how many.
        devices: of each node.
    """

    platform: str
    kind: str
    nodes: int
    devices: int

    @property
    def per_node(self) -> int:
        """Workers on a node: one per GPU, else one for all of its devices."""
        return self.devices if self.platform == "gpu" else 1

    @property
    def workers(self) -> int:
        """On all nodes."""
        return self.nodes * self.per_node

    @property
    def place(self) -> Place:
        """The devices of a worker."""
        return Place(self.platform, self.kind, self.devices // self.per_node)


class Schedule(NamedTuple):
    """What became of some waves.

    Args:
        workers: that there were.
        makespan: seconds until the last wave has ended.
        busy: seconds in which workers compiled or trained, all together.
    """

    workers: int
    makespan: float
    busy: float

    @property
    def idle(self) -> float:
        """Share of the workers' time in which they waited, from 0 to 1."""
        held = self.workers * self.makespan
        return 1 - self.busy / held if held else 0.0


class _Waiting:
    """Waves that no worker has, in their order."""

    def __init__(self, waves: Sequence[WaveTime]):
        self._by_program: dict[str, deque[tuple[int, WaveTime]]] = {}
        for place, wave in enumerate(waves):
            self._by_program.setdefault(wave.program, deque()).append((place, wave))

    def take(self, compiled: str, busy: Mapping[str, int]) -> WaveTime | None:
        """The wave for a worker that has compiled a program, where so many others are busy with each."""
        if compiled in self._by_program:
            return self._first([compiled])
        return self._first([name for name in self._by_program if not busy.get(name)] or [*self._by_program])

    def _first(self, programs: list[str]) -> WaveTime | None:
        if not programs:
            return None
        program = min(programs, key=lambda name: self._by_program[name][0][0])
        _, wave = self._by_program[program].popleft()
        if not self._by_program[program]:
            del self._by_program[program]
        return wave


def schedule(waves: Sequence[WaveTime], workers: int) -> Schedule:
    """Has workers take waves until there are none.

    Args:
        waves: in the order in which a run would give them.
        workers: 1 or more.

    >>> halves = [WaveTime("a", 2.0, 1.0), WaveTime("a", 2.0, 1.0), WaveTime("b", 1.0, 1.0)]
    >>> schedule(halves, 1), schedule(halves, 2).makespan
    (Schedule(workers=1, makespan=7.0, busy=7.0), 5.0)
    """
    waiting, compiled, busy, ends = _Waiting(waves), [""] * workers, Counter[str](), [0.0]
    free = [(0.0, worker) for worker in range(workers)]  # sorted, and so a heap
    total = 0.0
    while True:
        now, worker = heapq.heappop(free)
        busy[compiled[worker]] -= 1
        wave = waiting.take(compiled[worker], busy)
        if wave is None:
            return Schedule(workers, max(ends), total)
        spent = wave.seconds + (wave.compile_seconds if compiled[worker] != wave.program else 0.0)
        compiled[worker] = wave.program
        busy[wave.program] += 1
        total += spent
        ends.append(now + spent)
        heapq.heappush(free, (now + spent, worker))


def enough_workers(waves: Sequence[WaveTime], gain: float = GAIN) -> int:
    """A number of workers beyond which no number makes the makespan shorter by more than `gain` of the shortest.

    More workers may take longer, so it is the least by halving, not by trying them all.

    >>> enough_workers([WaveTime("a", 10.0)] * 6)
    6
    >>> enough_workers([WaveTime("a", 10.0), WaveTime("a", 1.0), WaveTime("a", 1.0)])
    2
    """
    if not waves:
        return 1
    target = (1 + gain) * schedule(waves, len(waves)).makespan
    low, high = 0, len(waves)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if schedule(waves, middle).makespan <= target else (middle, high)
    return high


def simulation(waves: Sequence[WaveTime], cluster: Cluster) -> dict[str, Any]:
    """What a plan says of a cluster, as plain JSON: for so many nodes, and for fewer and more of the same kind."""
    sizes = dict.fromkeys(max(1, round(factor * cluster.nodes)) for factor in FACTORS)
    table = [_of_size(waves, cluster._replace(nodes=nodes)) for nodes in sizes]
    seconds = sum(wave.seconds for wave in waves)
    enough = enough_workers(waves)
    return {
        "platform": cluster.platform,
        "devices_per_node": cluster.devices,
        "devices_per_worker": cluster.place.devices,
        **next(row for row in table if row["nodes"] == cluster.nodes),
        "waves": len(waves),
        "measured_waves": sum(wave.measured for wave in waves),
        "measured_share": sum(wave.seconds for wave in waves if wave.measured) / seconds if seconds else 0.0,
        "enough_workers": enough,
        "enough_nodes": math.ceil(enough / cluster.per_node),
        "table": table,
    }


def _of_size(waves: Sequence[WaveTime], cluster: Cluster) -> dict[str, Any]:
    found = schedule(waves, cluster.workers)
    hours = cluster.nodes * cluster.devices * found.makespan / 3600
    return {
        "nodes": cluster.nodes,
        "workers": cluster.workers,
        "makespan_seconds": round(found.makespan, 1),
        "idle_share": round(found.idle, 4),
        "device_hours": round(hours, 3),
    }
