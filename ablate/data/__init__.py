"""Data sets as host arrays, and what a seed does with them. To add one: a function that gives a `DataSet`, below."""

from collections.abc import Callable

from ablate.data.dataset import DataError, DataInfo, DataSet, Stats
from ablate.data.diabetes import diabetes
from ablate.data.digits import digits
from ablate.data.folder import folder
from ablate.data.gaussians import gaussians
from ablate.data.origin import origin
from ablate.data.sampling import (
    NOISE_KINDS,
    PLANTED,
    TRAINED_FOLDS,
    Draws,
    Sampling,
    Split,
    label_shifts,
    lane_numbers,
    number_split,
    positions,
    split,
)
from ablate.data.spirals import spirals
from ablate.data.table import rows_like, table
from ablate.data.tfds_source import cache_root, tfds_dataset

from_arrays = DataSet.from_arrays

DATASETS: dict[str, Callable[..., DataSet]] = {
    "digits": digits,
    "diabetes": diabetes,
    "folder": folder,
    "gaussians": gaussians,
    "spirals": spirals,
    "table": table,
}

__all__ = [
    "DATASETS",
    "NOISE_KINDS",
    "PLANTED",
    "TRAINED_FOLDS",
    "DataError",
    "DataInfo",
    "DataSet",
    "Draws",
    "Sampling",
    "Split",
    "Stats",
    "cache_root",
    "diabetes",
    "digits",
    "folder",
    "from_arrays",
    "gaussians",
    "label_shifts",
    "lane_numbers",
    "number_split",
    "origin",
    "positions",
    "rows_like",
    "spirals",
    "split",
    "table",
    "tfds_dataset",
]  # fmt: skip
