"""Workers on a Ray cluster: the only file that knows Ray.

    cluster ──whole devices, or cores──> an actor per place ──hello──> ready, or refused in words
    what actors say, and what Ray says of them ──news──> hello, events, None at the end of a unit, an exception

A worker that is refused keeps its place, so that Ray starts no other one there. Ray is asked to retry nothing.
"""

import contextlib
import dataclasses
import io
import math
import mmap
import os
import re
import signal
import socket
import sys
import time
from collections.abc import Iterator
from typing import Any, NamedTuple

os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # before Ray is imported, which would send them

import numpy as np
import ray
import ray.cloudpickle
import ray.util
from ray.exceptions import RayError, RayTaskError

from ablate.data import DataSet
from ablate.report.wording import plural
from ablate.runner.backend import cores
from ablate.runner.engines.worker import Errand, Hello, Joined, Surroundings, Worker
from ablate.runner.environment import versions
from ablate.runner.events import Event
from ablate.runner.interrupts import SIGNALS
from ablate.runner.units import Unit
from ablate.study.problems import ConfigError

WORDS_SECONDS = 5.0  # after which a worker that has nothing to say says so
SENT_BYTES = 2**30  # from this size on, arrays in files are not sent but opened where they are needed
CALLS = 3  # at once: one that trains, one that waits for words, one that asks to stop
LISTENING = 10.0  # seconds for a cluster to accept a connection
LOOK = 0.2  # seconds between two looks at what is no news
ACCELERATORS = {"GPU": "gpu", "TPU": "tpu"}  # Ray's resources, and what JAX calls the platform
COPIED = ("TFDS_DATA_DIR", "XDG_CACHE_HOME", "PYTHONPATH", "XLA_FLAGS", "OMP_NUM_THREADS", "TF_CPP_MIN_LOG_LEVEL")
MOST_FAILURES = 3  # of workers in a row, before they said hello
remote: Any = ray.remote  # whose overloads know no options that come as a dict
pickling: Any = ray.cloudpickle  # takes functions of notebooks and lambdas, too
News = Hello | Joined | Event | Exception | None


class MappedFile(NamedTuple):
    """An array in a file, which every node is to see."""

    filename: str
    dtype: np.dtype
    shape: tuple[int, ...]
    offset: int


class NobodyError(Exception):
    """No worker can train; why, in words."""


@dataclasses.dataclass(eq=False)
class Hired:
    """A worker as the driver sees it."""

    actor: Any
    greeting: Any  # what will be its hello; None once that was heard
    heard: float  # when it last said something
    hello: Hello | None = None
    unit: Unit | None = None
    work: Any = None  # the call that trains it
    words: Any = None  # what will be its next ones
    program: str = ""  # whose executables it has

    @property
    def node(self) -> str:
        """Its name, once it has said it."""
        return self.hello.node if self.hello else "a worker"

    @property
    def host(self) -> str:
        """The machine that it is on."""
        return self.node.rpartition(":")[0] or self.node

    @property
    def idle(self) -> bool:
        """Whether it waits for a unit."""
        return self.greeting is None and self.unit is None


class Workers:
    """All workers of a run.

    Args:
        address: of a cluster: auto, host:port or ray://host:port; "" starts one on this machine.
        devices: of each worker; 0 takes one GPU, or all TPU chips or cores of the smallest node.
        patience: seconds for a first worker to say hello, and for each to say a word.

    Raises:
        ConfigError: there is no such cluster, or nothing in it could train.
    """

    def __init__(self, address: str, devices: int, patience: float):
        self._patience, self._here, self._by_client = patience, not address, address.startswith("ray://")
        self._connected = _connect(address)
        self.hired: list[Hired] = []
        self._refused: list[tuple[Hired, str]] = []
        self._failures: list[str] = []  # of workers in a row that ended before they said hello
        self._ready = time.monotonic()  # the last time that some worker was
        self._counted_places = 0, -math.inf  # and when
        try:
            self._size(devices)
        except ConfigError:
            self.dismiss()
            raise

    def _size(self, devices: int) -> None:
        """Which resource makes a worker, and how many of it."""
        nodes = _nodes()
        self.resource = next((name for name in ACCELERATORS if any(node.get(name) for node in nodes)), "CPU")
        sizes = [int(node[self.resource]) for node in nodes if node.get(self.resource, 0) >= 1]
        if not sizes:
            raise ConfigError([f"--engine=ray: nothing in the cluster can train; it has {_counted(nodes)}"])
        self.devices = devices or (1 if self.resource == "GPU" else min(sizes))
        # A virtual device of a CPU is no core: any number of them runs on one, with the bits of any other machine.
        self._amount = min(self.devices, *sizes) if self.resource == "CPU" else self.devices

    @property
    def platform(self) -> str:
        """What JAX is to find there."""
        return ACCELERATORS.get(self.resource, "cpu")

    @property
    def busy(self) -> list[Hired]:
        """Those that train."""
        return [hired for hired in self.hired if hired.unit]

    def hire(self, wanted: int) -> None:
        """Starts so many workers, as far as there are places.

        Raises:
            NobodyError: none has been ready for as long as patience lasts, or none can be.
        """
        places = self._places() - len(self._refused)
        for _ in range(min(places - len(self.hired), wanted)):
            actor = self._started()
            self.hired.append(Hired(actor, actor.hello.remote(), time.monotonic()))
        if any(hired.hello for hired in self.hired):
            self._ready = time.monotonic()
        elif self._refused and places < 1:
            raise NobodyError("; ".join(dict.fromkeys(why for _, why in self._refused)))
        elif time.monotonic() - self._ready > self._patience or len(self._failures) >= MOST_FAILURES:
            raise NobodyError(self._why_nobody())

    def _places(self) -> int:
        """For how many workers the cluster has room; it is asked once a second, as nodes come and go."""
        known, when = self._counted_places
        if time.monotonic() - when > 1.0:
            known = sum(int(node.get(self.resource, 0)) // self._amount for node in _nodes())
            self._counted_places = known, time.monotonic()
        return known

    def _why_nobody(self) -> str:
        if self._failures:
            return f"no worker could start: {self._failures[-1]}"
        each = plural(self._amount, "core" if self.resource == "CPU" else self.resource)
        return (
            f"no worker could start within {self._patience:.0f} s: each takes {each} of a node, which others may use; "
            f"the cluster has {_counted(_nodes())}"
        )

    def _started(self) -> Any:
        amounts: dict[str, Any] = {"num_cpus": self._amount if self.resource == "CPU" else 1}
        if self.resource == "GPU":
            amounts["num_gpus"] = self._amount
        elif self.resource != "CPU":
            amounts["resources"] = {self.resource: self._amount}
        retries = {"max_restarts": 0, "max_task_retries": 0}
        actor = remote(max_concurrency=CALLS, **amounts, **retries)(Worker)
        around = Surroundings(os.getcwd(), not (self._here or "XDG_CACHE_HOME" in os.environ))
        return actor.options(runtime_env={"env_vars": self._variables()}).remote(around)

    def _variables(self) -> dict[str, str]:
        """Of the environment of a worker; never CUDA_VISIBLE_DEVICES, which Ray sets."""
        copied = {name: os.environ[name] for name in COPIED if name in os.environ}
        on_cpu = {"JAX_PLATFORMS": "cpu", "JAX_NUM_CPU_DEVICES": str(self.devices)}
        return copied | (on_cpu if self.resource == "CPU" else {"JAX_PLATFORMS": ""})

    def keep(self, dataset: DataSet) -> Any:
        """Puts data where every node can get them; of large files, where they lie."""
        if not self._by_client:
            ray.util.register_serializer(np.memmap, serializer=packed, deserializer=unpacked)
        return ray.put(dataset)

    def give(self, hired: Hired, errand: Errand, data: Any) -> None:
        """Has a worker train a unit; `data` is what `keep` gave."""
        hired.unit, hired.program, hired.heard = errand.unit, errand.unit.shape.program, time.monotonic()
        path = tuple(map(os.path.abspath, sys.path))  # as it is now: modules may lie beside a config that was just read
        hired.work = hired.actor.train.remote(path, pickling.dumps(errand), data)
        _listen(hired)

    def news(self) -> Iterator[tuple[Hired, News]]:
        """What is said within a moment, and by whom; of one that is lost or says nothing, an exception."""
        waiting = {source: hired for hired in self.hired for source in _sources(hired)}
        if not waiting:
            time.sleep(LOOK)
            return
        for source in ray.wait([*waiting], num_returns=1, timeout=LOOK)[0]:
            hired = waiting[source]
            hired.heard = time.monotonic()
            for news in _told(hired, source):
                yield hired, news
        for hired in [*self.hired]:
            if hired.unit and time.monotonic() - hired.heard > self._patience:
                yield hired, TimeoutError(f"it has said nothing for {self._patience:.0f} s")

    def greet(self, hired: Hired, hello: Hello) -> str:
        """Notes what a worker is; gives why it cannot train, empty where it can."""
        hired.hello, hired.greeting = hello, None
        self._failures.clear()
        place, theirs = hello.place, hello.machine.get("versions", {})
        if hello.problem or place is None:
            return hello.problem
        if place.platform != self.platform:
            return f"JAX finds {place.platform} devices there; is it installed for {self.platform}?"
        if place.devices != self.devices:
            return f"JAX finds {place.devices} devices there, not {self.devices}"
        others = ((name, theirs.get(name), own) for name, own in versions().items() if theirs.get(name) != own)
        return "; ".join(f"{name} {there} there, {own} here" for name, there, own in others)

    def refuse(self, hired: Hired, why: str) -> str:
        """Gives a worker no more work, which keeps its place; says so in words."""
        self.hired.remove(hired)
        hired.unit = None
        words = f"{hired.host} is left out: {why}"
        self._refused.append((hired, words))
        return words

    def let_go(self, hired: Hired, why: str = "") -> None:
        """Ends a worker, which may be gone already; `why` of one that was lost."""
        if hired.greeting is not None:
            self._failures.append(why)
        if hired in self.hired:
            self.hired.remove(hired)
        with contextlib.suppress(RayError, ValueError):
            ray.kill(hired.actor, no_restart=True)

    def stop(self) -> None:
        """Asks all that train to store a checkpoint and stop."""
        for hired in self.busy:
            hired.actor.stop.remote()

    def dismiss(self) -> None:
        """Ends all of them, and the cluster where it was started here."""
        for hired in [*self.hired, *(hired for hired, _ in self._refused)]:
            self.let_go(hired)
        self._refused.clear()
        if self._connected:
            ray.shutdown()


def _sources(hired: Hired) -> list[Any]:
    """What its next news come from."""
    if hired.greeting is not None:
        return [hired.greeting]
    return [source for source in (hired.words, hired.work) if source is not None]


def _listen(hired: Hired) -> None:
    hired.words = hired.actor.take.remote(WORDS_SECONDS)


def _told(hired: Hired, source: Any) -> list[News]:
    """What has come from a source; at the end of a unit, nothing more is asked."""
    try:
        said: Any = ray.get(source)
    except RayError as error:
        return [error]
    if source == hired.greeting:
        return [said]
    if source == hired.work:
        hired.work = None
        return []
    hired.words = None
    if None not in said:
        _listen(hired)
    return said


def packed(array: np.memmap) -> Any:
    """A mapped file as its place where it is large; its numbers where it is not, or is a part of a file."""
    if array.nbytes < SENT_BYTES or array.filename is None or not isinstance(array.base, mmap.mmap):
        return np.array(array)
    return MappedFile(os.path.abspath(array.filename), array.dtype, array.shape, array.offset)


def unpacked(content: Any) -> np.ndarray:
    """The array of what `packed` gave.

    Raises:
        FileNotFoundError: the file is not there, on another machine.
    """
    return np.memmap(mode="r", **content._asdict()) if isinstance(content, MappedFile) else content


def words_of(error: Exception) -> str:
    """What became of a worker."""
    if isinstance(error, TimeoutError):
        return str(error)
    if isinstance(error, RayTaskError):
        return (str(error.cause).splitlines() or [type(error.cause).__name__])[0]
    return f"its process or its node is gone ({type(error).__name__})"


def _connect(address: str) -> bool:
    """Connects this process to a cluster, or starts one; gives whether it was not connected before."""
    if ray.is_initialized():
        return False
    _check_that_somebody_listens(address)
    handlers = {number: signal.getsignal(number) for number in SIGNALS}
    quiet: dict[str, Any] = {"log_to_driver": False, "configure_logging": False}
    try:
        with contextlib.redirect_stderr(io.StringIO()), contextlib.redirect_stdout(io.StringIO()):  # it has much to say
            if address:
                ray.init(address, **quiet)
            else:
                ray.init("local", num_cpus=cores(), include_dashboard=False, **quiet)
    except Exception as error:  # ConnectionError, RuntimeError, and what gRPC raises
        words = " ".join(str(error).split())[:300] or type(error).__name__
        raise ConfigError([f"--address={address}: no Ray cluster answers there: {words}"]) from error
    finally:
        with contextlib.suppress(ValueError):  # not the main thread
            for number, handler in handlers.items():  # Ray has set its own
                if handler is not None:
                    signal.signal(number, handler)
    return True


def _check_that_somebody_listens(address: str) -> None:
    """Ray itself tries for ten minutes and more."""
    found = re.fullmatch(r"(?:ray://)?(?P<host>[^:/]+|\[[^]]+\]):(?P<port>\d+)", address)
    if not address or address == "auto":
        return
    if not found:
        raise ConfigError([f"--address: write auto, HOST:PORT or ray://HOST:PORT, not {address!r}"])
    try:
        socket.create_connection((found["host"].strip("[]"), int(found["port"])), LISTENING).close()
    except (OSError, OverflowError) as error:
        raise ConfigError([f"--address={address}: nobody listens there: {error}"]) from error


def _nodes() -> list[dict[str, float]]:
    """The resources of every node."""
    return [node["Resources"] for node in ray.nodes() if node["Alive"]]


def _counted(nodes: list[dict[str, float]]) -> str:
    counts = {name: int(sum(node.get(name, 0) for node in nodes)) for name in ("CPU", *ACCELERATORS)}
    has = ", ".join(f"{count} {'cores' if name == 'CPU' else name}" for name, count in counts.items() if count)
    return f"{plural(len(nodes), 'node')} with {has or 'no cores'}"
