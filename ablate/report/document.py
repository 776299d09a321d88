"""The report as plain sentences, tables and plots, before any format.

Markdown, LaTeX, HTML and JSON only lay this out and escape it, and know no section by name. A new section is a function
that gives a `Section`, or None for a study that has none, and a line in `SECTIONS`.
"""

import dataclasses
from collections.abc import Callable

from ablate.report.records import Tables
from ablate.report.section import Section
from ablate.report.sections.answers import Answer, answers, headline, status_line
from ablate.report.sections.arms import arms, differences, failures
from ablate.report.sections.categories import CHANGED_EXAMPLES, PER_CATEGORY, categories
from ablate.report.sections.caveats import caveats
from ablate.report.sections.confirmation import confirmation
from ablate.report.sections.equal_cost import equal_cost
from ablate.report.sections.examples import test_examples
from ablate.report.sections.factorial import factorial
from ablate.report.sections.how_to_read import how_to_read, what_could_not_be_seen
from ablate.report.sections.paper import for_the_paper
from ablate.report.sections.provenance import origin, programs
from ablate.report.sections.speed import speed
from ablate.report.sections.training import cost, curves
from ablate.report.sections.tuning import tuning
from ablate.report.sections.winners import winners
from ablate.report.wording import plain

OPENING: tuple[Callable[[Tables], Section | None], ...] = (differences,)
SECTIONS: tuple[Callable[[Tables], Section | None], ...] = (
    confirmation,
    arms,
    winners,
    how_to_read,
    what_could_not_be_seen,
    caveats,
    test_examples,
    categories,
    factorial,
    curves,
    cost,
    equal_cost,
    speed,
    tuning,
    failures,
    for_the_paper,
    programs,
    origin,
)


CSV_FILES = ("summary.csv", "cells.csv")


@dataclasses.dataclass(frozen=True)
class Document:
    """Everything that a reader reads; all text is plain and unescaped.

    Attributes:
        title: of the study.
        question: what it asks.
        status: how many cells have ended, and how.
        headline: the answer.
        answers: a sentence per arm, behind the opening sections.
        sections: all of them.
        opening: how many of them stand right below the headline.
        tables: the files beside it that hold the same numbers.
        running: whether cells are being trained, so that a page is of the moment.
    """

    title: str
    question: str
    status: str
    headline: str
    answers: tuple[Answer, ...]
    sections: tuple[Section, ...]
    opening: int = 0
    tables: tuple[str, ...] = CSV_FILES
    running: bool = False

    @property
    def opened(self) -> tuple[Section, ...]:
        """What stands right below the headline, on the first screen."""
        return self.sections[: self.opening]

    @property
    def others(self) -> tuple[Section, ...]:
        """What comes behind the answers."""
        return self.sections[self.opening :]


def compose(tables: Tables) -> Document:
    """The report of one study in words."""
    opening = [section for section in (make(tables) for make in OPENING) if section]
    others = [section for section in (make(tables) for make in SECTIONS) if section]
    return Document(
        title=plain(tables.study["name"]),
        question=plain(tables.study["question"] or ""),
        status=status_line(tables),
        headline=headline(tables),
        answers=answers(tables),
        sections=(*opening, *others),
        opening=len(opening),
        running=tables.running,
        tables=(*CSV_FILES, *csv_by_category(tables)),
    )


def csv_by_category(tables: Tables) -> tuple[str, ...]:
    """The files with numbers by category that a study has; examples only where seeds share them."""
    known = tables.by_category
    return (PER_CATEGORY, *((CHANGED_EXAMPLES,) if known.shared else ())) if known else ()
