"""report.md: the document as GitHub-flavoured Markdown."""

import re
from collections.abc import Iterable, Iterator

from ablate.report.document import Document
from ablate.report.plots.plot import Plot
from ablate.report.section import Grid, Section

SPECIAL = re.compile(r"[\\`*|\[\]~#!{}]|(?<![^\W_])_|_(?![^\W_])")
ENTITIES = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}


def markdown(document: Document) -> str:
    """The report as Markdown."""
    parts = [
        f"# {escape(document.title)}",
        escape(document.question),
        f"**{escape(document.status)}.**",
        "## Answer",
        escape(document.headline),
        *(part for section in document.opened for part in body_parts(section)),
        *answer_parts(document),
        *(part for section in document.others for part in section_parts(section)),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def section_parts(section: Section) -> Iterator[str]:
    """A section with its heading."""
    yield f"## {escape(section.title)}"
    yield from body_parts(section)


def answer_parts(document: Document) -> Iterator[str]:
    """The sentences on single arms, where there are any."""
    if document.answers:
        yield "## Arm by arm"
        yield bullets(f"**{escape(answer.arm)}**: {escape(answer.text)}" for answer in document.answers)


def body_parts(section: Section) -> Iterator[str]:
    """What a section consists of, in the order of its fields."""
    yield from map(escape, section.paragraphs)
    yield from map(picture, section.plots)
    yield from map(grid, section.grids)
    if section.bullets:
        yield bullets(map(escape, section.bullets))
    if section.facts:
        yield bullets(f"{escape(label)}: {code(value)}" for label, value in section.facts)


def picture(plot: Plot) -> str:
    """A figure with its caption."""
    caption = escape(plot.caption)
    return f"![{caption}](figures/{plot.name}.png)\n\n*{caption}*"


def bullets(items: Iterable[str]) -> str:
    """A list, or a line that says there is nothing to list."""
    return "\n".join(f"- {item}" for item in items) or "Nothing to say."


def grid(table: Grid) -> str:
    """A table with its numbers flush right."""
    rule = ["---:" if numeric else ":---" for numeric in table.numeric]
    lines = [[escape(name) for name in table.header], rule, *([escape(x) for x in row] for row in table.rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def escape(text: str) -> str:
    """Text that Markdown shows as it is.

    Underscores inside words are left alone, since Markdown leaves them alone too.

    >>> escape("a|b <c> label_smoothing _x_")
    'a\\\\|b &lt;c&gt; label_smoothing \\\\_x\\\\_'
    """
    text = re.sub(r"[&<>]", lambda match: ENTITIES[match[0]], text)
    text = SPECIAL.sub(lambda match: f"\\{match[0]}", text)
    # Only what would begin a list or underline a heading.
    text = re.sub(r"^([-+=])(?=[-=\s]|$)", r"\\\1", text)
    text = re.sub(r"^(\d+)([.)])(?=\s|$)", r"\1\\\2", text)
    # A colon that is an entity cannot start a link by itself.
    return re.sub(r"(https?|ftp)://", r"\1&#58;//", text)


def code(text: str) -> str:
    """Text as a code span, fenced by more backticks than it contains.

    >>> code("a `b` c")
    '``a `b` c``'
    """
    longest = max((len(run) for run in re.findall(r"`+", text)), default=0)
    fence = "`" * (longest + 1)
    pad = " " if text.startswith("`") or text.endswith("`") else ""
    return f"{fence}{pad}{text}{pad}{fence}"
