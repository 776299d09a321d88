"""`ablate new`: the experiment runs as it stands, and so does every alternative that it names."""

import re
import sys

import pytest

from ablate.cli.main import main
from ablate.cli.new import experiment
from ablate.runner.plan import make_plan
from ablate.study.loading import load_config
from ablate.study.resolving import resolve
from tests.shell import ablate, jax_as_it_was

ALTERNATIVES = re.findall(r"^    # (cfg\..*)$", experiment("NAME"), re.MULTILINE)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    yield tmp_path
    sys.modules.pop("fresh", None)


def test_it_runs_as_it_stands(tmp_path):
    words = ("--config.train.steps=4", "--config.seeds=2", "--config.model.widths=(8,)")
    assert ablate("new", "fresh.py", folder=tmp_path).returncode == 0
    done = ablate("run", "--config=fresh.py", *words, folder=tmp_path)
    assert done.returncode == 0, done.stderr
    report = (tmp_path / "results" / "fresh" / "report.md").read_text()
    assert "Which tricks help my network on my data?" in report


@pytest.mark.parametrize("line", ALTERNATIVES)
def test_every_alternative_works(line, folder):
    text = experiment("fresh")
    line = line.replace("NAME", "fresh")
    (folder / "fresh.py").write_text(text.replace(f"    # {line}", f"    {line}"))
    short = [("seeds", "1"), ("train.steps", "2"), ("train.eval_every", "2")]
    if "design" in line:
        short.append(("vary.norm", "('batch',)"))
    spec = resolve(load_config("fresh.py", short))
    assert (folder / "fresh.py").read_text() != text
    plan = make_plan(spec, name="fresh")
    assert len(plan.arms) >= 4
    if "my_" in line:
        assert "fresh:my_" in repr(spec.plain)


def test_there_are_alternatives():
    assert len(ALTERNATIVES) == 8


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("mine", "give the name of a Python module, such as mine.py"),
        ("my-file.py", "give the name of a Python module"),
        ("class.py", "give the name of a Python module"),
        ("there.py", "is there already; give another name"),
        ("there.py/mine.py", "there.py"),
    ],
)
def test_a_name_that_will_not_do(name, words, folder, capsys):
    (folder / "there.py").write_text("precious")
    with jax_as_it_was():
        assert main(["new", name]) == 2
    captured = capsys.readouterr()
    assert words in captured.err
    assert len(captured.err.splitlines()) == 1
    assert (folder / "there.py").read_text() == "precious"
