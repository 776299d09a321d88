"""Where examples come from, in words that lead back to a file."""

from pathlib import Path

import numpy as np

from ablate.data.dataset import DataSet
from ablate.data.folder import TEST, TRAIN


def origin(dataset: DataSet) -> dict[str, np.ndarray]:
    """A column that names the source of every example of `DataSet.stacked`: `file` of pictures, `row` of a CSV.

    Args:
        dataset: the data; of other kinds than `folder` and `table` nothing is known.

    Returns:
        At most one column, by name.

    Example:
        >>> data = DataSet.from_arrays(0.5, vector=np.zeros((4, 1)), label=np.arange(4) % 2)
        >>> origin(data)
        {}
    """
    known = {"file": _files(dataset), "row": dataset.facts.get("rows")}
    return {name: np.asarray(x) for name, x in known.items() if x is not None and len(x) == sum(dataset.sizes)}


def _files(dataset: DataSet) -> list[str] | None:
    """The lists that `folder` wrote down; None where the cache could not be written."""
    place = dataset.facts.get("prepared")
    try:
        texts = [Path(place, name).read_text("utf-8", "surrogateescape") for name in (TRAIN, TEST)] if place else []
    except OSError:
        return None
    return [line for text in texts for line in text.split("\n") if line] if texts else None
