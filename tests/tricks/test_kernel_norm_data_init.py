import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ablate.models import Dense, Mlp, ResNet, layers_of
from ablate.tricks import (
    BatchNorm,
    GroupNorm,
    NoDropout,
    NoNorm,
    Relu,
    StochasticDepth,
    Tanh,
    WeightNorm,
    WeightStandardization,
    after_activation,
    bfloat16,
    constant_bias,
    lsuv,
    standardized_kernel,
    zero_residual,
)

KEY = jax.random.key(0)
X = jax.random.normal(jax.random.key(1), (32, 20))
IMAGES = jax.random.normal(jax.random.key(2), (8, 8, 8, 3))


def outputs_by_layer(network, variables, x):
    seen = {}

    def note(call, args, kwargs, context):
        given = call(*args, **kwargs)
        if isinstance(context.module, nn.Dense | nn.Conv):
            seen["/".join(context.module.path)] = given
        return given

    with nn.intercept_methods(note):
        network.apply(variables, x, train=False)
    return seen


def test_weight_norm_against_numpy_and_begins_as_the_plain_layer():
    plain, normed = Dense(3), Dense(3, reparametrize=WeightNorm.kernel)
    variables = normed.init(KEY, X)
    np.testing.assert_allclose(normed.apply(variables, X), plain.apply(plain.init(KEY, X), X), atol=1e-5)
    params = variables["params"]
    scaled = {**params, "kernel": 7.0 * params["kernel"], "gain": jnp.array([1.0, 2.0, 0.0])}
    v = np.asarray(params["kernel"], np.float64)
    expected = np.asarray(X, np.float64) @ (v / np.linalg.norm(v, axis=0) * [1.0, 2.0, 0.0])
    np.testing.assert_allclose(normed.apply({"params": scaled}, X), expected, atol=1e-4)
    dead = jax.grad(lambda p: jnp.sum(normed.apply({"params": p}, X)))({**params, "kernel": 0.0 * params["kernel"]})
    assert all(bool(jnp.isfinite(leaf).all()) for leaf in jax.tree.leaves(dead))


def test_standardized_kernels_have_no_mean_length_one_and_ignore_scale_and_offset():
    kernel = jax.random.normal(KEY, (3, 3, 4, 5)) * 3.0 + 1.0
    done = np.asarray(standardized_kernel(kernel), np.float64).reshape(-1, 5)
    np.testing.assert_allclose(done.mean(0), 0, atol=1e-6)
    np.testing.assert_allclose(np.linalg.norm(done, axis=0), 1, rtol=1e-5)
    np.testing.assert_allclose(standardized_kernel(5.0 * kernel - 2.0).reshape(-1, 5), done, atol=1e-5)
    layer = Dense(4, reparametrize=WeightStandardization.kernel)
    given = layer.apply(layer.init(KEY, X), X)
    assert given.shape == (32, 4)
    norm = WeightStandardization(groups=2)
    both = [module.apply(module.init(KEY, given, train=True), given, train=True) for module in (norm, GroupNorm(2))]
    np.testing.assert_array_equal(*both)
    np.testing.assert_array_equal(WeightStandardization(groups=0).apply({}, given, train=True), given)


@pytest.mark.parametrize("norm", [NoNorm, BatchNorm, WeightNorm])
@pytest.mark.parametrize("kind", ["mlp", "resnet"])
def test_lsuv_gives_every_layer_variance_one(norm, kind):
    layers = layers_of(norm, Tanh, NoDropout, lsuv().kernel, constant_bias(0.3))
    network, x = (Mlp(layers, (16, 16, 16)), X) if kind == "mlp" else (ResNet(layers, depth=8, width=4), IMAGES)
    begin = network.init(KEY, x, train=False)
    done = lsuv().adjust(KEY, begin, lambda variables, x: network.apply(variables, x, train=False), x)
    spreads = {path: float(jnp.std(given)) for path, given in outputs_by_layer(network, done, x).items()}
    assert len(spreads) == (3 if kind == "mlp" else 9)
    np.testing.assert_allclose(list(spreads.values()), 1.0, atol=2e-3)


def test_zero_residual_begins_every_block_as_its_shortcut():
    kernel, adjust = zero_residual()
    network = ResNet(layers_of(BatchNorm, Relu, NoDropout, kernel), depth=14, width=4)
    begin = network.init(KEY, IMAGES, train=False)
    done = adjust(KEY, begin, lambda *_: None, IMAGES)
    scales = [leaf for path, leaf in jax.tree_util.tree_leaves_with_path(done["params"]) if "branch_norm" in str(path)]
    assert len(scales) == 2 * 6
    assert not any(leaf.any() for leaf in scales)
    # The second block of the first stage has no convolution in its shortcut: what comes in goes out.
    short = ResNet(layers_of(BatchNorm, Relu, NoDropout, kernel), depth=8, width=4)
    assert set(short.init(KEY, IMAGES, train=False)["params"]) < set(begin["params"])
    with pytest.raises(ValueError, match="no residual branch"):
        adjust(KEY, Mlp(layers_of(BatchNorm, Relu, NoDropout)).init(KEY, X, train=False), lambda *_: None, X)


def test_stochastic_depth_silences_whole_branches_the_deeper_the_more_often():
    x, kept = jnp.ones((4000, 2, 3)), {}
    for depth in (0.25, 1.0):
        module = StochasticDepth(depth=depth, rate=0.4)
        y = np.asarray(module.apply({}, x, train=True, rngs={"dropout": KEY}))
        assert (y == y[:, :1, :1]).all()
        kept[depth] = (y[:, 0, 0] > 0).mean()
        np.testing.assert_allclose(y.mean(), 1.0, atol=0.05)
        np.testing.assert_array_equal(module.apply({}, x, train=False), x)
    np.testing.assert_allclose([kept[0.25], kept[1.0]], [0.9, 0.6], atol=0.03)  # 4 standard errors


def test_the_place_of_the_norm():
    layers = layers_of(BatchNorm, Relu, NoDropout, place=after_activation)
    network = Mlp(layers, (8,))
    features, _ = network.init_with_output(KEY, X, train=True)
    np.testing.assert_allclose(np.asarray(features).mean(0), 0, atol=1e-5)  # normed last
    before = Mlp(layers_of(BatchNorm, Relu, NoDropout), (8,)).init_with_output(KEY, X, train=True)[0]
    assert before.min() == 0


def test_bfloat16_rounds_what_is_multiplied_and_keeps_parameters_and_results():
    half = Dense(6, dtype=bfloat16())
    variables = half.init(KEY, X)
    assert {leaf.dtype for leaf in jax.tree.leaves(variables)} == {jnp.dtype("float32")}
    given = half.apply(variables, X)
    rounded = [np.asarray(a.astype(jnp.bfloat16), np.float64) for a in (X, variables["params"]["kernel"])]
    assert given.dtype == jnp.float32
    np.testing.assert_allclose(given, rounded[0] @ rounded[1], rtol=2**-7, atol=2**-6)  # the result is rounded too
    assert not np.array_equal(given, Dense(6).apply(variables, X))
    gradients = jax.grad(lambda v: jnp.sum(half.apply(v, X) ** 2))(variables)
    assert {leaf.dtype for leaf in jax.tree.leaves(gradients)} == {jnp.dtype("float32")}
