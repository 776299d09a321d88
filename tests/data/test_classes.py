"""Numbers per class: what the formulas say by hand, and what holds for any labels."""

import numpy as np
import pytest

from ablate.data import DataSet, Draws, Sampling, split
from ablate.data.classes import long_tail, oversampled, quotas, ranks, stratified


def labels_of(sizes):
    return np.random.default_rng(0).permutation(np.repeat(np.arange(len(sizes), dtype=np.int32), sizes))


def test_ranks_count_what_stands_before():
    labels = np.random.default_rng(3).integers(0, 7, 200).astype(np.int32)
    assert ranks(labels).tolist() == [list(labels[:k]).count(label) for k, label in enumerate(labels)]


@pytest.mark.parametrize(
    ("sizes", "count", "expected"),
    [
        ([50, 30, 20], 10, [5, 3, 2]),
        ([5, 3, 2], 4, [2, 1, 1]),  # 2.0, 1.2, 0.8
        ([7, 7, 7], 4, [2, 1, 1]),  # equal remainders: the first class
        ([1, 1, 98], 10, [0, 0, 10]),  # 0.1, 0.1, 9.8
        ([4, 0, 4], 3, [2, 0, 1]),
        ([3, 2], 0, [0, 0]),
        ([3, 2], 5, [3, 2]),
    ],
)
def test_quotas_by_hand(sizes, count, expected):
    assert quotas(labels_of(sizes), count).tolist() == expected


@pytest.mark.parametrize("seed", range(20))
def test_quotas_of_any_labels(seed):
    rng = np.random.default_rng(seed)
    sizes = rng.integers(0, 40, rng.integers(1, 12))
    sizes[-1] += 1  # the largest label is there
    labels = labels_of(sizes)
    for count in rng.integers(0, len(labels) + 1, 10):
        found = quotas(labels, int(count))
        assert found.sum() == count
        assert np.all(found <= sizes)
        assert np.abs(found - count * sizes / len(labels)).max() < 1


@pytest.mark.parametrize(
    ("largest", "classes", "total"),
    [(5000, 10, 12406), (500, 100, 10847)],  # CIFAR-10-LT and CIFAR-100-LT of ratio 100, as papers count them
)
def test_the_long_tails_of_the_papers(largest, classes, total):
    found = long_tail(largest, classes, 100.0)
    assert (found[0], found[-1], found.sum()) == (largest, largest // 100, total)


@pytest.mark.parametrize("ratio", [3.0, 7.0, 10.0, 49.0, 1000.0])
def test_the_last_class_of_a_long_tail_has_exactly_its_share(ratio):
    for last in range(1, 200):
        assert long_tail(int(ratio) * last, 2, ratio).tolist() == [int(ratio) * last, last]


def test_one_class_has_no_tail():
    assert long_tail(9, 1, 100.0).tolist() == [9]
    assert long_tail(9, 4, 1.0).tolist() == [9] * 4


@pytest.mark.parametrize("seed", range(20))
def test_oversampling_of_any_labels(seed):
    rng = np.random.default_rng(seed)
    labels = rng.choice(6, 300, p=rng.dirichlet(np.ones(6) / 2)).astype(np.int32)
    train = rng.permutation(300)[:200].astype(np.int32)
    before = np.bincount(labels[train], minlength=6)
    assert oversampled(train, labels, 0.0).tolist() == train.tolist()
    for share in (0.25, 0.5, 1.0):
        after = np.bincount(labels[oversampled(train, labels, share)], minlength=6)
        wanted = [n and max(before) * (n / max(before)) ** (1 - share) for n in before]
        assert np.abs(after - wanted).max() <= 0.5 + 1e-6
        assert set(oversampled(train, labels, share)) == set(train)
    assert set(after) <= {0, max(before)}


def test_nothing_is_repeated_where_nothing_is():
    none = np.zeros(0, np.int32)
    assert oversampled(none, np.zeros(5, np.int32), 1.0).tolist() == []


@pytest.mark.parametrize("seed", range(20))
def test_a_split_of_any_labels(seed):
    rng = np.random.default_rng(seed)
    labels = rng.choice(5, 157, p=rng.dirichlet(np.ones(5))).astype(np.int32)
    test = {"vector": np.zeros((1, 1)), "label": labels[:1]}
    data = DataSet.from_arrays(test, vector=np.zeros((157, 1)), label=labels, classes=5)
    draws = Draws(rng.permutation(157).astype(np.int32), rng.random(157, np.float32), np.ones(157, np.int32))
    share = float(rng.uniform(0, 0.9))
    plain = split(data, Sampling(validation=share), draws)
    assert sorted([*plain.train, *plain.validation]) == list(range(157))
    assert len(plain.validation) == round(share * 157)
    tail = split(data, Sampling(validation=share, imbalance=10.0, oversample=0.7), draws)
    assert np.array_equal(tail.validation, plain.validation)
    assert set(tail.train) <= set(plain.train)
    assert set(labels[tail.train]) == set(labels[plain.train])  # every class keeps an example
    held = stratified(draws.order, labels, len(plain.validation))
    assert np.array_equal(draws.order[held], plain.validation)
