"""Captions speak of what a picture shows, pictures show what can be compared, and axes end where numbers do."""

import dataclasses
import itertools

import numpy as np
import pytest

from ablate.report.document import compose
from ablate.report.plots.captions import caption
from ablate.report.plots.figure import grid_of
from ablate.report.plots.plot import Dot, Entry, Estimate, Forest, Matrix
from ablate.report.plots.scales import Scale, spread_out
from ablate.report.plots.svg import placed
from tests.report import synthetic
from tests.report.test_report_extras import tables_of


def plots_of(made: synthetic.Made):
    return {plot.name: plot for section in compose(tables_of(made)).sections for plot in section.plots}


def test_a_margin_is_spoken_of_only_where_one_is_declared():
    made = synthetic.finished()
    assert "the pale stripe is the declared margin" in plots_of(made)["forest"].caption
    made.study["metric"]["margin"] = None
    assert "margin" not in plots_of(made)["forest"].caption


def test_one_seed_has_no_interval_and_no_seeds_to_tell_apart():
    many, one = plots_of(synthetic.finished()), plots_of(synthetic.one_seed())
    for name, words in {
        "forest": "a line is an interval",
        "curves": "95 % interval over seeds; a faint line is a seed",
        "cost": "a line is the interval of a mean",
    }.items():
        assert words in many[name].caption
        assert words not in one[name].caption
    curves = [curve for panel in one["curves"].drawing.panels for curve in panel.series]
    assert curves
    assert not any(curve.runs or curve.low for curve in curves)


@pytest.mark.parametrize(("variant", "crossed"), [("finished", False), ("troubled", True)])
def test_crosses_are_explained_only_where_there_are_some(variant, crossed):
    assert ("a cross marks" in plots_of(synthetic.VARIANTS[variant]())["curves"].caption) == crossed


def test_unnamed_points_are_explained_only_where_there_are_some():
    made = synthetic.finished()
    assert "Arms shown to be worse than the baseline are not named" in plots_of(made)["cost"].caption
    for row in made.rows:
        row["metrics"]["test_accuracy"] = 0.9 + 0.001 * row["seed"]
    assert "not named" not in plots_of(made)["cost"].caption


def test_a_caption_says_what_dots_and_bold_are():
    row = Estimate("arm", "better", "+1", 1.0, None, None, (Dot(1.0, "digits: +1"),))
    forest = Forest((row,), Scale(0, 2), None, ("worse", "better"), dot="study")
    assert caption("Mean", forest) == "Mean: a dot is a study."
    assert caption("Mean", dataclasses.replace(forest, rows=())) == "Mean."
    entry = Entry(1.0, "+1", "better", bold=False)
    assert caption("Effects", Matrix(("a",), ((entry,),), "points")) == "Effects."
    bold = dataclasses.replace(entry, bold=True)
    assert caption("Effects", Matrix(("a",), ((bold,),), "points")).endswith("bold where the corrected test shows it.")


def test_seeds_stand_behind_the_curve_of_their_arm():
    made = synthetic.finished()
    panels = plots_of(made)["curves"].drawing.panels
    (adam,) = [curve for panel in panels for curve in panel.series if panel.title == "optimizer" and curve.colour == 0]
    row = synthetic.rows_of(made, "adam")[3]
    assert [run.label for run in adam.runs] == [f"seed {seed}" for seed in range(6)]
    assert adam.runs[3].x == tuple(row["curves"]["step"])
    assert adam.runs[3].y == pytest.approx([100 * value for value in row["curves"]["val_accuracy"]])
    assert np.mean([run.y[-1] for run in adam.runs]) == pytest.approx(adam.y[-1])


def test_losses_of_another_kind_are_left_out_of_the_picture_of_losses_and_named():
    made = synthetic.finished()
    for arm in made.study["arms"]:
        arm["own_loss"] = "target" in arm["changes"]
    plots = plots_of(made)
    drawn = {curve.label for panel in plots["train_loss"].drawing.panels for curve in panel.series}
    assert "adam" in drawn
    assert "smooth=0.1" not in drawn
    words = "Not drawn, since their losses are not the baseline's and have other values: smooth=0.1."
    assert words in plots["train_loss"].caption
    assert "target" not in {panel.title for panel in plots["train_loss"].drawing.panels}
    assert "smooth=0.1" in {curve.label for panel in plots["curves"].drawing.panels for curve in panel.series}
    assert "Not drawn" not in plots["curves"].caption
    assert "Not drawn" not in plots_of(synthetic.finished())["train_loss"].caption


def test_a_restart_of_the_learning_rate_is_a_jump():
    made = synthetic.finished()
    steps = [*range(0, 600, 10), 199, 399]
    rates = {step: 0.1 * (1 - (step % 200) / 200) for step in sorted(steps)}
    curve = {"step": list(rates), "rate": list(rates.values())}
    next(arm for arm in made.study["arms"] if arm["name"] == "cosine")["rates"] = {"learning_rate": curve}
    drawing = plots_of(made)["learning_rate"].drawing
    (panel,) = placed(drawing).panels
    (line,) = [curve for curve in panel.curves if curve.label == "cosine"]
    places = [tuple(map(float, pair.split(","))) for pair in line.points.split()]
    jumps = [(a, b) for a, b in itertools.pairwise(places) if b[1] < a[1] - 50]
    assert len(jumps) == 2
    assert all(b[0] - a[0] < 0.2 for a, b in jumps)
    assert drawing.x.high == 600


def test_intervals_of_percentages_end_at_0_and_100_wherever_they_are_drawn():
    made = synthetic.make(seeds=2)
    for row in made.rows:
        row["metrics"]["test_accuracy"] = (0.995, 0.94)[row["seed"]]
        row["curves"]["val_accuracy"] = [(0.995, 0.94)[row["seed"]]] * len(row["curves"]["step"])
    plots, document = plots_of(made), compose(tables_of(made))
    bands = [curve for panel in plots["curves"].drawing.panels for curve in panel.series]
    assert max(end for curve in bands for end in curve.high) == 100
    assert min(end for curve in bands for end in curve.low) > 0
    assert {point.high for point in plots["cost"].drawing.points} == {100}
    assert plots["curves"].drawing.y.high <= 100
    (arms,) = next(section.grids for section in document.sections if section.anchor == "arms")
    column = arms.header.index("95 % interval")
    assert all(row[column].endswith(" to 100.0") for row in arms.rows)
    assert "to 100.0)" in document.headline


@pytest.mark.parametrize("n", [1, 2, 16, 40, 200])
def test_labels_beside_a_plot_keep_their_distance_and_their_order(n):
    places = np.random.default_rng(n).normal(50, 8, n).tolist()
    moved = spread_out(places, gap=3.0)
    assert min(moved) >= 2
    assert max(moved) <= 98
    assert np.argsort(moved).tolist() == np.argsort(places).tolist()
    assert n == 1 or np.diff(sorted(moved)).min() >= min(3.0, 96 / (n - 1)) - 0.011  # two roundings


@pytest.mark.parametrize("panels", [2, 3, 4, 7])
def test_the_name_of_the_vertical_axis_fits_beside_the_panels(panels):
    figure, _ = grid_of(panels)
    text = figure.supylabel("validation accuracy (%), spaced by log error", fontsize=8)
    figure.canvas.draw()
    box = text.get_window_extent()
    assert box.height <= figure.bbox.height
