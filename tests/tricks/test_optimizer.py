import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from ablate.tricks import (
    AXES,
    adabelief,
    adadelta,
    adafactor,
    adagrad,
    adam,
    adamax,
    adamw,
    amsgrad,
    lamb,
    lars,
    lbfgs,
    lion,
    lookahead,
    momentum,
    muon,
    nadam,
    nesterov,
    normalized_gradient,
    prodigy,
    radam,
    rmsprop,
    schedule_free,
    sgd,
    yogi,
)
from tests.tricks import optimizer_references as by

LR, STEPS = 0.1, 20
RNG = np.random.default_rng(0)
START = {"kernel": RNG.normal(size=(3, 4)), "bias": RNG.normal(size=4)}
CHOICES = AXES["optimizer"].choices


def rising(t):
    """Up to a bound and down again, counted from 0."""
    t = jnp.asarray(t, jnp.float32)
    return LR * jnp.minimum(1.0, 0.2 * (t + 1.0)) * 0.97**t


def gradients(params):
    return jax.tree.map(lambda w: jnp.sin(2.0 * w) + 0.5 * w, params)


def as_float32(tree):
    return jax.tree.map(lambda w: jnp.asarray(w, jnp.float32), tree)


def train(optimizer, rates=None, start=START, steps=STEPS, begin=as_float32):
    """Parameters and state at the end; with `rates`, the transform is made anew for every step."""

    @jax.jit
    def step(w, state, rate):
        transform = optimizer if rates is None else optimizer(rate)
        updates, state = transform.update(gradients(w), state, w)
        return optax.apply_updates(w, updates), state

    w = begin(start)
    state = optimizer.init(w) if rates is None else optimizer(rates[0]).init(w)
    for t in range(steps):
        w, state = step(w, state, None if rates is None else jnp.float32(rates[t]))
    return w, state


def assert_near(actual, expected, rtol=5e-5, atol=5e-6):
    """float32 against float64 after 20 steps, of which each rounds to 6e-8."""
    assert set(actual) == set(expected)
    for name in expected:
        np.testing.assert_allclose(actual[name], expected[name], rtol=rtol, atol=atol)


REFERENCES = {
    "sgd": (sgd(LR), by.sgd(LR)),
    "momentum": (momentum(LR, 0.8), by.momentum(LR, 0.8)),
    "nesterov": (nesterov(LR, 0.8), by.nesterov(LR, 0.8)),
    "normalized_gradient": (normalized_gradient(LR), by.normalized_gradient(LR)),
    "adagrad": (adagrad(LR, 0.3, 1e-3), by.adagrad(LR, 0.3, 1e-3)),
    "adadelta": (adadelta(0.7, 0.8, 1e-3), by.adadelta(0.7, 0.8, 1e-3)),
    "rmsprop": (rmsprop(LR, 0.7, 1e-3), by.rmsprop(LR, 0.7, 1e-3)),
    "adam": (adam(LR, 0.8, 0.95, 1e-3), by.adam(LR, 0.8, 0.95, 1e-3)),
    "adamw": (adamw(LR, 0.8, 0.95, 1e-3, 0.3), by.adam(LR, 0.8, 0.95, 1e-3, decay=0.3)),
    "nadam": (nadam(LR, 0.8, 0.95, 1e-3), by.nadam(LR, 0.8, 0.95, 1e-3)),
    "amsgrad": (amsgrad(LR, 0.8, 0.95, 1e-3), by.amsgrad(LR, 0.8, 0.95, 1e-3)),
    "adamax": (adamax(LR, 0.8, 0.95, 1e-3), by.adamax(LR, 0.8, 0.95, 1e-3)),
    "lion": (lion(LR, 0.8, 0.95), by.lion(LR, 0.8, 0.95)),
    "radam": (radam(LR, 0.8, 0.95, 1e-3), by.radam(LR, 0.8, 0.95, 1e-3)),
    "adabelief": (adabelief(LR, 0.8, 0.95, 1e-4), by.adabelief(LR, 0.8, 0.95, 1e-4)),
    "yogi": (yogi(LR, 0.8, 0.95, 1e-2, 0.1), by.yogi(LR, 0.8, 0.95, 1e-2, 0.1)),
    "lars": (lars(1.0, 0.8, 0.1, 0.3), by.lars(1.0, 0.8, 0.1, 0.3, biases=True)),
    "lars of kernels": (lars(LR, 0.8, 0.5, 0.3, mask="kernels"), by.lars(LR, 0.8, 0.5, 0.3, biases=False)),
    "lamb": (lamb(LR, 0.8, 0.95, 1e-3, 0.3), by.lamb(LR, 0.8, 0.95, 1e-3, 0.3, biases=False)),
    "lamb of all": (lamb(LR, 0.8, 0.95, 1e-3, 0.3, mask="all"), by.lamb(LR, 0.8, 0.95, 1e-3, 0.3, biases=True)),
    "adafactor": (adafactor(LR, 0.7, 1.1, 1e-6), by.adafactor(LR, 0.7, 1.1, 1e-6, relative=True, factored=False)),
    "adafactor in factors": (
        adafactor(LR, 0.7, 1.1, 1e-6, relative=False, factored_from=3),
        by.adafactor(LR, 0.7, 1.1, 1e-6, relative=False, factored=True),
    ),
    "muon": (muon(LR, 0.8, 0.5, iterations=4), by.muon(LR, 0.8, 0.5, iterations=4)),
    "lookahead": (lookahead(LR, period=3, slow=0.4), by.lookahead(LR, period=3, slow=0.4)),
    "schedule_free": (
        schedule_free(rising, beta=0.7, power=1.5),
        by.schedule_free(lambda t: float(rising(t - 1)), 0.7, 1.5),
    ),
    "schedule_free of adam": (
        schedule_free(LR, "adam", beta=0.7),
        by.schedule_free(lambda t: LR, 0.7, 2.0, adaptive=True),
    ),
    "prodigy": (prodigy(0.8, 0.8, 0.95, 1e-3, 0.02, 1.2), by.prodigy(0.8, 0.8, 0.95, 1e-3, 0.02, 1.2)),
    "lbfgs": (lbfgs(LR, memory=3), by.lbfgs(LR, 3)),
}


def test_every_choice_has_a_reference():
    assert {name.split()[0] for name in REFERENCES} == set(CHOICES)


# They magnify rounding: singular values near 0 are multiplied by 3.4 in every iteration, and differences of gradients
# that hardly differ are divided by each other.
MAGNIFY = ("muon", "lbfgs")


@pytest.mark.parametrize("name", [name for name in REFERENCES if name not in MAGNIFY])
def test_twenty_steps_against_numpy(name):
    optimizer, reference = REFERENCES[name]
    assert_near(train(optimizer)[0], reference(START, STEPS))


@pytest.mark.parametrize("name", MAGNIFY)
def test_twenty_steps_in_float64_against_numpy(name):
    optimizer, reference = REFERENCES[name]
    with jax.enable_x64(True):
        actual = train(optimizer, begin=lambda start: jax.tree.map(jnp.asarray, start))[0]
        assert actual["kernel"].dtype == jnp.float64
    assert_near(actual, reference(START, STEPS), rtol=1e-8, atol=1e-9)
    assert_near(train(optimizer)[0], actual, rtol=1e-2, atol=1e-4)


def test_momentum_and_nesterov_equal_optax_at_a_constant_rate():
    for ours, nesterov_form in ((momentum, False), (nesterov, True)):
        assert_near(train(ours(LR, 0.8))[0], train(optax.sgd(LR, 0.8, nesterov_form))[0])


def test_momentum_keeps_the_rate_inside_the_sum():
    expected = by.momentum(LR, 0.8, rate=lambda t: float(rising(t - 1)))(START, STEPS)
    assert_near(train(momentum(rising, 0.8))[0], expected)


@pytest.mark.parametrize("name", CHOICES)
def test_a_schedule_and_a_rate_given_step_by_step_are_the_same(name):
    make = CHOICES[name].make
    by_steps = train(make, [float(rising(t)) for t in range(STEPS)])[0]
    assert_near(by_steps, train(make(rising))[0])


# Rates with which each one gets down within 300 steps; curvatures lie 100 apart.
RATES = {
    "sgd": 0.01, "momentum": 0.003, "nesterov": 0.003, "normalized_gradient": 0.02, "adagrad": 0.3, "adadelta": 10.0,
    "lars": 3.0, "lookahead": 0.005, "schedule_free": 0.015, "prodigy": 1.0, "lbfgs": 1.0, "yogi": 0.05,
}  # fmt: skip


@pytest.mark.parametrize("name", CHOICES)
def test_each_gets_down_an_ill_conditioned_quadratic_in_a_chain_in_a_scan(name):
    curvature = {"kernel": jnp.logspace(0.0, 2.0, 6).reshape(2, 3), "bias": jnp.array([1.0, 10.0, 100.0])}
    start = jax.tree.map(jnp.ones_like, curvature)

    def loss(w):
        return 0.5 * sum(jnp.sum(c * jnp.square(w[name])) for name, c in curvature.items())

    def made(rate):
        return optax.chain(optax.clip_by_global_norm(1e3), CHOICES[name].make(rate), optax.scale(0.5))

    @jax.jit
    def descend(rate):
        def step(carry, _):
            w, state = carry
            updates, state = made(rate).update(jax.grad(loss)(w), state, w)
            return (optax.apply_updates(w, updates), state), loss(w)

        (w, _), losses = jax.lax.scan(step, (start, made(rate).init(start)), length=300)
        return losses[0], loss(w)

    before, after = descend(jnp.float32(RATES.get(name, 0.02)))
    assert after < 0.1 * before


@pytest.mark.parametrize("name", CHOICES)
def test_without_a_gradient_nothing_but_decay_moves(name):
    optimizer, w = CHOICES[name].make(LR), as_float32(START)
    zeros, state = jax.tree.map(jnp.zeros_like, w), optimizer.init(w)
    for _ in range(3):
        updates, state = jax.jit(optimizer.update)(zeros, state, w)
        if name not in ("adamw", "yogi"):  # yogi's first mean is not 0
            assert_near(updates, zeros, atol=3e-7)  # schedule_free mixes x and z to w: two roundings
        assert all(bool(jnp.all(jnp.isfinite(leaf))) for leaf in jax.tree.leaves((updates, state)))


def test_normalized_gradient_has_one_length_at_any_size_of_the_gradient():
    optimizer = normalized_gradient(LR)
    for size in (1e-30, 1e-4, 1.0, 1e30):
        g = {"kernel": jnp.full((2, 2), 3.0 * size), "bias": jnp.full(1, 4.0 * size)}
        updates, _ = optimizer.update(g, optimizer.init(g))
        np.testing.assert_allclose(optax.tree.norm(updates), LR, rtol=1e-6)
        np.testing.assert_allclose(updates["bias"] / updates["kernel"][0, 0], 4 / 3, rtol=1e-6)


def test_adamw_of_all_parameters_equals_optax():
    params = {"kernel": jnp.ones((2, 2)), "bias": jnp.ones(2)}
    grads = jax.tree.map(jnp.zeros_like, params)

    def step(optimizer):
        return optimizer.update(grads, optimizer.init(params), params)[0]

    ours = step(adamw(LR, weight_decay=0.5, mask="all"))
    with jax.numpy_dtype_promotion("standard"):  # optax raises a float to an int power
        theirs = step(optax.adamw(LR, weight_decay=0.5))
    jax.tree.map(np.testing.assert_allclose, ours, theirs)


def test_muon_takes_convolutions_as_matrices_unless_told_otherwise():
    kernel = RNG.normal(size=(2, 2, 3, 8))
    flat = {"conv": kernel.reshape(12, 8)}
    expected = np.asarray(train(muon(LR), start=flat)[0]["conv"]).reshape(2, 2, 3, 8)
    np.testing.assert_allclose(train(muon(LR), start={"conv": kernel})[0]["conv"], expected, rtol=1e-4, atol=1e-5)
    assert_near(train(muon(LR, flatten=False), start={"conv": kernel})[0], train(adam(LR), start={"conv": kernel})[0])


@pytest.mark.parametrize("start", [{"a": {"bias": START["bias"]}}, {"a": {"kernel": START["kernel"]}}])
def test_muon_trains_parameters_of_one_kind(start):
    (kind,) = start["a"]
    alone = train(muon(LR), start=start)[0]["a"][kind]
    np.testing.assert_allclose(alone, train(muon(LR))[0][kind], rtol=1e-5, atol=1e-6)


def test_no_name_but_a_parameter_s_own_is_on_the_path_of_its_moments():
    """Training freezes the moments of a layer by the dictionary keys on their paths."""
    for name, choice in CHOICES.items():
        state = choice.make(LR).init({"head": as_float32(START)})
        for path, _ in jax.tree_util.tree_leaves_with_path(state):
            keys = [key.key for key in path if isinstance(key, jax.tree_util.DictKey)]
            assert keys in ([], ["head", "kernel"], ["head", "bias"]), name


def test_lookahead_wraps_any_inner_optimizer_and_names_them_for_a_typo():
    for inner in ("sgd", "adam", "radam", "muon", "lamb"):
        slowly, plainly = train(lookahead(LR, inner, period=21))[0], train(CHOICES[inner].make(LR))[0]
        assert_near(slowly, plainly)
    with pytest.raises(ValueError, match=r"inner='adma' is not one of 'sgd', .*'adam'"):
        lookahead(LR, "adma")


def test_schedule_free_evaluates_the_average():
    w, state = train(schedule_free(rising, beta=0.7, power=1.5))
    expected = by.schedule_free(lambda t: float(rising(t - 1)), 0.7, 1.5, evaluated=True)(START, STEPS)
    assert isinstance(state, optax.contrib.ScheduleFreeState)
    assert_near(optax.contrib.schedule_free_eval_params(state, w), expected)
    with pytest.raises(ValueError, match="inner='momentum' is not one of 'sgd', 'adam'"):
        schedule_free(LR, "momentum")


def test_prodigy_waits_for_a_first_gradient():
    optimizer, w = prodigy(1.0), as_float32(START)
    state = optimizer.init(w)
    _, later = optimizer.update(jax.tree.map(jnp.zeros_like, w), state, w)
    jax.tree.map(np.testing.assert_array_equal, later, state)


def test_lbfgs_begins_anew_where_the_curvature_is_not_positive():
    restarts = []
    by.lbfgs(LR, 3, restarts.append)(START, STEPS)
    assert 0 < len(restarts) < STEPS - 3  # the reference test above sees steps with pairs and steps without
    optimizer, w = lbfgs(1.0), {"w": jnp.array([0.0, 0.0])}
    state, g = optimizer.init(w), {"w": jnp.array([3.0, 4.0])}
    _, state = optimizer.update(g, state, w)
    uphill = {"w": jnp.array([6.0, 8.0])}
    updates, _ = optimizer.update(uphill, state, {"w": -g["w"]})
    np.testing.assert_allclose(updates["w"], [-0.6, -0.8], rtol=1e-6)


def test_lbfgs_at_rate_1_solves_a_quadratic_as_optax_without_line_search_does():
    hessian = jnp.diag(jnp.array([1.0, 10.0, 100.0]))

    def path(optimizer):
        w = jnp.ones(3)
        state = optimizer.init(w)
        for _ in range(12):
            updates, state = optimizer.update(hessian @ w, state, w)
            w = w + updates
        return w

    ours, theirs = path(lbfgs(1.0)), path(optax.chain(optax.scale_by_lbfgs(), optax.scale(-1.0)))
    np.testing.assert_allclose(ours, theirs, atol=1e-6)
    assert jnp.max(jnp.abs(ours)) < 1e-3
