"""What the engine does with the news of its workers, which are played here: no cluster is needed for that."""

from collections import deque

import pytest

import ablate as package
from ablate.results.files import StorageError
from ablate.runner.engines import ray_engine
from ablate.runner.engines.ray_engine import RayEngine
from ablate.runner.engines.worker import TOKEN, Hello, Joined
from ablate.runner.engines.workers import Hired, NobodyError
from ablate.runner.environment import machine
from ablate.runner.events import Begin, Ended, Lost, Stopped
from ablate.runner.interrupts import Interrupted, Stop
from ablate.runner.place import place_here
from ablate.runner.plan import make_plan
from ablate.runner.units import unit_of
from ablate.runner.waves import waves_of
from ablate.study.problems import ConfigError
from ablate.study.resolving import resolve


@pytest.fixture(scope="module")
def plan():
    """Two programs, each in waves of two cells."""
    cfg = package.base_config()
    cfg.model = package.choice("mlp", widths=(8,))
    cfg.train.update(steps=10, batch_size=32, lanes=1)
    cfg.vary.norm = ("batch",)
    cfg.seeds = 4
    return make_plan(resolve(cfg), name="small")


@pytest.fixture
def units(plan, tmp_path):
    return deque(
        unit_of(item, wave) for item in plan.programs for wave in waves_of(item, [*item.program.lanes], tmp_path)
    )


def trained(hired):
    return [Joined(True), Begin(hired.unit.key, 0), Ended(hired.unit.key, ())]


def held(workers):
    """Workers that have begun their unit, and train until they are asked to stop."""

    def give(hired, errand, data):
        hired.unit = errand.unit
        workers.said.append((hired, Begin(errand.unit.key, 0)))

    return give


class Played:
    """Workers that say what a test wants: `script` gives the news of one that got a unit."""

    def __init__(self, *hellos, script=trained):
        self.hellos, self.script = list(hellos), script
        self.hired, self.gone, self.given, self.said, self.asked = [], [], [], [], False

    @property
    def busy(self):
        return [hired for hired in self.hired if hired.unit]

    def hire(self, wanted):
        for _ in range(wanted):
            if self.hellos:
                hired = Hired(None, "", "greeting", 0.0)
                self.hired.append(hired)
                self.said.append((hired, self.hellos.pop(0)))
        if not self.hired:
            raise NobodyError("nobody")

    def greet(self, hired, hello):
        hired.hello, hired.greeting = hello, None
        return hello.problem

    def give(self, hired, errand, data):
        hired.unit, hired.program, hired.begun = errand.unit, errand.unit.shape.program, False
        self.given.append((hired.node, errand))
        self.said += [(hired, news) for news in [*self.script(hired), None]]

    def news(self):
        said, self.said = self.said, []
        for hired, news in said:
            if hired in self.hired:
                yield hired, news

    def begins(self, hired):
        hired.begun = True

    def leave_out(self, hired, why):
        self.let_go(hired)
        return f"{hired.host} is left out: {why}"

    def let_go(self, hired, error=None):
        self.hired.remove(hired)
        hired.unit = None
        self.gone.append(hired.node)
        return ""

    def stop(self):
        self.asked = True
        self.said += [(hired, news) for hired in self.busy for news in (Stopped(hired.unit.key), None)]

    def keep(self, dataset):
        return dataset

    def dismiss(self):
        self.hired = []


def hello(name, **changes):
    return Hello(name, place_here(), {**machine(), **changes})


@pytest.fixture
def engine_with(monkeypatch, plan, tmp_path):
    """An engine on some workers, and what it says."""

    def made(workers):
        lines = []
        monkeypatch.setattr(ray_engine, "Workers", lambda *given: workers)
        monkeypatch.setattr(ray_engine, "_plan_on_cpu", lambda: None)
        engine = RayEngine(say=lines.append)
        engine.open(plan.datasets, tmp_path / "kept")
        return engine, lines

    return made


def test_a_unit_goes_to_whoever_has_compiled_its_program(engine_with, units):
    workers = Played(hello("a:1"), hello("b:2"))
    engine, _ = engine_with(workers)
    keys = [unit.key for unit in units]
    events = [*engine.run(units, Stop())]
    assert sorted(event.key for event in events if isinstance(event, Ended)) == sorted(keys)
    assert {event.node for event in events if isinstance(event, Begin)} == {"a:1", "b:2"}
    programs = {"a:1": [], "b:2": []}
    for node, errand in workers.given:
        programs[node].append(errand.unit.shape.program)
    assert all(len(set(own)) == 1 for own in programs.values())
    assert len({errand.attempt for _, errand in workers.given}) == len(keys)


def test_a_disk_that_is_not_shared_is_told_once(engine_with, units, tmp_path):
    def script(hired):
        return [Joined(False), Ended(hired.unit.key, ())]

    engine, lines = engine_with(Played(hello("a:1"), script=script))
    assert (tmp_path / "kept" / TOKEN).read_text()
    assert len([*engine.run(units, Stop())]) == 4
    assert lines == [f"a does not see {tmp_path / 'kept'}, or may not write there: what is lost there starts again"]
    engine.close()
    assert not (tmp_path / "kept" / TOKEN).exists()


def test_workers_of_other_kinds_are_warned_of(engine_with, units):
    engine, lines = engine_with(Played(hello("a:1"), hello("b:2", processor="another", instructions=[])))
    list(engine.run(units, Stop()))
    assert lines == ["warning: workers differ in processor and instructions: last digits may differ"]


def test_a_worker_with_other_source_is_left_out_and_its_unit_goes_elsewhere(engine_with, units):
    def script(hired):
        return [Joined(True, "the source differs")] if hired.node == "b:2" else trained(hired)

    engine, lines = engine_with(Played(hello("a:1"), hello("b:2"), script=script))
    events = [*engine.run(units, Stop())]
    assert {type(event) for event in events} == {Begin, Ended}  # nothing counts as lost
    assert len(events) == 8
    assert lines == ["b is left out: the source differs"]


def test_a_worker_that_is_refused_gives_way_to_the_next(engine_with):
    engine, lines = engine_with(Played(hello("a:1")._replace(problem="jax 1 there, 2 here"), hello("b:2")))
    assert lines == ["a is left out: jax 1 there, 2 here"]
    assert engine.place() == place_here()
    assert engine.machine()["engine"] == "workers with 2 cpu devices each, on a Ray cluster"


def test_without_anybody_there_is_no_engine(engine_with):
    with pytest.raises(ConfigError, match="--engine=ray: nobody"):
        engine_with(Played())


def test_a_worker_that_is_lost_is_told_and_ended(engine_with, units):
    first = []

    def script(hired):
        if not first:
            first.append(hired.node)
            return [Joined(True), Begin(hired.unit.key, 0), TimeoutError("it has said nothing for 60 s")]
        return [Joined(True), Ended(hired.unit.key, ())]

    workers = Played(hello("a:1"), hello("b:2"), script=script)
    engine, lines = engine_with(workers)
    (lost,) = [event for event in engine.run(units, Stop()) if isinstance(event, Lost)]
    assert lost.why == f"{first[0]}: it has said nothing for 60 s"
    assert lines == [f"lost {lost.why}"]
    assert workers.gone == first


def test_when_all_workers_are_gone_the_run_is_interrupted(engine_with, units):
    def script(hired):
        return [Joined(True), Begin(hired.unit.key, 0), TimeoutError("gone")]

    engine, _ = engine_with(Played(hello("a:1"), script=script))
    with pytest.raises(Interrupted, match="nobody"):
        list(engine.run(units, Stop()))


def test_asked_to_stop_it_begins_nothing_and_ends_its_workers(engine_with, units):
    stop, workers = Stop(), Played(hello("a:1"))
    workers.give = held(workers)
    engine, _ = engine_with(workers)
    events = []
    for event in engine.run(units, stop):
        events.append(event)
        stop.asked = True
    assert [type(event) for event in events] == [Begin, Stopped]
    assert workers.asked
    assert workers.gone == ["a:1"]
    assert len(units) == 3


def test_a_worker_that_ends_before_it_begins_is_no_fault_of_its_unit(engine_with, units):
    workers = Played(hello("a:1"), hello("b:2"))
    workers.script = lambda hired: [TimeoutError("gone")] if hired.node == "a:1" else trained(hired)
    engine, lines = engine_with(workers)
    events = [*engine.run(units, Stop())]
    assert {type(event) for event in events} == {Begin, Ended}
    assert (len(events), lines) == (8, [])


@pytest.mark.parametrize(("number", "told"), [(13, False), (28, True)])
def test_a_disk_of_one_node_ends_no_run_but_a_full_one_does(engine_with, units, number, told):
    error = StorageError(number, "cannot write the checkpoint", "/x")

    def script(hired):
        key = hired.unit.key
        return [Joined(True), Begin(key, 0), Stopped(key, error)] if hired.node == "a:1" else trained(hired)

    engine, lines = engine_with(Played(hello("a:1"), hello("b:2"), script=script))
    events = [*engine.run(units, Stop())]
    assert any(isinstance(event, Stopped) for event in events) == told
    assert lines == ([] if told else ["a is left out: cannot write the checkpoint: /x"])


def test_a_run_that_is_left_in_the_middle_of_stopping_leaves_no_worker_that_would_stop_again(engine_with, units):
    stop, workers = Stop(), Played(hello("a:1"))
    workers.give = held(workers)
    engine, _ = engine_with(workers)
    events = engine.run(units, stop)
    assert isinstance(next(events), Begin)
    stop.asked = True
    assert isinstance(next(events), Stopped)
    assert workers.asked
    events.close()  # as an exception of whoever hears them does
    assert workers.hired == []
