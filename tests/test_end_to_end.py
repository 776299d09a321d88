"""Every experiment, shrunk, from the command line to its reports, and the same from Python."""

import contextlib
import csv
import dataclasses
import functools
import io
import json
import math
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

import ablate
from ablate.cli.main import main
from ablate.results.files import read_json
from tests.shell import ROOT, jax_as_it_was
from tests.train.small import compiled_functions, small_config

# A hundred programs for one cell each say nothing about a run that the others do not (`test_every_trick.py`); several
# conditions are several runs, below.
OTHERS = ("every_trick.py", "elsewhere.py")
EXPERIMENTS = sorted(path for path in (ROOT / "experiments").glob("*.py") if path.name not in OTHERS)
# Twenty steps, two seeds, a few units, and data that comes with the package.
SHRUNK = [
    "--config.train.steps=20",
    "--config.train.eval_every=10",
    "--config.seeds=2",
]
NETWORK = ["--config.model.name=mlp", "--config.model.widths=(8,)"]
SMALL = {
    "own_task.py": ["--config.task.width=8"],
    "own_parts.py": ["--config.model.width=8", "--config.model.blocks=1"],
    "multi_task.py": NETWORK,
    "regression.py": NETWORK,
    "wgan.py": [
        "--config.data.name=digits",
        "--config.recipe.generator.widths=(8,)",
        "--config.recipe.critic.widths=(8,)",
    ],
}
PICTURES = ["--config.data.name=digits", *NETWORK]
TABLES = ("cells.csv", "summary.csv", "report.md", "report.html", "report.tex")


@pytest.fixture(autouse=True)
def _jax_as_it_was():
    with jax_as_it_was():
        yield


def shrunk(experiment: str, directory: Path) -> list[str]:
    small = SMALL.get(experiment, PICTURES)
    return ["run", f"--config={ROOT / 'experiments' / experiment}", f"--workdir={directory}", *SHRUNK, *small]


def contents(directory: Path) -> dict[str, bytes]:
    """Every file of a report."""
    names = [*TABLES, *(str(path.relative_to(directory)) for path in (directory / "figures").iterdir())]
    return {name: (directory / name).read_bytes() for name in names}


@dataclasses.dataclass(frozen=True)
class Ran:
    """A shrunk experiment after its first run: what it said, and what JAX compiled for it."""

    directory: Path
    out: str
    err: str
    compiled: Counter[str]


@pytest.fixture(scope="module")
def ran(tmp_path_factory) -> Callable[[str], Ran]:
    """Runs an experiment when it is first asked for."""

    @functools.cache
    def once(experiment: str) -> Ran:
        directory = tmp_path_factory.mktemp("experiment")
        out, err = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err), compiled_functions() as compiled:
            assert main(shrunk(experiment, directory)) == 0
        return Ran(directory, out.getvalue(), err.getvalue(), Counter(compiled))

    return once


@pytest.mark.parametrize("experiment", [path.name for path in EXPERIMENTS])
def test_an_experiment_from_start_to_end(experiment, ran, capsys):
    found = ran(experiment)
    directory, compiled = found.directory, found.compiled
    study, progress = read_json(directory / "study.json"), read_json(directory / "progress.json")
    cells = len(study["arms"]) * 2
    assert f"{cells} of {cells} cells done" in found.out
    assert f"{cells} cells ({len(study['arms'])} arms, 2 seeds) in " in found.err
    assert "used again" not in found.err

    # The files of a run.
    assert {path.name for path in directory.iterdir()} >= {
        "study.json",
        "environment.json",
        "cells",
        "figures",
        *TABLES,
    }
    assert not (directory / "checkpoints").exists()
    assert sorted(path.stem for path in (directory / "cells").iterdir()) == sorted(c["cell"] for c in study["cells"])
    with open(directory / "cells.csv", newline="") as file:
        statuses = [row["status"] for row in csv.DictReader(file)]
    assert len(statuses) == cells
    assert set(statuses) <= {"done", "collapsed"}  # so few steps teach some of them nothing
    with open(directory / "summary.csv", newline="") as file:
        assert [row["arm"] for row in csv.DictReader(file)] == [arm["name"] for arm in study["arms"]]
    assert study["name"] == Path(experiment).stem
    assert study["question"].endswith("?") or "?" in study["question"]

    # Programs: each compiles its step once, those of a tuning too, and the log has counted as JAX has. The step of
    # lanes that share their batches goes by the name of the function around it.
    steps = ("advance", "called")
    times = 2 if study.get("tuning") else 1
    assert sum(compiled[f"jit({name})"] for name in steps) == len(study["programs"]) * times
    assert (
        progress["compiles"]
        == sum(Counter(compiled)[f"jit({name})"] for name in (*steps, "evaluate", "finish"))
        + (Counter(compiled)["jit(<lambda>)"])
    )

    rows = ablate.load(directory)
    assert len(rows) == cells
    assert all(math.isfinite(value) for row in rows for value in row["metrics"].values())
    frame = rows.to_pandas()
    assert len(frame) == cells
    metric = study["metric"]["name"]
    assert {"cell", "arm", "seed", "status", metric, "parameters", "steps_per_second"} <= set(frame.columns)
    assert frame.groupby("arm")[metric].mean().map(math.isfinite).all()

    before = contents(directory)
    assert main(["report", str(directory)]) == 0
    assert {name: before[name] == content for name, content in contents(directory).items()} == dict.fromkeys(
        before, True
    )

    capsys.readouterr()
    assert main(["status", str(directory), "--json"]) == 0
    status = json.loads(capsys.readouterr().out)
    assert status["cells"] == {"done": cells}
    assert (status["state"], status["errors"]) == ("finished", {})


def test_conditions_from_start_to_end(tmp_path, capsys):
    small = ("--config.across.model=('mlp',)", "--config.across.data=('digits', {'per_class': 20})")
    command = ["run", f"--config={ROOT / 'experiments' / 'elsewhere.py'}", f"--workdir={tmp_path}", *SHRUNK, *small]
    assert main(command) == 0
    out = capsys.readouterr().out
    assert "24 of 24 cells done under 2 conditions" in out
    assert "of 2 conditions" in out
    rows = ablate.load(tmp_path)
    assert [len(study) for study in rows.studies] == [12, 12]
    assert {path.name for path in tmp_path.iterdir()} >= {"across.json", "conditions.csv", "report.md", "report.html"}


def test_the_digits_card_is_five_programs_and_the_same_command_again_trains_nothing(ran, capsys):
    directory = ran("digits.py").directory
    study = read_json(directory / "study.json")
    assert len(study["arms"]) == 16
    assert sorted(len(program["arms"]) for program in study["programs"]) == [1, 1, 1, 1, 12]
    # Per program the step, the evaluation, its end, the summary and the initial values, which the largest makes in
    # three ways.
    assert read_json(directory / "progress.json")["compiles"] == 5 * 5 + 2
    rows = {path: path.stat().st_mtime_ns for path in (directory / "cells").iterdir()}
    tables = {name: (directory / name).read_bytes() for name in ("cells.csv", "summary.csv")}
    with compiled_functions() as compiled:
        assert main(shrunk("digits.py", directory)) == 0
    assert "jit(advance)" not in compiled
    assert f"{len(rows)} stored, used again; 0 to train" in capsys.readouterr().err
    assert {path: path.stat().st_mtime_ns for path in (directory / "cells").iterdir()} == rows
    assert {name: (directory / name).read_bytes() for name in tables} == tables


def test_a_study_from_python(tmp_path):
    rows = ablate.run(small_config(), tmp_path / "study")
    assert [(row["arm"], row["seed"], row["status"]) for row in rows] == [
        ("baseline", 0, "done"),
        ("baseline", 1, "done"),
        ("smooth_labels(alpha=0.1)", 0, "done"),
        ("smooth_labels(alpha=0.1)", 1, "done"),
    ]
    assert list(ablate.load(tmp_path / "study")) == list(rows)
    assert rows[0]["curves"]["step"] == [0, 10, 20]
    assert (tmp_path / "study" / "report.md").exists()
    again = ablate.run(small_config(), str(tmp_path / "study"))  # a path or a string
    assert list(again) == list(rows)
