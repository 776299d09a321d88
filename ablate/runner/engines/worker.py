"""A process on a node of a cluster: it says what it is, and trains one unit after the other.

Knows no Ray, which makes an actor of the class. Everything here may run on another machine: with its own JAX, its own
source and its own disks, which is why a worker says what it has and is refused where that is something else.
"""

import contextlib
import dataclasses
import os
import pickle
import socket
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import NamedTuple, TypeVar

from ablate.data import DataSet
from ablate.results.schema import Environment
from ablate.runner.backend import compiled_programs, prepare_jax
from ablate.runner.environment import machine
from ablate.runner.events import Beat, Event
from ablate.runner.interrupts import Stop
from ablate.runner.place import Place, place_here
from ablate.runner.units import Programs, Unit, run_wave
from ablate.study.cells import TRAINING
from ablate.study.identity import Library, code_of, source_of
from ablate.study.labels import digest
from ablate.study.problems import ConfigError, first_line
from ablate.train.checkpoints import Checkpoints

T = TypeVar("T")
BEAT_SECONDS = 0.2  # between two that are told
TOKEN = ".shared"  # a file beside the checkpoints that names the study: whoever reads it sees the driver's disk


@dataclasses.dataclass(frozen=True)
class Surroundings:
    """What a worker is to have of the driver.

    Args:
        folder: the current one; workers go there, if they have it.
        own_cache: whether compiled programs are kept on the node's own disk.
    """

    folder: str
    own_cache: bool


class Hello(NamedTuple):
    """What a worker is; `problem` says why it cannot train."""

    node: str
    place: Place | None
    machine: Environment
    problem: str = ""


@dataclasses.dataclass(frozen=True)
class Errand:
    """One attempt at a unit.

    Args:
        study: tells studies apart: executables and data are kept within one.
        unit: what to train.
        code: fingerprint of its code on the driver.
        attempt: its name.
        folder: of the checkpoints, with a file that names the study.
    """

    study: str
    unit: Unit
    code: str
    attempt: str
    folder: Path


class Joined(NamedTuple):
    """First words about a unit: whether the driver's disk is seen, and why it cannot be trained here."""

    shared: bool
    problem: str = ""


Said = Joined | Event | None


class Worker:
    """Trains units of a driver, one at a time; `take` and `stop` are answered meanwhile.

    What it has to say waits until it is taken: a plain call, which any connection to a cluster can carry.
    """

    def __init__(self, around: Surroundings):
        if os.path.isdir(around.folder):
            os.chdir(around.folder)
        prepare_jax()
        if around.own_cache:
            _keep_compiled_on_this_node()
        self._stop, self._study, self._programs = Stop(), "", Programs({})
        self._library, self._said = Library(source_of), SimpleQueue[Said]()
        self._codes: dict[tuple[str, str], str] = {}  # fingerprints by study and program

    def hello(self) -> Hello:
        """What this process is and has."""
        node = f"{socket.gethostname()}:{os.getpid()}"
        try:
            return Hello(node, place_here(), machine())
        except ConfigError as error:
            return Hello(node, None, {}, "; ".join(error.problems))

    def train(self, path: Sequence[str], errand: bytes, dataset: DataSet) -> None:
        """Trains a unit and says what becomes of it, None at the end.

        Args:
            path: folders in which the driver looks for modules.
            errand: the pickled `Errand`.
            dataset: of the unit.
        """
        sys.path += [folder for folder in path if folder not in sys.path]
        for said in told(self._trained(errand, dataset), BEAT_SECONDS):
            self._said.put(said)
        self._said.put(None)

    def take(self, seconds: float) -> list[Said]:
        """What was said since the last time; nothing, if so many seconds pass without a word."""
        said = []
        with contextlib.suppress(Empty):
            said.append(self._said.get(timeout=seconds))
            while True:
                said.append(self._said.get_nowait())
        return said

    def stop(self) -> None:
        """The unit that trains stops with a checkpoint, and so does every later one."""
        self._stop.asked = True

    def _trained(self, errand: bytes, dataset: DataSet) -> Iterator[Joined | Event]:
        try:
            wanted: Errand = pickle.loads(errand)
            key = wanted.study, wanted.unit.shape.program
            own = self._codes.get(key) or self._codes.setdefault(key, fingerprint(wanted.unit, self._library))
        except Exception as error:  # modules that are not there, or have other contents
            yield Joined(False, unloadable(error))
            return
        if own != wanted.code:
            yield Joined(False, "the source differs from where the run was started: of ablate, or of parts of your own")
            return
        shared = _sees(wanted.folder, wanted.study)
        yield Joined(shared)
        if wanted.study != self._study:
            self._study, self._programs = wanted.study, Programs({})
        self._programs.keep(wanted.unit.shape.program)
        self._programs.add(wanted.unit.data, dataset)
        checkpoints = Checkpoints(wanted.folder / wanted.unit.key, wanted.attempt) if shared else None
        yield from run_wave(wanted.unit, self._programs, checkpoints, self._stop)


def fingerprint(unit: Unit, library: Library) -> str:
    """Of the code that a unit runs, as far as it is ablate's or the user's."""
    return digest([code_of(unit.task, library), *(code_of(path, library) for path in TRAINING)])[:16]


def unloadable(error: Exception) -> str:
    """Why a unit could not be unpickled, in words."""
    return f"the code of the run cannot be loaded: {type(error).__name__}: {first_line(error)}"


def told(events: Iterable[T], seconds: float) -> Iterator[T]:
    """The events without beats that follow another one too soon; each says more than those before."""
    last = 0.0
    for event in events:
        if isinstance(event, Beat) and time.monotonic() - last < seconds:
            continue
        last = time.monotonic() if isinstance(event, Beat) else last
        yield event


def _sees(folder: Path, study: str) -> bool:
    try:
        with tempfile.TemporaryFile(dir=folder):
            return (folder / TOKEN).read_text() == study
    except OSError:
        return False


def _keep_compiled_on_this_node() -> None:
    """A home on a network file system is slow for many small files, and several nodes would write at once."""
    import jax

    own = Path(tempfile.gettempdir()) / f"ablate-{os.getuid()}"
    with contextlib.suppress(OSError):
        own.mkdir(mode=0o700, exist_ok=True)
        if own.stat().st_uid == os.getuid():  # or somebody else's programs would be loaded
            jax.config.update("jax_compilation_cache_dir", str(own / compiled_programs().name))
