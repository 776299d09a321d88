"""At its off value a trick is not there: after 20 steps every parameter has the bits of the program without it.

What stands between gradient and parameter changes no number at its off value either, but how XLA contracts the last
multiplications and additions of a step into one rounding: there the two agree to that.
"""

import jax
import numpy as np
import pytest

from ablate import choice
from ablate.tricks import AXES
from tests.train.small import lanes_of, planned, small_config, train, wave_of

AT_OFF = {
    axis: [name for name, entry in table.choices.items() if entry.off and name != table.identity]
    for axis, table in AXES.items()
    if any(entry.off for entry in table.choices.values())
}
CONTRACTED = ("decay", "optimizer", "schedule", "layerwise")
ROUNDING = 2e-6  # measured: 6e-7 after 20 steps; any wrong number shows in the third digit
BEGIN = {"optimizer": {"learning_rate": 0.1}}


def at_off(axis, name):
    entry = AXES[axis].choices[name]
    return choice(name, **{**entry.example, **entry.off, **BEGIN.get(axis, {})})


def config(axis):
    cfg = small_config(steps=20, eval_every=20, seeds=1, vary={axis: tuple(at_off(axis, n) for n in AT_OFF[axis])})
    cfg.recipe.norm = choice("batch")
    if axis == "dropout":
        cfg.model = choice("resnet", depth=8, width=2)  # for one of them stands at the ends of branches
    if axis == "regression_loss":
        cfg.task, cfg.data = "regression", choice("diabetes")
        cfg.vary.loss = cfg.vary.pop(axis)
    return cfg


def parameters(plan, item, width):
    """Parameters of every arm of a program at the end, from a wave of so many lanes: XLA rounds by their number."""
    lanes = item.program.lanes
    trained = train(lanes_of(plan, item=item, devices=1), wave_of(plan, range(len(lanes)), width, item))
    state = jax.tree.leaves(trained.end.state.task.params)
    return {lane.cell.arm.name: [leaf[k] for leaf in state] for k, lane in enumerate(lanes)}


@pytest.mark.parametrize("axis", [axis for axis in AT_OFF])
def test_every_choice_at_its_off_value_trains_as_the_baseline(axis):
    plan = planned(config(axis))
    baseline, width = plan.cells[0], len(plan.cells)
    expected = parameters(plan, plan.alone(baseline), width)[baseline.arm.name]
    trained = {name: leaves for item in plan.programs for name, leaves in parameters(plan, item, width).items()}
    assert len(trained) == 1 + len(AT_OFF[axis])
    for name, leaves in trained.items():
        for mine, theirs in zip(leaves, expected, strict=True):
            rounding = ROUNDING if axis in CONTRACTED else 0.0
            np.testing.assert_allclose(mine, theirs, rtol=rounding, atol=rounding / 10, err_msg=name)


def test_choices_that_merge_do_and_those_that_cost_time_do_not():
    for axis in ("penalty", "clip", "gradient"):
        plan = planned(config(axis))
        merging = [name for name in AT_OFF[axis] if AXES[axis].choices[name].merges]
        assert len(plan.programs) == 1 + len(AT_OFF[axis]) - len(merging)
