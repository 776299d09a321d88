"""A study of more arms than a picture can hold: pictures show some and say so, tables and files have all."""

import csv
import io

import numpy as np
import pytest
from PIL import Image

from ablate.report.costs import cost_points, front_of
from ablate.report.document import compose
from ablate.report.formats.csv_files import summary_csv
from ablate.report.formats.html import html
from ablate.report.plots import figure
from ablate.report.plots.cost import MOST_NAMES, cost
from ablate.report.plots.forest import forest
from ablate.report.records import DRAWN, by_arm, drawn, ranked
from tests.report import synthetic
from tests.report.test_report_extras import tables_of

MANY = 60


@pytest.fixture(scope="module")
def tables():
    rates = {f"optimizer=sgd(learning_rate={k})": ({"optimizer": {"name": "sgd"}}, 0.0004 * k) for k in range(MANY)}
    return tables_of(synthetic.make(arms={"baseline": ({}, 0.0)} | rates, seeds=4))


def test_pictures_show_the_arms_that_the_answers_begin_with(tables):
    first = [arm.arm for arm in ranked(tables)[:DRAWN]]
    assert len(forest(tables)["forest"].rows) == DRAWN
    assert {arm.arm for arm in drawn(tables)} == set(first)
    document = compose(tables)
    plots = {plot.name: plot for section in document.sections for plot in section.plots}
    curves = [
        series for panel in plots["curves"].drawing.panels for series in panel.series if series.colour is not None
    ]
    assert len(curves) == DRAWN
    for name in ("forest", "curves", "train_loss", "learning_rate", "cost"):
        assert plots[name].caption.endswith(
            f"Of {MANY} arms, the {DRAWN} that the answers begin with; all are in the tables."
        )


def test_tables_and_files_have_every_arm(tables):
    rows = list(csv.DictReader(io.StringIO(summary_csv(tables))))
    assert len(rows) == MANY + 1
    page = html(compose(tables))
    assert all(f"learning_rate={k})" in page for k in range(MANY))


def test_few_arms_are_all_drawn_and_nothing_is_said():
    tables = tables_of(synthetic.finished())
    assert drawn(tables) == tables.tricks
    assert not any("answers begin" in plot.caption for s in compose(tables).sections for plot in s.plots)


def test_cells_by_arm_are_those_of_the_arm(tables):
    assert {name: {cell.arm for cell in cells} for name, cells in by_arm(tables.cells).items()} == {
        arm.arm: {arm.arm} for arm in tables.arms
    }
    assert sum(len(tables.cells_of(arm.arm)) for arm in tables.arms) == len(tables.cells)
    assert tables.cells_of("nobody") == ()


def test_what_is_worse_is_neither_named_nor_in_front_however_cheap():
    made = synthetic.make(arms={"baseline": ({}, 0.0), "cheap": ({}, -0.08), "dear": ({}, 0.0)}, seeds=6)
    for arm, flops in zip(made.study["arms"], (1e6, 1e3, 2e6), strict=True):
        arm["flops"] = flops
    tables = tables_of(made)
    assert {arm.arm: arm.verdict for arm in tables.tricks}["cheap"] == "worse"
    points = cost(tables)["cost"].points
    assert [point.label for point in points] == ["baseline", "", "dear"]
    assert [point.title.split(":")[0] for point in points] == ["baseline", "cheap", "dear"]
    assert "cheap" not in front_of(tables, cost_points(tables))
    assert not points[1].bold


def test_where_names_do_not_fit_beside_the_plot_the_front_alone_is_named():
    made = synthetic.make(arms={"baseline": ({}, 0.0)} | {f"arm {k}": ({}, 0.0004 * k) for k in range(90)}, seeds=3)
    for k, arm in enumerate(made.study["arms"][1:]):
        arm["flops"] = 1e6 * (0.5 if k % 8 == 0 else 2) + k  # every eighth is cheap, and dearer the better
    tables = tables_of(made)
    plot = next(plot for section in compose(tables).sections for plot in section.plots if plot.name == "cost")
    points = plot.drawing.points
    assert len(points) > MOST_NAMES
    assert {point.title.split(":")[0] for point in points if point.label} == {"baseline"} | front_of(
        tables, cost_points(tables)
    )
    assert "Only the baseline and what is bold have names." in plot.caption


@pytest.mark.parametrize("letters", [12, 40, 90])
def test_nothing_is_cut_off_at_the_edges_of_a_picture(letters):
    """Long names and long numbers fit beside the axes at the resolution of the file."""
    named = {("optimizer=momentum(learning_rate=0.06)" * 3)[:letters] + str(k): ({}, 0.001 * k) for k in range(30)}
    made = synthetic.make(arms={"baseline": ({}, 0.0)} | named, seeds=4)
    for row in made.rows[::5]:
        row["status"] = "diverged"
        row["metrics"] = dict.fromkeys(row["metrics"])
    tables = tables_of(made)
    for section in compose(tables).sections:
        for plot in section.plots:
            content = dict(figure.figure_files(plot))[f"figures/{plot.name}.png"]
            pixels = np.asarray(Image.open(io.BytesIO(content)).convert("L"))
            edges = (pixels[:, :3], pixels[:, -3:], pixels[:3], pixels[-3:])
            assert all(edge.min() > 200 for edge in edges), plot.name


@pytest.mark.parametrize("arms", [4, 9, 60])
def test_keys_lie_inside_their_panels_and_tell_long_names_apart(arms):
    rates = {f"optimizer=momentum(learning_rate={k / 1000}, beta=0.9, nesterov=True)": k for k in range(1, arms)}
    choices = {name: ({"optimizer": {"name": "momentum"}}, 0.0004 * k) for name, k in rates.items()}
    made = tables_of(synthetic.make(arms={"baseline": ({}, 0.0)} | choices, seeds=4))
    plots = {plot.name: plot for section in compose(made).sections for plot in section.plots}
    drawing = plots["curves"].drawing
    drawn_figure = figure.draw(drawing)
    figure.render(drawn_figure)
    keys = [(axis, key) for axis in drawn_figure.axes if (key := axis.get_legend())]
    assert keys
    for axis, key in keys:
        inside, panel = key.get_window_extent(), axis.get_window_extent()
        assert panel.x0 - 1 <= inside.x0 <= inside.x1 <= panel.x1 + 1
        assert panel.y0 - 1 <= inside.y0 <= inside.y1 <= panel.y1 + 1
    names = [text.get_text() for _, key in keys for text in key.get_texts()]
    assert len({*names}) == len(names) == sum(series.colour is not None for p in drawing.panels for series in p.series)
