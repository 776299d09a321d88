"""One call of `ablate run`: the directory it writes to, who watches it, and whether it was asked to stop."""

import contextlib
import dataclasses
import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

from ablate.results.files import write_json
from ablate.results.schema import Progress, RowRecord, read_record
from ablate.results.store import Store
from ablate.runner.engines.engine import Engine
from ablate.runner.events import Spent
from ablate.runner.interrupts import Stop
from ablate.runner.plan import Plan, ProgramPlan
from ablate.runner.reporting import Interim
from ablate.runner.reuse import Reuse
from ablate.runner.starting import now

HEARTBEAT_SECONDS = 2.0


class Display(Protocol):
    """What watches a run; `cells` are those that a program has left, `cell_steps` what was just trained."""

    def begin(self, plan: Plan, reuse: Reuse) -> None: ...
    def program(self, item: ProgramPlan, cells: int) -> None: ...
    def steps(self, item: ProgramPlan, cell_steps: int) -> None: ...
    def resumed(self, item: ProgramPlan, step: int, cells: int) -> None: ...
    def ended(self, row: RowRecord) -> None: ...
    def end(self) -> None: ...


class Silent:
    """A display that shows nothing: the Python API."""

    def begin(self, plan: Plan, reuse: Reuse) -> None:
        """Nothing to show."""

    def program(self, item: ProgramPlan, cells: int) -> None:
        """Nothing to show."""

    def steps(self, item: ProgramPlan, cell_steps: int) -> None:
        """Nothing to show."""

    def resumed(self, item: ProgramPlan, step: int, cells: int) -> None:
        """Nothing to show."""

    def ended(self, row: RowRecord) -> None:
        """Nothing to show."""

    def end(self) -> None:
        """Nothing to show."""


class Log:
    """`progress.json`: what other shells and the report's provenance read; it outlives interruptions."""

    def __init__(self, directory: Path):
        self._path = directory / "progress.json"
        before = read_record(self._path, Progress) or {}
        self._content = {
            "compiles": 0, "cached": 0, "compile_seconds": 0.0, "train_seconds": 0.0, "started": now(), **before,
            "pid": os.getpid(), "state": "running", "sessions": before.get("sessions", 0) + 1,
        }  # fmt: skip
        self._last = 0.0

    def write(self, **changes: Any) -> None:
        """Notes changes and the time."""
        self._content |= changes | {"updated": now()}
        with contextlib.suppress(OSError):
            write_json(self._path, self._content)
        self._last = time.monotonic()

    def beat(self, progress: Mapping[str, Any], spent: Spent) -> None:
        """Adds what was spent since the last time; writes if that is a while ago."""
        self._content["compiles"] += spent.compiles
        self._content["cached"] += spent.cached
        self._content["compile_seconds"] = round(self._content["compile_seconds"] + spent.compile_seconds, 3)
        self._content["train_seconds"] = round(self._content["train_seconds"] + spent.train_seconds, 6)
        if time.monotonic() - self._last > HEARTBEAT_SECONDS:
            self.write(**progress)


@dataclasses.dataclass(frozen=True)
class Session:
    """What every part of a run needs beside its plan; `retry_failed` trains failed cells again."""

    engine: Engine
    store: Store
    log: Log
    stop: Stop
    display: Display
    retry_failed: bool
    interim: Interim | None = None

    def inside(self, name: str) -> "Session":
        """The same session in a folder of its directory, which has no page of its own."""
        return dataclasses.replace(self, store=Store(self.store.directory / name), interim=None)
