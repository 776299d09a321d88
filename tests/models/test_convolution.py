"""Convolutions with gradients of their own, against JAX's; and that what they trace to suits loops on CPU."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax

from ablate.models.convolution import FEW, PLAIN, conv_general_dilated
from ablate.train.traced import convolutions_of

CASES = [
    ((4, 8, 8, 3), (3, 3), 5, (1, 1), "SAME"),
    ((4, 9, 7, 3), (3, 3), 5, (2, 2), "SAME"),
    ((2, 8, 8, 3), (1, 1), 5, (2, 2), "SAME"),
    ((2, 10, 8, 4), (5, 5), 2, (1, 1), "VALID"),
    ((2, 10, 8, 4), (3, 3), 2, (2, 1), "VALID"),
    ((2, 7, 7, 2), (3, 3), 3, (3, 3), [(1, 2), (0, 1)]),
    ((2, 6, 6, 2), (2, 2), 3, (2, 2), "SAME"),
    ((2, 5, 5, 2), (1, 5), 3, (1, 1), "SAME"),
    ((1, 3, 3, 1), (3, 3), 1, (1, 1), [(3, 3), (3, 3)]),
    ((3, 9, 8, 1), (3, 3), 4, (1, 1), "SAME"),
    ((3, 9, 8, 1), (5, 3), 4, (2, 3), "VALID"),
    ((2, 9, 9, 1), (6, 6), 3, (2, 1), "SAME"),  # too large to be written out
    ((2, 8, 8, 3), (3, 3), 17, (1, 1), "SAME"),  # not few
    ((2, 9, 8, 18), (3, 3), 4, (2, 1), "SAME"),
    ((2, 8, 8, 16), (3, 2), 16, (1, 2), [(0, 2), (1, 0)]),
    ((2, 7, 6, 3), (3, 3), 5, (1, 1), [(2, 2), (1, 2)]),  # gives more than it is given
    ((2, 7, 6, 3), (3, 2), 5, (1, 1), [(4, 3), (0, 3)]),  # its gradient by the images leaves zeros out again
    ((2, 7, 6, 18), (3, 3), 20, (2, 2), [(3, 2), (2, 2)]),
    ((3, 8, 8, 4), (3, 3), 8, (1, 1), "SAME"),  # four pixels of a row at once
    ((3, 8, 12, 3), (3, 2), 12, (1, 2), "SAME"),  # two
    ((3, 8, 3, 3), (3, 3), 6, (1, 1), "SAME"),  # no wider window than the image
    ((64, 6, 5, 4), (3, 3), 8, (1, 1), "SAME"),  # a kernel's gradient in two parts
    ((48, 7, 6, 4), (3, 2), 18, (2, 3), [(1, 0), (2, 1)]),
    ((66, 6, 6, 4), (1, 1), 8, (2, 2), "SAME"),
    ((37, 3, 4, 4), (3, 3), 5, (1, 1), "SAME"),  # a number of examples that has no parts
]


def both(x, kernel, strides, padding, function, **options):
    """A function of the convolution: here by ablate's, there by JAX's."""

    def of(convolve):
        return jax.jit(
            lambda x, kernel: function(convolve(x, kernel, strides, padding, dimension_numbers=PLAIN, **options))
        )

    return of(conv_general_dilated), of(lax.conv_general_dilated)


def arrays(shape, window, features, groups=1):
    rng = np.random.default_rng(0)
    x = jnp.asarray(rng.standard_normal(shape), jnp.float32)
    return x, jnp.asarray(rng.standard_normal((*window, shape[-1] // groups, features)), jnp.float32)


@pytest.mark.parametrize(("shape", "window", "features", "strides", "padding"), CASES)
def test_values_and_gradients_are_those_of_jax(shape, window, features, strides, padding):
    x, kernel = arrays(shape, window, features)
    few = max(shape[3], features) <= FEW  # summed in another order
    ours, theirs = both(x, kernel, strides, padding, lambda y: jnp.sum(jnp.sin(y)))
    if few:
        np.testing.assert_allclose(ours(x, kernel), theirs(x, kernel), rtol=1e-5)
    else:
        assert ours(x, kernel) == theirs(x, kernel)
    _, convolved = both(x, kernel, strides, padding, lambda y: y)
    slope = jnp.cos(convolved(x, kernel))  # for both the same, however they round
    ours, theirs = both(x, kernel, strides, padding, lambda y: jnp.sum(y * slope))
    for mine, jaxs in zip(*(jax.grad(f, argnums=(0, 1))(x, kernel) for f in (ours, theirs)), strict=True):
        np.testing.assert_allclose(mine, jaxs, rtol=1e-5, atol=1e-5 if few else 2e-6)


@pytest.mark.parametrize(("shape", "window", "features", "strides", "padding"), CASES[:4])
def test_what_gradients_trace_to_is_plain(shape, window, features, strides, padding):
    x, kernel = arrays(shape, window, features)
    ours, theirs = both(x, kernel, strides, padding, lambda y: jnp.sum(jnp.sin(y)))
    kinds = [convolutions_of(jax.make_jaxpr(jax.grad(f, argnums=(0, 1)))(x, kernel)) for f in (ours, theirs)]
    assert kinds == ["plain", "other"]


def test_what_gives_more_than_it_is_given_gets_its_zeros_before():
    """XLA's faster kernel gives no more pixels than it is given, and XLA would draw the zeros into the convolution."""
    x, kernel = arrays((2, 6, 6, 18), (2, 2), 20)
    programs = both(x, kernel, (1, 1), [(1, 1), (1, 1)], lambda y: y)
    ours, theirs = ("pad=1_1x1_1" in program.lower(x, kernel).compile().as_text() for program in programs)
    assert (ours, theirs) == (False, True)


def test_second_derivatives_exist():
    x, kernel = arrays((2, 6, 6, 2), (3, 3), 3)

    def penalty(f):
        return lambda x, kernel: jnp.sum(jax.grad(f)(x, kernel) ** 2)

    ours, theirs = both(x, kernel, (2, 2), "SAME", lambda y: jnp.sum(jnp.sin(y)))
    found, expected = (jax.grad(penalty(f), argnums=1)(x, kernel) for f in (ours, theirs))
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    "options",
    [{"feature_group_count": 2}, {"rhs_dilation": (2, 2)}, {"lhs_dilation": (2, 2)}, {"precision": "highest"}],
)
def test_everything_else_is_left_to_jax(options):
    x, kernel = arrays((2, 6, 6, 4), (3, 3), 4, options.get("feature_group_count", 1))
    ours, theirs = both(x, kernel, (1, 1), [(1, 1), (1, 1)], lambda y: jnp.sum(jnp.sin(y)), **options)
    for mine, jaxs in zip(*(jax.value_and_grad(f, argnums=1)(x, kernel) for f in (ours, theirs)), strict=True):
        assert np.array_equal(mine, jaxs)


def test_other_devices_have_jaxs_own(monkeypatch):
    x, kernel = arrays((2, 6, 6, 4), (3, 3), 4)
    monkeypatch.setattr(jax, "default_backend", lambda: "gpu")
    ours, _ = both(x, kernel, (1, 1), "SAME", jnp.sum)
    assert convolutions_of(jax.make_jaxpr(jax.grad(ours, argnums=1))(x, kernel)) == "other"


def test_no_convolution():
    assert convolutions_of(jax.make_jaxpr(lambda x: x @ x)(jnp.ones((2, 2)))) == "none"
