"""Lanes that share a data key: examples and draws are made once for all of them, and nothing else changes."""

import dataclasses
import itertools

import jax
import numpy as np
import pytest

from ablate import choice
from ablate.train.lanes import Lanes, advance_one, step_arguments
from ablate.train.loop import in_common
from ablate.train.strategy import MORE_LANES, STRATEGIES, waves, waves_by_key
from ablate.train.traced import draws_in, equations

from .small import planned, small_config, train

SCAN = STRATEGIES["scan"]
ARMS, SEEDS = 3, 2
RATES = (choice("sgd", learning_rate=0.2), choice("sgd", learning_rate=1e30))  # the last one diverges


def drawing(**recipe):
    cfg = small_config(seeds=SEEDS, vary={"optimizer": RATES})
    for axis, chosen in recipe.items():
        cfg.recipe[axis] = chosen
    return planned(cfg)


@pytest.fixture(scope="module")
def plan():
    return drawing(
        norm="batch",
        dropout=choice("dropout", rate=0.3),
        augment=(choice("random_crop", padding=1), "alternating_flip"),
    )


def in_blocks(plan, together, devices=None):
    """Every cell of a plan in one wave, seed by seed."""
    (item,) = plan.programs
    lanes = sorted(item.program.lanes, key=lambda lane: lane.cell.seed)
    executables = Lanes(
        item.task, SCAN, plan.devices[:devices], item.dataset.stacked, item.evaluations, together, item.in_common
    )
    results = train(executables, item.wave(lanes, len(lanes))).results
    return {lane.cell.name: result for lane, result in zip(lanes, results, strict=True)}


def test_sharing_changes_no_result_beyond_rounding_and_diverged_lanes_disturb_nobody(plan):
    alone, together = in_blocks(plan, 1), in_blocks(plan, ARMS)
    assert alone.keys() == together.keys()
    for name, result in alone.items():
        assert together[name].status == result.status
        assert together[name].diverged_step == result.diverged_step
        for curve, values in result.curves.items():
            expected = np.array(values, float)
            np.testing.assert_allclose(np.array(together[name].curves[curve], float), expected, rtol=2e-4, err_msg=name)
    statuses = sorted(result.status for result in together.values())
    assert statuses == ["diverged"] * SEEDS + ["done"] * SEEDS * (ARMS - 1)


def drawn_numbers(plan, together):
    """How many random numbers the lanes of a step draw between them."""
    (item,) = plan.programs
    cell = next(iter(item.inputs.values()))
    lanes = Lanes(item.task, SCAN, plan.devices[:1], item.dataset.stacked, item.evaluations, together, item.in_common)
    state, arguments = step_arguments(item.task, cell.init_choices, cell.init_hp, cell.hp, 32, item.evaluations)
    _, seed, hp, total, index, planted, *counts = arguments
    by_lane = jax.tree.map(
        lambda leaf: jax.ShapeDtypeStruct((ARMS * SEEDS, *leaf.shape), leaf.dtype), (state, seed, hp, index, planted)
    )
    state, seed, hp, index, planted = by_lane
    step = jax.make_jaxpr(lanes._advance._jitted)(state, lanes._arrays, seed, hp, total, index, planted, *counts)
    found = (each.outvars[0].aval for each in equations(step.jaxpr) if each.primitive.name == "random_bits")
    return sum(int(np.prod(each.shape)) for each in found)


def test_what_is_shared_is_drawn_once_per_key(plan):
    assert drawn_numbers(plan, 1) == ARMS * drawn_numbers(plan, ARMS) > 0


def test_the_plan_shares_where_steps_draw_and_only_there(plan):
    for made, together, order in ((plan, ARMS, [0, 2, 4, 1, 3, 5]), (drawing(norm="batch"), 1, [0, 1, 2, 3, 4, 5])):
        item = dataclasses.replace(made.programs[0], place=made.place._replace(devices=1))
        (wave,) = item.split(item.program.lanes)
        assert (wave.together, list(wave.members), item.draws) == (together, order, together > 1)


def test_a_step_that_draws_is_told_from_one_that_does_not(plan):
    for made, draws in ((plan, True), (drawing(norm="batch"), False)):
        item = made.programs[0]
        cell = next(iter(item.inputs.values()))
        state, arguments = step_arguments(item.task, cell.init_choices, cell.init_hp, cell.hp, 32, 2)
        assert draws_in(jax.make_jaxpr(advance_one(item.task))(state, *arguments)) is draws


def test_numbers_are_common_where_every_lane_of_a_key_has_them():
    plan = drawing(dropout=choice("dropout", rate=0.3))
    common = plan.programs[0].in_common
    assert common["optimizer"][0] == {"learning_rate": False}
    assert common["dropout"][0] == {"rate": True}
    assert all(jax.tree.leaves(common["data"]))
    (item,) = drawing().programs
    one = [cell for name, cell in item.inputs.items() if name.startswith("baseline")]
    assert all(jax.tree.leaves(in_common(one)))


@pytest.mark.parametrize("devices", [1, 2, 8])
@pytest.mark.parametrize("most", [1, 4, 7, 64])
def test_blocks_are_whole_and_waves_full(devices, most):
    for arms, seeds in itertools.product((1, 2, 3, 5, 6, 13, 24, 100), (1, 2, 6, 10)):
        keys = [seed for _ in range(arms) for seed in range(seeds)]
        spread = waves_by_key(keys, devices, SCAN, most)
        assert sorted(k for wave in spread for k in wave.members) == list(range(len(keys)))
        (shape,) = {(wave.width, wave.together) for wave in spread}
        width, together = shape
        assert width % (devices * together) == 0
        assert width // devices <= most
        for wave in spread:
            padded = [keys[k] for k in wave.members] + [keys[wave.members[-1]]] * (width - len(wave.members))
            blocks = [padded[k : k + together] for k in range(0, width, together)]
            assert all(len(set(block)) == 1 for block in blocks)
        plain = waves(len(keys), devices, SCAN, most)
        assert len(spread) * width <= MORE_LANES * len(plain) * plain[0].width


def test_keys_of_different_sizes_share_what_divides_them_all():
    assert {wave.together for wave in waves_by_key("aaaabb", 1, SCAN, 64)} == {2}
    assert {wave.together for wave in waves_by_key("aaabb", 1, SCAN, 64)} == {1}
    assert {wave.together for wave in waves_by_key("abcdef", 1, SCAN, 64)} == {1}
