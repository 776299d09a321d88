"""Cells: names that any file system takes, and fingerprints that change with what decides a result and nothing else."""

import json
import math
import string

import pytest

from ablate import choice
from ablate.study.cells import jsonable
from ablate.study.labels import digest, slug

from .studies import cells, study_of


def first(vary=None, data="data", **changes):
    return cells(study_of(vary or {"norm": "layer"}, **changes), data)[0]


@pytest.mark.parametrize(
    ("name", "slugged"),
    [
        ("baseline", "baseline"),
        ("norm=group(groups=4)", "norm-group-groups-4"),
        ("Größe | x", "Grosse-x"),
        ("../../etc/passwd", "etc-passwd"),
        ("/", "arm"),
        ("", "arm"),
        ("...", "arm"),
        ("日本語", "arm"),
        ("lr=1e-05", "lr-1e-05"),
        ("a\\b:c*d?e\"f<g>h'i\n\t\0j", "a-b-c-d-e-f-g-h-i-j"),
        ("-rf .", "rf"),
        ("x" * 300, "x" * 60),
        ("x" * 59 + "  y", "x" * 59),
    ],
)
def test_slugs_of_hostile_names(name, slugged):
    assert slug(name) == slugged
    assert set(slugged) <= set(string.ascii_letters + string.digits + ".-")


def test_arm_by_arm_and_seed_by_seed():
    found = cells(study_of({"norm": ("layer", "batch")}, seeds=(7, 3)))
    assert [(cell.arm.name, cell.seed, cell.draw) for cell in found] == [
        ("baseline", 7, 7), ("baseline", 3, 3), ("norm=layer", 7, 7), ("norm=layer", 3, 3),
        ("norm=batch", 7, 7), ("norm=batch", 3, 3),
    ]  # fmt: skip
    assert found[2].name == f"norm-layer-s7-{found[2].fingerprint[:10]}"


def test_names_are_unique_where_slugs_are_not():
    arms = {"a|b": {"norm": "layer"}, "a/b": {"norm": "batch"}, "日": {"clip": "value"}, "月": {"loss": "focal"}}
    found = cells(study_of(design="arms", arms=arms, seeds=3))
    assert len({cell.name for cell in found}) == len(found) == 15
    assert len({cell.name.lower() for cell in found}) == 15


def test_unpaired_arms_draw_seeds_of_their_own():
    spec = study_of(design="arms", arms={"a": {}, "b": {}}, paired=False, seeds=3)
    found = cells(spec)
    assert [cell.seed for cell in found] == [0, 1, 2] * 3
    assert len({cell.draw for cell in found}) == 9
    assert len({cell.fingerprint for cell in found}) == 9
    assert all(0 <= cell.draw < 2**32 for cell in cells(study_of({"norm": "layer"}, seeds=(2**32 - 1,), paired=False)))


def test_the_same_study_has_the_same_fingerprints():
    assert first().fingerprint == first().fingerprint
    assert len(first().fingerprint) == 64


@pytest.mark.parametrize(
    "changes",
    [
        {"seeds": (1,)},
        {"data": "other content"},
        {"recipe": {"norm": "batch"}},
        {"recipe": {"optimizer": choice("sgd", learning_rate=0.2)}},
        {"model": choice("mlp", widths=(128, 127))},
        {"train__steps": 501},
        {"train__batch_size": 64},
        {"train__eval_every": 10},
        {"train__eval_batch_size": 100},
        {"train__lanes": 2},
    ],
)
def test_what_changes_a_result_changes_the_fingerprint(changes):
    assert first(**changes).fingerprint != first().fingerprint


@pytest.mark.parametrize("name", ["validation", "label_noise", "per_class", "noise_kind", "test"])
def test_the_data_sets_arguments_change_the_fingerprint(name):
    value = {"per_class": 3, "noise_kind": "pair"}.get(name, 0.3)
    cfg_data = choice("digits", **{name: value})
    spec = study_of({"norm": "layer"})
    other = study_of({"norm": "layer"}, **{f"data__{name}": value})
    assert other.recipe["data"].given == {name: value} == {k: v for k, v in cfg_data.items() if k != "name"}
    assert cells(spec)[0].fingerprint != cells(other)[0].fingerprint


@pytest.mark.parametrize(
    "changes",
    [
        {"train__checkpoint_seconds": 1.0},
        {"report__alpha": 0.01},
        {"report__margin": 0.5},
        {"report__metric": "test_loss"},
        {"seeds": (0, 1, 2)},
        {"vary": {"clip": "value"}},
        {"vary": {"norm": "layer"}, "design": "cumulative"},
    ],
)
def test_what_changes_no_result_changes_no_fingerprint(changes):
    assert first(**changes).fingerprint == first().fingerprint
    assert first(**changes).name == first().name


def test_arms_and_seeds_that_are_added_leave_the_others_alone():
    few = {cell.name for cell in cells(study_of({"norm": "layer"}, seeds=2))}
    more = {cell.name for cell in cells(study_of({"clip": "value", "norm": ("batch", "layer")}, seeds=3))}
    assert few < more


def test_a_default_written_down_is_the_same_result():
    assert (
        first(recipe={"norm": choice("batch", epsilon=1e-5)}).fingerprint == first(recipe={"norm": "batch"}).fingerprint
    )


def test_the_identity_is_strict_json():
    identity = first(recipe={"clip": choice("value", max=math.inf)}).identity
    assert identity["recipe"]["clip"] == {"name": "value", "max": "inf"}
    assert json.loads(json.dumps(identity, allow_nan=False)) == identity
    assert "checkpoint_seconds" not in identity["recipe"]["train"]


def test_jsonable():
    assert jsonable({1: (1, [2.5, math.inf], -math.inf), "a": None}) == {"1": [1, [2.5, "inf"], "-inf"], "a": None}


def test_digest_depends_on_content_not_on_order():
    assert digest({"a": 1, "b": [2]}) == digest({"b": [2], "a": 1})
    assert digest({"a": 1}) != digest({"a": 1.5})
    with pytest.raises(ValueError, match="Out of range float"):
        digest(math.nan)


def test_the_code_of_every_axis_is_part_of_the_identity():
    base, layer = (cell.identity["code"] for cell in cells(study_of({"norm": "layer"})))
    assert set(base) == {"task", *first().arm.recipe}
    assert {axis for axis in base if base[axis] != layer[axis]} == {"norm"}
    assert all(len(code) == 16 for code in base.values())
