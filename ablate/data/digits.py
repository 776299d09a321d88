"""Handwritten digits that come with scikit-learn: real data without a download."""

import importlib.util
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from jaxtyping import Float

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
    table = _table()
    images = np.round(table[:, :-1].reshape(-1, 8, 8) * (255 / 16)).astype(np.uint8)[..., None]
    labels = table[:, -1].astype(np.int32)
    description = "1,797 real 8x8 images of handwritten digits (scikit-learn)"
    arrays: Any = {"image": images, "label": labels} | ({"even": 1 - labels % 2} if parity else {})
    return DataSet.from_arrays(test, name="digits", description=description, classes=10, **arrays)


def _table() -> Float[np.ndarray, "images 65"]:
    """Pixels and label of every image, out of scikit-learn's file: importing the package takes most of a second."""
    spec = importlib.util.find_spec("sklearn")
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        path = Path(folder) / "datasets" / "data" / "digits.csv.gz"
        if path.exists():
            return np.loadtxt(path, delimiter=",")
    from sklearn.datasets import load_digits  # another release may keep it elsewhere

    pixels, labels = load_digits(return_X_y=True)
    return np.column_stack([pixels, labels]).astype(np.float64)
