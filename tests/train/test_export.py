"""The step lowers for GPU and TPU, as far as a machine without either can tell."""

import jax
import numpy as np
import pytest
from jax import export

from ablate import choice
from ablate.train.lanes import advance_one, step_arguments
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
    task, cell = plan.programs[0].task, next(iter(plan.programs[0].inputs.values()))
    state, arguments = step_arguments(task, cell.init_choices, cell.init_hp, cell.hp, BATCH, 2)
    hp = arguments[2]

    lead = (LANES,) if vmapped else ()
    positions = jax.ShapeDtypeStruct((*lead, steps, BATCH), np.int32)
    state = jax.tree.map(lambda leaf: jax.ShapeDtypeStruct((*lead, *leaf.shape), leaf.dtype), state)
    seed, total = jax.ShapeDtypeStruct(lead, np.uint32), jax.ShapeDtypeStruct((), np.float32)
    advance = advance_one(task)
    if vmapped:
        advance = jax.vmap(advance, (0, None, 0, 0, None, 0, 0, None, None))
    exported = export.export(jax.jit(advance), platforms=PLATFORMS)(
        state,
        shapes(plan.dataset.pool),
        seed,
        shapes(hp, lead),
        total,
        positions,
        {"label": positions},
        shapes(np.int32(0)),
        shapes(np.int32(1)),
    )

    assert exported.platforms == PLATFORMS
    assert exported.out_avals == tuple(jax.core.ShapedArray(leaf.shape, leaf.dtype) for leaf in jax.tree.leaves(state))
    assert len(exported.mlir_module_serialized) > 1000
