"""From a config to plain, checked data: every problem in one error, and what is right comes through whole."""

import math

import pytest
from ml_collections import ConfigDict, config_dict

from ablate import base_config, choice
from ablate.study import ConfigError
from ablate.study.resolving import resolve
from ablate.study.settings import MOST_SEEDS


def config(**changes):
    """A config with some keys set, `__` standing for the dot."""
    cfg = base_config()
    cfg.model = choice("mlp", widths=(8,))
    with cfg.unlocked(), cfg.ignore_type():
        for key, value in changes.items():
            *parents, leaf = key.split("__")
            group = cfg
            for parent in parents:
                group = group[parent]
            group[leaf] = value
    return cfg


def problems_of(**changes):
    with pytest.raises(ConfigError) as caught:
        resolve(config(**changes))
    assert all("\n" not in problem for problem in caught.value.problems)
    return caught.value.problems


def test_a_choice_brings_its_defaults():
    spec = resolve(config(recipe__norm=choice("group", groups=4)))
    assert dict(spec.recipe["norm"].arguments) == {"groups": 4, "epsilon": 1e-5}
    assert dict(spec.recipe["norm"].given) == {"groups": 4}
    assert spec.recipe["norm"].plain() == {"name": "group", "groups": 4, "epsilon": 1e-5}
    assert spec.recipe["norm"].label() == "group(groups=4)"


def test_traced_numbers_become_floats_and_lists_tuples():
    spec = resolve(config(recipe__optimizer=choice("sgd", learning_rate=1), model__widths=[8, 4]))
    assert spec.recipe["optimizer"].arguments["learning_rate"] == 1.0
    assert isinstance(spec.recipe["optimizer"].arguments["learning_rate"], float)
    assert spec.recipe["model"].arguments["widths"] == (8, 4)


def test_bare_names_and_mappings_are_choices():
    spec = resolve(config(recipe__norm="batch", vary__clip=["value", {"name": "global_norm", "max": 2}]))
    assert spec.recipe["norm"].name == "batch"
    assert [chosen.label() for chosen in spec.vary["clip"]] == ["value", "global_norm(max=2)"]


def test_a_choice_of_the_same_name_inherits_the_baselines_arguments():
    spec = resolve(
        config(
            recipe__optimizer=choice("momentum", learning_rate=0.2, beta=0.8),
            vary__optimizer=(choice("momentum", beta=0.5), choice("sgd", learning_rate=0.3)),
        )
    )
    momentum, sgd = spec.vary["optimizer"]
    assert dict(momentum.arguments) == {"learning_rate": 0.2, "beta": 0.5}
    assert momentum.label() == "momentum(beta=0.5)"
    assert dict(sgd.arguments) == {"learning_rate": 0.3}


def test_labels_tell_close_numbers_apart():
    spec = resolve(config(vary__clip=(choice("value", max=0.1), choice("value", max=0.10000001))))
    assert [chosen.label() for chosen in spec.vary["clip"]] == ["value(max=0.1)", "value(max=0.10000001)"]


@pytest.mark.parametrize(
    ("value", "seeds"), [(3, (0, 1, 2)), ((5, 2), (5, 2)), ([7], (7,)), ((2**32 - 1,), (2**32 - 1,))]
)
def test_seeds(value, seeds):
    assert resolve(config(seeds=value)).seeds == seeds


@pytest.mark.parametrize(
    ("changes", "start"),
    [
        ({"seeds": 0}, "seeds: at least one is needed, got 0"),
        ({"seeds": -3}, "seeds: at least one is needed, got -3"),
        ({"seeds": True}, "seeds: expected a count or a tuple of integers, got True"),
        ({"seeds": "six"}, "seeds: expected a count or a tuple of integers, got 'six'"),
        ({"seeds": 1e3}, "seeds: expected a count or a tuple of integers, got 1000.0"),
        ({"seeds": 10**12}, f"seeds: at most {MOST_SEEDS}, got 1000000000000"),
        ({"seeds": (1, 1)}, "seeds: every seed must be there once"),
        ({"seeds": (1, -1)}, "seeds: every seed must be an integer from 0 to 2^32-1"),
        ({"seeds": (1, 2**32)}, "seeds: every seed must be an integer from 0 to 2^32-1"),
        ({"seeds": (0.5,)}, "seeds: every seed must be an integer"),
        ({"paired": "no"}, "paired: expected True or False, got 'no'"),
        ({"paired": 0}, "paired: expected True or False, got 0"),
        ({"design": "factoral"}, "design: unknown value 'factoral'; did you mean 'factorial'? Allowed: one_at_a_time"),
        ({"design": ("arms",)}, "design: unknown value ('arms',)"),
        ({"fraction__kind": "irregular"}, "fraction.kind: unknown value 'irregular'; did you mean 'regular'?"),
        ({"fraction__resolution": 7}, "fraction.resolution: expected 3, 4 or 5, got 7"),
        ({"tune__grid": 5}, "tune.grid: expected axes"),
        (
            {"tune__grid": {"optimiser": {"learning_rate": (1, 2)}}},
            "tune.grid.optimiser: unknown axis 'optimiser'; did you",
        ),
        ({"tune__grid": {"optimizer": 3}}, "tune.grid.optimizer: expected arguments with values to try, got 3"),
        ({"tune__grid": {"optimizer": {"learning_rate": (1,)}}}, "tune.grid.optimizer.learning_rate: expected a tuple"),
        (
            {"tune__grid": {"optimizer": {"learning_rate": (1, 1)}}},
            "tune.grid.optimizer.learning_rate: every value must",
        ),
        ({"tune__seeds": 0}, "tune.seeds: expected an integer of 1 or more, got 0"),
        ({"tune__relative": "x"}, "tune.relative: expected True or False, got 'x'"),
        ({"train__steps": 0}, "train.steps: must be 1 or more, got 0"),
        ({"train__steps": 1e3}, "train.steps: expected an integer, got 1000.0"),
        ({"train__steps": "many"}, "train.steps: expected an integer, got 'many'"),
        ({"train__batch_size": True}, "train.batch_size: expected an integer, got True"),
        ({"train__eval_every": -1}, "train.eval_every: must be 1 or more, got -1"),
        ({"train__eval_batch_size": None}, "train.eval_batch_size: expected an integer, got None"),
        ({"train__lanes": -1}, "train.lanes: must be 0 or more, got -1"),
        ({"train__checkpoint_seconds": -1}, "train.checkpoint_seconds: must be 0 or more, got -1"),
        ({"train__checkpoint_seconds": math.nan}, "train.checkpoint_seconds: expected a number, got nan"),
        ({"train": 5}, "train: expected a group of keys, got 5"),
        ({"recipe": "group"}, "recipe: expected a group of keys, got 'group'"),
        ({"vary": ()}, "vary: expected a group of keys, got ()"),
        ({"report__metric": "accuracy"}, "report.metric: unknown value 'accuracy'; did you mean 'test_accuracy'?"),
        ({"report__metric": {"a": 1}}, "report.metric: unknown value {'a': 1}"),
        ({"report__alpha": 0.85}, "report.alpha: must lie between 0 and 0.8, got 0.85"),
        ({"report__alpha": "low"}, "report.alpha: must lie between 0 and 0.8, got 'low'"),
        ({"report__margin": 0.0}, "report.margin: must be above 0 and finite, or None, got 0.0"),
        ({"report__margin": -1.0}, "report.margin: must be above 0 and finite, or None, got -1.0"),
        ({"report__margin": "wide"}, "report.margin: must be above 0 and finite, or None, got 'wide'"),
        ({"arms": 3}, "arms: expected names with their choices, got 3"),
        ({"arms": {"x": "batch"}}, "arms.x: expected axes with their choices, got 'batch'"),
        ({"arms": {"x": {"nrom": "batch"}}}, "arms.x.nrom: unknown axis 'nrom'; did you mean 'norm'?"),
        ({"arms": {"x": {"norm": "bath"}}}, "arms.x.norm.name: unknown choice 'bath'; did you mean 'batch'?"),
    ],
)
def test_wrong_keys_of_the_study(changes, start):
    (problem,) = problems_of(**changes)
    assert problem.startswith(start)


@pytest.mark.parametrize(
    ("changes", "start"),
    [
        ({"recipe__norm": 3}, "recipe.norm: write a choice as choice('name', argument=...), not 3"),
        ({"recipe__norm": {"groups": 4}}, "recipe.norm: write a choice as choice("),
        ({"recipe__norm": {"name": 4}}, "recipe.norm: write a choice as choice("),
        (
            {"recipe__norm": "bath"},
            "recipe.norm.name: unknown choice 'bath'; did you mean 'batch'? Allowed: none, batch",
        ),
        ({"model": "mpl"}, "model.name: unknown choice 'mpl'; did you mean 'mlp'? Allowed: mlp, vgg, resnet"),
        ({"vary__norm": "batch"}, "vary.norm: expected a tuple of choices, got 'batch'; write (choice(...),)"),
        ({"vary__norm": choice("batch")}, "vary.norm: expected a tuple of choices"),
        ({"vary__norm": (3,)}, "vary.norm[0]: write a choice as choice("),
        ({"vary__norm": ("batch", "gruop")}, "vary.norm[1].name: unknown choice 'gruop'; did you mean 'group'?"),
        (
            {"recipe__norm": choice("group", group=4)},
            "recipe.norm.group: unknown argument 'group'; did you mean 'groups'?",
        ),
        (
            {"recipe__norm": choice("batch", groups=4)},
            "recipe.norm.groups: unknown argument 'groups'. Allowed: name, mom",
        ),
        ({"recipe__optimizer": "sgd"}, "recipe.optimizer.learning_rate: missing; add learning_rate=... to the choice"),
        ({"recipe__norm": choice("group", groups=4.0)}, "recipe.norm.groups: expected an integer, got 4.0"),
        ({"recipe__norm": choice("group", groups=True)}, "recipe.norm.groups: expected an integer, got True"),
        ({"recipe__norm": choice("group", groups="4")}, "recipe.norm.groups: expected an integer, got '4'"),
        ({"recipe__norm": choice("group", groups=0)}, "recipe.norm.groups: must be 1 or more, got 0"),
        ({"recipe__augment": choice("random_crop", padding=-1)}, "recipe.augment.padding: must be 0 or more, got -1"),
        ({"recipe__head": choice("linear", zero=1)}, "recipe.head.zero: expected True or False, got 1"),
        ({"recipe__init": choice("he", distribution=3)}, "recipe.init.distribution: expected a text, got 3"),
        ({"model__widths": 8}, "model.widths: expected tuple[int, ...], got 8"),
        ({"model__widths": (8, "a")}, "model.widths: expected tuple[int, ...], got (8, 'a')"),
        ({"model__widths": (8, 0)}, "model.widths: must be 1 or more, got (8, 0)"),
        ({"recipe__norm": choice("batch", epsilon="small")}, "recipe.norm.epsilon: expected a number, got 'small'"),
        ({"recipe__norm": choice("batch", epsilon=True)}, "recipe.norm.epsilon: expected a number, got True"),
        ({"recipe__norm": choice("batch", epsilon=math.nan)}, "recipe.norm.epsilon: expected a number, got nan"),
        ({"recipe__norm": choice("batch", epsilon=(1,))}, "recipe.norm.epsilon: expected a number, got (1,)"),
        ({"recipe__norm": choice("batch", epsilon=0)}, "recipe.norm.epsilon: must be above 0, got 0"),
        (
            {"recipe__optimizer": choice("sgd", learning_rate=0)},
            "recipe.optimizer.learning_rate: must be above 0, got 0",
        ),
        ({"recipe__optimizer": choice("sgd", learning_rate=-0.1)}, "recipe.optimizer.learning_rate: must be above 0"),
        ({"recipe__dropout": choice("dropout", rate=1)}, "recipe.dropout.rate: must be below 1, got 1"),
        ({"recipe__dropout": choice("dropout", rate=-0.1)}, "recipe.dropout.rate: must lie between 0 and 1, got -0.1"),
        (
            {"recipe__target": choice("smooth_labels", alpha=1.1)},
            "recipe.target.alpha: must lie between 0 and 1, got 1.1",
        ),
        (
            {"recipe__optimizer": choice("adam", learning_rate=0.1, beta1=3.0)},
            "recipe.optimizer.beta1: must lie between 0 and 1, got 3",
        ),
        ({"recipe__decay": choice("coupled", weight=-1.0)}, "recipe.decay.weight: must be 0 or more, got -1"),
        ({"recipe__clip": choice("value", max=-1.0)}, "recipe.clip.max: must be 0 or more, got -1"),
        (
            {"data": choice("digits", label_nose=0.2)},
            "data.label_nose: unknown argument 'label_nose'; did you mean 'label_",
        ),
        ({"data": choice("digits", label_noise=2.0)}, "data.label_noise: must lie between 0 and 1, got 2"),
        ({"data": choice("digits", validation=1.0)}, "data.validation: must be below 1, got 1"),
        ({"data": choice("digits", test=0.0)}, "data.test: must be above 0, got 0"),
        ({"data": choice("digits", test=1.0)}, "data.test: must be below 1, got 1"),
        ({"data": choice("digits", per_class=-2)}, "data.per_class: must be 0 or more, got -2"),
        ({"data": choice("digits", noise_kind=3)}, "data.noise_kind: expected a text, got 3"),
        ({"data": choice("digits", folds=1)}, "data.folds: one part is no division; 2 or more, or 0 for none"),
        ({"data": choice("digits", folds=3, train_on="all")}, "data.train_on: unknown value 'all'"),
        ({"data": choice("digits", folds=3), "paired": False}, "data.folds: seeds are folds, which arms must share"),
        ({"vary": {"data": ({"noise_kind": "pear"},)}}, "vary.data[0].noise_kind: unknown value 'pear'; did you mean"),
    ],
)
def test_wrong_choices(changes, start):
    (problem,) = problems_of(**changes)
    assert problem.startswith(start)


@pytest.mark.parametrize(
    "changes",
    [
        {"recipe__clip": choice("global_norm", max=math.inf)},
        {"recipe__bias": choice("constant", value=-1.0)},
        {"data": choice("digits", validation=0.0, label_noise=1.0)},
        {"recipe__target": choice("smooth_labels", alpha=0.0)},
        {"model": choice("mlp", widths=())},
        {"train__checkpoint_seconds": math.inf},
        {"report__margin": 1},
    ],
)
def test_borders_that_are_allowed(changes):
    assert resolve(config(**changes)).recipe["model"].name == "mlp"


def test_all_problems_at_once():
    found = problems_of(
        seeds=0,
        design="x",
        paired=3,
        train__steps=0,
        report__alpha=2.0,
        recipe__norm="bath",
        recipe__clip=choice("value", maximum=1),
        vary__norm=("x",),
        vary__clip="value",
        data=choice("digits", test=3.0),
        tune__seeds=0,
        arms={"x": 3},
    )
    assert {problem.split(":")[0] for problem in found} == {
        "seeds", "design", "paired", "train.steps", "report.alpha", "recipe.norm.name", "recipe.clip.maximum",
        "vary.norm[0].name", "vary.clip", "data.test", "tune.seeds", "arms.x",
    }  # fmt: skip
    assert len(found) == 12


def test_unknown_and_missing_keys_do_not_hide_the_rest():
    cfg = config(sedes=3, train__stepz=4, seeds=0)
    with cfg.unlocked():
        del cfg.recipe["norm"]
        del cfg.train["lanes"]
        del cfg["design"]
    with pytest.raises(ConfigError) as caught:
        resolve(cfg)
    assert [problem.split(";")[0] for problem in caught.value.problems] == [
        "sedes: unknown key 'sedes'",
        "design: missing",
        "train.stepz: unknown key 'stepz'",
        "train.lanes: missing",
        "seeds: at least one is needed, got 0",
    ]


def test_a_config_of_another_origin_misses_everything():
    with pytest.raises(ConfigError) as caught:
        resolve(ConfigDict({"lr": 0.1}))
    assert caught.value.problems[0].startswith("lr: unknown key 'lr'")
    assert "seeds: missing; start from base_config()" in caught.value.problems


def test_field_references_are_read():
    cfg = config()
    cfg.train.steps = 40
    cfg.train.eval_every = cfg.train.get_ref("steps") // 4
    cfg.report.margin = 0.5
    spec = resolve(cfg)
    assert spec.train.eval_every == 10
    assert spec.report.margin == 0.5
    assert resolve(config(report__margin=config_dict.placeholder(float))).report.margin is None


def test_the_plain_config_is_kept_as_written():
    spec = resolve(config(vary__norm=("layer",), arms={"b": {}, "a": {}}, design="arms"))
    assert spec.plain["vary"]["norm"] == ("layer",)
    assert list(spec.plain["arms"]) == ["b", "a"]
    assert spec.plain["train"]["steps"] == 500


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({"steps": 2**40}, "train.steps: 1,099,511,627,776 are more than devices count, 2,147,483,647"),
        (
            {"steps": 2**30, "eval_every": 1},
            "train.eval_every: an evaluation every 1 of 1,073,741,824 steps makes 1,073,741,824 of them; "
            "at most 100,000",
        ),
    ],
)
def test_trainings_that_no_device_can_count_or_no_row_can_hold_are_refused(changes, line):
    cfg = base_config()
    cfg.vary.norm = ("batch",)
    cfg.train.update(changes)
    with pytest.raises(ConfigError) as error:
        resolve(cfg)
    assert line in error.value.problems
