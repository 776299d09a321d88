"""Programs: as few as the structure allows; every cell with its own numbers, and at off what it did not choose."""

import functools
import math

import pytest

from ablate import choice
from ablate.study.programs import UNSEEN
from ablate.tricks import AXES, Clock

from .studies import cells, programs, study_of

NUMBERS = {
    "target": choice("smooth_labels", alpha=0.2),
    "objective": choice("flood", level=0.5),
    "clip": choice("global_norm", max=1.0),
    "decay": choice("coupled", weight=5e-4),
    "dropout": choice("spatial", rate=0.3),
    "loss": choice("focal", gamma=2.0),
    "penalty": choice("l2", weight=1e-4),
    "average": choice("ema", decay=0.99),
    "layerwise": choice("multipliers", pattern="head", factor=0.1),
    "schedule": choice("cosine"),
    "optimizer": (choice("sgd", learning_rate=0.3), choice("momentum", learning_rate=0.1)),
}


def required(axis, name):
    """A choice with its required arguments filled in."""
    return choice(name, **{**axis.choices[name].example, **axis.begin})


def numbers(lane, axis):
    return [dict(slot) for slot in lane.hp[axis]]


def by_arm(program):
    return {lane.cell.arm.name: lane for lane in program.lanes}


def test_numbers_share_one_program():
    spec = study_of(NUMBERS, seeds=2)
    (program,) = programs(spec)
    assert len(program.arms) == 1 + len(NUMBERS) + 1
    assert [lane.cell.name for lane in program.lanes] == [cell.name for cell in cells(spec)]


def test_a_lane_has_its_own_numbers_and_all_else_off():
    (program,) = programs(study_of(NUMBERS))
    lanes = by_arm(program)
    off = {axis: numbers(lanes["baseline"], axis) for axis in NUMBERS}
    assert off["target"] == [{"alpha": 0.0}]
    assert off["clip"] == [{"max": math.inf}]
    assert off["loss"] == [{"gamma": 0.0, "alpha": 1.0}]
    assert off["layerwise"] == [{"factor": 1.0}]
    assert numbers(lanes["smooth_labels(alpha=0.2)"], "target") == [{"alpha": 0.2}]
    for lane in lanes.values():
        assert {axis for axis in NUMBERS if numbers(lane, axis) != off[axis]} <= set(lane.cell.arm.changes)
        assert {axis: len(slots) for axis, slots in lane.hp.items()} == {
            axis: len(slots) for axis, slots in program.slots.items() if axis not in UNSEEN
        }


def test_every_number_is_a_float():
    (program,) = programs(study_of(NUMBERS | {"clip": choice("global_norm", max=2)}))
    values = [
        value for lane in program.lanes for slots in lane.hp.values() for slot in slots for value in slot.values()
    ]
    assert {type(value) for value in values} == {float}


@pytest.mark.parametrize(
    ("axis", "name"),
    [
        (axis, name)
        for axis in AXES
        for name, found in AXES[axis].choices.items()
        if name != AXES[axis].identity and found.off
    ],
)
def test_every_choice_that_can_vanish_shares_the_program_of_its_identity(axis, name):
    merges = AXES[axis].choices[name].merges
    found = programs(study_of({axis: required(AXES[axis], name)}))
    assert len(found) == (1 if merges else 2)
    if merges and AXES[axis].in_step:
        slot = numbers(found[0].lanes[0], axis)[-1]
        assert {key: slot[key] for key in AXES[axis].choices[name].off} == dict(AXES[axis].choices[name].off)


@pytest.mark.parametrize(
    ("vary", "count"),
    [
        ({"norm": ("batch", "layer", choice("group", groups=4), choice("group", groups=8))}, 5),
        ({"norm": (choice("batch"), choice("batch", epsilon=1e-3))}, 2),
        ({"activation": ("tanh", choice("leaky_relu"), choice("leaky_relu", slope=0.2))}, 3),
        ({"model": (choice("mlp", widths=(8,)), choice("mlp", widths=(8, 8)), "resnet")}, 4),
        ({"scale": ("symmetric", "standardize")}, 3),
        ({"augment": ("flip", choice("random_crop", padding=2), choice("random_crop", padding=1))}, 4),
        ({"gradient": (choice("gradient_noise"), choice("gradient_noise", scale=0.1))}, 2),
        ({"optimizer": (choice("adam", learning_rate=1e-3), choice("adam", learning_rate=1e-2))}, 2),
        ({"optimizer": (choice("momentum", learning_rate=0.1), choice("nesterov", learning_rate=0.1))}, 2),
        ({"dropout": ("dropout", "spatial")}, 2),
        ({"loss": ("focal", choice("focal", weights=(1.0,) * 10))}, 2),
        ({"loss": (choice("focal", weights=(1.0,) * 10), choice("focal", gamma=0.0, weights=(1.0,) * 10))}, 2),
        ({"decay": (choice("coupled"), choice("coupled", mask="all"), choice("decoupled"))}, 1),
        ({"schedule": (choice("sgdr", cycle=10.0), choice("sgdr", cycle=10.0, mult=2), "cosine")}, 1),
        ({"init": ("he", choice("normal", stddev=0.1), "orthogonal"), "bias": choice("constant", value=0.1)}, 1),
    ],
)
def test_structure_decides_the_number_of_programs(vary, count):
    found = programs(study_of(vary, seeds=2))
    assert len(found) == count
    assert len({program.id for program in found}) == count


def test_a_grid_of_structure_and_numbers():
    spec = study_of({"norm": "batch", "clip": "value", "target": "smooth_labels"}, design="factorial")
    found = programs(spec)
    assert [len(program.arms) for program in found] == [4, 4]
    assert [program.slots["norm"][0].name for program in found] == ["none", "batch"]


def test_every_cell_is_in_one_program():
    spec = study_of(NUMBERS | {"norm": ("batch", "layer"), "init": "he", "scale": "standardize"}, seeds=3)
    found = [lane.cell.name for program in programs(spec) for lane in program.lanes]
    assert sorted(found) == sorted(cell.name for cell in cells(spec))


def test_momentum_absorbs_sgd_with_its_learning_rate():
    recipe = {"optimizer": choice("sgd", learning_rate=0.3)}
    (program,) = programs(study_of({"optimizer": choice("momentum", learning_rate=0.1, beta=0.8)}, recipe))
    assert [slot.name for slot in program.slots["optimizer"]] == ["momentum"]
    assert [numbers(lane, "optimizer") for lane in program.lanes] == [
        [{"learning_rate": 0.3, "beta": 0.0}],
        [{"learning_rate": 0.1, "beta": 0.8}],
    ]


def test_sgd_joins_a_baseline_with_momentum():
    recipe = {"optimizer": choice("momentum", learning_rate=0.1, beta=0.9)}
    (program,) = programs(study_of({"optimizer": choice("sgd", learning_rate=0.3)}, recipe))
    assert [numbers(lane, "optimizer") for lane in program.lanes] == [
        [{"learning_rate": 0.1, "beta": 0.9}],
        [{"learning_rate": 0.3, "beta": 0.0}],
    ]


def test_adam_does_not_merge_but_its_numbers_do():
    one, two = programs(study_of({"optimizer": tuple(choice("adam", learning_rate=lr) for lr in (1e-3, 1e-2))}))
    assert [slot.name for slot in one.slots["optimizer"]] == ["sgd"]
    assert [slot.name for slot in two.slots["optimizer"]] == ["adam"]
    assert [lane.hp["optimizer"][0]["learning_rate"] for lane in two.lanes] == [1e-3, 1e-2]


def test_clips_stand_behind_one_another():
    (program,) = programs(study_of({"clip": (choice("value", max=0.5), choice("global_norm", max=2.0))}))
    assert [slot.name for slot in program.slots["clip"]] == ["value", "global_norm"]
    assert [numbers(lane, "clip") for lane in program.lanes] == [
        [{"max": math.inf}, {"max": math.inf}],
        [{"max": 0.5}, {"max": math.inf}],
        [{"max": math.inf}, {"max": 2.0}],
    ]


def test_initial_values_are_made_outside_of_the_program():
    vary = {"init": ("he", choice("normal", stddev=0.1)), "bias": choice("constant", value=0.2)}
    (program,) = programs(study_of(vary))
    assert {"init", "bias"} & set(program.slots) == set()
    made = {name: [slot.name for slot in lane.init] for name, lane in by_arm(program).items()}
    assert made == {
        "baseline": ["lecun", "zeros"],
        "init=he": ["he", "zeros"],
        "init=normal(stddev=0.1)": ["normal", "zeros"],
        "bias=constant(value=0.2)": ["lecun", "constant"],
    }
    assert by_arm(program)["init=normal(stddev=0.1)"].init_hp["init"] == ({"stddev": 0.1},)
    assert by_arm(program)["bias=constant(value=0.2)"].init_hp["bias"] == ({"value": 0.2},)


def factor(program, lane, step, total):
    """What training multiplies: every slot's factor with the lane's numbers."""
    product = 1.0
    for slot, given in zip(program.slots["schedule"], lane.hp["schedule"], strict=True):
        product = product * slot.choice.make(Clock(step, total), **dict(slot.static), **given)
    return float(product)


def own_factor(lane, step, total):
    chosen = lane.cell.arm.recipe["schedule"]
    return float(chosen.choice.make(Clock(step, total), **chosen.arguments))


SCHEDULES = (
    choice("constant", warmup=4.0),
    choice("cosine"),
    choice("cosine", warmup=7.0, min_factor=0.1),
    choice("sgdr", cycle=11.0),
    choice("sgdr", cycle=5.0, mult=2, warmup=3.0),
    choice("exponential", factor=0.5, every=10.0),
    choice("multistep", boundaries=(10, 20), gamma=0.5, warmup=2.0),
    choice("warmup", steps=9.0),
)


def test_the_baselines_warm_up_goes_to_the_first_slot_only():
    vary = {"schedule": (choice("cosine"), choice("sgdr", cycle=11.0))}
    (program,) = programs(study_of(vary, {"schedule": choice("constant", warmup=50.0)}))
    assert [slot.name for slot in program.slots["schedule"]] == ["cosine", "sgdr"]
    assert numbers(program.lanes[0], "schedule") == [
        {"warmup": 50.0, "min_factor": 1.0},
        {"warmup": 0.0, "min_factor": 1.0, "cycle": 1.0},
    ]


@pytest.mark.parametrize("first", range(len(SCHEDULES)))
@pytest.mark.parametrize("warmup", [0.0, 6.0])
def test_merged_schedules_multiply_to_each_lanes_own(first, warmup):
    """For every order in which schedules join a program, whether the identity was absorbed or kept."""
    others = SCHEDULES[first:] + SCHEDULES[:first]
    recipe = {"schedule": choice("constant", warmup=warmup)}
    (program,) = programs(study_of({"schedule": others}, recipe))
    assert len(program.slots["schedule"]) >= 6
    for lane in program.lanes:
        for step in (0, 1, 5, 6, 9, 10, 23, 29):
            assert factor(program, lane, step, 30) == own_factor(lane, step, 30), (lane.cell.arm.name, step)


def test_grouping_is_the_same_every_time():
    spec = study_of(NUMBERS | {"norm": ("layer", "batch")}, seeds=2)
    one, two = programs(spec), programs(spec)
    assert [program.id for program in one] == [program.id for program in two]
    assert [program.slots for program in one] == [program.slots for program in two]
    assert [lane.hp for program in one for lane in program.lanes] == [lane.hp for p in two for lane in p.lanes]


def test_the_id_tells_structure_not_numbers():
    ids = [
        [program.id for program in programs(study_of({"clip": choice("value", max=bound)}, seeds=seeds))]
        for bound, seeds in ((1.0, 1), (2.0, 3))
    ]
    assert ids[0] == ids[1]
    (other,) = programs(study_of({"clip": "adaptive"}))
    assert other.id not in ids[0]


def test_slots_are_called_by_what_shapes_them():
    (program,) = programs(study_of({"clip": "value"}, {"norm": choice("group", groups=4, epsilon=0.1)}))
    assert program.slots["norm"][0].label() == "group(groups=4)"
    assert program.slots["clip"][0].label() == "value"
    assert program.slots["model"][0].label() == "mlp(widths=(128, 128))"


def test_bound_choices_take_what_training_supplies():
    """Static arguments and numbers together fill every argument of every slot."""
    for program in programs(study_of(NUMBERS | {"norm": ("batch", choice("group", groups=4))})):
        for lane in program.lanes:
            for axis, slots in ((axis, slots) for axis, slots in program.slots.items() if axis not in UNSEEN):
                for slot, given in zip(slots, lane.hp[axis], strict=True):
                    bound = functools.partial(slot.choice.make, **dict(slot.static), **given)
                    filled = {**dict(slot.static), **given}
                    assert set(filled) == set(slot.table.arguments(slot.choice))
                    assert callable(bound)
