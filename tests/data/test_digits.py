"""The embedded data set: real digits, split once for good; and what identifies a data set."""

import dataclasses

import numpy as np
import pytest
from sklearn.datasets import load_digits

from ablate.data import DATASETS, DataError, DataSet, digits


@pytest.fixture(scope="module")
def found():
    return digits()


def test_shape_and_range(found):
    assert found.info.shapes["image"] == (8, 8, 1)
    assert found.classes == 10
    assert (len(found.pool["image"]), len(found.test["image"])) == (1347, 450)
    assert (found.pool["image"].dtype, found.pool["label"].dtype) == (np.uint8, np.int32)
    assert (found.pool["image"].min(), found.pool["image"].max()) == (0, 255)
    assert found.name == "digits"
    assert "1,797" in found.description


def test_every_image_is_in_one_of_the_two(found):
    source = load_digits()
    expected = np.sort([image.tobytes() for image in np.round(source.images * 255 / 16).astype(np.uint8)])
    there = np.sort([image.tobytes() for image in np.concatenate([found.pool["image"], found.test["image"]])[..., 0]])
    assert np.array_equal(expected, there)


def test_labels_stay_with_their_images(found):
    source = load_digits()
    known = {
        image.tobytes(): label
        for image, label in zip(np.round(source.images * 255 / 16).astype(np.uint8), source.target, strict=True)
    }
    assert [known[image.tobytes()] for image in found.pool["image"][..., 0]] == found.pool["label"].tolist()
    assert [known[image.tobytes()] for image in found.test["image"][..., 0]] == found.test["label"].tolist()


@pytest.mark.parametrize("share", [0.1, 0.25, 0.5])
def test_the_test_split_is_stratified(share):
    data = digits(share)
    every = np.bincount(load_digits().target)
    assert np.bincount(data.test["label"]).tolist() == [round(share * count) for count in every]


def test_the_test_split_never_moves(found):
    again = digits()
    assert np.array_equal(again.test["image"], found.test["image"])
    assert again.fingerprint() == found.fingerprint()


def test_the_fingerprint_tells_content(found):
    other = found.pool["image"].copy()
    other[0, 0, 0, 0] += 1
    flat = {
        part: array.reshape(-1, 4, 16, 1)
        for part, array in (("pool", found.pool["image"]), ("test", found.test["image"]))
    }
    changed = [
        with_arrays(found, "pool", image=other),
        with_arrays(found, "pool", label=found.pool["label"][::-1]),
        with_arrays(found, "test", image=found.test["image"][::-1]),
        with_arrays(found, "test", label=found.test["label"][::-1]),
        dataclasses.replace(found, **{part: {**getattr(found, part), "image": array} for part, array in flat.items()}),
        digits(0.5),
    ]
    prints = {data.fingerprint() for data in (found, *changed)}
    assert len(prints) == 7
    assert all(len(text) == 16 for text in prints)


def with_arrays(data, part, **arrays):
    return dataclasses.replace(data, **{part: {**getattr(data, part), **arrays}})


def test_the_fingerprint_does_not_tell_names_or_layout(found):
    strided = np.asfortranarray(found.pool["image"])
    same = dataclasses.replace(with_arrays(found, "pool", image=strided), name="other", description="other")
    assert same.fingerprint() == found.fingerprint()


def made(pool=(), test=(), **changes):
    """Six examples in the pool and three in the test split; None leaves an array out."""
    first = {"image": np.zeros((6, 4, 4, 1), np.uint8), "label": np.zeros(6, np.int64), **dict(pool)}
    second = {"image": np.zeros((3, 4, 4, 1), np.uint8), "label": np.ones(3, np.int32), **dict(test)}
    parts = ({name: array for name, array in part.items() if array is not None} for part in (first, second))
    return DataSet("mine", *parts, **{"classes": 2, **changes})


def test_a_data_set_of_ones_own():
    data = made()
    assert data.info.shapes == {"image": (4, 4, 1), "label": ()}
    assert data.pool["label"].dtype == np.int32
    assert data.sizes == (6, 3)
    assert made({"label": np.full(6, 3)}, classes=0).classes == 4


@pytest.mark.parametrize(
    ("pool", "test", "words"),
    [
        (
            {"image": np.zeros((6, 4, 4, 1), np.int64)},
            {},
            "image must be uint8 or float [n, height, width, channels], got",
        ),
        (
            {},
            {"image": np.zeros((3, 4, 4), np.uint8)},
            "test image must be uint8 or float [n, height, width, channels], got",
        ),
        ({"label": np.zeros(5, np.int32)}, {}, "arrays need one entry per example, got image 6, label 5"),
        ({"label": np.zeros((6, 2), np.int32)}, {}, "label must be one integer per example, got int32 (6, 2)"),
        ({"label": np.zeros(6)}, {}, "label must be one integer per example, got float32 (6,)"),
        ({"label": np.array(["a"] * 6)}, {}, "label must be bytes, integers or floats, got <U1"),
        ({"label": np.full(6, 2)}, {}, "label must lie from 0 to 1, got 2 to 2"),
        ({}, {"label": np.full(3, -1)}, "test label must lie from 0 to 1, got -1 to -1"),
        (
            {},
            {"image": np.zeros((3, 5, 4, 1), np.uint8)},
            "image is uint8 (4, 4, 1) in the pool and uint8 (5, 4, 1) in",
        ),
        ({}, {"image": np.zeros((0, 4, 4, 1), np.uint8), "label": np.zeros(0, int)}, "test arrays need one entry per"),
        ({"target": np.zeros((6, 1))}, {}, "pool has image, label, target and test image, label; give both the same"),
        ({"target": np.zeros(6)}, {"target": np.zeros(3)}, "target must be float [n, outputs], got float32 (6,)"),
        ({"vector": np.zeros(6)}, {"vector": np.zeros(3)}, "vector must be float [n, features], got float32 (6,)"),
        ({"extra": np.full(6, np.nan)}, {"extra": np.zeros(3)}, "extra has numbers that are not finite"),
    ],
)
def test_a_data_set_that_cannot_be_used(pool, test, words):
    with pytest.raises(DataError) as caught:
        made(pool, test)
    assert str(caught.value).startswith(f"data: {words}")


def test_several_mistakes_are_told_together():
    with pytest.raises(DataError, match=r"image must be uint8 .*; test label must lie from 0 to 1"):
        made({"image": np.zeros((6, 16))}, {"label": np.full(3, 5)})


def test_arrays_of_ones_own_split_by_class_and_always_alike():
    rng = np.random.default_rng(0)
    vectors, labels = rng.normal(size=(40, 3)), np.arange(40) % 4
    data = DataSet.from_arrays(0.25, vector=vectors, label=labels, teacher=np.zeros((40, 4)), name="mine")
    assert data.sizes == (32, 8)
    assert np.bincount(data.test["label"]).tolist() == [2] * 4
    assert (data.name, data.classes, data.info.input) == ("mine", 4, "vector")
    assert data.info.dtypes["vector"] == np.float32
    assert data.info.stats["vector"].mean == pytest.approx(data.pool["vector"].mean(0), abs=1e-6)
    again = DataSet.from_arrays(0.25, vector=vectors, label=labels, teacher=np.zeros((40, 4)))
    assert again.fingerprint() == data.fingerprint()
    own = DataSet.from_arrays({"vector": vectors[:5]}, vector=vectors)
    assert own.sizes == (40, 5)


@pytest.mark.parametrize("share", [0, 1, 1.5, -0.2])
def test_a_share_is_a_share(share):
    with pytest.raises(DataError, match="must lie between 0 and 1"):
        DataSet.from_arrays(share, vector=np.zeros((4, 2)))


def test_stacked_arrays_hold_the_test_split_behind_the_pool(found):
    pool, test = found.sizes
    assert np.array_equal(found.stacked["label"][:pool], found.pool["label"])
    assert np.array_equal(found.stacked["image"][pool:], found.test["image"])
    assert len(found.stacked["image"]) == pool + test


def test_statistics_are_mean_and_sd_of_each_channel_of_numbers_from_0_to_1():
    images = np.random.default_rng(0).integers(0, 256, (50, 6, 5, 3)).astype(np.uint8)
    images[..., 1] //= 2
    stats = DataSet.from_arrays({"image": images[:1]}, image=images).info.stats["image"]
    assert stats.mean == pytest.approx((images / 255).mean((0, 1, 2)), rel=1e-6)
    assert stats.sd == pytest.approx((images / 255).std((0, 1, 2)), rel=1e-6)


def test_the_table_of_data_sets():
    assert DATASETS["digits"] is digits
