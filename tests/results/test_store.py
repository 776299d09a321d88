"""Rows on disk: whole or not there, in strict JSON, with one writer; and what Python users load."""

import json
import math
import os
import subprocess
import sys
from pathlib import Path

import pytest

import ablate
from ablate.results.files import StorageError, read_json, write_json
from ablate.results.store import FINAL, InUseError, Store, locked
from tests.report import synthetic


def row(name="a-s0-123", **changes):
    content = {
        "format": 1, "cell": name, "arm": "a", "seed": 0, "status": "done", "identity": {}, "fingerprint": "0",
        "metrics": {"test_accuracy": 0.5}, "curves": {"step": [0]}, "diverged_step": None, "stopped_step": None,
        "costs": {"steps": 4}, "error": None,
    }  # fmt: skip
    return content | changes


def everything_in(folder: Path):
    return sorted(path.name for path in folder.iterdir())


def test_write_and_read(tmp_path):
    path = tmp_path / "new" / "folder" / "x.json"
    content = {"Größe": [1, 0.1, None, True], "text": "日本 \" '"}
    write_json(path, content)
    assert read_json(path) == content
    assert everything_in(path.parent) == ["x.json"]
    assert path.read_text(encoding="utf-8").endswith("}\n")
    assert "Größe" in path.read_text(encoding="utf-8")
    assert path.stat().st_mode & 0o777 == 0o644


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf])
def test_json_is_strict(tmp_path, number):
    path = tmp_path / "x.json"
    write_json(path, {"a": 1})
    with pytest.raises(ValueError, match="Out of range float"):
        write_json(path, {"a": number})
    assert read_json(path) == {"a": 1}
    assert everything_in(tmp_path) == ["x.json"]


@pytest.mark.parametrize("broken", ["fsync", "replace", "chmod", "fdopen"])
@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), KeyboardInterrupt()])
def test_a_failure_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch, broken, error):
    path = tmp_path / "x.json"
    write_json(path, {"a": 1})

    def fail(*arguments, **keywords):
        if broken == "fdopen":
            os.close(arguments[0])
        raise error

    with monkeypatch.context() as patch:
        patch.setattr(os, broken, fail)
        with pytest.raises(StorageError if isinstance(error, OSError) else KeyboardInterrupt):
            write_json(path, {"a": 2})
    assert read_json(path) == {"a": 1}
    assert everything_in(tmp_path) == ["x.json"]


def test_the_order_of_a_write(tmp_path, monkeypatch):
    """The content is on the disk before the name is, and the name before the call returns."""
    calls = []
    for name in ("fsync", "replace"):
        real = getattr(os, name)
        monkeypatch.setattr(os, name, lambda *a, name=name, real=real: (calls.append(name), real(*a))[1])
    write_json(tmp_path / "x.json", {})
    assert calls == ["fsync", "replace", "fsync"]


def test_a_reader_sees_the_old_or_the_new_never_a_part(tmp_path, monkeypatch):
    path = tmp_path / "x.json"
    write_json(path, {"a": 1})
    real, seen = os.replace, []

    def replace(source, target):
        seen.append(read_json(path))
        real(source, target)
        seen.append(read_json(path))

    monkeypatch.setattr(os, "replace", replace)
    write_json(path, {"a": 2})
    assert seen == [{"a": 1}, {"a": 2}]


@pytest.mark.parametrize("content", [b"", b"{", b"\xff\xfe", b"null"])
def test_what_is_no_json_reads_as_nothing(tmp_path, content):
    (tmp_path / "x.json").write_bytes(content)
    assert read_json(tmp_path / "x.json") is None
    assert read_json(tmp_path / "nowhere.json") is None
    assert read_json(tmp_path) is None


def test_rows_by_name(tmp_path):
    store = Store(tmp_path)
    store.write(row("a"))
    store.write(row("b", status="diverged"))
    assert store.read(["b", "a", "c"]) == {"b": row("b", status="diverged"), "a": row("a")}
    assert everything_in(tmp_path / "cells") == ["a.json", "b.json"]
    assert {"done", "diverged"} == set(FINAL)


def test_a_row_written_again_replaces_the_old_one(tmp_path):
    store = Store(tmp_path)
    store.write(row("a", status="failed"))
    store.write(row("a"))
    assert store.read(["a"])["a"]["status"] == "done"


UNREADABLE = {
    "empty": "",
    "cut off": json.dumps(row("bad"))[:40],
    "no object": "[]",
    "another cell": json.dumps(row("good")),
    "no status": json.dumps({key: value for key, value in row("bad").items() if key != "status"}),
    "no error": json.dumps({key: value for key, value in row("bad").items() if key != "error"}),
}


@pytest.mark.parametrize("content", UNREADABLE.values(), ids=UNREADABLE)
def test_one_unreadable_file_hides_no_other(tmp_path, content):
    store = Store(tmp_path)
    store.write(row("good"))
    (store.cells / "bad.json").write_text(content)
    assert list(store.read(["bad", "good"])) == ["good"]
    assert everything_in(store.cells) == ["bad.json", "good.json"]
    assert list(store.read(["bad", "good"], set_aside=True)) == ["good"]
    assert everything_in(store.cells) == ["bad.unreadable", "good.json"]
    store.write(row("bad"))
    assert list(store.read(["bad", "good"])) == ["bad", "good"]


def test_setting_aside_keeps_names_with_dots_apart(tmp_path):
    store = Store(tmp_path)
    store.cells.mkdir()
    for name in ("lr-0.1-s0", "lr-0.2-s0"):
        (store.cells / f"{name}.json").write_text("{")
    assert store.read(["lr-0.1-s0", "lr-0.2-s0"], set_aside=True) == {}
    assert everything_in(store.cells) == ["lr-0.1-s0.unreadable", "lr-0.2-s0.unreadable"]


def test_what_a_killed_writer_left_is_cleared(tmp_path):
    store = Store(tmp_path)
    store.write(row("a"))
    for folder in (store.directory, store.cells):
        (folder / ".x.json.abc.part").write_text("{")
    store.clear_temporary()
    assert everything_in(store.cells) == ["a.json"]
    assert everything_in(tmp_path) == ["cells"]


HOLD = """
import sys
from pathlib import Path
from ablate.results.store import locked
with locked(Path(sys.argv[1])):
    print(1, flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def holder(tmp_path):
    """Another process that holds the directory."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=Path(__file__).parent.parent.parent,
    )
    assert process.stdout.readline() == b"1\n"
    with process:
        yield process
        process.kill()


def test_a_directory_has_one_writer(tmp_path, holder):
    words = "is in use by another ablate; wait for it, or give another --workdir"
    with pytest.raises(InUseError, match=words), locked(tmp_path):
        raise AssertionError("never held")
    holder.kill()
    holder.wait()
    with locked(tmp_path):
        assert (tmp_path / ".lock").exists()


def test_a_reader_never_waits(tmp_path, holder):
    store = Store(tmp_path)
    store.write(row("a"))
    assert list(store.read(["a"])) == ["a"]
    assert holder.poll() is None


def test_the_lock_is_let_go_after_an_error(tmp_path):
    with pytest.raises(ZeroDivisionError), locked(tmp_path / "new"):
        raise ZeroDivisionError
    with locked(tmp_path / "new"), pytest.raises(InUseError), locked(tmp_path / "new"):
        raise AssertionError("never held")
    assert (tmp_path / "new").is_dir()


def study(names=("a", "b")):
    cells = [{"cell": name, "arm": "a", "seed": 0, "program": "p"} for name in names]
    return synthetic.make_study({"a": ({}, 0.0)}, cells, 1, "test_accuracy")


def test_load(tmp_path):
    write_json(tmp_path / "study.json", study(("b", "a", "missing")))
    for name in ("a", "b", "stranger"):
        Store(tmp_path).write(row(name))
    rows = ablate.load(str(tmp_path))
    assert [one["cell"] for one in rows] == ["b", "a"]
    assert len(rows) == 2
    assert rows[1]["cell"] == "a"
    assert rows.environment == {}
    assert rows.progress is None


def test_to_pandas(tmp_path):
    write_json(tmp_path / "study.json", study(("a",)))
    Store(tmp_path).write(row("a"))
    frame = ablate.load(tmp_path).to_pandas()
    expected = {"cell": "a", "arm": "a", "seed": 0, "status": "done", "test_accuracy": 0.5, "steps": 4}
    assert frame[[*expected]].to_dict("records") == [expected]


@pytest.mark.parametrize("content", [None, "", "[]", "{}", '{"format": 1, "cells": []}'])
def test_a_directory_without_a_study(tmp_path, content):
    if content is not None:
        (tmp_path / "study.json").write_text(content)
    with pytest.raises(FileNotFoundError, match=r"has no readable study\.json; give a directory that `ablate run`"):
        ablate.load(tmp_path)
