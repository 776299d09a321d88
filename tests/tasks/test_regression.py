"""Regression: losses and metrics against scikit-learn and numpy, and a study from the command line's pieces."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from sklearn.linear_model import LinearRegression
from sklearn.metrics import mean_absolute_error, mean_squared_error, r2_score

import ablate
from ablate import choice
from ablate.data import DataError, diabetes, table
from ablate.tasks.regression import Regression
from ablate.tricks import absolute_error, smooth_l1, squared_error

RNG = np.random.default_rng(0)


@pytest.mark.parametrize("beta", [0.1, 1.0, 3.0])
def test_smooth_l1_is_torchs_formula(beta):
    outputs, targets = RNG.normal(0, 3, (50, 2)), RNG.normal(0, 3, (50, 2))
    d = np.abs(outputs - targets)
    expected = np.where(d < beta, d**2 / (2 * beta), d - beta / 2).mean(-1)
    loss = smooth_l1(jnp.float32(outputs), jnp.float32(targets), beta=jnp.float32(beta))
    np.testing.assert_allclose(loss, expected, rtol=1e-5)


def test_smooth_l1_lies_between_the_two_it_is_made_of():
    y, t = jnp.linspace(-4, 4, 81)[:, None], jnp.zeros((81, 1))
    np.testing.assert_allclose(smooth_l1(y, t, beta=1e6) * 1e6, squared_error(y, t), rtol=1e-5)
    np.testing.assert_allclose(smooth_l1(y, t, beta=1e-6), absolute_error(y, t), atol=1e-5)


@pytest.mark.parametrize("outputs", [1, 3])
def test_metrics_against_scikit_learn_whatever_the_batches(outputs):
    targets = RNG.normal(150, 77, (90, outputs)).astype(np.float32)
    predicted = targets + RNG.normal(0, 30, targets.shape).astype(np.float32)
    data = ablate.data.DataSet.from_arrays(0.5, vector=np.zeros((90, 1)), target=targets)
    task, sums = Regression({}, data.info), None
    for rows in np.split(np.arange(90), [40, 70]):
        part = task.measure(jnp.asarray(predicted[rows]), {"target": jnp.asarray(targets[rows])}, jnp.ones(len(rows)))
        sums = part if sums is None else jax.tree.map(jnp.add, sums, part)
    metrics = {name: float(value) for name, value in task.summarise(sums).items()}
    assert metrics["mse"] == pytest.approx(mean_squared_error(targets, predicted), rel=1e-5)
    assert metrics["mae"] == pytest.approx(mean_absolute_error(targets, predicted), rel=1e-5)
    if outputs == 1:
        assert metrics["r2"] == pytest.approx(r2_score(targets, predicted), rel=1e-4)


def test_a_linear_network_finds_the_least_squares_solution(tmp_path):
    cfg = ablate.base_config()
    cfg.task, cfg.model, cfg.seeds = "regression", choice("mlp", widths=()), 1
    cfg.data = choice("diabetes", validation=0.0)
    cfg.recipe.scale = choice("standardize")
    cfg.recipe.optimizer = choice("adam", learning_rate=0.02)
    cfg.recipe.schedule = choice("cosine")
    cfg.train.update(steps=1500, batch_size=331, eval_every=1500)
    cfg.vary.loss = (choice("absolute_error"),)
    rows = ablate.run(cfg, tmp_path)
    data = diabetes()
    least = LinearRegression().fit(data.pool["vector"], data.pool["target"]).predict(data.test["vector"])
    baseline = next(row for row in rows if row["arm"] == "baseline")
    assert baseline["metrics"]["test_mse"] == pytest.approx(mean_squared_error(data.test["target"], least), rel=0.01)
    assert rows.study["metrics"][0] == {
        "name": "mse", "higher_is_better": False, "scale": 1.0, "unit": "points²", "difference": "points²",
    }  # fmt: skip


def test_a_table_from_a_file(tmp_path):
    path = tmp_path / "größen.csv"
    lines = ["a,b,price,kind"] + [f"{k},{k * k},{2.5 * k},{'xyz'[k % 3]}" for k in range(30)]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    with pytest.raises(DataError, match=r"row 1, column 'kind': 'x' is no finite number"):
        table(str(path), target=("price",))
    data = table(str(path), target=("price",), label="kind", unit="€")
    assert data.info.shapes == {"vector": (2,), "label": (), "target": (1,)}
    assert (data.classes, data.unit, data.name) == (3, "€", "größen")
    assert np.concatenate([data.pool["vector"], data.test["vector"]]).std(0) == pytest.approx([1.0, 1.0], rel=1e-5)
    for wrong, words in ((("cost",), "no column 'cost'"), ((), "nothing to predict")):
        with pytest.raises(DataError, match=words):
            table(str(path), target=wrong)
    with pytest.raises(DataError, match="cannot read"):
        table(str(tmp_path / "none.csv"), target=("price",))
