"""Lanes on the devices of several processes, each of which has the same host arrays and runs the same programs.

Apart from `lanes`, whose code is part of what identifies a result: where the devices are changes none.
"""

from typing import Any

import jax
import numpy as np
from jax.experimental.multihost_utils import process_allgather

from ablate.train.lane import Judged
from ablate.train.lanes import Lanes


class HostLanes(Lanes):
    """The executables of one program on devices of which this process sees its own."""

    def place(self, tree: Any, kind: str) -> Any:
        """As `Lanes.place`, every process the part of its devices; `device_put` would send all to compare it."""

        def placed(leaf: Any) -> jax.Array:
            if isinstance(leaf, jax.Array):
                return jax.device_put(leaf, self._sharding(leaf, kind))
            array = np.asarray(leaf)
            return jax.make_array_from_callback(array.shape, self._sharding(array, kind), lambda index: array[index])

        return jax.tree.map(placed, tree)

    def evaluate(self, *arguments: Any) -> tuple[Any, Judged]:
        """As `Lanes.evaluate`; what it says of examples is fetched from the devices that have them."""
        sums, judged = super().evaluate(*arguments)
        return sums, jax.tree.map(_whole, judged)


def _whole(array: jax.Array) -> Any:
    return array if array.is_fully_replicated else process_allgather(array, tiled=True)
