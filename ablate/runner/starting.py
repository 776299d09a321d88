"""What other shells see of a run: that it starts, before it has a study, and that it lives. Imports nothing heavy."""

import contextlib
import os
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ablate.results.files import write_json
from ablate.results.schema import Progress, read_record
from ablate.results.store import LOCK, locked

STARTING = "starting"


@contextlib.contextmanager
def starting(directory: Path) -> Iterator[None]:
    """Tells other shells that a run begins here, which reads its config and plans before it has a study.

    Where it comes to none, what was there before is put back, and a folder that was made for it is taken away.

    Raises:
        InUseError: another process runs there.
        StorageError: the directory cannot be written to.
    """
    path = directory / "progress.json"
    made = [folder for folder in (directory, *directory.parents) if not folder.exists()]
    with locked(directory):
        before = read_record(path, Progress)
        with contextlib.suppress(OSError):
            write_json(path, {**(before or {}), "state": STARTING, "pid": os.getpid(), "updated": now()})
    try:
        yield
    finally:
        _put_back(path, before)
        _take_away(made)


def _put_back(path: Path, before: Progress | None) -> None:
    """Unless a run has written there since, this one or another."""
    current = read_record(path, Progress) or {}
    if current.get("state") == STARTING and current.get("pid") == os.getpid():
        with contextlib.suppress(OSError):
            path.unlink() if before is None else write_json(path, before)


def _take_away(made: list[Path]) -> None:
    """A folder with nothing in it but its lock, and those that were made to hold it."""
    with contextlib.suppress(OSError):
        if made and [path.name for path in made[0].iterdir()] == [LOCK]:
            (made[0] / LOCK).unlink()
            for folder in made:
                folder.rmdir()


def is_alive(pid: Any) -> bool:
    """Whether a process of that number runs."""
    try:
        os.kill(int(pid), 0)
    except PermissionError:  # another user's
        return True
    except (OSError, TypeError, ValueError, OverflowError):
        return False
    return True


def now() -> str:
    """The time as records hold it: ISO 8601, UTC, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")
