"""Bilinear pooling, its tensor sketch and what is done to both, against the definitions."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ablate.models.bilinear import compact_pooled, hashes, pooled_in_full, signed_root, unit_rows
from ablate.models.vgg import Vgg
from tests.models.small import IMAGES, SMALL, build, layers

MAPS = np.random.default_rng(0).normal(size=(2, 2, 3, 5)).astype(np.float32)


def test_full_pooling_is_the_sum_of_outer_products():
    positions = MAPS.astype(np.float64).reshape(2, 6, 5)
    expected = [sum(np.outer(x, x) for x in example).ravel() for example in positions]
    np.testing.assert_allclose(pooled_in_full(jnp.asarray(MAPS)), expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("dim", [1, 7, 16])
def test_the_sketch_adds_the_products_whose_places_add_up(dim):
    key = jax.random.key(3)
    places, signs = (np.asarray(array) for array in hashes(key, 5, dim))
    assert set(np.unique(signs)) <= {-1, 1}
    assert places.min() >= 0
    assert places.max() < dim
    expected = np.zeros((2, dim))
    for example, row, column in np.ndindex(2, 2, 3):
        x = MAPS[example, row, column].astype(np.float64)
        for i, j in np.ndindex(5, 5):
            expected[example, (places[0, i] + places[1, j]) % dim] += signs[0, i] * signs[1, j] * x[i] * x[j]
    np.testing.assert_allclose(compact_pooled(key, jnp.asarray(MAPS), dim), expected, atol=1e-4)


def inner_products(dim, count=400):
    """Of the sketches of the two examples, with hashes of their own each time."""
    sketch = jax.jit(jax.vmap(functools.partial(compact_pooled, maps=jnp.asarray(MAPS), dim=dim)))
    pooled = np.asarray(sketch(jax.random.split(jax.random.key(1), count)), np.float64)
    return np.einsum("kid,kjd->kij", pooled, pooled)[:, [0, 0, 1], [0, 1, 1]]


def test_inner_products_of_sketches_are_those_of_the_full_form_in_expectation_and_closer_the_more_numbers():
    positions = MAPS.astype(np.float64).reshape(2, 6, 5)
    exact = np.square(np.einsum("ipc,jqc->ijpq", positions, positions)).sum((2, 3))[[0, 0, 1], [0, 1, 1]]
    spreads = []
    for dim in (16, 256):
        drawn = inner_products(dim)
        # Four standard errors of the mean of 400, which chance exceeds once in 5000 times; and the key is fixed.
        assert (np.abs(drawn.mean(0) - exact) < 4 * drawn.std(0) / 20).all()
        spreads.append(drawn.std(0))
    assert (spreads[1] < 0.5 * spreads[0]).all()  # a quarter, where the variance is as 1 / dim


def test_signed_root_and_length():
    x = np.array([[-9.0, 0.01, 0.25, 4.0]], np.float32)
    # Half a percent at 0.01, by the 1e-4 under the root.
    np.testing.assert_allclose(signed_root(jnp.asarray(x)), np.sign(x) * np.sqrt(np.abs(x)), rtol=5.1e-3)
    slope = jax.grad(lambda x: jnp.sum(signed_root(x)))(jnp.zeros((1, 2)))
    np.testing.assert_allclose(slope, 100.0, rtol=1e-5)
    assert bool(jnp.isfinite(jax.grad(lambda x: jnp.sum(unit_rows(x)))(jnp.zeros((1, 2)))).all())


@pytest.mark.parametrize("compact", [True, False])
def test_features_of_the_network_follow_from_the_backbone_s_maps(compact):
    model = build("bilinear", compact=compact, seed=4)
    variables = model.init(jax.random.key(0), IMAGES, train=False)
    features = model.apply(variables, IMAGES, train=False)[0]
    backbone = {"params": {name: value for name, value in variables["params"].items() if name != "head"}}
    vgg = Vgg(layers(), widths=SMALL["bilinear"]["widths"], head="gap")
    _, seen = vgg.apply(backbone, IMAGES, train=False, capture_intermediates=True, mutable="intermediates")
    last = jax.nn.relu(seen["intermediates"]["stage_1_conv_0_0"]["__call__"][0])  # before the last pooling
    assert last.shape == (2, 4, 4, 16)
    key = jax.random.key(4, impl="threefry2x32")
    pooled = np.asarray(compact_pooled(key, last, 24) if compact else pooled_in_full(last), np.float64)
    rooted = pooled / np.sqrt(np.abs(pooled) + 1e-4)
    expected = rooted / np.linalg.norm(rooted, axis=1, keepdims=True)
    np.testing.assert_allclose(features, expected, atol=1e-4)  # roots of small sums keep little of float32


def test_the_seed_draws_the_sketch_and_no_parameter():
    def begun(seed):
        return build("bilinear", seed=seed).init_with_output(jax.random.key(0), IMAGES, train=False)

    ((one, _), drawn), ((two, _), again) = begun(4), begun(5)
    jax.tree.map(np.testing.assert_array_equal, drawn, again)
    assert not np.allclose(one, two)
