"""A Ray cluster of several nodes on this machine, and what happens to machines."""

import os

os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
os.environ["RAY_AUTH_MODE"] = "disabled"  # of a cluster that lives for a minute and listens on this machine alone

import contextlib
import re
import signal
from collections.abc import Iterator
from pathlib import Path

from ray.cluster_utils import Cluster

from tests.norms import norms

# A frozen node counts as gone after some seconds, not after a minute.
QUICK = {
    "health_check_initial_delay_ms": 0,
    "health_check_period_ms": 1000,
    "health_check_timeout_ms": 2000,
    "health_check_failure_threshold": 3,
}
# Three waves of four lanes: enough of them for two workers, long enough to be met in the middle.
EXPERIMENT = norms(4, steps=60000, eval_every=400, checkpoint_seconds=0.2)
CELLS = 12


class Machines:
    """The cluster: a head without cores, and nodes with one each."""

    def __init__(self) -> None:
        head = {"num_cpus": 0, "include_dashboard": False, "_system_config": QUICK}
        self.cluster = Cluster(initialize_head=True, head_node_args=head)
        self.nodes = [self.cluster.add_node(num_cpus=1) for _ in range(2)]

    @property
    def address(self) -> str:
        """Where it listens."""
        return self.cluster.address

    def run(self, *words: object) -> list[str]:
        """A command line of `ablate` on it: workers of two devices, as this machine's tests have."""
        return [*map(str, words), "--engine=ray", f"--address={self.address}", "--devices=2"]

    def of(self, pid: int) -> object:
        """The node of a worker."""
        (found,) = [node for node in self.nodes if pid in below(raylet(node))]
        return found

    @contextlib.contextmanager
    def without(self, node: object) -> Iterator[None]:
        """As if a node had lost its power."""
        self.cluster.remove_node(node, allow_graceful=False)
        yield

    def replace(self, node: object) -> None:
        """Another node, for one that is gone or was given up."""
        self.nodes.remove(node)
        with contextlib.suppress(KeyError):
            self.cluster.remove_node(node, allow_graceful=False)
        self.nodes.append(self.cluster.add_node(num_cpus=1))


def raylet(node: object) -> int:
    """The process of a node that starts all others."""
    (found,) = node.all_processes["raylet"]
    return found.process.pid


def commands() -> dict[int, str]:
    """The command line of every process, by its number."""
    found = {}
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):  # it has ended since it was listed
            found[int(folder.name)] = (folder / "cmdline").read_text().replace("\0", " ").strip()
    return found


def workers() -> list[int]:
    """Process numbers of all workers of ours."""
    return [pid for pid, command in commands().items() if command.startswith("ray::Worker")]


def below(pid: int) -> list[int]:
    """A process and its children."""
    children = []
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            parent = (folder / "stat").read_text().rpartition(")")[2].split()[1]
            children += [int(folder.name)] if int(parent) == pid else []
    return [pid, *children]


@contextlib.contextmanager
def frozen(node: object) -> Iterator[None]:
    """A node whose processes stand still, and go on later."""
    pids = below(raylet(node))
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)


def processes() -> list[str]:
    """Everything of Ray's that runs here, each with its number first."""
    of_ray = re.compile(r"raylet|gcs_server|^ray::")
    return [f"{pid} {command}" for pid, command in commands().items() if of_ray.search(command)]
