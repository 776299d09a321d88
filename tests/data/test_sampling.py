"""What a seed does with the pool: disjoint splits, noise of the wanted kind and amount, batches by step."""

import numpy as np
import pytest

from ablate.data import NOISE_KINDS, DataError, DataSet, Draws, Sampling, Split, positions, split

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


def data_of(labels):
    one = {"vector": np.zeros((1, 1)), "label": labels[:1]}
    return DataSet.from_arrays(one, vector=np.zeros((SIZE, 1)), label=labels, classes=CLASSES)


def splitted(pool, **changes):
    labels, draws = pool
    found = split(data_of(labels), Sampling(**changes), draws)
    assert isinstance(found, Split)
    assert len(found.train) == len(found.planted["label"])
    return found


@pytest.mark.parametrize(("validation", "held"), [(0.0, 0), (0.15, 600), (0.5, 2000), (0.9999, 4000), (0.0001, 0)])
def test_training_and_validation_share_nothing_and_leave_nothing_out(pool, validation, held):
    found = splitted(pool, validation=validation)
    assert len(found.validation) == held
    assert sorted([*found.train, *found.validation]) == list(range(SIZE))


@pytest.mark.parametrize("rest", [True, False])
@pytest.mark.parametrize(("folds", "noise"), [(2, 0.0), (3, 0.3), (7, 0.3)])
def test_folds_leave_every_example_out_once(pool, folds, noise, rest):
    labels, draws = pool
    sampling = Sampling(folds=folds, train_on="rest" if rest else "one", validation=0.0, label_noise=noise)
    found = [split(data_of(labels), sampling, draws._replace(fold=fold)) for fold in range(folds)]
    times = np.bincount(np.concatenate([each.train for each in found]), minlength=SIZE)
    assert (times == (folds - 1 if rest else 1)).all()
    given = {
        position: label for each in found for position, label in zip(each.train, each.planted["label"], strict=True)
    }
    for each in found:  # an example has one label, whoever trains on it, and parts have as much of every class
        assert all(given[position] == label for position, label in zip(each.train, each.planted["label"], strict=True))
        counts = np.bincount(each.planted["label"], minlength=CLASSES)
        expected = np.bincount(list(given.values()), minlength=CLASSES) * (folds - 1 if rest else 1) / folds
        assert np.abs(counts - expected).max() < 1


def test_folds_hold_validation_out_of_what_is_trained(pool):
    found = splitted(pool, folds=4, train_on="one", validation=0.2)
    assert (len(found.train), len(found.validation)) == (800, 200)
    assert not set(found.train) & set(found.validation)


def test_another_order_is_another_split(pool):
    labels, draws = pool
    other = split(data_of(labels), Sampling(), draws._replace(order=draws.order[::-1].copy()))
    assert set(other.validation) != set(splitted(pool).validation)


def test_labels_are_clean_without_noise(pool):
    found = splitted(pool)
    assert np.array_equal(found.planted["label"], pool[0][found.train])
    assert found.planted["label"].dtype == np.int32


@pytest.mark.parametrize("kind", NOISE_KINDS)
@pytest.mark.parametrize("rate", [0.2, 0.5, 1.0])
def test_noise_replaces_the_wanted_share_by_wrong_labels(pool, kind, rate):
    found = splitted(pool, label_noise=rate, noise_kind=kind)
    clean = pool[0][found.train]
    wrong = found.planted["label"] != clean
    # Where the draw is below the rate the label is wrong without exception, so never the label itself.
    assert np.array_equal(wrong, pool[1].flips[found.train] < rate)
    assert wrong.mean() == pytest.approx(rate, abs=0.03)  # 4 standard deviations of 3400 draws
    assert set(found.planted["label"]) <= set(range(CLASSES))


def test_symmetric_noise_goes_to_every_other_class_alike(pool):
    found = splitted(pool, label_noise=1.0)
    shift = (found.planted["label"] - pool[0][found.train]) % CLASSES
    counts = np.bincount(shift, minlength=CLASSES)
    assert counts[0] == 0
    assert counts[1:] == pytest.approx(np.full(CLASSES - 1, len(shift) / (CLASSES - 1)), rel=0.15)


def test_pair_noise_goes_to_the_next_class(pool):
    found = splitted(pool, label_noise=1.0, noise_kind="pair")
    assert np.array_equal(found.planted["label"], (pool[0][found.train] + 1) % CLASSES)


def test_more_noise_keeps_the_noise_that_was_there(pool):
    clean = pool[0][splitted(pool).train]
    some, more = (splitted(pool, label_noise=rate).planted["label"] for rate in (0.2, 0.4))
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
    noisy = dict(zip(more.train, more.planted["label"], strict=True))
    assert [noisy[k] for k in few.train] == few.planted["label"].tolist()


def test_a_class_with_too_few_images_keeps_all(pool):
    labels, draws = pool
    rare = np.where(labels == 0, 1, labels).astype(np.int32)
    rare[:3] = 0
    found = split(data_of(rare), Sampling(validation=0.0, per_class=10), draws)
    assert np.bincount(rare[found.train], minlength=CLASSES).tolist() == [3, 10, 10, 10, 10]


@pytest.fixture(scope="module")
def targets():
    one, values = {"vector": np.zeros((1, 1)), "target": np.zeros((1, 2))}, np.random.default_rng(1)
    target = values.normal(5.0, [1.0, 3.0], (SIZE, 2))
    return DataSet.from_arrays(one, vector=np.zeros((SIZE, 1)), target=target)


def test_outliers_move_the_wanted_share_up_or_down_by_so_many_sds(pool, targets):
    found = split(targets, Sampling(outliers=0.2, outlier_size=4.0), pool[1])
    clean = targets.pool["target"][found.train]
    moved = (found.planted["target"] - clean) / targets.pool["target"].std(0)
    away = np.abs(moved[:, 0]) > 1e-3
    assert np.array_equal(away, pool[1].flips[found.train] < 0.2)
    assert away.mean() == pytest.approx(0.2, abs=0.03)
    assert np.abs(moved[away]) == pytest.approx(4.0, rel=1e-4)
    assert (moved[away, 0] > 0).mean() == pytest.approx(0.5, abs=0.06)
    untouched = split(targets, Sampling(), pool[1])
    assert np.array_equal(untouched.planted["target"], targets.pool["target"][untouched.train])


def test_so_many_examples_are_the_first_of_more(pool, targets):
    few, more = (split(targets, Sampling(examples=n), pool[1]).train for n in (10, 100))
    assert (len(few), len(more)) == (10, 100)
    assert np.array_equal(few, more[:10])


@pytest.mark.parametrize("validation", [0.0, 0.15, 0.37, 0.5, 0.9999])
def test_the_validation_split_has_the_same_share_of_every_class(pool, validation):
    labels, draws = pool
    found, sizes = splitted(pool, validation=validation), np.bincount(labels)
    held = np.bincount(labels[found.validation], minlength=CLASSES)
    assert len(found.validation) == round(validation * SIZE)
    assert np.abs(held - sizes * (len(found.validation) / SIZE)).max() < 1
    other = split(data_of(labels), Sampling(validation=validation), draws._replace(order=draws.order[::-1].copy()))
    assert np.bincount(labels[other.validation], minlength=CLASSES).tolist() == held.tolist()


def test_both_parts_keep_the_shuffled_order(pool, targets):
    place = np.argsort(pool[1].order)
    found = splitted(pool, imbalance=20.0)
    for part in (found.train, found.validation):
        assert np.all(np.diff(place[part]) > 0)
    plain = split(targets, Sampling(validation=0.25), pool[1])
    assert np.array_equal(plain.validation, pool[1].order[:1000])
    assert np.array_equal(plain.train, pool[1].order[1000:])


def counts_of(pool, **changes):
    return np.bincount(pool[0][splitted(pool, **changes).train], minlength=CLASSES).tolist()


@pytest.mark.parametrize(
    ("changes", "counts"),
    [
        ({"per_class": 400, "imbalance": 16.0}, [400, 200, 100, 50, 25]),
        ({"per_class": 400, "imbalance": 1e9}, [400, 2, 1, 1, 1]),
        ({"per_class": 400, "imbalance": float("inf")}, [400, 1, 1, 1, 1]),
        ({"per_class": 400, "imbalance": 16.0, "oversample": 1.0}, [400] * 5),
        ({"per_class": 400, "imbalance": 16.0, "oversample": 0.5}, [400, 283, 200, 141, 100]),
        ({"per_class": 400, "imbalance": 16.0, "oversample": 0.0}, [400, 200, 100, 50, 25]),
        ({"per_class": 7, "oversample": 1.0}, [7] * 5),
    ],
)
def test_a_long_tail_and_its_copies(pool, changes, counts):
    assert counts_of(pool, **changes) == counts


def test_a_ratio_of_one_and_a_share_of_none_change_nothing(pool):
    assert np.array_equal(splitted(pool, imbalance=1.0, oversample=0.0).train, splitted(pool).train)


def test_a_long_tail_is_a_part_of_all_and_leaves_the_validation_alone(pool):
    few, more, every = (splitted(pool, imbalance=ratio, label_noise=0.3) for ratio in (50.0, 5.0, 1.0))
    assert set(few.train) < set(more.train) < set(every.train)
    assert np.array_equal(few.validation, every.validation)
    seen = dict(zip(every.train, every.planted["label"], strict=True))
    assert [seen[k] for k in few.train] == few.planted["label"].tolist()


def test_copies_differ_by_one_at_most_and_come_from_the_training_split(pool):
    thin, full = splitted(pool, imbalance=30.0), splitted(pool, imbalance=30.0, oversample=1.0)
    assert np.array_equal(full.validation, thin.validation)
    assert set(full.train) == set(thin.train)
    times = np.bincount(full.train, minlength=SIZE)
    for label in range(CLASSES):
        own = times[thin.train[pool[0][thin.train] == label]]
        assert own.max() - own.min() <= 1
        assert np.all(np.diff(own) <= 0)  # who is first in the order is there once more


def test_labels_that_training_sees_decide_about_copies(pool):
    found = splitted(pool, imbalance=30.0, label_noise=0.4, oversample=1.0)
    assert len(set(np.bincount(found.planted["label"]))) == 1


@pytest.mark.parametrize(("name", "value"), [("imbalance", 2.0), ("oversample", 0.1)])
def test_without_labels_there_are_no_classes_to_thin_or_to_fill(pool, targets, name, value):
    with pytest.raises(DataError) as caught:
        split(targets, Sampling(**{name: value}), pool[1])
    assert str(caught.value) == f"data.{name}: needs an array 'label', and arrays has vector, target"


def test_what_decides_about_the_training_examples():
    assert not Sampling().selects
    for name, value in {"per_class": 1, "examples": 1, "imbalance": 2.0, "oversample": 0.5}.items():
        assert Sampling(**{name: value}).selects


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


def rotated(seed, labels=None, **changes):
    """A split of 30 + 10 examples, whose values are their places."""
    every = np.arange(40, dtype=np.float32)[:, None]
    label = np.arange(40, dtype=np.int32) % 2 if labels is None else labels
    pool, test = ({"vector": every[part], "label": label[part]} for part in (slice(30), slice(30, None)))
    dataset, rng = DataSet("places", pool, test), np.random.default_rng(seed)
    draws = Draws(rng.permutation(40).astype(np.int32), rng.random(40, np.float32), np.ones(40, np.int32))
    return dataset, split(dataset, Sampling(rotate_test=True, validation=0.2, **changes), draws)


def test_test_examples_drawn_anew_are_as_many_as_before_and_nobody_trains_on_them():
    dataset, one = rotated(0)
    assert (len(one.test), len(one.validation), len(one.train)) == (10, 6, 24)
    assert sorted([*one.train, *one.validation, *one.test]) == list(range(40))
    assert np.array_equal(one.test, np.sort(one.test))
    assert np.bincount(dataset.stacked["label"][one.test]).tolist() == [5, 5]
    assert np.array_equal(one.planted["label"], dataset.stacked["label"][one.train])
    assert set(rotated(1)[1].test) != set(one.test)
    assert any(place < 30 for place in one.test)
    assert any(place >= 30 for place in one.train)


def test_noise_spares_test_examples_that_were_drawn_from_the_pool():
    dataset, one = rotated(0, label_noise=1.0)
    assert np.array_equal(one.planted["label"], (dataset.stacked["label"][one.train] + 1) % 2)
    assert set(one.test).isdisjoint(one.train)


def test_without_it_the_test_split_is_as_it_came(pool):
    assert np.array_equal(splitted(pool).test, [SIZE])
