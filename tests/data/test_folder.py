"""A folder of pictures: labels, split and lists, what cannot be read, and that files are decoded once."""

import os
import shutil

import numpy as np
import pytest
from PIL import Image

from ablate.data import DATASETS, DataError, folder, prepared


@pytest.fixture(autouse=True)
def _cache_of_its_own(tmp_path_factory, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))


def picture(path, value=0, size=(4, 4), mode="L"):
    path.parent.mkdir(parents=True, exist_ok=True)
    colour = value if mode in ("L", "I;16", "P", "1") else (value, value // 2, 255 - value)
    Image.new(mode, size, colour).save(path)
    return path


@pytest.fixture
def animals(tmp_path):
    """Cats 0 to 19 with even grey values, dogs 0 to 29 with odd ones; and what does not count."""
    for k in range(20):
        picture(tmp_path / "Katze süß" / f"{k:02}.png", 2 * k)
    for k in range(30):
        picture(tmp_path / "dog" / ("deeper" if k > 25 else "") / f"{k:02}.png", 2 * k + 1)
    picture(tmp_path / "dog" / ".hidden.png")
    picture(tmp_path / ".git" / "a.png")
    picture(tmp_path / "dog" / ".cache" / "a.png")
    picture(tmp_path / "loose.png")
    (tmp_path / "empty").mkdir()
    return tmp_path


def refused(*arguments, **keywords):
    with pytest.raises(DataError) as caught:
        folder(*arguments, **keywords)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def lines(data, name):
    with open(os.path.join(data.facts["prepared"], name), encoding="utf-8") as file:
        return file.read().splitlines()


def names_of(arrays, labels=("Katze süß", "dog")):
    """The files that examples of `animals` come from, by their grey value."""
    values = arrays["image"][:, 0, 0, 0].tolist()
    assert [value % 2 for value in values] == arrays["label"].tolist()
    deeper = {k: "deeper/" if k > 25 else "" for k in range(30)}
    return [f"{labels[v % 2]}/{deeper[v // 2] if v % 2 else ''}{v // 2:02}.png" for v in values]


def test_a_folder_per_label(animals):
    data = folder(str(animals))
    assert (data.name, data.classes, data.sizes) == (animals.name, 2, (45, 5))
    assert data.facts["labels"] == ("Katze süß", "dog")
    assert data.facts["counts"] == {"Katze süß": 20, "dog": 30}
    assert data.description == "50 pictures: Katze süß 20, dog 30"
    assert data.info.shapes["image"] == (4, 4, 1)
    assert np.bincount(data.test["label"]).tolist() == [2, 3]
    assert len({*names_of(data.pool), *names_of(data.test)}) == 50
    assert set(data.pool["label"][:15]) == {0, 1}
    assert DATASETS["folder"] is folder


@pytest.mark.parametrize(("share", "counts"), [(0.5, [10, 15]), (0.03, [1, 1]), (0.25, [5, 7])])
def test_the_split_is_stratified_and_never_moves(animals, share, counts):
    data = folder(str(animals), test=share)
    assert np.bincount(data.test["label"]).tolist() == counts
    assert folder(str(animals), test=share).fingerprint() == data.fingerprint()


def test_lists_name_the_examples_in_their_order_and_are_obeyed(animals):
    data = folder(str(animals))
    assert lines(data, "train.txt") == names_of(data.pool)
    assert lines(data, "test.txt") == names_of(data.test)
    for name in ("train.txt", "test.txt"):
        shutil.copy(os.path.join(data.facts["prepared"], name), animals)
    assert folder(str(animals), test=0.5).fingerprint() == data.fingerprint()
    (animals / "train.txt").write_bytes("\ufeffdog/03.png\r\n\r\n./Katze süß/07.png\r\n".encode())
    (animals / "test.txt").write_text("dog/deeper/29.png", encoding="utf-8")
    own = folder(str(animals))
    assert names_of(own.pool) == ["dog/03.png", "Katze süß/07.png"]
    assert names_of(own.test) == ["dog/deeper/29.png"]
    assert own.facts["counts"] == {"Katze süß": 1, "dog": 2}


@pytest.mark.parametrize(
    ("train", "test", "words"),
    [
        ("dog/01.png", None, "has train.txt alone; give both train.txt and test.txt, or none"),
        (None, "dog/01.png", "has test.txt alone"),
        ("dog/01.png\ndog/02.png", "dog/01.png", "name 'dog/01.png' twice"),
        ("dog/99.png", "dog/01.png", "name 'dog/99.png', which is no file of a label"),
        ("dog/02.png", "loose.png", "name 'loose.png', which is no file of a label"),
        ("dog/../loose.png", "dog/01.png", "which is no file of a label"),
        ("dog/01.png", " \n", "name no file on one side"),
    ],
)
def test_lists_that_do_not_fit(animals, train, test, words):
    for name, text in (("train.txt", train), ("test.txt", test)):
        if text is not None:
            (animals / name).write_text(text)
    assert words in refused(str(animals))


def test_files_that_cannot_be_read_are_listed_and_left_out(animals):
    (animals / "dog" / "07.png").write_text("no picture")
    whole = (animals / "dog" / "08.png").read_bytes()
    (animals / "dog" / "08.png").write_bytes(whole[: len(whole) - 20])
    (animals / "notes").mkdir()
    (animals / "notes" / "a.txt").write_text("")
    for _ in range(2):  # decoded, then as it was kept
        data = folder(str(animals))
        assert data.description == "48 pictures: Katze süß 20, dog 28; 3 that cannot be read left out"
        assert data.classes == 2
        reasons = dict(line.split("\t") for line in lines(data, "unreadable.txt"))
        assert list(reasons) == ["dog/07.png", "dog/08.png", "notes/a.txt"]
        assert reasons["dog/07.png"].startswith("UnidentifiedImageError: cannot identify")
        assert not {"dog/07.png", "dog/08.png"} & {*lines(data, "train.txt"), *lines(data, "test.txt")}
    (animals / "train.txt").write_text("dog/01.png\ndog/07.png\nKatze süß/01.png", encoding="utf-8")
    (animals / "test.txt").write_text("dog/02.png\n")
    assert names_of(folder(str(animals)).pool) == ["dog/01.png", "Katze süß/01.png"]
    (animals / "test.txt").write_text("dog/08.png\n")
    assert refused(str(animals)).endswith("none is left for test.txt")


def test_no_picture_at_all(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "x.png").write_text("no picture")
    words = f"data.path: none of 1 files in '{tmp_path}' can be read; a/x.png: UnidentifiedImageError"
    assert refused(str(tmp_path)).startswith(words)


@pytest.mark.parametrize("below", ["nowhere", "flat", "hollow"])
def test_what_is_no_folder_of_folders(tmp_path, below):
    picture(tmp_path / "flat" / "a.png")
    (tmp_path / "hollow" / "a").mkdir(parents=True)
    words = "there is no folder" if below == "nowhere" else "needs a folder of pictures per label, such as cat/1.png"
    assert words in refused(str(tmp_path / below))


def test_too_few_for_a_test_split(tmp_path):
    for k in range(4):
        picture(tmp_path / "ab"[k % 2] / f"{k}.png")
    assert refused(str(tmp_path)) == f"data.test: of 4 pictures in '{tmp_path}' none is left for test.txt"
    assert folder(str(tmp_path), test=0.5).sizes == (2, 2)


def test_several_sizes(animals):
    picture(animals / "dog" / "wide.png", 80, (9, 5))
    assert refused(str(animals)) == (
        f"data.size: pictures in '{animals}' have sizes 4x4 (50), 9x5 (1); set data.size, e.g. 64"
    )
    data = folder(str(animals), size=3)
    assert (data.info.shapes["image"], sum(data.sizes)) == ((3, 3, 1), 51)
    assert 80 in data.stacked["image"]


def test_grey_becomes_colour_where_there_is_colour(tmp_path):
    picture(tmp_path / "a" / "grey.png", 60)
    picture(tmp_path / "a" / "colour.png", 100, mode="RGB")
    picture(tmp_path / "b" / "0.png", 40)
    Image.new("RGBA", (4, 4), (10, 20, 30, 0)).save(tmp_path / "b" / "alpha.png")
    data = folder(str(tmp_path), test=0.5)
    assert data.info.shapes["image"] == (4, 4, 3)
    pixels = {tuple(image[0, 0].tolist()) for image in data.stacked["image"]}
    assert pixels == {(60, 60, 60), (100, 50, 155), (40, 40, 40), (10, 20, 30)}


def test_modes_of_grey(tmp_path):
    Image.fromarray(np.full((4, 4), 200 * 256 + 77, np.uint16)).save(picture(tmp_path / "a" / "16.png"))
    Image.new("1", (4, 4), 1).save(tmp_path / "a" / "1.png")
    Image.new("LA", (4, 4), (30, 0)).save(tmp_path / "a" / "la.png")
    Image.fromarray(np.full((4, 4), 0.5, np.float32)).save(tmp_path / "a" / "fraction.tiff")
    data = folder(str(tmp_path), test=0.5)
    assert sorted(data.stacked["image"][:, 0, 0, 0].tolist()) == [30, 200, 255]
    assert "its pixels are fractions" in lines(data, "unreadable.txt")[0]


def test_pictures_stand_upright(tmp_path):
    image = Image.fromarray(np.arange(0, 240, 40, dtype=np.uint8).reshape(2, 3))
    exif = image.getexif()
    exif[0x0112] = 6  # to be turned clockwise by a quarter
    (tmp_path / "a").mkdir()
    for k in range(2):
        image.save(tmp_path / "a" / f"{k}.png", exif=exif)
    assert folder(str(tmp_path), test=0.5).pool["image"][0, ..., 0].tolist() == [[120, 0], [160, 40], [200, 80]]


def test_files_are_decoded_once(animals, monkeypatch):
    first = folder(str(animals))
    monkeypatch.setattr(prepared, "read_image", None)
    assert folder(str(animals), test=0.3).facts["prepared"] == first.facts["prepared"]
    assert folder(str(animals)).fingerprint() == first.fingerprint()
    moved = animals.rename(animals.parent / "moved")
    assert folder(str(moved)).fingerprint() == first.fingerprint()


def test_other_files_or_another_size_are_prepared_anew(animals):
    places = [folder(str(animals)).facts["prepared"], folder(str(animals), size=2).facts["prepared"]]
    picture(animals / "dog" / "05.png", 99)
    data = folder(str(animals))
    assert 99 in data.stacked["image"][:, 0, 0, 0]
    os.utime(animals / "dog" / "05.png", ns=(1, 1))
    places += [data.facts["prepared"], folder(str(animals)).facts["prepared"]]
    (animals / "dog" / "06.png").unlink()
    assert len({*places, folder(str(animals)).facts["prepared"]}) == 5


@pytest.mark.parametrize("damage", ["empty", "garbage", "half", "last byte", "flipped", "one too few"])
def test_a_prepared_file_that_is_not_whole_is_made_again(animals, damage):
    from array_record.python.array_record_module import ArrayRecordReader, ArrayRecordWriter

    first = folder(str(animals))
    path = os.path.join(first.facts["prepared"], prepared.RECORDS)
    with open(path, "rb") as file:
        whole = file.read()
    middle = whole.index(b"shape") if b"shape" in whole else 100
    contents = {
        "empty": b"",
        "garbage": b"garbage" * 20_000,
        "half": whole[: len(whole) // 2],
        "last byte": whole[:-1],
        "flipped": whole[:middle] + bytes([whole[middle] ^ 255]) + whole[middle + 1 :],
    }
    if damage == "one too few":
        reader = ArrayRecordReader(path, "readahead_buffer_size:0")
        records = reader.read_all()
        reader.close()
        writer = ArrayRecordWriter(path, "group_size:1")
        for record in records[:-1]:
            writer.write(record)
        writer.close()
    else:
        with open(path, "wb") as file:
            file.write(contents[damage])
    assert folder(str(animals)).fingerprint() == first.fingerprint()
    with open(path, "rb") as file:
        assert file.read() == whole
    assert sorted(os.listdir(first.facts["prepared"])) == [
        "images.array_record", "test.txt", "train.txt", "unreadable.txt",
    ]  # fmt: skip


def test_a_cache_that_cannot_be_written_is_no_error(animals, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "loose.png" / "below"))
    assert folder(str(animals)).sizes == (45, 5)


def test_many_labels_are_counted_in_short(tmp_path):
    for k in range(25):
        for i in range(1 + k % 3):
            picture(tmp_path / f"{k:02}" / f"{i}.png")
    assert folder(str(tmp_path)).description == "49 pictures: 25 labels with 1 to 3 each"
