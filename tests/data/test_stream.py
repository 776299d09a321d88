"""Data larger than memory: rows gathered from where they lie, and read ahead in order."""

import threading
from collections.abc import Sequence

import numpy as np
import pytest

from ablate.data import DataSet
from ablate.data.stream import AHEAD, read_ahead


@pytest.fixture
def mapped(tmp_path):
    """A data set whose images lie in files."""
    parts = {}
    for part, count in (("pool", 700), ("test", 50)):
        images = np.random.default_rng(count).integers(0, 256, (count, 4, 4, 3), np.uint8)
        np.save(tmp_path / f"{part}.npy", images)
        labels = np.arange(count, dtype=np.int32) % 5
        parts[part] = {"image": np.load(tmp_path / f"{part}.npy", mmap_mode="r"), "label": labels}
    return DataSet("mapped", **parts)


def test_images_stay_in_their_files(mapped):
    assert isinstance(mapped.pool["image"], np.memmap)
    assert mapped.example_bytes == 4 * 4 * 3 + 4
    assert mapped.bytes == 750 * mapped.example_bytes


@pytest.mark.parametrize("positions", [[0, 699, 3, 3], [700, 749], [749, 0, 700, 5], []], ids=str)
def test_rows_are_those_of_the_whole(mapped, positions):
    positions = np.array(positions, np.int32)
    found = mapped.rows(positions)
    assert found.keys() == mapped.stacked.keys()
    for name, array in mapped.stacked.items():
        assert found[name].dtype == array.dtype
        np.testing.assert_array_equal(found[name], array[positions])


def test_pieces_come_in_their_order_and_whole(mapped):
    pieces = [np.arange(k, k + 40) % 750 for k in range(0, 3000, 40)]
    found = list(read_ahead(mapped, pieces))
    assert len(found) == len(pieces)
    for piece, arrays in zip(pieces, found, strict=True):
        np.testing.assert_array_equal(arrays["image"], mapped.stacked["image"][piece])
        np.testing.assert_array_equal(arrays["label"], mapped.stacked["label"][piece])


def test_no_more_is_read_than_a_few_pieces_ahead(mapped):
    asked, enough = [], threading.Event()

    class Pieces(Sequence):
        def __len__(self):
            return 1000

        def __getitem__(self, k):
            asked.append(k)
            if len(asked) > 1 + AHEAD:
                enough.set()
            return np.array([k % 750])

    stream = read_ahead(mapped, Pieces())
    next(stream)
    enough.wait(0.5)
    assert len(asked) <= 2 + 2 * AHEAD


def test_what_goes_wrong_while_reading_is_told(mapped):
    with pytest.raises(IndexError):
        list(read_ahead(mapped, [np.array([5]), np.array([10_000])]))


@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
@pytest.mark.parametrize("count", [3, 256, 700])
def test_statistics_by_parts_are_those_of_the_whole(dtype, count):
    images = np.random.default_rng(0).integers(0, 256, (count, 3, 2, 4)).astype(dtype)
    stats = DataSet.from_arrays(test={"image": images[:2]}, image=images).info.stats["image"]
    whole = images.astype(np.float64) / (255 if dtype == np.uint8 else 1)
    np.testing.assert_allclose(stats.mean, whole.mean((0, 1, 2)), rtol=1e-7)
    np.testing.assert_allclose(stats.sd, whole.std((0, 1, 2)), rtol=1e-6)


def test_one_number_that_is_not_finite_is_found_wherever_it_lies():
    vectors = np.zeros((1000, 2), np.float32)
    vectors[999, 1] = np.inf
    with pytest.raises(ValueError, match="not finite"):
        DataSet.from_arrays(vector=vectors, label=np.arange(1000) % 2, test={"vector": vectors[:2], "label": [0, 1]})
