"""Training examples as every arm presents them. Pure."""

from ablate.report.plots.plot import Picture, Pictures
from ablate.report.records import Tables
from ablate.report.wording import plain

UNTOUCHED = "the data"


def inputs(tables: Tables) -> dict[str, Pictures]:
    """A row per arm that presents the examples in a way of its own."""
    rows = [
        (
            plain(row.arm) or UNTOUCHED,
            tuple(
                Picture(pixels, plain(caption), spoilt)
                for pixels, caption, spoilt in zip(row.pictures, row.captions, row.spoilt, strict=True)
            ),
        )
        for row in tables.inputs
    ]
    return {"inputs": Pictures(tuple(rows))} if rows else {}
