"""From flags to who trains: this process, several that run as one, or workers on a Ray cluster. A line per engine.

`ablate plan` asks no cluster: its flags say what one would have.
"""

import argparse
import contextlib
import importlib.util
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from ablate.cli.hosts import problems_of
from ablate.cli.planning import say
from ablate.runner.interrupts import Stop

if TYPE_CHECKING:
    from ablate.runner.engines.engine import Engine
    from ablate.runner.simulation import Cluster

Made = contextlib.AbstractContextManager["Engine"]


@contextlib.contextmanager
def _local(options: argparse.Namespace, stop: Stop) -> Iterator["Engine"]:
    del stop
    if options.hosts:
        from ablate.runner.engines.hosts import HostsEngine

        yield HostsEngine(options.hosts)
        return
    from ablate.runner.engines.local import LocalEngine

    yield LocalEngine()


def _ray(options: argparse.Namespace, stop: Stop) -> Made:
    from ablate.study.problems import ConfigError

    if importlib.util.find_spec("ray") is None:
        raise ConfigError(["--engine=ray: Ray is missing; pip install 'ablate-jax[ray]'"])
    from ablate.runner.engines.ray_engine import RayEngine

    say(f"connects to the cluster at {options.address}" if options.address else "starts a cluster on this machine")
    patience = {} if options.patience is None else {"patience": options.patience}
    return RayEngine(options.address or "", options.devices or 0, say=say, between=stop.check, **patience)


ENGINES: dict[str, Callable[[argparse.Namespace, Stop], Made]] = {"local": _local, "ray": _ray}


def check_engine(options: argparse.Namespace) -> None:
    """Refuses flags that say nothing to the engine.

    Raises:
        ConfigError: with all of them.
    """
    from ablate.study.problems import ConfigError

    problems = [*_of_ray_alone(options, "address", "devices", "patience"), *_below_one(options, "devices", "patience")]
    if options.engine != "local" and getattr(options, "measure", False):
        problems.append("--measure: times programs on this machine; run it again with --measure and without --engine")
    problems += problems_of(options)
    if problems:
        raise ConfigError(problems)


def check_cluster(options: argparse.Namespace) -> None:
    """Refuses flags of `ablate plan` that say nothing of a cluster.

    Raises:
        ConfigError: with all of them.
    """
    from ablate.study.problems import ConfigError

    problems = [*_of_ray_alone(options, "nodes", "devices", "platform"), *_below_one(options, "nodes", "devices")]
    if problems:
        raise ConfigError(problems)


def _of_ray_alone(options: argparse.Namespace, *names: str) -> list[str]:
    given = [name for name in names if options.engine == "local" and getattr(options, name) is not None]
    return [f"--{name}: goes with --engine=ray" for name in given]


def _below_one(options: argparse.Namespace, *names: str) -> list[str]:
    values = {name: getattr(options, name) for name in names}
    return [f"--{name}: expected 1 or more, got {n}" for name, n in values.items() if n is not None and n < 1]


def cluster_of(options: argparse.Namespace) -> "Cluster | None":
    """The cluster that `ablate plan` is about, with devices like those of this machine; None for this machine itself.

    Raises:
        ConfigError: this machine does not tell how many devices a node has.
    """
    from ablate.runner.place import place_here
    from ablate.runner.simulation import Cluster
    from ablate.study.problems import ConfigError

    if options.engine == "local":
        return None
    here = place_here()
    platform = options.platform or here.platform
    like_here = platform == here.platform
    if not like_here and options.devices is None:
        raise ConfigError([f"--devices: say how many a node has; this machine has no {platform} to count"])
    kind = here.kind if like_here else ""
    return Cluster(platform, kind, options.nodes or 1, options.devices or here.devices)


def engine_for(options: argparse.Namespace, stop: Stop) -> Made:
    """The engine that the flags name; to be entered before JAX computes anything, and left in the end.

    Raises:
        ConfigError: there is no such cluster, or Ray is not installed.
    """
    return ENGINES[options.engine](options, stop)
