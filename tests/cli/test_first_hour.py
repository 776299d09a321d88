"""What a person gets wrong in the first hour: one line each, with the place and what to do."""

import json

import numpy as np
import pytest

from ablate.cli.main import main
from ablate.data import DataError, from_arrays
from ablate.report.formats.csv_files import field
from ablate.results.store import locked
from ablate.study.problems import unknown

CONFIG = """
import jax.numpy as jnp
from ablate import base_config, choice

def concrete(logits, probs):
    if logits.sum() > 0:
        return logits.sum(-1)
    return -logits.sum(-1)

def renamed(logits, classes):
    return -logits.sum(-1)

def data():
    return 1 / 0

def get_config(what):
    cfg = base_config()
    cfg.model = choice("mlp", widths=(4,))
    cfg.train.update(steps=2, eval_every=2)
    cfg.seeds = 1
    if what in ("data", "study"):
        cfg.vary.norm = ("batch",)
        cfg.data = choice("mine:data" if what == "data" else "digits")
    else:
        cfg.vary.loss = (choice(f"mine:{what}"),)
    return cfg
"""


@pytest.fixture
def file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "mine.py").write_text(CONFIG)
    yield "mine.py"
    import sys

    sys.modules.pop("mine", None)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("raise RuntimeError('boom')\n", "RuntimeError: boom (bad.py:1)"),
        ("def get_config():\n    return {}['seed']\n", "KeyError: seed (bad.py:2)"),
        ("x = 1\n", "no get_config() in there; a config is a function get_config() that returns a ConfigDict"),
        ("def get_config():\n    pass\n", "get_config() returned nothing; end it with `return cfg`, a ConfigDict"),
        ("def get_config():\n    return 3\n", "get_config() returned a int; end it with `return cfg`, a ConfigDict"),
        ("def get_config(name):\n    pass\n", "get_config() needs an argument: --config=bad.py:..."),
    ],
)
def test_a_config_that_is_none(ablate, tmp_path, monkeypatch, content, words):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "bad.py").write_text(content)
    assert ablate("plan", "--config=bad.py") == (2, "", f"ablate: --config=bad.py: {words}\n")


def test_an_argument_that_a_config_does_not_take(ablate, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "plain.py").write_text("def get_config():\n    return None\n")
    expected = "ablate: --config=plain.py:abc: get_config() takes no argument; leave out ':abc'\n"
    assert ablate("plan", "--config=plain.py:abc") == (2, "", expected)


def test_two_configs(ablate, file):
    code, _, err = ablate("plan", f"--config={file}:study", f"--config={file}:study")
    assert code == 2
    assert err.endswith("--config: given twice; leave one out\n")


def test_errors_of_own_code_say_where(ablate, file):
    code, _, err = ablate("plan", f"--config={file}:concrete")
    assert code == 2
    assert err.startswith("ablate: arm 'loss=mine:concrete': TracerBoolConversionError: ")
    assert err.endswith(" (mine.py:6)\n")
    code, _, err = ablate("plan", f"--config={file}:data")
    assert (code, err) == (2, "ablate: data: ZeroDivisionError: division by zero (mine.py:14)\n")


def test_a_function_that_calls_its_parameters_otherwise(ablate, file):
    code, _, err = ablate("plan", f"--config={file}:renamed")
    assert code == 2
    assert "vary.loss[0].classes: missing; add classes=... to the choice, unless it is one of those" in err
    assert err.count("\n") == 1


def test_a_module_that_breaks_says_where(ablate, file, tmp_path):
    (tmp_path / "broken.py").write_text("x = 1\ny = x.nothing\n")
    code, _, err = ablate("plan", f"--config={file}:study", "--config.recipe.norm=broken:norm")
    assert code == 2
    assert "cannot import 'broken:norm': AttributeError: 'int' object has no attribute 'nothing' (broken.py:2)" in err


def test_initials_are_understood():
    assert unknown("x", "argument", "lr", ["name", "learning_rate"]).startswith(
        "x: unknown argument 'lr'; did you mean 'learning_rate'?"
    )
    assert "did you mean 'batch_size'" in unknown("x", "key", "bs", ["steps", "batch_size"])
    assert "did you mean" not in unknown("x", "key", "qq", ["steps", "batch_size"])


def test_a_refused_run_does_not_say_what_it_would_have_done(ablate, file, tmp_path):
    code, *_ = ablate("run", f"--config={file}:study", "--workdir=run")
    assert code == 0
    with locked(tmp_path / "run"):
        code, out, err = ablate("run", f"--config={file}:study", "--workdir=run", "--config.train.steps=4")
    assert (code, out) == (3, "")
    assert "replaced" not in err
    assert "is in use" in err


def test_one_of_a_kind_is_not_several(ablate, file):
    _, out, _ = ablate("plan", f"--config={file}:study")
    assert out.startswith("mine: 2 arms x 1 seed = 2 cells in 2 programs; 2 steps of 128; ")


def test_status_shows_no_control_characters(ablate, file, tmp_path):
    assert ablate("run", f"--config={file}:study", "--workdir=run")[0] == 0
    progress = tmp_path / "run" / "progress.json"
    content = json.loads(progress.read_text())
    progress.write_text(json.dumps({**content, "program": "a\x1b]0;pwned\x07\u202e", "updated": "b\x9b31m"}))
    (row, *_) = (tmp_path / "run" / "cells").iterdir()
    content = {**json.loads(row.read_text()), "status": "failed", "metrics": {}}
    content["error"] = {"type": "E\x1b[2J", "message": "m\x07", "traceback": ""}
    row.write_text(json.dumps(content))
    code, out, _ = ablate("status", "run")
    assert code == 0
    assert out.isprintable() or not {c for c in out if not c.isprintable()} - {"\n"}
    assert "b31m" in out


@pytest.mark.parametrize("text", ["|DDE", "＝1+1", "＋1", "－1", "＠SUM", "=1"])
def test_what_a_spreadsheet_would_run_is_quoted(text):
    assert field(text) == f"'{text}"


@pytest.mark.parametrize(
    ("images", "remedy"),
    [
        (np.zeros((4, 8, 8), np.uint8), "grey images take image[..., None]"),
        (np.zeros((4, 64)), "pixels take image.reshape(n, height, width, channels)"),
        (np.zeros((4, 8, 8, 1), int), "integers from 0 to 255 take image.astype('uint8')"),
        (np.full((4, 8, 8, 1), 256), ""),  # no bytes
    ],
)
def test_images_of_another_shape_or_type_are_told_what_would_make_them_right(images, remedy):
    with pytest.raises(DataError) as error:
        from_arrays(test=0.5, image=images, label=np.arange(4) % 2)
    assert remedy in str(error.value)
    assert ("take" in str(error.value)) == bool(remedy)


def test_a_directory_that_is_none_is_told_as_what_it_is(tmp_path, capsys):
    (tmp_path / "file").write_text("")
    for command in ("report", "status"):
        for name, words in (("nowhere", "is not there"), ("file", "is a file")):
            assert main([command, str(tmp_path / name)]) == 2
            (line,) = capsys.readouterr().err.splitlines()
            assert line == f"ablate: {tmp_path / name} {words}; give a directory that `ablate run` wrote"


def test_data_without_an_input_are_told_what_they_lack():
    data = from_arrays(test=0.5, group=np.arange(4), label=np.arange(4) % 2)
    with pytest.raises(DataError, match="a network sees an array image or vector, and these have group, label"):
        _ = data.info.input
