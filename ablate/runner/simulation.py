"""How long workers of a cluster would take for some waves, and how long they would wait: pure functions.

    seconds of every wave ──list scheduling by the rule of the engine──> makespan, idle share

A free worker takes first a wave of the program that it has compiled, then one of a program that nobody else has, else
the first that waits; the first wave of a program on a worker pays for compiling. What is left out: the seconds until
workers have started, what is lost and trained again, and the events on their way.
"""

import heapq
import itertools
import math
from collections import Counter, deque
from collections.abc import Collection, Sequence
from typing import Any, NamedTuple

from ablate.runner.engines.assignment import choose_pair
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
        runs = sum(1 for _ in itertools.groupby(wave.program for wave in waves))
        self._grouped = runs == len(self._by_program)  # as those of a plan are: their order stays, whatever is taken

    def programs(self) -> Collection[str]:
        """In the order of their first waves."""
        if self._grouped:
            return self._by_program.keys()
        return sorted(self._by_program, key=lambda program: self._by_program[program][0][0])

    def take(self, program: str) -> WaveTime:
        """The first wave of a program."""
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
    waiting, taken, ends, total = _Waiting(waves), Counter[str](), [0.0], 0.0
    free = [(0.0, worker, "") for worker in range(workers)]  # when, who, with which program; sorted, and so a heap
    while programs := waiting.programs():
        now, worker, compiled = heapq.heappop(free)
        taken -= Counter([compiled])
        _, program = choose_pair([compiled], programs, taken)
        wave = waiting.take(program)
        spent = wave.seconds + (wave.compile_seconds if compiled != program else 0.0)
        heapq.heappush(free, (now + spent, worker, program))
        taken[program] += 1
        ends.append(now + spent)
        total += spent
    return Schedule(workers, max(ends), total)


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
