"""Interleaved spirals in the plane: a picture of what a small network can bend around, whatever it is trained with."""

from typing import Annotated

import numpy as np

from ablate.data.dataset import DataSet
from ablate.tricks.axis import Count, Range

RADIUS = 2.0  # of the outer end of every spiral


def spirals(
    classes: Annotated[int, Range(2, 3)] = 2,
    per_class: Count = 500,
    turns: Annotated[float, Range(0, above=True)] = 2.0,
    noise: Annotated[float, Range(0)] = 0.05,
    test: Annotated[float, Range(0, 1, above=True, below=True)] = 0.25,
) -> DataSet:
    """Points along two or three spirals that wind around one another; the same ones for every seed and study.

        x = 2 t (cos a, sin a) + noise * n,    a = 2 pi (turns * t + k / classes),    t^2 ~ U(0, 1),  n ~ N(0, I)

    `label` is k, the spiral of an example. As t is the root of a uniform number, points lie about as densely at the
    outer end as further in. Neighbouring spirals are 2 / (turns * classes) apart: 0.5 by default, ten times the noise.

    Args:
        classes: number of spirals, 2 or 3.
        per_class: examples of each spiral, test included, at least 1.
        turns: how often a spiral winds around the origin, above 0.
        noise: standard deviation of each coordinate around its spiral, at least 0, in units of the coordinates.
        test: share of each spiral that is held out for the test, above 0 and below 1.

    Returns:
        A `DataSet` of vectors, [n, 2].

    Example:
        >>> spirals(classes=3).sizes, spirals().classes
        ((1125, 375), 2)

    References:
        Lang, Witbrock. Learning to Tell Two Spirals Apart. In: Proceedings of the 1988 Connectionist Models Summer
        School. 1988.
    """
    rng = np.random.default_rng(0)
    labels = rng.permutation(np.repeat(np.arange(classes, dtype=np.int32), per_class))
    t = np.sqrt(rng.random(len(labels)))
    angle = 2 * np.pi * (turns * t + labels / classes)
    vectors = RADIUS * t[:, None] * np.stack([np.cos(angle), np.sin(angle)], -1) + noise * rng.normal(size=(len(t), 2))
    return DataSet.from_arrays(
        test,
        name="spirals",
        description=f"{len(labels):,} points on {classes} spirals of {turns:g} turns in the plane, noise {noise:g}",
        classes=classes,
        vector=vectors.astype(np.float32),
        label=labels,
    )
