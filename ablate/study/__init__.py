"""From a config to cells and programs: config, loading, resolving, designs, cells, programs."""

from ablate.study.config import base_config, choice
from ablate.study.problems import ConfigError

__all__ = ["ConfigError", "base_config", "choice"]
