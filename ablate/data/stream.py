"""Examples read from disk while others are trained on: for data that do not fit where training happens.

The arrays of a data set may lie in files that are mapped into memory (`numpy.memmap`), as those that are decoded from
tensorflow-datasets do. What the next steps need is gathered from them ahead of time, by threads of Grain, in order.

References:
    Grain: Feeding JAX Models. https://google-grain.readthedocs.io
"""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from ablate.data.dataset import DataSet

AHEAD = 2  # pieces that are ready before they are asked for, each read by a thread of its own


class _Gathered:
    """A data source of Grain: the examples of every piece."""

    def __init__(self, dataset: DataSet, pieces: Sequence[Any]):
        self._dataset, self._pieces = dataset, pieces

    def __len__(self) -> int:
        return len(self._pieces)

    def __getitem__(self, k: int) -> dict[str, np.ndarray]:
        return self._dataset.rows(self._pieces[int(k)])


def read_ahead(dataset: DataSet, pieces: Sequence[Any]) -> Iterator[dict[str, np.ndarray]]:
    """The examples of one piece after another, read while the one before is used.

    Args:
        dataset: whose arrays may be larger than memory.
        pieces: positions in them, [examples] each, asked for by several threads; position k of the test split is
            pool size + k.

    Returns:
        An iterator of arrays by name, [examples, ...], in the order of the pieces.

    Example:
        >>> held_out = {"vector": np.array([[8.0], [9.0]])}
        >>> numbers = DataSet("numbers", {"vector": np.arange(8.0)[:, None]}, held_out)
        >>> [piece["vector"].ravel().tolist() for piece in read_ahead(numbers, [np.array([0, 9]), np.array([1])])]
        [[0.0, 9.0], [1.0]]
    """
    import grain  # half a second, and few studies need it

    source: Any = _Gathered(dataset, pieces)
    options = grain.ReadOptions(num_threads=AHEAD, prefetch_buffer_size=AHEAD)
    return iter(grain.MapDataset.source(source).to_iter_dataset(options))
