"""The config that experiments start from: complete, locked, in the order of writing."""

import pytest
from ml_collections import ConfigDict

from ablate import base_config, choice
from ablate.study import ConfigError
from ablate.study.resolving import resolve
from ablate.tasks import TASKS, axes_of


def test_every_axis_has_its_choice_and_its_place():
    cfg = base_config()
    axes = axes_of(TASKS["classification"])
    assert cfg.vary.to_dict() == {}
    assert ["model", *cfg.recipe] == list(axes)
    absent = {name: axis.default or axis.identity for name, axis in axes.items() if name != "model"}
    assert {name: cfg.recipe[name].name for name in cfg.recipe} == absent
    assert cfg.recipe.optimizer.learning_rate == 0.1


def test_the_defaults_resolve():
    spec = resolve(base_config())
    assert spec.design == "one_at_a_time"
    assert spec.seeds == (0, 1, 2, 3, 4, 5)
    assert spec.paired
    assert spec.vary == {}
    assert spec.report.margin is None
    assert spec.train.steps == 500


def test_the_config_is_locked():
    cfg = base_config()
    with pytest.raises(AttributeError, match="locked"):
        cfg.stesp = 3
    with pytest.raises(AttributeError, match='Did you mean "steps"'):
        cfg.train.stesp = 3


def test_a_config_takes_values_of_every_kind_that_resolves():
    cfg = base_config()
    cfg.seeds = (7, 3)
    cfg.recipe.norm = "batch"
    cfg.report.margin = 1
    cfg.vary.clip = ["value"]
    spec = resolve(cfg)
    assert spec.seeds == (7, 3)
    assert spec.recipe["norm"].name == "batch"
    assert spec.report.margin == 1
    cfg.train.steps = "many"
    with pytest.raises(ConfigError, match=r"train\.steps: expected an integer, got 'many'"):
        resolve(cfg)


def test_two_configs_share_nothing():
    one, two = base_config(), base_config()
    one.recipe.norm = choice("batch")
    one.vary.clip = ("value",)
    assert two.recipe.norm.name == "none"
    assert "clip" not in two.vary


def test_vary_keeps_the_order_of_writing():
    cfg = base_config()
    cfg.vary.clip = (choice("value", max=1.0),)
    cfg.vary.norm = (choice("layer"),)
    cfg.vary.init = (choice("he"),)
    cfg.vary.clip = (choice("global_norm"),)  # writing it again changes the choice, not the place
    assert list(resolve(cfg).vary) == ["clip", "norm", "init"]


def test_vary_can_be_written_as_a_whole():
    cfg = base_config()
    cfg.vary = {"norm": ("layer",), "clip": ("value",)}
    assert list(resolve(cfg).vary) == ["norm", "clip"]


def test_arms_keep_their_order_and_any_name():
    cfg = base_config()
    cfg.design = "arms"
    names = ["z | last", "lr 0.1", "Größe", "a \"quoted\" 'name'"]
    cfg.arms = {name: {"norm": choice("layer")} for name in names}
    assert list(resolve(cfg).arms) == names


def test_a_choice_is_a_config_of_its_own():
    chosen = choice("group", groups=4)
    assert isinstance(chosen, ConfigDict)
    assert chosen.to_dict() == {"name": "group", "groups": 4}
