import jax.numpy as jnp
import numpy as np
import pytest
from PIL import Image

from ablate.tricks import AXES, ImageStats, channel_mean, image_mean, resize, standardize, symmetric, unit

BYTES = np.random.default_rng(0).integers(0, 256, (16, 5, 7, 3)).astype(np.uint8)
UNIT = BYTES.astype(np.float64) / 255
STATS = ImageStats(mean=jnp.float32([0.2, 0.4, 0.6]), sd=jnp.float32([0.1, 0.2, 0.0]))


def pillow_resize(channel, size):
    """Bilinear with antialiasing, as Pillow computes it for images of floats."""
    return np.asarray(Image.fromarray(channel.astype(np.float32)).resize((size, size), Image.Resampling.BILINEAR))


@pytest.mark.parametrize(
    ("scale", "expected"),
    [
        (unit, UNIT),
        (symmetric, 2 * UNIT - 1),
        (image_mean, UNIT - UNIT.mean((1, 2, 3), keepdims=True)),
        (channel_mean, UNIT - np.array([0.2, 0.4, 0.6])),
        (standardize, (UNIT - np.array([0.2, 0.4, 0.6])) / np.array([0.1, 0.2, 1.0])),
    ],
)
@pytest.mark.parametrize("source", [BYTES, UNIT.astype(np.float32)], ids=["bytes", "floats"])
def test_scales(scale, expected, source):
    images = scale(jnp.asarray(source), STATS)
    assert images.dtype == jnp.float32
    np.testing.assert_allclose(images, expected, atol=2e-6)


def test_vectors_are_scaled_feature_by_feature():
    vectors = jnp.array([[1.0, 10.0], [3.0, 30.0]])
    stats = ImageStats(mean=jnp.array([2.0, 20.0]), sd=jnp.array([1.0, 10.0]))
    np.testing.assert_allclose(standardize(vectors, stats), [[-1.0, -1.0], [1.0, 1.0]])
    assert unit(vectors, stats) is vectors


@pytest.mark.parametrize("size", [3, 5, 12])
@pytest.mark.parametrize("source", [BYTES, UNIT.astype(np.float32)], ids=["bytes", "floats"])
def test_resize_resamples_as_pillow_does(size, source):
    images = resize(jnp.asarray(source), STATS, size=size)
    expected = [[pillow_resize(image[..., c], size) for c in range(3)] for image in UNIT]
    assert images.dtype == jnp.float32
    # float32 sums of at most 12 weights here and there
    np.testing.assert_allclose(images, np.moveaxis(np.array(expected), 1, -1), atol=1e-6)


def test_resize_stands_in_front_of_another_scale_or_behind_it():
    images = jnp.asarray(BYTES)
    before = standardize(resize(images, STATS, size=4), STATS)
    behind = resize(standardize(images, STATS), STATS, size=4)
    assert AXES["scale"].composes
    # values up to 8 standard deviations, in float32
    np.testing.assert_allclose(before, behind, atol=1e-5)


def test_resize_refuses_what_has_no_rows_and_columns():
    with pytest.raises(ValueError, match=r"resize needs images .* \(2, 3\)"):
        resize(jnp.ones((2, 3)), STATS, size=4)
