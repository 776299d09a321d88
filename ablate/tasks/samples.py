"""How well samples resemble data: which modes they reach, and how far their distribution is from that of examples.

Everything is in units of the data and flat: one row of numbers per sample or example. Examples of weight 0 are
padding; the sample beside one is left out with it, so that there are always as many samples as examples.
"""

import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Bool, Float, Int

WITHIN = 3.0  # standard deviations from its center within which a sample belongs to a mode
NEIGHBOURS = 5  # that tell how far apart examples lie where modes have no centers
FAR = jnp.finfo(jnp.float32).max

Rows = Float[Array, "batch numbers"]


def modes_of_mixture(
    samples: Rows, centers: Float[Array, "modes numbers"], sd: Float[Array, ""]
) -> Bool[Array, "batch modes"]:
    """Which mode each sample belongs to: that of the nearest center, if it lies within 3 sd of it; or to none.

    Of samples of the mixture itself, 98.9 % belong to a mode in the plane.

    Example:
        >>> modes_of_mixture(jnp.array([[0.2], [5.0]]), jnp.array([[0.0], [1.0]]), jnp.float32(0.1)).tolist()
        [[True, False], [False, False]]
    """
    distances = jnp.linalg.norm(samples[:, None] - centers[None], axis=-1)
    nearest = jax.nn.one_hot(jnp.argmin(distances, -1), len(centers), dtype=jnp.bool_)
    return nearest & (distances <= WITHIN * sd)


def modes_of_examples(
    samples: Rows, examples: Rows, modes: Int[Array, " batch"], count: int, weights: Float[Array, " batch"]
) -> Bool[Array, "batch modes"]:
    """Which mode each sample belongs to, where only examples of the modes are known, or to none.

    A sample belongs to the mode of the nearest example, if it lies in the data: no farther from some example than that
    example's fifth nearest neighbour is. The more examples, the finer this is.

    Args:
        samples: [batch, numbers].
        examples: held-out ones, [batch, numbers].
        modes: of the examples, from 0 to count - 1.
        count: number of modes.
        weights: 0 leaves an example out.

    References:
        Kynkäänniemi, Karras, Laine, Lehtinen, Aila. Improved Precision and Recall Metric for Assessing Generative
        Models. 2019. https://arxiv.org/abs/1904.06991
    """
    counts = weights > 0
    own = jnp.where(counts[None] & ~jnp.eye(len(examples), dtype=jnp.bool_), distances_between(examples, examples), FAR)
    radii = -lax.top_k(-own, min(NEIGHBOURS, len(examples)))[0][:, -1]
    radii = jnp.where(counts & (radii < FAR), radii, -1.0)  # too few neighbours tell nothing
    distances = jnp.where(counts[None], distances_between(samples, examples), FAR)
    inside = jnp.any(distances <= radii[None], -1)
    return inside[:, None] & jax.nn.one_hot(modes[jnp.argmin(distances, -1)], count, dtype=jnp.bool_)


def distances_between(rows: Rows, others: Rows) -> Float[Array, "batch batch"]:
    """Euclidean distances of all pairs, without an array of all differences."""
    products = jnp.matmul(rows, others.T, precision=lax.Precision.HIGHEST)
    squares = jnp.sum(jnp.square(rows), -1)[:, None] + jnp.sum(jnp.square(others), -1)[None]
    return jnp.sqrt(jnp.maximum(squares - 2 * products, 0.0))


def sliced_distance(
    samples: Rows, examples: Rows, weights: Float[Array, " batch"], directions: Float[Array, "slices numbers"]
) -> Float[Array, ""]:
    """Sliced Wasserstein-1 distance of samples and examples, in units of the data.

        mean over directions u of    1/n sum_i |a_(i) - b_(i)|,    a = samples u, b = examples u, in rising order

    Above 0 for two draws of the same distribution, too: the more so, the smaller the batch.

    Args:
        samples: [batch, numbers].
        examples: [batch, numbers].
        weights: 0 leaves an example, and the sample beside it, out; nothing but padding gives 0.
        directions: unit vectors.

    Returns:
        At least 0.

    Example:
        >>> x = jnp.array([[0.0], [1.0]])
        >>> float(sliced_distance(x, x + 0.5, jnp.ones(2), jnp.ones((1, 1))))
        0.5

    References:
        Bonneel, Rabin, Peyré, Pfister. Sliced and Radon Wasserstein Barycenters of Measures. 2015.
        https://doi.org/10.1007/s10851-014-0506-3
    """
    counts = (weights > 0)[:, None]
    ranked, others = (
        jnp.sort(jnp.where(counts, jnp.matmul(rows, directions.T, precision=lax.Precision.HIGHEST), FAR), 0)
        for rows in (samples, examples)
    )
    # Padding lies behind everything else, in both: its differences are 0.
    return jnp.sum(jnp.mean(jnp.abs(ranked - others), -1)) / jnp.maximum(jnp.sum(counts.astype(jnp.float32)), 1.0)


def directions_of(count: int, numbers: int) -> Float[Array, "slices numbers"]:
    """Unit vectors, uniform over the sphere; the same ones at every evaluation of every cell."""
    key = jax.random.key(0, impl="threefry2x32")
    vectors = jax.random.normal(key, (count, numbers))
    return vectors / jnp.linalg.norm(vectors, axis=-1, keepdims=True)
