"""Which images a seed trains on and in which order: pure functions of random numbers that the caller draws.

Nothing here holds a generator. The training loop draws from the streams of a seed and passes the numbers in, so a
batch is a function of (seed, step) and a resumed run sees what an uninterrupted one would have seen.
"""

import dataclasses
from collections.abc import Mapping
from typing import Annotated, Any, NamedTuple

import numpy as np
from jaxtyping import Float32, Int32

from ablate.data.dataset import DataSet
from ablate.tricks.axis import Range

Share = Annotated[float, Range(0, 1)]
NOISE_KINDS = ("symmetric", "pair")
PLANTED = ("label", "target")  # arrays whose training examples may be spoilt: they travel with the batch


@dataclasses.dataclass(frozen=True)
class Sampling:
    """What a study does to the pool before training; arguments of `cfg.data` beside the data set's own.

    Args:
        validation: share of the pool held out for validation, at least 0 and below 1; its labels stay clean.
        label_noise: share of the training labels replaced by a wrong one, 0 to 1.
        noise_kind: symmetric (any other class alike) or pair (the next class).
        per_class: training examples kept per class; 0 keeps all.
        examples: training examples kept, where `per_class` is 0; 0 keeps all.
        outliers: share of the training targets that are moved far away, 0 to 1.
        outlier_size: by how many standard deviations of the target, at least 0.
        input_noise: standard deviation of Gaussian noise on the training inputs, at least 0, in units of images from 0
            to 1; drawn once for every example.
    """

    validation: Annotated[float, Range(0, 1, below=True)] = 0.15
    label_noise: Share = 0.0
    noise_kind: str = "symmetric"
    per_class: Annotated[int, Range(0)] = 0
    examples: Annotated[int, Range(0)] = 0
    outliers: Share = 0.0
    outlier_size: Annotated[float, Range(0)] = 5.0
    input_noise: Annotated[float, Range(0)] = 0.0


class Draws(NamedTuple):
    """Random numbers of one seed: `order` shuffles the pool, the others decide about label noise."""

    order: Int32[np.ndarray, " pool"]
    flips: Float32[np.ndarray, " pool"]
    shifts: Int32[np.ndarray, " pool"]


def label_shifts(dataset: DataSet) -> int:
    """Labels can be shifted by 1 to one less than this; 2 where there are no labels to shift."""
    return max(dataset.classes, 2)


class Split(NamedTuple):
    """Positions in the pool that a seed trains and validates on; `planted` stands in for arrays of the pool.

    Planted arrays go along with `train`, example by example: labels of which some are wrong, targets with outliers.
    """

    train: Int32[np.ndarray, " train"]
    validation: Int32[np.ndarray, " validation"]
    planted: Mapping[str, np.ndarray]


def split(dataset: DataSet, sampling: Sampling, draws: Draws) -> Split:
    """Splits the pool for one seed, thins the classes and plants label noise or outliers.

    Args:
        dataset: whose pool is split.
        sampling: what to do.
        draws: the seed's random numbers; `shifts` in 1..classes-1.

    Returns:
        The split; only training examples are spoilt.
    """
    held = round(sampling.validation * dataset.sizes[0])
    validation, train = draws.order[:held], draws.order[held:]
    labels, targets = dataset.pool.get("label"), dataset.pool.get("target")
    if sampling.per_class and labels is not None:
        train = _thinned(train, labels, sampling.per_class)
    elif sampling.examples:
        train = train[: sampling.examples]
    planted = {}
    if labels is not None:
        planted["label"] = noisy(labels, dataset.classes, sampling, draws)[train]
    if targets is not None:
        planted["target"] = with_outliers(targets, sampling, draws)[train]
    return Split(train, validation, planted)


def lane_numbers(dataset: DataSet, split: Split, sampling: Sampling) -> dict[str, Any]:
    """What a step may know of its lane's training examples: how many, how many of each class, how noisy."""
    labels = split.planted.get("label")
    counts = {} if labels is None else {"counts": np.bincount(labels, minlength=dataset.classes).astype(np.float32)}
    return {"examples": len(split.train), "input_noise": sampling.input_noise, **counts}


def noisy(
    labels: Int32[np.ndarray, " pool"], classes: int, sampling: Sampling, draws: Draws
) -> Int32[np.ndarray, " pool"]:
    """Labels with a share of them replaced: y' = (y + shift) mod K where the draw is below the rate.

    References:
        Patrini et al. Making Deep Neural Networks Robust to Label Noise. 2017. https://arxiv.org/abs/1609.03683
    """
    shifts = draws.shifts if sampling.noise_kind == "symmetric" else np.ones_like(draws.shifts)
    wrong = (labels + shifts) % classes
    return np.where(draws.flips < sampling.label_noise, wrong, labels).astype(np.int32)


def with_outliers(
    targets: Float32[np.ndarray, "pool outputs"], sampling: Sampling, draws: Draws
) -> Float32[np.ndarray, "pool outputs"]:
    """Targets of which a share is moved up or down: y' = y +- size * sd(y) where the draw is below the share.

    References:
        Huber. Robust Estimation of a Location Parameter. 1964. https://doi.org/10.1214/aoms/1177703732
    """
    share = sampling.outliers
    # The draws below the share are spread evenly over [0, share): its lower half goes up, its upper half down.
    sign = np.where(draws.flips < share / 2, 1.0, -1.0) * (draws.flips < share)
    return (targets + sampling.outlier_size * targets.std(0) * sign[:, None]).astype(np.float32)


def _thinned(train: np.ndarray, labels: np.ndarray, per_class: int) -> np.ndarray:
    """The first `per_class` of each class in the shuffled order."""
    kept = np.zeros(len(train), bool)
    for label in np.unique(labels):
        kept[np.flatnonzero(labels[train] == label)[:per_class]] = True
    return train[kept]


def positions(step: int, batch_size: int, size: int) -> tuple[int, slice]:
    """Epoch and slice of its shuffled order that make the batch of a step; a last partial batch is left out.

    >>> positions(5, batch_size=32, size=100)
    (1, slice(64, 96, None))
    """
    per_epoch = size // batch_size
    epoch, k = divmod(step, per_epoch)
    return epoch, slice(k * batch_size, (k + 1) * batch_size)
