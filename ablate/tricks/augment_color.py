"""Choices of the axis `augment` that change colours: light, and what compression loses of them."""

from typing import Annotated

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Key

from ablate.tricks.axis import NonNegative, Range, Scalar
from ablate.tricks.draws import Image, Images, Targets, example_keys, expect_images

__all__ = ["color_jitter", "jpeg"]

LUMA = (0.299, 0.587, 0.114)  # ITU-R 601: what red, green and blue add to brightness
# Rows: brightness Y, and the differences Cb = (B - Y) / 1.772 and Cr = (R - Y) / 1.402.
YCBCR = np.array([LUMA, (np.eye(3)[2] - LUMA) / 1.772, (np.eye(3)[0] - LUMA) / 1.402])
RGB = np.linalg.inv(YCBCR)

# Annex K of the JPEG standard: steps of quantisation at quality 50, rows by vertical frequency.
STEPS_LUMA = np.array(
    [
        [16, 11, 10, 16, 24, 40, 51, 61],
        [12, 12, 14, 19, 26, 58, 60, 55],
        [14, 13, 16, 24, 40, 57, 69, 56],
        [14, 17, 22, 29, 51, 87, 80, 62],
        [18, 22, 37, 56, 68, 109, 103, 77],
        [24, 35, 55, 64, 81, 104, 113, 92],
        [49, 64, 78, 87, 103, 121, 120, 101],
        [72, 92, 95, 98, 112, 100, 103, 99],
    ]
)
STEPS_CHROMA = np.full((8, 8), 99)
STEPS_CHROMA[:4, :4] = [[17, 18, 24, 47], [18, 21, 26, 66], [24, 26, 56, 99], [47, 66, 99, 99]]

FREQUENCY, PLACE = np.ogrid[:8, :8]
DCT = np.cos((2 * PLACE + 1) * FREQUENCY * np.pi / 16) * np.where(FREQUENCY == 0, np.sqrt(1 / 8), 1 / 2)

# Half a step must round alike whatever the order of float32 sums: nearer to it than this counts as half.
TIE = 2.5e-4


def color_jitter(
    key: Key[Array, ""],
    images: Images,
    targets: Targets,
    brightness: NonNegative = 0.4,
    contrast: NonNegative = 0.4,
    saturation: NonNegative = 0.4,
) -> tuple[Images, Targets]:
    """Changes brightness, contrast and saturation of each image by random factors, in this order.

        f(x) = clip(b x, 0, 1),                          b ~ U(max(0, 1 - brightness), 1 + brightness)
        f(x) = clip(c x + (1 - c) mean_hw(Y), 0, 1),     c ~ U(max(0, 1 - contrast), 1 + contrast)
        f(x) = clip(s x + (1 - s) Y, 0, 1),              s ~ U(max(0, 1 - saturation), 1 + saturation)

    with the luma Y = 0.299 R + 0.587 G + 0.114 B of the image as it is by then (ITU-R 601). torchvision's factors, but
    torchvision draws the order too. Grey images, of one channel, have no saturation to change.

    Args:
        key: a JAX key; the same key gives the same factors.
        images: float32 images in [0, 1], [batch, height, width, 1 or 3]; what lies outside is clipped.
        targets: distributions over the classes, or values, [batch, outputs].
        brightness: largest change of the factor b, at least 0; off at 0.
        contrast: largest change of the factor c, at least 0; off at 0.
        saturation: largest change of the factor s, at least 0; off at 0.

    Returns:
        Images of the same shape, and the targets as they are.

    Raises:
        ValueError: for images that are neither grey nor RGB.

    Example:
        >>> images = color_jitter(jax.random.key(0), jnp.full((4, 2, 2, 3), 0.5), jnp.eye(4))[0]
        >>> bool(((images >= 0.3) & (images <= 0.7)).all())
        True

    References:
        Howard. Some Improvements on Deep Convolutional Neural Network Based Image Classification. 2013.
        https://arxiv.org/abs/1312.5402
    """
    _check_channels(images, "color_jitter")

    def jitter(key: Key[Array, ""], image: Image) -> Image:
        keys = jax.random.split(key, 3)
        image = _blend(keys[0], image, jnp.zeros_like(image), brightness)
        image = _blend(keys[1], image, jnp.full_like(image, jnp.mean(_luma(image))), contrast)
        return image if image.shape[-1] == 1 else _blend(keys[2], image, _luma(image), saturation)

    return jax.vmap(jitter)(example_keys(key, len(images)), images), targets


def _blend(key: Key[Array, ""], image: Image, end: Image, change: NonNegative) -> Image:
    """Moves an image away from or towards where its factor is 0."""
    change = jnp.asarray(change, jnp.float32)
    factor = jax.random.uniform(key, minval=jnp.maximum(0.0, 1.0 - change), maxval=1.0 + change)
    return jnp.where(change > 0.0, jnp.clip(factor * image + (1.0 - factor) * end, 0.0, 1.0), image)


def _luma(image: Image) -> Image:
    """The grey image, of as many channels."""
    if image.shape[-1] == 1:
        return image
    grey = sum(weight * image[..., k : k + 1] for k, weight in enumerate(LUMA))
    return jnp.broadcast_to(grey, image.shape)


def jpeg(
    key: Key[Array, ""], images: Images, targets: Targets, quality: Annotated[Scalar, Range(1, 100)] = 75.0
) -> tuple[Images, Targets]:
    """Writes and reads every image as a JPEG file of the given quality would.

        y = YCbCr(round(255 x)) - 128,    c = D y D'  per 8 x 8 block
        f(x) = RGB(D' (q round(c / q)) D + 128) / 255
        q = clip(floor((k S + 50) / 100), 1, 255)
        S = floor(5000 / quality)  where  quality < 50,    200 - 2 quality  elsewhere

    with the orthonormal cosine transform D and the steps k of the standard's Annex K, for luma and for chroma, scaled
    as libjpeg does. Colours before and behind are rounded to bytes. Chroma is not subsampled (4:4:4), where most
    programs halve it unless told otherwise. Sizes that are no multiples of 8 are padded with their last row and column.
    Every image is treated alike; nothing is drawn.

    Args:
        key: not read.
        images: float32 images in [0, 1], [batch, height, width, 1 or 3]; what lies outside is clipped.
        targets: distributions over the classes, or values, [batch, outputs].
        quality: from 1, coarse, to 100, nearly lossless; rounded to a whole number as libjpeg takes it.

    Returns:
        Images of the same shape, whole multiples of 1/255, and the targets as they are.

    Raises:
        ValueError: for images that are neither grey nor RGB.

    Example:
        >>> ramp = jnp.broadcast_to(jnp.linspace(0.6, 0.7, 8)[None, None, :, None], (1, 8, 8, 1))
        >>> [len(jnp.unique(jpeg(jax.random.key(0), ramp, jnp.eye(1), quality)[0])) for quality in (1.0, 100.0)]
        [1, 8]

    References:
        ITU-T. Recommendation T.81: Digital Compression and Coding of Continuous-Tone Still Images. 1992.
        https://www.w3.org/Graphics/JPEG/itu-t81.pdf
    """
    _check_channels(images, "jpeg")
    height, width, channels = images.shape[1:]
    middle = jnp.array([128.0, 0.0, 0.0])[None, None, None, :channels]
    samples = _whole(255.0 * jnp.clip(images, 0.0, 1.0))
    samples = _whole(_colours(samples, YCBCR)) if channels == 3 else samples
    samples = jnp.clip(samples - middle, -128.0, 127.0)
    padded = jnp.pad(samples, ((0, 0), (0, -height % 8), (0, -width % 8), (0, 0)), "edge")
    decoded = _requantise(padded, _steps(quality)[..., :channels])[:, :height, :width]
    decoded = jnp.clip(_whole(decoded), -128.0, 127.0) + middle
    decoded = _whole(_colours(decoded, RGB)) if channels == 3 else decoded
    return jnp.clip(decoded, 0.0, 255.0) / 255.0, targets


def _requantise(samples: Images, steps: Float[Array, "8 8 channels"]) -> Images:
    """The samples with the coefficients of each block rounded to whole steps."""
    count, height, width, channels = samples.shape
    blocks = samples.reshape(count, height // 8, 8, width // 8, 8, channels)
    coefficients = _transform("bhiwjc,ui,vj->bhuwvc", blocks)
    step = steps[None, None, :, None, :, :]
    levels = coefficients / step
    rounded = jnp.sign(levels) * _whole(jnp.abs(levels)) * step
    return _transform("bhuwvc,ui,vj->bhiwjc", rounded).reshape(samples.shape)


def _transform(equation: str, blocks: Array) -> Array:
    matrix = jnp.asarray(DCT, jnp.float32)
    return jnp.einsum(equation, blocks, matrix, matrix, precision="highest")


def _steps(quality: Scalar) -> Float[Array, "8 8 3"]:
    """Steps of Y, Cb and Cr, in whole numbers as libjpeg computes them."""
    whole = jnp.clip(jnp.round(jnp.asarray(quality, jnp.float32)), 1.0, 100.0).astype(jnp.int32)
    percent = jnp.where(whole < 50, 5000 // whole, 200 - 2 * whole)
    base = jnp.asarray(np.stack([STEPS_LUMA, STEPS_CHROMA, STEPS_CHROMA], axis=-1), jnp.int32)
    return jnp.clip((base * percent + 50) // 100, 1, 255).astype(jnp.float32)


def _colours(samples: Images, matrix: np.ndarray) -> Images:
    return jnp.einsum("...c,dc->...d", samples, jnp.asarray(matrix, jnp.float32), precision="highest")


def _whole(x: Array) -> Array:
    return jnp.floor(x + (0.5 + TIE))


def _check_channels(images: Images, name: str) -> None:
    expect_images(name, images)
    if images.shape[-1] not in (1, 3):
        raise ValueError(f"{name} needs images of 1 or 3 channels, got {images.shape[-1]}")
