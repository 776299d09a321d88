"""A study again from what study.json says of it, without its config file: the config resolved, and what has changed."""

import contextlib
import os
from collections.abc import Iterator, Mapping
from typing import Any

from ablate.report.rows import Rows
from ablate.study.cells import Cell, restored
from ablate.study.loading import look_in
from ablate.study.problems import ConfigError
from ablate.study.resolving import Spec, resolve

DATA_CHANGED = "the data have changed since"


@contextlib.contextmanager
def resolved_again(rows: Rows) -> Iterator[Spec]:
    """The resolved config of a study; problems that the block meets say too where files and modules are looked for.

    Raises:
        ConfigError: what the config names is not there any more, or has other arguments now.
    """
    look_in(rows.study.get("folder") or ".")
    try:
        yield resolve(restored(rows.study["config"]))
    except ConfigError as error:
        where = f"files and modules of the study are looked for from {os.getcwd()}; call this where it was run"
        raise ConfigError([*error.problems, where]) from error


def changed_since(row: Mapping[str, Any], cell: Cell) -> list[str]:
    """What a row says of the code and data that it was trained with, against what a cell would train with now."""
    before, now = row.get("identity", {}), cell.identity
    code = [name for name, mark in now["code"].items() if before.get("code", {}).get(name) != mark]
    changed = [f"the code of {', '.join(code)} has changed since {row['cell']} was trained"] if code else []
    return changed + ([DATA_CHANGED] if before.get("content") != now["content"] else [])
