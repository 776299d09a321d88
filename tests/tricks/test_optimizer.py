import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from ablate.tricks import adagrad, adam, adamw, lion, momentum, nesterov, rmsprop, sgd

LR, STEPS = 0.1, 4
START = np.random.default_rng(0).normal(size=(3, 4))


def gradient(w):
    return np.sin(2 * w) + 0.5 * w


def train(optimizer, rates=None):
    w = jnp.asarray(START, jnp.float32)
    state = optimizer.init(w) if rates is None else optimizer(rates[0]).init(w)
    for t in range(STEPS):
        transform = optimizer if rates is None else optimizer(jnp.float32(rates[t]))
        g = jnp.sin(2.0 * w) + 0.5 * w
        updates, state = transform.update(g, state, w)
        w = optax.apply_updates(w, updates)
    return np.asarray(w)


def by_sgd(w, rate=lambda t: LR):
    for t in range(STEPS):
        w = w - rate(t) * gradient(w)
    return w


def by_momentum(w, beta=0.8, rate=lambda t: LR):
    v = 0.0
    for t in range(STEPS):
        v = beta * v - rate(t) * gradient(w)
        w = w + v
    return w


def by_torch_nesterov(w, beta=0.8):
    buffer = 0.0
    for _ in range(STEPS):
        g = gradient(w)
        buffer = beta * buffer + g
        w = w - LR * (g + beta * buffer)
    return w


def by_adagrad(w, initial=0.3, epsilon=1e-3):
    r = initial
    for _ in range(STEPS):
        g = gradient(w)
        r = r + g**2
        w = w - LR * g / np.sqrt(r + epsilon)
    return w


def by_rmsprop(w, beta=0.7, epsilon=1e-3):
    r = 0.0
    for _ in range(STEPS):
        g = gradient(w)
        r = beta * r + (1 - beta) * g**2
        w = w - LR * g / np.sqrt(r + epsilon)
    return w


def by_adam(w, beta1=0.8, beta2=0.95, epsilon=1e-3, decay=0.0):
    m = v = 0.0
    for t in range(1, STEPS + 1):
        g = gradient(w)
        m, v = beta1 * m + (1 - beta1) * g, beta2 * v + (1 - beta2) * g**2
        w = w - LR * (m / (1 - beta1**t) / (np.sqrt(v / (1 - beta2**t)) + epsilon) + decay * w)
    return w


def by_lion(w, beta1=0.8, beta2=0.95):
    m = 0.0
    for _ in range(STEPS):
        g = gradient(w)
        w = w - LR * np.sign(beta1 * m + (1 - beta1) * g)
        m = beta2 * m + (1 - beta2) * g
    return w


@pytest.mark.parametrize(
    ("optimizer", "expected"),
    [
        (sgd(LR), by_sgd(START)),
        (momentum(LR, 0.8), by_momentum(START)),
        (nesterov(LR, 0.8), by_torch_nesterov(START)),
        (adagrad(LR, 0.3, 1e-3), by_adagrad(START)),
        (rmsprop(LR, 0.7, 1e-3), by_rmsprop(START)),
        (adam(LR, 0.8, 0.95, 1e-3), by_adam(START)),
        (adamw(LR, 0.8, 0.95, 1e-3, 0.3), by_adam(START, decay=0.3)),
        (lion(LR, 0.8, 0.95), by_lion(START)),
    ],
    ids=["sgd", "momentum", "nesterov", "adagrad", "rmsprop", "adam", "adamw", "lion"],
)
def test_four_steps_against_numpy(optimizer, expected):
    np.testing.assert_allclose(train(optimizer), expected, rtol=2e-5, atol=2e-6)


def test_momentum_and_nesterov_equal_optax_at_a_constant_rate():
    for ours, nesterov_form in ((momentum, False), (nesterov, True)):
        np.testing.assert_allclose(train(ours(LR, 0.8)), train(optax.sgd(LR, 0.8, nesterov_form)), rtol=1e-5)


def test_momentum_keeps_the_rate_inside_the_sum():
    def falling(t):
        return LR * 0.5**t

    expected = by_momentum(START, rate=falling)
    np.testing.assert_allclose(train(momentum(lambda t: LR * 0.5**t, 0.8)), expected, rtol=1e-5)
    rebuilt = train(lambda rate: momentum(rate, 0.8), rates=[falling(t) for t in range(STEPS)])
    np.testing.assert_allclose(rebuilt, expected, rtol=1e-5)


def test_a_schedule_and_a_rate_given_step_by_step_are_the_same():
    def falling(t):
        return LR / (1.0 + jnp.float32(t))

    np.testing.assert_allclose(train(sgd(falling)), by_sgd(START, falling), rtol=1e-5)
    for make in (sgd, nesterov, adagrad, rmsprop, adam, adamw, lion):
        rates = [falling(t) for t in range(STEPS)]
        np.testing.assert_allclose(train(make, rates), train(make(falling)), rtol=1e-5)


def test_adamw_equals_optax_and_leaves_biases_alone():
    params = {"kernel": jnp.ones((2, 2)), "bias": jnp.ones(2)}
    grads = jax.tree.map(jnp.zeros_like, params)

    def step(optimizer):
        return optimizer.update(grads, optimizer.init(params), params)[0]

    ours = step(adamw(LR, weight_decay=0.5, mask="all"))
    with jax.numpy_dtype_promotion("standard"):  # optax raises a float to an int power
        theirs = step(optax.adamw(LR, weight_decay=0.5))
    jax.tree.map(np.testing.assert_allclose, ours, theirs)
    kernels = step(adamw(LR, weight_decay=0.5))
    assert not kernels["bias"].any()
    assert kernels["kernel"].all()
