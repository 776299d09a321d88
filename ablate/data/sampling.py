"""Which images a seed trains on and in which order: pure functions of random numbers that the caller draws.

Nothing here holds a generator. The training loop draws from the streams of a seed and passes the numbers in, so a
batch is a function of (seed, step) and a resumed run sees what an uninterrupted one would have seen.
"""

import dataclasses
from typing import NamedTuple

import numpy as np
from jaxtyping import Float32, Int32

NOISE_KINDS = ("symmetric", "pair")


@dataclasses.dataclass(frozen=True)
class Sampling:
    """What a study does to the pool before training; arguments of `cfg.data` beside the data set's own.

    Args:
        validation: share of the pool held out for validation, at least 0 and below 1; its labels stay clean.
        label_noise: share of the training labels replaced by a wrong one, 0 to 1.
        noise_kind: symmetric (any other class alike) or pair (the next class).
        per_class: training images kept per class; 0 keeps all.
    """

    validation: float = 0.15
    label_noise: float = 0.0
    noise_kind: str = "symmetric"
    per_class: int = 0


class Draws(NamedTuple):
    """Random numbers of one seed: `order` shuffles the pool, the others decide about label noise."""

    order: Int32[np.ndarray, " pool"]
    flips: Float32[np.ndarray, " pool"]
    shifts: Int32[np.ndarray, " pool"]


class Split(NamedTuple):
    """Positions in the pool that a seed trains and validates on, and the labels it trains with."""

    train: Int32[np.ndarray, " train"]
    train_labels: Int32[np.ndarray, " train"]
    validation: Int32[np.ndarray, " validation"]


def split(labels: Int32[np.ndarray, " pool"], classes: int, sampling: Sampling, draws: Draws) -> Split:
    """Splits the pool for one seed, thins the classes and plants the label noise.

    Args:
        labels: clean labels of the pool.
        classes: number of classes.
        sampling: what to do.
        draws: the seed's random numbers; `shifts` in 1..classes-1.

    Returns:
        The split; only training labels are noisy.
    """
    held = round(sampling.validation * len(labels))
    validation, train = draws.order[:held], draws.order[held:]
    if sampling.per_class:
        train = _thinned(train, labels, sampling.per_class)
    return Split(train, noisy(labels, classes, sampling, draws)[train], validation)


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
