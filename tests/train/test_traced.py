"""What is read from traces: operations against counts by hand and against XLA's own."""

import jax
import jax.numpy as jnp
import pytest
from jax import lax

from ablate import choice
from ablate.models.convolution import PLAIN, conv_general_dilated
from ablate.train.lanes import advance_one, operations, step_arguments
from ablate.train.traced import draws_in, operations_in

from .small import planned, small_config


def counted(function, *shapes):
    return operations_in(jax.make_jaxpr(function)(*(jnp.zeros(shape) for shape in shapes)).jaxpr)


def test_products_convolutions_and_loops():
    def convolved(x, kernel):
        return lax.conv_general_dilated(x, kernel, (1, 1), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC"))

    assert counted(convolved, (2, 8, 8, 3), (3, 3, 3, 4)) == 2 * (2 * 8 * 8 * 4) * (3 * 3 * 3)
    assert counted(jax.jit(jnp.matmul), (5, 6), (6, 7)) == 2 * 5 * 6 * 7
    assert counted(lambda a, b: jnp.einsum("bij,bjk->bik", a, b), (5, 2, 3), (5, 3, 4)) == 2 * 5 * 2 * 3 * 4
    looped = lambda x, w: lax.fori_loop(0, 5, lambda _, y: jnp.tanh(y @ w), x)  # noqa: E731
    assert counted(looped, (6, 7), (7, 7)) == 5 * (2 * 6 * 7 * 7 + 6 * 7)


def test_every_number_that_is_computed_is_one_and_what_moves_is_none():
    assert counted(lambda x: jnp.exp(x) * x + 1.0, (4, 3)) == 3 * 12
    assert counted(lambda x: x.sum(0), (4, 3)) == 12
    assert counted(lambda x: x.T.reshape(2, 6)[::-1], (4, 3)) == 0
    assert counted(lambda x: jnp.arange(5) * 2 + jnp.argmax(x), (4, 3)) == 12  # numbers compared; integers are none
    assert counted(lambda x: lax.cond(x[0] > 0, jnp.exp, lambda y: y * y * y, x), (8,)) == 16
    assert counted(lambda x: lax.reduce_window(x, -jnp.inf, lax.max, (2, 2), (2, 2), "VALID"), (4, 4)) == 16
    assert counted(lambda x: jnp.zeros(9).at[jnp.arange(4)].add(x), (4,)) == 4


@pytest.mark.parametrize("model", ["mlp", "resnet"])
@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
def test_a_step_has_about_what_xla_counts(model, optimizer):
    cfg = small_config(seeds=1)
    cfg.model = choice("mlp", widths=(64, 64)) if model == "mlp" else choice("resnet", depth=8, width=18)
    cfg.recipe.norm = "batch"
    cfg.recipe.optimizer = choice(optimizer, learning_rate=0.01)
    item = planned(cfg).programs[0]
    (cell, *_) = item.inputs.values()
    arguments = item.task, cell.init_choices, cell.init_hp, cell.hp, 32
    state, others = step_arguments(*arguments, 1)
    lowered = jax.jit(advance_one(item.task)).lower(state, *others)
    # XLA leaves out the zeros around images, which are small here; in few channels it counts what fills them up.
    found, expected = operations(*arguments), lowered.cost_analysis()["flops"]
    assert expected * 0.9 < found < expected * (1.1 if model == "mlp" else 1.4)


@pytest.mark.parametrize(("channels", "features"), [(3, 8), (16, 16), (17, 4)])
def test_what_a_kernel_is_filled_up_with_does_not_count(channels, features):
    x, kernel = jnp.ones((2, 8, 8, channels)), jnp.ones((3, 3, channels, features))
    traced = jax.make_jaxpr(lambda x, kernel: conv_general_dilated(x, kernel, (1, 1), "SAME", dimension_numbers=PLAIN))
    assert operations_in(traced(x, kernel).jaxpr) == 2 * 9 * channels * features * 2 * 8 * 8


def test_drawing_costs_no_floating_point_operation_but_what_is_made_of_it():
    draw = jax.make_jaxpr(lambda key: jax.random.bits(key, (1000,)))(jax.random.key(0))
    assert draws_in(draw)
    assert operations_in(draw.jaxpr) == 0
