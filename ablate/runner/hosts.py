"""Several processes that run as one under `jax.distributed`, and how they speak with each other.

Process 0 tells, the others hear, through the key-value store that JAX's coordinator keeps in process 0: whoever waits
there holds no device, and hears that the coordinator is gone. Devices are asked only what all ask at the same point.
"""

import contextlib
import os
import pickle
import socket
import threading
from collections.abc import Iterator
from typing import Any

import jax
from jax.experimental.multihost_utils import process_allgather

from ablate.results.files import StorageError
from ablate.runner.interrupts import USAGE, Interrupted, Stop
from ablate.study.problems import ConfigError, first_line

AUTO = "auto"  # the address that the cluster's environment tells
PATIENCE = 300.0  # seconds for all processes to come
MEETING = 60.0  # seconds for all processes to fail alike; less than JAX takes to end those whose neighbour is gone
LOOK = 1.0  # seconds between two looks at what may have come
PART = 2**28  # bytes of one value of the store
LOOKS = 8  # steps between two at which processes agree whether to stop: often enough for Ctrl-C


class Apart(Interrupted):
    """The processes are no longer at the same point, and cannot get there again."""


class Hosts:
    """This process and the others: which one it is, and what they say.

    Args:
        client: of JAX's coordinator.
        index: of this process.
        count: of all of them.
    """

    def __init__(self, client: Any, index: int, count: int):
        self.index, self.count, self.apart = index, count, False
        self._client, self._told, self._heard, self._failures = client, 0, 0, 0

    def tell(self, message: Any) -> None:
        """From process 0 to all others."""
        content = pickle.dumps(message)
        parts = [content[k : k + PART] for k in range(0, len(content), PART)]
        for k, part in enumerate(parts):
            self._client.key_value_set_bytes(f"ablate/{self._told}/{k}", part)
        self._client.key_value_set_bytes(f"ablate/{self._told}/parts", str(len(parts)).encode())
        self._told += 1

    def hear(self) -> Any:
        """The next message of process 0, however long that takes.

        Raises:
            Apart: process 0 is gone.
        """
        number, self._told = self._told, self._told + 1
        parts = None
        while parts is None:
            parts = self._value(f"ablate/{number}/parts")
        return pickle.loads(b"".join(self._value(f"ablate/{number}/{k}") or b"" for k in range(int(parts))))

    def answer(self, words: str) -> None:
        """From another process to process 0, about the last message; empty where there is no problem."""
        self._client.key_value_set_bytes(f"ablate/{self._told - 1}/of/{self.index}", words.encode())

    def answers(self, stop: Stop) -> Iterator[tuple[int, str]]:
        """What each of the others says of the last message; all that was told before has been heard then.

        Raises:
            Interrupted: `stop` was asked before all had answered.
        """
        for index in range(1, self.count):
            words = None
            while words is None:
                stop.check()
                words = self._value(f"ablate/{self._told - 1}/of/{index}")
            yield index, words.decode()
        for number in range(self._heard, self._told - 1):
            self._client.key_value_delete(f"ablate/{number}/")
        self._heard = self._told - 1

    def _value(self, key: str) -> bytes | None:
        """What the store has there; None where nothing came within a moment."""
        try:
            return self._client.blocking_key_value_get_bytes(key, int(LOOK * 1000))
        except RuntimeError as error:
            if "DEADLINE_EXCEEDED" in str(error):
                return None
            raise self._gone(f"the coordinator is gone: {first_line(error)}") from error

    def any(self, truth: bool) -> bool:
        """Whether it holds in any process; all ask at the same point."""
        return bool(process_allgather(truth).any())

    def fail(self, why: str) -> None:
        """All processes say that they failed at the same point.

        Raises:
            Apart: some have not, or are gone.
        """
        self._failures += 1
        try:
            self._client.wait_at_barrier(f"ablate/failed/{self._failures}", int(MEETING * 1000))
        except RuntimeError as error:
            raise self._gone(f"process {self.index} failed, and another one is gone or did not: {why}") from error

    def _gone(self, words: str) -> Apart:
        self.apart = True
        return Apart(words)


class Agreed(Stop):
    """Asked once any process is; every process looks equally often, and all see it at the same look."""

    def __init__(self, own: Stop, hosts: Hosts):
        self._own, self._hosts, self._looks, self.agreed = own, hosts, 0, False
        self.error: StorageError | None = None

    def ask(self, error: StorageError) -> None:
        """All stop at their next look, since this process cannot store what it should."""
        self.error = error

    @property
    def asked(self) -> bool:  # pyright: ignore[reportIncompatibleVariableOverride]  # nobody sets it here
        """Whether all know that somebody was asked."""
        if not self.agreed and self._looks % LOOKS == 0:
            self.agreed = self._hosts.any(self._own.asked or self.error is not None)
        self._looks += 1
        return self.agreed


def join(address: str, processes: int | None, process: int | None, patience: float = PATIENCE) -> Hosts:
    """Waits until all processes are there; before JAX computes anything.

    Args:
        address: of process 0, host:port, or auto.
        processes: how many there are; None asks the environment of the cluster.
        process: which one this is; None asks the environment of the cluster.
        patience: seconds for all to come, behind which this process ends.

    Raises:
        ConfigError: the environment does not say what was left out, or the port is taken.
    """
    from jax._src import distributed

    if process == 0 and address != AUTO:
        _check_port(int(address.rpartition(":")[2]))
    jax.config.update("jax_enable_preemption_service", False)  # it would take SIGTERM for itself
    words = f"--coordinator={address}: not all processes came within {patience:.0f} s"
    try:
        with _in_time(patience, words):
            own = None if address == AUTO else address
            jax.distributed.initialize(own, processes, process, initialization_timeout=int(2 * patience))
            jax.devices()  # waits for all once more, to know their devices
    except (ValueError, RuntimeError) as error:
        known = None not in (processes, process) and address != AUTO
        advice = "" if known else "; give HOST:PORT, --processes=N and --process=K"
        raise ConfigError([f"--coordinator={address}: {first_line(error).rstrip('.')}{advice}"]) from error
    state = distributed.global_state
    return Hosts(state.client, state.process_id, state.num_processes)


def _check_port(port: int) -> None:
    """JAX ends without a word where its coordinator cannot listen."""
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind(("", port))
        except OSError as error:
            raise ConfigError([f"--coordinator: port {port} of this machine: {error.strerror}"]) from error


@contextlib.contextmanager
def _in_time(seconds: float, words: str) -> Iterator[None]:
    """Ends the process with a line where the block takes longer: JAX would abort it with a stack of its own."""

    def end() -> None:
        os.write(2, f"ablate: {words}\n".encode())
        os._exit(USAGE)

    timer = threading.Timer(seconds, end)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
