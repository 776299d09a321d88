import jax
import jax.numpy as jnp
import numpy as np
import pytest
from PIL import Image
from scipy import stats

from ablate.tricks import (
    AXES,
    Visit,
    alternating_flip,
    flip,
    multi_scale,
    random_crop,
    resized_crop,
)

BYTES = np.random.default_rng(0).integers(0, 256, (16, 5, 7, 3)).astype(np.uint8)
UNIT = BYTES.astype(np.float64) / 255
TARGETS = jnp.eye(16)
KEY = jax.random.key(0)


def pillow_resize(channel, height, width):
    """Bilinear with antialiasing, as Pillow computes it for images of floats."""
    return np.asarray(Image.fromarray(channel.astype(np.float32)).resize((width, height), Image.Resampling.BILINEAR))


def test_flip_mirrors_some_images_and_leaves_the_others():
    images, targets = flip(KEY, jnp.asarray(BYTES), TARGETS)
    kept = np.array([np.array_equal(a, b) for a, b in zip(images, BYTES, strict=True)])
    mirrored = np.array([np.array_equal(a, b[:, ::-1]) for a, b in zip(images, BYTES, strict=True)])
    assert images.dtype == jnp.uint8
    assert targets is TARGETS
    assert (kept ^ mirrored).all()
    assert kept.any()
    assert mirrored.any()


def test_flip_is_even_handed():
    images = jnp.broadcast_to(jnp.float32([0.0, 1.0]).reshape(1, 1, 2, 1), (4000, 1, 2, 1))
    flipped = flip(KEY, images, jnp.zeros((4000, 2)))[0][:, 0, 0, 0]
    assert abs(float(flipped.mean()) - 0.5) < 4 * 0.5 / 4000**0.5


@pytest.mark.parametrize(
    "augment",
    [
        flip,
        random_crop,
        resized_crop,
        lambda *data: multi_scale(*data, sizes=(3, 5, 8)),
        AXES["augment"].choices["color_jitter"].make,
        AXES["augment"].choices["cutout"].make,
    ],
)
def test_what_an_example_draws_does_not_hang_on_the_size_of_the_batch(augment):
    images = jnp.asarray(UNIT, jnp.float32)
    whole, part = augment(KEY, images, TARGETS)[0], augment(KEY, images[:5], TARGETS[:5])[0]
    assert not np.array_equal(whole, images)
    # another batch size is another program, which may round otherwise
    np.testing.assert_allclose(whole[:5], part, atol=1e-6)


def seen(indices, epoch, seed=0):
    """Which of the examples are mirrored in an epoch."""
    images = jnp.broadcast_to(jnp.float32([0.0, 1.0]).reshape(1, 1, 2, 1), (len(indices), 1, 2, 1))
    visit = Visit(jnp.asarray(indices), jnp.float32(epoch), jax.random.key(seed))
    images, _ = alternating_flip(KEY, images, jnp.zeros((len(indices), 2)), visit=visit)
    return np.asarray(images[:, 0, 0, 0]) == 1.0


def test_alternating_flip_shows_every_example_once_each_way_in_two_epochs():
    order = np.random.default_rng(0).permutation(4000)
    first = seen(order, 0)
    assert abs(first.mean() - 0.5) < 4 * 0.5 / 4000**0.5
    for epoch in range(1, 5):
        np.testing.assert_array_equal(seen(order, epoch), first ^ (epoch % 2 == 1))


def test_alternating_flip_hangs_on_index_whole_epochs_and_seed_alone():
    order = np.random.default_rng(0).permutation(400)
    first = seen(np.arange(400), 2.0)
    np.testing.assert_array_equal(seen(order, 2.99), first[order])
    assert not np.array_equal(seen(np.arange(400), 2.0, seed=1), first)


def test_alternating_flip_mirrors_whole_images_and_asks_for_what_no_config_sets():
    visit = Visit(jnp.arange(16), jnp.int32(1), jax.random.key(0))
    images, targets = alternating_flip(KEY, jnp.asarray(BYTES), TARGETS, visit=visit)
    expected = np.where(seen(np.arange(16), 1)[:, None, None, None], BYTES[:, :, ::-1], BYTES)
    np.testing.assert_array_equal(images, expected)
    assert targets is TARGETS
    assert AXES["augment"].arguments(AXES["augment"].choices["alternating_flip"]) == {}


def test_random_crop_cuts_windows_of_the_padded_image_at_different_places():
    padding, (_, h, w, _) = 2, BYTES.shape
    images, targets = random_crop(KEY, jnp.asarray(BYTES), TARGETS, padding=padding)
    padded = np.pad(BYTES, ((0, 0), (padding, padding), (padding, padding), (0, 0)))
    places = [
        [(i, j) for i in range(5) for j in range(5) if np.array_equal(image, whole[i : i + h, j : j + w])]
        for image, whole in zip(images, padded, strict=True)
    ]
    assert targets is TARGETS
    assert all(len(found) == 1 for found in places)
    assert len({found[0] for found in places}) > 5


def test_random_crop_reaches_every_place_alike_and_vanishes_without_padding():
    images = jnp.broadcast_to(jnp.arange(1.0, 10.0).reshape(1, 3, 3, 1), (2000, 3, 3, 1))
    centres = random_crop(KEY, images, jnp.zeros((2000, 2)), padding=1)[0][:, 1, 1, 0]
    values, counts = np.unique(centres, return_counts=True)
    assert values.tolist() == list(range(1, 10))
    assert stats.chisquare(counts).pvalue > 1e-3
    np.testing.assert_array_equal(random_crop(KEY, jnp.asarray(BYTES), TARGETS, padding=0)[0], BYTES)


def test_random_crop_refuses_negative_padding():
    with pytest.raises(ValueError, match="padding=-1"):
        random_crop(KEY, jnp.asarray(BYTES), TARGETS, padding=-1)


def windows_of(count, shape, **bounds):
    """Corners and edges of windows, read off two ramps, beside a third channel and what became of it.

    Sample points lie on lines, of which two that are surely inside tell slope and offset.
    """
    rows, columns = np.mgrid[: shape[0], : shape[1]].astype(np.float32)
    picture = np.stack([rows, columns, np.random.default_rng(1).random(shape, np.float32)], axis=-1)
    images = jnp.broadcast_to(picture, (count, *picture.shape))
    out = np.asarray(resized_crop(KEY, images, jnp.zeros((count, 1)), **bounds)[0], np.float64)
    low, high = [n // 3 for n in shape], [2 * n // 3 for n in shape]
    ends = [(out[:, low[0], 0, 0], out[:, high[0], 0, 0]), (out[:, 0, low[1], 1], out[:, 0, high[1], 1])]
    steps = np.stack([(b - a) / (h - lo) for (a, b), lo, h in zip(ends, low, high, strict=True)], axis=1)
    starts = np.stack([a + 0.5 for a, _ in ends], axis=1)
    corners = starts - (np.array(low) + 0.5) * steps
    return corners, steps * np.array(shape), picture[..., 2].astype(np.float64), out[..., 2]


def bilinear(image, rows, columns):
    """Interpolation at points given in pixels from the first pixel's middle; beyond the edge its pixels go on."""
    padded = np.pad(image, 1, mode="edge")
    i, j = np.floor(rows).astype(int), np.floor(columns).astype(int)
    a, b = (rows - i)[:, None], (columns - j)[None, :]
    top = (1 - b) * padded[np.ix_(i + 1, j + 1)] + b * padded[np.ix_(i + 1, j + 2)]
    bottom = (1 - b) * padded[np.ix_(i + 2, j + 1)] + b * padded[np.ix_(i + 2, j + 2)]
    return (1 - a) * top + a * bottom


@pytest.mark.parametrize("shape", [(12, 12), (9, 15)])
def test_resized_crop_interpolates_inside_its_window(shape):
    corners, edges, picture, out = windows_of(50, shape, scale=(0.1, 0.9))
    assert (corners > -1e-3).all()
    assert (corners + edges < np.array(shape) + 1e-3).all()
    for corner, edge, image in zip(corners, edges, out, strict=True):
        points = [start + (np.arange(n) + 0.5) * e / n - 0.5 for start, e, n in zip(corner, edge, shape, strict=True)]
        # windows are read off float32 ramps up to 15, to about 1e-5 pixels; a pixel is at most 1 off the next
        np.testing.assert_allclose(image, bilinear(picture, *points), atol=5e-5)


def test_resized_crop_draws_area_shape_and_place_as_promised():
    # half of the area at 4:3 still fits, so no draw is thrown away
    corners, edges, _, _ = windows_of(2000, (12, 12), scale=(0.1, 0.5), ratio=(3 / 4, 4 / 3))
    area, shape = edges.prod(axis=1) / 144, np.log(edges[:, 1] / edges[:, 0])
    places = corners / (12 - edges)
    width = 2 * np.log(4 / 3)
    assert stats.kstest(area, stats.uniform(0.1, 0.4).cdf).pvalue > 1e-3
    assert stats.kstest(shape, stats.uniform(-width / 2, width).cdf).pvalue > 1e-3
    assert all(stats.kstest(places[:, k], stats.uniform().cdf).pvalue > 1e-3 for k in (0, 1))
    draws = np.stack([area, shape, *places.T])
    assert (abs(np.corrcoef(draws) - np.eye(4)) < 4 / 2000**0.5).all()


def test_resized_crop_falls_back_on_the_largest_window_in_the_middle():
    corners, edges, _, _ = windows_of(3, (12, 24), scale=(1, 1), ratio=(0.5, 1))
    np.testing.assert_allclose(edges, np.full((3, 2), 12.0), rtol=1e-5)
    np.testing.assert_allclose(corners, np.tile([0.0, 6.0], (3, 1)), atol=1e-4)


def test_resized_crop_of_the_whole_image_leaves_it_as_it_is():
    images = jnp.asarray(UNIT[:, :, :5], jnp.float32)
    cropped, targets = resized_crop(KEY, images, TARGETS, scale=(1, 1), ratio=(1, 1))
    assert targets is TARGETS
    # the square root of 5 x 5 need not be 5 in float32
    np.testing.assert_allclose(cropped, images, atol=1e-6)


@pytest.mark.parametrize("bounds", [{"scale": (0.5, 0.2)}, {"scale": (0.5,)}, {"ratio": (2, 1)}])
def test_resized_crop_refuses_what_is_no_pair_in_order(bounds):
    with pytest.raises(ValueError, match="must be a pair in ascending order"):
        resized_crop(KEY, jnp.asarray(UNIT, jnp.float32), TARGETS, **bounds)


def zoomed(image, size):
    """The image at a size of its shorter edge, cut or padded to its own shape, channel by channel with Pillow."""
    h, w = image.shape[:2]
    tall, wide = (max(1, round(n * size / min(h, w))) for n in (h, w))
    new = np.stack([pillow_resize(image[..., c], tall, wide) for c in range(3)], axis=-1)
    top, left = (h - tall) // 2, (w - wide) // 2
    padded = np.pad(new, ((max(top, 0), h), (max(left, 0), w), (0, 0)))
    return padded[max(-top, 0) : max(-top, 0) + h, max(-left, 0) : max(-left, 0) + w]


@pytest.mark.parametrize("size", [1, 2, 4, 5, 6, 9])
def test_multi_scale_cuts_or_pads_what_pillow_resamples(size):
    images, targets = multi_scale(KEY, jnp.asarray(UNIT, jnp.float32), TARGETS, sizes=(size,))
    assert targets is TARGETS
    # sample points are computed in float32, up to 10 pixels from the origin
    np.testing.assert_allclose(images, [zoomed(image, size) for image in UNIT], atol=1e-5)


def test_multi_scale_draws_every_size_alike():
    images = jnp.ones((3000, 4, 4, 1))
    areas = multi_scale(KEY, images, jnp.zeros((3000, 1)), sizes=(1, 2, 3))[0].sum(axis=(1, 2, 3))
    values, counts = np.unique(np.asarray(areas).round(3), return_counts=True)
    assert values.tolist() == [1.0, 4.0, 9.0]
    assert stats.chisquare(counts).pvalue > 1e-3


def test_multi_scale_refuses_to_choose_from_nothing():
    with pytest.raises(ValueError, match="sizes is empty"):
        multi_scale(KEY, jnp.asarray(UNIT, jnp.float32), TARGETS, sizes=())
