import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

from ablate.tricks import cutmix, cutout, mixup

KEY = jax.random.key(0)
COUNT = 3000


def of_indices(augment, count=COUNT, shape=(6, 8), seed=0, **arguments):
    """Images all of whose pixels are the example's index, with targets that name it, augmented."""
    index = jnp.arange(count, dtype=jnp.float32)
    images = jnp.broadcast_to(index[:, None, None, None], (count, *shape, 2))
    images, targets = augment(jax.random.key(seed), images, index[:, None], **arguments)
    return np.asarray(images, np.float64), np.asarray(targets[:, 0], np.float64)


def shares_of(alpha, count=COUNT):
    """What two-example batches keep of themselves where the partner is the other one, over many keys."""
    images, targets = jnp.float32([0.0, 1.0]).reshape(2, 1, 1, 1), jnp.eye(2)
    keys = jax.random.split(KEY, count)
    mixed, targets = jax.jit(jax.vmap(lambda key: mixup(key, images, targets, alpha=alpha)))(keys)
    np.testing.assert_allclose(mixed[..., 0, 0, 0], targets[..., 1], atol=1e-7)
    # a batch of two is swapped or left: where it is left nothing changes
    swapped = ~np.asarray((targets == jnp.eye(2)[None]).all(axis=(1, 2)))
    return np.asarray(targets[swapped, 0, 0], np.float64), swapped.mean()


@pytest.mark.parametrize("alpha", [0.2, 0.5, 1.0, 4.0, 50.0])
def test_mixup_draws_its_shares_from_the_beta_distribution(alpha):
    shares, swapped = shares_of(alpha)
    edges = stats.beta(alpha, alpha).ppf(np.linspace(0.1, 0.9, 9))
    counts = np.bincount(np.searchsorted(edges, shares), minlength=10)
    assert stats.chisquare(counts).pvalue > 1e-3
    if alpha >= 0.5:  # at small alpha float32 rounds many shares to 1, and such batches look as if left alone
        assert abs(swapped - 0.5) < 4 * 0.5 / COUNT**0.5


def test_mixup_shares_stay_numbers_at_the_ends_of_alpha():
    for alpha in (1e-30, 1e-3, 1e4, 1e30):
        images, targets = of_indices(mixup, count=50, alpha=alpha)
        assert np.isfinite(images).all()
        np.testing.assert_allclose(images[:, 0, 0, 0], targets, rtol=1e-6)


def test_mixup_blends_each_example_with_one_of_a_permutation():
    images, targets = mixup(KEY, jnp.eye(40)[:, None, None, :], jnp.eye(40), alpha=2.0)
    weights = np.asarray(targets, np.float64)
    np.testing.assert_array_equal(images[:, 0, 0], targets)
    np.testing.assert_allclose(weights.sum(axis=1), 1.0, atol=1e-6)
    others = weights - np.diag(np.diag(weights))
    mixed = others.sum(axis=1) > 0
    assert ((others > 0).sum(axis=1) == mixed).all()
    assert ((others > 0).sum(axis=0) <= 1).all()
    assert mixed.sum() > 30
    assert len(np.unique(np.diag(weights)[mixed])) == mixed.sum()  # a share of its own for each


def test_mixup_takes_vectors_as_well():
    vectors, targets = mixup(KEY, jnp.arange(12.0).reshape(4, 3), 3.0 * jnp.arange(4.0)[:, None] + 1.0, alpha=1.0)
    np.testing.assert_allclose(vectors[:, 1:2], targets, rtol=1e-6)


def box_of(changed):
    """Rows and columns of a box of changed pixels, which must be one."""
    rows, columns = np.flatnonzero(changed.any(axis=1)), np.flatnonzero(changed.any(axis=0))
    np.testing.assert_array_equal(changed, np.isin(np.mgrid[: changed.shape[0]], rows)[:, None] & changed.any(axis=0))
    for places in (rows, columns):
        assert len(places) == 0 or len(places) == places[-1] - places[0] + 1
    return rows, columns


def test_cutmix_pastes_one_box_of_one_partner_and_weighs_the_target_by_its_area():
    images, targets = of_indices(cutmix, count=200)
    assert (images[..., 0] == images[..., 1]).all()
    for own, (image, target) in enumerate(zip(images[..., 0], targets, strict=True)):
        others = set(np.unique(image)) - {own}
        assert len(others) <= 1
        box_of(image != own)
        # float32 sums of shares of indices up to 200
        np.testing.assert_allclose(target, image.mean(), rtol=1e-5, atol=1e-5)
    partners = [next(iter(set(np.unique(image)) - {own})) for own, image in enumerate(images[..., 0]) if np.ptp(image)]
    assert len(partners) > 100
    assert len(partners) == len(set(partners))


@pytest.mark.parametrize("alpha", [0.3, 1.0])
def test_cutmix_draws_areas_and_centres_as_the_paper_says(alpha):
    images, _ = of_indices(cutmix, shape=(20, 30), alpha=alpha)
    areas = np.mean(images[..., 0] != np.arange(COUNT)[:, None, None], axis=(1, 2))
    rng = np.random.default_rng(0)
    cut = np.sqrt(1 - rng.beta(alpha, alpha, COUNT))
    spans = []
    for length in (20, 30):
        edge, centre = np.floor(length * cut), rng.integers(0, length, COUNT)
        low = centre - np.floor(edge / 2)
        spans.append(np.minimum(low + edge, length) - np.maximum(low, 0))
    assert stats.ks_2samp(areas, spans[0] * spans[1] / 600).pvalue > 1e-3


@pytest.mark.parametrize("size", [0.0, 1.0, 3.0, 4.0, 4.7, 40.0])
def test_cutout_blackens_one_box_of_its_size_clipped_at_the_border(size):
    shape, edge = (9, 12), int(size)
    images = cutout(KEY, jnp.ones((COUNT, *shape, 2)), jnp.zeros((COUNT, 1)), size=size)[0]
    removed = np.asarray(images) == 0
    assert (removed[..., 0] == removed[..., 1]).all()
    assert set(np.unique(images)) <= {0.0, 1.0}
    boxes = [box_of(changed) for changed in removed[:100, ..., 0]]
    for axis, length in enumerate(shape):
        assert all(len(box[axis]) <= edge for box in boxes)
        covered = removed[..., 0].any(axis=2 - axis)
        # each place is covered by as many of the equally likely centres as lie near enough
        centres = np.arange(length)[:, None] - edge // 2
        expected = ((np.arange(length) >= centres) & (np.arange(length) < centres + edge)).mean(axis=0)
        assert (abs(covered.mean(axis=0) - expected) <= 4 * np.sqrt(expected * (1 - expected) / COUNT)).all()


def test_cutout_takes_bytes_and_leaves_targets():
    targets = jnp.eye(4)
    images, same = cutout(KEY, jnp.full((4, 8, 8, 1), 255, jnp.uint8), targets, size=2.0)
    assert images.dtype == jnp.uint8
    assert same is targets
