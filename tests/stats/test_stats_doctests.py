"""Every example in a docstring of the package holds, and every public function has one."""

import doctest
import importlib
import inspect
import pkgutil

import pytest

import ablate.stats

MODULES = [f"ablate.stats.{m.name}" for m in pkgutil.iter_modules(ablate.stats.__path__)]


@pytest.mark.parametrize("name", MODULES)
def test_examples(name):
    found = doctest.testmod(importlib.import_module(name))
    assert found.attempted > 0 or name == "ablate.stats.draws"
    assert found.failed == 0


@pytest.mark.parametrize("name", MODULES)
def test_docstrings_are_complete(name):
    module = importlib.import_module(name)
    for label, function in inspect.getmembers(module, inspect.isfunction):
        if function.__module__ != name or label.startswith("_"):
            continue
        document = inspect.getdoc(function) or ""
        arguments = document.partition("Args:")[2].partition("Returns:")[0]
        for part in ("Args:", "Returns:", "Example:"):
            assert part in document, f"{name}.{label} has no {part}"
        for parameter in inspect.signature(function).parameters:
            assert f"{parameter}:" in arguments, f"{name}.{label} does not explain {parameter}"
