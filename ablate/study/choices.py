"""Checking one choice of a config against its table: the name, the arguments, their types and ranges."""

import dataclasses
import importlib
import math
import os
import re
import sys
import types
import typing
from collections.abc import Mapping, Sequence
from typing import Annotated, Any

from ablate.data import DATASETS, DataInfo, Sampling, tfds_dataset
from ablate.study.problems import place_of, unknown
from ablate.tasks import TASKS
from ablate.tricks.axis import Argument, Axis, Choice, Count, Range, signature_of

MOST_STEPS = 2**31 - 1  # devices count them in 32 bits
MOST_EVALUATIONS = 100_000  # every one of them is a point of each curve of each row


@dataclasses.dataclass(frozen=True)
class Training:
    """The numbers of `cfg.train`."""

    steps: Count
    batch_size: Count
    eval_every: Count
    eval_batch_size: Count
    lanes: Annotated[int, Range(0)]
    resident_gib: Annotated[float, Range(0)]
    checkpoint_seconds: Annotated[float, Range(0)]
    keep_weights: bool


TASK = Axis(
    name="task",
    seam="a task",
    data=("choices", "data"),
    choices={name: Choice(task) for name, task in TASKS.items()},
)
DATA = Axis(name="data", seam="() -> DataSet", choices={name: Choice(make) for name, make in DATASETS.items()})
TRAIN = Axis(name="train", seam="steps, batch size and the like", choices={"train": Choice(Training)})


@dataclasses.dataclass(frozen=True)
class Chosen:
    """A choice with every argument resolved; `given` are the arguments that the config wrote down.

    On an axis whose choices compose, `then` is another one that stands behind it in the same recipe.
    """

    table: Axis
    name: str
    choice: Choice
    arguments: Mapping[str, Any]
    given: Mapping[str, Any]
    then: "Chosen | None" = None

    @property
    def chain(self) -> "tuple[Chosen, ...]":
        """It and all that stand behind it, in their order."""
        return (self, *(self.then.chain if self.then else ()))

    @property
    def axis(self) -> str:
        """The name of its axis."""
        return self.table.name

    def arguments_of(self) -> dict[str, Argument]:
        """What its signature says of its arguments."""
        return self.table.arguments(self.choice)

    @property
    def of_loss(self) -> bool:
        """Whether it decides what the loss of training measures."""
        return self.table.of_loss or self.choice.of_loss or bool(self.then and self.then.of_loss)

    def plain(self) -> dict[str, Any]:
        """The name and all arguments, as data; what stands behind it under `then`."""
        return {"name": self.name, **self.arguments, **({"then": self.then.plain()} if self.then else {})}

    def label(self) -> str:
        """How reports call it: `group(groups=4)`.

        >>> norm = Axis("norm", "", {})
        >>> Chosen(norm, "group", Choice(dict), {"groups": 4, "epsilon": 1e-5}, {"groups": 4}).label()
        'group(groups=4)'
        """
        own = f"{self.name}({self.given_text()})" if self.given else self.name
        return f"{own} then {self.then.label()}" if self.then else own

    def given_text(self) -> str:
        """The arguments that the config wrote down: `groups=4`."""
        return ", ".join(f"{key}={_short(value)}" for key, value in self.given.items())


def check_choice(axis: Axis, value: Any, key: str, problems: list[str], inherit: Chosen | None = None) -> Chosen | None:
    """The choice that a config value names, or None with the problems added.

    Args:
        axis: the table it must be in; an import path is looked up instead.
        value: a mapping with `name` and arguments, or a bare name; several of them, one behind the other, on an axis
            whose choices compose.
        key: where in the config, for messages.
        problems: the list that new problems are appended to.
        inherit: the baseline's choice on this axis; one of the same name keeps its other arguments.
    """
    content = {"name": value} if isinstance(value, str) else _chained(value)
    if not isinstance(content, Mapping) or not isinstance(content.get("name"), str):
        problems.append(f"{key}: write a choice as choice('name', argument=...), not {value!r}")
        return None
    name = called(axis, content["name"])
    choice = _look_up(axis, name, key, problems)
    if choice is None:
        return None
    given = {k: v for k, v in content.items() if k not in ("name", "then")}
    base = dict(inherit.given) if inherit is not None and inherit.name == name else {}
    before = len(problems)
    try:
        known = _arguments(axis, choice)
    except (Exception, SystemExit) as error:  # an import path can lead to anything, also to what has no signature
        problems.append(f"{key}.name: {name!r} cannot be a choice: {type(error).__name__}: {error}")
        return None
    data = axis.data if ":" in name else ()  # somebody's own, which may have other names for what it is called with
    arguments = _resolve(known, {**base, **given}, key, problems, data)
    then = _then(axis, content["then"], f"{key}.then", problems) if "then" in content else None
    if len(problems) > before:
        return None
    chosen = Chosen(axis, name, choice, arguments, {k: arguments[k] for k in given}, then)
    if any(shaped(later) == shaped(chosen) for later in chosen.chain[1:]):
        problems.append(f"{key}: {name!r} is there twice; name it once")
        return None
    return chosen


def shaped(chosen: Chosen) -> tuple[Any, ...]:
    """What tells the choices of one axis in one program apart: all but the numbers."""
    known = chosen.arguments_of()
    shapes = {name: value for name, value in chosen.arguments.items() if name in known and not known[name].traced}
    return chosen.name, repr(shapes)


def _chained(value: Any) -> Any:
    """Several choices as one, whose `then` is the rest."""
    if not isinstance(value, tuple | list) or not value:
        return value
    first, *rest = ({"name": each} if isinstance(each, str) else each for each in value)
    return {**first, "then": rest} if rest and isinstance(first, Mapping) and "then" not in first else first


def _then(axis: Axis, value: Any, key: str, problems: list[str]) -> Chosen | None:
    if not axis.composes:
        problems.append(f"{key}: axis {axis.name} takes one choice; those of {axis.name} do not compose")
        return None
    return check_choice(axis, value, key, problems)


def called(axis: Axis, name: str) -> str:
    """What the table calls a choice that somebody names by its public name: `clip_by_global_norm`, `GroupNorm`.

    Of modules the name in small letters will do as well, `spatial_dropout`.
    """
    return name if name in axis.choices else public_names(axis).get(name, name)


def public_names(axis: Axis) -> dict[str, str]:
    """The names beside those of the table, and what the table calls each of them.

    Those that are written in the code come first, and win over those that small letters make of another one.
    """
    public = {getattr(choice.make, "__name__", key): key for key, choice in axis.choices.items()}
    small = {in_small_letters(given): key for given, key in public.items()}
    return {given: key for given, key in {**public, **small, **public}.items() if given not in axis.choices}


def in_small_letters(name: str) -> str:
    """The name of a module in small letters: `spatial_dropout`."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower()


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
        imported = getattr(importlib.import_module(module), attribute)
    except (Exception, SystemExit) as error:  # user code: an import can raise anything, and one line must say so
        problems.append(f"{key}.name: cannot import {path!r}: {type(error).__name__}: {error}{place_of(error)}")
        return None
    if not isinstance(imported, Choice) and not callable(imported):
        problems.append(f"{key}.name: {path!r} cannot be a choice: TypeError: {imported!r} is not callable")
        return None
    return imported if isinstance(imported, Choice) else Choice(imported)


def _arguments(axis: Axis, choice: Choice) -> dict[str, Argument]:
    arguments = axis.arguments(choice)
    if axis.name != "data":
        return arguments
    arguments.pop("name", None)
    return {**arguments, **signature_of(Sampling)}


def _resolve(
    arguments: Mapping[str, Argument], given: Mapping[str, Any], key: str, problems: list[str], data: Sequence[str]
) -> dict[str, Any]:
    called = f", unless it is one of those that it is called with: {', '.join(data)}" if data else ""
    allowed = ("name", *arguments)
    problems += [unknown(f"{key}.{name}", "argument", name, allowed) for name in given if name not in arguments]
    resolved = {}
    for name, argument in arguments.items():
        if name not in given and argument.required:
            problems.append(f"{key}.{name}: missing; add {name}=... to the choice{called}")
        elif name in given:
            resolved[name] = _typed(argument, given[name], f"{key}.{name}", problems)
        else:
            resolved[name] = argument.default
    return resolved


def check_number(argument: Argument, value: Any, key: str, problems: list[str]) -> float:
    """A number as a float, with a problem added where it is none or out of the range of its argument."""
    if isinstance(value, bool) or not isinstance(value, int | float) or math.isnan(value):
        problems.append(f"{key}: expected a number, got {value!r}")
        return 0.0
    problem = argument.range.problem(float(value))
    problems += [f"{key}: {problem}"] if problem else []
    return float(value)


def _typed(argument: Argument, value: Any, key: str, problems: list[str]) -> Any:
    if argument.traced:
        return check_number(argument, value, key, problems)
    if isinstance(value, list):
        value = tuple(value)
    if argument.annotation == tuple[str, ...] and isinstance(value, str):
        value = (value,)
    if not _fits(argument.annotation, value):
        problems.append(f"{key}: expected {worded(argument.annotation)}, got {value!r}")
        return value
    if argument.file and not os.path.isfile(value):
        problems.append(f"{key}: there is no file {value!r}")
    wrong = next((text for item in _numbers(value) if (text := argument.range.problem(item))), None)
    problems += [f"{key}: {wrong.partition(', got')[0]}, got {value}"] if wrong else []
    return value


WORDS = {int: "an integer", float: "a number", bool: "True or False", str: "a text"}


def worded(annotation: Any) -> str:
    """What an argument that is no number may be."""
    if typing.get_origin(annotation) is typing.Literal:
        return " or ".join(map(repr, typing.get_args(annotation)))
    return WORDS.get(annotation, annotation.__name__ if type(annotation) is type else str(annotation))


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


def _numbers(value: Any) -> list[int | float]:
    return [item for item in (value if isinstance(value, tuple) else (value,)) if isinstance(item, int | float)]


def _short(value: Any) -> str:
    short = f"{value:g}" if isinstance(value, float) else str(value)
    return short if not isinstance(value, float) or float(short) == value else repr(value)


def bare(task: Chosen) -> Any:
    """A task without choices and data, for what it says of itself: its metrics, the arrays that it needs."""
    return task.choice.make({}, DataInfo({}, {}, {}), **task.arguments)


def training_of(train: Chosen) -> Training:
    """How long and with which batches a recipe trains."""
    return Training(**train.arguments)


# Arguments of every data set beside its own: what a study does to the pool.
SAMPLING_NAMES = tuple(field.name for field in dataclasses.fields(Sampling))
# How a training meets the devices, the same for all arms: results depend on it in their last digits.
PLACING = ("lanes", "resident_gib")
# What is written down of a training: no result depends on it.
RECORDING = ("checkpoint_seconds", "keep_weights")


def sampling_of(data: Chosen) -> Sampling:
    """What a recipe does to the pool of its data."""
    return Sampling(**{name: data.arguments[name] for name in SAMPLING_NAMES})
