"""Every call to the file system fails once, or is the last one: what is there before or after it, and never a third.

A call is known by what it does to which kind of file: the first of a kind stands for the others, which the same lines
make. Every kind of call meets every fault; each run goes on where the one before it ended.
"""

import errno
import json
import os
from collections.abc import Callable
from typing import NamedTuple

import pytest

from ablate.results import store
from tests.faults.calls import CODES, Call, Killed, Watch, kind_of, refused, watched
from tests.faults.study import Faulty, Outcome, names

# Futures of Orbax's closed event loops say so when they are collected; `Checkpoints` keeps that from users.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")


class Met(NamedTuple):
    """A call that met its fault, how the run ended, and what was left of unfinished files."""

    call: Call
    outcome: Outcome
    left: set[str]


def each_once(study: Faulty, fault: Callable[[], BaseException], meant: Callable[[Call], bool]) -> list[Met]:
    """Runs the study until every kind of call has met the fault; asserts after each what must hold whatever the fault.

    What a run has finished is begun anew, until it is run from its beginning and meets no fault.
    """
    met: dict[Call, Met] = {}
    fresh = True
    while True:
        watch = Watch(study.directory, lambda call: fault() if meant(call) and call not in met else None)
        with watched(watch):
            outcome = study.run()
        study.rows_are_whole()
        if watch.hit is not None:
            met[watch.hit] = Met(watch.hit, outcome, {name for name in names(study.directory) if ".part" in name})
        elif fresh:
            study.is_finished()
            return list(met.values())
        fresh = outcome.code == 0
        if fresh:  # what was not cleared away is, when the same command comes again
            assert study.run().code == 0
            study.is_finished()
            study.clear()


def test_killed_at_any_call_it_goes_on_from_there(study):
    met = each_once(study, Killed, lambda call: call.changes)
    assert {one.outcome.code for one in met} == {None}
    assert any(one.left for one in met)  # which the next run has cleared, or it had not been finished
    places = {one.call.place for one in met}
    assert len(met) > 70
    assert places >= {"study.json.part", "cells/*.part", "weights/*.part", "looks.json.part", "report.part"}
    assert {call.what for call, *_ in met} == {"make folder", "create", "write", "sync", "chmod", "rename", "remove"}


@pytest.mark.parametrize(
    ("number", "meant"),
    [
        (errno.ENOSPC, lambda call: call.changes),
        (errno.EIO, lambda call: not call.changes),
        (errno.EACCES, lambda call: True),
    ],
    ids=["full", "stumbling", "forbidden"],
)
def test_an_error_at_any_call_is_one_line_and_the_same_command_goes_on(study, number, meant):
    met = each_once(study, lambda: refused(number), meant)
    assert len(met) >= 30
    for call, (code, errors), left in met:
        assert code in (0, CODES[number]), (call, code, errors)
        assert not left or call.what == "remove", call
        assert "Traceback" not in errors, call
        problems = [line for line in errors.splitlines() if line.startswith("ablate: ")]
        assert problems == (errors.splitlines()[-1:] if code else []), (call, errors)
        if code:
            assert f"{os.strerror(number)}" in problems[0], call
            assert f"{study.directory}" in problems[0], call
            assert ("the same command continues" in problems[0]) == (code == 75), call
            assert len(problems[0]) < 3 * len(str(study.directory)) + 100, call
    assert {call for call, (code, _), _ in met if code == 0 and not may_fail(call)} == set()


def may_fail(call: Call) -> bool:
    """What costs time, or a picture: the heartbeat, what is cleared away, a checkpoint, weights that are made again."""
    if call.what == "list" or call.place.startswith(("progress.json.part", "checkpoints")):
        return True
    return call in (Call("read", "weights/*"), Call("read", "inputs.npz"))


def test_files_that_the_same_lines_write_are_of_one_kind():
    names = (
        "cells/.baseline-s0-0ad88.o7hd_4k2.part",
        "cells/norm-s1-0ad88.json",
        "checkpoints/0123456789ab/12/default",
    )
    assert [*map(kind_of, names)] == ["cells/*.part", "cells/*", "checkpoints/WAVE/STEP/default"]
    assert {kind_of("report.tex"), kind_of("cells.csv")} == {"report"}


def test_a_writer_that_is_not_atomic_is_found(study, monkeypatch):
    def careless(path, content):
        path.parent.mkdir(exist_ok=True)
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), "wb") as file:
            file.write(json.dumps(content).encode())

    monkeypatch.setattr(store, "write_json", careless)
    with pytest.raises(AssertionError, match="cells"):
        each_once(study, Killed, lambda call: call.changes and call.place.startswith("cells"))
