import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ablate.tricks import (
    DataInit,
    constant_bias,
    fan_mean_normal,
    he,
    lecun,
    normal,
    orthogonal,
    split_init,
    uniform,
    xavier,
    zeros,
)

DENSE, CONV = (300, 700), (3, 3, 50, 120)
FANS = {DENSE: (300, 700), CONV: (9 * 50, 9 * 120)}


def draw(init, shape=DENSE):
    return np.asarray(init(jax.random.key(0), shape, jnp.float32), np.float64)


@pytest.mark.parametrize("shape", [DENSE, CONV])
@pytest.mark.parametrize("distribution", ["normal", "uniform"])
@pytest.mark.parametrize(
    ("make", "variance"),
    [(lecun, lambda i, o: 1 / i), (xavier, lambda i, o: 2 / (i + o)), (he, lambda i, o: 2 / i)],
)
def test_variance_and_shape_of_the_fan_scaled(make, variance, distribution, shape):
    w, expected = draw(make(distribution), shape), variance(*FANS[shape])
    assert abs(w.mean()) < 4 * (expected / w.size) ** 0.5
    np.testing.assert_allclose(w.var(), expected, rtol=0.03)
    bound = np.abs(w).max() / expected**0.5
    assert bound > 3.5 if distribution == "normal" else 1.7 < bound <= 3**0.5 + 1e-6


def test_normal_forms_are_not_truncated():
    beyond = np.mean(np.abs(draw(he())) > 2 * (2 / 300) ** 0.5)
    np.testing.assert_allclose(beyond, 0.0455, rtol=0.1)


def test_unknown_distribution_is_named():
    with pytest.raises(ValueError, match="'gauss' is not one of 'normal', 'uniform'"):
        he("gauss")


def test_fan_mean_normal_is_xavier():
    np.testing.assert_array_equal(draw(fan_mean_normal()), draw(xavier("normal")))


def test_fixed_spreads():
    np.testing.assert_allclose(draw(normal(0.01)).std(), 0.01, rtol=0.02)
    w = draw(uniform(0.5))
    assert -0.5 <= w.min() < -0.49
    assert 0.49 < w.max() <= 0.5
    assert not draw(zeros()).any()
    np.testing.assert_array_equal(draw(constant_bias(0.25), (7,)), np.full(7, 0.25))


@pytest.mark.parametrize("shape", [(40, 60), (60, 40), (3, 3, 8, 16)])
def test_orthogonal_rows_or_columns(shape):
    w = draw(orthogonal(2.0), shape).reshape(-1, shape[-1])
    gram = w.T @ w if w.shape[0] >= w.shape[1] else w @ w.T
    np.testing.assert_allclose(gram, 4 * np.eye(len(gram)), atol=1e-4)


def tanh_spreads(init):
    x, spreads = np.random.default_rng(0).standard_normal((200, 500)), []
    for layer in range(10):
        x = np.tanh(x @ np.asarray(init(jax.random.key(layer), (500, 500), jnp.float32)))
        spreads.append(x.std())
    return spreads, x


def test_ten_tanh_layers_fade_saturate_or_live():
    faded, _ = tanh_spreads(normal(0.01))
    assert abs(faded[0] - 0.213) < 0.005
    assert faded[-1] < 1e-5
    _, saturated = tanh_spreads(normal(1.0))
    assert np.mean(np.abs(saturated) > 0.9) > 0.9
    lived, _ = tanh_spreads(xavier())
    assert lived[-1] > 0.2


def test_split_init_passes_a_data_dependent_one_on_and_gives_plain_ones_an_idle_adjustment():
    params = {"w": jnp.ones(2)}
    kernel, adjust = split_init(he())
    assert kernel(jax.random.key(0), DENSE, jnp.float32).shape == DENSE
    assert adjust(jax.random.key(0), params, None, None) is params
    doubled = DataInit(kernel=he(), adjust=lambda key, params, apply, batch: jax.tree.map(lambda w: 2 * w, params))
    assert split_init(doubled) is doubled
