"""Which files a report consists of. Pure: path below the run's directory -> content."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from ablate.report.document import compose
from ablate.report.formats.csv_files import cells_csv, summary_csv
from ablate.report.formats.html import html
from ablate.report.formats.json_record import record
from ablate.report.formats.latex import latex
from ablate.report.formats.markdown import markdown
from ablate.report.plots.figures import draw, wanted
from ablate.report.tables import tabulate


def contents(
    study: Mapping[str, Any],
    rows: Iterable[Mapping[str, Any]],
    environment: Mapping[str, Any],
    progress: Mapping[str, Any] | None,
    *,
    figures: bool = True,
) -> Iterator[tuple[str, str | bytes]]:
    """Every file of the report of one study, made when it is asked for; the figures take most of the time."""
    tables = tabulate(study, rows)
    document = compose(tables, environment, progress)
    pictures = wanted(tables) if figures else ()
    yield "cells.csv", cells_csv(tables)
    yield "summary.csv", summary_csv(tables)
    yield "report.md", markdown(document, {f"figures/{picture.name}.png": picture.caption for picture in pictures})
    yield "report.html", html(tables, document)
    yield "report.tex", latex(document)
    yield "report.json", record(tables, document)
    yield from draw(tables, pictures)
