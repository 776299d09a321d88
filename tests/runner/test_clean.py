"""Cleaning: counts and scores against a recount from single cells' predictions; that planted noise is found."""

import csv
import json

import numpy as np
import pytest

from ablate import base_config, choice
from ablate.cli.main import main
from ablate.data import Sampling, digits
from ablate.report.rows import Rows
from ablate.runner.clean import Terms, clean, plan_cleaning
from ablate.runner.predict import predict
from ablate.study import ConfigError
from ablate.study.resolving import resolve
from ablate.train.batches import DataKey, split_of

EXPERIMENT = """
from ablate import base_config, choice


def get_config():
    cfg = base_config()
    cfg.model = choice("mlp", widths=(32,))
    cfg.data = choice("digits", label_noise=0.2)
    cfg.recipe.optimizer = choice("adam", learning_rate=0.01)
    cfg.vary.dropout = (choice("dropout", rate=0.3),)
    cfg.train.update(steps=100, batch_size=64, eval_every=50)
    return cfg
"""


def config(noise=0.2, **changes):
    cfg = base_config()
    cfg.model = choice("mlp", widths=(32,))
    cfg.data = choice("digits", label_noise=noise, **changes)
    cfg.recipe.optimizer = choice("adam", learning_rate=0.01)
    cfg.vary.dropout = (choice("dropout", rate=0.3),)
    cfg.train.update(steps=100, batch_size=64, eval_every=50)
    return cfg


@pytest.fixture(scope="module", params=[("rest", "logits", 0.0), ("one", "probabilities", 0.6)], ids=["rest", "one"])
def found(request, tmp_path_factory):
    train_on, of, score = request.param
    directory = tmp_path_factory.mktemp("clean")
    terms = Terms(folds=3, train_on=train_on, rounds=2, score=score, of=of)
    return clean(config(), directory, terms), Rows.load(directory)


def recounted(found, rows):
    """Doubts, tests and mean probabilities, cell by cell from `ablate predict` over all digits, the pool first."""
    pool = digits().sizes[0]
    doubts, tests, total = np.zeros(pool, int), np.zeros(pool, int), np.zeros((pool, 10))
    for seed in rows.study["seeds"]:
        sampling = Sampling(folds=3, train_on=found.terms.train_on, validation=0.0, label_noise=0.2)
        trained = split_of(DataKey.of(seed, sampling), digits()).train
        asked = [k for k in range(pool) if k not in set(trained.tolist())]
        said = [predict(rows, arm["name"], seed, "digits").columns for arm in rows.study["arms"]]
        probs = np.stack([[columns[f"p_{k}"][asked] for k in range(10)] for columns in said]).astype(np.float64)
        mean = probs.mean(0) if found.terms.of == "probabilities" else np.exp(np.log(probs).mean(0))
        mean = (mean / mean.sum(0)).T
        for place, answer in zip(asked, mean, strict=True):
            own = found.labels[place]
            doubts[place] += answer.argmax() != own or answer[own] < found.terms.score
            tests[place] += 1
            total[place] += answer
    return doubts, tests, total / tests[:, None]


def test_doubts_are_those_of_models_that_did_not_see_the_example(found):
    cleaning, rows = found
    doubts, tests, probs = recounted(cleaning, rows)
    assert (tests == cleaning.terms.tests).all()
    assert cleaning.terms.tests == {"rest": 2, "one": 4}[cleaning.terms.train_on]
    assert np.mean(doubts != cleaning.times) < 0.002  # rounding may tip a score over its threshold
    np.testing.assert_allclose(cleaning.probs, probs, atol=1e-4)


def test_planted_noise_is_found(found):
    cleaning, _ = found
    wrong = cleaning.labels != digits().pool["label"]
    assert 0.15 < wrong.mean() < 0.25
    judged = cleaning.judged()
    assert judged is not None
    assert judged.wrong == wrong.sum()
    assert judged.both == np.sum(wrong & (cleaning.times >= cleaning.terms.least))
    assert judged.recall > 0.9  # at chance it would be the share that is listed
    assert judged.precision > 2 * wrong.mean()


def test_the_most_doubtful_come_first(found):
    cleaning, _ = found
    order = cleaning.order
    scores = cleaning.scores(cleaning.labels)
    pairs = [(-cleaning.times[k], scores[k]) for k in order]
    assert pairs == sorted(pairs)
    assert sorted(order) == list(range(len(cleaning.labels)))


def test_without_planted_noise_nobody_knows(tmp_path):
    cfg = config(noise=0.0)
    cfg.train.update(steps=4, eval_every=4)
    cleaning = clean(cfg, tmp_path, Terms(folds=2, rounds=1))
    assert (cleaning.truth, cleaning.judged(), cleaning.corrected()) == (None, None, None)
    assert np.array_equal(cleaning.labels, digits().pool["label"])


@pytest.mark.parametrize(
    ("changes", "terms", "problems"),
    [
        ({}, Terms(folds=1, rounds=0, score=2.0, of="x"), ["--folds", "--rounds", "--score", "--of"]),
        ({}, Terms(picked=9), ["--picked: every example is tested 3 times, so expected 1 to 3"]),
        ({"data": choice("digits", per_class=5, rotate_test=True)}, Terms(), ["data.per_class", "data.rotate_test"]),
        ({"vary": {"data": ({"label_noise": 0.4},)}}, Terms(), ["arm 'data(label_noise=0.4)': has data of its own"]),
        ({"vary": {"stop": ("early_stopping",)}}, Terms(), ["arm 'early_stopping"]),
        ({"task": "regression", "data": choice("diabetes")}, Terms(), ["clean: labels are looked for, and task regr"]),
    ],
)
def test_what_does_not_fit_is_said_in_words(changes, terms, problems):
    cfg = base_config()
    for key, value in changes.items():
        if key == "vary":
            cfg.vary.update(value)
        else:
            cfg[key] = value
    with pytest.raises(ConfigError) as error:
        plan_cleaning(resolve(cfg), terms, name="x")
    assert len(error.value.problems) == len(problems)
    assert all(said.startswith(start) for said, start in zip(error.value.problems, problems, strict=True))


def test_the_command_and_the_same_again(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "small.py").write_text(EXPERIMENT)
    command = ["clean", "--config=small.py", "--folds=3", "--rounds=1"]
    assert main(command) == 0
    out, err = capsys.readouterr()
    assert "training labels" in out
    assert "planted wrong labels" in out
    assert "intervals over seeds" not in err  # a warning of studies that compare
    lines = list(csv.DictReader((tmp_path / "results/clean_small/clean.csv").read_text().splitlines()))
    assert len(lines) == 1347
    assert set(lines[0]) >= {"index", "label", "suggested", "in_doubt", "listed", "score_label", "true_label"}
    page = (tmp_path / "results/clean_small/clean.html").read_text()
    assert page.count("<img") == min(300, sum(line["listed"] == "1" for line in lines))
    assert main([*command, "--json"]) == 0
    out, err = capsys.readouterr()
    record = json.loads(out)
    assert "6 stored, used again; 0 to train" in err
    assert record["listed"] == sum(line["listed"] == "1" for line in lines)
    assert record["planted"][0]["recall"] > 0.9


def test_another_study_is_left_alone(tmp_path, capsys):
    (tmp_path / "small.py").write_text(EXPERIMENT)
    config = f"--config={tmp_path / 'small.py'}"
    assert main(["run", config, "--config.train.steps=4", "--config.seeds=1", f"--workdir={tmp_path / 'run'}"]) == 0
    assert main(["clean", config, f"--workdir={tmp_path / 'run'}"]) == 2
    assert "holds another study; give another directory" in capsys.readouterr().err
