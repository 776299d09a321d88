"""A data set is host arrays: unsigned 8-bit images and integer labels, with a test split that never moves."""

import dataclasses
import hashlib

import numpy as np
from jaxtyping import Int32, UInt8


@dataclasses.dataclass(frozen=True)
class Dataset:
    """Images [n, height, width, channels] from 0 to 255 and labels from 0 to classes - 1.

    `images` and `labels` are the pool that a seed splits into training and validation; `test_*` are read once,
    at the end of training.
    """

    name: str
    images: UInt8[np.ndarray, "pool height width channels"]
    labels: Int32[np.ndarray, " pool"]
    test_images: UInt8[np.ndarray, "test height width channels"]
    test_labels: Int32[np.ndarray, " test"]
    classes: int
    description: str

    @property
    def shape(self) -> tuple[int, int, int]:
        """Height, width, channels of one image."""
        height, width, channels = self.images.shape[1:]
        return height, width, channels

    def fingerprint(self) -> str:
        """Hash of the content: results on other pixels or labels are other results."""
        total = hashlib.sha256()
        for array in (self.images, self.labels, self.test_images, self.test_labels):
            total.update(str(array.shape).encode())
            total.update(np.ascontiguousarray(array).data)
        return total.hexdigest()[:16]
