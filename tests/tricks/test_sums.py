"""Sums and products in other forms are the same, and what these forms are for stays in the compiled program."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax

from ablate.tricks import sums
from ablate.tricks.clip import length
from ablate.tricks.sums import dot_general, over_all, product

DENSE = (((1,), (0,)), ((), ()))
LARGE, WIDE = (300, 77), (200, 100)  # of more numbers than MANY


def normal(shape, seed=0):
    return jnp.asarray(np.random.default_rng(seed).standard_normal(shape), jnp.float32)


def trees():
    return [normal(LARGE, 1), normal(WIDE, 2), normal(WIDE, 3), normal((5,), 4), normal((5,), 5), normal((), 6)]


def test_the_norm_is_that_of_all_numbers():
    exact = np.sqrt(sum((np.asarray(leaf, np.float64) ** 2).sum() for leaf in trees()))
    np.testing.assert_allclose(length(trees()), exact, rtol=1e-6)
    np.testing.assert_allclose(jax.jit(length)(trees()), exact, rtol=1e-6)
    assert float(length({"masked": None})) == 0.0


@pytest.mark.parametrize("place", range(6))
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_one_number_that_is_not_finite_is_found_wherever_it_stands(place, value):
    def finite(leaves):
        return over_all(jnp.all, jnp.logical_and, map(jnp.isfinite, leaves))

    leaves = trees()
    assert bool(jax.jit(finite)(leaves))
    leaves[place] = leaves[place].reshape(-1).at[-1].set(value).reshape(leaves[place].shape)
    assert not bool(jax.jit(finite)(leaves))


def test_large_arrays_are_summed_over_rows_first_on_cpu_alone(monkeypatch):
    def barriers():
        return str(jax.make_jaxpr(lambda leaves: length(leaves))(trees())).count("optimization_barrier")

    assert barriers() == 2  # one for each large shape
    monkeypatch.setattr(sums.jax, "default_backend", lambda: "gpu")
    assert barriers() == 0


@pytest.mark.parametrize("sites", [(), (3,)])
@pytest.mark.parametrize("outputs", [2, 10, 32])
def test_gradients_of_few_outputs_are_those_of_jax(sites, outputs):
    x, kernel = normal((6, *sites, 40)), normal((40, outputs), 1)
    numbers = (((x.ndim - 1,), (0,)), ((), ()))

    def loss(multiply):
        return lambda x, kernel: jnp.sum(jnp.sin(multiply(x, kernel, numbers)))

    ours, jaxs = (jax.value_and_grad(loss(way), (0, 1))(x, kernel) for way in (dot_general, lax.dot_general))
    assert "custom_jvp" in str(jax.make_jaxpr(loss(dot_general))(x, kernel))
    jax.tree.map(lambda one, other: np.testing.assert_allclose(one, other, rtol=2e-5, atol=2e-5), ours, jaxs)


def test_derivatives_exist_forwards_twice_and_for_several_lanes():
    x, kernel = normal((6, 40)), normal((40, 3), 1)
    ours, jaxs = (
        lambda kernel, way=way: jnp.sum(jnp.sin(way(x, kernel, DENSE))) for way in (dot_general, lax.dot_general)
    )
    direction = normal((40, 3), 2)
    for derive in (
        lambda f: jax.jvp(f, (kernel,), (direction,))[1],
        lambda f: jax.jvp(jax.grad(f), (kernel,), (direction,))[1],
        lambda f: jax.grad(lambda k: jnp.vdot(jax.grad(f)(k), direction))(kernel),
        lambda f: jax.vmap(jax.grad(f))(jnp.stack([kernel, direction])),
    ):
        np.testing.assert_allclose(derive(ours), derive(jaxs), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    ("x", "kernel", "options"),
    [
        ((6, 40), (40, 1), {}),
        ((6, 40), (40, 33), {}),
        ((6, 31), (31, 10), {}),
        ((40,), (40, 10), {}),
        ((6, 40), (40, 10), {"precision": lax.Precision.HIGHEST}),
        ((6, 40), (40, 10), {"preferred_element_type": jnp.bfloat16}),
    ],
)
def test_everything_else_is_left_to_jax(x, kernel, options):
    numbers = (((len(x) - 1,), (0,)), ((), ()))
    traced = jax.make_jaxpr(lambda x, kernel: dot_general(x, kernel, numbers, **options))(normal(x), normal(kernel))
    assert [each.primitive.name for each in traced.eqns] == ["dot_general"]


def test_other_types_and_other_devices_have_jaxs_own(monkeypatch):
    x, kernel = normal((6, 40)), normal((40, 10))
    half = x.astype(jnp.bfloat16), kernel.astype(jnp.bfloat16)
    assert "custom_jvp" not in str(jax.make_jaxpr(lambda *both: dot_general(*both, DENSE))(*half))
    monkeypatch.setattr(sums.jax, "default_backend", lambda: "gpu")
    assert "custom_jvp" not in str(jax.make_jaxpr(lambda *both: dot_general(*both, DENSE))(x, kernel))


def test_what_does_not_change_is_not_multiplied():
    """The first layer's inputs are data: its products are its output and the gradient of its kernel."""

    def products(*argnums):
        loss = jax.grad(lambda x, kernel: jnp.sum(jnp.sin(product(x, kernel))), argnums)
        return str(jax.make_jaxpr(loss)(normal((6, 40)), normal((40, 3)))).count("dot_general")

    assert [products(0), products(1), products(0, 1)] == [2, 2, 3]


def test_the_compiler_keeps_the_form_that_it_is_fast_at():
    """No product of the compiled gradient is summed over the first axis of its first factor."""
    x, kernel = normal((128, 64)), normal((64, 10))

    def gradient(multiply):
        both = jax.grad(lambda x, kernel: jnp.sum(jnp.sin(multiply(x, kernel))), (0, 1))
        return jax.jit(both).lower(x, kernel).compile().as_text()

    assert "lhs_contracting_dims={0}" not in gradient(product)
    assert "lhs_contracting_dims={0}" in gradient(jnp.matmul)
