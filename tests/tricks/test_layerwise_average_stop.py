import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ablate.tricks import ema, multipliers, never


def test_multipliers_search_the_path():
    def factor(path, pattern):
        return float(multipliers(path, 0, pattern=pattern, factor=jnp.float32(0.5)))

    assert factor("stage_0_block_1/conv_0/kernel", r"stage_[01]") == 0.5
    assert factor("stage_2_block_1/conv_0/kernel", r"stage_[01]") == 1.0
    assert factor("head/kernel", r"^(?!head/)") == 1.0
    assert factor("my_head/kernel", r"^head/") == 1.0


def test_multipliers_refuse_what_is_not_a_regular_expression():
    with pytest.raises(ValueError, match=r"pattern='\('"):
        multipliers("head/kernel", 0, pattern="(", factor=0.5)


def test_ema_against_numpy():
    values, average = np.random.default_rng(0).normal(size=(60, 3)).astype(np.float32), jnp.zeros(3)
    expected = np.zeros(3)
    for t, value in enumerate(values):
        average = ema(average, jnp.asarray(value), jnp.int32(t), decay=jnp.float32(0.8))
        share = min(0.8, (1 + t) / (10 + t))
        expected = share * expected + (1 - share) * value
    np.testing.assert_allclose(average, expected, rtol=1e-5, atol=1e-6)


def test_ema_takes_whole_numbers_and_keys_as_they_are_and_keeps_types():
    old = {"w": jnp.zeros(2), "half": jnp.zeros(2, jnp.bfloat16), "count": jnp.int32(3), "key": jax.random.key(0)}
    new = {"w": jnp.ones(2), "half": jnp.ones(2, jnp.bfloat16), "count": jnp.int32(9), "key": jax.random.key(1)}
    mean = ema(old, new, step=10**6, decay=0.75)
    assert mean["count"] is new["count"]
    assert mean["key"] is new["key"]
    assert mean["half"].dtype == jnp.bfloat16
    np.testing.assert_allclose(mean["w"], 0.25)


def test_never_stops():
    assert jax.jit(never)(jnp.full(5, jnp.nan)).item() is True
