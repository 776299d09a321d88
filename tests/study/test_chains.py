"""Several choices of one axis in a recipe: how they are written, named, stored, and which programs they share."""

import pytest

from ablate import base_config, choice
from ablate.runner.study_file import study_json
from ablate.study import ConfigError
from ablate.study.design import arms_of
from ablate.study.resolving import arm_of, resolve
from tests.train.small import planned, small_config

CROP = choice("random_crop", padding=1)


def config(vary=None, **recipe):
    cfg = small_config(vary=vary, seeds=1)
    for axis, value in recipe.items():
        cfg.recipe[axis] = value
    return cfg


def test_a_tuple_of_choices_stands_one_behind_the_other():
    cfg = config({"augment": (("flip", CROP), ("flip",), CROP)}, clip=("value", choice("global_norm", max=2.0)))
    spec = resolve(cfg)
    assert [each.name for each in spec.recipe["clip"].chain] == ["value", "global_norm"]
    names = [arm.name for arm in arms_of(spec)]
    assert names == [
        "baseline", "flip then random_crop(padding=1)", "flip", "random_crop(padding=1)",
    ]  # fmt: skip
    plain = spec.vary["augment"][0].plain()
    assert plain == {"name": "flip", "then": {"name": "random_crop", "padding": 1}}


def test_what_is_stored_reads_back_as_the_same_arm():
    spec = resolve(config({"augment": (("flip", CROP),)}))
    arm = arms_of(spec)[1]
    stored = {axis: chosen.plain() for axis, chosen in arm.recipe.items()}
    again = arm_of(spec, arm.name, stored)
    assert {axis: chosen.plain() for axis, chosen in again.recipe.items()} == stored


@pytest.mark.parametrize(
    ("recipe", "words"),
    [
        ({"norm": ("batch", "group")}, r"recipe.norm.then: axis norm takes one choice"),
        ({"augment": ("flip", "flip")}, r"recipe.augment: 'flip' is there twice"),
        ({"augment": ("flip", choice("random_crop", paddin=1))}, r"recipe.augment.then.paddin: unknown argument"),
        ({"augment": ("flip", "fliip")}, r"recipe.augment.then.name: unknown choice 'fliip'"),
        ({"augment": ()}, r"recipe.augment: write a choice"),
        ({"augment": ("flip", 3)}, r"recipe.augment.then: write a choice"),
    ],
)
def test_problems_name_the_place(recipe, words):
    with pytest.raises(ConfigError, match=words):
        resolve(config(**recipe))


def test_two_of_a_kind_that_differ_in_more_than_numbers_are_two():
    both = choice("multipliers", pattern="^head/", factor=2.0), choice("multipliers", pattern="bias", factor=0.5)
    assert len(resolve(config(layerwise=both)).recipe["layerwise"].chain) == 2


def test_chains_that_can_vanish_share_a_program_in_one_order_and_no_other():
    value, norm = choice("value", max=1.0), choice("global_norm", max=1.0)
    plan = planned(config({"clip": (value, norm, (value, norm), (norm, value))}))
    arms = [item.program.arms for item in plan.programs]
    assert [len(names) for names in arms] == [4, 1]
    together, alone = plan.programs
    assert [slot.name for slot in together.program.slots["clip"]] == ["value", "global_norm"]
    assert [slot.name for slot in alone.program.slots["clip"]] == ["global_norm", "value"]
    numbers = {lane.cell.arm.name: lane.hp["clip"] for lane in together.program.lanes}
    inf = float("inf")
    assert [tuple(n.values()) for n in numbers["baseline"]] == [(inf,), (inf,)]
    assert [tuple(n.values()) for n in numbers["clip=global_norm(max=1)"]] == [(inf,), (1.0,)]
    assert [tuple(n.values()) for n in numbers["clip=value(max=1) then global_norm(max=1)"]] == [
        (1.0,), (1.0,),
    ]  # fmt: skip


def test_structural_choices_are_compiled_in_only_where_they_are_chosen():
    plan = planned(config({"augment": ("flip", ("flip", CROP))}))
    slots = [[slot.name for slot in item.program.slots["augment"]] for item in plan.programs]
    assert slots == [["none"], ["flip"], ["flip", "random_crop"]]


def test_study_json_and_the_identity_know_all_of_them():
    plan = planned(config({"augment": (("flip", CROP), ("flip", choice("random_crop", padding=2)))}))
    arms = {arm["name"]: arm for arm in study_json(plan)["arms"]}
    changed = arms["flip then random_crop(padding=1)"]["changes"]["augment"]
    assert changed["then"]["padding"] == 1
    assert len({cell.fingerprint for cell in plan.cells}) == 3
    assert len({cell.identity["code"]["augment"] for cell in plan.cells}) == 2  # the two chains reach the same code


def test_the_base_config_takes_a_chain_from_outside():
    cfg = base_config()
    cfg.vary.augment = (({"name": "flip"}, {"name": "random_crop", "padding": 3}),)
    assert resolve(cfg).vary["augment"][0].label() == "flip then random_crop(padding=3)"
