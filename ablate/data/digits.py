"""Handwritten digits that come with scikit-learn: real data without a download."""

from typing import Annotated, Any

import numpy as np

from ablate.data.dataset import DataSet
from ablate.tricks.axis import Range


def digits(test: Annotated[float, Range(0, 1, above=True, below=True)] = 0.25, parity: bool = False) -> DataSet:
    """1,797 real 8x8 grey images of handwritten digits in 10 classes.

        pixel = round(v * 255 / 16) for v in 0..16

    The test split is stratified and the same for every seed and study.

    Args:
        test: share of each class that is held out for the test, above 0 and below 1.
        parity: True adds a second answer `even`, 1 for 0, 2, 4, 6, 8, for task `multi_task`.

    Returns:
        A `DataSet` of 8x8x1 images.

    Example:
        >>> digits().info.shapes["image"], digits().classes
        ((8, 8, 1), 10)

    References:
        Alpaydin, Kaynak. Optical Recognition of Handwritten Digits. 1998. https://doi.org/10.24432/C50P49
    """
    from sklearn.datasets import load_digits

    bunch: Any = load_digits()
    images = np.round(bunch.images * (255 / 16)).astype(np.uint8)[..., None]
    labels = bunch.target.astype(np.int32)
    description = "1,797 real 8x8 images of handwritten digits (scikit-learn)"
    arrays = {"image": images, "label": labels} | ({"even": 1 - labels % 2} if parity else {})
    return DataSet.from_arrays(test, name="digits", description=description, classes=10, **arrays)
