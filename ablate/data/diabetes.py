"""Diabetes progression, which comes with scikit-learn: real regression data without a download."""

from typing import Annotated, Any

import numpy as np

from ablate.data.dataset import DataSet
from ablate.tricks.axis import Range


def diabetes(test: Annotated[float, Range(0, 1, above=True, below=True)] = 0.25) -> DataSet:
    """442 real patients: ten measurements, and how far the disease had progressed a year later.

        vector = age, sex, body mass index, blood pressure and six serum values, each with mean 0 and sd 1 over all
        target = a quantitative measure of progression, 25 to 346

    The test split is the same for every seed and study.

    Args:
        test: share that is held out for the test, above 0 and below 1.

    Returns:
        A `DataSet` of vectors with ten entries and one target.

    Example:
        >>> diabetes().info.shapes
        {'vector': (10,), 'target': (1,)}

    References:
        Efron, Hastie, Johnstone, Tibshirani. Least Angle Regression. 2004. https://arxiv.org/abs/math/0406456
    """
    from sklearn.datasets import load_diabetes

    bunch: Any = load_diabetes()
    vectors = (bunch.data / bunch.data.std(0)).astype(np.float32)
    targets = bunch.target.astype(np.float32)[:, None]
    description = "442 real patients with diabetes, ten measurements each (scikit-learn)"
    return DataSet.from_arrays(
        test, name="diabetes", description=description, unit="points", vector=vectors, target=targets
    )
