"""`ablate` as a person runs it: processes of its own, their exit codes, and the tables they leave behind."""

import contextlib
import csv
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import jax
from jax.experimental.compilation_cache import compilation_cache

from ablate.report.formats.csv_files import TIMING
from ablate.results.files import read_json

ROOT = Path(__file__).parent.parent
PATIENCE = 120.0  # seconds; on an idle machine nothing here takes ten
Table = list[dict[str, str]]


# Root may write where permissions say no; a process without this right may not, whoever runs it.
OBEDIENT = """
import ctypes, os, sys
PR_CAPBSET_DROP, CAP_DAC_OVERRIDE = 24, 1
ctypes.CDLL(None).prctl(PR_CAPBSET_DROP, CAP_DAC_OVERRIDE, 0, 0, 0)
os.execv(sys.executable, [sys.executable, *sys.argv[1:]])
"""


def said(errors: str) -> list[str]:
    """What a command said on stderr, but for the line in which a run says where its results go."""
    return [line for line in errors.splitlines() if not line.startswith("ablate: results go to ")]


def command(*words: object, obedient: bool = False) -> list[str]:
    """The command line of one call of `ablate`."""
    wrapper = ["-c", OBEDIENT] if obedient else []
    return [sys.executable, *wrapper, "-m", "ablate", *map(str, words)]


def environment(**changes: str) -> dict[str, str]:
    """The tests' own environment (two devices, a cache of their own), with changes."""
    return {**os.environ, "PYTHONPATH": str(ROOT), **changes}


def ablate(
    *words: object, folder: Path = ROOT, obedient: bool = False, **changes: str
) -> subprocess.CompletedProcess[str]:
    """Runs `ablate` to its end, without root's rights where `obedient`; gives exit code, stdout and stderr."""
    return subprocess.run(
        command(*words, obedient=obedient),
        cwd=folder,
        env=environment(**changes),
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )


@contextlib.contextmanager
def running(*words: object, folder: Path = ROOT, **changes: str) -> Iterator[subprocess.Popen[str]]:
    """Starts `ablate` in a process group of its own; whatever happens, it is gone afterwards."""
    process = subprocess.Popen(
        command(*words),
        cwd=folder,
        env=environment(**changes),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        yield process
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate()


def ended(process: subprocess.Popen[str]) -> tuple[int, str]:
    """Exit code and stderr of a process that ends by itself."""
    _, errors = process.communicate(timeout=PATIENCE)
    return process.returncode, errors


def send(process: subprocess.Popen[str], number: signal.Signals) -> None:
    """Sends a signal to a process that must still be there to hear it."""
    assert process.poll() is None, process.communicate()[1]
    process.send_signal(number)


def wait_until(condition: Callable[[], object], process: subprocess.Popen[str] | None = None) -> None:
    """Waits for something that a process does, or a thread of this one."""
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert process is None or process.poll() is None, process.communicate()[1]
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.01)


def training(directory: Path) -> bool:
    """Whether a program has begun: its waves are written down."""
    return any((directory / "checkpoints").glob("*.json"))


def tables(directory: Path, *, without: tuple[str, ...] = ()) -> Mapping[str, Table]:
    """cells.csv and summary.csv without the columns that differ from run to run, and those named."""
    hidden = {*TIMING, *without}
    found = {}
    for name in ("cells.csv", "summary.csv"):
        with open(directory / name, newline="") as file:
            found[name] = [{k: v for k, v in row.items() if k not in hidden} for row in csv.DictReader(file)]
        assert found[name], name
    return found


def statuses(directory: Path) -> list[str]:
    """Status of every cell with a row, in the order of the study."""
    study = read_json(directory / "study.json")
    assert study is not None
    rows = [read_json(directory / "cells" / f"{cell['cell']}.json") for cell in study["cells"]]
    return [row["status"] if row else "pending" for row in rows]


def stamps(directory: Path) -> dict[str, tuple[int, int]]:
    """Inode and time of writing of every row: a file that is written again gets others."""
    found = {path.name: path.stat() for path in (directory / "cells").glob("*.json")}
    return {name: (stat.st_ino, stat.st_mtime_ns) for name, stat in found.items()}


@contextlib.contextmanager
def jax_as_it_was() -> Iterator[None]:
    """Undoes what the command line sets in a process that goes on to other things."""
    names = (
        "jax_compilation_cache_dir",
        "jax_persistent_cache_min_compile_time_secs",
        "jax_persistent_cache_min_entry_size_bytes",
    )
    before = {name: getattr(jax.config, name) for name in names}
    try:
        yield
    finally:
        for name, value in before.items():
            jax.config.update(name, value)
        compilation_cache.reset_cache()
