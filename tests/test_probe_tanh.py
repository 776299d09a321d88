"""Ten layers of 500 units before training: the committed probe says what numpy says, and what the probe gives today."""

import csv

import numpy as np
import pytest

from ablate.runner.plan import make_plan
from ablate.runner.probe import probe_plan
from ablate.study.loading import load_config
from ablate.study.resolving import resolve
from tests.shell import ROOT

FOLDER = ROOT / "results" / "probe_tanh"
WIDTH, DEPTH, BATCH = 500, 10, 1000
ARMS = {
    "baseline": (np.tanh, 0.01),
    "tanh, N(0, 1)": (np.tanh, 1.0),
    "tanh, Xavier": (np.tanh, (2 / (WIDTH + WIDTH)) ** 0.5),
    "ReLU, Xavier": (lambda x: np.maximum(x, 0), (2 / (WIDTH + WIDTH)) ** 0.5),
    "ReLU, He": (lambda x: np.maximum(x, 0), (2 / WIDTH) ** 0.5),
}


def spreads(path):
    """sd of what every layer gives, by arm; heads left out."""
    with open(path, newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["layer"] != "head"]
    return {arm: [float(row["activation_sd"]) for row in rows if row["arm"] == arm] for arm in ARMS}


@pytest.fixture(scope="module")
def committed():
    return spreads(FOLDER / "probe.csv")


@pytest.mark.parametrize("arm", ARMS)
def test_numpy_sees_the_same(arm, committed):
    activation, stddev = ARMS[arm]
    rng = np.random.default_rng(1)
    x = rng.standard_normal((BATCH, WIDTH))
    expected = []
    for _ in range(DEPTH):
        x = activation(x @ rng.normal(0, stddev, (WIDTH, WIDTH)))
        expected.append(x.std())
    # Other draws of the weights. That of a ReLU layer moves the mean square by sqrt(5 / 500) = 10 % (z^2 of half of the
    # units), the sd by 5 %; both draws do, and layers add up. Three standard deviations:
    tolerance = 3 * 0.05 * np.sqrt(2 * np.arange(1, DEPTH + 1))
    np.testing.assert_array_less(np.abs(np.log(np.divide(committed[arm], expected))), tolerance)


def test_what_the_readme_says_is_seen(committed):
    layers = {arm: np.array(sds) for arm, sds in committed.items()}
    assert {len(sds) for sds in layers.values()} == {DEPTH}
    small = layers["baseline"]
    assert small[0] == pytest.approx(0.213, abs=0.001)
    assert small[-1] < 1e-6
    np.testing.assert_allclose(small[1:] / small[:-1], 0.01 * WIDTH**0.5, rtol=0.01)
    np.testing.assert_allclose(layers["tanh, N(0, 1)"], 0.98, atol=0.005)  # of units between -1 and 1
    assert layers["tanh, Xavier"][-1] > 0.2
    assert layers["ReLU, Xavier"][-1] == pytest.approx(layers["ReLU, Xavier"][0] * 0.5 ** (9 / 2), rel=0.1)
    assert layers["ReLU, He"].min() > 0.75


def test_the_probe_still_gives_it(committed):
    # A layer's initial values follow from its name and shape: two layers are the first two of ten, and soon traced.
    path = str(ROOT / "experiments" / "probe_tanh.py")
    cfg = load_config(path, [("model.widths", f"({WIDTH}, {WIDTH})")])
    layers = [layer for layer in probe_plan(make_plan(resolve(cfg), name="probe_tanh")) if layer.layer != "head"]
    for arm, sds in committed.items():
        found = [layer.activation_sd for layer in layers if layer.arm == arm]
        np.testing.assert_allclose(found, sds[:2], rtol=1e-4, err_msg=arm)  # float32, summed by any number of threads
