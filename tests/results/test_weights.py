"""Kept weights: the very numbers that the test metrics were read with, and no file that could run code."""

import shutil

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import ablate
from ablate import choice
from ablate.data import digits
from ablate.results.files import StorageError
from ablate.results.weights import read_weights
from ablate.study import ConfigError
from tests.train.small import planned, small_config


@pytest.fixture(scope="module")
def rows(tmp_path_factory):
    vary = {"average": (choice("snapshots", cycle=5.0, count=2),), "stop": (choice("early_stopping", patience=1.0),)}
    cfg = small_config(steps=20, eval_every=5, seeds=1, vary=vary)
    folder = tmp_path_factory.mktemp("kept")
    ablate.run(cfg, folder)  # without weights first: they are trained again when weights are wanted
    assert not (folder / "weights").exists()
    cfg.train.keep_weights = True
    return ablate.run(cfg, folder)


@pytest.mark.parametrize("arm", ["baseline", "early_stopping(patience=1)"])
def test_kept_variables_give_the_test_metrics(rows, arm):
    params, data = rows.variables(arm, 0)["params"], digits()
    images = data.test["image"].reshape(450, -1) / np.float32(255)
    hidden = np.maximum(images @ params["layer_0"]["kernel"] + params["layer_0"]["bias"], 0)
    logits = hidden @ params["head"]["kernel"] + params["head"]["bias"]
    row = next(row for row in rows if row["arm"] == arm)
    right = (jnp.argmax(logits, -1) == data.test["label"]).mean()
    assert row["metrics"]["test_accuracy"] == pytest.approx(float(right), abs=1e-6)


def test_every_member_is_kept(rows):
    first, second = (rows.variables("snapshots(cycle=5, count=2)", 0, member) for member in (0, 1))
    assert not np.array_equal(first["params"]["head"]["kernel"], second["params"]["head"]["kernel"])


def test_what_is_not_there_is_said_in_words(rows, tmp_path):
    with pytest.raises(KeyError, match="no cell of arm 'nobody'"):
        rows.variables("nobody", 0)
    cfg = small_config(steps=2, eval_every=2, seeds=1)
    with pytest.raises(FileNotFoundError, match="keep_weights"):
        ablate.run(cfg, tmp_path).variables("baseline", 0)
    (tmp_path / "torn.npz").write_bytes(b"PK\x03\x04 torn")
    with pytest.raises(StorageError, match="the kept weights are damaged"):
        read_weights(tmp_path / "torn.npz")


@pytest.fixture
def transfer(rows):
    """A study on the same data whose first values are those of the kept baseline."""
    cfg = small_config(steps=1, eval_every=1, seeds=2, vary={"init": (choice("zeros"),)})
    cfg.recipe.init = choice("pretrained", path=str(rows.weights_path("baseline", 0)), head="kept")
    return cfg


def test_a_network_starts_from_kept_weights(rows, transfer, tmp_path):
    transfer.train.keep_weights = True
    transfer.recipe.optimizer.learning_rate = 1e-30  # a step that changes nothing
    began, kept = ablate.run(transfer, tmp_path), rows.variables("baseline", 0)
    jax.tree.map(np.testing.assert_array_equal, began.variables("baseline", 1), kept)
    (first, row) = (next(iter(each)) for each in (rows, began))
    assert row["metrics"]["test_accuracy"] == first["metrics"]["test_accuracy"]


def test_new_heads_are_drawn_by_the_seed_and_the_rest_is_kept(rows, transfer, tmp_path):
    transfer.train.keep_weights = True
    transfer.recipe.optimizer.learning_rate = 1e-30
    transfer.recipe.init.head = "new"
    began, kept = ablate.run(transfer, tmp_path), rows.variables("baseline", 0)["params"]
    one, two = (began.variables("baseline", seed)["params"] for seed in (0, 1))
    jax.tree.map(np.testing.assert_array_equal, one["layer_0"], kept["layer_0"])
    assert len({array["head"]["kernel"].tobytes() for array in (one, two, kept)}) == 3


def test_the_content_of_the_file_decides_re_use_and_its_place_does_not(transfer, tmp_path):
    names = [cell.name for cell in planned(transfer).cells]
    moved = tmp_path / "Größe | moved.npz"
    shutil.copy(transfer.recipe.init.path, moved)
    transfer.recipe.init = choice("pretrained", path=moved, head="kept")
    assert [cell.name for cell in planned(transfer).cells] == names
    with np.load(moved) as archive:
        np.savez(moved, **{name: array + 1 for name, array in archive.items()})
    again = [cell.name for cell in planned(transfer).cells]
    assert not set(names[:2]) & set(again[:2])
    assert names[2:] == again[2:]  # of the arm that draws its own


def test_weights_that_do_not_fit_are_refused_before_training(transfer, tmp_path):
    transfer.model = choice("mlp", widths=(16,))
    with pytest.raises(ConfigError, match=r"head/kernel has shape \(8, 10\), the network \(16, 10\)"):
        planned(transfer)
    transfer.model = choice("mlp", widths=(8, 8))
    with pytest.raises(ConfigError, match="has no params/layer_1/bias; it has "):
        planned(transfer)
    transfer.recipe.init.path = str(tmp_path / "nowhere.npz")
    with pytest.raises(ConfigError, match=r"recipe\.init\.path: there is no file '.*nowhere\.npz'"):
        planned(transfer)
    transfer.recipe.init.path = str(tmp_path)
    transfer.recipe.init.head = "old"
    with pytest.raises(ConfigError) as refused:
        planned(transfer)
    assert "recipe.init.head: expected 'new' or 'kept', got 'old'" in refused.value.problems
    assert f"recipe.init.path: there is no file {str(tmp_path)!r}" in refused.value.problems
    (tmp_path / "torn.npz").write_bytes(b"PK\x03\x04 torn")
    transfer.recipe.init = choice("pretrained", path=str(tmp_path / "torn.npz"))
    with pytest.raises(ConfigError, match="arm 'baseline': ValueError: cannot read the weights in "):
        planned(transfer)
