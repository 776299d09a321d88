"""Which stored rows a plan uses again, and why its other cells train.

    planned cells + rows of the directory ──> Reuse: names that are kept, and a reason with its cells for all others

A row is used again where its cell's identity is the same: choices, content of data and files, code that the cell
reaches (`ablate.study.cells`). Where it is not, the row of the same arm and seed that is there says what has changed.
"""

import dataclasses
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from ablate.results.files import StorageError
from ablate.results.schema import RowRecord, read_record
from ablate.results.store import FINAL, Store
from ablate.results.weights import read_weights, weights_path
from ablate.study.cells import Cell

NEW = "new"
DATA_CHANGED = "the content of the data changed"
HASH = 11  # characters behind the readable part of a cell's name
NAMED = 3  # changes that a sentence names


@dataclasses.dataclass(frozen=True)
class Reuse:
    """What a run finds: `kept` rows by cell, and for all other cells of the plan why they train.

    `failed` of those kept have no result, and are left as they are.
    """

    kept: Mapping[str, RowRecord]
    reasons: Mapping[str, tuple[Cell, ...]]

    @property
    def failed(self) -> int:
        """Rows that stay though their cells ended with an error."""
        return sum(row["status"] not in FINAL for row in self.kept.values())

    @property
    def missing(self) -> int:
        """Cells to train."""
        return sum(map(len, self.reasons.values()))


def reuse_of(
    cells: Sequence[Cell], store: Store, *, retry_failed: bool, keep_weights: bool, set_aside: bool = True
) -> Reuse:
    """Looks for the rows of a plan.

    Args:
        cells: of the plan.
        store: where rows lie.
        retry_failed: cells that failed train again.
        keep_weights: cells whose weights were not kept train again.
        set_aside: files that are no rows are renamed, or they would be written over.

    Raises:
        StorageError: a file could not be set aside.
    """
    rows = store.read([cell.name for cell in cells], set_aside=set_aside)
    others = _Others(store)
    kept: dict[str, RowRecord] = {}
    reasons: dict[str, list[Cell]] = {}
    for cell in cells:
        row = rows.get(cell.name)
        if row is None:
            reason = others.why_not(cell)
        elif row["status"] not in FINAL and retry_failed:
            reason = "failed before"
        elif keep_weights and row["status"] in FINAL and not _has_weights(store.directory, cell.name):
            reason = "their weights were not kept"
        else:
            kept[cell.name] = row
            continue
        reasons.setdefault(reason, []).append(cell)
    return Reuse(kept, {reason: tuple(own) for reason, own in reasons.items()})


class _Others:
    """Rows of the same arms that are stored under other identities; one per arm says for all its seeds."""

    def __init__(self, store: Store):
        self._store = store
        self._paths: dict[str, Path] | None = None
        self._changes: dict[str, str] = {}

    def why_not(self, cell: Cell) -> str:
        """Why a cell has no row."""
        path = self._found().get(cell.name[:-HASH])
        if path is None:
            return NEW
        if cell.arm.name not in self._changes:
            row = read_record(path, RowRecord)
            before = row.get("identity") if row is not None and row["arm"] == cell.arm.name else None
            words = changes(before, cell.identity) if before else []
            self._changes[cell.arm.name] = worded(words) if words else NEW
        return self._changes[cell.arm.name]

    def _found(self) -> dict[str, Path]:
        """The newest row of every arm and seed, by the readable part of its name."""
        if self._paths is None:
            try:
                entries = sorted(_rows_in(self._store.cells), key=lambda entry: entry.stat().st_mtime)
            except OSError:
                entries = []
            self._paths = {entry.name[: -HASH - len(".json")]: Path(entry.path) for entry in entries}
        return self._paths


def _rows_in(folder: Path) -> Iterator[os.DirEntry[str]]:
    with os.scandir(folder) as entries:
        yield from (entry for entry in entries if entry.name.endswith(".json") and entry.is_file())


def changes(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """What differs between two identities of the same arm and seed, in words.

    >>> changes({"recipe": {"train": {"name": "train", "steps": 100}}, "code": {"norm": "a"}},
    ...         {"recipe": {"train": {"name": "train", "steps": 200}}, "code": {"norm": "b"}})
    ['train.steps was 100', 'the code of norm changed']
    """
    return [*_recipe_changes(before.get("recipe") or {}, now["recipe"]), *_other_changes(before, now)]


def _recipe_changes(before: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[str]:
    for axis in dict.fromkeys([*before, *now]):
        old, new = before.get(axis) or {}, now.get(axis) or {}
        if old.get("name") != new.get("name"):
            yield f"{axis} was {old.get('name', 'not there')}"
            continue
        for name in dict.fromkeys([*old, *new]):
            if old.get(name) != new.get(name):
                yield f"{axis}.{name} was {old.get(name, 'not there')}"


def _other_changes(before: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[str]:
    if before.get("task") != now.get("task"):
        yield "the task changed"
    if before.get("content") != now.get("content"):
        yield DATA_CHANGED
    old, new = before.get("code") or {}, now.get("code") or {}
    recipe = now.get("recipe") or {}
    for part in dict.fromkeys([*old, *new]):
        same = (before.get("recipe") or {}).get(part, {}).get("name") == recipe.get(part, {}).get("name")
        if old.get(part) != new.get(part) and same:  # another choice has other code anyway
            yield f"the code of {_code_name(part, recipe)} changed"


def _code_name(part: str, recipe: Mapping[str, Any]) -> str:
    if part == "train":
        return "the training loop"
    name = recipe.get(part, {}).get("name")
    return f"{part}={name}" if name else part


def worded(words: Sequence[str]) -> str:
    """Some changes as one clause; of many, the first.

    >>> worded(["train.steps was 100", "the code of norm=batch changed"])
    'train.steps was 100, the code of norm=batch changed'
    """
    more = f" and {len(words) - NAMED} more" if len(words) > NAMED else ""
    return ", ".join(words[:NAMED]) + more


def _has_weights(directory: Path, cell: str) -> bool:
    """Whether the variables of a cell are there and whole; what is damaged is as good as absent."""
    try:
        return bool(read_weights(weights_path(directory, cell)))
    except FileNotFoundError:
        return False
    except StorageError as error:
        if error.passes:  # the disk fails, which says nothing about them
            raise
        return False
