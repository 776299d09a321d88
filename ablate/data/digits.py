"""Handwritten digits that come with scikit-learn: real data without a download."""

from typing import Any

import numpy as np

from ablate.data.dataset import Dataset


def digits(test: float = 0.25) -> Dataset:
    """1,797 real 8x8 grey images of handwritten digits in 10 classes.

        pixel = round(v * 255 / 16) for v in 0..16

    The test split is stratified and the same for every seed and study.

    Args:
        test: share of each class that is held out for the test, above 0 and below 1.

    Returns:
        A `Dataset` of 8x8x1 images.

    Example:
        >>> digits().shape, digits().classes
        ((8, 8, 1), 10)

    References:
        Alpaydin, Kaynak. Optical Recognition of Handwritten Digits. 1998. https://doi.org/10.24432/C50P49
    """
    from sklearn.datasets import load_digits

    found: Any = load_digits()
    images = np.round(found.images * (255 / 16)).astype(np.uint8)[..., None]
    labels = found.target.astype(np.int32)
    held = _stratified(labels, test)
    return Dataset(
        name="digits",
        images=images[~held],
        labels=labels[~held],
        test_images=images[held],
        test_labels=labels[held],
        classes=10,
        description="1,797 real 8x8 images of handwritten digits (scikit-learn)",
    )


def _stratified(labels: np.ndarray, share: float) -> np.ndarray:
    rng = np.random.default_rng(0)
    held = np.zeros(len(labels), bool)
    for label in np.unique(labels):
        members = rng.permutation(np.flatnonzero(labels == label))
        held[members[: round(share * len(members))]] = True
    return held
