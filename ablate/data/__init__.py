"""Data sets as host arrays, and what a seed does with them. To add one: a function that gives a `Dataset`, below."""

from collections.abc import Callable

from ablate.data.dataset import DataError, Dataset
from ablate.data.digits import digits
from ablate.data.sampling import NOISE_KINDS, Draws, Sampling, Split, positions, split
from ablate.data.tfds_source import cache_root, tfds_dataset

DATASETS: dict[str, Callable[..., Dataset]] = {"digits": digits}
SAMPLING = Sampling

__all__ = [
    "DATASETS", "NOISE_KINDS", "SAMPLING", "DataError", "Dataset", "Draws", "Sampling", "Split", "cache_root", "digits",
    "positions", "split", "tfds_dataset",
]  # fmt: skip
