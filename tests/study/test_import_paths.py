"""Choices by import path: a norm, a model, an optimizer or a data set of the user's own, without a fork."""

import sys

import pytest

from ablate import base_config, choice
from ablate.study import ConfigError
from ablate.study.cells import cells_of
from ablate.study.design import arms_of
from ablate.study.programs import programs_of
from ablate.study.resolving import resolve

SOURCE = '''
"""A package of the user's own."""
from typing import Literal

import flax.linen as nn

from ablate.tricks.axis import Choice, Scalar


class ScaleNorm(nn.Module):
    """Divides by a number."""

    by: Scalar = 2.0
    groups: int | None = None
    kind: Literal["a", "b"] = "a"

    def __call__(self, x, *, train):
        return x / self.by


def soft(logits, probs, gamma: Scalar, *, table: dict | None = None, anything=None):
    return gamma * (logits * probs).sum(-1)


GENTLE = Choice(soft, off={"gamma": 0.0})
NUMBER = 3


def faulty(x: "Unheard"):
    return x


def make_data(size: int = 4):
    raise ValueError("never called here")


class Net(nn.Module):
    layers: object = None
    depth: int = 2
'''


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A module that can be imported from the current folder, as `ablate` is started in the user's project."""
    (tmp_path / "my_pkg").mkdir()
    (tmp_path / "my_pkg" / "__init__.py").write_text("")
    (tmp_path / "my_pkg" / "mod.py").write_text(SOURCE)
    (tmp_path / "my_pkg" / "broken.py").write_text("1 / 0\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    yield "my_pkg.mod"
    for name in [name for name in sys.modules if name.split(".")[0] == "my_pkg"]:
        del sys.modules[name]


def spec_with(**changes):
    cfg = base_config()
    cfg.vary.clip = ("value",)
    for axis, value in changes.items():
        (cfg if axis in ("model", "data") else cfg.recipe)[axis] = value
    return resolve(cfg)


def problem_of(**changes):
    with pytest.raises(ConfigError) as caught:
        spec_with(**changes)
    (problem,) = caught.value.problems
    return problem


def test_a_norm(package):
    chosen = spec_with(norm=choice(f"{package}:ScaleNorm", by=3, groups=4)).recipe["norm"]
    assert dict(chosen.arguments) == {"by": 3.0, "groups": 4, "kind": "a"}
    assert chosen.label() == "my_pkg.mod:ScaleNorm(by=3, groups=4)"
    assert chosen.choice.make.__name__ == "ScaleNorm"


def test_a_model_and_a_data_set(package):
    spec = spec_with(model=choice(f"{package}:Net", depth=3), data=choice(f"{package}:make_data", label_noise=0.1))
    assert dict(spec.recipe["model"].arguments) == {"depth": 3}
    assert spec.recipe["data"].arguments["size"] == 4
    assert spec.recipe["data"].arguments["label_noise"] == 0.1
    assert spec.recipe["data"].choice.make.__name__ == "make_data"


def test_a_whole_choice_with_its_off_values(package):
    cfg = base_config()
    cfg.vary.loss = (choice(f"{package}:GENTLE", gamma=0.5), choice(f"{package}:soft", gamma=0.5))
    spec = resolve(cfg)
    assert [dict(chosen.choice.off) for chosen in spec.vary["loss"]] == [{"gamma": 0.0}, {}]
    programs = programs_of(cells_of(spec, arms_of(spec), lambda data: "data"))
    assert [program.arms for program in programs] == [
        ("baseline", "loss=my_pkg.mod:GENTLE(gamma=0.5)"),
        ("loss=my_pkg.mod:soft(gamma=0.5)",),
    ]


def test_the_source_of_an_import_is_part_of_the_identity(package):
    def fingerprint():
        spec = spec_with(norm=choice(f"{package}:ScaleNorm"))
        return cells_of(spec, arms_of(spec), lambda data: "data")[0].fingerprint

    before = fingerprint()
    module = sys.modules[package]
    path = module.__file__
    with open(path, "a") as file:
        file.write("# a comment changes nothing\n")
    assert fingerprint() == before
    with open(path, "a") as file:
        file.write("OTHER = 1\n")
    assert fingerprint() == before  # the norm does not reach it
    with open(path) as file:
        text = file.read()
    with open(path, "w") as file:
        file.write(text.replace("return x / self.by", "return x / (2 * self.by)"))
    assert fingerprint() != before


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("my_pkg.mod:ScaleNrom", "cannot import 'my_pkg.mod:ScaleNrom': AttributeError: module 'my_pkg.mod' has no"),
        ("my_pkg.nowhere:Thing", "cannot import 'my_pkg.nowhere:Thing': ModuleNotFoundError: No module named"),
        ("my_pkg.broken:Thing", "cannot import 'my_pkg.broken:Thing': ZeroDivisionError: division by zero"),
        (":Thing", "cannot import ':Thing': ValueError: Empty module name"),
        ("my_pkg.mod:", "cannot import 'my_pkg.mod:': AttributeError"),
        ("my_pkg.mod:NUMBER", "'my_pkg.mod:NUMBER' cannot be a choice: TypeError"),
        ("my_pkg.mod:faulty", "'my_pkg.mod:faulty' cannot be a choice: NameError: name 'Unheard' is not defined"),
        ("os:sep", "'os:sep' cannot be a choice: TypeError"),
        ("numpy:add", "'numpy:add' cannot be a choice: TypeError"),
    ],
)
def test_import_errors_are_one_line(package, name, words):
    assert problem_of(norm=choice(name)).startswith(f"recipe.norm.name: {words}")


@pytest.mark.parametrize(
    ("chosen", "start"),
    [
        (choice("my_pkg.mod:ScaleNorm", bye=3), "recipe.norm.bye: unknown argument 'bye'; did you mean 'by'?"),
        (choice("my_pkg.mod:ScaleNorm", groups="x"), "recipe.norm.groups: expected int | None, got 'x'"),
        (choice("my_pkg.mod:ScaleNorm", groups=True), "recipe.norm.groups: expected int | None, got True"),
        (choice("my_pkg.mod:ScaleNorm", kind="c"), "recipe.norm.kind: expected 'a' or 'b', got 'c'"),
    ],
)
def test_arguments_of_imports_are_checked_alike(package, chosen, start):
    assert problem_of(norm=chosen).startswith(start)


def test_optional_arguments(package):
    chosen = spec_with(norm=choice(f"{package}:ScaleNorm", groups=None, kind="b")).recipe["norm"]
    assert chosen.arguments["groups"] is None
    assert chosen.arguments["kind"] == "b"
    loss = spec_with(loss=choice(f"{package}:soft", gamma=1, anything="else")).recipe["loss"]
    assert loss.arguments["anything"] == "else"


@pytest.mark.parametrize("name", ["cifar10", "cifar10:3.0.2", "cifar10:3.*.*", "glue/cola:1.0.0", "digit", "a b"])
def test_any_other_name_of_data_is_left_to_tensorflow_datasets(name):
    chosen = spec_with(data=choice(name, size=16)).recipe["data"]
    assert chosen.name == name
    assert chosen.arguments == {
        "size": 16, "split": "train", "test_split": "test",
        "validation": 0.15, "label_noise": 0.0, "noise_kind": "symmetric", "per_class": 0,
        "examples": 0, "imbalance": 1.0, "oversample": 0.0, "outliers": 0.0, "outlier_size": 5.0, "input_noise": 0.0,
            "rotate_test": False, "folds": 0, "train_on": "rest",
    }  # fmt: skip
