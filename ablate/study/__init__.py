"""From a config to cells and programs: config, loading, resolving, designs, cells, programs.

What a config is made of loads JAX; who reads what a run left asks for `ConfigError` alone, so nothing is loaded before
it is asked for.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ablate.study.config import base_config, choice
    from ablate.study.problems import ConfigError

__all__ = ["ConfigError", "base_config", "choice"]

_HOMES = {"ConfigError": "problems", "base_config": "config", "choice": "config"}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'ablate.study' has no attribute {name!r}")
    return getattr(importlib.import_module(f"ablate.study.{_HOMES[name]}"), name)
