"""Mining: what is listed is where two models do not surely agree, by a recount from their predictions."""

import csv

import numpy as np
import pytest

import ablate
from ablate import choice
from ablate.cli.main import main
from ablate.data import digits as all_digits
from ablate.runner.mine import Terms, mine
from ablate.runner.predict import predict
from ablate.study import ConfigError
from tests.train.small import small_config

ARMS = ("dropout(rate=0.5)", "norm=batch")


@pytest.fixture(scope="module")
def digits(tmp_path_factory):
    vary = {"dropout": (choice("dropout", rate=0.5),), "norm": ("batch",)}
    cfg = small_config(steps=100, eval_every=50, seeds=2, vary=vary)
    cfg.recipe.optimizer, cfg.train.keep_weights = choice("adam", learning_rate=0.01), True
    return ablate.run(cfg, tmp_path_factory.mktemp("digits"))


@pytest.mark.parametrize("of", ["logits", "probabilities"])
def test_listed_is_what_is_in_dispute_or_uncertain(digits, of):
    found = mine(digits, [], [0, 1], "digits", Terms("baseline", 1, score=0.7, of=of))
    production = predict(digits, "baseline", 1, "digits").columns["predicted"]
    said = [predict(digits, arm, seed, "digits").columns for arm in ARMS for seed in (0, 1)]
    probs = np.stack([[columns[f"p_{k}"] for k in range(10)] for columns in said]).astype(np.float64)
    mean = probs.mean(0) if of == "probabilities" else np.exp(np.log(probs).mean(0))
    mean /= mean.sum(0)
    assert np.array_equal(found.production, production)
    np.testing.assert_allclose(found.scores, mean.max(0), atol=1e-4)
    listed = (production != mean.argmax(0)) | (mean.max(0) < 0.7)
    assert np.mean(found.listed != listed) < 0.002
    assert 0 < found.listed.sum() < len(listed)
    order = found.order
    assert sorted(order) == np.flatnonzero(found.listed).tolist()
    disputed = ~found.agreed[order]
    assert disputed[: disputed.sum()].all()  # disputes first
    truth = all_digits().whole("label")
    right = found.right()
    assert right is not None
    assert right["left_out"] == pytest.approx(np.mean((production == truth)[~found.listed]))
    assert right["suggested"] == pytest.approx(np.mean((found.suggested == truth)[found.listed]))


def test_a_model_from_elsewhere_and_a_pool_without_labels(digits, tmp_path, capsys):
    images = all_digits().pool["image"][:50]
    np.savez(tmp_path / "pool.npz", image=images)
    pool, said = str(tmp_path / "pool.npz"), tmp_path / "said.csv"
    assert main(["predict", str(digits.directory), "--arm=baseline", f"--data={pool}", f"--out={said}"]) == 0
    capsys.readouterr()
    command = ["mine", str(digits.directory), f"--pool={pool}", f"--production={said}", f"--out={tmp_path / 'm.csv'}"]
    assert main(command) == 0
    out = capsys.readouterr().out
    assert "of 50 examples are worth a look" in out
    assert "By the labels" not in out
    own = mine(digits, ["baseline", *ARMS], [0, 1], pool, Terms(str(said), 0))
    lines = list(csv.DictReader((tmp_path / "m.csv").read_text().splitlines()))
    assert [int(line["index"]) for line in lines] == own.order.tolist()
    assert {line["suggested"] for line in lines} <= {str(k) for k in range(10)}
    assert (tmp_path / "m.html").exists()


@pytest.mark.parametrize(
    ("text", "start"),
    [
        ("predicted\n1\n", "has 1 lines, and the pool 3 examples"),
        ("predicted\n1\n2\ncat\n", "line 4: 'cat' is no label; they are 0, 1"),
        ("label\n1\n2\n3\n", "needs a column 'predicted'"),
        ("index,predicted\n0,1\n1,2\n3,4\n", "has a column index that does not count 0 to 2"),
    ],
)
def test_a_wrong_file_is_told(digits, tmp_path, text, start):
    np.savez(tmp_path / "pool.npz", image=np.zeros((3, 8, 8, 1), np.uint8))
    (tmp_path / "said.csv").write_text(text)
    with pytest.raises(ConfigError) as error:
        mine(digits, [], [0], str(tmp_path / "pool.npz"), Terms(str(tmp_path / "said.csv"), 0))
    (problem,) = error.value.problems
    assert start in problem


@pytest.mark.parametrize(
    ("terms", "starts"),
    [
        (Terms("basline", 0, 1.5), ["--production: unknown arm 'basline'; did you mean", "--score: expected"]),
        (Terms("baseline", 7), ["--seed: the study has no seed 7"]),
        (Terms("none.csv", 0), ["--production: cannot read 'none.csv'"]),
    ],
)
def test_what_is_not_there_is_told(digits, terms, starts):
    with pytest.raises(ConfigError) as error:
        mine(digits, [], [0], "digits", terms)
    assert [said.startswith(start) for said, start in zip(error.value.problems, starts, strict=True)] == [True] * len(
        starts
    )


def test_lines_of_a_file_are_put_into_the_order_of_the_pool(digits, tmp_path):
    np.savez(tmp_path / "pool.npz", image=np.zeros((3, 8, 8, 1), np.uint8))
    (tmp_path / "said.csv").write_text("index,predicted\n2,7\n0,5\n1,6\n")
    found = mine(digits, [], [0], str(tmp_path / "pool.npz"), Terms(str(tmp_path / "said.csv"), 0))
    assert found.production.tolist() == [5, 6, 7]


def test_a_cell_counts_once_and_the_production_model_is_none_of_the_ensemble(digits):
    with pytest.raises(ConfigError) as error:
        mine(digits, ["baseline", "norm=batch", "norm=batch"], [0], "digits", Terms("baseline", 0))
    twice, own = error.value.problems
    assert twice == "--arm: the cell of arm 'norm=batch' and seed 0 is named twice"
    assert own.startswith("--arm: arm 'baseline', seed 0 is the production model")


def test_a_pool_that_models_were_trained_on_is_told(digits, tmp_path):
    (words,) = mine(digits, [], [0], "digits", Terms("baseline", 0)).changed
    assert words == "1,347 of 1,797 examples of the pool are training examples of the study"
    np.savez(tmp_path / "pool.npz", image=np.zeros((3, 8, 8, 1), np.uint8))
    assert mine(digits, [], [0], str(tmp_path / "pool.npz"), Terms("baseline", 0)).changed == []


def test_the_table_ends_in_csv_and_an_old_page_goes(digits, tmp_path, capsys):
    command = ["mine", str(digits.directory), "--pool=digits", "--production=baseline"]
    with pytest.raises(SystemExit):
        main([*command, f"--out={tmp_path / 'x.html'}"])
    assert main([*command, f"--out={tmp_path / 'x.csv'}"]) == 0
    assert (tmp_path / "x.html").exists()
    assert main([*command, f"--out={tmp_path / 'x.csv'}", "--score=0", "--arm=baseline", "--seed=1"]) == 0
    capsys.readouterr()
    listed = len((tmp_path / "x.csv").read_text().splitlines()) - 1
    assert (tmp_path / "x.html").exists() == (listed > 0)
    assert main([*command, "--production-seed=9"]) == 2
    assert "--production-seed: the study has no seed 9; it has 0, 1" in capsys.readouterr().err


def test_an_arm_that_is_not_there_is_told_and_no_other_takes_its_place(digits):
    for seeds in ([], [0]):
        with pytest.raises(ConfigError, match="--arm: unknown arm 'norm=bach'; did you mean 'norm=batch'"):
            mine(digits, ["norm=bach"], seeds, "digits", Terms("baseline", 0))
