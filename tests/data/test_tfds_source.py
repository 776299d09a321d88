"""Data sets of tensorflow-datasets: made here in ArrayRecord, read without TensorFlow, decoded once."""

import shutil
import sys

import numpy as np
import pytest

from ablate.data import DataError, cache_root, tfds_dataset, tfds_source

from .made import folder_of, write_data_set


def grey(count, size=4, step=10):
    return [np.full((size, size, 1), step * k, np.uint8) for k in range(count)]


@pytest.fixture
def make(monkeypatch, tmp_path):
    """Writes data sets, and removes them; their cache is the test's own."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    made = []

    def write(name="made_set", splits=None, **others):
        made.append(folder_of(name))
        return write_data_set(name, splits or {"train": grey(7), "test": grey(4, step=20)}, **others)

    yield write
    for folder in made:
        shutil.rmtree(folder.parent, ignore_errors=True)


def cached(name="made_set", size="as-is"):
    return cache_root() / "arrays" / f"{name}-1.0.0" / size


def message_of(*arguments, **keywords):
    with pytest.raises(DataError) as caught:
        tfds_dataset(*arguments, **keywords)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_a_prepared_data_set(make):
    make()
    before = "tensorflow" in sys.modules
    found = tfds_dataset("made_set")
    assert found.name == "made_set"
    assert found.classes == 3
    assert found.info.shapes["image"] == (4, 4, 1)
    assert found.pool["image"][:, 0, 0, 0].tolist() == [0, 10, 20, 30, 40, 50, 60]
    assert found.pool["label"].tolist() == [0, 1, 2, 0, 1, 2, 0]
    assert found.test["image"][:, 3, 3, 0].tolist() == [0, 20, 40, 60]
    assert found.test["label"].tolist() == [0, 1, 2, 0]
    assert (found.pool["image"].dtype, found.pool["label"].dtype) == (np.uint8, np.int32)
    assert found.description == "made_set/1.0.0 of tensorflow-datasets"
    assert ("tensorflow" in sys.modules) == before


def test_classes_are_called_as_the_set_calls_them(make):
    make("made_named", classes=("cat", "dog", "=cow"))
    assert tfds_dataset("made_named").facts == {"labels": ("cat", "dog", "=cow")}
    make("made_numbered")
    assert tfds_dataset("made_numbered").facts == {}


def test_names_with_a_version(make):
    make()
    assert tfds_dataset("made_set:1.0.0").fingerprint() == tfds_dataset("made_set").fingerprint()


def test_colour_images(make):
    image = np.arange(48, dtype=np.uint8).reshape(4, 4, 3)
    make(splits={"train": [image, image], "test": [image]})
    assert np.array_equal(tfds_dataset("made_set").pool["image"][1], image)


def test_other_splits(make):
    make(splits={"train": grey(3), "validation": grey(2), "test": grey(1)})
    found = tfds_dataset("made_set", split="validation", test_split="train")
    assert (len(found.pool["image"]), len(found.test["image"])) == (2, 3)


def test_a_split_that_is_not_there(make):
    make(splits={"train": grey(3), "validation": grey(2)})
    assert message_of("made_set") == (
        "data: 'made_set' has no split 'test'; it has train, validation; set data.split, data.test_split"
    )


@pytest.mark.parametrize("channels", [1, 3])
def test_images_of_several_sizes(make, channels):
    images = [np.full((size, size + 1, channels), 80, np.uint8) for size in (4, 6, 5)]
    make(splits={"train": images, "test": images[:1]})
    assert message_of("made_set") == (
        f"data.size: images of 'made_set' have sizes 4x5x{channels} and 6x7x{channels}; set data.size, e.g. 64"
    )
    found = tfds_dataset("made_set", size=3)
    assert found.info.shapes["image"] == (3, 3, channels)
    assert np.all(found.pool["image"] == 80)


def test_resizing_keeps_the_picture(make):
    half = np.zeros((8, 8, 1), np.uint8)
    half[:, 4:] = 200
    make(splits={"train": [half], "test": [half]})
    assert tfds_dataset("made_set", size=4).pool["image"][0, :, :, 0].tolist() == [[0, 25, 175, 200]] * 4
    assert cached(size="4px").is_dir()


def test_the_second_load_reads_the_cache(make, monkeypatch):
    make()
    first = tfds_dataset("made_set")
    assert sorted(path.name for path in cached().iterdir()) == [
        "test-images.npy", "test-labels.npy", "train-images.npy", "train-labels.npy",
    ]  # fmt: skip
    monkeypatch.setattr(tfds_source, "_decoded", None)
    second = tfds_dataset("made_set")
    assert isinstance(second.pool["image"], np.memmap)
    assert second.fingerprint() == first.fingerprint()


@pytest.mark.parametrize("content", [b"", b"garbage", b"\x93NUMPY\x01\x00", None, 100])
@pytest.mark.parametrize("kind", ["images", "labels"])
def test_a_corrupt_cache_is_decoded_again(make, content, kind):
    make()
    first = tfds_dataset("made_set")
    path = cached() / f"train-{kind}.npy"
    whole = path.read_bytes()
    path.unlink()
    if content is not None:
        path.write_bytes(whole[:content] if isinstance(content, int) else content)
    assert tfds_dataset("made_set").fingerprint() == first.fingerprint()
    assert path.read_bytes() == whole


def test_a_cache_of_another_length_is_decoded_again(make):
    make()
    first = tfds_dataset("made_set").fingerprint()
    for kind in ("images", "labels"):
        path = cached() / f"train-{kind}.npy"
        np.save(path, np.load(path)[:-1])
    assert tfds_dataset("made_set").fingerprint() == first


def test_a_cache_that_cannot_be_written_is_no_error(make, tmp_path, monkeypatch):
    make()
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file" / "below"))
    assert len(tfds_dataset("made_set").pool["image"]) == 7


def test_a_full_disk_is_no_error(make, monkeypatch):
    def full(path, array):
        raise OSError(28, "No space left on device")

    make()
    monkeypatch.setattr("numpy.save", full)
    assert len(tfds_dataset("made_set").pool["image"]) == 7
    assert not any(cached().iterdir())


def test_a_disk_that_fills_up_on_the_way_leaves_nothing(make, monkeypatch):
    written = np.lib.format.write_array_header_1_0

    def full(file, head):
        written(file, head)
        raise OSError(28, "No space left on device")

    make()
    monkeypatch.setattr("numpy.lib.format.write_array_header_1_0", full)
    found = tfds_dataset("made_set").pool["image"]
    assert len(found) == 7
    assert not isinstance(found, np.memmap)
    assert not any(cached().iterdir())


def test_the_cache_has_its_place(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache_root() == tmp_path / "ablate"
    monkeypatch.setenv("XDG_CACHE_HOME", "")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert cache_root() == tmp_path / "home" / ".cache" / "ablate"


def test_what_is_not_prepared(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    message = message_of("mnist")
    assert message.startswith(f"data.name: 'mnist' is not prepared in {folder_of('mnist').parent}")
    assert "set TFDS_DATA_DIR" in message
    assert "pip install 'ablate-jax[tfds]'" in message


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("digit", "can read; did you mean 'digits'?"),
        ("fashion-mnist", "did you mean 'fashion_mnist'?"),
        ("CIFAR10", "did you mean 'cifar10'?"),
        ("cifar10:9.9.9", "cannot be loaded at version"),
        ("cifar10/xyz", "BuilderConfig xyz not found"),
        ("a b", "can read: ValueError: Parsing builder name string a b failed"),
        ("", "can read: ValueError: Parsing builder name string"),
        ("zzzzzz", "'zzzzzz' is neither a data set of ablate nor one that tensorflow-datasets can read"),
    ],
)
def test_what_is_not_known(name, words):
    assert words in message_of(name)


@pytest.mark.parametrize("label", ["caption", "labels"])
def test_what_is_no_classification(make, label):
    make(label=label)
    assert message_of("made_set") == (
        "data.name: 'made_set' has no image and class label; ablate trains image classifiers"
    )


def test_what_fails_while_it_is_prepared(monkeypatch):
    class Builder:
        def download_and_prepare(self, **keywords):
            raise ConnectionError("no network")

    monkeypatch.setattr("importlib.util.find_spec", lambda name: name)
    with pytest.raises(DataError, match=r"data\.name: preparing 'x' failed: ConnectionError: no network"):
        tfds_source._prepare(Builder(), "x")
