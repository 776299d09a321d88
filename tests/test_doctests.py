"""Examples in docstrings hold: of the packages that run, train, plan and print; others test theirs beside the rest."""

import doctest
import importlib
import pkgutil

import pytest

import ablate

PACKAGES = ("cli", "runner", "study", "tasks", "train")
MODULES = [
    module.name
    for module in pkgutil.walk_packages(ablate.__path__, "ablate.")
    if module.name.split(".")[1] in PACKAGES and not module.ispkg
]


@pytest.mark.parametrize("name", MODULES)
def test_examples(name):
    assert not doctest.testmod(importlib.import_module(name)).failed
