import re

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from ablate.tricks import (
    adamw,
    adaptive_clip,
    centralize,
    clip_by_global_norm,
    clip_by_layer_norm,
    clip_by_value,
    coupled,
    decoupled,
    gradient_noise,
    momentum,
    sgd,
)

RNG = np.random.default_rng(0)
SHAPES = {"conv": (3, 3, 2, 4), "dense": (6, 5), "bias": (5,)}
G = {name: RNG.normal(size=shape).astype(np.float32) for name, shape in SHAPES.items()}
W = {name: RNG.normal(size=shape).astype(np.float32) for name, shape in SHAPES.items()}
GRADS, PARAMS = jax.tree.map(jnp.asarray, G), jax.tree.map(jnp.asarray, W)
NORM = np.sqrt(sum((g.astype(np.float64) ** 2).sum() for g in G.values()))


def update(transform, grads=GRADS):
    return transform.update(grads, transform.init(PARAMS), PARAMS)[0]


def assert_close(found, expected, **tolerance):
    for name in expected:
        np.testing.assert_allclose(found[name], expected[name], **({"rtol": 1e-5, "atol": 1e-6} | tolerance))


def linear(params, batch, key):
    """A loss whose gradient is GRADS."""
    return sum(jnp.vdot(params[name], GRADS[name]) for name in params), {"key": key}


VALUE_AND_GRAD = jax.value_and_grad(linear, has_aux=True)
KEY = jax.random.key(7)


def test_clip_by_value():
    assert_close(update(clip_by_value(0.5)), {name: np.clip(g, -0.5, 0.5) for name, g in G.items()})


@pytest.mark.parametrize("theta", [1.0, 10.0, 100.0])
def test_clip_by_global_norm(theta):
    expected = {name: g * min(1, theta / NORM) for name, g in G.items()}
    assert_close(update(clip_by_global_norm(theta)), expected)
    assert_close(update(optax.clip_by_global_norm(theta)), expected)


@pytest.mark.parametrize("theta", [1.0, 5.0, 100.0])
def test_clip_by_layer_norm(theta):
    expected = {name: g * min(1, theta / np.linalg.norm(g)) for name, g in G.items()}
    assert_close(update(clip_by_layer_norm(theta)), expected)


def test_adaptive_clip_equals_optax_and_bounds_each_output():
    found = update(adaptive_clip(0.3))
    assert_close(found, update(optax.adaptive_grad_clip(0.3)))
    size = np.linalg.norm(found["dense"], axis=0)
    np.testing.assert_allclose(
        size, np.minimum(np.linalg.norm(G["dense"], axis=0), 0.3 * np.linalg.norm(W["dense"], axis=0)), rtol=1e-5
    )


UNIT_SHAPES = [(5,), (1,), (), (1, 3), (6, 1), (6, 5), (3, 2, 4), (1, 1, 1, 7), (3, 3, 2, 4), (2, 3, 3, 2, 4), (2,) * 6]


@pytest.mark.parametrize("shape", UNIT_SHAPES)
def test_adaptive_clip_takes_each_output_of_a_kernel_as_a_unit_whatever_its_shape(shape):
    g, w = (RNG.normal(size=shape).astype(np.float32) for _ in range(2))
    first, units = ((), [...]) if len(shape) < 2 else ((..., 0), [(..., k) for k in range(shape[-1])])
    g[first] *= 100  # is clipped for sure, and must not shorten the others
    expected = g.astype(np.float64)
    for unit in units:
        expected[unit] *= min(1, 0.5 * np.linalg.norm(w[unit].ravel()) / np.linalg.norm(g[unit].ravel()))
    assert not np.array_equal(expected, g)
    found = adaptive_clip(0.5).update({"w": jnp.asarray(g)}, optax.EmptyState(), {"w": jnp.asarray(w)})[0]["w"]
    np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_adaptive_clip_of_a_kernel_with_one_input():
    found = adaptive_clip(0.1).update(jnp.array([[0.05, 0.05, 9.0]]), optax.EmptyState(), jnp.ones((1, 3)))[0]
    np.testing.assert_allclose(found, [[0.05, 0.05, 0.1]], rtol=1e-6)


@pytest.mark.parametrize("clip", [clip_by_value, clip_by_global_norm, clip_by_layer_norm, adaptive_clip])
@pytest.mark.parametrize("size", [0.0, 1e-30, 1e30])
def test_clips_at_infinity_leave_gradients_of_any_size_alone(clip, size):
    grads = jax.tree.map(lambda g: g * size, GRADS)
    found = jax.jit(lambda theta: update(clip(theta), grads))(jnp.float32(jnp.inf))
    jax.tree.map(np.testing.assert_array_equal, found, grads)


def test_centralize_averages_over_a_unit_s_inputs():
    (_, aux), grads = centralize(VALUE_AND_GRAD)(PARAMS, None, KEY)
    expected = {
        "conv": G["conv"] - G["conv"].mean((0, 1, 2), keepdims=True),
        "dense": G["dense"] - G["dense"].mean(0, keepdims=True),
        "bias": G["bias"],
    }
    assert_close(grads, expected)
    assert aux["key"] is KEY


def test_gradient_noise_has_its_spread_and_differs_from_array_to_array_and_step_to_step():
    large = {"a": jnp.zeros((100, 100)), "b": jnp.zeros((100, 100))}
    vg = jax.value_and_grad(
        lambda params, batch, key: (0.0 * jnp.sum(params["a"]) + 0.0 * jnp.sum(params["b"]), {}), has_aux=True
    )
    noisy = gradient_noise(vg, scale=0.5)
    _, one = noisy(large, None, KEY)
    _, again = noisy(large, None, KEY)
    _, next_step = noisy(large, None, jax.random.key(8))
    for leaf in one.values():
        assert abs(float(leaf.mean())) < 4 * 0.5 / 100
        np.testing.assert_allclose(leaf.std(), 0.5, rtol=0.03)
    np.testing.assert_array_equal(one["a"], again["a"])
    assert abs(np.corrcoef(one["a"].ravel(), one["b"].ravel())[0, 1]) < 0.05
    assert abs(np.corrcoef(one["a"].ravel(), next_step["a"].ravel())[0, 1]) < 0.05


def two_steps(optimizer):
    params, state = PARAMS, optimizer.init(PARAMS)
    for _ in range(2):
        updates, state = optimizer.update(GRADS, state, params)
        params = optax.apply_updates(params, updates)
    return params


@pytest.mark.parametrize("mask", ["kernels", "all", "regex:^(conv|bias)$"])
def test_coupled_goes_through_the_momentum_and_decoupled_past_it(mask):
    lr, beta, weight = 0.1, 0.9, 0.2
    inside, past = {}, {}
    touched = {"kernels": ("conv", "dense"), "all": ("conv", "dense", "bias")}.get(mask, ("conv", "bias"))
    for name in SHAPES:
        share = weight if name in touched else 0.0
        g, v, w = G[name].astype(np.float64), 0.0, W[name].astype(np.float64)
        for _ in range(2):
            v = beta * v - lr * (g + share * w)
            w = w + v
        inside[name] = w
        v, w = 0.0, W[name].astype(np.float64)
        for _ in range(2):
            v = beta * v - lr * g
            w = w + v - lr * share * w
        past[name] = w
    assert_close(two_steps(coupled(momentum(lr, beta), lr, weight, mask)), inside)
    assert_close(two_steps(decoupled(momentum(lr, beta), lr, weight, mask)), past)


def test_decoupled_follows_a_schedule():
    schedule = optax.exponential_decay(0.1, 1, 0.5)
    found = two_steps(decoupled(sgd(schedule), schedule, weight=0.2))
    w = W["dense"]
    for lr in (0.1, 0.05):
        w = w - lr * G["dense"] - lr * 0.2 * w
    np.testing.assert_allclose(found["dense"], w, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(("mask", "found"), [("weights", "is not one of"), ("regex:^head", "matches no parameter of")])
@pytest.mark.parametrize("decay", [coupled, decoupled])
def test_decay_refuses_a_mask_that_picks_nothing(decay, mask, found):
    with pytest.raises(ValueError, match=f"mask='{re.escape(mask)}' {found}"):
        decay(sgd(0.1), 0.1, mask=mask).init(PARAMS)


def test_adamw_decays_the_parameters_that_a_pattern_picks():
    step = update(adamw(0.1, weight_decay=0.5, mask="regex:bias"))
    plain = update(adamw(0.1, weight_decay=0.0))
    assert_close(step, {**plain, "bias": plain["bias"] - 0.1 * 0.5 * PARAMS["bias"]})
