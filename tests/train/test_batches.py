"""Orders are those of `jax.random.permutation`, whatever is drawn together; noise is drawn from a stream of its own."""

import jax
import numpy as np
import pytest

from ablate.data import Sampling, digits
from ablate.tasks.keys import stream, varied
from ablate.train import batches
from ablate.train.batches import BatchOrder, DataKey, shuffled, split_of

SEEDS = (0, 7, 2**32 - 1, varied(["order", "split"], 3))


@pytest.mark.parametrize("size", [1, 2, 31, 320, 3000])
@pytest.mark.parametrize("seed", SEEDS)
def test_a_split_is_shuffled_as_jax_shuffles(seed, size):
    expected = jax.random.permutation(stream(seed, "split"), size)
    order = shuffled(np.asarray(batches._numbers_of_split(batches.uint32(seed), size=size)))
    np.testing.assert_array_equal(order, expected)
    assert order.dtype == np.int32


@pytest.mark.parametrize(("size", "drawn"), [(32, 2**18), (320, 2**18), (320, 1000), (320, 1), (3000, 2**18)])
@pytest.mark.parametrize("key", [DataKey(3), DataKey(3, Sampling(folds=4), 2), DataKey(varied(["order"], 5))])
def test_every_epoch_is_shuffled_as_jax_shuffles_from_wherever_it_is_asked_for(monkeypatch, key, size, drawn):
    monkeypatch.setattr(batches, "MOST_DRAWN", drawn)
    order, batch = BatchOrder(key, size, 16), 16
    begin = stream(key.seed, "order")
    begin = jax.random.fold_in(begin, key.fold) if key.fold else begin
    for epoch in (0, 1, 5, 2, 70):
        expected = jax.random.permutation(jax.random.fold_in(begin, epoch), size)[batch : 2 * batch]
        np.testing.assert_array_equal(order.at(epoch * (size // batch) + 1), expected)


def test_noise_is_that_of_its_own_stream():
    data, sampling = digits(), Sampling(label_noise=0.3)
    clean, noisy = split_of(DataKey(1), data), split_of(DataKey(1, sampling), data)
    np.testing.assert_array_equal(clean.train, noisy.train)
    flip, shift = jax.random.split(stream(1, "noise"))
    labels, size = data.pool["label"], data.sizes[0]
    wrong = (labels + np.asarray(jax.random.randint(shift, (size,), 1, 10))) % 10
    expected = np.where(np.asarray(jax.random.uniform(flip, (size,))) < np.float32(0.3), wrong, labels)
    np.testing.assert_array_equal(noisy.planted["label"], expected[noisy.train])
    np.testing.assert_array_equal(clean.planted["label"], labels[clean.train])
