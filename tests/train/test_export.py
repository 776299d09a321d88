"""The step lowers for GPU and TPU, as far as a machine without either can tell."""

import functools

import jax
import numpy as np
import pytest
from jax import export

from ablate import choice
from ablate.runner.plan import made_of
from ablate.train.lanes import advance_one
from tests.train.small import planned, small_config

BATCH, LANES, STEPS = 32, 3, 4
PLATFORMS = ("cuda", "tpu")
MODELS = {"mlp": choice("mlp", widths=(8,)), "resnet": choice("resnet", depth=8, width=4)}


def shapes(tree, lead: tuple[int, ...] = ()):
    """Arrays as their shapes, with leading axes in front."""
    return jax.tree.map(lambda leaf: jax.ShapeDtypeStruct((*lead, *np.shape(leaf)), np.asarray(leaf).dtype), tree)


@pytest.mark.parametrize(("vmapped", "steps"), [(False, 1), (True, STEPS)], ids=["dispatched", "lanes-looped"])
@pytest.mark.parametrize("model", MODELS)
def test_the_step_lowers_for_other_platforms(model, vmapped, steps):
    cfg = small_config(vary={"dropout": (choice("dropout", rate=0.2),)})
    cfg.model = MODELS[model]
    cfg.recipe.norm = choice("batch")
    plan = planned(cfg)
    task, lane = plan.programs[0].task, plan.programs[0].program.lanes[0]
    hp, init_hp = jax.tree.map(np.float32, (lane.hp, lane.init_hp))
    first = np.zeros((BATCH, *plan.dataset.shape), np.uint8)
    state = jax.eval_shape(functools.partial(task.init, made_of(lane)), np.uint32(0), init_hp, hp, first)

    lead = (LANES,) if vmapped else ()
    positions = jax.ShapeDtypeStruct((*lead, steps, BATCH), np.int32)
    state = jax.tree.map(lambda leaf: jax.ShapeDtypeStruct((*lead, *leaf.shape), leaf.dtype), state)
    seed, total = jax.ShapeDtypeStruct(lead, np.uint32), jax.ShapeDtypeStruct(lead, np.float32)
    advance = advance_one(task)
    if vmapped:
        advance = jax.vmap(advance, (0, None, 0, 0, 0, 0, 0, None))
    exported = export.export(jax.jit(advance), platforms=PLATFORMS)(
        state, shapes(plan.dataset.images), seed, shapes(hp, lead), total, positions, positions, shapes(np.int32(1))
    )

    assert exported.platforms == PLATFORMS
    assert exported.out_avals == tuple(jax.core.ShapedArray(leaf.shape, leaf.dtype) for leaf in jax.tree.leaves(state))
    assert len(exported.mlir_module_serialized) > 1000
