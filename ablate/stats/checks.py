"""What every function of this package asks of its numbers: finite, and different by more than rounding."""

import numpy as np
from jaxtyping import Float

# Metrics often come as float32 accuracies, whose differences carry errors of about 1e-7; deltas of .01 that are meant
# to be equal then differ by 1e-5 of themselves. Spread below that is rounding, and so are gaps between sign flips.
ROUND_OFF = 1e-5


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


def has_spread(values: Float[np.ndarray, "values"]) -> bool:
    """Say whether values differ by more than rounding: range > 1e-5 max |value|.

    Args:
        values: at least one finite number.

    Returns:
        False where the values are one value up to rounding.

    Example:
        >>> has_spread(np.array([0.1, 0.1 + 1e-9])), has_spread(np.array([0.1, 0.2]))
        (False, True)
    """
    return bool(np.ptp(values) > ROUND_OFF * np.abs(values).max())
