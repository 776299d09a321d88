"""`ablate new`: a commented experiment that runs as it stands, to be changed line by line."""

import keyword
from importlib import resources
from pathlib import Path

from ablate.results.files import write_atomically
from ablate.study.problems import ConfigError


def write_experiment(path: Path) -> str:
    """Writes the experiment; gives the lines that say what to do with it.

    Args:
        path: a new file whose stem is the name of a module, since the file names its own functions by import path.

    Raises:
        ConfigError: the name will not do, or there is such a file.
        StorageError: it could not be written.
    """
    if path.suffix != ".py" or not path.stem.isidentifier() or keyword.iskeyword(path.stem):
        raise ConfigError([f"{path}: give the name of a Python module, such as mine.py: letters, digits and _ only"])
    if path.exists():
        raise ConfigError([f"{path}: is there already; give another name"])
    write_atomically(path, experiment(path.stem))
    return f"{path} is written: a study of the digits that runs as it stands\nablate plan --config={path}"


def experiment(name: str) -> str:
    """The text of the experiment under the name of its module."""
    return resources.files("ablate.cli").joinpath("experiment.txt").read_text(encoding="utf-8").replace("NAME", name)
