"""The embedded data set: real digits, split once for good; and what identifies a data set."""

import dataclasses

import numpy as np
import pytest
from sklearn.datasets import load_digits

from ablate.data import DATASETS, DataError, Dataset, digits


@pytest.fixture(scope="module")
def found():
    return digits()


def test_shape_and_range(found):
    assert found.shape == (8, 8, 1)
    assert found.classes == 10
    assert (len(found.images), len(found.test_images)) == (1347, 450)
    assert (found.images.dtype, found.labels.dtype) == (np.uint8, np.int32)
    assert (found.images.min(), found.images.max()) == (0, 255)
    assert found.name == "digits"
    assert "1,797" in found.description


def test_every_image_is_in_one_of_the_two(found):
    source = load_digits()
    expected = np.sort([image.tobytes() for image in np.round(source.images * 255 / 16).astype(np.uint8)])
    there = np.sort([image.tobytes() for image in np.concatenate([found.images, found.test_images])[..., 0]])
    assert np.array_equal(expected, there)


def test_labels_stay_with_their_images(found):
    source = load_digits()
    known = {
        image.tobytes(): label
        for image, label in zip(np.round(source.images * 255 / 16).astype(np.uint8), source.target, strict=True)
    }
    assert [known[image.tobytes()] for image in found.images[..., 0]] == found.labels.tolist()
    assert [known[image.tobytes()] for image in found.test_images[..., 0]] == found.test_labels.tolist()


@pytest.mark.parametrize("share", [0.1, 0.25, 0.5])
def test_the_test_split_is_stratified(share):
    data = digits(share)
    every = np.bincount(load_digits().target)
    assert np.bincount(data.test_labels).tolist() == [round(share * count) for count in every]


def test_the_test_split_never_moves(found):
    again = digits()
    assert np.array_equal(again.test_images, found.test_images)
    assert again.fingerprint() == found.fingerprint()


def test_the_fingerprint_tells_content(found):
    other = found.images.copy()
    other[0, 0, 0, 0] += 1
    changed = [
        dataclasses.replace(found, images=other),
        dataclasses.replace(found, labels=found.labels[::-1]),
        dataclasses.replace(found, test_images=found.test_images[::-1]),
        dataclasses.replace(found, test_labels=found.test_labels[::-1]),
        dataclasses.replace(
            found, images=found.images.reshape(-1, 4, 16, 1), test_images=found.test_images.reshape(-1, 4, 16, 1)
        ),
        digits(0.5),
    ]
    prints = {data.fingerprint() for data in (found, *changed)}
    assert len(prints) == 7
    assert all(len(text) == 16 for text in prints)


def test_the_fingerprint_does_not_tell_names_or_layout(found):
    strided = np.asfortranarray(found.images)
    same = dataclasses.replace(found, name="other", description="other", images=strided)
    assert same.fingerprint() == found.fingerprint()


def made(**changes):
    content = {
        "name": "mine", "images": np.zeros((6, 4, 4, 1), np.uint8), "labels": np.zeros(6, np.int64), "classes": 2,
        "test_images": np.zeros((3, 4, 4, 1), np.uint8), "test_labels": np.ones(3, np.int32), "description": "",
    }  # fmt: skip
    return Dataset(**(content | changes))


def test_a_data_set_of_ones_own():
    assert made().shape == (4, 4, 1)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        (
            {"images": np.zeros((6, 4, 4, 1), np.float32)},
            "images must be uint8 [n, height, width, channels], got float32",
        ),
        (
            {"test_images": np.zeros((3, 4, 4), np.uint8)},
            "test_images must be uint8 [n, height, width, channels], got uint",
        ),
        ({"labels": np.zeros(5, np.int32)}, "labels must be one integer per image, got int32 (5,)"),
        ({"labels": np.zeros((6, 2), np.int32)}, "labels must be one integer per image, got int32 (6, 2)"),
        ({"labels": np.zeros(6)}, "labels must be one integer per image, got float64 (6,)"),
        ({"labels": np.full(6, 2)}, "labels must lie from 0 to 1, got 2 to 2"),
        ({"test_labels": np.full(3, -1)}, "test_labels must lie from 0 to 1, got -1 to -1"),
        (
            {"test_images": np.zeros((3, 5, 4, 1), np.uint8)},
            "images are (4, 4, 1) and test_images (5, 4, 1); make them",
        ),
        (
            {"test_images": np.zeros((0, 4, 4, 1), np.uint8), "test_labels": np.zeros(0, int)},
            "test_images must be uint8",
        ),
    ],
)
def test_a_data_set_that_cannot_be_used(changes, words):
    with pytest.raises(DataError) as caught:
        made(**changes)
    assert str(caught.value).startswith(f"data: {words}")


def test_several_mistakes_are_told_together():
    with pytest.raises(DataError, match=r"images must be uint8 .*; test_labels must lie from 0 to 1"):
        made(images=np.zeros((6, 16)), test_labels=np.full(3, 5))


def test_the_table_of_data_sets():
    assert DATASETS["digits"] is digits
