"""Designs: which arms a study has, what they are called, and which studies make no sense."""

import itertools

import pytest

from ablate import choice
from ablate.study import ConfigError
from ablate.study.design import arms_of, at_off

from .studies import study_of

THREE = {"norm": choice("group", groups=4), "clip": choice("value", max=1.0), "init": "he"}


def names(spec):
    return [arm.name for arm in arms_of(spec)]


def changed(arm):
    return {axis: chosen.label() for axis, chosen in arm.changes.items()}


def problems_of(*, vary=None, **changes):
    with pytest.raises(ConfigError) as caught:
        arms_of(study_of(vary, **changes))
    assert all("\n" not in problem for problem in caught.value.problems)
    return caught.value.problems


def test_one_at_a_time():
    spec = study_of({"norm": (choice("group", groups=4), "batch"), "clip": "value"})
    arms = arms_of(spec)
    assert [arm.name for arm in arms] == ["baseline", "norm=group(groups=4)", "norm=batch", "clip=value"]
    assert [changed(arm) for arm in arms] == [{}, {"norm": "group(groups=4)"}, {"norm": "batch"}, {"clip": "value"}]
    assert arms[0].recipe == spec.recipe
    for arm in arms[1:]:
        (axis,) = arm.changes
        assert arm.recipe == {**spec.recipe, axis: arm.changes[axis]}


def test_models_can_be_varied():
    arms = arms_of(study_of({"model": (choice("mlp", widths=(4,)), "resnet")}))
    assert [arm.name for arm in arms] == ["baseline", "model=mlp(widths=(4,))", "model=resnet"]
    assert arms[1].recipe["model"].arguments["widths"] == (4,)


def test_leave_one_out():
    spec = study_of(THREE, design="leave_one_out")
    arms = arms_of(spec)
    assert [arm.name for arm in arms] == [
        "all",
        "without norm=group(groups=4)",
        "without clip=value(max=1)",
        "without init=he",
    ]
    assert [changed(arm) for arm in arms] == [{}, {"norm": "none"}, {"clip": "none"}, {"init": "lecun"}]
    assert {axis: arms[0].recipe[axis].name for axis in THREE} == {"norm": "group", "clip": "value", "init": "he"}
    for arm in arms[1:]:
        (axis,) = arm.changes
        assert arm.recipe == {**arms[0].recipe, axis: spec.recipe[axis]}


@pytest.mark.parametrize("order", list(itertools.permutations(THREE)))
def test_cumulative_adds_in_the_order_of_writing(order):
    arms = arms_of(study_of({axis: THREE[axis] for axis in order}, design="cumulative"))
    assert [list(arm.changes) for arm in arms] == [list(order[:k]) for k in range(4)]
    assert [arm.name.split("=")[0] for arm in arms] == ["baseline", *(f"+ {axis}" for axis in order)]
    assert [sum(arm.recipe[axis] != arms[0].recipe[axis] for axis in THREE) for arm in arms] == [0, 1, 2, 3]


def test_factorial():
    arms = arms_of(study_of({"norm": ("layer", "batch"), "clip": "value", "init": "he"}, design="factorial"))
    assert len(arms) == 3 * 2 * 2
    assert arms[0].name == "baseline"
    assert arms[0].changes == {}
    assert "norm=batch + clip=value + init=he" in [arm.name for arm in arms]
    assert len({tuple(sorted((a, c.name) for a, c in arm.recipe.items())) for arm in arms}) == 12
    for arm in arms[1:]:
        assert {axis for axis in arm.recipe if arm.recipe[axis] != arms[0].recipe[axis]} == set(arm.changes)


def test_fractional():
    vary = {"norm": "layer", "clip": "value", "init": "he", "target": "smooth_labels"}
    arms = arms_of(study_of(vary, design="fractional"))
    assert len(arms) == 8
    assert arms[0].name == "baseline"
    assert arms[0].changes == {}
    for axis in vary:  # balanced: half of the arms have every trick, and half of those every other
        having = [arm for arm in arms if axis in arm.changes]
        assert len(having) == 4
        assert all(sum(other in arm.changes for arm in having) == 2 for other in vary if other != axis)


def test_plackett_burman():
    vary = dict.fromkeys(("norm",), "layer") | {
        "clip": "value",
        "init": "he",
        "target": "smooth_labels",
        "bias": "constant",
    }
    vary["bias"] = choice("constant", value=0.1)
    arms = arms_of(study_of(vary, design="fractional", fraction__kind="plackett_burman", fraction__resolution=3))
    assert arms[0].name == "baseline"
    assert all(sum(axis in arm.changes for arm in arms) == len(arms) / 2 for axis in vary)


def test_written_arms():
    written = {
        "Größe | \"x\" 'y'": {"norm": choice("layer"), "clip": "value"},
        "lr 0.1": {"optimizer": choice("sgd", learning_rate=0.2)},
    }
    arms = arms_of(study_of(design="arms", arms=written))
    assert [arm.name for arm in arms] == ["baseline", *written]
    assert [changed(arm) for arm in arms[1:]] == [
        {"norm": "layer", "clip": "value"},
        {"optimizer": "sgd(learning_rate=0.2)"},
    ]


def test_changes_of_a_written_arm_are_those_that_differ():
    arms = arms_of(study_of(design="arms", arms={"x": {"norm": "none", "clip": "value"}}))
    assert changed(arms[1]) == {"clip": "value"}
    assert arms[1].recipe["norm"].name == "none"


@pytest.mark.parametrize("design", ["one_at_a_time", "leave_one_out", "cumulative", "factorial", "fractional"])
def test_nothing_to_vary(design):
    (problem,) = problems_of(design=design)
    assert problem.startswith("vary: empty; name at least one choice")


@pytest.mark.parametrize("design", ["leave_one_out", "cumulative", "fractional"])
def test_one_choice_per_axis(design):
    found = problems_of(vary={"norm": ("layer", "batch"), "clip": ("value", "global_norm", "adaptive")}, design=design)
    assert found == (
        f"vary.norm: design {design!r} takes one choice per axis, got 2",
        f"vary.clip: design {design!r} takes one choice per axis, got 3",
    )


def test_twins_are_refused():
    (problem,) = problems_of(vary={"norm": ("none", "layer")})
    assert problem.startswith("arms: 'norm=none' and 'baseline' are the same recipe; change one of them")
    found = problems_of(vary={"norm": (choice("group"), choice("group", groups=8))})
    assert found[0].startswith("arms: 'norm=group(groups=8)' and 'norm=group' are the same recipe")
    (problem,) = problems_of(design="arms", arms={"a": {"norm": "layer"}, "b": {"norm": choice("layer", epsilon=1e-5)}})
    assert problem.startswith("arms: 'b' and 'a' are the same recipe")


def test_twins_are_what_an_a_a_study_wants():
    spec = study_of(design="arms", arms={"a": {}, "b": {"norm": "none"}}, paired=False)
    assert names(spec) == ["baseline", "a", "b"]
    assert [changed(arm) for arm in arms_of(spec)] == [{}, {}, {}]


@pytest.mark.parametrize("paired", [True, False])
def test_arms_of_one_name_are_refused(paired):
    found = problems_of(vary={"norm": ("layer", "layer")}, paired=paired)
    assert "arms: the name 'norm=layer' is there twice" in found


def test_arms_with_another_design():
    (problem,) = problems_of(vary={"norm": "layer"}, arms={"a": {"norm": "layer"}})
    assert problem == "arms: only design 'arms' reads them, and the design is 'one_at_a_time'"


def test_design_arms_without_arms():
    (problem,) = problems_of(design="arms")
    assert problem.startswith("arms: empty; write at least one arm")


@pytest.mark.parametrize("name", ["", "  ", "two\nlines", "a\tb"])
def test_names_of_arms_are_one_printable_line(name):
    (problem,) = problems_of(design="arms", arms={name: {"norm": "layer"}, "good": {"clip": "value"}})
    assert problem == f"arms: {name!r} is no name; write one printable line"


def test_the_name_of_the_baseline_is_taken():
    (problem,) = problems_of(design="arms", arms={"baseline": {"norm": "layer"}})
    assert problem == "arms.baseline: the name belongs to cfg.recipe"


def test_a_fraction_that_does_not_exist(monkeypatch):
    def refuse(factors, resolution):
        raise ValueError(f"none for {factors} factors and resolution {resolution}")

    monkeypatch.setattr("ablate.stats.designs.fractional", refuse)
    assert problems_of(vary={"norm": "layer"}, design="fractional") == (
        "fraction: none for 1 factors and resolution 4",
    )


def test_a_choice_at_off_changes_nothing_but_with_arguments_that_keep_it_from_vanishing():
    off = choice("focal", gamma=0.0)
    (warning,) = at_off(study_of({"loss": (off, choice("focal", gamma=0.0, weights=(1.0,) * 10))}))
    assert warning.startswith("vary.loss[0]: focal is off at gamma=0, alpha=1,")
