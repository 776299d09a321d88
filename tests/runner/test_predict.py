"""Predictions of kept cells: they give the metrics of their rows, and what does not fit is said in words."""

import csv
import io
import json
import shutil

import numpy as np
import pytest

import ablate
from ablate import base_config, choice
from ablate.cli.main import main
from ablate.results.packed import unpacked
from ablate.runner.predict import predict
from ablate.study import ConfigError
from tests.train.small import small_config

SNAPSHOTS = "snapshots(cycle=5, count=2)"


@pytest.fixture(scope="module")
def digits(tmp_path_factory):
    vary = {"average": (choice("snapshots", cycle=5.0, count=2),), "clip": (choice("global_norm", max=1.0),)}
    cfg = small_config(steps=20, eval_every=10, seeds=2, vary=vary)
    cfg.train.keep_weights = True
    cfg.train.eval_batch_size = 200  # the 450 test examples are no multiple of it
    return ablate.run(cfg, tmp_path_factory.mktemp("digits"))


def write_table(path, *, shift=0.0, header=("a", "b", "y"), rows=48):
    a, b = np.random.default_rng(0).normal(size=(2, rows))
    columns = {"a": a + shift, "b": 100 * b, "y": 2 * a + b}
    with open(path, "w", newline="") as file:
        csv.writer(file).writerows([header, *zip(*(columns[name] for name in header))])
    return columns


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    folder = tmp_path_factory.mktemp("table")
    write_table(folder / "train.csv")
    cfg = base_config()
    cfg.task, cfg.data = "regression", choice("table", path=str(folder / "train.csv"), target=("y",))
    cfg.model = choice("mlp", widths=(8,))
    cfg.train.update(steps=20, batch_size=8, eval_every=10, keep_weights=True)
    cfg.seeds, cfg.vary.loss = 1, ("smooth_l1",)
    return ablate.run(cfg, folder / "run")


def row_of(rows, arm, seed):
    return next(row for row in rows if (row["arm"], row["seed"]) == (arm, seed))


@pytest.mark.parametrize("arm", ["baseline", SNAPSHOTS, "clip=global_norm(max=1)"])
def test_predictions_give_the_test_metrics(digits, arm):
    columns, changed, _ = predict(digits, arm, 1)
    probs = np.stack([columns[f"p_{k}"] for k in range(10)], 1)
    metrics = row_of(digits, arm, 1)["metrics"]
    assert changed == []
    assert list(columns)[:3] == ["label", "predicted", "p_0"]
    assert np.mean(columns["label"] == columns["predicted"]) == pytest.approx(metrics["test_accuracy"], abs=1e-6)
    loss = -np.log(probs[np.arange(450), columns["label"]]).mean()
    assert loss == pytest.approx(metrics["test_loss"], rel=1e-5)
    np.testing.assert_allclose(probs.sum(1), 1, rtol=1e-5)


@pytest.mark.parametrize("arm", ["baseline", SNAPSHOTS, "clip=global_norm(max=1)"])
@pytest.mark.parametrize("seed", [0, 1])
def test_rows_hold_the_same_predictions_and_the_study_the_labels(digits, arm, seed):
    columns, *_ = predict(digits, arm, seed)
    known = digits.study["categories"]
    assert (known["one"], known["many"], known["names"]) == ("class", "classes", [str(k) for k in range(10)])
    assert [unpacked(text, 450, bits=4).tolist() for text in known["truth"]] == [columns["label"].tolist()]
    written = row_of(digits, arm, seed)["predicted"]
    assert unpacked(written, 450, bits=4).tolist() == columns["predicted"].tolist()
    assert len(written) == 300  # 450 numbers of 4 bits, in base64


def test_regression_predicts_in_the_unit_of_its_target(table):
    columns, *_ = predict(table, "baseline", 0)
    assert list(columns) == ["target", "predicted"]
    error = np.square(columns["target"] - columns["predicted"]).mean()
    assert error == pytest.approx(row_of(table, "baseline", 0)["metrics"]["test_mse"], rel=1e-5)


def test_another_file_is_read_in_the_columns_and_units_of_the_training(table, tmp_path):
    write_table(tmp_path / "same.csv")
    write_table(tmp_path / "turned.csv", header=("b", "a"))
    write_table(tmp_path / "moved.csv", header=("b", "a"), shift=3.0)
    same, turned, moved = (
        predict(table, "baseline", 0, str(tmp_path / f"{name}.csv"))[0]["predicted"]
        for name in ("same", "turned", "moved")
    )
    np.testing.assert_array_equal(same, turned)
    assert len(same) == 48
    assert np.abs(moved - same).max() > 0.1  # its own mean is not taken out
    write_table(tmp_path / "short.csv", header=("a", "y"))
    with pytest.raises(ConfigError, match=r"--data: .*short\.csv: no column 'b'; it has 'a', 'y'"):
        predict(table, "baseline", 0, str(tmp_path / "short.csv"))


def test_all_examples_of_other_data(digits):
    columns, *_ = predict(digits, "baseline", 0, "digits(test=0.5)")
    assert len(columns["predicted"]) == 1797


def test_arrays_of_ones_own_in_the_order_of_their_file(digits, tmp_path):
    data = ablate.data.digits()
    np.savez(tmp_path / "new.npz", image=data.test["image"][::-1], label=data.test["label"][::-1])
    own, *_ = predict(digits, "baseline", 0)
    for text in (str(tmp_path / "new.npz"), f"table(path={str(tmp_path / 'new.npz')!r})"):
        columns, *_ = predict(digits, "baseline", 0, text)
        assert {name: column.tolist() for name, column in columns.items() if name in ("label", "predicted")} == {
            name: own[name][::-1].tolist() for name in ("label", "predicted")
        }
    np.savez(tmp_path / "wide.npz", image=np.zeros((3, 9, 9, 1), np.uint8))
    with pytest.raises(ConfigError, match=r"wide\.npz has image uint8 \(9, 9, 1\); the study's networks take image"):
        predict(digits, "baseline", 0, str(tmp_path / "wide.npz"))


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ("digits(test=2)", "--data.test: must"),
        ("digits(0.5)", "--data: write NAME"),
        ("digits(test=", "--data: write NAME"),
        ("diabetes", "--data: diabetes has vector"),
        ("nowhere.csv", "--data: digits is no table"),
    ],
)
def test_data_that_do_not_fit_are_refused_in_words(digits, data, words):
    with pytest.raises(ConfigError) as refused:
        predict(digits, "baseline", 0, data)
    assert refused.value.problems[0].startswith(words), refused.value.problems


def test_a_cell_that_is_not_there_is_refused_in_words(digits, tmp_path):
    with pytest.raises(ConfigError) as refused:
        predict(digits, "basline", 7)
    assert [problem.split(";")[0] for problem in refused.value.problems] == [
        "--arm: unknown arm 'basline'", "--seed: the study has no seed 7",
    ]  # fmt: skip
    cfg = small_config(steps=2, eval_every=2, seeds=1)
    with pytest.raises(ConfigError, match=r"keep_weights = True"):
        predict(ablate.run(cfg, tmp_path), "baseline", 0)


def test_a_change_of_the_code_is_told(digits, tmp_path):
    shutil.copytree(digits.directory, tmp_path / "run")
    path = tmp_path / "run" / "cells" / f"{digits.cell_name('baseline', 0)}.json"
    row = json.loads(path.read_text())
    row["identity"]["code"]["model"] = "of yesterday"
    path.write_text(json.dumps(row))
    _, changed, _ = predict(ablate.load(tmp_path / "run"), "baseline", 0)
    assert changed == ["the code of model=mlp changed"]


def test_the_command_writes_a_line_per_example(digits, tmp_path, capsys):
    out = tmp_path / "Größe | x.csv"
    assert main(["predict", str(digits.directory), f"--arm={SNAPSHOTS}", "--seed=1", f"--out={out}"]) == 0
    with open(out, newline="") as file:
        lines = list(csv.DictReader(file))
    columns, *_ = predict(digits, SNAPSHOTS, 1)
    assert [int(line["predicted"]) for line in lines] == columns["predicted"].tolist()
    assert [np.float32(line["p_3"]) for line in lines] == columns["p_3"].tolist()
    assert f"450 examples, arm {SNAPSHOTS}, seed 1: {out}" in capsys.readouterr().out
    assert main(["predict", str(digits.directory), "--arm=baseline"]) == 0
    assert (digits.directory / "predictions" / f"{digits.cell_name('baseline', 0)}.csv").exists()
    assert main(["predict", str(tmp_path), "--arm=baseline"]) == 2
    assert "has no readable study.json" in capsys.readouterr().err


def test_predictions_of_test_examples_that_the_seed_drew(tmp_path, capsys):
    cfg = base_config()
    cfg.data, cfg.model = choice("digits", rotate_test=True), choice("mlp", widths=(8,))
    cfg.train.update(steps=20, batch_size=32, eval_every=10, keep_weights=True)
    cfg.seeds, cfg.vary.clip = 2, (choice("global_norm", max=1.0),)
    rows = ablate.run(cfg, tmp_path)
    places = []
    for seed in (0, 1):
        for arm in ("baseline", "clip=global_norm(max=1)"):
            columns, _, index = predict(rows, arm, seed)
            right = columns["label"] == columns["predicted"]
            assert right.mean() == pytest.approx(row_of(rows, arm, seed)["metrics"]["test_accuracy"], abs=1e-6)
            places.append(tuple(index))
            truth = unpacked(rows.study["categories"]["truth"][seed], 450, bits=4)
            assert truth.tolist() == columns["label"].tolist()
            decided = unpacked(row_of(rows, arm, seed)["predicted"], 450, bits=4)
            assert decided.tolist() == columns["predicted"].tolist()
    # Arms share the examples of a seed, seeds do not.
    assert places[0] == places[1] != places[2] == places[3]
    assert min(places[0]) < 1347 < max(places[0]) < 1797
    assert "the test examples" in rows.study["seed_varies"]
    assert "Every seed draws its own 450 test examples" in (tmp_path / "report.md").read_text(encoding="utf-8")
    assert main(["predict", str(tmp_path), "--arm=baseline", "--out=-"]) == 0
    assert capsys.readouterr().out.splitlines()[1].startswith(f"{places[0][0]},")


def test_samples_and_predictions_of_a_task_without_columns(tmp_path, monkeypatch):
    cfg = base_config()
    cfg.task, cfg.data = "adversarial", choice("gaussians", modes=8)
    cfg.train.update(steps=4, eval_every=4, keep_weights=True)
    cfg.seeds, cfg.vary.game = 1, ("wasserstein",)
    columns, *_ = predict(ablate.run(cfg, tmp_path / "gan"), "game=wasserstein", 0)
    assert list(columns) == ["x_0", "x_1"]
    monkeypatch.syspath_prepend("experiments")
    import own_task

    cfg = own_task.get_config()
    cfg.train.update(steps=4, eval_every=4, keep_weights=True)
    cfg.seeds = 1
    columns, *_ = predict(ablate.run(cfg, tmp_path / "own"), "baseline", 0)
    assert all(len(column) == len(next(iter(columns.values()))) for column in columns.values())
    assert all(np.isfinite(column).all() for column in columns.values())


@pytest.fixture(scope="module")
def colours(tmp_path_factory):
    """A classification of texts with awkward characters, from a table."""
    folder = tmp_path_factory.mktemp("colours")
    size, place = np.random.default_rng(0).normal(50, 10, (2, 80))
    lines = [[f"{s:.4f}", f"{p:.4f}", "grün|rot" if s > p else 'blau "x"'] for s, p in zip(size, place)]
    with open(folder / "train.csv", "w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([["Größe (m²)", "Lage x", "Klasse"], *lines])
    cfg = base_config()
    cfg.data, cfg.model = choice("table", path=folder / "train.csv", label="Klasse"), choice("mlp", widths=(8,))
    cfg.train.update(steps=20, batch_size=16, eval_every=10, keep_weights=True)
    cfg.seeds, cfg.vary.clip = 1, (choice("global_norm", max=1.0),)
    return ablate.run(cfg, folder / "run")


def test_files_are_read_alike_however_they_are_named(colours, tmp_path):
    source = colours.directory.parent / "train.csv"
    with open(source, newline="", encoding="utf-8") as file:
        lines = [[line[k] for k in (2, 1, 0)] for line in csv.reader(file)][:21]
    turned = tmp_path / "turned.csv"
    with open(turned, "w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows(lines)
    forms = (str(source), str(turned), f"table(path={str(turned)!r}, label='Klasse')")
    whole, part, named = (predict(colours, "baseline", 0, form)[0] for form in forms)
    assert list(part) == ["label", "predicted", 'p_blau "x"', "p_grün|rot"]
    assert [*part["label"]] == [line[0] for line in lines[1:]]
    for name in part:
        np.testing.assert_array_equal(part[name], named[name])
        np.testing.assert_array_equal(part[name], whole[name][:20])


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("a,b\n1,nan\n", "row 1, column 'b': 'nan' is no finite number"),
        ("a,b\n1,2\n\n3,NA\n", "row 2, column 'b': 'NA' is no finite number"),
        ("a,a\n1,2\n", "every column needs a name of its own, and 'a' is none"),
        ("a,\n1,2\n", "every column needs a name of its own, and '' is none"),
        ("a;b\n1;2\n", "no column 'a'; it has 'a;b'"),
    ],
)
def test_a_file_that_cannot_be_read_says_where(table, tmp_path, content, words):
    (tmp_path / "new.csv").write_text(content)
    with pytest.raises(ConfigError) as refused:
        predict(table, "baseline", 0, str(tmp_path / "new.csv"))
    assert words in refused.value.problems[0]


def test_other_data_are_not_spoilt_and_have_a_file_of_their_own(digits, capsys):
    with pytest.raises(ConfigError, match=r"--data\.label_noise: training examples are not spoilt"):
        predict(digits, "baseline", 0, "digits(label_noise=0.2)")
    assert main(["predict", str(digits.directory), "--arm=baseline", "--data=digits(test=0.4)"]) == 0
    assert "1797 examples" in capsys.readouterr().out
    name = f"{digits.cell_name('baseline', 0)}-digits-test-0.4.csv"
    assert (digits.directory / "predictions" / name).exists()


def test_a_table_that_has_changed_scales_nobody_s_rows(table, tmp_path):
    source = table.directory.parent / "train.csv"
    before = source.read_bytes()
    shutil.copy(source, tmp_path / "new.csv")
    try:
        write_table(source, shift=1.0)
        with pytest.raises(ConfigError, match="the content of the data changed, and its columns were scaled"):
            predict(table, "baseline", 0, str(tmp_path / "new.csv"))
    finally:
        source.write_bytes(before)


def test_damaged_weights_end_with_2_and_the_same_run_makes_them_again(tmp_path, capsys):
    cfg = small_config(steps=4, eval_every=2, seeds=1)
    cfg.train.keep_weights = True
    rows = ablate.run(cfg, tmp_path)
    whole = rows.weights("baseline", 0)
    path = rows.weights_path("baseline", 0)
    good = path.read_bytes()
    strangers = {"x/y": np.ones(2)}, {"shares": np.float32(1), "7/a": np.ones(1)}
    for bad in (b"hello", good[:99], b"", *(savez(**arrays) for arrays in strangers)):
        path.write_bytes(bad)
        assert main(["predict", str(tmp_path), "--arm=baseline"]) == 2
        message = capsys.readouterr().err
        assert message.count("\n") == 1
        assert "the kept weights are damaged" in message
        assert "the same `ablate run` makes it again" in message
    again = ablate.run(cfg, tmp_path).weights("baseline", 0)
    assert all(np.array_equal(again.members[0][name], array) for name, array in whole.members[0].items())


def savez(**arrays):
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)
    return buffer.getvalue()


def test_what_has_not_finished_is_no_fault_of_the_config(digits, tmp_path):
    shutil.copytree(digits.directory, tmp_path / "run")
    shutil.rmtree(tmp_path / "run" / "weights")
    with pytest.raises(ConfigError, match="is not there; the cell has not finished"):
        predict(ablate.load(tmp_path / "run"), "baseline", 0)


def test_a_cell_that_failed_tells_why(digits, tmp_path):
    shutil.copytree(digits.directory, tmp_path / "run")
    path = next(path for path in (tmp_path / "run" / "cells").iterdir() if '"baseline"' in path.read_text())
    row = json.loads(path.read_text())
    error = {"type": "OSError", "message": "of several\nlines", "traceback": ""}
    path.write_text(json.dumps({**row, "status": "failed", "error": error}))
    with pytest.raises(ConfigError, match=r"failed, and says nothing \(OSError: lines\); leave it out"):
        predict(ablate.load(tmp_path / "run"), "baseline", row["seed"])
