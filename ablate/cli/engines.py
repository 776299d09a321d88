"""From flags to who trains: this process, several that run as one, or workers on a Ray cluster. A line per engine."""

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
    return RayEngine(options.address or "", options.devices or 0, say=say, between=stop.check)


ENGINES: dict[str, Callable[[argparse.Namespace, Stop], Made]] = {"local": _local, "ray": _ray}


def check_engine(options: argparse.Namespace) -> None:
    """Refuses flags that say nothing to the engine.

    Raises:
        ConfigError: with all of them.
    """
    from ablate.study.problems import ConfigError

    given = {"address": options.address, "devices": options.devices}
    problems = [f"--{name}: goes with --engine=ray" for name, value in given.items() if value is not None]
    problems = problems if options.engine == "local" else []
    if options.devices is not None and options.devices < 1:
        problems.append(f"--devices: expected 1 or more, got {options.devices}")
    if options.engine != "local" and getattr(options, "measure", False):
        problems.append("--measure: times programs on this machine; run it again with --measure and without --engine")
    problems += problems_of(options)
    if problems:
        raise ConfigError(problems)


def engine_for(options: argparse.Namespace, stop: Stop) -> Made:
    """The engine that the flags name; to be entered before JAX computes anything, and left in the end.

    Raises:
        ConfigError: there is no such cluster, or Ray is not installed.
    """
    return ENGINES[options.engine](options, stop)
