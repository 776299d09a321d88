"""Spirals: every point lies on the curve of its label, and they are the same for everybody."""

import numpy as np
import pytest

from ablate.data import DATASETS, spirals


def everything(data):
    return (np.concatenate([data.pool[name], data.test[name]]) for name in ("vector", "label"))


@pytest.mark.parametrize(("classes", "turns"), [(2, 2.0), (2, 0.75), (3, 1.0), (3, 1.4)])
def test_without_noise_the_radius_gives_the_angle(classes, turns):
    vectors, labels = everything(spirals(classes=classes, per_class=400, turns=turns, noise=0.0))
    assert np.bincount(labels).tolist() == [400] * classes
    radius = np.linalg.norm(vectors, axis=1)
    assert 0 < radius.min() < radius.max() <= 2
    behind = np.angle(vectors[:, 0] + 1j * vectors[:, 1]) - np.pi * turns * radius - 2 * np.pi * labels / classes
    # Angles of float32 coordinates next to the origin are known to fewer digits.
    np.testing.assert_allclose(np.cos(behind), 1, atol=1e-5)
    # A disc that is filled evenly: half of the points lie outside the radius that halves its area.
    assert (radius > 2 / np.sqrt(2)).mean() == pytest.approx(0.5, abs=0.06)  # 3 sds of 800 draws


@pytest.mark.parametrize("noise", [0.02, 0.3])
def test_noise_is_what_is_added(noise):
    clean, noisy = (list(everything(spirals(per_class=2000, noise=sd))) for sd in (0.0, noise))
    assert np.array_equal(clean[1], noisy[1])
    added = (noisy[0] - clean[0]) / noise
    assert abs(added.mean()) < 0.04  # of 8,000 normal numbers, mean and sd are known to about 0.011 and 0.008
    assert abs(added.std() - 1) < 0.03


def test_the_same_for_everybody_in_no_order_and_split_by_class():
    assert spirals().fingerprint() == spirals().fingerprint()
    assert spirals().fingerprint() != spirals(turns=1.0).fingerprint()
    data = spirals(classes=3, per_class=40, test=0.1)
    assert np.bincount(data.test["label"]).tolist() == [4, 4, 4]
    assert set(data.pool["label"][:20]) == {0, 1, 2}
    assert data.pool["vector"].dtype == np.float32
    assert DATASETS["spirals"] is spirals
