"""Which files a report consists of. Pure: path below the run's directory -> content."""

import dataclasses
from collections.abc import Iterable, Iterator, Sequence

from ablate.report.document import compose, csv_by_category
from ablate.report.formats.categories_csv import examples_csv, per_category_csv
from ablate.report.formats.csv_files import cells_csv, summary_csv
from ablate.report.formats.html import html
from ablate.report.formats.json_record import record
from ablate.report.formats.latex import latex, prose
from ablate.report.formats.markdown import markdown
from ablate.report.plots.together import Draw, in_turn
from ablate.report.tables import tabulate
from ablate.results.inputs import InputRow
from ablate.results.schema import Environment, LookRecord, Progress, RowRecord, Study


def contents(
    study: Study,
    rows: Iterable[RowRecord],
    environment: Environment,
    progress: Progress | None,
    looks: Sequence[LookRecord] = (),
    inputs: Sequence[InputRow] = (),
    *,
    draw: Draw | None = in_turn,
) -> Iterator[tuple[str, str | bytes]]:
    """Every file of the report of one study, made when it is asked for; figures by `draw`, none if that is None."""
    tables = dataclasses.replace(tabulate(study, rows, environment, progress, looks), inputs=tuple(inputs))
    document = compose(tables)
    figures = draw([plot for section in document.sections for plot in section.plots]) if draw else ()
    yield "cells.csv", cells_csv(tables)
    yield "summary.csv", summary_csv(tables)
    if tables.by_category:
        written = (per_category_csv, examples_csv)
        yield from zip(csv_by_category(tables), (write(tables.by_category) for write in written), strict=False)
    yield "report.md", markdown(document)
    yield "report.html", html(document)
    yield "report.tex", latex(document)
    yield "paper.tex", prose(document)
    yield "report.json", record(tables, document)
    yield from figures


def page(study: Study, rows: Iterable[RowRecord], environment: Environment, progress: Progress | None) -> str:
    """report.html alone."""
    return html(compose(tabulate(study, rows, environment, progress)), alone=True)
