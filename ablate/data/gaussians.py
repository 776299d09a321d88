"""A mixture of Gaussians in the plane: data whose modes are known, for tasks that have to cover all of them."""

import math
from typing import Annotated

import numpy as np

from ablate.data.dataset import DataSet
from ablate.tricks.axis import Count, Range

RADIUS = 2.0  # of the ring, and the distance between neighbours on the grid


def gaussians(
    modes: Count = 8,
    per_mode: Count = 250,
    sd: Annotated[float, Range(0, above=True)] = 0.05,
    test: Annotated[float, Range(0, 1, above=True, below=True)] = 0.25,
) -> DataSet:
    """Points around the centers of a ring or a grid, as many at each; the same ones for every seed and study.

        x = center_k + sd * n,    n ~ N(0, I)

    A square number of modes from 9 on makes a grid with a distance of 2 between neighbours, any other number a ring of
    radius 2. `label` is k, the mode of an example; `facts` hold `centers`, [modes, 2], and `sd`.

    Args:
        modes: number of centers, at least 1: 8 on a ring and 25 on a grid are the customary ones.
        per_mode: examples at each center, test included, at least 1.
        sd: standard deviation of each coordinate around its center, above 0, in units of the coordinates.
        test: share of each mode that is held out for the test, above 0 and below 1.

    Returns:
        A `DataSet` of vectors, [n, 2].

    Example:
        >>> gaussians(modes=25).facts["centers"][0].tolist(), gaussians().sizes
        ([-4.0, -4.0], (1504, 496))

    References:
        Metz, Poole, Pfau, Sohl-Dickstein. Unrolled Generative Adversarial Networks. 2016.
        https://arxiv.org/abs/1611.02163
        Srivastava, Valkov, Russell, Gutmann, Sutton. VEEGAN: Reducing Mode Collapse in GANs using Implicit
        Variational Learning. 2017. https://arxiv.org/abs/1705.07761
    """
    centers = centers_of(modes)
    rng = np.random.default_rng(0)
    # In no order: a batch of an evaluation that held a few modes alone would be far from any sample of all of them.
    labels = rng.permutation(np.repeat(np.arange(modes, dtype=np.int32), per_mode))
    vectors = (centers[labels] + sd * rng.normal(size=(len(labels), 2))).astype(np.float32)
    return DataSet.from_arrays(
        test,
        name="gaussians",
        description=f"{len(labels):,} points of a mixture of {modes} Gaussians in the plane, sd {sd:g}",
        classes=modes,
        facts={"centers": centers.astype(np.float32), "sd": sd},
        vector=vectors,
        label=labels,
    )


def centers_of(modes: int) -> np.ndarray:
    """The centers, [modes, 2]: a grid for 9, 16, 25, ..., a ring otherwise.

    Example:
        >>> centers_of(2).round(6).tolist()
        [[2.0, 0.0], [-2.0, 0.0]]
    """
    side = math.isqrt(modes)
    if side > 2 and side**2 == modes:
        places = RADIUS * (np.arange(side) - (side - 1) / 2)
        return np.stack(np.meshgrid(places, places, indexing="ij"), -1).reshape(-1, 2)
    angles = 2 * np.pi * np.arange(modes) / modes
    return RADIUS * np.stack([np.cos(angles), np.sin(angles)], -1)
