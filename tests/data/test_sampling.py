"""What a seed does with the pool: disjoint splits, noise of the wanted kind and amount, batches by step."""

import numpy as np
import pytest

from ablate.data import NOISE_KINDS, Draws, Sampling, Split, positions, split

CLASSES, SIZE = 5, 4000


@pytest.fixture(scope="module")
def pool():
    rng = np.random.default_rng(0)
    labels = rng.integers(0, CLASSES, SIZE).astype(np.int32)
    draws = Draws(
        order=rng.permutation(SIZE).astype(np.int32),
        flips=rng.random(SIZE, np.float32),
        shifts=rng.integers(1, CLASSES, SIZE).astype(np.int32),
    )
    return labels, draws


def splitted(pool, **changes):
    labels, draws = pool
    found = split(labels, CLASSES, Sampling(**changes), draws)
    assert isinstance(found, Split)
    assert len(found.train) == len(found.train_labels)
    return found


@pytest.mark.parametrize(("validation", "held"), [(0.0, 0), (0.15, 600), (0.5, 2000), (0.9999, 4000), (0.0001, 0)])
def test_training_and_validation_share_nothing_and_leave_nothing_out(pool, validation, held):
    found = splitted(pool, validation=validation)
    assert len(found.validation) == held
    assert sorted([*found.train, *found.validation]) == list(range(SIZE))


def test_another_order_is_another_split(pool):
    labels, draws = pool
    other = split(labels, CLASSES, Sampling(), draws._replace(order=draws.order[::-1].copy()))
    assert set(other.validation) != set(splitted(pool).validation)


def test_labels_are_clean_without_noise(pool):
    found = splitted(pool)
    assert np.array_equal(found.train_labels, pool[0][found.train])
    assert found.train_labels.dtype == np.int32


@pytest.mark.parametrize("kind", NOISE_KINDS)
@pytest.mark.parametrize("rate", [0.2, 0.5, 1.0])
def test_noise_replaces_the_wanted_share_by_wrong_labels(pool, kind, rate):
    found = splitted(pool, label_noise=rate, noise_kind=kind)
    clean = pool[0][found.train]
    wrong = found.train_labels != clean
    # Where the draw is below the rate the label is wrong without exception, so never the label itself.
    assert np.array_equal(wrong, pool[1].flips[found.train] < rate)
    assert wrong.mean() == pytest.approx(rate, abs=0.03)  # 4 standard deviations of 3400 draws
    assert set(found.train_labels) <= set(range(CLASSES))


def test_symmetric_noise_goes_to_every_other_class_alike(pool):
    found = splitted(pool, label_noise=1.0)
    shift = (found.train_labels - pool[0][found.train]) % CLASSES
    counts = np.bincount(shift, minlength=CLASSES)
    assert counts[0] == 0
    assert counts[1:] == pytest.approx(np.full(CLASSES - 1, len(shift) / (CLASSES - 1)), rel=0.15)


def test_pair_noise_goes_to_the_next_class(pool):
    found = splitted(pool, label_noise=1.0, noise_kind="pair")
    assert np.array_equal(found.train_labels, (pool[0][found.train] + 1) % CLASSES)


def test_more_noise_keeps_the_noise_that_was_there(pool):
    clean = pool[0][splitted(pool).train]
    some, more = (splitted(pool, label_noise=rate).train_labels for rate in (0.2, 0.4))
    assert np.array_equal(some[some != clean], more[some != clean])


def test_noise_never_reaches_the_order_or_the_validation(pool):
    clean, noisy = splitted(pool), splitted(pool, label_noise=0.5)
    assert np.array_equal(clean.train, noisy.train)
    assert np.array_equal(clean.validation, noisy.validation)


@pytest.mark.parametrize("per_class", [1, 3, 100])
def test_so_many_of_each_class(pool, per_class):
    found = splitted(pool, per_class=per_class)
    assert np.bincount(pool[0][found.train], minlength=CLASSES).tolist() == [per_class] * CLASSES
    assert not set(found.train) & set(found.validation)
    assert len(found.validation) == 600


def test_fewer_images_are_a_part_of_more(pool):
    few, more = (splitted(pool, per_class=n, label_noise=0.3) for n in (3, 10))
    assert set(few.train) < set(more.train)
    noisy = dict(zip(more.train, more.train_labels, strict=True))
    assert [noisy[k] for k in few.train] == few.train_labels.tolist()


def test_a_class_with_too_few_images_keeps_all(pool):
    labels, draws = pool
    rare = np.where(labels == 0, 1, labels).astype(np.int32)
    rare[:3] = 0
    found = split(rare, CLASSES, Sampling(validation=0.0, per_class=10), draws)
    assert np.bincount(rare[found.train], minlength=CLASSES).tolist() == [3, 10, 10, 10, 10]


@pytest.mark.parametrize(
    ("step", "size", "epoch", "batch"),
    [
        (0, 100, 0, slice(0, 32)),
        (2, 100, 0, slice(64, 96)),
        (3, 100, 1, slice(0, 32)),
        (7, 100, 2, slice(32, 64)),
        (5, 32, 5, slice(0, 32)),
        (5, 63, 5, slice(0, 32)),
        (5, 64, 2, slice(32, 64)),
    ],
)
def test_positions(step, size, epoch, batch):
    assert positions(step, 32, size) == (epoch, batch)


def test_an_epoch_shows_no_image_twice():
    size, batch_size = 103, 10
    seen = [k for step in range(10) for k in range(size)[positions(step, batch_size, size)[1]]]
    assert len(seen) == len(set(seen)) == 100
