"""At its off value a trick is not there: after 20 steps every parameter has the bits of the program without it.

Running statistics may differ in the last bit: XLA contracts one of their two products or the other.
"""

import jax
import numpy as np
import pytest

from ablate import choice
from ablate.cli.catalogue import TABLES
from tests.train.small import lanes_of, planned, small_config, train, wave_of

AT_OFF = {
    key: [name for name, entry in table.choices.items() if entry.off and name != table.identity]
    for key, table in TABLES.items()
    if any(entry.off for entry in table.choices.values())
}


def at_off(key, name):
    entry = TABLES[key].choices[name]
    given = {**entry.example, **TABLES[key].begin, **entry.off}
    return choice(name, **{k: v for k, v in given.items() if k in TABLES[key].arguments(entry)})


def config(key):
    axis = TABLES[key].name
    cfg = small_config(steps=20, eval_every=20, seeds=1, vary={axis: tuple(at_off(key, n) for n in AT_OFF[key])})
    if key.startswith("adversarial."):
        cfg.task, cfg.data, cfg.model = "adversarial", choice("gaussians"), choice("mlp")
        return cfg
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
    variables = item.task.variables(trained.end.state.task)
    state = jax.tree.leaves(variables.get("params", variables))
    return {lane.cell.arm.name: [leaf[k] for leaf in state] for k, lane in enumerate(lanes)}


@pytest.mark.parametrize("key", AT_OFF)
def test_every_choice_at_its_off_value_trains_as_the_baseline(key):
    expect_the_bits_of_the_baseline(config(key), len(AT_OFF[key]))


def test_a_branch_that_is_never_left_out_does_in_wider_networks_too():
    """Their convolutions compute several pixels of a row at once."""
    cfg = config("dropout")
    cfg.model = choice("resnet", depth=8, width=8)
    cfg.vary.dropout = (at_off("dropout", "stochastic_depth"),)
    expect_the_bits_of_the_baseline(cfg, 1)


def expect_the_bits_of_the_baseline(cfg, others):
    plan = planned(cfg)
    baseline, width = plan.cells[0], len(plan.cells)
    expected = parameters(plan, plan.alone(baseline), width)[baseline.arm.name]
    trained = {name: leaves for item in plan.programs for name, leaves in parameters(plan, item, width).items()}
    assert len(trained) == 1 + others
    for name, leaves in trained.items():
        for mine, theirs in zip(leaves, expected, strict=True):
            np.testing.assert_array_equal(mine, theirs, err_msg=name)


def test_choices_that_merge_do_and_those_that_cost_time_do_not():
    for axis in ("penalty", "clip", "gradient"):
        plan = planned(config(axis))
        merging = [name for name in AT_OFF[axis] if TABLES[axis].choices[name].merges]
        assert len(plan.programs) == 1 + len(AT_OFF[axis]) - len(merging)
