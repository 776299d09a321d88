"""Kept weights: the very numbers that the test metrics were read with, and no file that could run code."""

import jax.numpy as jnp
import numpy as np
import pytest

import ablate
from ablate import choice
from ablate.data import digits
from ablate.results.files import StorageError
from ablate.results.weights import read_weights
from tests.train.small import small_config


@pytest.fixture(scope="module")
def rows(tmp_path_factory):
    vary = {"average": (choice("snapshots", cycle=5.0, count=2),), "stop": (choice("early_stopping", patience=1.0),)}
    cfg = small_config(steps=20, eval_every=5, seeds=1, vary=vary)
    folder = tmp_path_factory.mktemp("kept")
    ablate.run(cfg, folder)  # without weights first: they are trained again when weights are wanted
    assert not (folder / "weights").exists()
    cfg.train.keep_weights = True
    return ablate.run(cfg, folder)


@pytest.mark.parametrize("arm", ["baseline", "stop=early_stopping(patience=1)"])
def test_kept_variables_give_the_test_metrics(rows, arm):
    params, data = rows.variables(arm, 0)["params"], digits()
    images = data.test["image"].reshape(450, -1) / np.float32(255)
    hidden = np.maximum(images @ params["layer_0"]["kernel"] + params["layer_0"]["bias"], 0)
    logits = hidden @ params["head"]["kernel"] + params["head"]["bias"]
    row = next(row for row in rows if row["arm"] == arm)
    right = (jnp.argmax(logits, -1) == data.test["label"]).mean()
    assert row["metrics"]["test_accuracy"] == pytest.approx(float(right), abs=1e-6)


def test_every_member_is_kept(rows):
    first, second = (rows.variables("average=snapshots(cycle=5, count=2)", 0, member) for member in (0, 1))
    assert not np.array_equal(first["params"]["head"]["kernel"], second["params"]["head"]["kernel"])


def test_what_is_not_there_is_said_in_words(rows, tmp_path):
    with pytest.raises(KeyError, match="no cell of arm 'nobody'"):
        rows.variables("nobody", 0)
    cfg = small_config(steps=2, eval_every=2, seeds=1)
    with pytest.raises(FileNotFoundError, match="keep_weights"):
        ablate.run(cfg, tmp_path).variables("baseline", 0)
    (tmp_path / "torn.npz").write_bytes(b"PK\x03\x04 torn")
    with pytest.raises(StorageError, match="cannot read the weights"):
        read_weights(tmp_path / "torn.npz")
