"""Plans: everything that is known before anything is compiled."""

import dataclasses
import json

import jax
import numpy as np
import pytest

from ablate import choice
from ablate.data import Dataset, Sampling, digits
from ablate.runner.estimate import estimate
from ablate.runner.plan import evaluations_of, image_stats, lane_job, make_plan, split_sizes, study_json
from ablate.study import ConfigError

from .study.studies import study_of

SMALL = {"model__widths": (8,), "train__steps": 10, "train__eval_every": 4}


@pytest.fixture(scope="module")
def plan():
    vary = {"norm": (choice("layer"), choice("group", groups=4)), "clip": choice("value", max_value=1.0), "init": "he"}
    spec = study_of(vary, {"clip": choice("global_norm", max_norm=float("inf"))}, seeds=3, **SMALL)
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
        "alpha", "data", "train", "seed_varies", "cells", "programs", "fingerprint",
    }  # fmt: skip
    assert (content["name"], content["question"], content["baseline"]) == ("planned", "Why?", "baseline")
    assert content["data"]["train"] + content["data"]["validation"] == 1347
    assert content["data"]["test"] == 450
    assert content["arms"][1]["changes"] == {"norm": {"name": "layer", "epsilon": 1e-5}}
    assert content["arms"][0]["recipe"]["clip"] == {"name": "global_norm", "max_norm": "inf"}
    assert {cell["program"] for cell in content["cells"]} == {program["id"] for program in content["programs"]}
    assert content["programs"][0]["structure"]["norm"] == ["none"]


def test_lanes_of_one_seed_share_their_split(plan):
    jobs = [lane_job(lane, plan.dataset, plan.sampling) for item in plan.programs for lane in item.program.lanes]
    splits = {job.seed: job.split for job in jobs}
    assert all(job.split is splits[job.seed] for job in jobs)
    assert len({split.train.tobytes() for split in splits.values()}) == 3


def test_the_estimate_knows_every_program(plan):
    found = estimate(plan)
    assert set(found["programs"]) == {item.program.id for item in plan.programs}
    assert found["seconds"] == pytest.approx(sum(found["programs"].values()), abs=0.5)
    assert found["bytes"] > plan.dataset.images.nbytes


def test_image_stats_are_mean_and_sd_of_each_channel():
    images = np.random.default_rng(0).integers(0, 256, (50, 6, 5, 3)).astype(np.uint8)
    images[..., 1] //= 2
    labels = np.zeros(50, np.int32)
    found = image_stats(Dataset("x", images, labels, images[:1], labels[:1], 2, ""))
    assert np.asarray(found.mean) == pytest.approx((images / 255).mean((0, 1, 2)), rel=1e-6)
    assert np.asarray(found.sd) == pytest.approx((images / 255).std((0, 1, 2)), rel=1e-6)


def test_split_sizes():
    data = digits()
    assert split_sizes(data, Sampling(validation=0.0)) == (1347, 0)
    assert split_sizes(data, Sampling(validation=0.5, per_class=3)) == (30, 674)


@pytest.mark.parametrize(("steps", "every", "count"), [(10, 4, 4), (8, 4, 3), (1, 1000, 2), (5, 1, 6)])
def test_evaluations(steps, every, count):
    spec = study_of({"norm": "layer"}, train__steps=steps, train__eval_every=every)
    assert evaluations_of(spec) == count == len({*range(0, steps, every), steps})


@pytest.mark.parametrize(("wanted", "validation", "size"), [(500, 0.15, 202), (100, 0.15, 100), (500, 0.0, 450)])
def test_evaluation_batches_fit_the_split(wanted, validation, size):
    spec = study_of({"clip": "value"}, train__eval_batch_size=wanted, data__validation=validation, **SMALL)
    assert make_plan(spec, name="x").eval_batch_size == size


def test_a_batch_over_all_devices(plan):
    spec = dataclasses.replace(plan.spec, train=dataclasses.replace(plan.spec.train, eval_batch_size=7, batch_size=10))
    found = make_plan(spec, name="x", strategy="data")
    assert {(item.strategy.name, item.why, item.width) for item in found.programs} == {("data", "asked for", 1)}
    assert found.eval_batch_size == 8
    odd = dataclasses.replace(spec, train=dataclasses.replace(spec.train, batch_size=11))
    with pytest.raises(ConfigError, match=r"train\.batch_size: 11 cannot be split over 2 devices"):
        make_plan(odd, name="x", strategy="data")


def test_convolutions_on_cpu_run_alone():
    spec = study_of({"model": choice("resnet", depth=8, width=4)}, seeds=1, **SMALL)
    first, second = make_plan(spec, name="x").programs
    assert (first.strategy.name, second.strategy.name) == ("scan", "solo")
    assert "convolutions" in second.why


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

    split_sizes(digits(), Sampling())  # random numbers, which compile once
    monkeypatch.setattr(jax.stages.Lowered, "compile", refuse)
    assert make_plan(study_of({"norm": "layer"}, **SMALL), name="x").programs
