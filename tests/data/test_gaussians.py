"""The mixture in the plane: its centers, its spread, and that it is the same for everybody."""

import numpy as np
import pytest

from ablate.data import gaussians


@pytest.mark.parametrize(("modes", "radius"), [(8, 2.0), (5, 2.0), (4, 2.0), (1, 2.0)])
def test_a_ring(modes, radius):
    centers = gaussians(modes=modes, per_mode=8).facts["centers"]
    assert centers.shape == (modes, 2)
    np.testing.assert_allclose(np.linalg.norm(centers, axis=1), radius, rtol=1e-6)
    assert len(np.unique(centers.round(3), axis=0)) == modes


@pytest.mark.parametrize("side", [3, 5])
def test_a_grid(side):
    centers = gaussians(modes=side**2, per_mode=8).facts["centers"]
    places = [2.0 * k - (side - 1) for k in range(side)]
    assert sorted(map(tuple, centers.tolist())) == [(x, y) for x in places for y in places]


@pytest.mark.parametrize("sd", [0.05, 0.3])
def test_examples_lie_around_the_center_of_their_label(sd):
    data = gaussians(modes=8, per_mode=1000, sd=sd)
    assert (data.sizes, data.classes, data.facts["sd"]) == ((6000, 2000), 8, sd)
    vectors = np.concatenate([data.pool["vector"], data.test["vector"]])
    labels = np.concatenate([data.pool["label"], data.test["label"]])
    assert np.bincount(labels).tolist() == [1000] * 8
    assert np.bincount(data.test["label"]).tolist() == [250] * 8
    spread = (vectors - data.facts["centers"][labels]) / sd
    # Of 16,000 normal numbers, mean and sd are known to about 0.01.
    assert abs(spread.mean()) < 0.03
    assert abs(spread.std() - 1) < 0.03
    assert vectors.dtype == np.float32


def test_the_same_for_everybody_and_in_no_order():
    assert gaussians().fingerprint() == gaussians().fingerprint()
    assert gaussians().fingerprint() != gaussians(sd=0.1).fingerprint()
    assert set(gaussians().test["label"][:100]) == set(range(8))
