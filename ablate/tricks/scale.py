"""Axis `scale`: from bytes to the numbers that the network sees; the same in training and evaluation.

Floats pass `unit` as they are, so that a choice may stand behind another one that has already left the bytes.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Num

from ablate.tricks.axis import Axis, Choice, Count
from ablate.tricks.draws import expect_images

__all__ = ["ImageStats", "channel_mean", "image_mean", "resize", "standardize", "symmetric", "unit"]

Images = Num[Array, "batch *sites channels"]
Scaled = Float[Array, "batch *sites channels"]


class ImageStats(NamedTuple):
    """Mean and standard deviation of each channel over the train split, of images scaled to [0, 1]."""

    mean: Float[Array, " channels"]
    sd: Float[Array, " channels"]


def in_units(inputs: Images) -> Scaled:
    """Bytes as numbers from 0 to 1; floats have units of their own."""
    return inputs.astype(jnp.float32) / 255.0 if jnp.issubdtype(inputs.dtype, jnp.integer) else inputs


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
    return in_units(images)


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


def resize(images: Images, stats: ImageStats, size: Count) -> Float[Array, "batch size size channels"]:
    """Makes the resolution of the input a factor: resamples to `size` rows and columns, then divides as `unit` does.

        f(x)[i, j] = sum_kl a_ik b_jl x[k, l] / 255
        a_ik = max(0, 1 - |(i + 1/2) r - (k + 1/2)| / max(r, 1)) / norm,    r = height / size,    sum_k a_ik = 1

    and b likewise for columns. The triangle widens where the image shrinks (antialiasing) and is bilinear interpolation
    where it grows. What is not square is stretched.

    Scales stand behind one another in the order of a config: in front of `standardize` it hands on images in
    [0, 1], behind it floats in their units; the two orders differ by rounding alone, except with `image_mean`.

    Args:
        images: bytes from 0 to 255, or floats in units of their own, [batch, height, width, channels].
        stats: not read.
        size: edge length S of the result in pixels, at least 1.

    Returns:
        float32 images in [0, 1], or floats in the units they came in, [batch, S, S, channels].

    Raises:
        ValueError: where there are no rows and columns to resample.

    Example:
        >>> stats = ImageStats(mean=jnp.array([0.5]), sd=jnp.array([0.25]))
        >>> resize(jnp.array([0, 255], jnp.uint8).reshape(1, 1, 2, 1), stats, size=4)[0, 0, :, 0].tolist()
        [0.0, 0.25, 0.75, 1.0]

    References:
        Touvron, Vedaldi, Douze, Jégou. Fixing the Train-Test Resolution Discrepancy. 2019.
        https://arxiv.org/abs/1906.06423
    """
    expect_images("resize", images)
    shape = (images.shape[0], size, size, images.shape[3])
    return jax.image.resize(unit(images, stats), shape, "linear")


def _along_channels(values: Float[Array, " channels"], ndim: int) -> Float[Array, "*ones channels"]:
    return values.reshape((1,) * (ndim - 1) + (-1,))


AXIS = Axis(
    name="scale",
    bare=False,
    seam="(images, stats) -> images",
    data=("images", "stats"),
    identity="unit",
    composes=True,
    choices={
        "unit": Choice(unit),
        "symmetric": Choice(symmetric),
        "image_mean": Choice(image_mean),
        "channel_mean": Choice(channel_mean),
        "standardize": Choice(standardize),
        "resize": Choice(resize, example={"size": 6}),
    },
)
