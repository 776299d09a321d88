"""Tuning: the same grid for every arm, chosen on validation, written into the arms of the study."""

import dataclasses
import json

import numpy as np
import pytest

import ablate
from ablate.results.files import read_json
from ablate.runner.plan import make_plan
from ablate.study.problems import ConfigError
from ablate.study.resolving import resolve
from ablate.study.tuning import FIRST_SEED, choose_arms, points_of, tuning_arms, tuning_spec


def config(grid, *, relative=False, seeds=2):
    cfg = ablate.base_config()
    cfg.model = ablate.choice("mlp", widths=(8,))
    cfg.recipe.optimizer = ablate.choice("momentum", learning_rate=0.1)
    cfg.vary.optimizer = (ablate.choice("adam", learning_rate=0.001),)
    cfg.vary.norm = (ablate.choice("batch"),)
    cfg.seeds = 2
    cfg.train.steps = 10
    cfg.train.batch_size = 32
    with cfg.unlocked():
        cfg.tune.grid = grid
    cfg.tune.relative = relative
    cfg.tune.seeds = seeds
    return cfg


def spec_and_arms(cfg):
    plan = make_plan(resolve(cfg), name="tuned")
    return plan.spec, plan.arms


def test_every_arm_gets_the_whole_grid_relative_to_its_own_number():
    grid = {"optimizer": {"learning_rate": (0.5, 2.0)}}
    spec, arms = spec_and_arms(config(grid, relative=True))
    found = tuning_arms(spec, arms)
    rates = [arm.recipe["optimizer"].arguments["learning_rate"] for arm in found]
    assert rates == pytest.approx([0.05, 0.2, 0.0005, 0.002, 0.05, 0.2])
    assert found[0].name == "baseline @ optimizer.learning_rate=0.5"
    assert len({arm.name for arm in found}) == 6


def test_absolute_values_replace_the_number_and_points_are_combinations():
    grid = {"optimizer": {"learning_rate": (0.01, 0.1)}, "init": {"stddev": (0.1, 0.2, 0.3)}}
    cfg = config(grid)
    cfg.recipe.init = ablate.choice("normal", stddev=0.05)
    spec, arms = spec_and_arms(cfg)
    assert len(points_of(spec.tune)) == 6
    last = tuning_arms(spec, arms)[5]
    assert last.recipe["optimizer"].arguments["learning_rate"] == 0.1
    assert last.recipe["init"].arguments["stddev"] == 0.3
    assert last.recipe["optimizer"].name == "momentum"


def test_an_arm_without_the_number_is_a_problem_since_budgets_would_differ():
    spec = resolve(config({"optimizer": {"beta": (0.5, 0.9)}}))
    with pytest.raises(ConfigError, match=r"tune.grid.optimizer.beta: unknown number of 'adam'"):
        make_plan(spec, name="tuned")


def test_tuning_seeds_are_never_the_study_s():
    cfg = config({"optimizer": {"learning_rate": (0.01, 0.1)}})
    cfg = cfg.copy_and_resolve_references()
    with cfg.unlocked(), cfg.ignore_type():
        cfg.seeds = (0, FIRST_SEED)
    spec = resolve(cfg)
    assert tuning_spec(spec).seeds == (FIRST_SEED + 1, FIRST_SEED + 2)
    assert not tuning_spec(spec).tune.grid


def test_the_best_mean_validation_wins_and_a_diverged_point_cannot():
    spec, arms = spec_and_arms(config({"optimizer": {"learning_rate": (0.01, 0.1, 1.0)}}))
    scores = {0.01: (0.7, 0.8), 0.1: (0.8, 0.9), 1.0: (0.99, None)}
    rows = {
        (arm.name, seed): {
            "status": "done",
            "metrics": {"val_accuracy": scores[arm.recipe["optimizer"].arguments["learning_rate"]][k]},
        }
        for arm in tuning_arms(spec, arms)
        for k, seed in enumerate((7, 8))
    }
    tuned = choose_arms(spec, arms, rows, (7, 8))
    assert all(arm.recipe["optimizer"].arguments["learning_rate"] == 0.1 for arm in tuned.arms)
    assert [arm.name for arm in tuned.arms] == [arm.name for arm in arms]
    record = tuned.record["arms"]["baseline"]
    assert record["chosen"] == 1
    assert record["validation"] == [pytest.approx(0.75), pytest.approx(0.85), None]
    assert record["at_border"] == []
    assert record["expected_best"][-1] == pytest.approx(0.85)


def test_a_choice_at_the_end_of_its_grid_is_flagged():
    spec, arms = spec_and_arms(config({"optimizer": {"learning_rate": (0.01, 0.1)}}))
    rows = {
        (arm.name, 7): {
            "status": "done",
            "metrics": {"val_accuracy": arm.recipe["optimizer"].arguments["learning_rate"]},
        }
        for arm in tuning_arms(spec, arms)
    }
    record = choose_arms(spec, arms, rows, (7,)).record
    assert record["arms"]["baseline"]["at_border"] == ["optimizer.learning_rate=0.1 (high)"]


def test_a_tuned_study_runs_its_arms_with_what_won(tmp_path):
    cfg = config({"optimizer": {"learning_rate": (0.01, 1.0)}}, relative=True)
    rows = ablate.run(cfg, tmp_path)
    study = read_json(tmp_path / "study.json")
    tuning = read_json(tmp_path / "tuning" / "study.json")
    assert len(tuning["cells"]) == 3 * 2 * 2
    assert {row["seed"] for row in rows} == {0, 1}
    for arm in study["arms"]:
        chosen = study["tuning"]["points"][study["tuning"]["arms"][arm["name"]]["chosen"]]["optimizer"]["learning_rate"]
        own = 0.001 if arm["recipe"]["optimizer"]["name"] == "adam" else 0.1
        assert arm["recipe"]["optimizer"]["learning_rate"] == pytest.approx(own * chosen)
    before = {path.name: path.stat().st_mtime_ns for path in (tmp_path / "tuning" / "cells").iterdir()}
    again = ablate.run(cfg, tmp_path)
    assert {path.name: path.stat().st_mtime_ns for path in (tmp_path / "tuning" / "cells").iterdir()} == before
    assert [row["metrics"] for row in again] == [row["metrics"] for row in rows]


@pytest.mark.parametrize(
    ("grid", "message"),
    [
        ({"optimiser": {"learning_rate": (1.0, 2.0)}}, "did you mean 'optimizer'"),
        ({"optimizer": {"learning_rate": (1.0,)}}, "two or more numbers"),
        ({"optimizer": {"learning_rate": (1.0, 1.0)}}, "there once"),
        ({"optimizer": 3}, "expected arguments"),
        ({"optimizer": {"learning_rate": (-0.1, 0.1)}}, "must be above 0"),
        ({"optimizer": {"learning_rate": (float("nan"), 0.1)}}, "expected a number"),
    ],
)
def test_a_wrong_grid_is_a_problem_of_the_config(grid, message):
    with pytest.raises(ConfigError, match=message):
        resolve(config(grid))


def test_an_arm_without_any_good_point_keeps_its_own_number_and_failures_are_counted():
    spec, arms = spec_and_arms(config({"optimizer": {"learning_rate": (0.01, 0.5)}}))
    rows = {
        (arm.name, 7): {"status": "failed" if "adam" in arm.name else "done", "metrics": {"val_accuracy": 0.5}}
        for arm in tuning_arms(spec, arms)
    }
    for key, row in rows.items():
        row["metrics"] = {} if row["status"] == "failed" else row["metrics"]
        assert key[1] == 7
    tuned = choose_arms(spec, arms, rows, (7,))
    assert tuned.record["failed"] == 2
    adam = next(arm for arm in tuned.arms if "adam" in arm.name)
    assert adam.recipe["optimizer"].arguments["learning_rate"] == 0.001
    assert tuned.record["arms"][adam.name]["chosen"] is None


def test_an_arm_that_only_varies_what_is_tuned_would_be_the_baseline():
    cfg = config({"optimizer": {"learning_rate": (0.01, 0.1)}})
    cfg.vary.optimizer = (ablate.choice("momentum", learning_rate=0.5),)
    with pytest.raises(ConfigError, match="the same recipe"):
        make_plan(resolve(cfg), name="tuned")


def test_the_record_is_strict_json_with_an_infinite_value():
    cfg = config({"clip": {"max": (1.0, float("inf"))}})
    cfg.recipe.clip = ablate.choice("global_norm", max=1.0)
    spec, arms = spec_and_arms(cfg)
    record = choose_arms(spec, arms, {}, (7,)).record
    assert record["points"][1] == {"clip": {"max": "inf"}}
    json.dumps(record, allow_nan=False)


def test_points_do_not_change_the_original_arms():
    spec, arms = spec_and_arms(config({"optimizer": {"learning_rate": (0.5, 2.0)}}))
    before = [dict(arm.recipe["optimizer"].arguments) for arm in arms]
    tuning_arms(spec, arms)
    assert [dict(arm.recipe["optimizer"].arguments) for arm in arms] == before
    assert dataclasses.is_dataclass(arms[0])
    assert np.isfinite([arm.recipe["optimizer"].arguments["learning_rate"] for arm in arms]).all()
