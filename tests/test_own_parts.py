"""Parts of a user's own, by import path, through the command line: the experiment that shows how each is written."""

import csv
import importlib.util
import json

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from ablate.tricks import cross_entropy
from tests.shell import ROOT, ablate

FILE = ROOT / "experiments" / "own_parts.py"
# As in test_end_to_end, so that the one finds what the other has compiled.
SHORT = (
    "--config.train.steps=20", "--config.train.eval_every=10", "--config.seeds=2", "--config.model.width=8",
    "--config.model.blocks=1",
)  # fmt: skip


@pytest.fixture(scope="module")
def own_parts():
    spec = importlib.util.spec_from_file_location("own_parts_of_the_test", FILE)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_parts_in_a_file_of_their_own_run_from_the_command_line(tmp_path):
    directory = tmp_path / "run"
    done = ablate("run", f"--config={FILE}", f"--workdir={directory}", *SHORT, folder=tmp_path)
    assert done.returncode == 0, done.stderr
    study = json.loads((directory / "study.json").read_text())
    assert [arm["name"] for arm in study["arms"]] == [
        "baseline",
        "loss=own_parts:POLY(epsilon=2)",
        "augment=own_parts:jitter(stddev=0.1)",
        "norm=own_parts:ScaleNorm",
        "optimizer=own_parts:signum(learning_rate=0.003)",
    ]
    recipes = [arm["recipe"] for arm in study["arms"]]
    assert {recipe["data"]["name"] for recipe in recipes} == {"own_parts:rings"}
    assert {recipe["model"]["name"] for recipe in recipes} == {"own_parts:Residual"}
    assert len(study["programs"]) == 4, "the loss that says where it is off shares the baseline's program"
    with open(directory / "cells.csv", newline="") as file:
        cells = list(csv.DictReader(file))
    assert len(cells) == 10
    assert {cell["status"] for cell in cells} <= {"done", "collapsed"}  # so few steps teach some of them nothing
    losses = {arm: [cell["test_loss"] for cell in cells if cell["arm"] == arm] for arm in {c["arm"] for c in cells}}
    assert len({*map(tuple, losses.values())}) == 5, "every part changes what is trained"


def test_the_loss_vanishes_to_the_bit_where_it_says(own_parts):
    logits, probs = jax.random.normal(jax.random.key(0), (5, 3)), jax.nn.one_hot(jnp.arange(5) % 3, 3)
    np.testing.assert_array_equal(own_parts.poly(logits, probs, **own_parts.POLY.off), cross_entropy(logits, probs))
    p = np.exp(np.float64(logits))[np.arange(5), np.arange(5) % 3] / np.exp(np.float64(logits)).sum(1)
    np.testing.assert_allclose(own_parts.poly(logits, probs, 2.0), -np.log(p) + 2 * (1 - p), rtol=1e-5)


def test_the_norm_gives_every_example_the_same_length(own_parts):
    y, _ = own_parts.ScaleNorm().init_with_output(jax.random.key(0), jnp.arange(1.0, 9.0).reshape(2, 4), train=True)
    np.testing.assert_allclose(np.linalg.norm(y, axis=-1), 2.0, rtol=1e-6)


def test_the_optimizer_steps_by_the_sign_of_the_mean(own_parts):
    optimizer, w = own_parts.signum(0.5, beta=0.9), jnp.zeros(2)
    state = optimizer.init(w)
    for g in ([1.0, 1.0], [-0.1, -20.0]):  # the means: .1, .1, and then .08, -1.91
        updates, state = optimizer.update(jnp.array(g), state, w)
        w = optax.apply_updates(w, updates)
    assert w.tolist() == [-1.0, 0.0]
