"""Simulated cells: the metrics of many small studies at once, for `simulate`."""

from collections.abc import Callable

import numpy as np
from jaxtyping import Float

# Draws of a given shape, mean 0 and variance 1.
Noise = Callable[[np.random.Generator, tuple[int, ...]], np.ndarray]


def normal(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """Draw standard normal noise.

    Args:
        rng: source of the draws.
        shape: of the result.

    Returns:
        Draws with mean 0 and variance 1.

    Example:
        >>> normal(np.random.default_rng(0), (2, 3)).shape
        (2, 3)
    """
    return rng.standard_normal(shape)


def skewed(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """Draw noise with a long lower tail, as of accuracies with now and then a bad seed: 1 - Exp(1).

    Args:
        rng: source of the draws.
        shape: of the result.

    Returns:
        Draws with mean 0 and variance 1.

    Example:
        >>> bool(skewed(np.random.default_rng(0), (1000,)).max() <= 1)
        True
    """
    return 1 - rng.standard_exponential(shape)


def draw_cells(
    repeats: int, arms: int, n: int, rng: np.random.Generator, *, shared: float = 0.5, noise: Noise = normal
) -> Float[np.ndarray, "repeats arms n"]:
    """Draw the metrics of whole studies: sqrt(shared) seed + sqrt(1 - shared) own.

    Args:
        repeats: studies.
        arms: arms besides the baseline.
        n: seeds, shared by all arms.
        rng: source of the draws.
        shared: part of a cell's variance that belongs to its seed, 0 to below 1; the correlation of the pairs.
        noise: draws of mean 0 and variance 1.

    Returns:
        Metrics with mean 0 and variance 1; arm 0 is the baseline.

    Raises:
        ValueError: if shared is out of range.

    Example:
        >>> draw_cells(4, 2, 6, np.random.default_rng(0)).shape
        (4, 3, 6)
    """
    if not 0 <= shared < 1:
        raise ValueError(f"the shared part of the variance lies in [0, 1), got {shared}")
    return np.sqrt(shared) * noise(rng, (repeats, 1, n)) + np.sqrt(1 - shared) * noise(rng, (repeats, arms + 1, n))


def draw_deltas(
    repeats: int, arms: int, n: int, rng: np.random.Generator, *, shared: float = 0.5, noise: Noise = normal
) -> Float[np.ndarray, "repeats arms n"]:
    """Draw paired deltas of whole studies without any effect: arm - baseline of `draw_cells`.

    Args:
        repeats: studies.
        arms: arms besides the baseline.
        n: seeds.
        rng: source of the draws.
        shared: part of a cell's variance that belongs to its seed.
        noise: draws of mean 0 and variance 1.

    Returns:
        Deltas, correlated between arms through the baseline.

    Example:
        >>> draw_deltas(4, 2, 6, np.random.default_rng(0)).shape
        (4, 2, 6)
    """
    cells = draw_cells(repeats, arms, n, rng, shared=shared, noise=noise)
    return cells[:, 1:] - cells[:, :1]
