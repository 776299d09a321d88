"""ablate: which training tricks help on your task, by how much, at what cost, and is it real?

`ablate.run(cfg, workdir)` trains a study and `ablate.load(workdir)` gives its rows; `ablate.verdict(table, ...)` judges
runs that were trained elsewhere; `ablate.clean`, `ablate.mine` and `ablate.fuse` ask several models together;
`ablate.tricks` holds every trick as a plain optax, flax or JAX function. Heavy
imports wait until they are needed.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ablate.report.rows import load
    from ablate.runner.clean import clean
    from ablate.runner.elsewhere import verdict
    from ablate.runner.execute import run
    from ablate.runner.fuse import fuse
    from ablate.runner.mine import mine
    from ablate.study import ConfigError, base_config, choice

__all__ = ["ConfigError", "base_config", "choice", "clean", "fuse", "load", "mine", "run", "verdict"]

_HOMES = {
    "run": "ablate.runner.execute",
    "load": "ablate.report.rows",
    "verdict": "ablate.runner.elsewhere",
    "clean": "ablate.runner.clean",
    "fuse": "ablate.runner.fuse",
    "mine": "ablate.runner.mine",
    "base_config": "ablate.study",
    "choice": "ablate.study",
    "ConfigError": "ablate.study",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'ablate' has no attribute {name!r}")
    import importlib

    return getattr(importlib.import_module(_HOMES[name]), name)
