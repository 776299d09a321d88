"""Squeeze-and-excitation, shrinkage and networks without sums, against numpy and networks written anew."""

import functools

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ablate.models.resnet import Block, SqueezeExcite
from ablate.models.shrinkage_resnet import Shrinkage
from ablate.tricks import BatchNorm, InstanceNorm, SoftThreshold, StochasticDepth, soft_threshold
from tests.models.small import IMAGES, build, layers, shapes_of

X = np.random.default_rng(0).normal(size=(3, 2, 4, 8)).astype(np.float32)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def run(module, x=X, **options):
    """What a module gives, and its parameters in float64."""
    y, variables = module.init_with_output(jax.random.key(0), jnp.asarray(x), **options)
    return np.asarray(y), jax.tree.map(lambda leaf: np.asarray(leaf, np.float64), variables["params"])


def dense(params, x):
    return x @ params["kernel"] + params["bias"]


def shrunk(x, tau):
    tau = tau.reshape(len(x), *(1,) * (x.ndim - 2), -1)
    return np.where(x > tau, x - tau, np.where(x < -tau, x + tau, 0.0))


@pytest.mark.parametrize("reduction", [2, 8, 20])
def test_squeeze_excite_against_numpy(reduction):
    y, params = run(SqueezeExcite(layers(), reduction), train=True)
    assert params["squeeze"]["kernel"].shape == (8, max(1, 8 // reduction))
    x = X.astype(np.float64)
    shares = sigmoid(dense(params["excite"], np.maximum(dense(params["squeeze"], x.mean((1, 2))), 0)))
    np.testing.assert_allclose(y, x * shares[:, None, None, :], atol=1e-5)


@pytest.mark.parametrize("norm", [None, BatchNorm])
def test_shrinkage_against_numpy(norm):
    y, params = run(Shrinkage(layers(**({"norm": norm} if norm else {}))), train=True)
    x = X.astype(np.float64)
    mean = np.abs(x).mean((1, 2))
    inner = dense(params["dense_0"], mean)
    if norm:
        inner = (inner - inner.mean(0)) / np.sqrt(inner.var(0) + 1e-5)
    tau = mean * sigmoid(dense(params["dense_1"], np.maximum(inner, 0)))
    np.testing.assert_allclose(y, shrunk(x, tau), atol=1e-5)
    assert 0.05 < (y == 0).mean() < 0.95  # the case is a case


@pytest.mark.parametrize("shape", [(3, 2, 4, 8), (6, 4, 8), (24, 8)])
def test_soft_threshold_as_an_activation_against_numpy(shape):
    x = X.reshape(shape)
    y, params = run(SoftThreshold(), x)
    x = x.astype(np.float64)
    mean = np.abs(x).mean(tuple(range(1, x.ndim - 1)))
    tau = mean * sigmoid(dense(params["dense_1"], np.maximum(dense(params["dense_0"], mean), 0)))
    np.testing.assert_allclose(y, shrunk(x, tau), atol=1e-5)
    assert ((y == 0).mean() > 0.05) == (x.ndim > 2)  # without positions the threshold is a share of the number itself


def test_soft_threshold_of_0_is_the_identity_and_its_gradient_0_or_1():
    x = jnp.asarray(X)
    np.testing.assert_array_equal(soft_threshold(x, jnp.float32(0.0)), X)
    slope = jax.grad(lambda x: jnp.sum(soft_threshold(x, jnp.float32(0.5))))(x)
    np.testing.assert_array_equal(slope, (np.abs(X) > 0.5).astype(np.float32))


@pytest.mark.parametrize(("block", "depth"), [("basic", 8), ("bottleneck", 11)])
def test_without_skips_it_is_a_plain_chain_of_convolutions(block, depth):
    network = build("resnet", block=block, depth=depth, skip=False)
    variables = network.init(jax.random.key(0), IMAGES, train=False)
    x, params = IMAGES, variables["params"]
    chain = ["stem"] + [(f"stage_{stage}_block_0", f"conv_{k}") for stage in range(3) for k in range((depth - 2) // 3)]
    for place in chain:
        layer = params[place] if isinstance(place, str) else params[place[0]][place[1]]
        halving = place in [(f"stage_{stage}_block_0", f"conv_{int(block == 'bottleneck')}") for stage in (1, 2)]
        steps = (2, 2) if halving else (1, 1)
        channels_last = ("NHWC", "HWIO", "NHWC")
        x = jax.lax.conv_general_dilated(x, layer["kernel"], steps, "SAME", dimension_numbers=channels_last)
        x = jnp.maximum(x + layer["bias"].reshape(1, 1, 1, -1), 0)
    np.testing.assert_allclose(network.apply(variables, IMAGES, train=False)[0], x.mean((1, 2)), rtol=1e-4, atol=1e-5)


def test_without_skips_nothing_is_silenced_as_a_branch():
    network = build("resnet", skip=False, dropout=functools.partial(StochasticDepth, rate=0.9))
    variables, rngs = network.init(jax.random.key(0), IMAGES, train=False), {"dropout": jax.random.key(1)}
    training = network.apply(variables, IMAGES, train=True, rngs=rngs)[0]
    np.testing.assert_array_equal(training, network.apply(variables, IMAGES, train=False)[0])


@pytest.mark.parametrize(("gate", "expected"), [(None, 1.0), (SqueezeExcite, 0.5), (Shrinkage, None)])
def test_a_gate_scales_the_branch_before_the_sum(gate, expected):
    """With zeros in the gate's own layers, shares are a half."""
    block = Block(layers(), width=8, stride=1, depth=1.0, gate=gate)
    variables = block.init(jax.random.key(0), jnp.asarray(X), train=False)
    params = variables["params"]
    params = {**params, "gate": jax.tree.map(jnp.zeros_like, params["gate"])} if gate else params
    y, seen = block.apply(
        {"params": params}, jnp.asarray(X), train=False, capture_intermediates=True, mutable="intermediates"
    )
    branch = np.asarray(seen["intermediates"]["conv_1"]["__call__"][0], np.float64)
    scaled = branch * expected if expected else shrunk(branch, np.abs(branch).mean((1, 2)) / 2)
    np.testing.assert_allclose(y, np.maximum(X + scaled, 0), atol=1e-5)


def test_shrinkage_resnet_is_the_resnet_with_thresholds_in_its_blocks():
    plain, shrinking = shapes_of(build("resnet", depth=14)), shapes_of(build("shrinkage_resnet", depth=14))
    assert {path: shrinking[path] for path in plain} == plain
    more = {path: shape for path, shape in shrinking.items() if path not in plain}
    assert {path.split("/")[1] for path in more} == {"gate"}
    assert sum(shape == (32, 32) for shape in more.values()) == 4  # two blocks of the last stage
    with pytest.raises(ValueError, match="instance norm needs positions"):
        shapes_of(build("shrinkage_resnet", norm=InstanceNorm))


def test_resnet_of_bottlenecks_adds_its_shortcut():
    network = build("resnet", block="bottleneck", depth=20)
    variables = network.init(jax.random.key(0), IMAGES, train=False)
    block = jax.tree.map(jnp.zeros_like, variables["params"]["stage_0_block_1"])
    params = {**variables["params"], "stage_0_block_1": block}
    _, seen = network.apply(
        {"params": params}, IMAGES, train=False, capture_intermediates=True, mutable="intermediates"
    )
    outputs = [seen["intermediates"][f"stage_0_block_{index}"]["__call__"][0] for index in (0, 1)]
    np.testing.assert_array_equal(outputs[1], nn.relu(outputs[0]))
    assert outputs[0].shape == (2, 8, 8, 32)
