"""report.md: the document as GitHub-flavoured Markdown."""

import re
from collections.abc import Iterable, Mapping

from ablate.report.document import Document, Section
from ablate.report.grids import Grid

SPECIAL = re.compile(r"[\\`*|\[\]~#!{}]|(?<![^\W_])_|_(?![^\W_])")
ENTITIES = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}


def markdown(document: Document, pictures: Mapping[str, str]) -> str:
    """The report as Markdown.

    Args:
        document: what it says.
        pictures: caption by path, in the order in which they are shown.
    """
    parts = [
        f"# {escape(document.title)}",
        escape(document.question),
        f"**{escape(document.status)}.**",
        "## Answer",
        escape(document.headline),
        bullets(f"**{escape(a.arm)}**: {escape(a.text)}" for a in document.answers),
        "## Arms",
        grid(document.arms),
        *(f"![{escape(caption)}]({path})\n\n*{escape(caption)}*" for path, caption in pictures.items()),
        "## How to read this",
        bullets(map(escape, document.reading)),
        "## What this study could not have seen",
        bullets(map(escape, document.limits)),
        "## Caveats",
        bullets(map(escape, document.caveats)),
        *section(document.factorial),
        *section(document.speed),
        *section(document.tuning),
        *failures(document),
        "## Programs",
        escape(document.programs_note),
        grid(document.programs),
        "## Provenance",
        bullets(f"{label}: {code(value)}" for label, value in document.provenance),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def section(part: Section | None) -> list[str]:
    """A part that only some studies have."""
    if part is None:
        return []
    lines = [bullets(map(escape, part.lines))] if part.lines else []
    return [f"## {escape(part.title)}", *map(escape, part.notes), *map(grid, part.grids), *lines]


def failures(document: Document) -> list[str]:
    """The section on cells that failed, where there are any."""
    if not document.failures:
        return []
    return ["## Failed cells", bullets(f"{escape(cell)}: {code(error)}" for cell, error in document.failures)]


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
    text = re.sub(r"[&<>]", lambda found: ENTITIES[found[0]], text)
    text = SPECIAL.sub(lambda found: f"\\{found[0]}", text)
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
