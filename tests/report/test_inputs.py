"""Pictures of inputs in every format: the same pixels, names escaped, nothing loaded from outside."""

import base64
import dataclasses
import io
import json

import numpy as np
import pytest
from matplotlib.image import imread

from ablate.report.files import contents
from ablate.report.plots.figure import figure_files
from ablate.report.plots.pictures_svg import png
from ablate.report.plots.table import plots_of
from ablate.report.tables import tabulate
from ablate.results.inputs import InputRow
from tests.report import synthetic
from tests.report.test_report_formats import Page


def rows(channels=1, height=8):
    rng = np.random.default_rng(0)
    return [
        InputRow(
            arm,
            rng.integers(256, size=(8, height, 8, channels), dtype=np.uint8),
            tuple(f"{name} → 7" for name in synthetic.HOSTILE[:8]),
            (True, False) * 4,
        )
        for arm in ("", *synthetic.HOSTILE)
    ]


@pytest.mark.parametrize(("channels", "height"), [(1, 8), (3, 5)])
def test_the_page_holds_every_pixel(channels, height):
    given = rows(channels, height)
    page = Page(str(dict(contents(*synthetic.hostile().parts, inputs=given, draw=None))["report.html"]))
    assert page.open == []
    sources = [value for tag, name, value in page.attributes if (tag, name) == ("img", "src")]
    assert len(sources) == 8 * len(given)
    for source, wanted in zip(sources, (picture for row in given for picture in row.pictures), strict=True):
        kind, content = source.split(",")
        assert kind == "data:image/png;base64"
        read = np.rint(255 * imread(io.BytesIO(base64.b64decode(content)))).astype(np.uint8)
        assert np.array_equal(read.reshape(wanted.shape), wanted)
    assert page.attributes.count(("td", "class", "marked")) == 4 * len(given)


def test_the_other_formats_take_it():
    made = synthetic.hostile()
    files = dict(contents(*made.parts, inputs=rows(), draw=None))
    assert "![" in str(files["report.md"]).split("## What training sees")[1].split("## ")[0]
    sections = json.loads(files["report.json"])["sections"]
    assert list(sections["inputs"]["plots"]) == ["inputs"]
    text = " ".join(sections["inputs"]["paragraphs"])
    assert "Orange" in text
    assert "The first row is the data themselves." in text
    assert "scaling" not in text
    plain = dict(contents(*made.parts, draw=None))
    assert "inputs" not in json.loads(plain["report.json"])["sections"]


def test_figures_are_drawn_and_alike_twice():
    tables = dataclasses.replace(tabulate(*synthetic.classified().parts), inputs=tuple(rows(3)))
    plots = [plot for section in ("inputs", "categories") for plot in plots_of(tables, section)]
    first, again = ([figure_files(plot) for plot in plots] for _ in range(2))
    assert first == again
    names = [name for files in first for name, _ in files]
    assert names == [f"figures/{name}.{kind}" for name in ("inputs", "confusion") for kind in ("svg", "png")]


def test_png_of_one_pixel():
    assert imread(io.BytesIO(png(np.array([[[255, 0, 51]]], np.uint8))))[0, 0].tolist() == pytest.approx([1, 0, 0.2])
