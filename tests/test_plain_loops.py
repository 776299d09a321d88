"""Every kind of primitive in a loop of one's own, without ablate's runner: flax Linen, flax NNX, the README's loops.

The data are random: what is tested is that shapes, keys, states and calling forms fit, and that the loss falls.
"""

import re

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import nnx

from ablate.tricks import (
    Clock,
    Dropout,
    GroupNorm,
    clip_by_global_norm,
    ema,
    flip,
    flood,
    focal,
    lsuv,
    mixup,
    momentum,
    sam,
    sgdr,
    smooth_labels,
)
from tests.shell import ROOT

STEPS, CLASSES = 30, 4


def data():
    """Thirty-two images that 30 steps can fit."""
    images = jax.random.normal(jax.random.key(1), (32, 6, 6, 1))
    return images, jax.nn.one_hot(jnp.arange(32) % CLASSES, CLASSES)


def rate(step):
    """The learning rate as a function of the step, as optax's schedules are."""
    return 0.1 * sgdr(Clock(step, total=STEPS), cycle=float(STEPS))


def augmented(key, images, labels):
    """One augmentation behind the other, each with a key of its own."""
    flip_key, mixup_key = jax.random.split(key)
    images, labels = flip(flip_key, images, labels)
    return mixup(mixup_key, images, labels, alpha=0.1)


class Network(nn.Module):
    """A convolution and two dense layers."""

    @nn.compact
    def __call__(self, x, *, train):
        x = nn.relu(GroupNorm(groups=2)(nn.Conv(8, (3, 3))(x), train=train))
        x = Dropout(rate=0.1)(nn.relu(nn.Dense(32)(x.reshape(x.shape[0], -1))), train=train)
        return nn.Dense(CLASSES)(x)


def train_linen(images, labels):
    """The trained parameters, their average, what applies them, and the loss of every step."""
    start, network = lsuv(), Network()
    variables = network.init(jax.random.key(0), images, train=False)
    variables = start.adjust(
        jax.random.key(2), variables, lambda variables, x: network.apply(variables, x, train=False), images
    )
    params = variables["params"]
    optimizer = optax.chain(clip_by_global_norm(max=1.0), momentum(rate, beta=0.9))
    opt_state, average = optimizer.init(params), ema(decay=0.9)
    averaged = average.init(params)

    def loss_fn(params, batch, key):
        images, labels = batch
        logits = network.apply({"params": params}, images, train=True, rngs={"dropout": key})
        loss = jnp.mean(focal(logits, smooth_labels(labels, alpha=0.1), gamma=1.0))
        return flood(loss, level=0.05), loss

    value_and_grad = sam(jax.value_and_grad(loss_fn, has_aux=True), rho=0.05)

    @jax.jit
    def step(params, opt_state, averaged, k):
        augment_key, dropout_key = jax.random.split(jax.random.fold_in(jax.random.key(3), k))
        (_, loss), grads = value_and_grad(params, augmented(augment_key, images, labels), dropout_key)
        updates, opt_state = optimizer.update(grads, opt_state, params)
        params = optax.apply_updates(params, updates)
        return params, opt_state, average.update(averaged, params, Clock(k, total=STEPS)), loss

    losses = []
    for k in range(STEPS):
        params, opt_state, averaged, loss = step(params, opt_state, averaged, jnp.int32(k))
        losses.append(float(loss))
    (member,), _ = average.members(averaged)
    return params, member, lambda params: network.apply({"params": params}, images, train=False), losses


def accuracy(logits, labels):
    return float(jnp.mean(jnp.argmax(logits, -1) == jnp.argmax(labels, -1)))


def test_a_linen_loop():
    images, labels = data()
    params, averaged, logits_of, losses = train_linen(images, labels)
    assert np.isfinite(losses).all()
    assert np.mean(losses[-5:]) < 0.7 * np.mean(losses[:5])
    assert accuracy(logits_of(params), labels) > 0.8
    assert accuracy(logits_of(averaged), labels) > 0.8
    assert not np.array_equal(logits_of(averaged), logits_of(params))


def test_lsuv_gives_every_layer_unit_variance_in_a_linen_network_of_ones_own():
    images, _ = data()
    network, layer = Network(), nn.Conv(8, (3, 3))
    variables = network.init(jax.random.key(0), images, train=False)
    started = lsuv().adjust(jax.random.key(2), variables, lambda v, x: network.apply(v, x, train=False), images)
    given = layer.apply({"params": started["params"]["Conv_0"]}, images)
    np.testing.assert_allclose(jnp.std(given), 1.0, rtol=1e-4)  # one pass in float32


class NnxNetwork(nnx.Module):
    """The same with NNX; modules of ablate are Linen's and cross `nnx.bridge.ToNNX`.

    A bridged module makes its variables at `lazy_init` with an example. `train=` is a keyword of every call. It forks
    the `Rngs` that it is given, and draws from that copy's stream "dropout" at every training call.
    """

    def __init__(self, example, rngs):
        self.conv = nnx.Conv(1, 8, (3, 3), rngs=rngs)
        self.norm = nnx.bridge.ToNNX(GroupNorm(groups=2), rngs=rngs).lazy_init(self.conv(example), train=True)
        self.hidden = nnx.Linear(example[0].size * 8, 32, rngs=rngs)
        self.dropout = nnx.bridge.ToNNX(Dropout(rate=0.1), rngs=rngs)  # without variables: nothing to initialise
        self.head = nnx.Linear(32, CLASSES, rngs=rngs)

    def __call__(self, x, *, train):
        x = nnx.relu(self.norm(self.conv(x), train=train))
        x = self.dropout(nnx.relu(self.hidden(x.reshape(x.shape[0], -1))), train=train)
        return self.head(x)


def nnx_loss(model, images, labels):
    logits = model(images, train=True)
    loss = jnp.mean(focal(logits, smooth_labels(labels, alpha=0.1), gamma=1.0))
    return flood(loss, level=0.05)


@nnx.jit
def nnx_step(model, optimizer, images, labels, key):
    """One update in place, as NNX has it: parameters, optimizer and the counters of the dropout stream."""
    loss, grads = nnx.value_and_grad(nnx_loss)(model, *augmented(key, images, labels))
    optimizer.update(model, grads)
    return loss


def nnx_network(images):
    return NnxNetwork(images, nnx.Rngs(params=0, dropout=1))


def test_an_nnx_loop():
    images, labels = data()
    model, average = nnx_network(images), ema(decay=0.9)
    transform = optax.chain(clip_by_global_norm(max=1.0), momentum(rate, beta=0.9))
    optimizer = nnx.Optimizer(model, transform, wrt=nnx.Param)
    averaged = average.init(nnx.as_pure(nnx.state(model, nnx.Param)))
    losses = []
    for k in range(STEPS):
        losses.append(float(nnx_step(model, optimizer, images, labels, jax.random.fold_in(jax.random.key(3), k))))
        params = nnx.as_pure(nnx.state(model, nnx.Param))
        averaged = average.update(averaged, params, Clock(k, total=STEPS))
    assert np.isfinite(losses).all()
    assert np.mean(losses[-5:]) < 0.7 * np.mean(losses[:5])
    logits = model(images, train=False)
    assert accuracy(logits, labels) > 0.8
    (member,), _ = average.members(averaged)
    nnx.update(model, member)
    assert accuracy(model(images, train=False), labels) > 0.8
    assert not np.array_equal(model(images, train=False), logits)


def test_a_bridged_dropout_draws_anew_and_a_bridged_norm_learns():
    images, _ = data()
    model = nnx_network(images)
    assert {path[0] for path, _ in nnx.to_flat_state(nnx.state(model, nnx.Param))} == {"conv", "norm", "hidden", "head"}
    first, second = model(images, train=True), model(images, train=True)
    assert not np.array_equal(first, second)
    np.testing.assert_array_equal(model(images, train=False), model(images, train=False))


def test_the_loops_in_the_readme_run():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    section = text.partition("## One by one, in your own loop\n")[2].partition("\n## ")[0]
    blocks = re.findall(r"```python\n(.*?)```", section, re.DOTALL)
    assert len(blocks) == 2
    images, labels = data()
    for block in blocks:
        names = {"images": images, "labels": labels, "__name__": "readme"}
        exec(compile(block, "README.md", "exec"), names)
        assert np.isfinite(names["losses"]).all()
        assert np.mean(names["losses"][-5:]) < 0.8 * np.mean(names["losses"][:5])
