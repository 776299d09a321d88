"""Axis `scale`: from bytes to the numbers that the network sees; the same in training and evaluation."""

from typing import NamedTuple

import jax.numpy as jnp
from jaxtyping import Array, Float, Num

from ablate.tricks.axis import Axis, Choice

__all__ = ["ImageStats", "channel_mean", "image_mean", "standardize", "symmetric", "unit"]

Images = Num[Array, "batch *sites channels"]
Scaled = Float[Array, "batch *sites channels"]


class ImageStats(NamedTuple):
    """Mean and standard deviation of each channel over the train split, of images scaled to [0, 1]."""

    mean: Float[Array, " channels"]
    sd: Float[Array, " channels"]


def unit(images: Images, stats: ImageStats) -> Scaled:
    """Divides by the largest byte.

        f(x) = x / 255

    Args:
        images: bytes from 0 to 255, or floats in units of their own, [batch, ..., channels].
        stats: not read.

    Returns:
        float32 images in [0, 1], same shape.

    Example:
        >>> stats = ImageStats(mean=jnp.array([0.5]), sd=jnp.array([0.25]))
        >>> float(unit(jnp.full((1, 2, 2, 1), 255, jnp.uint8), stats).max())
        1.0

    References:
        LeCun, Bottou, Orr, Müller. Efficient BackProp. 1998. https://doi.org/10.1007/3-540-49430-8_2
    """
    return images.astype(jnp.float32) / 255.0 if jnp.issubdtype(images.dtype, jnp.integer) else images


def symmetric(images: Images, stats: ImageStats) -> Scaled:
    """Maps the bytes onto [-1, 1].

        f(x) = x / 127.5 - 1

    Args:
        images: bytes from 0 to 255, or floats in units of their own, [batch, ..., channels].
        stats: not read.

    Returns:
        float32 images in [-1, 1], same shape.

    Example:
        >>> stats = ImageStats(mean=jnp.array([0.5]), sd=jnp.array([0.25]))
        >>> float(symmetric(jnp.zeros((1, 2, 2, 1), jnp.uint8), stats).max())
        -1.0

    References:
        LeCun, Bottou, Orr, Müller. Efficient BackProp. 1998. https://doi.org/10.1007/3-540-49430-8_2
    """
    if jnp.issubdtype(images.dtype, jnp.integer):
        return images.astype(jnp.float32) / 127.5 - 1.0
    return 2.0 * images - 1.0


def image_mean(images: Images, stats: ImageStats) -> Scaled:
    """Takes from each image the mean of all its pixels and channels, and with it the image's overall brightness.

        f(x) = x / 255 - mean_hwc(x / 255)

    Args:
        images: bytes from 0 to 255, or floats in units of their own, [batch, ..., channels].
        stats: not read.

    Returns:
        float32 images in [-1, 1] with mean 0 each, same shape.

    Example:
        >>> stats = ImageStats(mean=jnp.array([0.5]), sd=jnp.array([0.25]))
        >>> float(image_mean(jnp.full((1, 2, 2, 1), 51, jnp.uint8), stats).max())
        0.0

    References:
        Coates, Ng, Lee. An Analysis of Single-Layer Networks in Unsupervised Feature Learning. 2011.
        https://proceedings.mlr.press/v15/coates11a.html
    """
    scaled = unit(images, stats)
    return scaled - jnp.mean(scaled, axis=tuple(range(1, scaled.ndim)), keepdims=True)


def channel_mean(images: Images, stats: ImageStats) -> Scaled:
    """Takes from each channel its mean over the train split.

        f(x)_c = x_c / 255 - mean_c

    Args:
        images: bytes from 0 to 255, or floats in units of their own, [batch, ..., channels].
        stats: the means in units of images in [0, 1], [channels].

    Returns:
        float32 images in [-1, 1], same shape.

    Example:
        >>> stats = ImageStats(mean=jnp.array([0.5]), sd=jnp.array([0.25]))
        >>> float(channel_mean(jnp.full((1, 2, 2, 1), 255, jnp.uint8), stats).max())
        0.5

    References:
        Simonyan, Zisserman. Very Deep Convolutional Networks for Large-Scale Image Recognition. 2014.
        https://arxiv.org/abs/1409.1556
    """
    return unit(images, stats) - _along_channels(stats.mean, images.ndim)


def standardize(images: Images, stats: ImageStats) -> Scaled:
    """Gives each channel mean 0 and standard deviation 1 over the train split.

        f(x)_c = (x_c / 255 - mean_c) / sd_c        with 1 for an sd of 0, a channel that never varies

    Args:
        images: bytes from 0 to 255, or floats in units of their own, [batch, ..., channels].
        stats: means and standard deviations in units of images in [0, 1], [channels].

    Returns:
        float32 images in units of standard deviations, same shape.

    Example:
        >>> stats = ImageStats(mean=jnp.array([0.5]), sd=jnp.array([0.25]))
        >>> float(standardize(jnp.full((1, 2, 2, 1), 255, jnp.uint8), stats).max())
        2.0

    References:
        LeCun, Bottou, Orr, Müller. Efficient BackProp. 1998. https://doi.org/10.1007/3-540-49430-8_2
    """
    spread = jnp.where(stats.sd > 0, stats.sd, 1.0)
    return channel_mean(images, stats) / _along_channels(spread, images.ndim)


def _along_channels(values: Float[Array, " channels"], ndim: int) -> Float[Array, "*ones channels"]:
    return values.reshape((1,) * (ndim - 1) + (-1,))


AXIS = Axis(
    name="scale",
    seam="(images, stats) -> images",
    data=("images", "stats"),
    identity="unit",
    choices={
        "unit": Choice(unit),
        "symmetric": Choice(symmetric),
        "image_mean": Choice(image_mean),
        "channel_mean": Choice(channel_mean),
        "standardize": Choice(standardize),
    },
)
