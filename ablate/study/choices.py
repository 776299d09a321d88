"""Checking one choice of a config against its table: the name, the arguments, their types and ranges."""

import dataclasses
import importlib
import math
import os
import sys
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
    arguments = _resolve(_arguments(axis, choice), {**base, **given}, key, problems)
    if len(problems) > before:
        return None
    return Chosen(axis.name, name, choice, arguments, {k: arguments[k] for k in given})


def _look_up(axis: Axis, name: str, key: str, problems: list[str]) -> Choice | None:
    if name in axis.choices:
        return axis.choices[name]
    if ":" in name:
        return _imported(name, key, problems)
    if axis.name == "data":
        return Choice(tfds_dataset)
    problems.append(unknown(f"{key}.name", "choice", name, axis.choices))
    return None


def _imported(path: str, key: str, problems: list[str]) -> Choice | None:
    module, _, attribute = path.partition(":")
    if os.getcwd() not in sys.path:
        sys.path.insert(0, os.getcwd())
    try:
        found = getattr(importlib.import_module(module), attribute)
    except Exception as error:  # user code: an import can raise anything, and one line must say so
        problems.append(f"{key}.name: cannot import {path!r}: {type(error).__name__}: {error}")
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
    problems += [unknown(f"{key}.{name}", "argument", name, arguments) for name in given if name not in arguments]
    resolved = {}
    for name, argument in arguments.items():
        if name not in given and argument.required:
            problems.append(f"{key}.{name}: missing; add {name}=... to the choice")
        elif name in given:
            resolved[name] = _typed(argument, given[name], f"{key}.{name}", problems)
        else:
            resolved[name] = argument.default
    return resolved


def _typed(argument: Argument, value: Any, key: str, problems: list[str]) -> Any:
    if argument.traced:
        if isinstance(value, bool) or not isinstance(value, int | float) or math.isnan(value):
            problems.append(f"{key}: expected a number, got {value!r}")
            return None
        return _in_range(argument.name, float(value), key, problems)
    if isinstance(value, list):
        value = tuple(value)
    expected = typing.get_origin(argument.annotation) or argument.annotation
    wrong_bool = isinstance(value, bool) and expected is not bool
    if isinstance(expected, type) and (not isinstance(value, expected) or wrong_bool):
        problems.append(f"{key}: expected {expected.__name__}, got {value!r}")
    elif expected is int and argument.name not in SIGNED and value < 0:
        problems.append(f"{key}: must be 0 or more, got {value}")
    return value


# Names mean the same on every axis, so their ranges stand once. (low, high, high is allowed)
UNIT = ("rate", "beta", "b1", "b2", "decay", "alpha", "momentum", "label_noise", "validation", "min_factor")
SIGNED = ("value", "seed", "axis")
POSITIVE = ("learning_rate", "epsilon", "eps", "max_norm", "max_value", "ratio", "cycle", "every")


def _in_range(name: str, value: float, key: str, problems: list[str]) -> float:
    if name in UNIT and not 0 <= value <= 1:
        problems.append(f"{key}: must lie between 0 and 1, got {value:g}")
    elif name in ("rate", "validation") and value == 1:
        problems.append(f"{key}: must be below 1, got {value:g}")
    elif name in POSITIVE and not value > 0:
        problems.append(f"{key}: must be above 0, got {value:g}")
    elif value < 0 and name not in SIGNED:
        problems.append(f"{key}: must be 0 or more, got {value:g}")
    return value


def _short(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def axis_of(name: str) -> Axis:
    """The table of an axis that can be varied; `model` is one of them."""
    return MODEL if name == "model" else AXES[name]
