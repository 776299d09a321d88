"""The catalogue of tricks, generated from the tables and their docstrings."""

import difflib
import inspect
import textwrap
from io import StringIO

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from ablate.cli.card import Card, card_of, off_of
from ablate.study.choices import TASK, Chosen, called, check_choice, public_names
from ablate.study.problems import ConfigError, unknown
from ablate.study.resolving import Spec
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
        table.add_row(key, escape(axis.seam), ", ".join(axis.choices), tasks_of(axis))
    return _text(table) + "\nablate tricks NAME shows formula, arguments, off value and reference."


def tasks_of(axis: Axis) -> str:
    """The tasks that have an axis, in words; `task` itself is of none and thereby of all."""
    tasks = [name for name, task in TASKS.items() if axes_of(task).get(axis.name) is axis]
    return "all" if len(tasks) in (0, len(TASKS)) else ", ".join(tasks)


def described(text: str) -> str:
    """What the catalogue has to say of a name: of an axis, of `AXIS.NAME`, or of a choice by any of its names alone.

    Raises:
        ConfigError: there is no such axis or choice.
    """
    if not text:
        return all_axes()
    places = found(text)
    if len(places) > 1:
        return _candidates(text, places)
    ((key, name),) = places
    return as_text(card_of(key, TABLES[key], name)) if name else one_axis(key)


def found(text: str) -> list[tuple[str, str]]:
    """What a text names: an axis (with "" for a choice), one of its choices, or choices of several axes.

    Raises:
        ConfigError: there is no such axis or choice.
    """
    key = next((key for key in TABLES if text == key or text.startswith(f"{key}.")), "")
    if not key:  # keys of axes that belong to a task hold a dot themselves
        places = places_of(text)
        if not places:
            raise ConfigError([_nothing(text)])
        return places
    name = called(TABLES[key], text.removeprefix(key).removeprefix("."))
    if name and name not in TABLES[key].choices:
        raise ConfigError([unknown(f"{key}.{name}", "choice", name, TABLES[key].choices)])
    return [(key, name)]


def measurable(spec: Spec, text: str) -> dict[tuple[str, str], Chosen]:
    """The choices, by axis and name, that change the training step of a recipe: all, or those that a text names.

    Arguments are those that the config varies; where it does not name a choice, the example of its table, or defaults.

    Raises:
        ConfigError: there is none.
    """
    varied = {(chosen.axis, chosen.name): chosen for choices in spec.vary.values() for chosen in choices}
    own = {key_of(chosen.table): chosen for chosen in spec.recipe.values() if chosen.table.in_step}
    choices = {
        (key, name): varied.get((own[key].axis, name)) or _exemplary(own[key].table, name)
        for key, wanted in (found(text) if text else [(key, "") for key in TABLES])
        for name in (own[key].table.choices if key in own else ())
        if wanted in ("", name) and name != own[key].name
    }
    if not choices:
        raise ConfigError([f"{text}: not a choice that changes this baseline's training step; nothing to measure"])
    return choices


def key_of(axis: Axis) -> str:
    """The key of an axis in the catalogue; its name where a task of a user's own has it."""
    return next((key for key, known in TABLES.items() if known is axis), axis.name)


def _exemplary(axis: Axis, name: str) -> Chosen:
    problems: list[str] = []
    given = {**axis.choices[name].example, **axis.begin}
    known = {key: value for key, value in given.items() if key in axis.arguments(axis.choices[name])}
    chosen = check_choice(axis, {"name": name, **known}, f"{axis.name}.{name}", problems)
    if chosen is None:
        raise ConfigError(problems)
    return chosen


def places_of(name: str) -> list[tuple[str, str]]:
    """Axis and choice wherever a table has a name, or a choice with that public name; a choice of two tables once."""
    places: dict[int, tuple[str, str]] = {}
    for key, axis in TABLES.items():
        choice = axis.choices.get(called(axis, name))
        if choice is not None:
            places.setdefault(id(choice), (key, called(axis, name)))
    return list(places.values())


def _candidates(text: str, places: list[tuple[str, str]]) -> str:
    lines = [f"  {key}.{name}: {card_of(key, TABLES[key], name).summary}" for key, name in places]
    return "\n".join([f"{len(places)} choices answer to {text!r}; name one of them with its axis:", *lines])


def _nothing(text: str) -> str:
    """The problem with a name that nothing answers to; the nearest name decides whether it is about an axis."""
    names = {name for axis in TABLES.values() for name in (*axis.choices, *public_names(axis))}
    near = difflib.get_close_matches(text, sorted({*TABLES, *names}), n=1, cutoff=0.5)
    if "." in text or not near or near[0] in TABLES:
        axis = text.partition(".")[0]
        return unknown(axis, "axis", axis, TABLES)
    places = " or ".join(f"{key}.{name}" for key, name in places_of(near[0]))
    return f"{text}: no axis or choice answers to it; did you mean {places}? `ablate tricks` lists all"


def one_axis(key: str) -> str:
    """The choices of one axis with their arguments and off values."""
    axis = TABLES[key]
    table = Table("choice", "arguments", "off at", "what it does")
    for choice_name, choice in axis.choices.items():
        table.add_row(choice_name, escape(_arguments(axis, choice)), off_of(axis, choice_name), _summary(choice))
    return _text(table)


def as_text(card: Card) -> str:
    """A method card for the terminal."""
    facts = [
        card.call(),
        *([f"also called: {', '.join(card.public)}"] if card.public else []),
        f"off at: {card.off}",
        f"program: {card.program}",
        *([f"cost: {card.cost}"] if card.cost else []),
        *(f"rule: {caution.summary} It looks at {', '.join(caution.choices)}." for caution in card.cautions),
    ]
    table = Table("argument", "default", "values", "is", "what it is")
    for p in card.parameters:
        role = "an input" if p.traced else "part of the program"
        table.add_row(p.name, *map(escape, (p.default or "must be given", p.values, role, p.about)))
    lists = {"References": card.references, "Articles": card.articles}
    sections = {**card.sections, **{title: "\n".join(texts) for title, texts in lists.items() if texts}}
    parts = ["\n".join(facts), card.summary, card.formula, _text(table) if card.parameters else ""]
    parts += [f"{title}:\n{textwrap.indent(body, '    ')}" for title, body in sections.items()]
    return "\n\n".join(filter(None, parts))


def _arguments(axis: Axis, choice: Choice) -> str:
    arguments = axis.arguments(choice).values()
    return ", ".join(a.name if a.required else f"{a.name}={a.default}" for a in arguments)


def _summary(choice: Choice) -> str:
    return escape(inspect.cleandoc(choice.make.__doc__ or "").split("\n")[0])


def _text(table: Table) -> str:
    console = Console(file=StringIO(), width=150)
    console.print(table)
    return str(console.file.getvalue()).rstrip()  # type: ignore[attr-defined]
