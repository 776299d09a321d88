"""What plans warn of: every rule where it should speak, and where it should not."""

import math

import pytest

from ablate import base_config, choice
from ablate.study.names import title
from ablate.study.resolving import resolve
from ablate.tricks import AXES
from ablate.tricks.rules import RULES, Setting, concerns, entropy_floor
from tests.train.small import planned, small_config

MODELS = {"model.mlp", "model.resnet"}
QUIET = {
    "augment": (("none", {}),), "target": (("none", {}),), "norm": (("batch", {}),), "gradient": (("none", {}),),
    "loss": (("cross_entropy", {}),), "model": (("resnet", {}),),
}  # fmt: skip
MIXUP = {"augment": (("flip", {}), ("mixup", {"alpha": 0.2}))}
SMOOTH = {"target": (("smooth_labels", {"alpha": 0.1}),)}
CASES = [
    (MIXUP | SMOOTH, 128, "soft targets already"),
    ({"augment": (("cutmix", {"alpha": 1.0}),), "loss": (("focal", {"gamma": 2.0}),)}, 128, "focal"),
    (MIXUP, 128, None),
    ({"augment": (("mixup", {"alpha": 0.0}),)} | SMOOTH, 128, None),
    ({}, 7, "from 7 examples"),
    ({}, 8, None),
    ({"norm": (("group", {"groups": 4}),)}, 2, None),
    ({"gradient": (("accumulate", {"steps": 2}),)}, 128, "each of the 2 parts alone"),
    ({"gradient": (("accumulate", {"steps": 2}),), "norm": (("group", {}),)}, 128, None),
    ({"norm": (("weight_norm", {}),), "decay": (("coupled", {"weight": 1e-4}),)}, 128, "length of a kernel"),
    ({"norm": (("weight_norm", {}),), "optimizer": (("adamw", {"weight_decay": 0.1}),)}, 128, "length of a kernel"),
    ({"norm": (("weight_norm", {}),), "decay": (("coupled", {"weight": 0.0}),)}, 128, None),
    (SMOOTH | {"objective": (("flood", {"level": 0.05}),)}, 128, "never acts"),
    (SMOOTH | {"objective": (("flood", {"level": 0.6}),)}, 128, None),
    ({"average": (("snapshots", {}),), "schedule": (("cosine", {}),)}, 128, "restart cycles"),
    ({"average": (("snapshots", {}),), "schedule": (("sgdr", {}),)}, 128, None),
    ({"average": (("checkpoints", {}),)}, 128, None),
    ({"layerwise": (("freeze", {"until": 10.0}),), "init": (("he", {}),)}, 128, "not pretrained"),
    ({"layerwise": (("freeze", {"until": 10.0}),), "init": (("pretrained", {}),)}, 128, None),
    ({"dropout": (("stochastic_depth", {"rate": 0.1}),), "model": (("vgg", {}),)}, 128, "vgg has none"),
    ({"dropout": (("stochastic_depth", {"rate": 0.1}),)}, 128, None),
]  # fmt: skip


@pytest.mark.parametrize(("choices", "batch_size", "words"), CASES)
def test_a_rule_speaks_where_it_should_and_is_silent_elsewhere(choices, batch_size, words):
    said = list(concerns(Setting(QUIET | choices, batch_size, 10)))
    assert [words in sentence for sentence in said] == ([True] if words else [])


def test_rules_are_about_choices_that_exist():
    known = {f"{axis}.{name}" for axis, table in AXES.items() for name in table.choices} | MODELS
    assert all(set(rule.about) <= known for rule in RULES)


def test_the_floor_is_the_entropy_of_smoothed_labels():
    probs = [0.9 + 0.01] + [0.01] * 9
    assert math.isclose(entropy_floor(0.1, 10), -sum(p * math.log(p) for p in probs))


def test_a_plan_warns_once_for_all_arms_that_a_rule_is_about():
    cfg = small_config(vary={"norm": (choice("batch"), choice("batch", momentum=0.5))}, seeds=1)
    cfg.train.batch_size = 4
    (warning,) = planned(cfg).warnings
    assert warning.startswith("arms 'norm=batch', 'norm=batch(momentum=0.5)': batch norm estimates")
    cfg.recipe.norm = choice("batch")
    cfg.vary.norm = (choice("batch", momentum=0.5),)
    assert planned(cfg).warnings[0].startswith("all arms: ")


def test_choices_answer_to_their_public_names():
    cfg = base_config()
    cfg.recipe.norm, cfg.recipe.clip = choice("GroupNorm", groups=2), "clip_by_value"
    cfg.vary.dropout, cfg.vary.average = ("spatial_dropout", "Dropout"), ("last_checkpoints",)
    cfg.vary.norm = (choice("group_norm", groups=4),)
    spec = resolve(cfg)
    assert (spec.recipe["norm"].name, spec.recipe["clip"].name) == ("group", "value")
    assert [chosen.name for chosen in spec.vary["dropout"]] == ["spatial", "dropout"]
    assert spec.vary["average"][0].name == "checkpoints"
    assert title(spec.vary["norm"][0], spec.recipe["norm"]) == "norm=group(groups=4)"
