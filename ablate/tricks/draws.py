"""Draws per example; every file of the axis `augment` asks, so the answer stands here once."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Integer, Key, Num

Pictures = Num[Array, "batch height width channels"]
Images = Float[Array, "batch height width channels"]
Image = Float[Array, "height width channels"]
Targets = Float[Array, "batch outputs"]


def expect_images(name: str, images: Array) -> None:
    """Says in words that something was given vectors and works on images.

    Args:
        name: who needs them.
        images: what it was given.

    Raises:
        ValueError: they are no images [batch, height, width, channels].

    Example:
        >>> expect_images("flip", jnp.zeros((4, 8, 8, 1)))
    """
    if images.ndim != 4:
        raise ValueError(f"{name} needs images [batch, height, width, channels], got the shape {images.shape}")


def example_keys(key: Key[Array, ""], count: int) -> Key[Array, " count"]:
    """A key per example, so that what an example draws does not hang on the size of the batch around it.

        k_i = fold_in(key, i)    for i = 0, ..., count-1

    Args:
        key: a JAX key.
        count: examples in the batch, at least 1.

    Returns:
        Keys, [count]; the first ones of a larger batch are those of a smaller one.

    Example:
        >>> key = jax.random.key(0)
        >>> bool((example_keys(key, 5)[:3] == example_keys(key, 3)).all())
        True
    """
    return keys_at(key, jnp.arange(count))


def keys_at(key: Key[Array, ""], index: Integer[Array, " batch"]) -> Key[Array, " batch"]:
    """A key per position in the data: an example has the same one in whatever batch it comes."""
    return jax.vmap(jax.random.fold_in, in_axes=(None, 0))(key, index)
