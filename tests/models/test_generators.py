"""Transposed convolutions against numpy, and the shapes of generated images."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ablate.models import GENERATORS, Dcgan, Deconv, MlpGenerator
from ablate.tricks import BatchNorm
from tests.models.small import by_path, layers


def test_a_transposed_convolution_spreads_its_input_apart_and_convolves():
    x = np.random.default_rng(0).normal(size=(2, 2, 3, 2)).astype(np.float32)
    y, variables = Deconv(3, (4, 4)).init_with_output(jax.random.key(0), jnp.asarray(x))
    kernel = np.asarray(variables["params"]["kernel"], np.float64)
    apart = np.zeros((2, 4 + 4, 6 + 4, 2))  # two pixels around it, so that 4x4 kernels see it from all sides
    apart[:, 2:6:2, 2:8:2] = x
    expected = np.zeros((2, 4, 6, 3))
    for row, column in np.ndindex(4, 6):
        patch = apart[:, row : row + 4, column : column + 4]
        expected[:, row, column] = np.einsum("bijc,ijco->bo", patch, kernel)
    np.testing.assert_allclose(y, expected, atol=1e-5)


@pytest.mark.parametrize(("shape", "doublings"), [((8, 8, 1), 2), ((7, 5, 2), 1), ((28, 28, 1), 2), ((1, 1, 3), 3)])
def test_images_of_any_shape(shape, doublings):
    size = int(np.prod(shape))
    model = Dcgan(layers(norm=BatchNorm), size, shape, width=4, doublings=doublings)
    images, variables = model.init_with_output(jax.random.key(0), jnp.ones((3, 16)), train=False)
    assert images.shape == (3, size)
    coarse = [-(-side // 2**doublings) for side in shape[:2]]
    width = 4 * 2 ** (doublings - 1)
    assert variables["params"]["project"]["kernel"].shape == (16, coarse[0] * coarse[1] * width)
    assert variables["params"]["sample"]["kernel"].shape == (4, 4, 4, shape[2])


def test_pixels_keep_their_order_and_what_is_too_much_is_cut_off():
    model = Dcgan(layers(), 12, (3, 2, 2), width=4, doublings=1)
    z = jax.random.normal(jax.random.key(1), (2, 16))
    variables = model.init(jax.random.key(0), z, train=False)
    images, seen = model.apply(variables, z, train=False, capture_intermediates=True, mutable="intermediates")
    whole = seen["intermediates"]["sample"]["__call__"][0]
    assert whole.shape == (2, 4, 2, 2)
    np.testing.assert_array_equal(images.reshape(2, 3, 2, 2), whole[:, :3])


def test_the_network_of_the_paper():
    model = Dcgan(layers(), 64 * 64 * 3, (64, 64, 3), width=128, doublings=4, latent=100)
    made = jax.eval_shape(lambda key, z: model.init(key, z, train=False), jax.random.key(0), jnp.ones((1, 100)))
    kernels = [leaf.shape for path, leaf in by_path(made["params"]).items() if path.endswith("kernel")]
    expected = [(4, 4, 1024, 512), (4, 4, 512, 256), (4, 4, 256, 128), (100, 4 * 4 * 1024), (4, 4, 128, 3)]
    assert kernels == expected


def test_its_gradients_are_finite():
    model = Dcgan(layers(norm=BatchNorm), 64, (8, 8, 1), width=4)
    z = jax.random.normal(jax.random.key(1), (4, 16))
    variables = model.init(jax.random.key(0), z, train=False)

    @jax.jit
    def gradient(params, z):
        def loss(params):
            return jnp.sum(model.apply({**variables, "params": params}, z, train=True, mutable="batch_stats")[0] ** 2)

        return jax.grad(loss)(params)

    for inputs in (z, jnp.zeros_like(z)):
        assert all(bool(jnp.isfinite(leaf).all()) for leaf in jax.tree.leaves(gradient(variables["params"], inputs)))


@pytest.mark.parametrize("shape", [(2,), (8, 8), (8, 8, 2)])
def test_vectors_are_refused_in_one_line(shape):
    with pytest.raises(ValueError, match=r"dcgan: makes images of 64 numbers.* has the shape \(") as error:
        Dcgan(layers(), 64, shape)
    assert "\n" not in str(error.value)


def test_the_multilayer_perceptron_has_two_names():
    assert GENERATORS["mlp"] is GENERATORS["gan_mlp"] is MlpGenerator
