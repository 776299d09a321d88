"""`ablate run --coordinator`: one of several processes that run as one. Process 0 runs, the others train along."""

import argparse
import contextlib
import io
import os
import re
import sys
from collections.abc import Callable, Mapping
from typing import Any

from ablate.cli.planning import every_plan, plans_of, prepare_backend, say, spec_of
from ablate.runner.interrupts import INTERRUPTED, USAGE, Interrupted, Stop

STRATEGY = "data"  # the only one that takes one program to the devices of several processes


def problems_of(options: argparse.Namespace) -> list[str]:
    """What is wrong with the flags about several processes, alone and beside others."""
    if options.coordinator is None:
        given = {"processes": options.processes, "process": options.process}
        return [f"--{name}: goes with --coordinator" for name, value in given.items() if value is not None]
    address, processes, process = options.coordinator, options.processes, options.process
    port = re.fullmatch(r"\S+:(\d{1,5})", address)
    problems = []
    if address != "auto" and not (port and 0 < int(port[1]) < 2**16):
        problems.append(f"--coordinator: expected HOST:PORT or auto, got {address!r}")
    if processes is not None and processes < 1:
        problems.append(f"--processes: expected 1 or more, got {processes}")
    elif process is not None and not 0 <= process < (processes or process + 1):
        problems.append(f"--process: expected 0 to {(processes or 1) - 1}, got {process}")
    if options.strategy not in (None, STRATEGY):
        problems.append(f"--strategy={options.strategy}: with --coordinator it is data, over all devices")
    if options.engine != "local":
        problems.append(f"--engine={options.engine}: one process trains a cell there; leave out this or --coordinator")
    if options.measure and options.engine == "local":  # or the engine says so
        problems.append("--measure: times programs in one process; run it again, without --coordinator")
    return problems


def run_on_hosts(options: argparse.Namespace, stop: Stop, run: Callable[[argparse.Namespace, Stop], int]) -> int:
    """Runs in process 0, trains along in the others; all end with the exit code of process 0.

    Raises:
        ConfigError: the processes cannot find each other; or as `run`.
    """
    prepare_backend(stop)
    from ablate.runner.hosts import join

    say("waits for the other processes")
    options.strategy = STRATEGY
    options.hosts = hosts = join(options.coordinator, options.processes, options.process)
    code = _lead(options, stop, run) if hosts.index == 0 else _follow(options, stop)
    if hosts.apart:  # JAX would wait for the others at the end, and abort
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
    return code


def _lead(options: argparse.Namespace, stop: Stop, run: Callable[[argparse.Namespace, Stop], int]) -> int:
    from ablate.runner.engines.hosts import End

    code = USAGE
    try:
        code = run(options, stop)
    except Interrupted:
        code = INTERRUPTED
        raise
    finally:
        if not options.hosts.apart:
            options.hosts.tell(End(code))
    return code


def _follow(options: argparse.Namespace, stop: Stop) -> int:
    from ablate.runner.engines.hosts import follow

    hosts = options.hosts
    say(f"process {hosts.index} of {hosts.count} trains along; process 0 stores and shows what comes of it")
    try:
        code = follow(hosts, lambda: _datasets(options), stop)
    except Interrupted as error:
        say(f"interrupted ({error}); the same commands continue")
        return INTERRUPTED
    if code == INTERRUPTED:
        say("interrupted; the same commands continue")
    return code


def _datasets(options: argparse.Namespace) -> Mapping[str, Any]:
    """Those of the config, by `data_id`; what planning warns of, process 0 says."""
    with contextlib.redirect_stderr(io.StringIO()):
        never = Stop()  # or this process would end while the others wait for it
        planned = plans_of(spec_of(options, never), options, never)
    return {name: dataset for plan in every_plan(planned) for name, dataset in plan.datasets.items()}
