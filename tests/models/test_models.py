import doctest
import functools
import importlib

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ablate.models import MODELS, kernels
from ablate.models.resnet import blocks_of
from ablate.tricks import AXES, BatchNorm, Dropout, Linear, zeros
from ablate.tricks.axis import signature_of
from tests.models.small import IMAGES, build, logits_of, parameters, shapes_of


@pytest.mark.parametrize("name", MODELS)
def test_a_model_is_handed_its_layers_and_has_a_default_for_all_else(name):
    arguments = signature_of(MODELS[name])
    assert {key for key, argument in arguments.items() if argument.required} == {"layers"}
    assert not any(argument.traced for argument in arguments.values())


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("norm", ["none", "batch"])
def test_logits_features_and_no_leftovers_of_initialisation(name, norm):
    model = build(name, norm=AXES["norm"].choices[norm].make)
    variables = model.init(jax.random.key(0), IMAGES, train=False)
    assert set(variables) == {"params"} | ({"batch_stats"} if norm == "batch" else set())
    (features, outputs), changed = model.apply(variables, IMAGES, train=True, mutable=["batch_stats"])
    assert set(changed) <= {"batch_stats"}
    assert features.ndim == 2
    logits = outputs["head"]
    kernel, bias = variables["params"]["head"]["kernel"], variables["params"]["head"]["bias"]
    assert logits.shape == (2, 5)
    assert logits.dtype == jnp.float32
    np.testing.assert_allclose(logits, np.asarray(features) @ np.asarray(kernel) + np.asarray(bias), atol=1e-5)


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize(
    ("norm", "dropout"), [("batch", "none"), ("group", "spatial"), ("layer", "dropout"), ("none", "dropout")]
)
def test_the_same_seed_gives_the_same_parameters_whatever_stands_between_the_layers(name, norm, dropout):
    plain, changed = parameters(name), parameters(name, norm, dropout)
    assert set(plain) <= set(changed)
    for path, leaf in plain.items():
        np.testing.assert_array_equal(leaf, changed[path], err_msg=path)


@pytest.mark.parametrize("name", ["mlp", "resnet"])
def test_parameters_of_an_activation_leave_those_of_the_layers_alone(name):
    plain, changed = parameters(name), parameters(name, activation="soft_threshold")
    assert any("SoftThreshold_0/dense_0" in path for path in set(changed) - set(plain))
    for path, leaf in plain.items():
        np.testing.assert_array_equal(leaf, changed[path], err_msg=path)


@pytest.mark.parametrize("name", MODELS)
def test_gradients_are_finite_with_batch_norm_and_at_zero_images_too(name):
    model = build(name, norm=BatchNorm, bias_init=zeros())
    variables = model.init(jax.random.key(0), IMAGES, train=False)

    @jax.jit
    def gradients(variables, images):
        def loss(params, images):
            given, _ = model.apply({**variables, "params": params}, images, train=True, mutable=["batch_stats"])
            return jnp.sum(nn.log_softmax(given[1]["head"])[:, 0])

        return jax.grad(loss, argnums=(0, 1))(variables["params"], images)

    ordinary = gradients(variables, IMAGES)
    assert all(bool(jnp.isfinite(leaf).all()) for leaf in jax.tree.leaves(ordinary))
    assert bool(ordinary[1].any())  # what is finite is no constant either
    for leaf in jax.tree.leaves(gradients(variables, jnp.zeros_like(IMAGES))):
        assert bool(jnp.isfinite(leaf).all())


@pytest.mark.parametrize("name", MODELS)
def test_layers_draw_different_numbers_and_initializers_reach_all_of_them(name):
    drawn = parameters(name)
    kernels = [leaf.ravel()[:4].tolist() for path, leaf in drawn.items() if path.endswith("kernel")]
    assert len({tuple(kernel) for kernel in kernels}) == len(kernels)
    assert all((leaf == np.float32(0.1)).all() for path, leaf in drawn.items() if path.endswith("bias"))
    empty = build(name, kernel_init=zeros()).init(jax.random.key(0), IMAGES, train=False)["params"]
    assert not any(leaf.any() for leaf in jax.tree.leaves(empty) if leaf.ndim > 1)


@pytest.mark.parametrize("name", MODELS)
def test_a_head_begun_at_zero_gives_log_c(name):
    model = build(name, make_head=functools.partial(Linear, zero=True), bias_init=zeros())
    logits = model.init_with_output(jax.random.key(0), IMAGES, train=False)[0][1]["head"]
    np.testing.assert_allclose(-nn.log_softmax(logits), np.log(5), rtol=1e-6)


@pytest.mark.parametrize("name", MODELS)
def test_numbers_of_the_modules_are_inputs_of_one_program(name):
    model = build(name)
    variables, traces = model.init(jax.random.key(0), IMAGES, train=False), []

    @jax.jit
    def logits(rate):
        traces.append(rate)
        dropping = build(name, dropout=functools.partial(Dropout, rate=rate))
        return logits_of(dropping, variables, IMAGES, train=True, rngs={"dropout": jax.random.key(2)})

    np.testing.assert_allclose(logits(jnp.float32(0)), logits_of(model, variables, IMAGES, train=False), atol=1e-5)
    assert not np.allclose(logits(jnp.float32(0.5)), logits(jnp.float32(0)))
    assert len(traces) == 1


def test_mlp_against_numpy():
    drawn, x = parameters("mlp"), np.asarray(IMAGES).reshape(2, -1)
    for layer in ("layer_0", "layer_1"):
        x = np.maximum(x @ drawn[f"{layer}/kernel"] + drawn[f"{layer}/bias"], 0)
    expected = x @ drawn["head/kernel"] + drawn["head/bias"]
    model = build("mlp")
    logits = logits_of(model, model.init(jax.random.key(0), IMAGES, train=False), IMAGES, train=False)
    np.testing.assert_allclose(logits, expected, atol=1e-4)
    assert sum(leaf.size for leaf in drawn.values()) == 192 * 16 + 16 + 16 * 8 + 8 + 8 * 5 + 5


def test_mlp_without_hidden_layers_is_linear():
    model = build("mlp", widths=())
    assert set(model.init(jax.random.key(0), IMAGES, train=False)["params"]) == {"head"}


@pytest.mark.parametrize("depth", [8, 14, 20])
def test_resnet_has_as_many_layers_as_it_says(depth):
    shapes = shapes_of(build("resnet", depth=depth))
    kernels = {path: shape for path, shape in shapes.items() if len(shape) > 1}
    shortcuts = [path for path in kernels if "shortcut" in path]
    assert len(kernels) - len(shortcuts) == depth
    assert len(shortcuts) == 2
    assert kernels["stem/kernel"] == (3, 3, 3, 8)
    assert kernels["stage_2_block_0/conv_0/kernel"] == (3, 3, 16, 32)
    assert kernels["head/kernel"] == (32, 5)


@pytest.mark.parametrize("depth", [11, 164])
def test_resnet_of_bottlenecks_has_as_many_layers_as_it_says(depth):
    shapes = shapes_of(build("resnet", depth=depth, block="bottleneck"))
    kernels = {path: shape for path, shape in shapes.items() if len(shape) > 1}
    shortcuts = {path: shape for path, shape in kernels.items() if "shortcut" in path}
    assert len(kernels) - len(shortcuts) == depth
    assert list(shortcuts.values()) == [(1, 1, 8, 32), (1, 1, 32, 64), (1, 1, 64, 128)]
    inner = [kernels[f"stage_2_block_0/conv_{index}/kernel"] for index in range(3)]
    assert inner == [(1, 1, 64, 32), (3, 3, 32, 32), (1, 1, 32, 128)]
    assert kernels["head/kernel"] == (128, 5)


def test_resnet_halves_the_image_twice():
    model = build("resnet")
    _, seen = model.apply(
        model.init(jax.random.key(0), IMAGES, train=False),
        IMAGES,
        train=False,
        capture_intermediates=True,
        mutable="intermediates",
    )
    shapes = [seen["intermediates"][f"stage_{stage}_block_0"]["__call__"][0].shape for stage in range(3)]
    assert shapes == [(2, 8, 8, 8), (2, 4, 4, 16), (2, 2, 2, 32)]


def test_resnet_block_adds_its_shortcut():
    model = build("resnet", kernel_init=zeros(), bias_init=zeros())
    variables = model.init(jax.random.key(0), IMAGES, train=False)
    stem = jax.random.normal(jax.random.key(3), variables["params"]["stem"]["kernel"].shape)
    variables["params"]["stem"]["kernel"] = stem
    _, seen = model.apply(variables, IMAGES, train=False, capture_intermediates=True, mutable="intermediates")
    before = nn.relu(seen["intermediates"]["stem"]["__call__"][0])
    np.testing.assert_array_equal(seen["intermediates"]["stage_0_block_0"]["__call__"][0], before)


@pytest.mark.parametrize("depth", [2, 7, 9, 18])
def test_resnet_refuses_other_depths(depth):
    with pytest.raises(ValueError, match=f"depth={depth} is not 6n\\+2"):
        build("resnet", depth=depth)


@pytest.mark.parametrize(
    ("name", "wrong", "message"),
    [
        ("resnet", {"depth": 8, "block": "bottleneck"}, r"resnet: depth=8 is not 9n\+2 .*\(11, 20, 29, \.\.\.\)"),
        ("shrinkage_resnet", {"depth": 9}, r"shrinkage_resnet: depth=9 is not 6n\+2"),
        ("vgg", {"widths": ()}, "vgg: widths=.. has no stage"),
        ("vgg", {"widths": (8, 8, 8), "convs": (1, 2)}, "vgg: convs=.1, 2. must have one number for each of 3 stages"),
        ("inception", {"widths": ()}, "inception: widths=.. has no stage"),
        ("inception", {"modules": (1, 2, 3)}, "inception: modules=.1, 2, 3. must have"),
        ("mobilenet", {"blocks": ()}, "mobilenet: blocks=.. has no stage"),
        ("bilinear", {"backbone": "resnet", "depth": 9}, r"depth=9 is not 6n\+2"),
    ],
)
def test_arguments_that_make_no_network_are_refused_in_one_line(name, wrong, message):
    with pytest.raises(ValueError, match=message) as error:
        build(name, **wrong)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("refuse", "message"),
    [
        (lambda: kernels.shapes_of("7x7", 5, "vgg"), "vgg: kernel='7x7' is not one of '3x3', '5x5', '3x3x2', '1xn'$"),
        (lambda: blocks_of(8, "wide", "resnet"), "resnet: block='wide' is not one of 'basic', 'bottleneck'$"),
    ],
)
def test_words_that_name_nothing_are_refused_with_those_that_do(refuse, message):
    with pytest.raises(ValueError, match=message):
        refuse()


@pytest.mark.parametrize("name", [name for name in MODELS if name != "mlp"])
@pytest.mark.parametrize("side", [1, 5])
def test_no_image_is_too_small_or_odd(name, side):
    assert shapes_of(build(name), side)


def test_group_norm_says_where_it_cannot_divide():
    model = build("resnet", norm=functools.partial(AXES["norm"].choices["group"].make, groups=3))
    with pytest.raises(ValueError, match=r"groups=3 .* 8 channels"):
        model.init(jax.random.key(0), IMAGES, train=False)


@pytest.mark.parametrize("name", ["arguments", "layers", "kernels", *MODELS, "dcgan"])
def test_doctests_of_models(name):
    results = doctest.testmod(importlib.import_module(f"ablate.models.{name}"))
    assert results.attempted
    assert not results.failed
