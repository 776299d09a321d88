"""From a file, its argument and overrides to a config; what is wrong is said in one line each."""

import math

import pytest
from ml_collections import ConfigDict

from ablate.study import ConfigError
from ablate.study.loading import load_config, question_of
from ablate.study.resolving import resolve

BODY = """
    cfg = base_config()
    cfg.recipe.norm = choice("group", groups=4)
    cfg.vary.norm = (choice("layer"), choice("group", groups=8))
    cfg.vary.clip = ("value",)
    return cfg
"""


@pytest.fixture
def experiment(tmp_path):
    """Writes a config file with a body for its `get_config`; gives the path."""

    def write(body=BODY, name="study.py", arguments="", head='"""A question?\n\nMore."""\n'):
        path = tmp_path / name
        text = f"{head}from ablate import base_config, choice\n\ndef get_config({arguments}):\n{body}"
        path.write_text(text, encoding="utf-8")
        return str(path)

    return write


def problems_of(path, *overrides):
    with pytest.raises(ConfigError) as caught:
        load_config(path, overrides)
    assert all("\n" not in problem for problem in caught.value.problems)
    return caught.value.problems


def test_a_file(experiment):
    cfg = load_config(experiment())
    assert isinstance(cfg, ConfigDict)
    assert cfg.is_locked
    assert cfg.recipe.norm.groups == 4


def test_a_file_with_an_argument(experiment):
    path = experiment("    cfg = base_config()\n    cfg.train.steps = int(n)\n    return cfg\n", arguments="n=7")
    assert load_config(path).train.steps == 7
    assert load_config(f"{path}:12").train.steps == 12
    assert problems_of(f"{path}:a:b") == (
        f"--config={path}:a:b: ValueError: invalid literal for int() with base 10: 'a:b' ({path}:8)",
    )


@pytest.mark.parametrize("name", ["Größe für mich.py", "a 'b' \"c\".py", "no_ending"])
def test_file_names_of_all_kinds(experiment, name):
    path = experiment(name=name)
    assert load_config(path).recipe.norm.name == "group"
    assert question_of(path) == "A question?"


def test_missing_files(tmp_path):
    (problem,) = problems_of(str(tmp_path / "nope.py"))
    assert problem.startswith(f"--config: no such file: {tmp_path / 'nope.py'}; give the path of an experiment")
    (problem,) = problems_of(str(tmp_path))
    assert "no such file" in problem


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("    raise RuntimeError('no\\nsuch luck')\n", "RuntimeError: no such luck"),
        ("    raise ValueError('first\\nlast')\n", "last"),
        ("    raise KeyError\n", "KeyError"),
        ("    raise SystemExit(7)\n", "SystemExit: 7"),
        ("    open('/nowhere/at/all')\n", "No such file or directory: '/nowhere/at/all'"),
        ("    return 3\n", "get_config() returned a int; end it with"),
        ("    return None\n", "get_config() returned nothing; end it with"),
        ("    return base_config(\n", "SyntaxError"),
        ("    cfg = base_config()\n    cfg.foo = 1\n", 'Key "foo" does not exist and cannot be added'),
        ("    cfg = base_config()\n    cfg.train.stesp = 1\n", 'Did you mean "steps" instead of "stesp"?'),
        ("    return base_confg()\n", "NameError: name 'base_confg' is not defined"),
    ],
)
def test_configs_that_cannot_run(experiment, body, words):
    path = experiment(body)
    (problem,) = problems_of(path)
    assert problem.startswith(f"--config={path}: ")
    assert words in problem
    assert len(problem) < 2 * len(path) + 200


def test_a_file_without_get_config(tmp_path):
    path = tmp_path / "empty.py"
    path.write_text("x = 1\n")
    assert "no get_config() in there" in problems_of(str(path))[0]


def test_the_question_is_the_first_paragraph(tmp_path, experiment):
    assert question_of(experiment() + ":argument") == "A question?"
    assert question_of(experiment(head='"""\nOver\ntwo lines?\n\nMore.\n"""\n')) == "Over two lines?"
    assert question_of(experiment(head="")) == ""
    latin = tmp_path / "latin.py"
    latin.write_bytes('# -*- coding: latin-1 -*-\n"""Größe?"""\n'.encode("latin-1"))
    assert question_of(str(latin)) == "Größe?"


@pytest.mark.parametrize(
    ("key", "text", "value"),
    [
        ("train.steps", "7", 7),
        ("train.steps", "1e3", 1000.0),
        ("train.checkpoint_seconds", "inf", math.inf),
        ("report.margin", "0.5", 0.5),
        ("report.margin", "None", None),
        ("report.margin", "none", None),
        ("seeds", "(3, 1)", (3, 1)),
        ("seeds", "3,1", (3, 1)),
        ("paired", "False", False),
        ("paired", "true", True),
        ("paired", "no", "no"),
        ("design", "factorial", "factorial"),
        ("design", "'factorial'", "factorial"),
        ("design", "Größe | x", "Größe | x"),
        ("data.test", "-inf", -math.inf),
        ("model.widths", "(8,)", (8,)),
        ("recipe.norm.groups", "2", 2),
        ("vary.norm[1].groups", "2", 2),
        ("vary.norm[-1].groups", "2", 2),
        ("vary.norm[0]", "batch", "batch"),
    ],
)
def test_values_are_read_as_literals(experiment, key, text, value):
    cfg = load_config(experiment(), [(key, text)])
    found = cfg
    for part in key.replace("[", ".[").split("."):
        found = found[int(part[1:-1])] if part.startswith("[") else found[part]
    found = found.name if isinstance(found, ConfigDict) else found
    assert found == value
    assert type(found) is type(value)


def test_a_new_name_clears_the_arguments_of_the_old_choice(experiment):
    path = experiment()
    assert load_config(path, [("recipe.norm.name", "layer")]).recipe.norm.to_dict() == {"name": "layer"}
    assert load_config(path, [("recipe.norm", "layer")]).recipe.norm.to_dict() == {"name": "layer"}
    assert load_config(path, [("vary.norm[1].name", "rms")]).vary.norm[1].to_dict() == {"name": "rms"}


@pytest.mark.parametrize("name", ["recipe.norm", "recipe.norm.name"])
def test_arguments_given_with_a_new_name_stay_in_any_order(experiment, name):
    overrides = [("recipe.norm.epsilon", "0.1"), (name, "layer")]
    for order in (overrides, overrides[::-1]):
        assert load_config(experiment(), order).recipe.norm.to_dict() == {"name": "layer", "epsilon": 0.1}


def test_arguments_given_with_a_new_element_stay_in_any_order(experiment):
    overrides = [("vary.norm[0].epsilon", "0.1"), ("vary.norm[0]", "batch")]
    for order in (overrides, overrides[::-1]):
        cfg = load_config(experiment(), order)
        assert cfg.vary.norm[0].to_dict() == {"name": "batch", "epsilon": 0.1}
        assert cfg.vary.norm[1].to_dict() == {"name": "group", "groups": 8}
        assert list(resolve(cfg).vary) == ["norm", "clip"]


@pytest.mark.parametrize(
    "overrides",
    [
        [("vary.clip[0].max", "2.0")],
        [("vary.clip", "('value',)"), ("vary.clip[0].max", "2.0")],
        [("vary.clip[0].max", "2.0"), ("vary.clip[0]", "'value'")],
    ],
)
def test_a_bare_name_can_be_given_arguments(experiment, overrides):
    cfg = load_config(experiment(), overrides)
    assert [chosen.label() for chosen in resolve(cfg).vary["clip"]] == ["value(max=2)"]


def test_a_bare_name_in_the_recipe_can_be_given_arguments(experiment):
    body = "    cfg = base_config()\n    cfg.recipe.norm = 'group'\n    cfg.model = 'mlp'\n    return cfg\n"
    cfg = load_config(experiment(body), [("recipe.norm.groups", "2"), ("model.widths", "(8,)")])
    assert cfg.recipe.norm.to_dict() == {"name": "group", "groups": 2}
    assert cfg.model.to_dict() == {"name": "mlp", "widths": (8,)}
    assert problems_of(experiment(body), ("design.more", "2"))[0].startswith("design.more: unknown key 'more'")


def test_a_whole_axis(experiment):
    cfg = load_config(
        experiment(), [("vary.norm", "('batch', 'layer')"), ("vary.clip", "()"), ("vary.bias", "('zeros',)")]
    )
    spec = resolve(cfg)
    assert {axis: [chosen.name for chosen in choices] for axis, choices in spec.vary.items()} == {
        "norm": ["batch", "layer"],
        "bias": ["zeros"],
    }


def test_arms_and_grids_from_the_command_line(experiment):
    overrides = [
        ("design", "arms"),
        ("arms", "{'lr 0.1 | x': {'norm': 'layer'}}"),
        ("tune.grid.optimizer.learning_rate", "(0.1, 0.2)"),
    ]
    spec = resolve(load_config(experiment(), overrides))
    assert list(spec.arms) == ["lr 0.1 | x"]
    assert spec.tune.grid == {"optimizer": {"learning_rate": (0.1, 0.2)}}


@pytest.mark.parametrize(
    ("key", "start"),
    [
        ("sedes", "sedes: unknown key 'sedes'; did you mean 'seeds'? Allowed: "),
        ("train.stepz", "train.stepz: unknown key 'stepz'; did you mean 'steps'? Allowed: "),
        ("trian.steps", "trian: unknown key 'trian'; did you mean 'train'? Allowed: "),
        ("vary.nrom[1].groups", "vary.nrom[1]: unknown key 'nrom'; did you mean 'norm'? Allowed: "),
        ("vary.norm[5].groups", "vary.norm[5].groups: no such element of vary.norm"),
        ("vary.norm[5]", "vary.norm[5]: "),
        ("vary.norm[x]", "vary.norm[x]: "),
        ("vary.norm.name", "vary.norm.name: unknown key 'name'. Allowed: nothing"),
        ("train.steps.more", "train.steps.more: unknown key 'more'. Allowed: nothing"),
        ("report.metrik", "report.metrik: unknown key 'metrik'; did you mean 'metric'? Allowed: "),
        ("", ": unknown key ''. Allowed: "),
    ],
)
def test_keys_that_do_not_exist(experiment, key, start):
    (problem,) = problems_of(experiment(), (key, "3"))
    assert problem.startswith(start)


def test_all_problems_at_once(experiment):
    overrides = [("train.stepz", "1"), ("recipe.nrom.name", "x"), ("train.batch_size", "0"), ("recipe.norm.nmae", "x")]
    found = problems_of(experiment(), *overrides)
    assert [problem.split(":")[0] for problem in found] == [
        "train.stepz",
        "recipe.nrom",
        "recipe.norm.nmae",
        "train.batch_size",
    ]
    assert "did you mean 'name'?" in found[2]


def test_an_unreadable_number_is_one_line(experiment):
    (problem,) = problems_of(experiment(), ("train.checkpoint_seconds", "1" + "0" * 400))
    assert problem.startswith("train.checkpoint_seconds: OverflowError")


def test_axes_and_arguments_of_another_task_are_set_from_the_command_line(tmp_path):
    (tmp_path / "two.py").write_text(
        "from ablate import base_config\n\n\ndef get_config():\n    return base_config()\n"
    )
    overrides = [
        ("recipe.weighting.begin", "0.5"),
        ("recipe.weighting.name", "uncertainty"),
        ("task.labels", "('label',)"),
        ("task", "multi_task"),
    ]
    spec = resolve(load_config(str(tmp_path / "two.py"), overrides))
    assert spec.recipe["weighting"].plain() == {"name": "uncertainty", "begin": 0.5}
    assert spec.task.arguments["labels"] == ("label",)
    with pytest.raises(ConfigError, match=r"recipe\.weigthing: unknown axis of this task 'weigthing'; did you mean"):
        resolve(load_config(str(tmp_path / "two.py"), [("task", "multi_task"), ("recipe.weigthing", "fixed")]))
