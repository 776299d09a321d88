"""Checking one choice of a config against its table: the name, the arguments, their types and ranges."""

import dataclasses
import importlib
import math
import os
import sys
import types
import typing
from collections.abc import Mapping
from typing import Any

from ablate.data import DATASETS, SAMPLING, tfds_dataset
from ablate.models import MODELS
from ablate.study.problems import unknown
from ablate.tricks import AXES
from ablate.tricks.axis import Argument, Axis, Choice, signature_of

MODEL = Axis(
    name="model",
    seam="(images, train) -> logits",
    data=("classes", "norm", "kernel_init", "bias_init", "activation", "dropout", "head"),
    choices={name: Choice(module) for name, module in MODELS.items()},
)
DATA = Axis(name="data", seam="() -> Dataset", choices={name: Choice(make) for name, make in DATASETS.items()})


@dataclasses.dataclass(frozen=True)
class Chosen:
    """A choice with every argument resolved; `given` are the arguments that the config wrote down."""

    axis: str
    name: str
    choice: Choice
    arguments: Mapping[str, Any]
    given: Mapping[str, Any]

    def plain(self) -> dict[str, Any]:
        """The name and all arguments, as data."""
        return {"name": self.name, **self.arguments}

    def label(self) -> str:
        """How reports call it: `group(groups=4)`.

        >>> Chosen("norm", "group", Choice(dict), {"groups": 4, "epsilon": 1e-5}, {"groups": 4}).label()
        'group(groups=4)'
        """
        if not self.given:
            return self.name
        return f"{self.name}({', '.join(f'{key}={_short(value)}' for key, value in self.given.items())})"


def check_choice(axis: Axis, value: Any, key: str, problems: list[str], inherit: Chosen | None = None) -> Chosen | None:
    """The choice that a config value names, or None with the problems added.

    Args:
        axis: the table it must be in; an import path is looked up instead.
        value: a mapping with `name` and arguments, or a bare name.
        key: where in the config, for messages.
        problems: the list that new problems are appended to.
        inherit: the baseline's choice on this axis; one of the same name keeps its other arguments.
    """
    content = {"name": value} if isinstance(value, str) else value
    if not isinstance(content, Mapping) or not isinstance(content.get("name"), str):
        problems.append(f"{key}: write a choice as choice('name', argument=...), not {value!r}")
        return None
    name = content["name"]
    choice = _look_up(axis, name, key, problems)
    if choice is None:
        return None
    given = {k: v for k, v in content.items() if k != "name"}
    base = dict(inherit.given) if inherit is not None and inherit.name == name else {}
    before = len(problems)
    try:
        known = _arguments(axis, choice)
    except (Exception, SystemExit) as error:  # an import path can lead to anything, also to what has no signature
        problems.append(f"{key}.name: {name!r} cannot be a choice: {type(error).__name__}: {error}")
        return None
    arguments = _resolve(known, {**base, **given}, key, problems)
    if len(problems) > before:
        return None
    return Chosen(axis.name, name, choice, arguments, {k: arguments[k] for k in given})


def _look_up(axis: Axis, name: str, key: str, problems: list[str]) -> Choice | None:
    if name in axis.choices:
        return axis.choices[name]
    if axis.name == "data" and not name.partition(":")[2].isidentifier():  # behind the colon a version, or nothing
        return Choice(tfds_dataset)
    if ":" in name:
        return _imported(name, key, problems)
    problems.append(unknown(f"{key}.name", "choice", name, axis.choices))
    return None


def _imported(path: str, key: str, problems: list[str]) -> Choice | None:
    module, _, attribute = path.partition(":")
    if os.getcwd() not in sys.path:
        sys.path.insert(0, os.getcwd())
    try:
        found = getattr(importlib.import_module(module), attribute)
    except (Exception, SystemExit) as error:  # user code: an import can raise anything, and one line must say so
        problems.append(f"{key}.name: cannot import {path!r}: {type(error).__name__}: {error}")
        return None
    if not isinstance(found, Choice) and not callable(found):
        problems.append(f"{key}.name: {path!r} cannot be a choice: TypeError: {found!r} is not callable")
        return None
    return found if isinstance(found, Choice) else Choice(found)


def _arguments(axis: Axis, choice: Choice) -> dict[str, Argument]:
    arguments = axis.arguments(choice)
    if axis.name != "data":
        return arguments
    arguments.pop("name", None)
    return {**arguments, **signature_of(SAMPLING)}


def _resolve(
    arguments: Mapping[str, Argument], given: Mapping[str, Any], key: str, problems: list[str]
) -> dict[str, Any]:
    allowed = ("name", *arguments)
    problems += [unknown(f"{key}.{name}", "argument", name, allowed) for name in given if name not in arguments]
    resolved = {}
    for name, argument in arguments.items():
        if name not in given and argument.required:
            problems.append(f"{key}.{name}: missing; add {name}=... to the choice")
        elif name in given:
            resolved[name] = _typed(argument, given[name], f"{key}.{name}", problems)
        else:
            resolved[name] = argument.default
    return resolved


def check_number(name: str, value: Any, key: str, problems: list[str]) -> float:
    """A number as a float, with a problem added where it is none or out of the range that its name means."""
    if isinstance(value, bool) or not isinstance(value, int | float) or math.isnan(value):
        problems.append(f"{key}: expected a number, got {value!r}")
        return 0.0
    return _in_range(name, float(value), key, problems)


def _typed(argument: Argument, value: Any, key: str, problems: list[str]) -> Any:
    if argument.traced:
        return check_number(argument.name, value, key, problems)
    if isinstance(value, list):
        value = tuple(value)
    least = 1 if argument.name in COUNTS else 0
    if not _fits(argument.annotation, value):
        expected = argument.annotation
        problems.append(f"{key}: expected {expected.__name__ if type(expected) is type else expected}, got {value!r}")
    elif argument.name not in SIGNED and any(item < least for item in _integers(value)):
        problems.append(f"{key}: must be {least} or more, got {value}")
    return value


def _fits(annotation: Any, value: Any) -> bool:
    origin, inside = typing.get_origin(annotation), typing.get_args(annotation)
    if origin in (typing.Union, types.UnionType):
        return any(_fits(option, value) for option in inside)
    if origin is typing.Literal:
        return value in inside
    if origin is tuple and inside[1:] == (...,):
        return isinstance(value, tuple) and all(_fits(inside[0], item) for item in value)
    expected = origin or annotation
    if expected is Any or not isinstance(expected, type):
        return True
    return isinstance(value, expected) and (expected in (bool, object) or not isinstance(value, bool))


def _integers(value: Any) -> list[int]:
    return [item for item in (value if isinstance(value, tuple) else (value,)) if isinstance(item, int)]


# Names mean the same on every axis, so their ranges stand once.
BELOW_ONE = ("rate", "validation", "test")
UNIT = ("beta", "beta1", "beta2", "decay", "alpha", "momentum", "label_noise", "min_factor", *BELOW_ONE)
SIGNED = ("value", "seed", "axis")
POSITIVE = ("learning_rate", "epsilon", "eps", "max_norm", "max_value", "ratio", "cycle", "every", "test")
COUNTS = ("widths", "width", "depth", "groups", "mult")


def _in_range(name: str, value: float, key: str, problems: list[str]) -> float:
    if name in UNIT and not 0 <= value <= 1:
        problems.append(f"{key}: must lie between 0 and 1, got {value:g}")
    elif name in BELOW_ONE and value == 1:
        problems.append(f"{key}: must be below 1, got {value:g}")
    elif name in POSITIVE and not value > 0:
        problems.append(f"{key}: must be above 0, got {value:g}")
    elif value < 0 and name not in SIGNED:
        problems.append(f"{key}: must be 0 or more, got {value:g}")
    return value


def _short(value: Any) -> str:
    short = f"{value:g}" if isinstance(value, float) else str(value)
    return short if not isinstance(value, float) or float(short) == value else repr(value)


def axis_of(name: str) -> Axis:
    """The table of an axis that can be varied; `model` is one of them."""
    return MODEL if name == "model" else AXES[name]
