"""Directories that anybody may have written: one value of a record is another one, and commands end in one line."""

import copy
import json
import shutil
from collections.abc import Iterator
from typing import Any

import pytest

from tests.faults.study import first_of, is_one_line

VALUES = (None, 7, -1, 0, 0.5, 1e308, 1e-320, 2**70, "", "x", "\x1b[31m", [], {}, [None], {"a": 1}, True, "inf", [[1]])
FILES = ("study.json", "cells/*", "environment.json", "progress.json", "looks.json", ".reported")
EVERY = 127  # of about ten thousand cases, evenly; a prime, so that every value meets every record
# Found by trying ten thousand, or by hand.
KNOWN = [
    ("study.json", ("arms",), []),
    ("study.json", ("alpha",), 2),
    ("study.json", ("baseline",), "nobody"),
    ("study.json", ("metrics", 0, "scale"), 0),
    ("study.json", ("metrics", 0, "scale"), -1),
    ("study.json", ("metric", "margin"), 0),
    ("study.json", ("arms", 0, "flops"), 1e-320),
    ("cells/*", ("error",), "x"),
    ("cells/*", ("status",), None),
    ("cells/*", ("curves",), None),
    ("cells/*", ("curves", "val_accuracy", 0), 1e308),
    ("cells/*", ("curves", "step"), []),
    ("cells/*", ("curves", "step"), [None]),
    ("cells/*", ("curves", "step", 0), 2**70),
    ("cells/*", ("curves",), {"val_accuracy": [0.5]}),
    ("cells/*", ("metrics", "test_accuracy"), -1e308),
]


def places(value: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """Every place in JSON; of a list, the first item stands for all."""
    yield path
    items = value.items() if isinstance(value, dict) else enumerate(value[:1]) if isinstance(value, list) else ()
    for key, item in items:
        yield from places(item, (*path, key))


def replaced(content: Any, path: tuple[str | int, ...], value: Any) -> Any:
    """A copy with another value at a place."""
    if not path:
        return value
    content = copy.deepcopy(content)
    *parents, last = path
    here = content
    for key in parents:
        here = here[key]
    here[last] = value
    return content


@pytest.fixture
def crafted(study, undisturbed):
    """Tries a value at a place of a file, with the commands that read a directory."""
    shutil.copytree(undisturbed, study.directory)

    def attempt(kind: str, path: tuple[str | int, ...], value: Any) -> None:
        file = study.directory / path_of[kind]
        whole = file.read_text()
        file.write_text(json.dumps(replaced(json.loads(whole), path, value)))
        for command in ("status", "report"):
            is_one_line(study.call(command, study.directory), codes=(0, 2))
        file.write_text(whole)

    path_of = {kind: first_of(undisturbed, kind).relative_to(undisturbed) for kind in FILES}
    contents = {kind: json.loads((undisturbed / name).read_text()) for kind, name in path_of.items()}
    attempt.cases = [(kind, path, value) for kind in FILES for path in places(contents[kind]) for value in VALUES]
    return attempt


@pytest.mark.parametrize(("kind", "path", "value"), KNOWN)
def test_what_was_found_is_one_line_now(crafted, kind, path, value):
    crafted(kind, path, value)


def test_any_value_at_any_place_is_one_line(crafted):
    cases = crafted.cases
    assert len(cases) > 5000
    for kind, path, value in cases[::EVERY]:
        crafted(kind, path, value)
