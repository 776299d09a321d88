"""Norm, activation, dropout and head: the modules handed to a model."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.special import erf

from ablate.tricks import (
    BatchNorm,
    Dropout,
    Gelu,
    GroupNorm,
    InstanceNorm,
    LayerNorm,
    LeakyRelu,
    Linear,
    NoDropout,
    NoNorm,
    Relu,
    RMSNorm,
    Silu,
    SpatialDropout,
    Tanh,
    constant_bias,
    he,
)
from ablate.tricks.norm import standardize

KEY = jax.random.key(0)
X = np.random.default_rng(0).normal(1.0, 2.0, (6, 5, 4, 12)).astype(np.float32)


def apply(module, x=X, train=True):
    return module.init_with_output(KEY, jnp.asarray(x), train=train)[0]


def standardized(x, axes, epsilon=1e-5):
    x = x.astype(np.float64)
    return (x - x.mean(axes, keepdims=True)) / np.sqrt(x.var(axes, keepdims=True) + epsilon)


def grouped(x, groups):
    parts = x.reshape(*x.shape[:-1], groups, -1)
    return standardized(parts, (*range(1, x.ndim - 1), x.ndim)).reshape(x.shape)


@pytest.mark.parametrize(
    ("module", "expected"),
    [
        (NoNorm(), X),
        (BatchNorm(), standardized(X, (0, 1, 2))),
        (GroupNorm(groups=4), grouped(X, 4)),
        (LayerNorm(), standardized(X, (1, 2, 3))),
        (InstanceNorm(), standardized(X, (1, 2))),
        (RMSNorm(), X / np.sqrt((X**2).mean((1, 2, 3), keepdims=True) + 1e-5)),
    ],
    ids=lambda value: type(value).__name__,
)
def test_norms_against_numpy(module, expected):
    np.testing.assert_allclose(apply(module), expected, atol=2e-5)


@pytest.mark.parametrize("ratio", [100.0, 1000.0, 3000.0])
@pytest.mark.parametrize(
    ("module", "axes", "groups"),
    [(BatchNorm(), (0, 1), 1), (GroupNorm(groups=4), 1, 4), (LayerNorm(), 1, 1), (InstanceNorm(), 1, 12)],
    ids=lambda value: type(value).__name__,
)
def test_norms_of_channels_whose_mean_is_far_from_zero(module, axes, groups, ratio):
    # As the difference of two squares, variances vanish here, and outputs of about 3 come out in the hundreds.
    x = np.random.default_rng(0).normal(ratio, 1.0, (8, 64, 12)).astype(np.float32)
    away = jnp.asarray(np.random.default_rng(1).normal(size=x.shape), jnp.float32)

    def expected(values):
        return standardized(values, axes) if isinstance(module, BatchNorm) else grouped(values, groups)

    np.testing.assert_allclose(apply(module, x), expected(x), atol=1e-6 * ratio)
    variables = module.init(KEY, jnp.asarray(x), train=True)

    def loss(values):
        return jnp.sum(away * module.apply(variables, values, train=True, mutable="batch_stats")[0])

    at, h = (3, 5, 7), 1e-3
    step = np.zeros(x.shape)
    step[at] = h
    up, down = (np.sum(np.asarray(away, np.float64) * expected(x + sign * step)) for sign in (1, -1))
    assert float(jax.grad(loss)(jnp.asarray(x))[at]) == pytest.approx((up - down) / (2 * h), abs=1e-3)


@pytest.mark.parametrize("module", [BatchNorm(), GroupNorm(groups=4), LayerNorm(), RMSNorm()])
def test_norms_on_vectors(module):
    x = X[:, 0, 0]
    rms = x / np.sqrt((x**2).mean(1, keepdims=True) + 1e-5)
    expected = {BatchNorm: standardized(x, 0), GroupNorm: grouped(x, 4), LayerNorm: standardized(x, 1), RMSNorm: rms}
    np.testing.assert_allclose(apply(module, x), expected[type(module)], atol=2e-5)


def test_group_norm_equals_layer_and_instance_norm_at_its_ends():
    np.testing.assert_array_equal(apply(GroupNorm(groups=1)), apply(LayerNorm()))
    np.testing.assert_array_equal(apply(GroupNorm(groups=12)), apply(InstanceNorm()))


def test_group_norm_says_both_numbers():
    with pytest.raises(ValueError, match=r"groups=5 .* 12 channels"):
        apply(GroupNorm(groups=5))


def test_instance_norm_wants_positions():
    with pytest.raises(ValueError, match=r"\(6, 12\)"):
        apply(InstanceNorm(), X[:, 0, 0])


def test_batch_norm_keeps_running_statistics_and_evaluates_with_them():
    module = BatchNorm(momentum=jnp.float32(0.75), epsilon=jnp.float32(1e-3))
    variables = module.init(KEY, jnp.asarray(X), train=True)
    _, updated = module.apply(variables, jnp.asarray(X), train=True, mutable="batch_stats")
    mean, var = X.mean((0, 1, 2)), X.var((0, 1, 2))
    np.testing.assert_allclose(updated["batch_stats"]["mean"], 0.25 * mean, rtol=1e-5)
    np.testing.assert_allclose(updated["batch_stats"]["var"], 0.75 + 0.25 * var, rtol=1e-5)
    evaluated = module.apply(variables | updated, jnp.asarray(X), train=False)
    np.testing.assert_allclose(evaluated, (X - 0.25 * mean) / np.sqrt(0.75 + 0.25 * var + 1e-3), rtol=1e-4, atol=1e-5)


def _as_defined(x, scale, shift, epsilon):
    """Batch norm by its formula, whose gradient JAX derives."""
    axes = tuple(range(x.ndim - 1))
    mean, variance = jnp.mean(x, axes, keepdims=True), jnp.var(x, axes, keepdims=True)
    along = [each.reshape(mean.shape) for each in (scale, shift)]
    y = (x - mean) / jnp.sqrt(variance + epsilon) * along[0] + along[1]
    return y, mean.ravel(), variance.ravel()


@pytest.mark.parametrize("shape", [(6, 5, 4, 3), (2, 1, 1, 8), (6, 5, 3), (16, 3), (2, 3, 2, 3, 4)])
def test_batch_norm_has_the_gradient_of_its_formula_and_so_has_that(shape):
    rng = np.random.default_rng(1)
    x, slope = (jnp.asarray(rng.normal(0.5, 2.0, shape), jnp.float32) for _ in range(2))
    scale, shift, *others = (jnp.asarray(rng.normal(size=shape[-1:]), jnp.float32) for _ in range(4))
    given = x, scale, shift, jnp.float32(0.3)

    def gradients(function):
        return jax.vjp(function, *given)[1]((slope, *others))

    def lengths(function):
        return jax.grad(lambda *given: sum(jnp.sum(each**2) for each in jax.vjp(function, *given)[1]((slope, *others))))

    for found, expected in zip(gradients(standardize), gradients(_as_defined), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)
    found, expected = lengths(standardize)(*given), lengths(_as_defined)(*given)
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-4 * float(jnp.abs(expected).max()))


@pytest.mark.parametrize("module", [BatchNorm(), GroupNorm(groups=4), LayerNorm(), InstanceNorm()])
def test_norms_hold_scale_and_shift_per_channel_under_their_own_name(module):
    params = module.init(KEY, jnp.asarray(X), train=True)["params"]
    assert jax.tree.map(jnp.shape, params) == {"scale": (12,), "bias": (12,)}


@pytest.mark.parametrize(
    ("module", "expected"),
    [
        (Relu(), lambda x: np.maximum(x, 0)),
        (Tanh(), np.tanh),
        (LeakyRelu(slope=0.2), lambda x: np.where(x > 0, x, 0.2 * x)),
        (Gelu(), lambda x: x * 0.5 * (1 + erf(x / math.sqrt(2)))),
        (Silu(), lambda x: x / (1 + np.exp(-x))),
    ],
    ids=lambda value: type(value).__name__,
)
def test_activations_against_numpy(module, expected):
    np.testing.assert_allclose(module.apply({}, jnp.asarray(X)), expected(X.astype(np.float64)), atol=1e-6)


def test_leaky_relu_at_slope_zero_is_relu():
    np.testing.assert_array_equal(LeakyRelu(slope=0.0).apply({}, jnp.asarray(X)), np.maximum(X, 0))


def drop(module, x, train=True):
    return np.asarray(module.apply({}, jnp.asarray(x), train=train, rngs={"dropout": KEY}))


@pytest.mark.parametrize("make", [Dropout, SpatialDropout])
def test_dropout_scales_what_it_keeps_and_rests_in_evaluation(make):
    x = np.ones((400, 3, 3, 16), np.float32)
    y = drop(make(rate=0.25), x)
    np.testing.assert_allclose(np.unique(y), [0, 4 / 3], rtol=1e-6)
    draws = y.size if make is Dropout else 400 * 16
    assert abs(np.mean(y == 0) - 0.25) < 4 * (0.25 * 0.75 / draws) ** 0.5
    np.testing.assert_array_equal(drop(make(rate=0.25), x, train=False), x)


def test_spatial_dropout_takes_whole_channels_and_dropout_does_not():
    x = np.ones((8, 3, 3, 16), np.float32)
    assert (np.ptp(drop(SpatialDropout(rate=0.5), x), axis=(1, 2)) == 0).all()
    assert (np.ptp(drop(Dropout(rate=0.5), x), axis=(1, 2)) > 0).any()


@pytest.mark.parametrize("make", [Dropout, SpatialDropout])
def test_dropout_at_its_ends(make):
    def total(x, rate):
        y = make(rate=rate).apply({}, x, train=True, rngs={"dropout": KEY})
        return jnp.sum(y), y

    compiled = jax.jit(jax.grad(total, has_aux=True))
    for rate in (0.0, 1.0):
        gradient, y = compiled(jnp.asarray(X), jnp.float32(rate))
        np.testing.assert_array_equal(y, X * (1 - rate))
        np.testing.assert_array_equal(gradient, np.full_like(X, 1 - rate))


def test_dropout_needs_no_stream_for_initialisation():
    assert Dropout(rate=0.5).init(KEY, jnp.ones((1, 2)), train=True) == {}
    assert NoDropout().init(KEY, jnp.ones((1, 2)), train=True) == {}


def test_linear_head():
    x = jnp.asarray(X[:, 0, 0])
    logits, variables = Linear(5, he(), constant_bias(0.5)).init_with_output(KEY, x)
    params = variables["params"]
    assert jax.tree.map(jnp.shape, params) == {"kernel": (12, 5), "bias": (5,)}
    np.testing.assert_allclose(logits, np.asarray(x) @ np.asarray(params["kernel"]) + 0.5, atol=1e-5)
    assert not Linear(5, he(), zero=True).init_with_output(KEY, x)[0].any()
