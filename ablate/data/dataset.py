"""A data set is host arrays: unsigned 8-bit images and integer labels, with a test split that never moves."""

import dataclasses
import hashlib
from collections.abc import Iterator

import numpy as np
from jaxtyping import Float32, Int32, UInt8


class DataError(ValueError):
    """A data set that cannot be used, with one line that says what to do."""


@dataclasses.dataclass(frozen=True, eq=False)
class Dataset:
    """Images [n, height, width, channels] from 0 to 255 and labels from 0 to classes - 1.

    `images` and `labels` are the pool that a seed splits into training and validation; `test_*` are read once,
    at the end of training.

    Raises:
        DataError: what is given is something else.
    """

    name: str
    images: UInt8[np.ndarray, "pool height width channels"]
    labels: Int32[np.ndarray, " pool"]
    test_images: UInt8[np.ndarray, "test height width channels"]
    test_labels: Int32[np.ndarray, " test"]
    classes: int
    description: str

    def __post_init__(self) -> None:
        """Says in one line what a data set of the user's own got wrong."""
        pool, test = (self.images, self.labels), (self.test_images, self.test_labels)
        problems = [*_problems("", *pool, self.classes), *_problems("test_", *test, self.classes)]
        if not problems and self.images.shape[1:] != self.test_images.shape[1:]:
            problems = [
                f"images are {self.images.shape[1:]} and test_images {self.test_images.shape[1:]}; make them alike"
            ]
        if problems:
            raise DataError(f"data: {'; '.join(problems)}")

    @property
    def shape(self) -> tuple[int, int, int]:
        """Height, width, channels of one image."""
        height, width, channels = self.images.shape[1:]
        return height, width, channels

    def channel_stats(self) -> tuple[Float32[np.ndarray, " channels"], Float32[np.ndarray, " channels"]]:
        """Mean and sd of each channel over the pool, in units of [0, 1] images."""
        # From counts of the 256 pixel values: exact, and without a copy of the images as floats.
        values = np.arange(256) / 255
        counts = [np.bincount(self.images[..., c].ravel(), minlength=256) for c in range(self.shape[-1])]
        means = [float(count @ values / count.sum()) for count in counts]
        sds = [float((count @ (values - mean) ** 2 / count.sum()) ** 0.5) for count, mean in zip(counts, means)]
        return np.array(means, np.float32), np.array(sds, np.float32)

    def fingerprint(self) -> str:
        """Hash of the content: results on other pixels or labels are other results."""
        total = hashlib.sha256()
        for array in (self.images, self.labels, self.test_images, self.test_labels):
            total.update(str(array.shape).encode())
            total.update(np.ascontiguousarray(array).data)
        return total.hexdigest()[:16]


def _problems(part: str, images: np.ndarray, labels: np.ndarray, classes: int) -> Iterator[str]:
    if images.dtype != np.uint8 or images.ndim != 4 or not len(images):
        yield f"{part}images must be uint8 [n, height, width, channels], got {images.dtype} {images.shape}"
    if not np.issubdtype(labels.dtype, np.integer) or labels.shape != images.shape[:1]:
        yield f"{part}labels must be one integer per image, got {labels.dtype} {labels.shape}"
    elif len(labels) and (labels.min() < 0 or labels.max() >= classes):
        yield f"{part}labels must lie from 0 to {classes - 1}, got {labels.min()} to {labels.max()}"
