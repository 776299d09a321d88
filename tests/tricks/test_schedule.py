import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from ablate.tricks import (
    Clock,
    constant,
    cosine,
    exponential,
    inverse_sqrt,
    linear,
    multistep,
    one_cycle,
    polynomial,
    sgdr,
    triangular,
    warmup,
)

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


@pytest.mark.parametrize("end", [0.0, 0.25, 1.0])
def test_linear(end):
    t = np.arange(2 * TOTAL)
    found = curve(linear, at=jnp.asarray(t), end_factor=end)
    np.testing.assert_allclose(found, np.interp(t, [0, TOTAL], [1, end]), atol=1e-6)


@pytest.mark.parametrize("power", [0.5, 0.9, 1.0, 2.0, 3.5])
@pytest.mark.parametrize("end", [0.0, 0.1])
def test_polynomial(power, end):
    t = np.arange(2 * TOTAL)
    expected = (1 - end) * np.maximum(1 - t / TOTAL, 0) ** power + end
    found = curve(polynomial, at=jnp.asarray(t), power=jnp.float32(power), end_factor=end)
    # 1 - t / total is rounded at 1; a power below 1 makes more of it near the end.
    np.testing.assert_allclose(found, expected, atol=1e-6)


def test_polynomial_of_power_1_is_linear():
    np.testing.assert_allclose(
        curve(polynomial, power=1.0, end_factor=0.3), curve(linear, end_factor=0.3), rtol=0, atol=2e-7
    )


def test_inverse_sqrt():
    t = np.arange(TOTAL)
    np.testing.assert_allclose(curve(inverse_sqrt, timescale=7.0), np.sqrt(7 / (7 + t)), rtol=1e-6)


def test_inverse_sqrt_behind_as_long_a_warmup_is_the_transformer_s_rule():
    ramp, steps = 40, 4000
    counted = np.arange(1, steps + 1)
    theirs = np.minimum(counted**-0.5, counted * ramp**-1.5) / ramp**-0.5
    found = curve(inverse_sqrt, steps, jnp.arange(steps), timescale=ramp, warmup=ramp)
    np.testing.assert_allclose(found[:ramp], theirs[:ramp], rtol=1e-6)
    np.testing.assert_allclose(found[ramp:], theirs[ramp - 1 : -1], rtol=1e-6)


def torch_cyclic(t, half, low, shrink):
    """PyTorch's CyclicLR with a base rate of `low` and a largest one of 1."""
    cycle = np.floor(1 + t / (2 * half))
    x = 1 + t / (2 * half) - cycle
    return low + (1 - low) * np.where(x <= 0.5, x / 0.5, (x - 1) / (0.5 - 1)) * shrink ** (cycle - 1)


@pytest.mark.parametrize("half", [1, 2.5, 5, 49])
@pytest.mark.parametrize("low", [0.0, 0.25])
@pytest.mark.parametrize("shrink", [1.0, 0.5])
def test_triangular_and_triangular2_equal_pytorch(half, low, shrink):
    steps = 1000
    found = curve(
        triangular, steps, jnp.arange(steps), cycle=jnp.float32(2 * half), min_factor=low, swing_factor=shrink
    )
    np.testing.assert_allclose(found, torch_cyclic(np.arange(steps), half, low, shrink), atol=1e-6)


def test_triangular_is_the_article_s_formula():
    stepsize, t = 6, np.arange(TOTAL)
    x = np.abs(t / stepsize - 2 * np.floor(1 + t / (2 * stepsize)) + 1)
    found = curve(triangular, cycle=2 * stepsize, min_factor=0.2)
    np.testing.assert_allclose(found, 0.2 + 0.8 * np.maximum(0, 1 - x), atol=1e-6)


@pytest.mark.parametrize("cycle", [3, 7, 10, 49])
def test_triangular_neither_drifts_nor_miscounts_late_in_a_long_run(cycle):
    t = np.arange(90_000 * cycle, 90_000 * cycle + 200)
    swing = 1 - 2**-13  # exact in float32
    found = curve(triangular, 10**7, jnp.asarray(t), cycle=jnp.float32(cycle), min_factor=0.0, swing_factor=swing)
    # One cycle miscounted would be a relative error of 1e-4.
    np.testing.assert_allclose(found, torch_cyclic(t, cycle / 2, 0.0, swing), rtol=2e-5, atol=1e-12)


def torch_one_cycle(steps, pct_start, div, final_div, between):
    """PyTorch's OneCycleLR with a largest rate of 1."""
    first, ends = 1 / div, (pct_start * steps - 1, steps - 1)
    rates = []
    for t in range(steps):
        if t <= ends[0]:
            rates.append(between(first, 1, t / ends[0]))
        else:
            rates.append(between(1, first / final_div, (t - ends[0]) / (ends[1] - ends[0])))
    return np.array(rates)


BETWEEN = {
    "cosine": lambda start, end, share: end + (start - end) / 2 * (np.cos(np.pi * share) + 1),
    "linear": lambda start, end, share: start + (end - start) * share,
}


@pytest.mark.parametrize("shape", ["cosine", "linear"])
@pytest.mark.parametrize(("pct", "div", "final_div"), [(0.3, 25, 1e4), (0.45, 10, 20), (0.31, 4, 1)])
def test_one_cycle_equals_pytorch_s_of_one_step_more(shape, pct, div, final_div):
    theirs = torch_one_cycle(TOTAL + 1, (pct * TOTAL + 1) / (TOTAL + 1), div, final_div, BETWEEN[shape])
    numbers = {"start_factor": 1 / div, "peak": pct, "end_factor": 1 / (div * final_div)}
    found = curve(one_cycle, at=jnp.arange(TOTAL + 1), shape=shape, **numbers)
    np.testing.assert_allclose(found, theirs, atol=1e-6)


def test_one_cycle_at_its_defaults_equals_optax():
    at = jnp.arange(2 * TOTAL)
    with jax.numpy_dtype_promotion("standard"):
        theirs = jax.vmap(optax.cosine_onecycle_schedule(TOTAL, 1.0))(at)
    np.testing.assert_allclose(curve(one_cycle, at=at), theirs, atol=1e-6)


@pytest.mark.parametrize("shape", ["cosine", "linear"])
@pytest.mark.parametrize(("peak", "expected"), [(0.0, [1, 0.55, 0.1, 0.1]), (1.0, [0.4, 0.7, 1, 0.1])])
def test_one_cycle_with_a_phase_of_no_length(shape, peak, expected):
    at = jnp.array([0, 5, 10, 11])
    found = curve(one_cycle, 10, at, start_factor=0.4, peak=peak, end_factor=0.1, shape=shape)
    np.testing.assert_allclose(found, expected, atol=1e-6)


def test_one_cycle_refuses_another_shape():
    with pytest.raises(ValueError, match="shape='cos' is not one of 'cosine', 'linear'"):
        one_cycle(Clock(0, 10), shape="cos")


def test_multistep_is_the_fine_grained_article_s_rule():
    boundaries, steps = (20_000, 30_000, 40_000, 50_000), 60_000
    expected = np.repeat(0.25 ** np.arange(5), [20_000, 10_000, 10_000, 10_000, 10_000])
    found = curve(multistep, steps, jnp.arange(steps), boundaries=boundaries, gamma=0.25)
    np.testing.assert_allclose(found, expected, rtol=1e-6)
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
        (linear, {}),
        (polynomial, {"power": 2.0}),
        (inverse_sqrt, {"timescale": 5.0}),
        (cosine, {}),
        (triangular, {"cycle": 10}),
        (one_cycle, {}),
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
