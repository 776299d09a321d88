"""`ablate` as a person runs it: processes of its own, their exit codes, and the tables they leave behind."""

import contextlib
import csv
import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from ablate.report.delimited import TIMING
from ablate.store import read_json

ROOT = Path(__file__).parent.parent
PATIENCE = 120.0  # seconds; on an idle machine nothing here takes ten
Table = list[dict[str, str]]


def command(*words: object) -> list[str]:
    """The command line of one call of `ablate`."""
    return [sys.executable, "-m", "ablate", *map(str, words)]


def environment(**changes: str) -> dict[str, str]:
    """The tests' own environment (two devices, a cache of their own), with changes."""
    return {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONWARNINGS": "default", **changes}


def ablate(
    *words: object, folder: Path = ROOT, before: Callable[[], None] | None = None, **changes: str
) -> subprocess.CompletedProcess[str]:
    """Runs `ablate` to its end; gives exit code, stdout and stderr."""
    return subprocess.run(
        command(*words),
        cwd=folder,
        env=environment(**changes),
        preexec_fn=before,
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


def wait_until(condition: Callable[[], bool], process: subprocess.Popen[str]) -> None:
    """Waits for something that a process does."""
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert process.poll() is None, process.communicate()[1]
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.01)


def finished(directory: Path) -> int:
    """How many cells have a row."""
    return len(list((directory / "cells").glob("*.json")))


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


def obey_permissions() -> None:
    """Takes from root the right to write where it is not allowed to; does nothing for anybody else."""
    PR_CAPBSET_DROP, CAP_DAC_OVERRIDE = 24, 1
    ctypes.CDLL(None).prctl(PR_CAPBSET_DROP, CAP_DAC_OVERRIDE, 0, 0, 0)
