"""Lanes that take turns on a device: results do not know of it, and who has stopped costs nothing."""

import dataclasses

import jax
import numpy as np
import pytest

from ablate import choice
from ablate.train.loop import MOST_AT_ONCE, MOST_OPERATIONS, longest_chunk
from ablate.train.strategy import MOST_LANES, STRATEGIES, most_per_device, waves

from .small import identical, lanes_of, planned, small_config, train, wave_of

taken: list[float] = []  # a number of every step that was taken


def noted(key, images, targets):
    """An augmentation that changes nothing and notes that there was a step."""
    jax.debug.callback(lambda seen: taken.append(float(seen)), images.sum())
    return images, targets


@pytest.fixture(scope="module")
def plan():
    cfg = small_config(vary={"target": (choice("smooth_labels", alpha=0.2),)})
    cfg.recipe.norm = "batch"
    cfg.recipe.dropout = choice("dropout", rate=0.3)
    cfg.recipe.optimizer = choice("momentum", learning_rate=0.1, beta=0.9)
    return planned(cfg, "loop")


def test_turns_give_what_a_cell_gives_alone_and_what_vmap_gives_but_for_rounding(plan):
    together = train(lanes_of(plan, "loop", devices=1), wave_of(plan, range(4), 4))
    vmapped = train(lanes_of(plan, "scan", devices=1), wave_of(plan, range(4), 4))
    for k in range(4):
        alone = train(lanes_of(plan, "loop", devices=1), wave_of(plan, [k], 1))
        assert identical(together.state(k), alone.state(0))
        assert together.results[k] == alone.results[0]
        for curve, values in together.results[k].curves.items():
            np.testing.assert_allclose(
                np.array(values, float), np.array(vmapped.results[k].curves[curve], float), rtol=1e-4
            )


def test_neighbours_and_padding_change_no_bit_on_several_devices(plan):
    three = train(lanes_of(plan, "loop", devices=2), wave_of(plan, range(3), 4))
    two = train(lanes_of(plan, "loop", devices=2), wave_of(plan, [2, 0], 2))
    assert (three.results[2], three.results[0]) == two.results


def test_a_lane_that_has_diverged_takes_no_further_step():
    cfg = small_config(steps=40, eval_every=20, seeds=1, vary={"optimizer": (choice("sgd", learning_rate=1e30),)})
    cfg.recipe.augment = choice("tests.train.test_in_turn:noted")
    plan = planned(cfg, "loop")
    taken.clear()
    trained = train(lanes_of(plan, "loop", devices=1), wave_of(plan, range(2), 2))
    jax.effects_barrier()
    assert [result.status for result in trained.results] == ["done", "diverged"]
    assert trained.results[1].diverged_step is not None
    assert len(taken) == 40 + trained.results[1].diverged_step + 1


@pytest.mark.parametrize(("asked", "most"), [(0, 10), (3, 3)])
def test_a_wave_of_turns_lasts_a_while_and_no_longer(asked, most):
    assert most_per_device(STRATEGIES["loop"], 10**11, asked) == most
    assert most_per_device(STRATEGIES["scan"], 10**11, asked) == (asked or MOST_LANES)
    assert most_per_device(STRATEGIES["solo"], 10**11, asked) == 1
    spread = waves(50, 2, STRATEGIES["loop"], most)
    assert max(wave.width for wave in spread) <= 2 * most


def test_large_steps_come_in_short_chunks_so_that_signals_are_answered(plan):
    lanes, wave = lanes_of(plan, "loop", devices=1), wave_of(plan, range(4), 4)
    assert longest_chunk(lanes, dataclasses.replace(wave, steps=5000, eval_every=5000)) == MOST_AT_ONCE
    large = dataclasses.replace(wave, operations=MOST_OPERATIONS // 40)
    assert longest_chunk(lanes, large) == 10
    assert longest_chunk(lanes, dataclasses.replace(wave, operations=10 * MOST_OPERATIONS)) == 1


def test_short_chunks_change_no_bit(plan):
    wave = wave_of(plan, range(4), 4)
    short = dataclasses.replace(wave, operations=MOST_OPERATIONS // 12)
    runs = [train(lanes_of(plan, "loop", devices=1), each) for each in (wave, short)]
    assert len(runs[1].states) > len(runs[0].states)
    assert runs[0].results == runs[1].results
