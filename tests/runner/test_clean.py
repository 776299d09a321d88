"""Cleaning: counts and scores against a recount from single cells' predictions; that planted noise is found."""

import csv
import json

import numpy as np
import pytest

from ablate import base_config, choice
from ablate.cli.main import main
from ablate.cli.parser import TRAINED_ON, parser_of_commands
from ablate.data import TRAINED_FOLDS, Sampling, digits, from_arrays
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
    assert judged.recall > 0.8  # at chance it would be the share that is listed
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


def test_models_that_diverged_judge_nothing(tmp_path):
    cfg = config()
    cfg.train.update(steps=4, eval_every=4)
    cfg.vary.optimizer = (choice("sgd", learning_rate=1e30),)
    with pytest.raises(ConfigError, match="diverged, and says nothing"):
        clean(cfg, tmp_path, Terms(folds=2, rounds=1))


def copies(times: int = 2):
    images = np.random.default_rng(0).integers(0, 256, (30, 4, 4, 1)).astype(np.uint8)
    return from_arrays(image=np.repeat(images, times, 0), label=np.repeat(np.arange(30) % 2, times), test=0.2)


@pytest.mark.parametrize(("times", "told"), [(1, 0), (3, 1)])
def test_copies_in_other_folds_are_told(times, told):
    cfg = config()
    cfg.data = choice("tests.runner.test_clean:copies", times=times)
    cfg.train.update(steps=4, eval_every=4, batch_size=4)
    notes = plan_cleaning(resolve(cfg), Terms(folds=2), name="x").notes
    assert [note for note in notes if "are copies of others" in note] == list(notes)
    assert len(notes) == told


def test_more_folds_than_examples_are_refused_before_any_is_made(monkeypatch):
    monkeypatch.setattr("ablate.runner.plan.split_of", lambda *_: 1 / 0)
    with pytest.raises(ConfigError, match="--folds: 2000 is more than the 1347 training examples"):
        plan_cleaning(resolve(config()), Terms(folds=2000), name="x")


@pytest.mark.parametrize("extra", [[], ["--config.data.folds=2"]])
def test_studies_of_ones_own_are_left_alone(tmp_path, capsys, extra):
    (tmp_path / "small.py").write_text(EXPERIMENT)
    config = f"--config={tmp_path / 'small.py'}"
    where = f"--workdir={tmp_path / 'run'}"
    assert main(["run", config, "--config.train.steps=4", "--config.seeds=1", where, *extra]) == 0
    before = (tmp_path / "run" / "study.json").read_bytes()
    assert main(["clean", config, "--folds=3", where]) == 2
    assert "holds another study; give another directory" in capsys.readouterr().err
    assert (tmp_path / "run" / "study.json").read_bytes() == before


def test_a_study_under_conditions_is_left_alone(tmp_path, capsys):
    (tmp_path / "small.py").write_text(EXPERIMENT)
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "across.json").write_text("{}")
    assert main(["clean", f"--config={tmp_path / 'small.py'}", f"--workdir={tmp_path / 'run'}"]) == 2
    assert "holds another study" in capsys.readouterr().err


def test_the_command_has_the_defaults_of_python():
    options = parser_of_commands().parse_args(["clean", "--config=x.py"])
    flags = (options.folds, options.train_on, options.rounds, options.score, options.picked or 0, options.of)
    assert Terms(*flags) == Terms()
    assert TRAINED_ON == TRAINED_FOLDS


def test_variance_has_no_folds(tmp_path, capsys):
    (tmp_path / "small.py").write_text(EXPERIMENT)
    config = f"--config={tmp_path / 'small.py'}"
    assert main(["variance", config, "--config.data.folds=3", f"--workdir={tmp_path / 'v'}"]) == 2
    assert "data.folds: seeds are folds" in capsys.readouterr().err


def test_other_folds_in_the_same_place_are_trained_and_counted_anew(tmp_path):
    cfg = config()
    cfg.train.update(steps=20, eval_every=20)
    first = clean(cfg, tmp_path, Terms(folds=2, rounds=1))
    other = clean(cfg, tmp_path, Terms(folds=3, train_on="one", rounds=1))
    again = clean(cfg, tmp_path, Terms(folds=2, rounds=1))
    assert (other.terms.tests, first.terms.tests) == (2, 1)
    assert np.array_equal(first.times, again.times)
    assert np.array_equal(first.probs, again.probs)
