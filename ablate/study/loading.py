"""From the command line to a config: the file, its argument, and the overrides, in the conventions of config_flags."""

import ast
import inspect
import os
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from absl import flags, logging
from ml_collections import ConfigDict, config_flags
from ml_collections.config_flags import config_path

from ablate.study.problems import ConfigError, place_of, unknown
from ablate.study.resolving import resolve

CHOICES = ("task", "model", "data", "recipe", "vary")  # below these keys stand choices
OF_AXES = ("recipe", "tune.grid")  # whose keys are axes that a task may have and the fresh config has not
OPEN = ("arms", "recipe", "vary")  # whose keys are names and axes, checked when the config is resolved


def load_config(path: str, overrides: Sequence[tuple[str, str]] = ()) -> ConfigDict:
    """Loads `file.py` or `file.py:argument` and applies `(key, text)` overrides; the result is locked.

    Args:
        path: the config file, with an argument for its `get_config` behind a colon.
        overrides: dotted keys and the text of their values, read as Python literals where they are.

    Raises:
        ConfigError: the file cannot be read or run, or a key does not exist; then with all other problems as well.
    """
    cfg = _from_file(path)
    problems: list[str] = []
    with cfg.unlocked(), cfg.ignore_type():
        for key, text in _parents_first(overrides):
            problem = _override(cfg, key, _literal(text))
            problems += [problem] if problem else []
    if problems:
        raise ConfigError([*problems, *_other_problems(cfg)])
    return cfg.lock()


def _other_problems(cfg: ConfigDict) -> tuple[str, ...]:
    try:
        resolve(cfg)
    except ConfigError as error:
        return error.problems
    return ()


def question_of(path: str) -> str:
    """The first paragraph of the config file's docstring: the question that the study asks."""
    tree = ast.parse(Path(_file_of(path)).read_bytes())
    return inspect.cleandoc(ast.get_docstring(tree) or "").split("\n\n")[0].replace("\n", " ")


def folder_of(path: str) -> str:
    """The folder of a config file, as it was written."""
    return os.path.dirname(_file_of(path)) or "."


def look_in(folder: str) -> None:
    """Lets import paths lead into a folder: tricks and tasks may lie beside their experiment."""
    if os.path.abspath(folder) not in sys.path:
        sys.path.append(os.path.abspath(folder))


def _file_of(path: str) -> str:
    return path if os.path.exists(path) else path.split(":", 1)[0]


def _from_file(path: str) -> ConfigDict:
    file = _file_of(path)
    if not os.path.isfile(file):
        raise ConfigError([f"--config: no such file: {file}; give the path of an experiment, for example {_example()}"])
    sys.modules.pop("config_config", None)  # or names of a file that was loaded before would still be there
    look_in(folder_of(path))
    values = flags.FlagValues()
    config_flags.DEFINE_config_file("config", flag_values=values, lock_config=False, sys_argv=["ablate"])
    logging.set_verbosity(logging.ERROR)  # or absl says in a line of its own what is said below
    try:
        values(["ablate", f"--config={path}"])
        cfg = values["config"].value
        getattr(cfg, "lock", None)  # an OSError of the config shows at the first access
    except (Exception, SystemExit) as error:  # a config is code: whatever it raises is the user's to read, in one line
        raise ConfigError([f"--config={path}: {_of_config(error, path)}"]) from error
    if not isinstance(cfg, ConfigDict):
        given = "nothing" if cfg is None else f"a {type(cfg).__name__}"
        raise ConfigError([f"--config={path}: get_config() returned {given}; end it with `return cfg`, a ConfigDict"])
    return cfg


def _of_config(error: BaseException, path: str) -> str:
    """What went wrong in a config, and where; what only its call can have got wrong, in other words."""
    words, argument = _last_words(error), path.removeprefix(_file_of(path))
    if "has no attribute 'get_config'" in words:
        return "no get_config() in there; a config is a function get_config() that returns a ConfigDict"
    if "get_config() takes 0 positional arguments" in words:
        return f"get_config() takes no argument; leave out {argument!r}"
    if "get_config() missing" in words:
        return f"get_config() needs an argument: --config={path}:..."
    return f"{words}{place_of(error)}"


def _example() -> str:
    experiments = sorted(Path("experiments").glob("*.py"))
    return str(experiments[0]) if experiments else "experiments/digits.py"


def _last_words(error: BaseException) -> str:
    """What went wrong, in one line; config_flags packs a traceback into the message, ml_collections the config."""
    cause = error.args[0] if error.args and isinstance(error.args[0], BaseException) else error
    text = str(cause.args[0]) if isinstance(cause, KeyError) and cause.args else str(cause)
    text = re.sub(r" Other fields present: .*}\"", "", text, flags=re.DOTALL)
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    if "Error whilst parsing config file" in text:
        return lines[-1]
    return ": ".join([type(error).__name__, *([" ".join(lines)] if lines else [])])


def _parents_first(overrides: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
    """A new choice clears the arguments of the old one, so it must come before the arguments given with it."""
    return sorted(overrides, key=lambda override: override[0].removesuffix(".name").count("."))


def _literal(text: str) -> Any:
    if text in ("inf", "-inf"):
        return float(text)
    try:
        return ast.literal_eval({"true": "True", "false": "False", "none": "None"}.get(text, text))
    except (ValueError, SyntaxError):
        return text


def _override(cfg: ConfigDict, key: str, value: Any) -> str | None:
    """Sets one key; gives the problem if that is not possible."""
    parent_key, _, leaf = key.rpartition(".")
    group, _, axis = parent_key.rpartition(".")
    try:
        axes = config_path.get_value(group, cfg) if group in OF_AXES else None
        if isinstance(axes, ConfigDict) and axis.isidentifier() and axis not in axes:
            axes[axis] = ConfigDict(sort_keys=False)
        parent = config_path.get_value(parent_key, cfg) if parent_key else cfg
    except (AttributeError, KeyError, IndexError, ValueError):
        return _first_unknown(cfg, key)
    if isinstance(parent, str) and re.split(r"\W", key)[0] in CHOICES:  # a bare name, which now gets arguments
        _override(cfg, parent_key, ConfigDict({"name": parent}, sort_keys=False))
        parent = config_path.get_value(parent_key, cfg)
    known, _, index = leaf.partition("[")
    is_open = parent_key in OPEN or group in OF_AXES
    if not isinstance(parent, ConfigDict) or not (known in parent or "name" in parent or is_open):
        return _first_unknown(cfg, key)
    if leaf == "name" and leaf in parent:
        for old in [name for name in parent if name != "name"]:
            del parent[old]
    try:
        current = config_path.get_value(leaf, parent) if index else parent.get(leaf)
        if isinstance(current, ConfigDict) and "name" in current and isinstance(value, str):
            value = ConfigDict({"name": value}, sort_keys=False)
        items: Any = parent[known] if index else None
        if isinstance(items, tuple):
            key, value = key[: key.rindex("[")], _with_element(items, int(index[:-1]), value)
        config_path.set_value(key, cfg, value, accept_new_attributes=True)
    except (TypeError, ValueError, KeyError, IndexError, AttributeError, OverflowError) as error:
        return f"{key}: {_last_words(error)}"
    return None


def _with_element(items: tuple[Any, ...], k: int, value: Any) -> tuple[Any, ...]:
    return tuple(value if i == k % len(items) else item for i, item in enumerate(items))


def _first_unknown(cfg: ConfigDict, key: str) -> str:
    here: Any = cfg
    done: list[str] = []
    for part in key.split("."):
        name = part.split("[")[0]
        if not isinstance(here, ConfigDict) or name not in here:
            allowed = list(here) if isinstance(here, ConfigDict) else []
            return unknown(".".join([*done, part]), "key", name, allowed)
        try:
            here = config_path.get_value(part, here)
        except (IndexError, TypeError, ValueError, KeyError):
            return f"{key}: no such element of {'.'.join([*done, name])}"
        done.append(part)
    return f"{key}: cannot be set"
