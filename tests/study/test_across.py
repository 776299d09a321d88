"""Conditions: which there are, what they change of a config, and every way to get them wrong."""

import pytest

import ablate
from ablate import choice
from ablate.study.across import conditions_of
from ablate.study.problems import ConfigError
from ablate.study.resolving import resolve


def config(**across):
    cfg = ablate.base_config()
    cfg.vary.norm = ("batch",)
    cfg.across = across
    return cfg


def conditions(**across):
    return conditions_of(resolve(config(**across)))


def test_every_combination_is_a_study_with_its_part_of_alpha():
    found = conditions(
        data=("digits", {"label_noise": 0.2}), model=("mlp", choice("mlp", widths=(8,))), batch_size=(16,)
    )
    assert [one.name for one in found] == [
        "data=digits × model=mlp × batch_size=16",
        "data=digits × model=mlp(widths=(8,)) × batch_size=16",
        "data(label_noise=0.2) × model=mlp × batch_size=16",
        "data(label_noise=0.2) × model=mlp(widths=(8,)) × batch_size=16",
    ]
    assert [one.spec.recipe["data"].arguments["label_noise"] for one in found] == [0, 0, 0.2, 0.2]
    assert found[1].spec.recipe["model"].arguments["widths"] == (8,)
    assert {one.spec.train.batch_size for one in found} == {16}
    assert {one.spec.report.alpha for one in found} == {0.05 / 4}
    assert {tuple(one.spec.across) for one in found} == {()}
    assert len({one.folder for one in found}) == 4


def test_an_axis_of_the_recipe_and_several_numbers_at_once():
    optimizers = (choice("sgd", learning_rate=0.1), choice("adam", learning_rate=0.1))
    found = conditions(optimizer=optimizers, train=({"steps": 10, "batch_size": 8}, {"steps": 20}))
    assert [(one.spec.recipe["optimizer"].name, one.spec.train.steps) for one in found] == [
        ("sgd", 10), ("sgd", 20), ("adam", 10), ("adam", 20),
    ]  # fmt: skip


def test_other_conditions_move_no_folder():
    before = {one.name: one.folder for one in conditions(batch_size=(8, 16))}
    after = {one.name: one.folder for one in conditions(batch_size=(4, 8, 16, 32))}
    assert before.items() <= after.items()


def test_what_arms_inherit_is_that_of_the_condition():
    cfg = config(steps=(10, 20))
    cfg.vary.train = ({"batch_size": 8},)
    assert [one.spec.vary["train"][0].arguments["steps"] for one in conditions_of(resolve(cfg))] == [10, 20]


@pytest.mark.parametrize(
    ("across", "line"),
    [
        ({"dta": ("digits",)}, "across.dta: unknown axis or number of train 'dta'; did you mean 'data'?"),
        ({"lanes": (1, 2)}, "across.lanes: unknown axis or number of train 'lanes'"),
        ({"data": "digits"}, "across.data: expected a tuple of choices, got 'digits'"),
        ({"batch_size": 8}, "across.batch_size: expected a tuple of choices, got 8"),
        ({"batch_size": (0, 8)}, "across.batch_size[0].batch_size: must be 1 or more, got 0"),
        ({"batch_size": (8, 8)}, "across.batch_size: every level must be there once"),
        ({"batch_size": (8,)}, "across: one condition is no comparison"),
        ({"model": ()}, "across.model: empty; name at least one level"),
        ({"model": ("mpl", "mlp")}, "across.model[0].name: unknown choice 'mpl'; did you mean 'mlp'?"),
    ],
)
def test_problems(across, line):
    with pytest.raises(ConfigError) as error:
        conditions(**across)
    assert any(problem.startswith(line) for problem in error.value.problems)


def test_conditions_are_compared_seed_by_seed():
    cfg = config(batch_size=(8, 16))
    cfg.paired = False
    with pytest.raises(ConfigError, match="across: conditions are compared seed by seed"):
        resolve(cfg)


def test_what_a_combination_brings_is_told_with_its_name():
    with pytest.raises(ConfigError) as error:  # kinds of noise are checked where data and numbers stand together
        conditions(data=("digits", {"noise_kind": "pear"}))
    (line,) = error.value.problems
    assert line.startswith("across, data(noise_kind=pear): data.noise_kind: unknown value 'pear'; did you mean 'pair'?")


def test_the_task_is_the_same_everywhere():
    with pytest.raises(ConfigError, match=r"across\.task: unknown axis or number of train 'task'"):
        conditions(task=("regression",))


def test_test_examples_may_be_drawn_anew_under_one_condition_but_not_in_one_arm():
    found = conditions(data=("digits", {"rotate_test": True}))
    assert [one.spec.recipe["data"].arguments["rotate_test"] for one in found] == [False, True]
    cfg = config()
    cfg.vary.data = ({"rotate_test": True}, {"label_noise": 0.2})
    with pytest.raises(ConfigError) as error:
        resolve(cfg)
    assert list(error.value.problems) == ["vary.data[0].rotate_test: the same for all arms; set data.rotate_test"]


def test_a_number_that_is_named_twice_is_refused():
    with pytest.raises(ConfigError, match="are the same study; name every number once"):
        conditions(train=({"batch_size": 8}, {"batch_size": 16}), batch_size=(32, 64))


def test_large_numbers_keep_their_names_apart():
    assert [one.name for one in conditions(steps=(1_000_000, 1_000_001))] == ["steps=1000000", "steps=1000001"]
