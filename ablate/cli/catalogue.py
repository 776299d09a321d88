"""The catalogue of tricks, generated from the tables and their docstrings."""

import inspect
from io import StringIO

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from ablate.study.choices import TASK
from ablate.study.problems import ConfigError, unknown
from ablate.tasks import MODEL, TASKS, axes_of
from ablate.tricks import AXES
from ablate.tricks.axis import Axis, Choice

OWN = {
    f"{name}.{axis.name}": axis
    for name, task in TASKS.items()
    for axis in getattr(task, "axes", ())
    if isinstance(axis, Axis)
}
TABLES = {"task": TASK, "model": MODEL, **AXES, **OWN}


def all_axes() -> str:
    """Every axis with its choices, the one that stands for absence first, and the tasks that have it."""
    table = Table("axis", "called as", "choices", "tasks")
    for key, axis in TABLES.items():
        tasks = ", ".join(name for name, task in TASKS.items() if axes_of(task).get(axis.name) is axis)
        table.add_row(
            key, escape(axis.seam), ", ".join(axis.choices), "all" if len(tasks.split(", ")) == len(TASKS) else tasks
        )
    return _text(table) + "\nablate tricks AXIS.NAME shows formula, arguments, off value and reference."


def named(text: str) -> tuple[str, str]:
    """The axis and the choice that somebody names; keys of axes that belong to a task hold a dot themselves."""
    key = next((key for key in TABLES if text == key or text.startswith(f"{key}.")), "")
    return (key, text.removeprefix(key).removeprefix(".")) if key else (text.partition(".")[0], text.partition(".")[2])


def one_axis(name: str) -> str:
    """The choices of one axis with their arguments and off values.

    Raises:
        ConfigError: there is no such axis.
    """
    axis = _axis(name)
    table = Table("choice", "arguments", "off at", "what it does")
    for choice_name, choice in axis.choices.items():
        table.add_row(choice_name, escape(_arguments(axis, choice)), _off(axis, choice_name), _summary(choice))
    return _text(table)


def one_choice(axis_name: str, name: str) -> str:
    """All about one choice.

    Raises:
        ConfigError: there is no such axis or choice.
    """
    axis = _axis(axis_name)
    if name not in axis.choices:
        raise ConfigError([unknown(f"{axis_name}.{name}", "choice", name, axis.choices)])
    choice = axis.choices[name]
    head = [f"{axis_name}.{name}({_arguments(axis, choice)})", f"off at: {_off(axis, name)}"]
    return "\n".join([*head, "", inspect.cleandoc(choice.make.__doc__ or "")])


def _axis(name: str) -> Axis:
    if name not in TABLES:
        raise ConfigError([unknown(name, "axis", name, TABLES)])
    return TABLES[name]


def _arguments(axis: Axis, choice: Choice) -> str:
    arguments = axis.arguments(choice).values()
    return ", ".join(a.name if a.required else f"{a.name}={a.default}" for a in arguments)


def _off(axis: Axis, name: str) -> str:
    choice = axis.choices[name]
    if name == axis.identity:
        return "always"
    if not choice.off:
        return "never: a program of its own" if axis.in_step else "never"
    off = ", ".join(f"{key}={value:g}" for key, value in choice.off.items())
    return f"{off}, without {' and '.join(choice.unless)}" if choice.unless else off


def _summary(choice: Choice) -> str:
    return escape(inspect.cleandoc(choice.make.__doc__ or "").split("\n")[0])


def _text(table: Table) -> str:
    console = Console(file=StringIO(), width=150)
    console.print(table)
    return str(console.file.getvalue()).rstrip()  # type: ignore[attr-defined]
