"""What every function of this package asks of its numbers: finite, and different by more than rounding.

Metrics are float32: 380/450 and 381/450 are each off by up to half a unit in the last place, and their difference keeps
that error while it loses most of its size. What counts as rounding is therefore judged by the values that were
subtracted, never by what is left of them.
"""

from typing import Literal, get_args

import numpy as np
from jaxtyping import Float

# Each value is off by at most 2^-24 of itself, a difference of two by twice that, and two differences that are meant
# to be equal part by at most four times.
FLOAT32_ROUNDING = 4 * 2.0**-24
STANDARD_ERRORS = 3.0  # above chance, of a share of test examples: at or below, a run has learned nothing
SPREADS = 6.0  # below the median of its arm a run has collapsed; normal data reach that in fewer than 2 % of studies
Test = Literal["t", "max_t"]  # of quality, that decides
TESTS: tuple[Test, ...] = get_args(Test)
LEAST_FOR_SPREAD = 3  # values, for a sd that says anything
POWER = 0.8  # for which minimum detectable effects are given; a level of a test has to lie below it


def finite(values: Float[np.ndarray, "values"]) -> Float[np.ndarray, "values"]:
    """Return the values as float64; a nan or an infinity is the caller's mistake.

    Args:
        values: numbers in any unit.

    Returns:
        The same numbers as a float64 vector.

    Raises:
        ValueError: if a value is not finite. Diverged cells go to `sign_test` as infinities, or are left out.

    Example:
        >>> finite(np.array([1.0, 2.0])).tolist()
        [1.0, 2.0]
    """
    values = np.asarray(values, dtype=np.float64).ravel()
    if not np.isfinite(values).all():
        raise ValueError(f"expected finite numbers, got {values.tolist()}: leave diverged cells out, or use sign_test")
    return values


def rounding_of(*values: Float[np.ndarray, "..."]) -> float:
    """Give how far two differences of float32 values can part that are meant to be equal: 4 2^-24 max |value|.

    Args:
        values: the numbers that were subtracted from each other, in any unit.

    Returns:
        A distance in their unit; 0 without values.

    Example:
        >>> a, b = np.float32([380 / 450, 391 / 450]), np.float32([381 / 450, 392 / 450])
        >>> gap = np.ptp(b.astype(float) - a)
        >>> bool(0 < gap <= rounding_of(a, b))
        True
    """
    return FLOAT32_ROUNDING * max((float(np.abs(array).max()) for array in values if np.size(array)), default=0.0)


def has_spread(values: Float[np.ndarray, "values"], rounding: float = 0.0) -> bool:
    """Say whether values differ by more than rounding: range > max(rounding, 4 2^-24 max |value|).

    Args:
        values: at least one finite number.
        rounding: where the values are differences, `rounding_of` what was subtracted.

    Returns:
        False where the values are one value up to rounding.

    Example:
        >>> has_spread(np.array([0.1, 0.1 + 1e-9])), has_spread(np.array([0.1, 0.2]))
        (False, True)
        >>> has_spread(np.array([0.0022222, 0.0022223]), rounding=rounding_of(np.array([0.87])))
        False
    """
    return bool(np.ptp(values) > max(rounding, rounding_of(values)))


def skewness(values: Float[np.ndarray, "values"]) -> float:
    """Give how lopsided values are, in standard errors of normal data: g / sqrt(6 (n - 2) / ((n + 1) (n + 3))).

    g is the mean of ((v - mean) / sd)^3.

    Args:
        values: three or more finite numbers in any unit.

    Returns:
        Above 0 with a long upper tail, below 0 with a long lower one; 0 without spread.

    Example:
        >>> round(skewness(np.array([1.0, 1.1, 0.9, 1.0, 1.05, 5.0])), 2)
        2.89

    References:
        Cramér. Mathematical Methods of Statistics. 1946. ISBN 978-0-691-00547-8
    """
    if values.size < 3 or not has_spread(values):
        return 0.0
    n, centred = values.size, values - values.mean()
    g = float((centred**3).mean() / (centred**2).mean() ** 1.5)
    return g / float(np.sqrt(6 * (n - 2) / ((n + 1) * (n + 3))))
