"""What is minimised: targets, loss, penalty and objective."""

import re

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from ablate.tricks import (
    adam,
    clip_by_global_norm,
    coupled,
    cross_entropy,
    flood,
    focal,
    l1,
    l2,
    momentum,
    sgd,
    smooth_labels,
    weighted,
)

RNG = np.random.default_rng(0)
LOGITS = RNG.normal(0, 3, (8, 5)).astype(np.float32)
PROBS = RNG.dirichlet(np.ones(5), 8).astype(np.float32)
PARAMS = {
    "dense": {"kernel": jnp.asarray(RNG.normal(size=(4, 3)), jnp.float32), "bias": jnp.float32([1.0, -2.0, 0.0])},
    "conv": {"kernel": jnp.asarray(RNG.normal(size=(3, 3, 1, 2)), jnp.float32)},
}
KERNELS = [np.asarray(PARAMS["dense"]["kernel"], np.float64), np.asarray(PARAMS["conv"]["kernel"], np.float64)]


def log_softmax(x):
    x = x.astype(np.float64)
    x = x - x.max(-1, keepdims=True)
    return x - np.log(np.exp(x).sum(-1, keepdims=True))


def test_smooth_labels():
    smoothed = smooth_labels(jnp.asarray(PROBS), alpha=0.3)
    np.testing.assert_allclose(smoothed, 0.7 * PROBS + 0.3 / 5, atol=1e-6)
    np.testing.assert_allclose(smoothed.sum(-1), 1, atol=1e-6)


def test_cross_entropy():
    expected = -(PROBS * log_softmax(LOGITS)).sum(-1)
    np.testing.assert_allclose(cross_entropy(jnp.asarray(LOGITS), jnp.asarray(PROBS)), expected, rtol=1e-5)


@pytest.mark.parametrize(("gamma", "alpha"), [(2.0, 1.0), (0.5, 0.25), (5.0, 2.0), (0.0, 3.0)])
def test_focal(gamma, alpha):
    log_p = log_softmax(LOGITS)
    expected = -alpha * (PROBS * (1 - np.exp(log_p)) ** gamma * log_p).sum(-1)
    found = focal(jnp.asarray(LOGITS), jnp.asarray(PROBS), gamma=gamma, alpha=alpha)
    np.testing.assert_allclose(found, expected, rtol=1e-4)


WEIGHTS = (0.75, 0.25, 0.0, 4.0, 1.0)


@pytest.mark.parametrize(("gamma", "alpha"), [(2.0, 1.0), (0.5, 0.25), (0.0, 1.0)])
@pytest.mark.parametrize("probs", [PROBS, np.eye(5, dtype=np.float32)[RNG.integers(5, size=8)]])
def test_focal_weighs_classes(gamma, alpha, probs):
    log_p = log_softmax(LOGITS)
    expected = -(alpha * np.array(WEIGHTS) * probs * (1 - np.exp(log_p)) ** gamma * log_p).sum(-1)
    found = focal(jnp.asarray(LOGITS), jnp.asarray(probs), gamma, alpha, weights=WEIGHTS)
    np.testing.assert_allclose(found, expected, rtol=1e-4)


def test_weighted_is_cross_entropy_with_a_weight_per_class():
    log_p, label = log_softmax(LOGITS), RNG.integers(5, size=8)
    expected = -np.array(WEIGHTS)[label] * log_p[np.arange(8), label]
    found = weighted(jnp.asarray(LOGITS), jax.nn.one_hot(label, 5), WEIGHTS)
    np.testing.assert_allclose(found, expected, rtol=1e-5)
    soft = weighted(jnp.asarray(LOGITS), jnp.asarray(PROBS), WEIGHTS)
    np.testing.assert_allclose(soft, -(np.array(WEIGHTS) * PROBS * log_p).sum(-1), rtol=1e-5)


def test_weighted_with_equal_weights_and_focal_without_a_gamma_are_cross_entropy():
    plain = cross_entropy(jnp.asarray(LOGITS), jnp.asarray(PROBS))
    np.testing.assert_array_equal(weighted(jnp.asarray(LOGITS), jnp.asarray(PROBS), (1, 1, 1, 1, 1)), plain)
    np.testing.assert_allclose(
        focal(jnp.asarray(LOGITS), jnp.asarray(PROBS), 0.0, weights=WEIGHTS),
        weighted(jnp.asarray(LOGITS), jnp.asarray(PROBS), WEIGHTS),
        rtol=1e-5,
    )


@pytest.mark.parametrize("loss", [focal, weighted])
@pytest.mark.parametrize("weights", [(1.0,), (1.0,) * 6])
def test_another_number_of_weights_than_classes_is_refused_in_one_line(loss, weights):
    with pytest.raises(ValueError, match=rf"^weights=\(1.0,.*\): {len(weights)} for 5 classes; give one for each$"):
        loss(jnp.asarray(LOGITS), jnp.asarray(PROBS), weights=weights)


@pytest.mark.parametrize("gamma", [0.0, 0.5, 1.0, 2.0])
@pytest.mark.parametrize("right", [0, 1])
def test_focal_gradient_is_finite_where_p_is_0_or_1(gamma, right):
    logits, target = jnp.float32([200.0, -200.0]), jax.nn.one_hot(right, 2)
    value, gradient = jax.value_and_grad(focal)(logits, target, jnp.float32(gamma), jnp.float32(1.0))
    assert np.isfinite(value)
    assert np.isfinite(gradient).all()
    np.testing.assert_allclose(value, 400.0 * right)
    if right:
        np.testing.assert_allclose(gradient, [1.0, -1.0])


def test_focal_at_off_has_the_gradient_of_cross_entropy():
    grads = [
        jax.jit(jax.grad(lambda x, f=f: f(x, jnp.asarray(PROBS)).sum()))(jnp.asarray(LOGITS))
        for f in (cross_entropy, lambda x, y: focal(x, y, jnp.float32(0), jnp.float32(1)))
    ]
    np.testing.assert_allclose(*grads, atol=1e-6)


def test_penalties_weigh_kernels_alone_unless_told_otherwise():
    np.testing.assert_allclose(l1(PARAMS, {}, None, 0.1), 0.1 * sum(np.abs(w).sum() for w in KERNELS), rtol=1e-5)
    np.testing.assert_allclose(l2(PARAMS, {}, None, 0.1), 0.05 * sum((w**2).sum() for w in KERNELS), rtol=1e-5)
    np.testing.assert_allclose(l1(PARAMS, {}, None, 0.1, mask="all") - l1(PARAMS, {}, None, 0.1), 0.3, rtol=1e-4)
    np.testing.assert_allclose(l2(PARAMS, {}, None, 0.1, mask="all") - l2(PARAMS, {}, None, 0.1), 0.25, rtol=1e-4)


@pytest.mark.parametrize(
    ("mask", "expected"),
    [
        ("regex:^conv/", KERNELS[1]),
        ("regex:^dense/bias$", np.array([1.0, -2.0, 0.0])),
        ("regex:^(?!conv/).*kernel$", KERNELS[0]),
    ],
)
def test_a_pattern_picks_parameters_by_their_path(mask, expected):
    np.testing.assert_allclose(l1(PARAMS, {}, None, 0.1, mask=mask), 0.1 * np.abs(expected).sum(), rtol=1e-5)
    np.testing.assert_allclose(l2(PARAMS, {}, None, 0.1, mask=mask), 0.05 * (expected**2).sum(), rtol=1e-5)


@pytest.mark.parametrize(
    ("mask", "problem"),
    [
        ("biases", "mask='biases' is not one of 'kernels', 'all', and no 'regex:...' either"),
        ("regex:(", "pattern='(' is not a regular expression: "),
        ("regex:^head/", "mask='regex:^head/' matches no parameter of conv/kernel, dense/bias, dense/kernel"),
    ],
)
def test_a_mask_that_picks_nothing_is_refused_in_one_line(mask, problem):
    for use in (lambda: l1(PARAMS, {}, None, 0.1, mask), lambda: l2(PARAMS, {}, None, 0.1, mask)):
        with pytest.raises(ValueError, match=f"^{re.escape(problem)}.*$"):
            use()


@pytest.mark.parametrize("mask", ["kernels", "all", "regex:^dense/"])
def test_l2_and_coupled_decay_give_plain_sgd_the_same_step(mask):
    def loss(params, weight):
        return jnp.sum(jnp.sin(params["dense"]["kernel"])) + l2(params, {}, None, weight, mask)

    def step(optimizer, grads):
        return optimizer.update(grads, optimizer.init(PARAMS), PARAMS)[0]

    penalised = step(sgd(0.5), jax.grad(loss)(PARAMS, 0.1))
    decayed = step(coupled(sgd(0.5), 0.5, weight=0.1, mask=mask), jax.grad(loss)(PARAMS, 0.0))
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-7), penalised, decayed)


def twenty_steps(optimizer, loss):
    """Parameters after 20 steps from those of this file."""
    params, state = PARAMS, optimizer.init(PARAMS)
    for _ in range(20):
        updates, state = optimizer.update(jax.grad(loss)(params), state, params)
        params = optax.apply_updates(params, updates)
    return params


def toy_loss(params):
    return sum(jnp.sum(jnp.sin(w)) for w in jax.tree.leaves(params))


def largest_difference(one, two):
    return max(float(jnp.max(jnp.abs(a - b))) for a, b in zip(jax.tree.leaves(one), jax.tree.leaves(two), strict=True))


@pytest.mark.parametrize("make", [momentum, adam])
def test_l2_and_coupled_decay_are_the_same_under_momentum_and_adam(make):
    penalised = twenty_steps(make(0.1), lambda params: toy_loss(params) + l2(params, {}, None, 0.5))
    decayed = twenty_steps(coupled(make(0.1), 0.1, weight=0.5), toy_loss)
    jax.tree.map(np.testing.assert_array_equal, penalised, decayed)
    assert largest_difference(penalised, twenty_steps(make(0.1), toy_loss)) > 0.1


@pytest.mark.parametrize(
    ("clip", "objective"),
    [(clip_by_global_norm(1.0), lambda loss: loss), (optax.identity(), lambda loss: flood(loss, 100.0))],
    ids=["clip", "flood"],
)
@pytest.mark.parametrize("make", [momentum, adam])
def test_l2_and_coupled_decay_part_where_a_clip_or_a_flood_comes_between(make, clip, objective):
    penalised = twenty_steps(
        optax.chain(clip, make(0.1)), lambda params: objective(toy_loss(params) + l2(params, {}, None, 0.5))
    )
    decayed = twenty_steps(
        optax.chain(clip, coupled(make(0.1), 0.1, weight=0.5)), lambda params: objective(toy_loss(params))
    )
    assert largest_difference(penalised, decayed) > 0.1


@pytest.mark.parametrize(("loss", "value", "slope"), [(0.2, 0.8, -1.0), (0.9, 0.9, 1.0)])
def test_flood_turns_the_gradient_round_under_the_level(loss, value, slope):
    found = jax.value_and_grad(flood)(jnp.float32(loss), jnp.float32(0.5))
    np.testing.assert_allclose(found, (value, slope), rtol=1e-6)


def test_an_ordinary_optax_loop_with_these_parts_learns():
    x, y = jnp.asarray(RNG.normal(size=(32, 4)), jnp.float32), jax.nn.one_hot(jnp.arange(32) % 2, 3)

    def objective(w):
        return flood(jnp.mean(focal(x @ w, smooth_labels(y, 0.1))), 0.01) + l2(w, {}, None, 1e-3)

    w = jnp.zeros((4, 3))
    optimizer = coupled(sgd(0.5), 0.5, weight=1e-3)
    state, first = optimizer.init(w), objective(w)
    for _ in range(20):
        updates, state = optimizer.update(jax.grad(objective)(w), state, w)
        w = optax.apply_updates(w, updates)
    assert objective(w) < first
