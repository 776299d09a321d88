"""Storage that fails, files that lie, tricks that raise what is not theirs to raise: nothing false, nothing lost."""

import errno
import json
import os
import shutil
from pathlib import Path

import pytest

import ablate
from ablate.cli.main import main
from ablate.results import files
from ablate.results.files import StorageError, read_json, write_atomically
from ablate.runner.interrupts import Interrupted
from ablate.train.lanes import Lanes
from tests.once import programs_made_once
from tests.shell import jax_as_it_was, statuses, tables
from tests.train.small import small_config

EXPERIMENT = """
from ablate import base_config, choice

def get_config():
    cfg = base_config()
    cfg.model = choice("mlp", widths=(8,))
    cfg.vary.norm = (choice("batch"),)
    cfg.vary.target = (choice("smooth_labels", alpha=0.1),)
    cfg.train.update(steps=4, batch_size=32)
    cfg.seeds = 2
    return cfg
"""
ARMS, PROGRAMS = 3, 2


@pytest.fixture(scope="module", autouse=True)
def _programs_made_once():
    """The tests are about files and about what is raised, not about compiling."""
    with programs_made_once():
        yield


@pytest.fixture(autouse=True)
def as_it_was():
    with jax_as_it_was():
        yield


@pytest.fixture
def words(tmp_path) -> list[str]:
    """One call of `ablate run` in a folder of its own."""
    (tmp_path / "small.py").write_text(EXPERIMENT)
    return ["run", f"--config={tmp_path / 'small.py'}", f"--workdir={tmp_path / 'run'}"]


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("undisturbed")
    (folder / "small.py").write_text(EXPERIMENT)
    with jax_as_it_was():
        assert main(["run", f"--config={folder / 'small.py'}", f"--workdir={folder / 'run'}"]) == 0
    return folder / "run"


def fail_at(monkeypatch, name: str, number: int) -> None:
    """From now on, a file of this name cannot be put into its place."""
    replace = os.replace

    def refuse(source, target):
        if Path(target).name == name:
            raise OSError(number, os.strerror(number), str(source))
        replace(source, target)

    monkeypatch.setattr(files.os, "replace", refuse)


@pytest.mark.parametrize(
    ("name", "number", "code"),
    [
        ("study.json", errno.ENOSPC, 75),
        ("forest.png", errno.ENOSPC, 75),
        ("environment.json", errno.EIO, 75),
        ("report.md", errno.EDQUOT, 75),
        ("report.html", errno.EROFS, 2),
    ],
)
def test_a_disk_has_one_code_and_one_line_with_the_path_wherever_it_fails(
    words, undisturbed, monkeypatch, capsys, tmp_path, name, number, code
):
    with monkeypatch.context() as patch:
        fail_at(patch, name, number)
        assert main(words) == code
    *_, last = capsys.readouterr().err.strip().splitlines()
    assert f"{os.strerror(number)}: {tmp_path / 'run'}" in last
    assert last.rstrip(")").split("; the same")[0].rstrip(")").endswith(name)
    assert ("the same command continues" in last) == (code == 75)
    assert list((tmp_path / "run").rglob("*.part")) == []
    assert main(words) == 0
    assert tables(tmp_path / "run") == tables(undisturbed)


def test_a_row_that_cannot_be_stored_is_no_fault_of_its_cell(words, undisturbed, monkeypatch, tmp_path):
    name = read_json(undisturbed / "study.json")["cells"][3]["cell"]
    with monkeypatch.context() as patch:
        fail_at(patch, f"{name}.json", errno.ENOSPC)
        assert main(words) == 75
    assert "failed" not in statuses(tmp_path / "run")
    assert read_json(tmp_path / "run" / "progress.json")["state"] == "interrupted"
    assert main(words) == 0
    assert tables(tmp_path / "run") == tables(undisturbed)


def test_what_does_not_pass_ends_with_2(words, capsys, tmp_path):
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "cells").symlink_to(tmp_path / "nowhere")
    assert main(words) == 2
    assert "ablate: File exists: " in capsys.readouterr().err
    (tmp_path / "run" / "cells").unlink()
    shutil.rmtree(tmp_path / "run" / "checkpoints")
    (tmp_path / "run" / "checkpoints").write_text("a file")
    assert main(words) == 2
    assert "checkpoints" in capsys.readouterr().err


@pytest.mark.parametrize(
    "error",
    [
        FileNotFoundError(2, "No such file or directory", "teacher.npy"),
        OSError(errno.ENOSPC, "No space left on device", "somewhere of its own"),
        SystemExit(0),
        ValueError("wrong"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_what_a_program_raises_fails_its_cells_and_nobody_elses(words, undisturbed, monkeypatch, tmp_path, error):
    whole, calls = Lanes.advance, []

    def advance(self, *arguments):
        calls.append(self)
        if self is calls[0]:  # the first program's
            raise error
        return whole(self, *arguments)

    with monkeypatch.context() as patch:
        patch.setattr(Lanes, "advance", advance)
        assert main(words) == 1
    assert sorted(statuses(tmp_path / "run")) == ["done"] * 2 + ["failed"] * 4
    failed = next(row for row in ablate.load(tmp_path / "run") if row["status"] == "failed")
    assert failed["error"]["type"] == type(error).__name__
    assert main([*words, "--retry-failed"]) == 0
    assert tables(tmp_path / "run") == tables(undisturbed)


@pytest.mark.parametrize("command", ["plan", "run", "check"])
def test_a_trick_that_leaves_the_process_is_a_problem_of_the_config(command, tmp_path, capsys):
    (tmp_path / "leaving.py").write_text(
        EXPERIMENT.replace("    return cfg", "    cfg.vary.loss = (choice('leaving_tricks:leave'),)\n    return cfg")
    )
    (tmp_path / "leaving_tricks.py").write_text("def leave(logits, probs):\n    raise SystemExit(0)\n")
    assert main([command, f"--config={tmp_path / 'leaving.py'}"]) == 2
    assert "SystemExit" in capsys.readouterr().err


@pytest.mark.parametrize(
    "content",
    [
        "7",
        "[1]",
        '{"a": 1}',
        "[" * 200_000,
        '[{"width": 1}]',
        '[{"width": "2", "cells": []}]',
        "HUGE",
        "TWICE",
        "APART",
        "RAGGED",
        "NEGATIVE",
        "STRANGE",
    ],
    ids=lambda content: content[:12],
)
def test_waves_that_are_none_cost_nobody_a_result(words, undisturbed, tmp_path, content):
    study = read_json(undisturbed / "study.json")
    for program in study["programs"]:
        cells = program["cells"]
        made = {
            "HUGE": [{"width": 10**12, "cells": cells}],
            "TWICE": [{"width": 2, "cells": [cells[0], cells[0]]}],
            "APART": [{"width": 4, "cells": cells[:4], "together": 4}],
            "RAGGED": [{"width": 4, "cells": cells[:3], "together": 2}],
            "NEGATIVE": [{"width": 2, "cells": cells[:2], "together": -1}],
            "STRANGE": [{"width": 2, "cells": [cells[0], "nobody"]}],
        }.get(content)
        path = tmp_path / "run" / "checkpoints" / f"{program['id']}.json"
        write_atomically(path, content if made is None else json.dumps(made))
    assert main(words) == 0
    assert statuses(tmp_path / "run") == ["done"] * (2 * ARMS)
    assert tables(tmp_path / "run") == tables(undisturbed)


def test_a_disk_that_fails_for_now_sets_no_row_aside(words, undisturbed, monkeypatch, tmp_path):
    run = shutil.copytree(undisturbed, tmp_path / "run")
    read = Path.read_text

    def stumble(path, *arguments, **keywords):
        if path.parent.name == "cells":
            raise OSError(errno.EIO, os.strerror(errno.EIO), str(path))
        return read(path, *arguments, **keywords)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "read_text", stumble)
        assert main(words) == 75
    assert list(run.rglob("*.unreadable")) == []
    assert main(words) == 0
    assert tables(run) == tables(undisturbed)


def test_in_python_a_full_disk_interrupts_and_a_wrong_one_raises(tmp_path, monkeypatch):
    with monkeypatch.context() as patch:
        fail_at(patch, "report.md", errno.ENOSPC)
        with pytest.raises(Interrupted, match="No space left on device"):
            ablate.run(small_config(steps=4), tmp_path / "run")
        fail_at(patch, "report.md", errno.EROFS)
        with pytest.raises(StorageError, match="Read-only file system"):
            ablate.run(small_config(steps=4), tmp_path / "run")
    assert len(ablate.run(small_config(steps=4), tmp_path / "run")) == 4
