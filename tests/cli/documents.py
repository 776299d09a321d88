"""The pages of the catalogue under `ablate/tricks`, made from the tables, their docstrings and the rules.

python -m tests.cli.documents      writes them anew
"""

import re
import sys
from pathlib import Path

from ablate.cli.card import Card, Caution, Parameter, card_of
from ablate.cli.catalogue import TABLES, tasks_of
from ablate.tricks.axis import Axis

FOLDER = Path(__file__).parents[2] / "ablate" / "tricks"
MADE = "<!-- made by `make docs` from the tables and docstrings; change those -->\n"


def pages() -> dict[str, str]:
    """The text of every page by its place below the folder: one per axis, and the index."""
    return {"README.md": _index(), **{f"docs/{key}.md": _page(key, axis) for key, axis in TABLES.items()}}


def current() -> dict[str, str]:
    """What is there now."""
    paths = (FOLDER / "README.md", *(FOLDER / "docs").glob("*"))
    return {path.relative_to(FOLDER).as_posix(): path.read_text(encoding="utf-8") for path in paths if path.is_file()}


def write() -> None:
    """Writes every page, and removes those of axes that are no more."""
    (FOLDER / "docs").mkdir(exist_ok=True)
    for place in current().keys() - pages().keys():
        (FOLDER / place).unlink()
    for place, text in pages().items():
        (FOLDER / place).write_text(text, encoding="utf-8")


def _index() -> str:
    lines = [
        MADE,
        "# The catalogue\n",
        "Every axis, in the order of a training step, with its choices; the one that stands for absence is in italics.",
        "`ablate tricks NAME` prints the same cards.\n",
        "| axis | tasks | choices |",
        "|---|---|---|",
    ]
    for key, axis in TABLES.items():
        choices = ", ".join(_link(f"{key}.{name}", name, axis.identity) for name in axis.choices)
        same = _same_as(key, axis)
        lines.append(f"| [{key}](docs/{key}.md) | {tasks_of(axis)} | {f'those of {same}' if same else choices} |")
    return "\n".join(lines) + "\n"


def _link(place: str, name: str, identity: str | None) -> str:
    link = f"[{name}](docs/{place.removesuffix(f'.{name}')}.md#{name})"
    return f"*{link}*" if name == identity else link


def _same_as(key: str, axis: Axis) -> str | None:
    """The axis before it that has the very same choices."""
    before = list(TABLES)[: list(TABLES).index(key)]
    return next((other for other in before if TABLES[other].choices == axis.choices), None)


def _page(key: str, axis: Axis) -> str:
    same = _same_as(key, axis)
    facts = [f"- Called as `{axis.seam}`", f"- Tasks: {tasks_of(axis)}"]
    facts += [f"- Choices: those of [`{same}`]({same}.md)"] if same else []
    facts += [f"- Stands for absence: [`{axis.identity}`]({same or key}.md#{axis.identity})"] if axis.identity else []
    facts += ["- Composes: a recipe may name several, one behind the other"] if axis.composes else []
    head = [MADE, f"# Axis `{key}`\n", *_about(key), "\n".join(facts), "\nAll axes: [the catalogue](../README.md)"]
    names = () if same else axis.choices
    return "\n".join([*head, *(_card(card_of(key, axis, name)) for name in names)]) + "\n"


def _about(key: str) -> list[str]:
    """What the first paragraph of the axis's file says, where it is about the axis."""
    module = sys.modules.get(f"ablate.tricks.{key}")
    first = " ".join(((module and module.__doc__) or "").split("\n\n")[0].split())
    text = first.removeprefix(f"Axis `{key}`: ")
    return [f"{_prose(text[0].upper() + text[1:])}\n"] if text != first else []


def _card(card: Card) -> str:
    facts = [
        *([f"- Also called {', '.join(f'`{name}`' for name in card.public)}"] if card.public else []),
        f"- Off at: {_prose(card.off)}",
        f"- Program: {card.program}",
        *([f"- Cost: {card.cost}"] if card.cost else []),
        *map(_caution, card.cautions),
    ]
    head = (f"\n## {card.name}", f"    {card.call()}", _prose(card.summary), _formula(card.formula))
    tail = [_arguments(card.parameters), *(_section(*item) for item in card.sections.items())]
    lists = [_list("References", card.references), _list("Articles", card.articles)]
    return "\n\n".join(filter(None, [*head, "\n".join(facts), *tail, *lists]))


def _list(title: str, texts: tuple[str, ...]) -> str:
    return "\n".join([f"**{title}**\n", *(f"- {_prose(text)}" for text in texts)]) if texts else ""


def _caution(caution: Caution) -> str:
    """A rule with links to all choices that it looks at."""
    places = [place.rsplit(".", 1) for place in caution.choices]
    links = ", ".join(f"[`{axis}.{name}`]({axis}.md#{name})" for axis, name in places)
    return f"- A plan may warn: {_prose(caution.summary)} The rule looks at {links}."


def _arguments(parameters: tuple[Parameter, ...]) -> str:
    lines = ["| argument | default | values | is | what it is |", "|---|---|---|---|---|"]
    for p in parameters:
        default = f"`{p.default}`" if p.default else "must be given"
        role = "an input of the program" if p.traced else "shapes the program"
        lines.append(f"| `{p.name}` | {_cell(default)} | {_cell(p.values)} | {role} | {_cell(_prose(p.about))} |")
    return "\n".join(lines) if parameters else ""


def _section(title: str, body: str) -> str:
    if title == "Example":
        return f"**{title}**\n\n```python\n{body}\n```"
    if title in ("Raises", "Metrics"):
        return f"**{title}**\n\n" + re.sub(r"^(?=\S)", "- ", _prose(body), flags=re.MULTILINE)
    return f"**{title}**\n\n{_formula(body)}"


def _formula(text: str) -> str:
    """Indented paragraphs are formulas, which Markdown shows as they are; the others are prose."""
    parts = text.split("\n\n")
    return "\n\n".join(part if part.startswith("    ") else _prose(part) for part in parts)


def _prose(text: str) -> str:
    """Text outside code with what Markdown would read as markup escaped."""
    parts = re.split(r"(`[^`]*`|https?://\S+)", text)
    return "".join(part if i % 2 else re.sub(r"([\\*<])", r"\\\1", part) for i, part in enumerate(parts))


def _cell(text: str) -> str:
    return text.replace("|", r"\|")


if __name__ == "__main__":
    write()
