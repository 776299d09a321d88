"""What is told of units while they train: plain values, each with the key of its unit.

Numbers of an attempt only grow, and rows are the same whoever trains a unit. So events may be lost, told twice or in
another order, and the tables stay what they are.
"""

from typing import NamedTuple

from ablate.results.files import StorageError
from ablate.results.schema import RowRecord
from ablate.train.lane import Members


class Spent(NamedTuple):
    """What an attempt at a unit has taken so far.

    Args:
        compiles: executables that were made.
        cached: of these, read from what earlier runs had compiled.
        compile_seconds: for all of them.
        train_seconds: in training steps.
    """

    compiles: int = 0
    cached: int = 0
    compile_seconds: float = 0.0
    train_seconds: float = 0.0

    def more_than(self, before: "Spent") -> "Spent":
        """What was spent since then; nothing, where this was told before that."""
        return Spent(
            max(0, self.compiles - before.compiles),
            max(0, self.cached - before.cached),
            max(0.0, self.compile_seconds - before.compile_seconds),
            max(0.0, self.train_seconds - before.train_seconds),
        )

    def and_more(self, more: "Spent") -> "Spent":
        """Both together."""
        return Spent(
            self.compiles + more.compiles,
            self.cached + more.cached,
            self.compile_seconds + more.compile_seconds,
            self.train_seconds + more.train_seconds,
        )


NOTHING = Spent()


class Begin(NamedTuple):
    """An attempt starts at a step, 0 or that of a checkpoint; `node` says where, empty for this machine."""

    key: str
    step: int
    node: str = ""


class Beat(NamedTuple):
    """An attempt has reached a step."""

    key: str
    step: int
    spent: Spent


class Ended(NamedTuple):
    """The rows of a unit, in the order of its cells, and their variables where they are to be kept."""

    key: str
    rows: tuple[RowRecord, ...]
    spent: Spent = NOTHING
    weights: tuple[Members, ...] = ()


class Stopped(NamedTuple):
    """An attempt was asked to stop and stored a checkpoint, or could not store one and why."""

    key: str
    error: StorageError | None = None


class Lost(NamedTuple):
    """Whoever trained a unit is gone; `why` in words."""

    key: str
    why: str


Event = Begin | Beat | Ended | Stopped | Lost
