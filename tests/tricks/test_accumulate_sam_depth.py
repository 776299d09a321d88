import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ablate.tricks import Clock, accumulate, gradient_noise, layer_decay, sam

RNG = np.random.default_rng(0)
X, Y, W = RNG.normal(size=(12, 5)), RNG.normal(size=12), RNG.normal(size=5)
BATCH = (jnp.asarray(X, jnp.float32), jnp.asarray(Y, jnp.float32))
PARAMS = {"w": jnp.asarray(W, jnp.float32)}


def loss(params, batch, key):
    x, y = batch
    kept = jax.random.bernoulli(key, 0.5, y.shape)
    return jnp.mean((jnp.tanh(x @ params["w"]) - y) ** 2), {"seen": jnp.mean(x), "count": jnp.int32(3), "kept": kept}


VALUE_AND_GRAD = jax.value_and_grad(loss, has_aux=True)
KEY = jax.random.key(0)


def numpy_gradient(w, x=X, y=Y):
    out = np.tanh(x @ w)
    return (2 * (out - y) * (1 - out**2)) @ x / len(y)


@pytest.mark.parametrize("steps", [1, 2, 3, 12])
def test_accumulation_is_the_gradient_of_the_whole_batch(steps):
    (value, aux), grads = jax.jit(accumulate(VALUE_AND_GRAD, steps=steps))(PARAMS, BATCH, KEY)
    np.testing.assert_allclose(grads["w"], numpy_gradient(W), rtol=1e-5)
    np.testing.assert_allclose(value, np.mean((np.tanh(X @ W) - Y) ** 2), rtol=1e-5)
    np.testing.assert_allclose(aux["seen"], X.mean(), rtol=1e-4)
    assert aux["count"] == 3


def test_every_part_draws_for_itself_and_a_batch_that_cannot_be_divided_is_refused():
    seen = []

    def noted(params, batch, key):
        seen.append(np.asarray(jax.random.key_data(key)).tolist())
        return VALUE_AND_GRAD(params, batch, key)

    accumulate(noted, steps=3)(PARAMS, BATCH, KEY)
    assert len({tuple(key) for key in seen}) == 3
    with pytest.raises(ValueError, match="steps=5 does not divide the batch of 12"):
        accumulate(VALUE_AND_GRAD, steps=5)(PARAMS, BATCH, KEY)


@pytest.mark.parametrize("rho", [0.05, 2.0])
def test_sam_takes_the_gradient_at_the_worst_place_nearby(rho):
    (value, _), grads = sam(VALUE_AND_GRAD, rho=rho)(PARAMS, BATCH, KEY)
    first = numpy_gradient(W)
    np.testing.assert_allclose(grads["w"], numpy_gradient(W + rho * first / np.linalg.norm(first)), rtol=2e-5)
    np.testing.assert_allclose(value, np.mean((np.tanh(X @ W) - Y) ** 2), rtol=1e-5)


def test_sam_where_there_is_no_slope():
    flat = jax.value_and_grad(lambda params, batch, key: (0.0 * jnp.sum(params["w"]), None), has_aux=True)
    assert not sam(flat)(PARAMS, BATCH, KEY)[1]["w"].any()


def test_wrappers_compose_in_their_order():
    both = sam(accumulate(VALUE_AND_GRAD, steps=3), rho=0.5)
    first = numpy_gradient(W)
    expected = numpy_gradient(W + 0.5 * first / np.linalg.norm(first))
    np.testing.assert_allclose(both(PARAMS, BATCH, KEY)[1]["w"], expected, rtol=2e-5)
    noisy = gradient_noise(both, scale=1.0)(PARAMS, BATCH, KEY)[1]["w"]
    assert np.abs(np.asarray(noisy) - expected).max() > 0.1


def test_layer_decay_falls_from_the_head_down():
    depths = {"stem": 0, "BatchNorm_0": 0, "block_0": 1, "block_1": 2, "head": 3}
    rates = {
        path: float(layer_decay(f"{path}/conv/kernel", Clock(0), depths, rate=0.5)) for path in (*depths, "elsewhere")
    }
    assert rates == {
        "stem": 0.125, "BatchNorm_0": 0.125, "block_0": 0.25, "block_1": 0.5, "head": 1.0, "elsewhere": 1.0,
    }  # fmt: skip
