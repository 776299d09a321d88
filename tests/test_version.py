"""The distribution's name, in the one place that looks its version up and in every hint to install it."""

import re
import tomllib
from importlib import metadata
from pathlib import Path

import pytest

from ablate.version import NAMES, version

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
HINT = re.compile(r"ablate(?:-jax)?\[(\w+)\]")


@pytest.mark.parametrize(("installed", "shown"), [({"ablate-jax": "2", "ablate": "1"}, "2"), ({"ablate": "1"}, "1")])
def test_the_distribution_of_this_project_comes_first(monkeypatch, installed, shown):
    def look_up(name):
        if name not in installed:
            raise metadata.PackageNotFoundError(name)
        return installed[name]

    monkeypatch.setattr(metadata, "version", look_up)
    assert version() == shown
    installed.clear()
    assert version() is None


def test_the_distribution_is_named_in_one_place():
    assert PROJECT["name"] == NAMES[0]
    assert PROJECT["scripts"] == {"ablate": "ablate.cli.main:main"}


def test_every_hint_to_install_names_an_extra_of_the_distribution():
    hints = {
        (match.group(), match.group(1))
        for path in (ROOT / "ablate").rglob("*.py")
        for match in HINT.finditer(path.read_text(encoding="utf-8"))
        if match.group(1) in PROJECT["optional-dependencies"]
    }
    assert hints
    assert {text for text, extra in hints if text != f"ablate-jax[{extra}]"} == set()
