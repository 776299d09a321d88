"""Which files a report consists of. Pure: path below the run's directory -> content."""

from collections.abc import Iterable, Mapping
from typing import Any

from ablate.report.delimited import cells_csv, summary_csv
from ablate.report.document import compose
from ablate.report.figures import PICTURES, draw
from ablate.report.html import html
from ablate.report.latex import latex
from ablate.report.markdown import markdown
from ablate.report.record import record
from ablate.report.tables import tabulate


def contents(
    study: Mapping[str, Any],
    rows: Iterable[Mapping[str, Any]],
    environment: Mapping[str, Any],
    progress: Mapping[str, Any] | None,
    *,
    figures: bool = True,
) -> dict[str, str | bytes]:
    """Every file of the report of one study; drawing the figures takes most of the time."""
    tables = tabulate(study, rows)
    document = compose(tables, environment, progress)
    drawn = draw(tables) if figures else {}
    captions = {f"figures/{p.name}.png": p.caption for p in PICTURES if f"figures/{p.name}.png" in drawn}
    return {
        "cells.csv": cells_csv(tables),
        "summary.csv": summary_csv(tables),
        "report.md": markdown(document, captions),
        "report.html": html(tables, document),
        "report.tex": latex(document),
        "report.json": record(tables, document),
        **drawn,
    }
