"""What keeps an accelerator busy, as far as it shows on CPU: states donated, no host in the loop, bfloat16 products."""

import contextlib
import re

import jax
import numpy as np
import pytest

from ablate import choice
from ablate.train import loop as loop_module
from ablate.train.lanes import LANES
from ablate.train.loop import SYNCHRONISE_EVERY, Loop

from .small import lanes_of, planned, small_config, wave_of


def looping(strategy="scan", **changes):
    """A loop over two cells, and its state before the first step."""
    cfg = small_config(steps=24, eval_every=12)
    cfg.recipe.norm = choice("batch")
    for axis, chosen in changes.items():
        cfg.recipe[axis] = chosen
    plan = planned(cfg)
    cells = [0, 1] if strategy != "solo" else [0]
    lanes = lanes_of(plan, strategy, devices=1)
    loop = Loop(lanes, wave_of(plan, cells, len(cells)))
    return lanes, loop, loop.start()


@pytest.mark.parametrize("strategy", ["scan", "vmap", "solo"])
def test_every_array_of_the_state_is_given_away_to_the_next_one(strategy):
    lanes, loop, begin = looping(strategy)
    moments = loop.run(begin)
    next(moments)  # evaluated
    state = next(moments).state
    next(moments)
    given = [leaf for leaf in jax.tree.leaves(state) if leaf.size]
    assert all(leaf.is_deleted() for leaf in given)
    header = lanes._advance._compiled.as_text().split("\n", 1)[0]
    aliased = re.findall(r"\{(\d+)\}: \((\d+),", header)
    assert len(aliased) == len(jax.tree.leaves(state))
    assert all(result == argument for result, argument in aliased)  # every array takes the place of its own


@contextlib.contextmanager
def synchronised(monkeypatch):
    """Counts how often the host waits for a device."""
    waits, wait = [], jax.block_until_ready
    monkeypatch.setattr(loop_module.jax, "block_until_ready", lambda tree: waits.append(1) or wait(tree))
    yield waits


@pytest.mark.parametrize(("strategy", "waits"), [("scan", 1), ("vmap", -(-12 // SYNCHRONISE_EVERY))])
def test_between_two_evaluations_the_host_waits_seldom_and_moves_nothing_unasked(monkeypatch, strategy, waits):
    _, loop, begin = looping(strategy)
    moments = loop.run(begin)
    next(moments)
    with synchronised(monkeypatch) as counted, jax.transfer_guard("disallow"):
        step = 0
        while step < 12:  # what the loop hands over, it hands over explicitly
            step = next(moments).step
    assert len(counted) == waits


def test_the_guard_would_notice():
    with jax.transfer_guard("disallow"), pytest.raises(Exception, match=r"[Dd]isallowed"):
        jax.jit(lambda x: x + 1)(np.ones(3, np.float32))


def products_of(text):
    """The types that matrix products of a lowered program multiply."""
    return re.findall(r"stablehlo\.dot_general.*: \(tensor<[^>]*x(\w+)>, tensor<[^>]*x(\w+)>\)", text)


@pytest.mark.parametrize(("precision", "kind"), [("bfloat16", "bf16"), ("float32", "f32")])
def test_products_are_of_the_precision_that_was_chosen_and_the_state_stays_in_float32(precision, kind):
    lanes, loop, begin = looping(precision=choice(precision))
    index, planted = loop._examples(0, 12, 12)
    state = lanes.place(begin.state, LANES)
    placed = (lanes.place(value, LANES) for value in (index, planted))
    numbers = np.int32(0), np.int32(12)
    arguments = state, lanes._arrays, loop._seed, loop._hp, loop._total, *placed, *numbers
    found = products_of(lanes._advance._jitted.lower(*arguments).as_text())
    # The hidden layer: its output and the gradient of its kernel. The head, in float32 always: those, and its input's.
    assert sorted(found) == sorted([(kind, kind)] * 2 + [("f32", "f32")] * 3)
    floats = {leaf.dtype for leaf in jax.tree.leaves(begin.state) if np.issubdtype(leaf.dtype, np.floating)}
    assert floats == {np.dtype(np.float32)}
