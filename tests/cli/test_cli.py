"""The command line in this process: help, exit codes, one line per problem, and a tiny study from end to end."""

import csv
import io
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from ablate.cli.main import main
from ablate.results.files import read_json, write_json
from ablate.results.store import locked
from ablate.tricks import AXES
from tests.report import synthetic
from tests.shell import said

HEAD = '''"""Does it work on a small scale?

Expected time: seconds.
"""
from ablate import base_config, choice

def get_config(n="4"):
    cfg = base_config()
    cfg.model = choice("mlp", widths=(8,))
    cfg.seeds = 2
    cfg.train.steps = int(n)
    cfg.train.eval_every = 2
    cfg.train.batch_size = 16
'''
BODY = """
    cfg.vary.norm = (choice("layer"), choice("group", groups=4))
    cfg.vary.clip = (choice("value", max=1.0),)
    return cfg
"""
NAMES = ["Größe | \"x\" 'y' & <b>", "lr 0.1, [red]/..\\", "日本 $x_1$ *a* `b`", "100 % {z} #1 ~ ^"]
ARMS = f"""
    cfg.design = "arms"
    names = {NAMES!r}
    rate = choice("sgd", learning_rate=0.2)
    cfg.arms = dict(zip(names, ({{"norm": "layer"}}, {{"optimizer": rate}}, {{"clip": "value"}}, {{"loss": "focal"}})))
    return cfg
"""


@pytest.fixture(autouse=True)
def _own_folder(tmp_path_factory, monkeypatch):
    """Every test in a folder of its own."""
    monkeypatch.chdir(tmp_path_factory.mktemp("here"))
    monkeypatch.setenv("COLUMNS", "120")


@pytest.fixture
def study():
    """The path of a small experiment."""
    Path("study.py").write_text(HEAD + BODY, encoding="utf-8")
    return "study.py"


@pytest.fixture
def wrong(ablate, study):
    """The problems that a command finds."""

    def call(*words, command="plan"):
        code, out, err = ablate(command, f"--config={study}", *words)
        assert code == 2
        assert out == ""
        lines = said(err)
        assert all(line.startswith("ablate: ") for line in lines)
        return [line.removeprefix("ablate: ") for line in lines]

    return call


# Help and usage


@pytest.mark.parametrize("command", ["run", "slurm", "plan", "status", "report", "verdict", "tricks", "check", "probe"])
def test_help_of_every_command(ablate, command):
    code, out, _ = ablate(command, "--help")
    assert code == 0
    assert out.startswith(f"usage: ablate {command}")
    assert command in ablate("--help")[1]


def test_help_tells_the_exit_codes(ablate):
    code, out, _ = ablate("--help")
    assert code == 0
    assert "3 the directory is in use" in " ".join(out.split())
    assert ablate("--version")[:2] == (0, "ablate 0.1.0\n")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], ""),
        (["trian"], "invalid choice: 'trian'"),
        (["run"], "the following arguments are required: --config"),
        (["run", "--config"], "expected one argument"),
        (["plan", "--config=x.py", "--strategy=fast"], "invalid choice: 'fast'"),
        (["plan", "--config=x.py", "stray"], "unrecognized arguments: stray"),
        (["rnu"], "(did you mean 'run'?)"),
        (["plan", "--config=x.py", "--strategy=scn"], "(did you mean 'scan'?)"),
        (
            ["run", "--confg=x.py", "--config=y.py"],
            "ablate run: error: unrecognized arguments: --confg=x.py (did you mean",
        ),
        (["status", ".", "--jsn", "--wide"], "unrecognized arguments: --jsn (did you mean '--json'?), --wide"),
        (["--vresion"], "(did you mean '--version'?)"),
        (["status"], "the following arguments are required: DIR"),
        (["status", "here", "--config.seeds=3"], "--config.seeds: this command takes no config"),
        (["tricks", "norm", "--config.seeds=3"], "--config.seeds: this command takes no config, or none was named"),
        (["tricks", "--config=x.py"], "--config: goes with --measure"),
        (["tricks", "norm", "--out=x.csv"], "--out: goes with --measure"),
    ],
)
def test_wrong_usage(ablate, words, message):
    code, out, err = ablate(*words)
    assert code == 2
    assert message in err
    assert err or out.startswith("usage: ablate")


# Problems of a config: exit code 2, all at once, one line each


def test_all_problems_one_per_line(wrong):
    found = wrong(
        "--config.train.stepz=3", "--config.recipe.norm=bath", "--config.vary.nrom=x", "--config.paired", "no"
    )
    assert [line.split(":")[0] for line in found] == ["train.stepz", "recipe.norm.name", "vary.nrom", "paired"]
    assert "did you mean 'steps'?" in found[0]
    assert "did you mean 'batch'?" in found[1]
    assert "did you mean 'norm'?" in found[2]


@pytest.mark.parametrize("command", ["run", "plan", "check", "probe"])
def test_every_command_with_a_config_says_the_same(wrong, command):
    assert wrong("--config.seeds=0", command=command) == ["seeds: at least one is needed, got 0"]
    assert not Path("results").exists()


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["--config.train.batch_size=2000"], "train.batch_size: 2000 is more than the 1145 training examples"),
        (["--config.data.per_class=1"], "train.batch_size: 16 is more than the 10 training examples"),
        (
            ["--config.vary.norm[1].groups=3"],
            "arm 'norm=group(groups=3)': ValueError: group norm: groups=3 does not divide the layer's 8 channels",
        ),
        (
            ["--config.data.noise_kind=pari"],
            "data.noise_kind: unknown value 'pari'; did you mean 'pair'? Allowed: symme",
        ),
        (
            ["--config.data.name=digit"],
            "data.name: 'digit' is neither a data set of ablate nor one that tensorflow-datas",
        ),
        (["--config.recipe.norm=os:sep"], "recipe.norm.name: 'os:sep' cannot be a choice: TypeError"),
        (["--config.vary.clip=('none',)"], "arms: 'clip=none' and 'baseline' are the same recipe; change one of them"),
        (["--config.design=leave_one_out"], "vary.norm: design 'leave_one_out' takes one choice per axis, got 2"),
        (["--config.design=arms"], "arms: empty; write at least one arm"),
        (["--config.vary.norm=()", "--config.vary.clip=()"], "vary: empty; name at least one choice to try"),
        (["--config.train.steps"], "train.steps: expected an integer, got ''"),
        (["--strategy=data", "--config.train.batch_size=15"], "train.batch_size: 15 cannot be split over 2 devices"),
    ],
)
def test_a_problem(wrong, words, line):
    assert wrong(*words)[0].startswith(line)


def test_several_programs_have_their_problems_each(wrong):
    found = wrong("--config.model=resnet", "--config.model.depth=9", "--config.vary.clip=()")
    assert len(found) == 3
    assert all("resnet: depth=9 is not 6n+2" in line for line in found)


@pytest.mark.parametrize(
    ("path", "line"),
    [
        (
            "nowhere.py",
            "--config: no such file: nowhere.py; give the path of an experiment, for example experiments/dig",
        ),
        (".", "--config: no such file: .;"),
        ("", "--config: no such file: "),
        ("study.py:many", "--config=study.py:many: ValueError: invalid literal for int() with base 10: 'many'"),
        ("broken.py", "--config=broken.py: ZeroDivisionError: division by zero"),
        (
            "typo.py",
            '--config=typo.py: AttributeError: Key "stesp" does not exist and cannot be added since the config',
        ),
    ],
)
def test_a_file_that_cannot_be_read(ablate, study, path, line):
    Path("broken.py").write_text("1 / 0\n")
    Path("typo.py").write_text(HEAD + "    cfg.train.stesp = 3\n")
    code, _, err = ablate("plan", f"--config={path}")
    assert code == 2
    (found,) = err.splitlines()
    assert found.removeprefix("ablate: ").startswith(line)


def test_a_terminal_without_unicode(monkeypatch):
    stream = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    monkeypatch.setattr(sys, "stdout", stream)
    assert main(["tricks", "norm"]) == 0
    stream.flush()
    assert b"? batch " in stream.buffer.getvalue()


# Plans


def test_plan_as_json(ablate, study):
    code, out, _ = ablate("plan", f"--config={study}", "--json")
    found = json.loads(out, parse_constant=pytest.fail)
    assert code == 0
    assert [arm["name"] for arm in found["arms"]] == [
        "baseline", "norm=layer", "norm=group(groups=4)", "clip=value(max=1)",
    ]  # fmt: skip
    assert len(found["cells"]) == 8
    assert [program["arms"] for program in found["programs"]] == [
        ["baseline", "clip=value(max=1)"], ["norm=layer"], ["norm=group(groups=4)"],
    ]  # fmt: skip
    assert sorted(cell for program in found["programs"] for cell in program["cells"]) == sorted(
        cell["cell"] for cell in found["cells"]
    )
    assert found["name"] == "study"
    assert found["question"] == "Does it work on a small scale?"
    assert set(found["estimate"]["programs"]) == {program["id"] for program in found["programs"]}
    assert not Path("results").exists()


def test_plan_as_text_cuts_no_name(ablate, study, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    code, out, _ = ablate("plan", f"--config={study}:6", "--config.train.batch_size=8")
    assert code == 0
    assert out.startswith("study: 4 arms x 2 seeds = 8 cells in 3 programs; 6 steps of 8; 2 cpu devices")
    assert "…" not in out
    column = "".join(line.split("│")[2].strip() for line in out.splitlines() if line.startswith("│"))
    assert column == "baselineclip=value(max=1)norm=layernorm=group(groups=4)"


def test_plan_for_another_strategy(ablate, study):
    _, out, _ = ablate("plan", f"--config={study}", "--strategy", "solo", "--json")
    programs = json.loads(out)["programs"]
    assert {(program["strategy"], program["why"], program["lanes"]) for program in programs} == {
        ("solo", "asked for", 2)
    }
    assert programs[0]["waves"] == 2


def test_flags_before_and_behind_the_command(ablate, study):
    code, out, _ = ablate("--config.seeds=(5,)", "plan", "--json", "--config", study, "--config.train.steps", "3")
    found = json.loads(out)
    assert code == 0
    assert (found["seeds"], found["train"]["steps"]) == ([5], 3)


# The catalogue


def test_all_axes(ablate):
    code, out, _ = ablate("tricks")
    assert code == 0
    assert all(re.search(rf"│ {axis} ", out) for axis in ("model", *AXES))


@pytest.mark.parametrize("axis", ["model", *AXES])
def test_one_axis(ablate, axis):
    code, out, _ = ablate("tricks", axis)
    names = AXES[axis].choices if axis in AXES else ("mlp", "resnet")
    assert code == 0
    assert all(re.search(rf"│ {name} ", out) for name in names)


@pytest.mark.parametrize("name", [f"{axis}.{name}" for axis, found in AXES.items() for name in found.choices])
def test_one_choice(ablate, name):
    code, out, _ = ablate("tricks", name)
    assert code == 0
    assert out.startswith(f"{name}(")
    assert "off at: " in out
    axis, _, choice_name = name.partition(".")
    assert "References:" in out or choice_name == AXES[axis].identity


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("nrom", "ablate: nrom: unknown axis 'nrom'; did you mean 'norm'? Allowed: task, model, scale"),
        ("norm.bath", "ablate: norm.bath: unknown choice 'bath'; did you mean 'batch'? Allowed: none, batch"),
        ("zzz.bath", "ablate: zzz: unknown axis 'zzz'. Allowed: task, model"),
        ("norm.batch.more", "ablate: norm.batch.more: unknown choice 'batch.more'"),
    ],
)
def test_no_such_trick(ablate, name, line):
    code, out, err = ablate("tricks", name)
    assert (code, out) == (2, "")
    assert err.startswith(line)


# Directories


@pytest.mark.parametrize("command", ["status", "report"])
@pytest.mark.parametrize("content", [None, "", "{}", "[1]", "file"])
def test_a_directory_without_a_study(ablate, command, content):
    if content == "file":
        Path("there").write_text("")
    elif content is not None:
        Path("there").mkdir()
        Path("there/study.json").write_text(content)
    code, out, err = ablate(command, "there")
    assert (code, out) == (2, "")
    why = {"{}": " (alpha: missing)", "[1]": " (expected an object, found list)"}.get(content, "")
    wanted = "; give a directory that `ablate run` wrote"
    problems = {None: f"is not there{wanted}", "file": f"is a file{wanted}"}
    unreadable = f"has no readable study.json; give a directory that `ablate run` wrote, or run it again{why}"
    assert err == f"ablate: there {problems.get(content, unreadable)}\n"


@pytest.mark.parametrize(
    ("workdir", "line"),
    [
        ("file", "ablate: no folder can be made (a file is in the way); give another --workdir: file"),
        ("file/below", "ablate: no folder can be made (a file is in the way); give another --workdir: file/below"),
    ],
)
def test_a_directory_that_cannot_be_made(ablate, study, workdir, line):
    Path("file").write_text("")
    code, out, err = ablate("run", f"--config={study}", f"--workdir={workdir}")
    assert (code, out) == (2, "")
    assert err.splitlines()[-1] == line


def test_a_directory_that_cannot_be_written_to(ablate, study, monkeypatch):
    def refuse(*arguments, dir, **keywords):
        raise OSError(30, "Read-only file system", str(dir))

    monkeypatch.setattr("tempfile.mkstemp", refuse)
    code, out, err = ablate("run", f"--config={study}", "--workdir=out")
    assert (code, out) == (2, "")
    assert err.splitlines()[-1] == "ablate: Read-only file system: out/study.json"


def test_a_directory_in_use(ablate, study):
    with locked(Path("out")):
        code, out, err = ablate("run", f"--config={study}", "--workdir=out")
    assert (code, out) == (3, "")
    assert err == "ablate: out is in use by another ablate; wait for it, or give another --workdir\n"


def made_up(progress=None):
    """A directory with a cell of every kind."""
    states = ("done", "diverged", "failed", "running", "pending")
    cells = [{"cell": state, "arm": "a", "seed": 0, "program": "p"} for state in states]
    study = synthetic.make_study({"a": ({}, 0.0)}, cells, 1, "test_accuracy")
    write_json(Path("run/study.json"), study | {"train": study["train"] | {"steps": 9}})
    for state in states[:3]:
        error = {"type": "E", "message": "first line\nmore", "traceback": ""} if state == "failed" else None
        row = {"cell": state, "arm": "a", "seed": 0, "status": state, "metrics": {}, "curves": {}, "costs": {}}
        write_json(Path(f"run/cells/{state}.json"), {**row, "error": error})
    if progress is not None:
        write_json(Path("run/progress.json"), {"running_cells": ["running"], "program": "p", "step": 3, **progress})


@pytest.mark.parametrize(
    ("progress", "state", "unfinished"),
    [
        (None, "interrupted", {"pending": 2}),
        ({"state": "running", "pid": os.getpid()}, "running", {"running": 1, "pending": 1}),
        ({"state": "running", "pid": 2**22 + 1}, "interrupted", {"interrupted": 1, "pending": 1}),
        ({"state": "running", "pid": 2**80}, "interrupted", {"interrupted": 1, "pending": 1}),
        ({"state": "running", "pid": "x"}, "interrupted", {"pending": 2}),  # not what a run writes
        ({"state": "interrupted", "pid": os.getpid()}, "interrupted", {"interrupted": 1, "pending": 1}),
    ],
)
def test_status_counts_every_kind(ablate, progress, state, unfinished):
    made_up(progress)
    code, out, _ = ablate("status", "run", "--json")
    found = json.loads(out)
    assert code == 0
    assert found["cells"] == {"done": 1, "diverged": 1, "failed": 1, **unfinished}
    assert found["state"] == state
    assert found["errors"] == {"failed": ["first line"]}
    assert found["step"] == (3 if state == "running" else None)


def test_status_as_text(ablate):
    made_up({"state": "running", "pid": os.getpid(), "updated": "2026-01-01T00:00:00+00:00"})
    code, out, _ = ablate("status", "run")
    assert code == 0
    assert out.splitlines() == [
        "run: running; 1 diverged, 1 done, 1 failed, 1 pending, 1 running",
        "program p, step 3 of 9",
        "last heard of at 2026-01-01T00:00:00+00:00",
        "failed: first line",
    ]


# A tiny study, from end to end


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A folder with a finished study whose arms have names of all kinds, and what the command printed."""
    folder = tmp_path_factory.mktemp("tiny")
    path = folder / "Größe 'n'.py"
    path.write_text(HEAD + ARMS, encoding="utf-8")
    words = ["run", f"--config={path}", f"--workdir={folder / 'out put'}"]
    code = subprocess.run(
        [sys.executable, "-m", "ablate", *words],
        capture_output=True,
        text=True,
        cwd=Path(__file__).parent.parent.parent,
        check=False,
        env={**os.environ, "PYTHONWARNINGS": "error,ignore:the load_module():DeprecationWarning"},
    )
    return folder / "out put", words, code


def test_a_study_runs_to_its_end(finished):
    directory, _, result = finished
    assert result.returncode == 0, result.stderr
    lines = result.stdout.splitlines()
    assert re.fullmatch(r"10 of 10 cells done(, \d of them collapsed)?, 0 diverged, 0 failed", lines[0])
    assert {line.strip().rpartition(": ")[0].partition(": ")[0] for line in lines[1:-1]} <= set(NAMES) | {""}
    assert str(directory / "report.md") in lines[-1]
    assert "2 programs" in result.stderr


def test_names_of_all_kinds_reach_every_table(finished):
    directory, _, _ = finished
    study = read_json(directory / "study.json")
    assert [arm["name"] for arm in study["arms"]] == ["baseline", *NAMES]
    with open(directory / "cells.csv", newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [row["arm"] for row in rows] == [name for name in ("baseline", *NAMES) for _ in range(2)]
    assert {row["status"] for row in rows} <= {"done", "collapsed"}
    with open(directory / "summary.csv", newline="", encoding="utf-8") as file:
        assert [row["arm"] for row in csv.DictReader(file)] == ["baseline", *NAMES]
    assert sorted(path.stem for path in (directory / "cells").iterdir()) == sorted(row["cell"] for row in rows)
    assert len((directory / "cells.csv").read_text(encoding="utf-8").splitlines()) == 11


def test_the_record_of_the_command_can_be_pasted(finished):
    directory, words, _ = finished
    import shlex

    assert shlex.split(read_json(directory / "study.json")["command"]) == ["ablate", *words]
    assert read_json(directory / "study.json")["question"] == "Does it work on a small scale?"


def tables_in(directory):
    """Those files of a report that change with results alone."""
    tables = (path for path in directory.iterdir() if path.suffix in (".csv", ".tex") and path.name != "paper.tex")
    return {path.name: path.read_bytes() for path in tables}


def test_the_same_command_again_trains_nothing(finished, ablate):
    directory, words, _ = finished
    before = tables_in(directory)
    stamps = {path: path.stat().st_mtime_ns for path in (directory / "cells").iterdir()}
    code, out, err = ablate(*words)
    assert code == 0
    assert "10 of 10 cells done" in out
    assert "10 stored, used again; 0 to train" in err
    assert {path: path.stat().st_mtime_ns for path in (directory / "cells").iterdir()} == stamps
    assert tables_in(directory) == before


def test_report_and_status_of_a_finished_study(finished, ablate):
    directory, _, _ = finished
    (directory / "report.md").unlink()
    code, out, _ = ablate("report", directory)
    assert code == 0
    assert "10 of 10 cells done" in out
    assert (directory / "report.md").exists()
    code, out, _ = ablate("status", directory, "--json")
    assert code == 0
    assert json.loads(out)["state"] == "finished"
    assert json.loads(out)["cells"] == {"done": 10}


def test_a_cell_that_fails_is_exit_code_1(ablate, study, monkeypatch):
    def fail(self, moment):
        raise MemoryError("no more")

    few = ("--config.vary.norm=()", "--config.seeds=1")
    with monkeypatch.context() as patch:
        patch.setattr("ablate.train.loop.Loop.run", fail)
        code, out, _ = ablate("run", f"--config={study}", "--workdir=out", *few)
    assert code == 1
    assert out.startswith("0 of 2 cells done, 0 diverged, 2 failed")
    code, out, _ = ablate("status", "out", "--json")
    assert code == 0
    assert json.loads(out)["cells"] == {"oom": 2}
    assert set(map(str, json.loads(out)["errors"].values())) == {"['no more']"}
    assert ablate("run", f"--config={study}", "--workdir=out", *few)[0] == 1
    assert ablate("run", f"--config={study}", "--workdir=out", "--retry-failed", *few)[0] == 0


def test_check_and_probe(ablate, study):
    few = ("--config.vary.norm=()", "--config.train.batch_size=32", "--config.recipe.optimizer.learning_rate=0.3")
    code, out, _ = ablate("check", f"--config={study}", *few)
    assert code == 0
    assert out.count("passes") == 2
    code, out, _ = ablate("probe", f"--config={study}", "--workdir=out", *few)
    assert code == 0
    rows = list(csv.DictReader(Path("out/probe.csv").read_text(encoding="utf-8").splitlines()))
    assert [(row["arm"], row["layer"]) for row in rows] == [
        (arm, layer) for arm in ("baseline", "clip=value(max=1)") for layer in ("Relu_0", "head")
    ]
    assert all(float(row["activation_sd"]) > 0 and float(row["gradient_sd"]) > 0 for row in rows)
    assert {path.name for path in Path("out/figures").iterdir()} == {"probe.svg", "probe.png"}
