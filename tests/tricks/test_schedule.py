import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ablate.tricks import Clock, constant, cosine, exponential, multistep, sgdr, warmup

TOTAL = 60
STEPS = jnp.arange(TOTAL)


def curve(schedule, total=TOTAL, at=STEPS, **arguments):
    factors = jax.jit(jax.vmap(lambda t: schedule(Clock(t, total), **arguments)))(at)
    assert factors.dtype == jnp.float32
    return np.asarray(factors)


def torch_warm_restarts(steps, cycle, mult, floor):
    """PyTorch's rule: count up, and at the cycle's length begin again with a cycle `mult` times as long."""
    factors, elapsed, length = [], 0, cycle
    for _ in range(steps):
        factors.append(floor + (1 - floor) * (1 + np.cos(np.pi * elapsed / length)) / 2)
        elapsed += 1
        if elapsed >= length:
            elapsed, length = elapsed - length, length * mult
    return np.array(factors)


@pytest.mark.parametrize("mult", [1, 2, 3])
@pytest.mark.parametrize("cycle", [1, 5, 7])
@pytest.mark.parametrize("floor", [0.0, 0.1])
def test_sgdr_equals_pytorch(cycle, mult, floor):
    steps = 2000
    found = curve(sgdr, steps, jnp.arange(steps), cycle=jnp.float32(cycle), min_factor=floor, mult=mult)
    np.testing.assert_allclose(found, torch_warm_restarts(steps, cycle, mult, floor), atol=2e-6)


def test_sgdr_with_equal_cycles_is_the_article_s_formula():
    t, cycle, floor = np.arange(TOTAL), 12, 0.2
    expected = (1 - floor) / 2 * (np.cos(np.pi * np.mod(t, cycle) / cycle) + 1) + floor
    np.testing.assert_allclose(curve(sgdr, cycle=cycle, min_factor=floor), expected, atol=1e-6)


def test_sgdr_restarts_exactly_at_late_borders():
    cycle = 1000
    borders = jnp.array([cycle * (2**k - 1) for k in range(1, 14)])
    np.testing.assert_array_equal(curve(sgdr, 10**7, borders, cycle=cycle, mult=2), 1.0)
    assert (curve(sgdr, 10**7, borders - 1, cycle=cycle, mult=2) < 1e-5).all()


def test_sgdr_refuses_cycles_that_shrink():
    with pytest.raises(ValueError, match="mult=0"):
        sgdr(Clock(0, 10), cycle=5, mult=0)


def test_cosine():
    expected = 0.9 / 2 * (np.cos(np.pi * np.arange(TOTAL) / TOTAL) + 1) + 0.1
    np.testing.assert_allclose(curve(cosine, min_factor=0.1), expected, atol=1e-6)
    np.testing.assert_allclose(curve(cosine, total=30)[30:], 0.0, atol=1e-6)


def test_exponential():
    t = np.arange(TOTAL)
    np.testing.assert_allclose(curve(exponential, factor=0.98, every=10), 0.98 ** (t // 10), rtol=1e-6)
    np.testing.assert_allclose(curve(exponential, factor=0.98, every=10, staircase=False), 0.98 ** (t / 10), rtol=1e-6)


def test_multistep_is_the_fine_grained_article_s_rule():
    boundaries = (20_000, 30_000, 40_000, 50_000)
    steps = jnp.array([0, 19_999, 20_000, 30_000, 49_999, 50_000, 59_999])
    found = curve(multistep, 60_000, steps, boundaries=boundaries, gamma=0.25)
    np.testing.assert_allclose(found, 0.25 ** np.array([0, 0, 1, 2, 3, 4, 4]), rtol=1e-6)
    np.testing.assert_array_equal(curve(multistep, boundaries=()), 1.0)


def test_multistep_refuses_boundaries_that_do_not_increase():
    with pytest.raises(ValueError, match="must increase"):
        multistep(Clock(0, 10), boundaries=(5, 5))


@pytest.mark.parametrize(
    ("schedule", "arguments"),
    [
        (constant, {}),
        (exponential, {"factor": 0.9, "every": 4}),
        (multistep, {"boundaries": (10, 20)}),
        (cosine, {}),
        (sgdr, {"cycle": 10, "mult": 2}),
    ],
)
def test_warmup_stands_in_front_and_the_schedule_counts_from_its_end(schedule, arguments):
    ramp = 8
    found = curve(schedule, warmup=jnp.float32(ramp), **arguments)
    np.testing.assert_allclose(found[:ramp], (np.arange(ramp) + 1) / ramp, rtol=1e-6)
    np.testing.assert_array_equal(found[ramp:], curve(schedule, total=TOTAL - ramp, **arguments)[: TOTAL - ramp])


def test_warmup_alone():
    np.testing.assert_allclose(curve(warmup, steps=4), np.minimum(1, (np.arange(TOTAL) + 1) / 4), rtol=1e-6)


@pytest.mark.parametrize("step", [7, 7.0, jnp.int32(7), jnp.float32(7.0)])
def test_a_step_may_be_any_number(step):
    factor = cosine(Clock(step, TOTAL))
    assert factor.dtype == jnp.float32
    assert factor.shape == ()
    np.testing.assert_allclose(factor, (np.cos(np.pi * 7 / TOTAL) + 1) / 2, rtol=1e-6)
