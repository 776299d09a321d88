"""One wave on the devices of several hosts: process 0 runs the study, the others train along.

    process 0 ──asks──> the others: the same code, data and versions? ──no──> a problem in words
        └──run_wave, in all of them──> events: those of process 0 go to the driver, nobody hears the others'

All run the same programs in the same order, as JAX wants it of several controllers. So whatever may differ between them
is decided by process 0 and told: which unit is next, and the state of its checkpoint. What only one can see, a signal,
is agreed on at the same step. The others need no plan, store or lock; the data they load themselves, each on its host.
"""

import pickle
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

import jax

from ablate.data import DataSet
from ablate.results.files import StorageError
from ablate.results.schema import Environment
from ablate.runner.engines.worker import fingerprint, unloadable
from ablate.runner.environment import machine, unlike, versions
from ablate.runner.events import Ended, Event
from ablate.runner.hosts import Agreed, Hosts
from ablate.runner.interrupts import Interrupted, Stop
from ablate.runner.place import Place, place_here
from ablate.runner.units import Programs, Unit, run_wave
from ablate.study.identity import Library, source_of
from ablate.study.problems import ConfigError
from ablate.train.checkpoints import Checkpoints
from ablate.train.loop import LoopState

NOWHERE = Path()  # of the checkpoints of a process that reads and writes none


class Asked(NamedTuple):
    """A unit that all are to train, and what they must have alike."""

    unit: bytes
    code: str
    data: str
    versions: Mapping[str, str | None]


class End(NamedTuple):
    """The exit code of process 0, which all others end with."""

    code: int


class HostsEngine:
    """Trains units on the devices of all processes; in process 0."""

    def __init__(self, hosts: Hosts):
        self._hosts, self._library = hosts, Library(source_of)

    def place(self) -> Place:
        """All devices of all processes.

        Raises:
            ConfigError: some have more than others.
        """
        counts = [len(jax.local_devices(k)) for k in range(self._hosts.count)]
        if len({*counts}) > 1:
            numbers = ", ".join(map(str, counts))
            raise ConfigError([f"--coordinator: every process must have as many devices as the others, got {numbers}"])
        return place_here()

    def machine(self) -> Environment:
        """That of process 0, with all devices."""
        return machine()

    def open(self, datasets: Mapping[str, DataSet], folder: Path) -> None:
        """Process 0 alone stores checkpoints."""
        self._programs, self._folder = Programs(datasets), folder
        self._data = {name: dataset.fingerprint() for name, dataset in datasets.items()}

    def run(self, units: deque[Unit], stop: Stop) -> Iterator[Event]:
        """One after the other, each in all processes.

        Raises:
            ConfigError: another process has other code, data or versions.
            Interrupted: another process was asked to stop, or is gone.
        """
        while units and not stop.asked:
            unit = units.popleft()
            self._ask(unit, stop)
            yield from together(unit, self._programs, self._folder / unit.key, stop, self._hosts)

    def _ask(self, unit: Unit, stop: Stop) -> None:
        """The others begin when all of them can."""
        code = fingerprint(unit, self._library)
        self._hosts.tell(Asked(pickle.dumps(unit), code, self._data[unit.data], versions()))
        problems, go_on = [], False
        try:
            problems = [f"process {k}: {words}" for k, words in self._hosts.answers(stop) if words]
            go_on = not problems
        finally:
            self._hosts.tell(go_on)
        if problems:
            raise ConfigError(problems)

    def close(self) -> None:
        """Lets go of executables and data."""
        self._programs.keep()


def follow(hosts: Hosts, load: Callable[[], Mapping[str, DataSet]], stop: Stop) -> int:
    """Trains along with process 0 until that ends; gives its exit code.

    Args:
        hosts: this process and the others.
        load: gives the data by `data_id`; what it cannot load, process 0 is told.
        stop: who may ask all of them to stop.

    Raises:
        Interrupted: process 0 is gone.
    """
    datasets: Mapping[str, DataSet] = {}
    problem, library = "", Library(source_of)
    try:
        datasets = load()
    except ConfigError as error:
        problem = "; ".join(error.problems)
    programs = Programs(datasets)
    while isinstance(asked := hosts.hear(), Asked):
        hosts.answer(problem or _differs(asked, datasets, library))
        if hosts.hear():
            _train_along(pickle.loads(asked.unit), programs, stop, hosts)
    return asked.code


def _differs(asked: Asked, datasets: Mapping[str, DataSet], library: Library) -> str:
    """Why this process cannot train what it is asked to; empty where it can."""
    others = unlike(versions(), asked.versions)
    if others:
        return others
    try:
        unit: Unit = pickle.loads(asked.unit)
        code = fingerprint(unit, library)
    except Exception as error:  # modules that are not there, or have other contents
        return unloadable(error)
    if code != asked.code:
        return "the source differs from that of process 0: of ablate, or of parts of your own"
    if unit.data not in datasets or datasets[unit.data].fingerprint() != asked.data:
        return f"the data differ from those of process 0: {unit.data}"
    return ""


def _train_along(unit: Unit, programs: Programs, stop: Stop, hosts: Hosts) -> None:
    try:
        for _ in together(unit, programs, NOWHERE, stop, hosts):
            pass
    except Interrupted:
        if hosts.apart:
            raise


def together(unit: Unit, programs: Programs, folder: Path, stop: Stop, hosts: Hosts) -> Iterator[Event]:
    """Trains a unit in step with the other processes.

    Raises:
        Interrupted: any process was asked to stop, or some failed where others did not.
    """
    programs.keep(unit.shape.program)
    agreed = Agreed(stop, hosts)
    for event in run_wave(unit, programs, HostCheckpoints(folder, agreed, hosts), agreed):
        if isinstance(event, Ended) and event.rows[0]["error"]:
            hosts.fail(event.rows[0]["error"]["message"])
        yield event
    if agreed.agreed:
        raise Interrupted


class HostCheckpoints(Checkpoints):
    """Those of a unit that all processes train: process 0 reads and writes, the others are told of what it read.

    Args:
        folder: of the wave, on a disk that process 0 alone need see.
        stop: what the processes agree on.
        hosts: this process and the others.
    """

    def __init__(self, folder: Path, stop: Agreed, hosts: Hosts):
        super().__init__(folder)
        self._stop, self._hosts = stop, hosts

    def latest(self, like: LoopState, members: int) -> LoopState | None:
        """What process 0 has, in all of them."""
        if self._hosts.index:
            leaves = self._hosts.hear()
            return None if leaves is None else jax.tree.unflatten(jax.tree.structure(like), leaves)
        state = None
        try:
            state = super().latest(like, members)
        except StorageError as error:  # told at the next look, or the others would wait for its steps
            self._stop.ask(error)
        self._hosts.tell(state and jax.tree.leaves(state))
        return state

    def save(self, state: LoopState, members: int) -> None:
        """Process 0 alone; where it cannot, all stop at their next look, at which it is told."""
        if self._hosts.index:
            return
        if self._stop.error:
            raise self._stop.error
        try:
            super().save(state, members)
        except StorageError as error:
            if self._stop.agreed:
                raise
            self._stop.ask(error)
