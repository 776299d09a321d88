"""What training shows the network: pictures, where the run stored some."""

from collections.abc import Iterator

from ablate.report.plots.inputs import UNTOUCHED
from ablate.report.plots.table import plots_of
from ablate.report.records import Tables
from ablate.report.section import Section


def inputs(tables: Tables) -> Section | None:
    """Training examples as augmentation, scaling and noise leave them; None where nothing was stored."""
    plots = plots_of(tables, "inputs")
    return (
        Section("inputs", "What training sees", paragraphs=(" ".join(notes(tables)),), plots=plots) if plots else None
    )


def notes(tables: Tables) -> Iterator[str]:
    """How to read the rows that there are."""
    rows, arms = tables.inputs, {row.arm for row in tables.inputs}
    yield (
        f"The first step of seed {tables.study['seeds'][0]}, with its own batch and its own random numbers. An arm "
        "without a row shows the examples as one of the others does, or sees other examples."
    )
    if "" in arms:
        yield f"The first row is {UNTOUCHED} themselves."
    if any("scale" in arm.changes for arm in tables.arms if arm.arm in arms):
        yield "Where scaling differs from the baseline's, black is the least value of the row and white the largest."
    if any(any(row.spoilt) for row in rows):
        yield (
            "Orange is a label that is not the true one, which stands in front of it; of these, up to four were sought "
            "out in the batch."
        )
