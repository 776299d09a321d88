"""Workers on a Ray cluster: the only file that knows Ray.

    nodes ──whole devices, or cores──> actors ──hello──> ready, or the node is left out in words
    what actors say, and what Ray says of them ──news──> hello, events, None at the end of a unit, an exception

A node whose workers end one after the other before they have begun a unit is left out, so that it fails no study where
other nodes are well. Ray is asked to retry nothing.
"""

import contextlib
import dataclasses
import io
import math
import os
import re
import signal
import socket
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from typing import Any

os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # before Ray is imported, which would send them

import numpy as np
import ray
import ray.cloudpickle
import ray.util
from ray.exceptions import RayError, RayTaskError
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from ablate.data import DataSet
from ablate.report.wording import plural
from ablate.runner.backend import cores
from ablate.runner.engines.mapped import packed, unpacked
from ablate.runner.engines.worker import Errand, Hello, Joined, Surroundings, Worker
from ablate.runner.environment import unlike, versions
from ablate.runner.events import Event
from ablate.runner.interrupts import SIGNALS, Between, go_on
from ablate.runner.units import Unit
from ablate.study.problems import ConfigError

WORDS_SECONDS = 5.0  # after which a worker that has nothing to say says so
CALLS = 3  # at once: one that trains, one that waits for words, one that asks to stop
LISTENING = 10.0  # seconds for a cluster to accept a connection
LOOK = 0.2  # seconds between two looks at what is no news
ACCELERATORS = {"GPU": "gpu", "TPU": "tpu"}  # Ray's resources, and what JAX calls the platform
COPIED = ("TFDS_DATA_DIR", "XDG_CACHE_HOME", "PYTHONPATH", "XLA_FLAGS", "OMP_NUM_THREADS", "TF_CPP_MIN_LOG_LEVEL")
MOST_FAILURES = 3  # of workers of one node in a row, before they have begun a unit
AWAY = 5.0  # seconds without a look, after which this process has stood still itself
remote: Any = ray.remote  # whose overloads know no options that come as a dict
pickling: Any = ray.cloudpickle  # takes functions of notebooks and lambdas, too
News = Hello | Joined | Event | Exception | None


class NobodyError(Exception):
    """No worker can train; why, in words."""


@dataclasses.dataclass(eq=False)
class Hired:
    """A worker as the driver sees it."""

    actor: Any
    at: str  # the node, as Ray calls it
    greeting: Any  # what will be its hello; None once that was heard
    heard: float  # when it last said something
    hello: Hello | None = None
    unit: Unit | None = None
    begun: bool = False  # whether it has said so of its unit
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
        return self.node.rpartition(":")[0] or "a node"

    @property
    def idle(self) -> bool:
        """Whether it waits for a unit."""
        return self.greeting is None and self.unit is None


class Workers:
    """All workers of a run.

    Args:
        address: of a cluster: auto, host:port or ray://host:port; "" starts one on this machine.
        devices: of each worker; 0 takes one GPU, or all TPU chips or cores of the smallest node.
        patience: seconds for a worker to say hello, and to say a word.
        between: called while it connects; what it raises ends that.

    Raises:
        ConfigError: there is no such cluster, or nothing in it could train.
    """

    def __init__(self, address: str, devices: int, patience: float, between: Between = go_on):
        self._patience, self._here = patience, not address
        self._connected = _connect(address, patience, between)
        if not address.startswith("ray://"):  # a client's arrays are no files of the cluster
            ray.util.register_serializer(np.memmap, serializer=packed, deserializer=unpacked)
        self.hired: list[Hired] = []
        self._out: dict[str, str] = {}  # why nodes are left out
        self._failures: Counter[str] = Counter()  # workers in a row that ended before they began a unit, by node
        self._looked = self._ready = time.monotonic()  # the last look at news, and the last time some worker was there
        self._known: tuple[float, dict[str, int]] = (-math.inf, {})
        try:
            self._size(devices)
        except ConfigError:
            self.dismiss()
            raise

    def _size(self, devices: int) -> None:
        """Which resource makes a worker, and how many of it."""
        nodes = [*_nodes().values()]
        self.resource = next((name for name in ACCELERATORS if any(node.get(name) for node in nodes)), "CPU")
        sizes = [int(node[self.resource]) for node in nodes if node.get(self.resource, 0) >= 1]
        if not sizes:
            raise ConfigError([f"--engine=ray: nothing in the cluster can train; there are {_counted()}"])
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
            NobodyError: there has been no worker for as long as patience lasts, or every node is left out.
        """
        self._catch_up()
        room = Counter(self._places())
        room.subtract(hired.at for hired in self.hired if hired.at in room)
        for _ in range(min(wanted, (+room).total())):
            ((at, _),) = room.most_common(1)
            room[at] -= 1
            actor = self._started(at)
            self.hired.append(Hired(actor, at, actor.hello.remote(), time.monotonic()))
        if any(hired.hello for hired in self.hired):
            self._ready = time.monotonic()
        elif self._out and not self._places():
            raise NobodyError("; ".join(dict.fromkeys(self._out.values())))
        elif time.monotonic() - self._ready > self._patience:
            raise NobodyError(
                f"no worker said hello within {self._patience:.0f} s: each takes {self._each}, which others may use, "
                f"or is slow to start (--patience); there are {_counted()}"
            )

    @property
    def _each(self) -> str:
        return f"{plural(self._amount, 'core' if self.resource == 'CPU' else self.resource)} of a node"

    def _places(self) -> dict[str, int]:
        """For how many workers each node has room; it is asked once a second, as nodes come and go."""
        when, places = self._known
        if time.monotonic() - when > 1.0:
            places = {at: int(node.get(self.resource, 0)) // self._amount for at, node in _nodes().items()}
            self._known = time.monotonic(), places
        return {at: count for at, count in places.items() if count and at not in self._out}

    def _catch_up(self) -> None:
        """What this process could not hear while it stood still itself is held against nobody."""
        away = time.monotonic() - self._looked
        if away > AWAY:
            self._ready += away
            for hired in self.hired:
                hired.heard += away
        self._looked = time.monotonic()

    def _started(self, at: str) -> Any:
        amounts: dict[str, Any] = {"num_cpus": self._amount if self.resource == "CPU" else 1}
        if self.resource == "GPU":
            amounts["num_gpus"] = self._amount
        elif self.resource != "CPU":
            amounts["resources"] = {self.resource: self._amount}
        retries = {"max_restarts": 0, "max_task_retries": 0}
        there = NodeAffinitySchedulingStrategy(at, soft=False)
        actor = remote(max_concurrency=CALLS, scheduling_strategy=there, **amounts, **retries)(Worker)
        around = Surroundings(os.getcwd(), not (self._here or "XDG_CACHE_HOME" in os.environ))
        return actor.options(runtime_env={"env_vars": self._variables()}).remote(around)

    def _variables(self) -> dict[str, str]:
        """Of the environment of a worker; never CUDA_VISIBLE_DEVICES, which Ray sets."""
        copied = {name: os.environ[name] for name in COPIED if name in os.environ}
        on_cpu = {"JAX_PLATFORMS": "cpu", "JAX_NUM_CPU_DEVICES": str(self.devices)}
        return copied | (on_cpu if self.resource == "CPU" else {"JAX_PLATFORMS": ""})

    def keep(self, dataset: DataSet) -> Any:
        """Puts data where every node can get them; of large files, where they lie."""
        return ray.put(dataset)

    def give(self, hired: Hired, errand: Errand, data: Any) -> None:
        """Has a worker train a unit; `data` is what `keep` gave."""
        hired.unit, hired.program, hired.heard = errand.unit, errand.unit.shape.program, time.monotonic()
        hired.begun = False
        path = tuple(map(os.path.abspath, sys.path))  # as it is now: modules may lie beside a config that was just read
        hired.work = hired.actor.train.remote(path, pickling.dumps(errand), data)
        _listen(hired)

    def news(self) -> Iterator[tuple[Hired, News]]:
        """What is said within a moment, and by whom; of one that is lost or says nothing, an exception."""
        self._catch_up()
        waiting = {source: hired for hired in self.hired for source in _sources(hired)}
        if not waiting:
            time.sleep(LOOK)
            return
        for source in ray.wait([*waiting], num_returns=1, timeout=LOOK)[0]:
            hired = waiting[source]
            hired.heard = time.monotonic()
            for news in _told(hired, source):
                yield hired, news
        for hired in self.busy:
            if time.monotonic() - hired.heard > self._patience and not ray.wait(_sources(hired), timeout=0)[0]:
                yield hired, TimeoutError(f"it has said nothing for {self._patience:.0f} s")

    def greet(self, hired: Hired, hello: Hello) -> str:
        """Notes what a worker is; gives why it cannot train, empty where it can."""
        hired.hello, hired.greeting = hello, None
        place, theirs = hello.place, hello.machine.get("versions", {})
        if hello.problem or place is None:
            return hello.problem
        if place.platform != self.platform:
            return f"JAX finds {place.platform} devices there; is it installed for {self.platform}?"
        if place.devices != self.devices:
            return f"JAX finds {place.devices} devices there, not {self.devices}"
        return unlike(theirs, versions())

    def begins(self, hired: Hired) -> None:
        """Notes that a worker has begun its unit: its node is well."""
        hired.begun = True
        self._failures.pop(hired.at, None)

    def leave_out(self, hired: Hired, why: str) -> str:
        """Gives a node no more work, and ends its worker; says so in words."""
        self._out[hired.at] = words = f"{hired.host} is left out: {why}"
        self._end(hired)
        return words

    def let_go(self, hired: Hired, error: Exception | None = None) -> str:
        """Ends a worker, which may be gone already; gives the words, if that was one too many of its node.

        Args:
            hired: the worker.
            error: what became of it, if it was lost.
        """
        if error is not None and not hired.begun:
            self._failures[hired.at] += 1
            if _is_of_node(error) or self._failures[hired.at] >= MOST_FAILURES:
                return self.leave_out(hired, words_of(error))
        self._end(hired)
        return ""

    def _end(self, hired: Hired) -> None:
        hired.unit = None
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
        for hired in [*self.hired]:
            self._end(hired)
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


def words_of(error: Exception) -> str:
    """What became of a worker."""
    if isinstance(error, TimeoutError):
        return str(error)
    if isinstance(error, RayTaskError):
        return _last_line(error.cause)
    text = str(error)
    why = f": {_last_line(error)}" if "Traceback" in text else ""
    return f"its process or its node is gone ({type(error).__name__}{why})"


def _last_line(error: Any) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1] if lines else type(error).__name__


def _is_of_node(error: Exception) -> bool:
    """Whether a worker cannot open what it was sent, which the next one there could not either."""
    return isinstance(error, RayTaskError) and isinstance(error.cause, OSError)


def _connect(address: str, patience: float, between: Between) -> bool:
    """Connects this process to a cluster, or starts one; gives whether it was not connected before."""
    if ray.is_initialized():
        return False
    where = f"--address={address}" if address else "--engine=ray"
    with contextlib.redirect_stderr(io.StringIO()), contextlib.redirect_stdout(io.StringIO()):  # it has much to say
        failed = _joined(address, patience, between) if address else _started_here()
    if failed:
        raise ConfigError([f"{where}: no Ray cluster answers there: {_last_line(failed)[:300]}"]) from failed
    return True


def _joined(address: str, patience: float, between: Between) -> Exception | None:
    """Connects in a thread, since Ray tries for many minutes where something else listens."""
    _check_that_somebody_listens(os.environ.get("RAY_ADDRESS", "") if address == "auto" else address)
    failed: list[Exception] = []
    thread = threading.Thread(target=lambda: failed.extend(filter(None, [_initialised(address)])), daemon=True)
    thread.start()
    until = time.monotonic() + patience
    while thread.is_alive() and time.monotonic() < until:
        thread.join(LOOK)
        between()
    if thread.is_alive():
        return TimeoutError(f"nothing was heard for {patience:.0f} s")
    return failed[0] if failed else None


def _started_here() -> Exception | None:
    """Starts a cluster, whose processes end with the thread that started them; signals are heard as before."""
    handlers = {number: signal.getsignal(number) for number in SIGNALS}
    try:
        return _initialised("local", num_cpus=cores(), include_dashboard=False)
    finally:
        with contextlib.suppress(ValueError):  # not the main thread
            for number, handler in handlers.items():
                if handler is not None:
                    signal.signal(number, handler)


def _initialised(address: str, **how: Any) -> Exception | None:
    try:
        ray.init(address, log_to_driver=False, configure_logging=False, **how)
    except Exception as error:  # ConnectionError, RuntimeError, and what gRPC raises
        return error
    return None


def _check_that_somebody_listens(address: str) -> None:
    """Ray itself tries for ten minutes and more."""
    found = re.fullmatch(r"(?:ray://)?(?P<host>[^:/]+|\[[^]]+\]):(?P<port>\d+)", address)
    if address in ("", "auto", "local"):
        return
    if not found:
        raise ConfigError([f"--address: write auto, HOST:PORT or ray://HOST:PORT, not {address!r}"])
    try:
        socket.create_connection((found["host"].strip("[]"), int(found["port"])), LISTENING).close()
    except (OSError, OverflowError) as error:
        raise ConfigError([f"--address={address}: nobody listens there: {error}"]) from error


def _nodes() -> dict[str, dict[str, float]]:
    """The resources of every node, by what Ray calls it."""
    return {node["NodeID"]: node["Resources"] for node in ray.nodes() if node["Alive"]}


def _counted() -> str:
    nodes = [*_nodes().values()]
    counts = {name: int(sum(node.get(name, 0) for node in nodes)) for name in ("CPU", *ACCELERATORS)}
    has = [plural(count, "core" if name == "CPU" else name) for name, count in counts.items() if count]
    return f"{plural(len(nodes), 'node')} with {', '.join(has) or 'no cores'}"
