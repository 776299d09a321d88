"""Which images a seed trains on and in which order: pure functions of random numbers that the caller draws.

Nothing here holds a generator. The training loop draws from the streams of a seed and passes the numbers in, so a
batch is a function of (seed, step) and a resumed run sees what an uninterrupted one would have seen.
"""

import dataclasses
from collections.abc import Mapping
from typing import Annotated, Any, NamedTuple

import numpy as np
from jaxtyping import Float32, Int32

from ablate.data.classes import fold_of, long_tail, oversampled, ranks, stratified
from ablate.data.dataset import DataError, DataSet
from ablate.tricks.axis import Range

Share = Annotated[float, Range(0, 1)]
NOISE_KINDS = ("symmetric", "pair")
TRAINED_FOLDS = ("rest", "one")
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
        imbalance: how many times as many training examples the first class keeps as the last, at least 1; those between
            follow `long_tail`. 1 leaves all classes as they are.
        oversample: how far weak classes are filled up with copies of their training examples, 0 (not at all) to 1 (as
            many as the largest class has), see `oversampled`; by the labels that training sees, noise included.
        outliers: share of the training targets that are moved far away, 0 to 1.
        outlier_size: by how many standard deviations of the target, at least 0.
        rotate_test: draws the test examples anew for every seed, from pool and test split together, as many as the
            latter has; arms of one seed share them. The error over seeds is then one over test examples too. What
            scales inputs (mean and sd) remains that of the pool as it came.
        input_noise: standard deviation of Gaussian noise on the training inputs, at least 0, in units of images from 0
            to 1; drawn once for every example.
        folds: into how many parts the pool is divided, 2 or more; 0 divides nothing. Seed s holds out part s mod folds,
            and every `folds` seeds in a row share a partition: with 5 folds, seeds 0 to 4 hold out every example once.
            Planted noise is then the same in all cells, as an example has one label.
        train_on: rest (all parts but the one of the seed) or one (only that one); the others are left out.
    """

    validation: Annotated[float, Range(0, 1, below=True)] = 0.15
    label_noise: Share = 0.0
    noise_kind: str = "symmetric"
    per_class: Annotated[int, Range(0)] = 0
    examples: Annotated[int, Range(0)] = 0
    imbalance: Annotated[float, Range(1)] = 1.0
    oversample: Share = 0.0
    outliers: Share = 0.0
    outlier_size: Annotated[float, Range(0)] = 5.0
    input_noise: Annotated[float, Range(0)] = 0.0
    rotate_test: bool = False
    folds: Annotated[int, Range(0)] = 0
    train_on: str = "rest"

    @property
    def spoils(self) -> bool:
        """Whether random numbers of a seed spoil training examples before it trains."""
        return self.label_noise > 0 or self.outliers > 0

    @property
    def selects(self) -> bool:
        """Whether a seed decides which examples of its training split it trains on, or on which more often."""
        return bool(self.per_class or self.examples or self.imbalance > 1 or self.oversample or self.folds)


class Draws(NamedTuple):
    """Random numbers of one seed, one for every example that is split: `order` shuffles, the others decide about noise.

    Those examples are the pool, and with `rotate_test` the test split behind it.
    """

    order: Int32[np.ndarray, " examples"]
    flips: Float32[np.ndarray, " examples"]
    shifts: Int32[np.ndarray, " examples"]
    fold: int = 0  # the part that is held out, or the only one that is trained on


def label_shifts(dataset: DataSet) -> int:
    """Labels can be shifted by 1 to one less than this; 2 where there are no labels to shift."""
    return max(dataset.classes, 2)


class Split(NamedTuple):
    """Positions in `DataSet.stacked` that a seed trains, validates and is tested on; `planted` stands in for arrays.

    Planted arrays go along with `train`, example by example: labels of which some are wrong, targets with outliers.
    """

    train: Int32[np.ndarray, " train"]
    validation: Int32[np.ndarray, " validation"]
    test: Int32[np.ndarray, " test"]
    planted: Mapping[str, np.ndarray]


def number_split(dataset: DataSet, sampling: Sampling) -> int:
    """How many examples a seed splits: the pool, and where the test examples are drawn anew, those behind it too."""
    return sum(dataset.sizes) if sampling.rotate_test else dataset.sizes[0]


def _array_split(dataset: DataSet, sampling: Sampling, name: str) -> np.ndarray | None:
    """An array of the examples that a seed splits."""
    if name not in dataset.pool:
        return None
    return dataset.whole(name) if sampling.rotate_test else dataset.pool[name]


def split(dataset: DataSet, sampling: Sampling, draws: Draws) -> Split:
    """Splits the examples for one seed, thins and repeats training examples and plants label noise or outliers.

    Where there is a `label`, the validation split has the same share of every class, by `quotas`; so its size does not
    depend on the seed, nor does the number of examples of a class. Both parts keep the shuffled order of the seed.

    Args:
        dataset: whose pool is split.
        sampling: what to do.
        draws: the seed's random numbers; `shifts` in 1..classes-1.

    Returns:
        The split; only training examples are spoilt, left out or repeated.

    Raises:
        DataError: classes are to be thinned or filled up, and there is no `label`.
    """
    labels, targets = (_array_split(dataset, sampling, name) for name in PLANTED)
    pool, tested = dataset.sizes
    order, test = draws.order, pool + np.arange(tested, dtype=np.int32)
    if sampling.rotate_test:
        held = stratified(order, labels, tested)
        test, order = np.sort(order[held]), order[~held]
    seen = None if labels is None else noisy(labels, dataset.classes, sampling, draws)
    if sampling.folds:
        order = order[(fold_of(order, seen, sampling.folds) == draws.fold) == (sampling.train_on == "one")]
    held = stratified(order, labels, round(sampling.validation * len(order)))
    validation, train = order[held], order[~held]
    planted = {}
    if labels is None or seen is None:
        _reject_classes(dataset, sampling)
        train = train[: sampling.examples or None]
    else:
        train = oversampled(_thinned(train, labels, dataset.classes, sampling), seen, sampling.oversample)
        planted["label"] = seen[train]
    if targets is not None:
        planted["target"] = with_outliers(targets, sampling, draws)[train]
    return Split(train, validation, test, planted)


def lane_numbers(dataset: DataSet, split: Split, sampling: Sampling) -> dict[str, Any]:
    """What a step may know of its lane's training examples: how many, how many of each class, how noisy."""
    labels = split.planted.get("label")
    counts = {} if labels is None else {"counts": np.bincount(labels, minlength=dataset.classes).astype(np.float32)}
    return {"examples": len(split.train), "input_noise": sampling.input_noise, **counts}


def _reject_classes(dataset: DataSet, sampling: Sampling) -> None:
    needs_label = {"imbalance": sampling.imbalance > 1, "oversample": sampling.oversample > 0}
    name = next((name for name, is_asked in needs_label.items() if is_asked), None)
    if name:
        raise DataError(f"data.{name}: needs an array 'label', and {dataset.name} has {', '.join(dataset.pool)}")


def noisy(
    labels: Int32[np.ndarray, " examples"], classes: int, sampling: Sampling, draws: Draws
) -> Int32[np.ndarray, " examples"]:
    """Labels with a share of them replaced: y' = (y + shift) mod K where the draw is below the rate.

    References:
        Patrini et al. Making Deep Neural Networks Robust to Label Noise. 2016. https://arxiv.org/abs/1609.03683
    """
    shifts = draws.shifts if sampling.noise_kind == "symmetric" else np.ones_like(draws.shifts)
    wrong = (labels + shifts) % classes
    return np.where(draws.flips < sampling.label_noise, wrong, labels).astype(np.int32)


def with_outliers(
    targets: Float32[np.ndarray, "examples outputs"], sampling: Sampling, draws: Draws
) -> Float32[np.ndarray, "examples outputs"]:
    """Targets of which a share is moved up or down: y' = y +- size * sd(y) where the draw is below the share.

    References:
        Huber. Robust Estimation of a Location Parameter. 1964. https://doi.org/10.1214/aoms/1177703732
    """
    share = sampling.outliers
    # The draws below the share are spread evenly over [0, share): its lower half goes up, its upper half down.
    sign = np.where(draws.flips < share / 2, 1.0, -1.0) * (draws.flips < share)
    return (targets + sampling.outlier_size * targets.std(0) * sign[:, None]).astype(np.float32)


def _thinned(train: np.ndarray, labels: np.ndarray, classes: int, sampling: Sampling) -> np.ndarray:
    """The first of each class, or of all, in the shuffled order; what is left is thinned to a long tail."""
    if sampling.per_class:
        train = train[ranks(labels[train]) < sampling.per_class]
    elif sampling.examples:
        train = train[: sampling.examples]
    own = labels[train]
    kept = long_tail(int(np.bincount(own).max(initial=0)), classes, sampling.imbalance)
    return train[ranks(own) < kept[own]]


def positions(step: int, batch_size: int, size: int) -> tuple[int, slice]:
    """Epoch and slice of its shuffled order that make the batch of a step; a last partial batch is left out.

    >>> positions(5, batch_size=32, size=100)
    (1, slice(64, 96, None))
    """
    per_epoch = size // batch_size
    epoch, k = divmod(step, per_epoch)
    return epoch, slice(k * batch_size, (k + 1) * batch_size)
