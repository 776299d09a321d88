"""Arrays in an .npz file: what their names mean, and what is wrong with a file in one line."""

import zipfile
from pathlib import Path

import numpy as np
import pytest

from ablate.data import DataError, DataSet, from_arrays, rows_like, table

RNG = np.random.default_rng(0)
VECTORS, LABELS = RNG.normal(size=(40, 3)), np.arange(40) % 4
IMAGES = RNG.integers(0, 256, (40, 5, 5, 1)).astype(np.uint8)


@pytest.fixture
def write(tmp_path):
    def save(name="own.npz", **arrays):
        np.savez(tmp_path / name, **arrays)
        return str(tmp_path / name)

    return save


def refused(read, *arguments, **keywords):
    with pytest.raises(DataError) as caught:
        read(*arguments, **keywords)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_a_share_is_held_out_as_from_arrays(write):
    found = table(write(vector=VECTORS, label=LABELS, teacher=np.zeros((40, 2))), test=0.3)
    assert (
        found.fingerprint() == from_arrays(0.3, vector=VECTORS, label=LABELS, teacher=np.zeros((40, 2))).fingerprint()
    )
    assert (found.name, found.classes, found.sizes) == ("own", 4, (28, 12))
    assert found.description == "own.npz: arrays vector, label, teacher"


def test_a_test_split_of_its_own(write):
    path = write(image=IMAGES, label=LABELS, test_image=IMAGES[:3], test_label=np.array([0, 5, 1]))
    found = table(path)
    assert np.array_equal(found.pool["image"], IMAGES)
    assert found.test["label"].tolist() == [0, 5, 1]
    assert found.classes == 6  # a class of the test split alone is one


def test_numbers_to_predict_and_their_unit(write, tmp_path):
    path = Path(write(vector=VECTORS, target=VECTORS[:, :2])).rename(tmp_path / "Own.NPZ")
    found = table(str(path), unit="m", test=0.5)
    assert (found.unit, found.sizes, found.info.shapes["target"]) == ("m", (20, 20), (2,))


def test_texts_are_classes_in_alphabetical_order(write):
    texts = np.array(["süß", "bitter", "sauer", "süß"] * 10)
    found = table(write(vector=VECTORS, label=texts))
    assert found.facts["labels"] == ("bitter", "sauer", "süß")
    assert np.bincount([*found.pool["label"], *found.test["label"]]).tolist() == [10, 10, 20]
    split = table(write(vector=VECTORS, label=texts, test_vector=VECTORS[:2], test_label=np.array(["sauer", "x"])))
    assert (split.facts["labels"], split.test["label"].tolist()) == (("bitter", "sauer", "süß", "x"), [1, 3])


@pytest.mark.parametrize(
    ("arrays", "words"),
    [
        ({"x": VECTORS, "label": LABELS}, "no array image or vector to predict from; it has x, label"),
        ({}, "no array image or vector to predict from; it has none"),
        ({"vector": VECTORS, "label": LABELS[:9]}, "arrays need one entry per example, got vector 40, label 9"),
        ({"vector": VECTORS, "label": LABELS / 2}, "label must be one integer per example, got float32 (40,)"),
        ({"vector": VECTORS, "label": LABELS - 1}, "label must lie from 0 to 2, got -1 to 2"),
        ({"vector": VECTORS, "target": VECTORS[:, 0]}, "target must be float [n, outputs], got float32 (40,)"),
        (
            {"image": IMAGES[..., 0], "label": LABELS[:, None]},
            "image must be uint8 or float [n, height, width, channels], got uint8 (40, 5, 5); "
            "grey images take image[..., None]; "
            "label must be one integer per example, got int32 (40, 1)",
        ),
        (
            {"vector": VECTORS, "label": LABELS, "test_vector": VECTORS},
            "pool has label, vector and test vector; give both the same arrays",
        ),
        ({"vector": VECTORS, "test_vector": VECTORS[:, :2]}, "vector is float32 (3,) in the pool and float32 (2,) in"),
        ({"vector": VECTORS[:1]}, "test arrays need one entry per example, got vector 0"),
    ],
)
def test_what_does_not_fit_is_said_with_the_file(write, arrays, words):
    path = write(**arrays)
    assert refused(table, path).startswith(f"data: {path}: {words}")


def test_what_cannot_be_read(write, tmp_path):
    whole = write(vector=VECTORS, label=LABELS)
    content = Path(whole).read_bytes()
    for k, torn in enumerate((b"", b"a,b\n1,2\n", content[: len(content) // 2])):
        (tmp_path / f"{k}.npz").write_bytes(torn)
        assert refused(table, str(tmp_path / f"{k}.npz")).startswith("data.path: cannot read ")
    with zipfile.ZipFile(tmp_path / "foreign.npz", "w") as file:
        file.writestr("vector.npy", content[:50])
    np.save(tmp_path / "one.npy", VECTORS)
    (tmp_path / "one.npy").rename(tmp_path / "one.npz")
    assert "arrays need one entry per example, got vector 0" in refused(table, str(tmp_path / "foreign.npz"))
    for name in ("one.npz", "none.npz"):
        assert refused(table, str(tmp_path / name)).startswith("data.path: cannot read ")
    assert "allow_pickle" in refused(table, write(vector=np.array([{}, []], object)))


def test_columns_are_those_of_a_csv(write):
    assert "target and label name columns of a CSV" in refused(table, write(vector=VECTORS, label=LABELS), label="y")


def test_rows_for_networks_that_are_trained_keep_the_order_of_the_file(write):
    data = table(write(vector=VECTORS, label=np.array(list("abcd"))[LABELS]))
    path = write("new.npz", vector=VECTORS, test_vector=VECTORS[:2], other=LABELS)
    rows = rows_like(path, data)
    assert np.array_equal(rows["vector"], np.float32([*VECTORS, *VECTORS[:2]]))
    assert set(rows_like(write("bare.npz", vector=VECTORS), data)) == {"vector"}
    assert rows_like(write("all.npz", vector=VECTORS, label=np.array(["d", "a"] * 20)), data)["label"][:3].tolist() == [
        3, 0, 3,
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("arrays", "words"),
    [
        ({"image": IMAGES}, "no array 'vector'; it has image"),
        ({"vector": VECTORS, "label": np.array(["z"] * 40)}, "the label 'z' is none of 'a', 'b', 'c', 'd'"),
        ({"vector": np.full((3, 3), np.nan)}, "vector has numbers that are not finite"),
    ],
)
def test_rows_that_do_not_fit(write, arrays, words):
    data = table(write(vector=VECTORS, label=np.array(list("abcd"))[LABELS]))
    path = write("new.npz", **arrays)
    assert refused(rows_like, path, data).startswith(f"data: {path}: {words}")


def test_a_csv_and_an_archive_do_not_stand_in_for_each_other(write, tmp_path):
    (tmp_path / "own.csv").write_text("a,b\n" + "1,2\n3,4\n" * 4)
    path = write(vector=VECTORS, label=LABELS)
    assert "give a CSV again" in refused(rows_like, path, table(str(tmp_path / "own.csv"), target=("b",)))
    assert "is no table" in refused(rows_like, str(tmp_path / "own.csv"), table(path))


def test_the_python_entry():
    assert from_arrays == DataSet.from_arrays
