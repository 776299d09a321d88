"""Examples lead back to the file or the row that they came from."""

import csv

import numpy as np
from PIL import Image

from ablate.data import digits, folder, origin, table


def test_pictures_name_their_files(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    for k in range(20):
        file = tmp_path / "Bilder" / ("süß", "b c")[k % 2] / f"{k}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.new("L", (4, 4), 10 * k).save(file)
    data = folder(str(tmp_path / "Bilder"))
    files = origin(data)["file"]
    assert len(files) == 20
    for file, image in zip(files, data.whole("image"), strict=True):
        assert np.asarray(Image.open(tmp_path / "Bilder" / file)).max() == image.max()


def test_rows_of_a_table_are_counted_from_one(tmp_path):
    with open(tmp_path / "t.csv", "w", newline="") as file:
        csv.writer(file).writerows([("x", "kind"), *((k, "ab"[k % 2]) for k in range(40))])
    data = table(str(tmp_path / "t.csv"), label="kind")
    x = data.whole("vector")[:, 0] * np.std(np.arange(40)) + 19.5
    assert np.rint(x + 1).astype(int).tolist() == origin(data)["row"].tolist()


def test_of_other_data_nothing_is_known():
    assert origin(digits()) == {}


def test_a_cache_that_is_gone_names_nothing(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    for k in range(8):
        file = tmp_path / "p" / "ab"[k % 2] / f"{k}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.new("L", (4, 4), k).save(file)
    data = folder(str(tmp_path / "p"), test=0.25)
    for name in ("train.txt", "test.txt"):
        (tmp_path / "cache").joinpath(data.facts["prepared"], name).unlink()
    assert origin(data) == {}
