"""Where the examples of a wave come from: arrays that lie on the devices, or a stream that is read ahead of them.

    next chunk of steps, or next batch of an evaluation
        -> positions, one part per data key      [keys * examples]
        -> those examples, read ahead            pool: [keys * examples, ...], on every device
        -> every lane looks its own up in it     at: [lanes, ...], beside their positions in the data set

A pool is shared by all lanes: those with one data key look into the same part, so that one pass over the data feeds
them all. It has room for as many keys as any wave of the program has, since programs have fixed shapes.
"""

import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Int

from ablate.data import DataSet
from ablate.data.stream import read_ahead
from ablate.train.batches import BatchOrder, DataKey
from ablate.train.lanes import Streamed

POOL_BYTES = 64 * 2**20  # of a pool, unless a single step needs more; some pools are in memory at a time


def resident(dataset: DataSet, *, streamed: bool) -> Mapping[str, np.ndarray]:
    """The arrays that lie on every device; where examples are streamed, one of zeros that says how they look."""
    return dataset.info.zeros(1) if streamed else dataset.stacked


class Chunk(NamedTuple):
    """Training steps: which is the first, and how many."""

    begin: int
    count: int


class Evaluated(NamedTuple):
    """Examples of one batch of an evaluation, by data key."""

    positions: Mapping[DataKey, Int[np.ndarray, " batch"]]


def most_steps(dataset: DataSet, batch_size: int, keys: int) -> int:
    """How many steps a pool has room for; 0 where one needs more."""
    return POOL_BYTES // (dataset.example_bytes * batch_size * keys)


class Feed:
    """Gives a wave its examples, chunk by chunk.

    Args:
        dataset: whose examples they are.
        orders: which training examples a step sees, by data key.
        trained: positions of the training examples, by data key.
        lanes: the data key of every lane, padding included.
        keys: that a pool has room for; 0 where the data lie on the devices.
        length: steps that a pool has room for.
    """

    def __init__(
        self, dataset: DataSet, orders: Mapping[DataKey, BatchOrder], trained: Mapping[DataKey, np.ndarray],
        lanes: Sequence[DataKey], keys: int, length: int,
    ):  # fmt: skip
        self._dataset, self._orders, self._trained = dataset, orders, trained
        self._keys, self._length = keys, length
        places = {key: place for place, key in enumerate(dict.fromkeys(lanes))}
        self._place = np.array([places[key] for key in lanes], np.int32)

    def pools(self, requests: Iterable[Chunk | Evaluated]) -> Iterator[dict[str, np.ndarray] | None]:
        """What each request needs, one after another; None where the data lie on the devices."""
        return read_ahead(self._dataset, _Asked(self, [*requests])) if self._keys else itertools.repeat(None)

    def index(self, positions: Int[np.ndarray, "lanes ..."]) -> Any:
        """Positions [lanes, ...] in the data set as programs take them: with their places in the pool, if any."""
        if not self._keys:
            return positions
        within = np.arange(positions[0].size, dtype=np.int32).reshape(positions.shape[1:])
        at = self._place.reshape(-1, *[1] * within.ndim) * np.int32(within.size) + within[None]
        return Streamed(positions, at)

    def positions(self, request: Chunk | Evaluated) -> Int[np.ndarray, " examples"]:
        """What a pool holds, key by key, filled up with the first example of the data."""
        if isinstance(request, Evaluated):
            parts = list(request.positions.values())
        else:
            rows = {key: order.rows(*request, self._length) for key, order in self._orders.items()}
            parts = [self._trained[key][at].ravel() for key, at in rows.items()]
        found = np.concatenate(parts)
        return np.pad(found, (0, (self._keys - len(parts)) * (len(found) // len(parts))))


class _Asked(Sequence[np.ndarray]):
    """The positions of every request, when they are asked for."""

    def __init__(self, feed: Feed, requests: Sequence[Chunk | Evaluated]):
        self._feed, self._requests = feed, requests

    def __len__(self) -> int:
        return len(self._requests)

    def __getitem__(self, k: Any) -> Any:
        return self._feed.positions(self._requests[k])
