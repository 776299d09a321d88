"""Fusions against means that numpy makes of what single cells predict, and what cannot be fused, in words."""

import csv
import dataclasses
import io
import json

import numpy as np
import pytest
from PIL import Image

import ablate
from ablate import base_config, choice
from ablate.cli.main import main
from ablate.runner.fuse import FUSED, Recipe, fuse
from ablate.runner.kept import seeds_of
from ablate.runner.predict import predict
from ablate.study import ConfigError
from tests.train.small import small_config

DROPPED = "dropout(rate=0.5)"
ARMS = ("baseline", DROPPED)


@pytest.fixture(scope="module")
def digits(tmp_path_factory):
    cfg = small_config(steps=20, eval_every=10, seeds=4, vary={"dropout": (choice("dropout", rate=0.5),)})
    cfg.train.keep_weights = True
    return ablate.run(cfg, tmp_path_factory.mktemp("digits"))


@pytest.fixture(scope="module")
def heights(tmp_path_factory):
    """Regression, whose predictions are numbers."""
    path = tmp_path_factory.mktemp("heights") / "heights.csv"
    x = np.random.default_rng(0).normal(size=40)
    with open(path, "w", newline="") as file:
        csv.writer(file).writerows([("a", "y"), *zip(x, 3 * x + 1, strict=True)])
    cfg = base_config()
    cfg.task, cfg.data = "regression", choice("table", path=str(path), target=("y",))
    cfg.model = choice("mlp", widths=(4,))
    cfg.train.update(steps=20, batch_size=8, eval_every=10, keep_weights=True)
    cfg.seeds, cfg.vary.loss = 3, ("smooth_l1",)
    return ablate.run(cfg, path.parent / "run")


def probs_of(rows, arm, seed):
    columns = predict(rows, arm, seed).columns
    return np.stack([columns[f"p_{k}"] for k in range(10)], 1).astype(np.float64), columns["label"]


def of_fusion(fused):
    columns = fused.columns()
    return np.stack([columns[f"p_{k}"] for k in range(10)], 1)


@pytest.mark.parametrize("of", ["probabilities", "logits"])
@pytest.mark.parametrize("weights", [(), (1.0, 3.0)])
def test_a_fusion_is_the_weighted_mean_of_its_members(digits, of, weights):
    fused = fuse(digits, ARMS, [0, 1], Recipe(of, weights, at_once=2))
    shares = np.repeat(np.array(weights or (1.0, 1.0)), 2)
    members, label = zip(*(probs_of(digits, arm, seed) for arm in ARMS for seed in (0, 1)), strict=True)
    shown = np.stack(members) if of == "probabilities" else np.log(np.stack(members))
    mean = np.tensordot(shares / shares.sum(), shown, 1)
    expected = mean if of == "probabilities" else np.exp(mean) / np.exp(mean).sum(1, keepdims=True)
    np.testing.assert_allclose(of_fusion(fused), expected, rtol=1e-4, atol=1e-6)
    (fusion,) = fused.fusions
    assert fusion.metrics["accuracy"] == pytest.approx(np.mean(np.argmax(expected, 1) == label[0]), abs=1e-6)
    loss = -np.log(expected[np.arange(len(label[0])), label[0]]).mean()
    assert fusion.metrics["loss"] == pytest.approx(loss, rel=1e-4)


def test_members_have_the_metrics_of_their_rows(digits):
    (fusion, *_) = fuse(digits, ARMS, [2, 3]).fusions
    assert fusion.seeds == (2,)
    for row in digits:
        if row["seed"] == 2:
            own = fusion.members[row["arm"], 2]
            assert own["accuracy"] == pytest.approx(row["metrics"]["test_accuracy"], abs=1e-6)
            assert own["loss"] == pytest.approx(row["metrics"]["test_loss"], rel=1e-5)


def test_several_arms_are_fused_seed_by_seed_and_one_arm_over_all_seeds(digits):
    assert [fusion.seeds for fusion in fuse(digits, ARMS, range(4)).fusions] == [(0,), (1,), (2,), (3,)]
    assert [fusion.seeds for fusion in fuse(digits, ARMS[:1], range(4)).fusions] == [(0, 1, 2, 3)]
    found = fuse(digits, ARMS[:1], range(4), Recipe(at_once=3))
    assert ([fusion.seeds for fusion in found.fusions], found.left_out) == ([(0, 1, 2)], (3,))


def test_several_fusions_are_judged_in_pairs_with_their_members(digits):
    found = fuse(digits, ARMS, range(4))
    verdicts = found.verdicts()
    assert verdicts is not None
    arms = {arm["arm"]: arm for arm in verdicts.arms}
    assert list(arms) == [FUSED, *(f"{arm} alone" for arm in ARMS)]
    deltas = [one.members["baseline", one.seeds[0]]["accuracy"] - one.metrics["accuracy"] for one in found.fusions]
    assert arms["baseline alone"]["delta"] == pytest.approx(np.mean(deltas), abs=1e-6)
    assert arms["baseline alone"]["n"] == 4
    assert fuse(digits, ARMS[:1], range(4)).verdicts() is None  # a single fusion has no interval


def test_numbers_are_fused_too_and_a_smaller_error_is_better(heights):
    found = fuse(heights, ["baseline"], range(3))
    single = [predict(heights, "baseline", seed).columns for seed in range(3)]
    mean = np.mean([columns["predicted"] for columns in single], 0)
    np.testing.assert_allclose(found.columns()["predicted"], mean, rtol=1e-5)
    (fusion,) = found.fusions
    assert fusion.metrics["mse"] == pytest.approx(np.mean((mean - single[0]["target"]) ** 2), rel=1e-4)
    assert found.metric["higher_is_better"] is False


def test_examples_without_answers_are_fused_but_not_measured(digits, tmp_path):
    images = np.zeros((3, 8, 8, 1), np.uint8)
    np.savez(tmp_path / "new.npz", image=images)
    found = fuse(digits, ARMS, [0], data=str(tmp_path / "new.npz"))
    assert (found.measured, found.verdicts()) == (False, None)
    assert of_fusion(found).shape == (3, 10)


@pytest.mark.parametrize(
    ("arms", "seeds", "recipe", "problems"),
    [
        (["baselin"], [9], Recipe(), ["fuse: a fusion takes two", "--arm: unknown arm 'baselin'", "--seed: the study"]),
        (ARMS, [0, 0], Recipe("mean"), ["--of: expected", "--seed: 0 is named twice"]),
        (ARMS, [0], Recipe(weights=(1.0,)), ["--weights: 1 weight for 2 arms"]),
        (ARMS, [0], Recipe(weights=(1.0, -1.0)), ["--weights: must be above 0"]),
        (ARMS, [0, 1], Recipe(at_once=3), ["--at-once: expected 1 to 2"]),
    ],
)
def test_what_cannot_be_fused_is_said_all_at_once(digits, arms, seeds, recipe, problems):
    with pytest.raises(ConfigError) as error:
        fuse(digits, arms, seeds, recipe)
    assert len(error.value.problems) == len(problems)
    assert all(said.startswith(start) for said, start in zip(error.value.problems, problems, strict=True))


def test_seeds_with_test_examples_of_their_own_are_fused_by_arms_alone(tmp_path):
    cfg = small_config(steps=4, eval_every=4, seeds=2, vary={"dropout": (choice("dropout", rate=0.5),)})
    cfg.data, cfg.train.keep_weights = choice("digits", rotate_test=True), True
    rows = ablate.run(cfg, tmp_path)
    assert [fusion.seeds for fusion in fuse(rows, ARMS, [0, 1]).fusions] == [(0,), (1,)]
    with pytest.raises(ConfigError, match="every seed has test examples of its own"):
        fuse(rows, ["baseline"], [0, 1])


def test_cells_that_were_not_kept_are_named(digits, tmp_path):
    rows = ablate.run(small_config(steps=4, eval_every=4, seeds=2), tmp_path)
    with pytest.raises(
        ConfigError, match=r"is not there; run the study with .*keep_weights = True \(and 1 cells? more\)"
    ):
        fuse(rows, ["baseline"], [0, 1])


def test_the_command(digits, tmp_path, capsys):
    arms = [f"--arm={arm}" for arm in ARMS]
    assert main(["fuse", str(digits.directory), *arms]) == 0
    out = capsys.readouterr().out
    assert "fused: accuracy (%)" in out
    assert "Of 2 arms against fused (test accuracy" in out
    assert main(["fuse", str(digits.directory), *arms, "--json", "--weights", "1", "2"]) == 0
    record = json.loads(capsys.readouterr().out)
    assert [fusion["seeds"] for fusion in record["fusions"]] == [[0], [1], [2], [3]]
    assert main(["fuse", str(digits.directory), "--arm=basline"]) == 2
    assert "--arm: unknown arm 'basline'; did you mean 'baseline'" in capsys.readouterr().err
    assert main(["fuse", str(digits.directory), *arms, "--seed=1", "--out=-", "--json"]) == 2
    assert "--json: goes to stdout" in capsys.readouterr().err
    assert main(["fuse", str(digits.directory), *arms, "--seed=1", "--out=-"]) == 0
    assert len(list(csv.reader(io.StringIO(capsys.readouterr().out)))) == 451  # nothing else
    assert main(["fuse", str(digits.directory), *arms, f"--out={tmp_path / 'x.csv'}"]) == 2
    assert "--out: there are 4 fusions" in capsys.readouterr().err


def test_cells_that_diverged_say_nothing(tmp_path):
    cfg = small_config(steps=4, eval_every=4, seeds=2, vary={"optimizer": (choice("sgd", learning_rate=1e30),)})
    cfg.train.keep_weights = True
    rows = ablate.run(cfg, tmp_path)
    broken = "sgd(learning_rate=1e+30)"
    with pytest.raises(ConfigError, match=r"seed 0: diverged, and says nothing; leave it out \(and 1 cell more\)"):
        fuse(rows, ["baseline", broken], [0, 1])


def test_arms_with_data_of_their_own_are_not_fused_on_one_of_them(tmp_path):
    for name, scale in {"a": 1.0, "b": 50.0}.items():
        x = scale * np.random.default_rng(0).normal(size=40)
        with open(tmp_path / f"{name}.csv", "w", newline="") as file:
            csv.writer(file).writerows([("x", "kind"), *((value, value > 0) for value in x)])
    cfg = small_config(steps=4, eval_every=4, seeds=2)
    cfg.data = choice("table", path=str(tmp_path / "a.csv"), label="kind")
    cfg.vary = {"data": ({"path": str(tmp_path / "b.csv")},)}
    cfg.train.update(keep_weights=True, batch_size=8)
    rows = ablate.run(cfg, tmp_path / "run")
    arms = [arm["name"] for arm in rows.study["arms"]]
    for data in ("", str(tmp_path / "b.csv")):
        with pytest.raises(ConfigError, match="have data of their own; name arms of one data set"):
            fuse(rows, arms, [0, 1], data=data)
    assert fuse(rows, arms[1:], [0, 1], data=str(tmp_path / "b.csv")).fusions[0].metrics["accuracy"] > 0


def test_seeds_that_an_arm_does_not_have_are_told(digits, tmp_path):
    study = json.loads((digits.directory / "study.json").read_text())
    study["cells"] = [cell for cell in study["cells"] if (cell["arm"], cell["seed"]) != (DROPPED, 3)]
    fewer = dataclasses.replace(digits, study=study)
    with pytest.raises(ConfigError, match="seed 3: the arm has fewer seeds"):
        fuse(fewer, ARMS, range(4))
    assert seeds_of(fewer, ARMS) == [0, 1, 2]


def test_examples_of_a_fusion_are_counted_as_those_of_a_prediction(tmp_path):
    cfg = small_config(steps=4, eval_every=4, seeds=1, vary={"dropout": (choice("dropout", rate=0.5),)})
    cfg.data, cfg.train.keep_weights = choice("digits", rotate_test=True), True
    rows = ablate.run(cfg, tmp_path)
    assert np.array_equal(fuse(rows, ARMS, [0]).index, predict(rows, "baseline", 0).index)


def test_labels_of_a_folder_are_those_of_the_study_by_their_names(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    for place, names in {"all": ("ant", "bee", "cat"), "new": ("bee", "cat"), "foreign": ("bee", "dog")}.items():
        for k, name in enumerate(names * 8):
            file = tmp_path / place / name / f"{k}.png"
            file.parent.mkdir(parents=True, exist_ok=True)
            Image.new("L", (8, 8), 40 * ("ant", "bee", "cat", "dog").index(name)).save(file)
    cfg = small_config(steps=60, eval_every=60, seeds=2)
    cfg.data, cfg.train.keep_weights = choice("folder", path=str(tmp_path / "all"), test=0.25), True
    cfg.recipe.optimizer, cfg.train.batch_size = choice("adam", learning_rate=0.02), 8
    rows = ablate.run(cfg, tmp_path / "run")
    (fusion,) = fuse(rows, ["baseline"], [0, 1], data=f"folder(path={str(tmp_path / 'new')!r})").fusions
    assert fusion.metrics["accuracy"] == 1.0
    with pytest.raises(ConfigError, match="has labels dog, which the study does not know"):
        fuse(rows, ["baseline"], [0, 1], data=f"folder(path={str(tmp_path / 'foreign')!r})")
