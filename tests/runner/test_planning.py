"""Plans: everything that is known before anything is compiled."""

import dataclasses
import json

import jax
import numpy as np
import pytest

from ablate import choice
from ablate.data import Sampling, digits
from ablate.runner.estimate import estimate
from ablate.runner.plan import _traced_plan as TRACED_PLAN  # before the tests put another in its place
from ablate.runner.plan import make_plan, replan
from ablate.runner.study_file import study_json
from ablate.study import ConfigError
from ablate.train.batches import DataKey, split_of

from ..study.studies import study_of

SMALL = {"model__widths": (8,), "train__steps": 10, "train__eval_every": 4}


@pytest.fixture(scope="module")
def plan():
    vary = {"norm": (choice("layer"), choice("group", groups=4)), "clip": choice("value", max=1.0), "init": "he"}
    spec = study_of(vary, {"clip": choice("global_norm", max=float("inf"))}, seeds=3, **SMALL)
    return make_plan(spec, name="planned", question="Why?", command="ablate plan")


def test_every_cell_has_a_lane(plan):
    assert [cell.name for cell in plan.cells] == [
        cell.name for arm in plan.arms for cell in plan.cells if cell.arm.name == arm.name
    ]
    lanes = [lane.cell.name for item in plan.programs for lane in item.program.lanes]
    assert sorted(lanes) == sorted(cell.name for cell in plan.cells)
    for item in plan.programs:
        assert sorted(k for wave in item.waves for k in wave.members) == list(range(len(item.program.lanes)))
        assert item.width % len(plan.devices) == 0


def test_parameters_are_counted(plan):
    plain = 64 * 8 + 8 + 8 * 10 + 10
    assert {item.program.slots["norm"][0].name: item.parameters for item in plan.programs} == {
        "none": plain, "layer": plain + 16, "group": plain + 16,
    }  # fmt: skip


def test_study_json_is_strict_and_complete(plan):
    content = study_json(plan)
    text = json.dumps(content, allow_nan=False)
    assert json.loads(text) == content
    assert set(content) >= {
        "format", "name", "question", "command", "config", "design", "baseline", "arms", "seeds", "paired", "metric",
        "alpha", "data", "train", "task", "metrics", "watch", "curves", "seed_varies", "cells", "programs",
        "fingerprint",
    }  # fmt: skip
    assert (content["name"], content["question"], content["baseline"]) == ("planned", "Why?", "baseline")
    assert content["data"]["train"] + content["data"]["validation"] == 1347
    assert content["data"]["test"] == 450
    assert content["arms"][1]["changes"] == {"norm": {"name": "layer", "epsilon": 1e-5}}
    assert content["arms"][0]["recipe"]["clip"] == {"name": "global_norm", "max": "inf"}
    assert {cell["program"] for cell in content["cells"]} == {program["id"] for program in content["programs"]}
    assert content["programs"][0]["structure"]["norm"] == ["none"]


def test_study_json_says_whose_training_loss_is_of_another_kind():
    vary = {
        "loss": choice("focal", gamma=2.0),
        "target": choice("smooth_labels", alpha=0.1),
        "objective": choice("flood", level=0.1),
        "augment": (choice("mixup", alpha=0.2), choice("cutout", size=2)),
    }
    arms = study_json(make_plan(study_of(vary, {}, seeds=1, **SMALL), name="kinds"))["arms"]
    own = {next(iter(arm["changes"].values()), {}).get("name"): arm["own_loss"] for arm in arms}
    expected = {None: False, "focal": True, "smooth_labels": True, "flood": False, "mixup": True, "cutout": False}
    assert own == expected


def test_lanes_of_one_seed_share_their_split(plan):
    inputs = [cell for item in plan.programs for cell in item.inputs.values()]
    splits = {cell.data_key: cell.split for cell in inputs}
    assert all(cell.split is splits[cell.data_key] for cell in inputs)
    assert len({split.train.tobytes() for split in splits.values()}) == 3


def test_the_estimate_knows_every_program(plan):
    found = estimate(plan)
    assert set(found["programs"]) == {item.program.id for item in plan.programs}
    assert found["seconds"] == pytest.approx(sum(found["programs"].values()), abs=0.5)
    assert found["bytes"] > plan.dataset.pool["image"].nbytes


@pytest.mark.parametrize(("validation", "per_class", "sizes"), [(0.0, 0, (1347, 0)), (0.5, 3, (30, 674))])
def test_split_sizes(validation, per_class, sizes):
    key = DataKey(0, Sampling(validation=validation, per_class=per_class))
    split = split_of(key, digits())
    assert (len(split.train), len(split.validation)) == sizes


@pytest.mark.parametrize(("steps", "every", "count"), [(10, 4, 4), (8, 4, 3), (1, 1000, 2), (5, 1, 6)])
def test_evaluations(steps, every, count):
    spec = study_of({"norm": "layer"}, **SMALL | {"train__steps": steps, "train__eval_every": every})
    (item, *_) = make_plan(spec, name="x").programs
    assert item.evaluations == count == len({*range(0, steps, every), steps}) == len(item.wave([], 1).evaluations)


@pytest.mark.parametrize(("wanted", "validation", "size"), [(500, 0.15, 202), (100, 0.15, 100), (500, 0.0, 450)])
def test_evaluation_batches_fit_the_split(wanted, validation, size):
    spec = study_of({"clip": "value"}, train__eval_batch_size=wanted, data__validation=validation, **SMALL)
    assert make_plan(spec, name="x").programs[0].eval_batch_size == size


def test_a_batch_over_all_devices():
    wanted = SMALL | {"train__eval_batch_size": 7, "train__batch_size": 10}
    found = make_plan(study_of({"norm": "layer"}, **wanted), name="x", strategy="data")
    assert {(item.strategy.name, item.why, item.width) for item in found.programs} == {("data", "asked for", 1)}
    assert {item.eval_batch_size for item in found.programs} == {8}
    odd = study_of({"norm": "layer"}, **wanted | {"train__batch_size": 11})
    with pytest.raises(ConfigError, match=r"train\.batch_size: 11 cannot be split over 2 devices"):
        make_plan(odd, name="x", strategy="data")


def test_convolutions_on_cpu_run_alone_and_plain_ones_in_a_loop():
    models = (choice("resnet", depth=8, width=4), choice("mobilenet", width=4))
    spec = study_of({"model": models}, seeds=1, **SMALL)
    programs = make_plan(spec, name="x").programs
    assert [item.strategy.name for item in programs] == ["scan", "loop", "solo"]
    assert all("convolutions" in item.why for item in programs[1:])


def test_evaluation_batches_suit_the_cache_and_no_more_than_asked_for():
    small = make_plan(study_of({"norm": "layer"}, seeds=1, **SMALL), name="x").programs[0]
    assert small.eval_batch_size == max(len(cell.split.validation) for cell in small.inputs.values())
    wide = dataclasses.replace(small, example_bytes=2**17)
    assert wide.eval_batch_size == 64
    assert dataclasses.replace(small, example_bytes=2**24).eval_batch_size == 32


def test_problems_of_tracing_name_the_arm():
    vary = {"norm": (choice("group", groups=3), choice("instance"), choice("layer"))}
    with pytest.raises(ConfigError) as caught:
        make_plan(study_of(vary, **SMALL), name="x")
    assert caught.value.problems == (
        "arm 'norm=group(groups=3)': ValueError: group norm: groups=3 does not divide the layer's 8 channels",
        "arm 'norm=instance': ValueError: instance norm needs positions, [batch, ..., channels]; got the shape "
        "(128, 8)",
    )


def test_planning_compiles_nothing(monkeypatch):
    def refuse(*arguments, **keywords):
        raise AssertionError("compiled")

    split_of(DataKey(0), digits())  # random numbers, which compile once
    monkeypatch.setattr(jax.stages.Lowered, "compile", refuse)
    assert make_plan(study_of({"norm": "layer"}, **SMALL), name="x").programs


def test_programs_that_a_plan_has_already_are_not_traced_again(plan, monkeypatch):
    others = [arm for arm in plan.arms if arm.name != "init=he"]
    spec = dataclasses.replace(plan.spec, seeds=(5, 6))
    fresh = make_plan(spec, name="planned", question="Why?", command="ablate plan", arms=tuple(others))
    traced = []
    monkeypatch.setattr("ablate.runner.plan._traced_plan", TRACED_PLAN)
    monkeypatch.setattr("ablate.runner.plan._trace", lambda *_: traced.append(1) or 1 / 0)
    again = replan(plan, tuple(others), spec)
    assert study_json(again) == study_json(fresh)
    assert [item.waves for item in again.programs] == [item.waves for item in fresh.programs]
    with pytest.raises(ConfigError, match="division by zero"):  # initial values that were not traced with it
        replan(again, plan.arms, spec)
    assert len(traced) == 1


def test_seeds_are_folds_of_one_partition_and_share_its_labels():
    sampling, data = Sampling(folds=3, validation=0.0, label_noise=0.4), digits()
    keys = [DataKey.of(seed, sampling) for seed in range(6)]
    assert [(key.seed, key.fold) for key in keys] == [(0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (1, 2)]
    splits = [split_of(key, data) for key in keys]
    labels = np.full(data.sizes[0], -1)
    for found in splits:  # the second partition is another one, of the same labels
        known = labels[found.train]
        assert ((known == -1) | (known == found.planted["label"])).all()
        labels[found.train] = found.planted["label"]
    assert 0.3 < np.mean(labels != data.pool["label"]) < 0.5
    assert set(splits[0].train) != set(splits[3].train)
