"""Units on a Ray cluster.

    units ──one at a time──> a worker, first one that has compiled the program ──> events
    a worker or a node that is gone, or does not answer ──> Lost, and the driver puts the unit in again

Every attempt has a folder of checkpoints of its own: a worker that was given up may come to life again.
"""

import secrets
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import jax

from ablate.data import DataSet
from ablate.report.wording import listed, plural
from ablate.results.files import StorageError, write_atomically
from ablate.results.schema import Environment
from ablate.runner.backend import prepare_jax
from ablate.runner.engines.assignment import choose_pair
from ablate.runner.engines.worker import TOKEN, Errand, Hello, Joined, fingerprint
from ablate.runner.engines.workers import Hired, News, NobodyError, Workers, words_of
from ablate.runner.events import Begin, Event, Lost, Stopped
from ablate.runner.interrupts import Between, Interrupted, Stop, go_on
from ablate.runner.place import Place
from ablate.runner.units import Unit
from ablate.study.identity import Library, source_of
from ablate.study.problems import ConfigError

Say = Callable[[str], None]
PATIENCE = 60.0
ANOTHER = 10.0  # seconds without a hello, after which one more worker is tried
ALIKE = ("processor", "instructions", "platform", "python")  # what shows in last digits where workers differ


class RayEngine:
    """Trains units on a Ray cluster. Use it with `with`, which lets the workers go in the end.

    This process then plans and reports on CPU; make the engine before JAX computes anything on an accelerator here.

    Args:
        address: of a cluster: auto, host:port or ray://host:port; "" starts one on this machine.
        devices: of each worker; 0 takes one GPU, or all TPU chips or cores of the smallest node.
        say: is told, in a line, what whoever watches should know.
        between: called while it waits for the first worker; what it raises ends that.
        patience: seconds for a first worker to say hello, for each to say a word, and to store a checkpoint.

    Raises:
        ConfigError: there is no such cluster, or nothing in it can train.
        Interrupted: from `run`, if that is so later on.
    """

    def __init__(
        self,
        address: str = "",
        devices: int = 0,
        *,
        say: Say = lambda words: None,
        between: Between = go_on,
        patience: float = PATIENCE,
    ):
        self._say, self._patience = say, patience
        self._said: set[str] = set()
        self._workers = Workers(address, devices, patience, between)
        self._first: Hello | None = None
        try:
            _plan_on_cpu()
            self._wait_for_hello(between)
        except BaseException as error:
            self._workers.dismiss()
            if isinstance(error, NobodyError):
                raise ConfigError([f"--engine=ray: {error}"]) from error
            raise

    def _wait_for_hello(self, between: Between) -> None:
        """From one worker, and from one more whenever that takes long: its node may be busy, or not well."""
        began = time.monotonic()
        while self._first is None:
            between()
            tried = 1 + int((time.monotonic() - began) / ANOTHER)
            self._workers.hire(tried - len(self._workers.hired))
            for hired, news in self._workers.news():
                self._hear(hired, news, deque())

    def __enter__(self) -> "RayEngine":
        return self

    def __exit__(self, *raised: object) -> None:
        self._workers.dismiss()

    def place(self) -> Place:
        """The devices of one worker."""
        place = self._first.place if self._first else None
        assert place is not None  # or there would be no engine
        return place

    def machine(self) -> Environment:
        """That of the worker which said hello first."""
        assert self._first is not None
        devices = plural(self.place().devices, f"{self.place().platform} device")
        return {**self._first.machine, "engine": f"workers with {devices} each, on a Ray cluster"}

    def open(self, datasets: Mapping[str, DataSet], folder: Path) -> None:
        """Puts the data where every node can get them, and a mark where those find it that share the disk."""
        self._data = {name: self._workers.keep(dataset) for name, dataset in datasets.items()}
        self._study, self._folder, self._library = secrets.token_hex(8), folder, Library(source_of)
        self._codes: dict[str, str] = {}  # fingerprints by program
        write_atomically(folder / TOKEN, self._study.encode())

    def run(self, units: deque[Unit], stop: Stop) -> Iterator[Event]:
        """Gives units to workers until there are none and every worker has ended its own."""
        until = None
        try:
            while self._workers.busy or (units and not stop.asked):
                if stop.asked:
                    until = until or self._stop_all()
                    if time.monotonic() > until:
                        break
                else:
                    self._hire(len(units))
                    self._assign(units)
                for hired, news in self._workers.news():
                    yield from self._hear(hired, news, units)
        finally:
            if until:  # they would stop whatever they are given
                for hired in [*self._workers.hired]:
                    self._workers.let_go(hired)

    def _hire(self, units: int) -> None:
        try:
            self._workers.hire(units - sum(hired.unit is None for hired in self._workers.hired))
        except NobodyError as error:
            raise Interrupted(str(error)) from error

    def _stop_all(self) -> float:
        self._workers.stop()
        return time.monotonic() + self._patience

    def close(self) -> None:
        """Ends workers that still train, where a run ended early; lets the data go."""
        for hired in self._workers.busy:
            self._workers.let_go(hired)
        self._data = {}
        (self._folder / TOKEN).unlink(missing_ok=True)

    def _assign(self, units: deque[Unit]) -> None:
        while units and (idle := [hired for hired in self._workers.hired if hired.idle]):
            taken = {hired.program for hired in self._workers.busy}
            waiting = dict.fromkeys(unit.shape.program for unit in units)
            compiled, program = choose_pair([hired.program for hired in idle], waiting, taken)
            hired = next(hired for hired in idle if hired.program == compiled)
            unit = next(unit for unit in units if unit.shape.program == program)
            units.remove(unit)
            if program not in self._codes:
                self._codes[program] = fingerprint(unit, self._library)
            attempt = secrets.token_hex(4)
            errand = Errand(self._study, unit, self._codes[program], attempt, self._folder)
            self._workers.give(hired, errand, self._data[unit.data])

    def _hear(self, hired: Hired, news: News, units: deque[Unit]) -> list[Event]:
        """What the driver is to know of some news."""
        match news:
            case Hello():
                self._greet(hired, news)
            case Joined(problem=""):
                if not news.shared:
                    where = f"{hired.host} does not see {self._folder}, or may not write there"
                    self._say_once(f"{where}: what is lost there starts again")
            case Joined():
                self._leave_out(hired, news.problem, units)
            case Stopped(error=StorageError(passes=False)):  # a disk of that node, not one that is full
                self._leave_out(hired, str(news.error), units)
            case Exception():
                return self._lose(hired, news, units)
            case None:
                hired.unit = None
            case Begin():
                self._workers.begins(hired)
                return [news._replace(node=hired.node)]
            case _:
                return [news]
        return []

    def _greet(self, hired: Hired, hello: Hello) -> None:
        problem = self._workers.greet(hired, hello)
        if problem:
            return self._leave_out(hired, problem, deque())
        self._first = first = self._first or hello
        differs = [key for key in ALIKE if hello.machine.get(key) != first.machine.get(key)]
        differs += [] if hello.place == first.place else ["devices"]
        if differs:
            self._say_once(f"warning: workers differ in {listed(differs)}: last digits may differ")
        return None

    def _leave_out(self, hired: Hired, why: str, units: deque[Unit]) -> None:
        """A node that cannot train is no fault of a unit, which goes elsewhere."""
        if hired.unit:
            units.appendleft(hired.unit)
        self._say_once(self._workers.leave_out(hired, why))

    def _lose(self, hired: Hired, error: Exception, units: deque[Unit]) -> list[Event]:
        """Only what a unit has begun can be its fault."""
        unit, begun, why = hired.unit, hired.begun, f"{hired.node}: {words_of(error)}"
        self._say_once(self._workers.let_go(hired, error))
        if unit is None:
            return []
        if not begun:
            units.appendleft(unit)
            return []
        self._say(f"lost {why}")
        return [Lost(unit.key, why)]

    def _say_once(self, words: str) -> None:
        if words and words not in self._said:
            self._said.add(words)
            self._say(words)


def _plan_on_cpu() -> None:
    """This process computes nothing; JAX would take most of an accelerator's memory for it."""
    try:
        prepare_jax()
    except RuntimeError:  # JAX has computed in this process before, and stays where it is
        return
    jax.config.update("jax_platforms", "cpu")
