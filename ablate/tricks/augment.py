"""Axis `augment`: random changes of a training batch, drawn per example from one key."""

from typing import Annotated, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Integer, Key, Num

from ablate.tricks.axis import Axis, Choice, Range

__all__ = ["Visit", "flip", "no_augment", "random_crop"]

Images = Num[Array, "batch height width channels"]
Targets = Float[Array, "batch classes"]


class Visit(NamedTuple):
    """When an example is seen, for a choice that asks for the parameter `visit`.

    Args:
        index: position of each example in the data, [batch].
        epoch: passes over the training data so far; whole ones count.
        key: a key of the seed that is the same at every step.
    """

    index: Integer[Array, " batch"]
    epoch: Float[Array, ""] | Integer[Array, ""]
    key: Key[Array, ""]


def no_augment(key: Key[Array, ""], images: Array, targets: Array) -> tuple[Array, Array]:
    """The batch as it is."""
    return images, targets


def flip(key: Key[Array, ""], images: Images, targets: Targets) -> tuple[Images, Targets]:
    """Mirrors each image left to right with probability 1/2.

        f(x)[i, j] = x[i, w-1-j]  where  b = 1,    b ~ Bernoulli(1/2) per example

    Args:
        key: a JAX key; the same key gives the same flips.
        images: [batch, height, width, channels], any number type.
        targets: distributions over the classes, [batch, classes].

    Returns:
        Images of the same shape and type, and the targets as they are.

    Example:
        >>> images = jnp.arange(8.0).reshape(4, 1, 2, 1)
        >>> flip(jax.random.key(0), images, jnp.eye(4))[0].shape
        (4, 1, 2, 1)

    References:
        Krizhevsky, Sutskever, Hinton. ImageNet Classification with Deep Convolutional Neural Networks. 2012.
        https://papers.nips.cc/paper/4824-imagenet-classification-with-deep-convolutional-neural-networks
    """
    mirrored = jax.random.bernoulli(key, 0.5, images.shape[:1])
    return jnp.where(mirrored[:, None, None, None], images[:, :, ::-1, :], images), targets


def random_crop(
    key: Key[Array, ""], images: Images, targets: Targets, padding: Annotated[int, Range(0)] = 4
) -> tuple[Images, Targets]:
    """Pads each image with zeros and cuts a window of the old size at a random place.

        f(x) = pad(x, P)[i:i+h, j:j+w],    i, j ~ U{0, ..., 2P} per example

    After a scale that centres the images the zeros are the mean colour.

    Args:
        key: a JAX key; the same key gives the same windows.
        images: [batch, height, width, channels], any number type.
        targets: distributions over the classes, [batch, classes].
        padding: rows and columns of zeros P on each side, in pixels, at least 0; at 0 nothing changes.

    Returns:
        Images of the same shape and type, and the targets as they are.

    Raises:
        ValueError: for a negative padding.

    Example:
        >>> images = jnp.ones((4, 8, 8, 3))
        >>> random_crop(jax.random.key(0), images, jnp.eye(4), padding=2)[0].shape
        (4, 8, 8, 3)

    References:
        He, Zhang, Ren, Sun. Deep Residual Learning for Image Recognition. 2015. https://arxiv.org/abs/1512.03385
    """
    if padding < 0:
        raise ValueError(f"padding={padding} must be at least 0")
    widths = ((0, 0), (padding, padding), (padding, padding), (0, 0))
    corners = jax.random.randint(key, (images.shape[0], 2), 0, 2 * padding + 1)

    def window(padded: Array, corner: Array) -> Array:
        return jax.lax.dynamic_slice(padded, (corner[0], corner[1], 0), images.shape[1:])

    return jax.vmap(window)(jnp.pad(images, widths), corners), targets


AXIS = Axis(
    name="augment",
    seam="(key, images, targets) -> (images, targets)",
    data=("key", "images", "targets"),
    identity="none",
    composes=True,
    choices={
        "none": Choice(no_augment),
        "flip": Choice(flip),
        "random_crop": Choice(random_crop),
    },
)
