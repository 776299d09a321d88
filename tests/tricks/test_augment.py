import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ablate.tricks import flip, random_crop

BYTES = np.random.default_rng(0).integers(0, 256, (16, 5, 7, 3)).astype(np.uint8)
TARGETS = jnp.eye(16)


def test_flip_mirrors_some_images_and_leaves_the_others():
    images, targets = flip(jax.random.key(0), jnp.asarray(BYTES), TARGETS)
    kept = np.array([np.array_equal(a, b) for a, b in zip(images, BYTES, strict=True)])
    mirrored = np.array([np.array_equal(a, b[:, ::-1]) for a, b in zip(images, BYTES, strict=True)])
    assert images.dtype == jnp.uint8
    assert targets is TARGETS
    assert (kept ^ mirrored).all()
    assert kept.any()
    assert mirrored.any()


def test_flip_is_even_handed():
    images = jnp.broadcast_to(jnp.float32([0.0, 1.0]).reshape(1, 1, 2, 1), (4000, 1, 2, 1))
    flipped = flip(jax.random.key(0), images, jnp.zeros((4000, 2)))[0][:, 0, 0, 0]
    assert abs(float(flipped.mean()) - 0.5) < 4 * 0.5 / 4000**0.5


def test_random_crop_cuts_windows_of_the_padded_image_at_different_places():
    padding, (_, h, w, _) = 2, BYTES.shape
    images, targets = random_crop(jax.random.key(0), jnp.asarray(BYTES), TARGETS, padding=padding)
    padded = np.pad(BYTES, ((0, 0), (padding, padding), (padding, padding), (0, 0)))
    places = [
        [(i, j) for i in range(5) for j in range(5) if np.array_equal(image, whole[i : i + h, j : j + w])]
        for image, whole in zip(images, padded, strict=True)
    ]
    assert targets is TARGETS
    assert all(len(found) == 1 for found in places)
    assert len({found[0] for found in places}) > 5


def test_random_crop_reaches_every_place_and_vanishes_without_padding():
    images = jnp.broadcast_to(jnp.arange(1.0, 10.0).reshape(1, 3, 3, 1), (2000, 3, 3, 1))
    centres = random_crop(jax.random.key(0), images, jnp.zeros((2000, 2)), padding=1)[0][:, 1, 1, 0]
    assert set(np.asarray(centres).tolist()) == set(range(1, 10))
    np.testing.assert_array_equal(random_crop(jax.random.key(0), jnp.asarray(BYTES), TARGETS, padding=0)[0], BYTES)


def test_random_crop_refuses_negative_padding():
    with pytest.raises(ValueError, match="padding=-1"):
        random_crop(jax.random.key(0), jnp.asarray(BYTES), TARGETS, padding=-1)
