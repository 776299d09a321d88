"""`ablate variance`: each arm varies what its name says and nothing else, and all of it at once is an ordinary run."""

import dataclasses

import jax
import numpy as np
import pytest

import ablate as package
from ablate import choice
from ablate.results.files import read_json, write_json
from ablate.runner.execute import execute
from ablate.runner.interrupts import Interrupted, Stop
from ablate.runner.plan import make_plan
from ablate.runner.session import Silent
from ablate.runner.study_file import study_json
from ablate.runner.variance import plan_variance, refuse_another
from ablate.study.problems import ConfigError
from ablate.study.resolving import resolve
from ablate.tasks.keys import HELD, PURPOSES, Seeds, keys_at, stream, varied
from ablate.train.loop import Loop
from tests.shell import stamps
from tests.train.small import lanes_of, train, wave_of

# What an arm is called, and the one purpose whose stream it varies.
NAMES = {
    "initial weights": "init",
    "batch order": "order",
    "augmentation": "augment",
    "dropout and gradient noise": "dropout",
    "the train/validation split": "split",
    "label noise and input noise": "noise",
}
ROUNDING = 2e-6  # as in tests/train/test_lanes.py


def noisy_config(steps: int = 6):
    """A recipe that draws from every stream."""
    cfg = package.base_config()
    cfg.model = choice("mlp", widths=(8,))
    cfg.data = choice("digits", label_noise=0.3, input_noise=0.1)
    cfg.recipe.augment = choice("random_crop", padding=1)
    cfg.recipe.dropout = choice("dropout", rate=0.3)
    cfg.recipe.gradient = choice("gradient_noise")
    cfg.train.update(steps=steps, eval_every=3, batch_size=32)
    return cfg


def planned(cfg=None, seeds=3):
    return plan_variance(resolve(noisy_config() if cfg is None else cfg), seeds, name="small")


@pytest.fixture(scope="module")
def plan():
    return planned()


@pytest.fixture(scope="module")
def trained(plan):
    """All runs in one wave: what each lane began with, saw, and ended with."""
    count = len(plan.cells)
    return train(lanes_of(plan, devices=1), wave_of(plan, range(count), count))


def lanes_of_arm(plan, name):
    return [k for k, lane in enumerate(plan.programs[0].program.lanes) if lane.cell.arm.name == name]


def draws_of(plan, name):
    return [cell.draw for cell in plan.cells if cell.arm.name == name]


def same(values):
    return all(np.array_equal(values[0], value) for value in values[1:])


def different(values):
    return not any(np.array_equal(a, b) for k, a in enumerate(values) for b in values[:k])


def test_one_program_trains_all(plan):
    assert len(plan.programs) == 1
    assert [arm.name for arm in plan.arms] == ["all", *NAMES]
    assert len(plan.cells) == 3 * 7


@pytest.mark.parametrize("name", NAMES)
def test_an_arm_varies_its_stream_and_holds_all_others(plan, name):
    draws = draws_of(plan, name)
    for purpose in Seeds._fields:
        numbers = [getattr(draw, purpose) for draw in draws]
        assert len(set(numbers)) == (3 if purpose == NAMES[name] else 1)
        if purpose != NAMES[name]:
            assert set(numbers) == {HELD}


def test_arms_share_no_stream_with_each_other(plan):
    drawn = [number for cell in plan.cells for number in set(cell.draw) - {HELD}]
    assert len(set(drawn)) == len(plan.cells)


@pytest.mark.parametrize("name", NAMES)
def test_initial_weights_differ_where_they_vary(plan, trained, name):
    kernels = [leaf for leaf in jax.tree.leaves(trained.begin.state.task.params) if np.ndim(leaf) == 3]
    assert kernels
    for kernel in kernels:
        compare = different if name == "initial weights" else same
        assert compare([np.asarray(kernel)[k] for k in lanes_of_arm(plan, name)])


@pytest.mark.parametrize("name", NAMES)
def test_batches_splits_and_labels_differ_where_they_vary(plan, name):
    lanes = lanes_of_arm(plan, name)
    wave = wave_of(plan, lanes, len(lanes))
    rows, planted = Loop(lanes_of(plan, devices=1), wave)._examples(0, 3, 3)
    splits = [cell.split for cell in wave.inputs]
    purpose = NAMES[name]
    assert (different if purpose in ("order", "split") else same)(rows)
    assert (different if purpose == "split" else same)([split.validation for split in splits])
    assert (different if purpose in ("order", "split", "noise") else same)(planted["label"])


@pytest.mark.parametrize("name", NAMES)
def test_every_stream_matters_to_the_result(plan, trained, name):
    assert different([trained.results[k].curves["train_loss"] for k in lanes_of_arm(plan, name)])


def test_held_lanes_see_the_same_keys():
    for purpose in (*PURPOSES, "latent"):
        first, second = (keys_at(varied(["dropout"], seed), 7)(purpose) for seed in (1, 2))
        assert (first == second) == (purpose != "dropout")
        assert stream(varied(Seeds._fields, 5), purpose) == stream(5, purpose)


def test_all_streams_at_once_are_an_ordinary_run(plan, trained):
    cfg = noisy_config()
    cfg.vary.target = ("smooth_labels",)
    cfg.seeds = (1, 2, 3)
    ordinary = make_plan(resolve(cfg), name="ordinary")
    item = next(item for item in ordinary.programs if "baseline" in item.program.arms)
    cells = [k for k, lane in enumerate(item.program.lanes) if lane.cell.arm.name == "baseline"]
    found = train(lanes_of(ordinary, item=item, devices=1), wave_of(ordinary, cells, 3, item))
    for ours, theirs in zip(trained.results[:3], found.results, strict=True):
        for name, value in theirs.metrics.items():
            np.testing.assert_allclose(ours.metrics[name], value, rtol=ROUNDING, err_msg=name)


def test_only_what_the_recipe_draws_is_varied():
    cfg = package.base_config()
    cfg.data = choice("digits", validation=0.0)
    assert [arm.name for arm in planned(cfg).arms] == ["all", "initial weights", "batch order"]


def test_what_a_task_draws_from_streams_of_its_own_is_varied():
    cfg = package.base_config()
    cfg.task, cfg.data = "adversarial", choice("gaussians", modes=8, per_mode=20)
    cfg.train.update(steps=2, eval_every=2, batch_size=16)
    plan = planned(cfg)
    assert plan.arms[-1].name == "latent vectors"
    assert len({draw.own for draw in draws_of(plan, "latent vectors")}) == 3


def test_the_baseline_of_the_design_counts():
    cfg = noisy_config()
    cfg.design = "leave_one_out"
    cfg.vary.norm = ("batch",)
    assert {arm.recipe["norm"].name for arm in planned(cfg).arms} == {"batch"}


@pytest.mark.parametrize("seeds", [2, 0, -1, 2**16])
def test_too_few_or_too_many_seeds_are_refused(seeds):
    with pytest.raises(ConfigError, match="--seeds: expected 3 to 65535"):
        planned(seeds=seeds)


class StoppedAfter(Silent):
    """Asks the run to stop when some cell-steps were made."""

    def __init__(self, stop, calls):
        self._stop, self._left = stop, calls

    def steps(self, item, cell_steps):
        self._left -= 1
        if self._left == 0:
            self._stop.asked = True


def test_stopped_anywhere_it_goes_on_with_the_same_rows(tmp_path):
    cfg = noisy_config()
    cfg.train.lanes = 6  # several waves
    plan = planned(cfg)
    whole = execute(plan, tmp_path / "whole")
    for _ in range(30):
        stop = Stop()
        try:
            parts = execute(planned(cfg), tmp_path / "parts", stop=stop, display=StoppedAfter(stop, 3))
            break
        except Interrupted:
            pass
    assert {row["cell"]: (row["metrics"], row["curves"]) for row in parts} == {
        row["cell"]: (row["metrics"], row["curves"]) for row in whole
    }
    for name in ("variance.csv", "variance.md", "variance.json"):
        assert (tmp_path / "parts" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()


def test_more_seeds_keep_the_rows_there_are(tmp_path):
    execute(planned(), tmp_path)
    before = stamps(tmp_path)
    plan = planned(seeds=4)
    refuse_another(tmp_path, plan)
    execute(plan, tmp_path)
    assert before.items() <= stamps(tmp_path).items()
    assert len(stamps(tmp_path)) == 4 * 7
    assert read_json(tmp_path / "variance.json")["sources"][0]["runs"] == 4


def test_a_directory_of_anything_else_is_refused(tmp_path, plan):
    refuse_another(tmp_path, plan)  # empty
    cfg = noisy_config()
    cfg.train.checkpoint_seconds = 1.0  # changes no result
    write_json(tmp_path / "study.json", study_json(planned(cfg)))
    refuse_another(tmp_path, plan)
    write_json(tmp_path / "study.json", study_json(planned(noisy_config(steps=7))))
    with pytest.raises(ConfigError, match="another recipe"):
        refuse_another(tmp_path, plan)
    ordinary = dataclasses.replace(plan, spec=dataclasses.replace(plan.spec, design="arms"))
    write_json(tmp_path / "study.json", study_json(ordinary))
    with pytest.raises(ConfigError, match="another study"):
        refuse_another(tmp_path, plan)
