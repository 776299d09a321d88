"""How long a cluster would take: against a simulation that looks at every pair of worker and wave, and optima."""

import itertools
import random

import pytest

from ablate.runner.simulation import Cluster, Schedule, WaveTime, enough_workers, schedule, simulation


class Worker:
    """What the engine knows of a worker."""

    def __init__(self):
        self.program, self.wave, self.until = "", None, 0.0


def tick_by_tick(waves, count):
    """The same by looking at every pair of a free worker and a wave whenever something ends."""
    left, workers, now, ends, busy = [*waves], [Worker() for _ in range(count)], 0.0, [0.0], 0.0
    while left or any(worker.wave for worker in workers):
        for worker in workers:
            if worker.wave and worker.until == now:
                worker.wave = None
        while left and not all(worker.wave for worker in workers):
            taken = {worker.program for worker in workers if worker.wave}
            pairs = [(worker, k) for worker in workers if not worker.wave for k in range(len(left))]
            worker, k = min(pairs, key=lambda pair: misfit(pair[0].program, left[pair[1]].program, taken))
            wave = left.pop(k)
            cost = wave.seconds + (0 if worker.program == wave.program else wave.compile_seconds)
            worker.program, worker.wave, worker.until = wave.program, wave, now + cost
            busy += cost
            ends.append(worker.until)
        now = min((worker.until for worker in workers if worker.wave), default=now)
    return Schedule(count, max(ends), busy)


def misfit(compiled, program, taken):
    """First what a worker has compiled, then what no other one trains."""
    return 0 if compiled == program else 1 if program not in taken else 2


def drawn(number, programs, *, compile_seconds=True):
    """Random waves; no two workers end at once, where an engine may hear of either first."""
    draw = random.Random(number)
    compiling = {str(k): draw.uniform(0, 6) * compile_seconds for k in range(programs)}
    names = [str(draw.randrange(programs)) for _ in range(draw.randrange(1, 30))]
    return [WaveTime(name, draw.uniform(0.1, 9.0), compiling[name]) for name in names]


@pytest.mark.parametrize("number", range(60))
def test_it_gives_waves_to_workers_as_the_engine_does(number):
    waves = drawn(number, programs=1 + number % 7)
    waves = waves if number % 2 else sorted(waves, key=lambda wave: wave.program)  # as those of a plan are
    for workers in (1, 2, 3, 8, 40):
        found, expected = schedule(waves, workers), tick_by_tick(waves, workers)
        assert found.makespan == pytest.approx(expected.makespan, rel=1e-12)
        assert found.busy == pytest.approx(expected.busy, rel=1e-12)


@pytest.mark.parametrize("number", range(20))
def test_bounds_that_hold_for_any_list_schedule(number):
    waves = drawn(number, programs=3, compile_seconds=False)
    total, longest = sum(wave.seconds for wave in waves), max(wave.seconds for wave in waves)
    for workers in (1, 2, 5, 64):
        found = schedule(waves, workers)
        assert max(total / workers, longest) <= found.makespan * (1 + 1e-12)
        assert found.makespan <= total / workers + (1 - 1 / workers) * longest + 1e-9
        assert found.idle * workers * found.makespan == pytest.approx(workers * found.makespan - total)
        assert 0 <= found.idle < 1


@pytest.mark.parametrize("number", range(8))
def test_it_is_at_most_twice_the_best_schedule(number):
    draw = random.Random(number)
    waves, workers = [WaveTime("a", draw.uniform(1, 9)) for _ in range(7)], 3
    best = min(
        max(sum(wave.seconds for wave, at in zip(waves, places, strict=True) if at == worker) for worker in range(3))
        for places in itertools.product(range(workers), repeat=len(waves))
    )
    assert best - 1e-9 <= schedule(waves, workers).makespan <= (2 - 1 / workers) * best + 1e-9


def test_one_worker_trains_all_of_them_and_compiles_each_program_once():
    waves = [WaveTime(name, 1.0 + k, 10.0) for k, name in enumerate("abab")]
    assert schedule(waves, 1) == Schedule(1, 30.0, 30.0)
    assert schedule(waves, 1).idle == 0


def test_workers_without_a_wave_wait():
    assert schedule([WaveTime("a", 3.0)], 4).idle == 0.75
    assert schedule([], 4) == Schedule(4, 0.0, 0.0)
    assert schedule([], 4).idle == 0


@pytest.mark.parametrize("number", range(20))
def test_no_number_of_workers_is_much_faster_than_enough_of_them(number):
    waves = drawn(number, programs=4)
    enough, makespans = enough_workers(waves), [schedule(waves, n).makespan for n in range(1, len(waves) + 3)]
    assert makespans[enough - 1] <= 1.05 * min(makespans) * (1 + 1e-12)
    assert enough == 1 or makespans[enough - 2] > 1.05 * makespans[len(waves) - 1]


def test_what_makes_a_worker_depends_on_the_platform():
    counts = {}
    for platform in ("cpu", "gpu", "tpu"):
        cluster = Cluster(platform, "", 64, 8)
        counts[platform] = (cluster.workers, cluster.place.devices)
    assert counts == {"cpu": (64, 8), "gpu": (512, 1), "tpu": (64, 8)}


def test_what_a_plan_says_of_a_cluster():
    waves = [WaveTime("a", 900.0, 0.0, measured=True)] * 6 + [WaveTime("b", 1800.0)]
    found = simulation(waves, Cluster("gpu", "", 2, 2))
    assert [(row["nodes"], row["workers"]) for row in found["table"]] == [(1, 2), (2, 4), (4, 8)]
    assert {row["workers"]: row["makespan_seconds"] for row in found["table"]} == {2: 3600, 4: 1800, 8: 1800}
    assert (found["workers"], found["makespan_seconds"], found["devices_per_worker"]) == (4, 1800, 1)
    assert found["device_hours"] == 2.0  # four devices for half an hour, waiting ones as well
    assert [row["idle_share"] for row in found["table"]] == [0.0, 0.0, 0.5]
    assert (found["waves"], found["measured_waves"]) == (7, 6)
    assert found["measured_share"] == pytest.approx(0.75)
    assert (found["enough_workers"], found["enough_nodes"]) == (4, 2)


def test_nothing_left_to_train_takes_no_time():
    found = simulation([], Cluster("cpu", "", 4, 2))
    assert {(row["makespan_seconds"], row["idle_share"]) for row in found["table"]} == {(0, 0)}
    assert (found["waves"], found["measured_share"]) == (0, 0)
