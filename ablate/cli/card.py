"""What a method card says of a choice: read from its table, its signature, its docstring and the rules between choices.

Plain data, so that the command line and the pages of the catalogue say the same.
"""

import inspect
import re
import textwrap
from typing import NamedTuple

from ablate.cli.costs import cost_of
from ablate.study.choices import public_names, worded
from ablate.tricks.articles import articles_on
from ablate.tricks.axis import Argument, Axis, Choice, Range
from ablate.tricks.rules import RULES

SECTION = re.compile(r"^(Args|Metrics|Returns|Raises|Example|References):$", re.MULTILINE)
PLURALS = {tuple[int, ...]: "integers", tuple[str, ...]: "texts", tuple[float | int, ...]: "numbers"}


class Parameter(NamedTuple):
    """An argument of a choice.

    Args:
        name: as a config writes it.
        default: as a config would write it; empty where it must be given.
        values: what it may be, in words.
        traced: whether it is a number that the compiled program takes as an input; all else shapes the program.
        about: what the docstring says of it.
    """

    name: str
    default: str
    values: str
    traced: bool
    about: str


class Caution(NamedTuple):
    """A rule that warns of a choice beside others: what it is about in a sentence, and all choices that it looks at."""

    summary: str
    choices: tuple[str, ...]


class Card(NamedTuple):
    """All about one choice.

    Args:
        axis: key of its axis.
        name: what the table calls it.
        public: further names that it answers to.
        summary: what it does, in a line.
        formula: the formula and what else stands below that line.
        parameters: its arguments, in their order.
        off: where it vanishes, in words.
        program: whether other arms may share its program, in words.
        cost: what a training step with it takes beside one without, in words; empty where nobody measured it.
        cautions: the rules that look at it.
        sections: further parts of the docstring by title; those that are empty are left out.
        references: one text each, ending with its link.
        articles: those that speak of it, one text each.
    """

    axis: str
    name: str
    public: tuple[str, ...]
    summary: str
    formula: str
    parameters: tuple[Parameter, ...]
    off: str
    program: str
    cost: str
    cautions: tuple[Caution, ...]
    sections: dict[str, str]
    references: tuple[str, ...]
    articles: tuple[str, ...]

    def call(self) -> str:
        """`loss.focal(gamma=2.0)`: how a config would write it, with every default."""
        inner = ", ".join(f"{p.name}={p.default}" if p.default else p.name for p in self.parameters)
        return f"{self.axis}.{self.name}({inner})"


def card_of(key: str, axis: Axis, name: str) -> Card:
    """The card of a choice.

    Args:
        key: of the axis, as the catalogue lists it.
        axis: the table that has the choice.
        name: what the table calls it.
    """
    choice = axis.choices[name]
    sections = _sections(inspect.cleandoc(choice.make.__doc__ or ""))
    summary, _, formula = sections.pop("").partition("\n\n")
    told = _entries(sections.pop("Args", ""))
    return Card(
        axis=key,
        name=name,
        public=tuple(given for given, table_name in public_names(axis).items() if table_name == name),
        summary=" ".join(summary.split()),
        formula=formula,
        parameters=tuple(_parameter(a, told.get(a.name, "")) for a in axis.arguments(choice).values()),
        off=off_of(axis, name),
        program=_program(axis, name),
        cost=cost_of(key, name),
        cautions=_cautions(f"{key}.{name}"),
        references=_references(sections.pop("References", "")),
        articles=articles_on(f"{key}.{name}"),
        sections=sections,
    )


def off_of(axis: Axis, name: str) -> str:
    """Where a choice equals the one that stands for absence."""
    choice = axis.choices[name]
    if name == axis.identity:
        return "always"
    if not choice.off:
        return "never"
    off = ", ".join(f"{key}={value:g}" for key, value in choice.off.items())
    return f"{off}, without {' and '.join(choice.unless)}" if choice.unless else off


def bounds(allowed: Range) -> str:
    """A range in words; empty where there is none.

    >>> [bounds(Range(*limits)) for limits in ((0, 1), (0, 1, False, True), (0, None, True), (None, 1), ())]
    ['from 0 to 1', 'from 0 to below 1', 'above 0', '1 or less', '']
    """
    low, high = allowed.low, allowed.high
    if low is not None and high is not None:
        upper = f"below {high:g}" if allowed.below else f"{high:g}"
        return f"{'above' if allowed.above else 'from'} {low:g} to {upper}"
    if low is not None:
        return f"above {low:g}" if allowed.above else f"{low:g} or more"
    if high is not None:
        return f"below {high:g}" if allowed.below else f"{high:g} or less"
    return ""


def _parameter(argument: Argument, about: str) -> Parameter:
    kind = "a number" if argument.traced else PLURALS.get(argument.annotation) or worded(argument.annotation)
    values = ", ".join(filter(None, ("a file" if argument.file else kind, bounds(argument.range))))
    default = "" if argument.required else repr(argument.default)
    return Parameter(argument.name, default, values, argument.traced, about)


def _program(axis: Axis, name: str) -> str:
    choice: Choice = axis.choices[name]
    if not axis.in_step:
        return "shared: it only makes initial values"
    if name == axis.identity:
        return "shared with choices that merge"
    if choice.off and choice.merges:
        return "merges: arms without it run in its program, at the off value"
    return "its own, since it costs time at its off value too" if choice.off else "its own"


def _cautions(place: str) -> tuple[Caution, ...]:
    rules = [rule for rule in RULES if place in rule.about]
    return tuple(Caution(inspect.cleandoc(rule.says.__doc__ or "").split("\n")[0], rule.about) for rule in rules)


def _sections(doc: str) -> dict[str, str]:
    """A docstring by its titles; what stands above the first of them under an empty one."""
    head, *rest = SECTION.split(doc)
    bodies = {title: textwrap.dedent(body).strip() for title, body in zip(rest[::2], rest[1::2])}
    return {"": head.strip(), **bodies}


def _entries(section: str) -> dict[str, str]:
    """Names and texts of a section of arguments; a text goes on where lines are indented further."""
    entries = re.findall(r"^(\w+): (.*(?:\n +.*)*)", section, re.MULTILINE)
    return {name: " ".join(text.split()) for name, text in entries}


def _references(section: str) -> tuple[str, ...]:
    """One text per reference: each ends with its link."""
    return tuple(re.findall(r"\S.*?https?://\S+|\S.*$", " ".join(section.split())))
