"""Tables and pages for a review: what a name holds is text on the page, and CSV readers get it back."""

import csv
import io

import numpy as np
import pytest

from ablate.report.review import SHOWN, Review, as_csv, as_page, pictures_of, write_review

NAMES = ['<b>"Käse" & co</b>', "a,b\nc", "|"]


def review(count=3, channels=1, dtype=np.uint8):
    images = (np.arange(count * 16 * channels) % 255).reshape(count, 4, 4, channels).astype(dtype)
    captions = [NAMES[k % 3] for k in range(count)]
    columns = {"index": np.arange(count), "label": np.array(captions)}
    return Review(
        "<title>", ["first & last"], columns, pictures_of(images, captions, [k == 1 for k in range(count)]), 0
    )


def test_a_csv_gives_back_what_it_holds():
    lines = list(csv.DictReader(io.StringIO(as_csv(review().columns), newline="")))
    assert [line["label"] for line in lines] == NAMES
    assert [line["index"] for line in lines] == ["0", "1", "2"]


@pytest.mark.parametrize("channels", [1, 3, 4])
@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
def test_a_page_shows_names_as_text(channels, dtype):
    page = as_page(review(channels=channels, dtype=dtype))
    assert "<b>" not in page
    assert "&lt;b&gt;&#34;Käse&#34; &amp; co&lt;/b&gt;" in page
    assert "first &amp; last" in page
    assert page.count('<img src="data:image/png;base64,') == 3
    assert page.count('<li class="marked">') == 1


def test_a_page_has_so_many_pictures_at_most():
    assert len(review(SHOWN + 5).pictures) == SHOWN


def test_without_pictures_there_is_a_table_alone(tmp_path):
    plain = review()._replace(pictures=())
    assert write_review(plain, tmp_path / "a.csv") == [tmp_path / "a.csv"]
    assert write_review(review(), tmp_path / "b.csv") == [tmp_path / "b.csv", tmp_path / "b.html"]


def test_names_that_are_no_utf8_are_kept_in_the_table_and_shown_on_the_page(tmp_path):
    name = b"bad\xff.png".decode("utf-8", "surrogateescape")
    one = review(1)._replace(columns={"file": np.array([name])}, lead=[name])
    table, page = write_review(one, tmp_path / "a.csv")
    assert b"bad\xff.png" in table.read_bytes()
    assert "bad\\udcff.png" in page.read_text(encoding="utf-8")


def test_an_earlier_page_goes_where_there_is_nothing_to_show(tmp_path):
    write_review(review(), tmp_path / "a.csv")
    write_review(review()._replace(pictures=()), tmp_path / "a.csv")
    assert not (tmp_path / "a.html").exists()
