import io

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from PIL import Image, ImageEnhance
from scipy import fft, stats
from sklearn.datasets import load_sample_image

from ablate.tricks import color_jitter, jpeg
from ablate.tricks.augment_color import _steps

KEY = jax.random.key(0)
CHINA, FLOWER = (load_sample_image(f"{name}.jpg")[200:331, 300:445] for name in ("china", "flower"))


def jitter(bytes_, count=1, key=KEY, **changes):
    """Copies of one picture, jittered; what is not named is off."""
    images = jnp.broadcast_to(jnp.asarray(bytes_ / 255, jnp.float32), (count, *bytes_.shape))
    off = {"brightness": 0.0, "contrast": 0.0, "saturation": 0.0}
    return np.asarray(color_jitter(key, images, jnp.zeros((count, 1)), **{**off, **changes})[0], np.float64)


def luma(images):
    return images @ np.array([0.299, 0.587, 0.114])


# Factors can be read off what is not clipped: a mean, a spread, a spread of colour differences.
READ = {
    "brightness": lambda images: images.mean(axis=(1, 2, 3)),
    "contrast": lambda images: luma(images).std(axis=(1, 2)),
    "saturation": lambda images: (images[..., 0] - images[..., 2]).std(axis=(1, 2)),
}
ENHANCE = {
    "brightness": ImageEnhance.Brightness,
    "contrast": ImageEnhance.Contrast,
    "saturation": ImageEnhance.Color,
}
# in the middle of the range, so that no factor up to 1.4 clips; pale, so that differences are bounded
PALE = (100 + 55 * np.random.default_rng(0).random((6, 7, 3))).astype(np.uint8)


@pytest.mark.parametrize("name", READ)
def test_color_jitter_is_what_pillow_does_with_the_factor(name):
    images = jitter(PALE, count=20, **{name: 0.4})
    factors = READ[name](images) / READ[name](PALE[None] / 255)
    assert np.ptp(factors) > 0.3
    for image, factor in zip(images, factors, strict=True):
        expected = np.asarray(ENHANCE[name](Image.fromarray(PALE)).enhance(float(factor)))
        # Pillow works in bytes: greys are rounded (up to half a level, times up to 0.4) and results cut off (up to one)
        np.testing.assert_allclose(255 * image, expected, atol=1.3)


@pytest.mark.parametrize("name", READ)
@pytest.mark.parametrize(("change", "low", "high"), [(0.4, 0.6, 1.4), (1.5, 0.0, 2.5)])
def test_color_jitter_draws_torchvision_s_factors(name, change, low, high):
    middle = np.rint(255 * (0.35 + 0.05 * np.random.default_rng(0).random((3, 4, 3)))).astype(np.uint8)
    factors = READ[name](jitter(middle, count=2000, **{name: change})) / READ[name](middle[None] / 255)
    assert stats.kstest(factors, stats.uniform(low, high - low).cdf).pvalue > 1e-3


def test_color_jitter_changes_brightness_then_contrast_then_saturation_and_clips_each_time():
    changes = {"brightness": 0.8, "contrast": 0.7, "saturation": 0.9}
    images = jitter(CHINA[:40, :40], count=50, **changes)
    # a picture that nothing clips draws the same factors from the same keys, and shows them one by one
    pairs = {name: jitter(PALE, count=50, **{name: change}) for name, change in changes.items()}
    factors = {name: READ[name](out) / READ[name](PALE[None] / 255) for name, out in pairs.items()}
    inside = [(out.max(axis=(1, 2, 3)) < 1) & (out.min(axis=(1, 2, 3)) > 0) for out in pairs.values()]
    unclipped = np.all(inside, axis=0)
    assert unclipped.sum() > 10
    for k in np.flatnonzero(unclipped):
        b, c, s = (factors[name][k] for name in changes)
        x = np.clip(b * CHINA[:40, :40] / 255, 0, 1)
        x = np.clip(c * x + (1 - c) * luma(x).mean(), 0, 1)
        x = np.clip(s * x + (1 - s) * luma(x)[..., None], 0, 1)
        # factors are read off float32 images, to about 1e-5
        np.testing.assert_allclose(images[k], x, atol=1e-4)
    assert (images[unclipped] == 1.0).any()


def test_color_jitter_of_grey_images_has_no_saturation():
    grey = PALE[..., :1]
    np.testing.assert_array_equal(jitter(grey, count=5, saturation=0.9), jitter(grey, count=5))
    factors = jitter(grey, count=5, contrast=0.4).std(axis=(1, 2, 3)) / (grey / 255).std()
    assert np.ptp(factors) > 0.05


@pytest.mark.parametrize("augment", [color_jitter, jpeg])
def test_images_that_are_neither_grey_nor_rgb_are_refused(augment):
    with pytest.raises(ValueError, match=f"{augment.__name__} needs images of 1 or 3 channels, got 8"):
        augment(KEY, jnp.zeros((2, 8, 8, 8)), jnp.eye(2))


def pillow_jpeg(bytes_, quality):
    file = io.BytesIO()
    Image.fromarray(bytes_).save(file, "JPEG", quality=quality, subsampling=0)
    return Image.open(file)


compress = jax.jit(lambda images, quality: jpeg(KEY, images, jnp.zeros((len(images), 1)), quality)[0])


def ours(bytes_, quality):
    """What becomes of a picture in bytes, in bytes."""
    image = jnp.asarray(bytes_[None] / 255, jnp.float32)
    levels = 255 * np.asarray(compress(image, jnp.float32(quality))[0], np.float64)
    # a byte divided by 255 in float32, and multiplied again
    np.testing.assert_allclose(levels, np.rint(levels), atol=1e-4)
    return np.rint(levels)


def test_steps_of_quantisation_are_libjpeg_s_at_every_quality():
    pixel = np.zeros((8, 8, 3), np.uint8)
    for quality in range(1, 101):
        tables = pillow_jpeg(pixel, quality).quantization
        expected = np.stack([tables[0], tables[1], tables[1]], axis=-1).reshape(8, 8, 3)
        np.testing.assert_array_equal(_steps(quality), expected)


@pytest.mark.parametrize("picture", [CHINA, FLOWER, FLOWER[..., 1]], ids=["china", "flower", "grey"])
@pytest.mark.parametrize("quality", [1, 5, 10, 30, 50, 75, 90])
def test_jpeg_is_what_pillow_writes_and_reads(picture, quality):
    theirs = np.asarray(pillow_jpeg(np.ascontiguousarray(picture), quality), np.float64)
    differs = abs(ours(picture.reshape(*picture.shape[:2], -1), quality).reshape(theirs.shape) - theirs)
    # libjpeg rounds coefficients to eighths before it divides: those near half a step go the other way now and then,
    # most often where steps are small; that stays under a seventh of what compression itself changes
    assert differs.mean() < abs(theirs - picture).mean() / 7
    assert (differs <= 1).mean() > 0.85


def half_up(x):
    """Rounds halves up; what is nearer to half than float32 sums can be trusted to tell counts as half."""
    return np.floor(x + 0.5 + 2.5e-4)


def by_hand(bytes_, quality):
    """The standard's formulas in float64, with scipy's cosine transform; 8 x 8 blocks, one after another."""
    r, g, b = np.moveaxis(bytes_.astype(np.float64), -1, 0)
    y = 0.299 * r + 0.587 * g + 0.114 * b
    planes = [np.clip(half_up(p), -128, 127) for p in (y - 128, (b - y) / 1.772, (r - y) / 1.402)]
    tables = pillow_jpeg(np.zeros((8, 8, 3), np.uint8), quality).quantization
    decoded = []
    for plane, table in zip(planes, (tables[0], tables[1], tables[1]), strict=True):
        step, out = np.array(table).reshape(8, 8), np.zeros_like(plane)
        for i in range(0, plane.shape[0], 8):
            for j in range(0, plane.shape[1], 8):
                levels = fft.dctn(plane[i : i + 8, j : j + 8], norm="ortho") / step
                rounded = np.sign(levels) * half_up(abs(levels)) * step
                out[i : i + 8, j : j + 8] = fft.idctn(rounded, norm="ortho")
        decoded.append(np.clip(half_up(out), -128, 127))
    y, cb, cr = decoded[0] + 128, decoded[1], decoded[2]
    r, b = y + 1.402 * cr, y + 1.772 * cb
    return np.clip(half_up(np.stack([r, (y - 0.299 * r - 0.114 * b) / 0.587, b], axis=-1)), 0, 255)


@pytest.mark.parametrize("quality", [1, 20, 50, 80, 100])
def test_jpeg_follows_the_standard_in_float64(quality):
    picture = CHINA[:64, :96]
    differs = abs(ours(picture, quality) - by_hand(picture, quality))
    # nothing but numbers that float32 puts on the other side of where rounding turns
    assert (differs > 0).mean() < 1e-3


def test_jpeg_clips_and_rounds_quality_and_leaves_targets():
    images, targets = jnp.asarray(CHINA[None] / 255, jnp.float32), jnp.ones((1, 2))
    assert jpeg(KEY, images, targets)[1] is targets
    np.testing.assert_array_equal(compress(images, jnp.float32(29.8)), compress(images, jnp.float32(30.0)))
    assert not np.array_equal(compress(images, jnp.float32(29.0)), compress(images, jnp.float32(30.0)))
    extreme = 3.0 * images - 1.0
    np.testing.assert_array_equal(
        compress(extreme, jnp.float32(30.0)), compress(jnp.clip(extreme, 0.0, 1.0), jnp.float32(30.0))
    )
