"""Every example in a docstring of the data package holds, and every data set says all of its arguments."""

import doctest
import importlib
import inspect
import pkgutil

import pytest

import ablate.data
from ablate.data import DATASETS, Sampling

MODULES = [f"ablate.data.{module.name}" for module in pkgutil.iter_modules(ablate.data.__path__)]
WITHOUT = {"ablate.data.prepared", "ablate.data.tfds_source"}  # what they do needs files that somebody prepared


@pytest.mark.parametrize("name", MODULES)
def test_examples(name, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    results = doctest.testmod(importlib.import_module(name))
    assert (results.attempted > 0) == (name not in WITHOUT)
    assert results.failed == 0


@pytest.mark.parametrize("name", DATASETS)
def test_a_data_set_says_what_it_is(name):
    document = inspect.getdoc(DATASETS[name]) or ""
    for part in ("Args:", "Returns:", "Example:"):
        assert part in document, part
    arguments = document.partition("Args:")[2].partition("Returns:")[0]
    for parameter in inspect.signature(DATASETS[name]).parameters:
        assert f"{parameter}:" in arguments, parameter


def test_what_is_done_to_a_pool_is_said():
    for name in inspect.signature(Sampling).parameters:
        assert f"{name}:" in (Sampling.__doc__ or ""), name
