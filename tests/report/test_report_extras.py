"""Factorial analysis, time to target, frontier, bands and figures."""

import json
import math

import numpy as np
import pytest

from ablate.report.costs import cost_points, frontier, measure_of
from ablate.report.document import compose
from ablate.report.factorial import analyse, codes_of, factors_of
from ablate.report.files import contents
from ablate.report.plots.cost import cost
from ablate.report.plots.curves import (
    POINTS,
    band_of,
    curve_lines,
    groups_of,
    learning_rates,
    level_limits,
    shared_curve,
    validation_curve,
)
from ablate.report.plots.figure import figure_files
from ablate.report.plots.forest import forest
from ablate.report.plots.svg import placed
from ablate.report.sections.factorial import factorial
from ablate.report.sections.speed import reached, speed_grid, target_of
from ablate.report.tables import tabulate
from ablate.report.wording import Unit
from ablate.stats.multiple import holm
from tests.report import synthetic


def tables_of(made: synthetic.Made):
    return tabulate(*made.parts)


def drawn(made: synthetic.Made) -> dict[str, bytes]:
    sections = compose(tables_of(made)).sections
    return dict(file for section in sections for plot in section.plots for file in figure_files(plot))


def means(made: synthetic.Made) -> dict[tuple[int, ...], float]:
    codes = codes_of(made.study, factors_of(made.study))
    return {code: float(np.mean(list(made.values(arm).values()))) for arm, code in codes.items()}


def test_factors_and_levels_come_from_the_recipes():
    study = synthetic.factorial().study
    assert [(f.axis, f.levels) for f in factors_of(study)] == [
        ("norm", ("none", "batch")),
        ("dropout", ("none", "plain")),
        ("target", ("hard", "smooth")),
    ]
    assert codes_of(study, factors_of(study))["norm + target"] == (1, 0, 1)


def test_one_name_with_two_rates_gives_two_levels():
    choice = {"name": "plain", "rate": 0.2}
    arms = {
        "baseline": ({}, 0.0),
        "a": ({"dropout": choice}, 0.01),
        "b": ({"dropout": choice | {"rate": 0.5}}, 0.02),
    }
    assert factors_of(synthetic.make(arms=arms).study)[0].levels == ("none", "plain(rate=0.2)", "plain(rate=0.5)")


def test_the_numbers_of_training_and_data_can_be_factors():
    sizes, noise = {"train": {"batch_size": 64, "steps": 600}}, {"data": {"label_noise": 0.2}}
    arms = {"baseline": ({}, 0.0), "small": (sizes, 0.01), "noisy": (noise, -0.1), "both": (sizes | noise, -0.09)}
    made = synthetic.make(arms=arms)
    for arm in made.study["arms"]:
        usual = {"train": {"batch_size": 128, "steps": 600}, "data": {"label_noise": 0.0}}
        arm["recipe"] = synthetic.RECIPE | usual | arm["changes"]
    assert [(f.axis, f.levels) for f in factors_of(made.study)] == [
        ("train", ("batch_size=128", "batch_size=64")),
        ("data", ("label_noise=0.0", "label_noise=0.2")),
    ]
    made.study["design"] = "factorial"
    assert "train=batch_size=64" in {answer.arm for answer in compose(tables_of(made)).answers}


def test_numbers_that_tuning_set_are_no_levels():
    made = synthetic.factorial()
    plain = factors_of(made.study)
    for i, arm in enumerate(made.study["arms"]):
        arm["recipe"] = arm["recipe"] | {"optimizer": {"name": "momentum", "learning_rate": 0.1 * i}}
        arm["recipe"]["dropout"] = arm["recipe"]["dropout"] | {"seed": i}
    points = [{"optimizer": {"learning_rate": 0.1}, "dropout": {"seed": 1}}]
    made.study["tuning"] = {"points": points}
    assert factors_of(made.study) == plain


def test_main_effects_are_differences_of_marginal_means():
    made = synthetic.factorial()
    cell, found = means(made), analyse(tables_of(made))
    assert found is not None
    for i, name in enumerate(found.names):
        on = np.mean([value for code, value in cell.items() if code[i]])
        off = np.mean([value for code, value in cell.items() if not code[i]])
        effect = found.effect(name, name)
        assert effect is not None
        assert effect.estimate == pytest.approx(on - off)
        assert effect.low < effect.estimate < effect.high


def test_interactions_are_differences_of_differences():
    made = synthetic.factorial()
    cell, found = means(made), analyse(tables_of(made))
    assert found is not None

    def mean(a: int, b: int) -> float:
        return float(np.mean([value for code, value in cell.items() if code[1] == a and code[2] == b]))

    effect = found.effect("dropout=plain", "target=smooth")
    assert effect is not None
    assert effect.estimate == pytest.approx(mean(1, 1) - mean(1, 0) - mean(0, 1) + mean(0, 0))


def test_shapley_values_add_up_to_the_total_gain():
    made = synthetic.factorial()
    cell, found = means(made), analyse(tables_of(made))
    assert found is not None
    total = sum(part.value.mean or 0.0 for part in found.shapley.values())
    assert total == pytest.approx(cell[1, 1, 1] - cell[0, 0, 0])
    assert set(found.company) == {"norm", "dropout", "target"}
    assert found.aliases == {}


def test_a_fraction_shows_what_it_mixes():
    made = synthetic.factorial()
    keep = {"baseline", "norm + dropout", "norm + target", "dropout + target"}
    for key in ("arms", "cells"):
        name = "name" if key == "arms" else "arm"
        made.study[key] = [entry for entry in made.study[key] if entry[name] in keep]
    made.study["design"] = "fractional"
    found = analyse(tables_of(made))
    assert found is not None
    assert found.assumed
    assert set(found.aliases[("norm",)]) == {("dropout", "target")}
    assert found.shapley == {}
    section = factorial(tables_of(made))
    assert section is not None
    assert "norm is aliased with dropout × target (−0.5)." in section.bullets
    assert any("assumed to be zero" in note for note in section.paragraphs)


@pytest.mark.parametrize("trouble", ["diverged", "empty", "one seed", "unpaired"])
def test_a_factorial_study_survives_missing_cells(trouble):
    made = synthetic.factorial(seeds=1 if trouble == "one seed" else 6)
    if trouble == "diverged":
        for row in synthetic.rows_of(made, "norm + target"):
            synthetic.diverge(row)
    made.rows = [] if trouble == "empty" else made.rows
    made.study["paired"] = trouble != "unpaired"
    section = factorial(tables_of(made))
    assert (section is None) == (trouble == "empty")


def test_a_trick_with_which_half_the_cells_diverge_does_not_lead_with_helps():
    made = synthetic.factorial()
    with_norm = [row for row in made.rows if "norm" in row["arm"]]
    for row in with_norm:
        row["metrics"]["test_accuracy"] += 0.2  # the survivors look splendid
    for row in with_norm[::2]:
        synthetic.diverge(row)
    document = compose(tables_of(made))
    assert "norm=batch help" not in document.headline
    assert "More cells failed with norm=batch (12 of 24 failed, without it 0 of 24)." in document.headline
    (main,) = (one.text for one in document.answers if one.arm == "norm=batch")
    assert "12 of 24 failed" in main


def test_a_trick_whose_cells_all_diverge_is_named_and_its_effect_is_not_known():
    made = synthetic.factorial()
    for row in made.rows:
        if "norm" in row["arm"]:
            synthetic.diverge(row)
    document = compose(tables_of(made))
    (main,) = (one.text for one in document.answers if one.arm == "norm=batch")
    assert main == ("main effect not known: no seed has the cells that it takes; 24 of 24 failed, without it 0 of 24")
    assert "norm=batch (24 of 24 failed" in document.headline


def test_effects_of_one_choice_never_stand_for_another_whose_cells_diverged():
    levels = [("none", 0.0), ("batch", 0.02), ("group", 0.03)]
    arms = {}
    for norm, gain in levels:
        for smooth in (False, True):
            changes = {} if norm == "none" else {"norm": {"name": norm}}
            changes |= {"target": {"name": "smooth", "smoothing": 0.1}} if smooth else {}
            arms[" + ".join([norm, *["smooth"] * smooth]) if changes else "baseline"] = (changes, gain)
    made = synthetic.make(arms=arms, seeds=6)
    made.study["design"] = "factorial"
    for row in made.rows:
        if row["arm"] in ("baseline", "none + smooth"):
            synthetic.diverge(row)
    found = analyse(tables_of(made))
    assert found is not None
    estimates = {t.names: t.effect.estimate for t in found.terms if len(t.names) == 1}
    assert estimates[("norm=batch",)] is None
    assert estimates[("norm=group",)] is None


def test_main_effects_are_corrected_over_the_main_effects():
    made = synthetic.factorial()
    found = analyse(tables_of(made))
    assert found is not None
    for order in (1, 2):
        family = [t.effect for t in found.terms if len(t.names) == order]
        assert [e.p_holm for e in family] == holm([e.p for e in family])
        assert all(e.n == 6 for e in family)


def test_other_designs_have_no_factorial_analysis():
    assert analyse(tables_of(synthetic.finished())) is None


def test_time_to_target_counts_misses():
    made = synthetic.troubled()
    tables = tables_of(made)
    target = target_of(tables, "val_accuracy")
    curves = np.array([row["curves"]["val_accuracy"] for row in synthetic.rows_of(made, "baseline")])
    best = curves.mean(axis=0).argmax()
    assert target == pytest.approx(curves[:, best].mean() - curves[:, best].std(ddof=1))
    arms = {arm.arm: arm for arm in tables.arms}
    fast = reached(tables, arms["norm=batch"], "val_accuracy", target)
    firsts = [
        next(s for s, v in zip(row["curves"]["step"], row["curves"]["val_accuracy"], strict=True) if v >= target)
        for row in synthetic.rows_of(made, "norm=batch")
    ]
    assert fast.median == pytest.approx(np.median(firsts))
    assert reached(tables, arms["rmsprop"], "val_accuracy", target).reached == 0


def test_the_spread_at_the_target_is_that_of_the_seeds_which_have_the_step():
    made = synthetic.finished()
    curves = np.array([row["curves"]["val_accuracy"] for row in synthetic.rows_of(made, "baseline")])
    for row in synthetic.rows_of(made, "baseline")[:2]:  # evaluated before the others' best, and never again
        row["curves"] = {name: values[:5] for name, values in row["curves"].items()}
    best = curves[2:].mean(axis=0)[5:].argmax() + 5
    expected = curves[2:, best].mean() - curves[2:, best].std(ddof=1)
    assert target_of(tables_of(made), "val_accuracy") == pytest.approx(expected)


def test_seconds_are_shown_only_where_a_step_was_measured_alone():
    made = synthetic.finished()
    _, table = speed_grid(tables_of(made), "val_accuracy") or pytest.fail("no curves")
    assert table.header == ("arm", "reached", "steps (median)")
    made.study["arms"][0]["step_seconds"] = 0.01
    _, table = speed_grid(tables_of(made), "val_accuracy") or pytest.fail("no curves")
    assert float(table.rows[0][3]) == pytest.approx(0.01 * float(table.rows[0][2]))
    assert table.rows[1][3] == "–"


def test_the_frontier_is_what_nothing_beats():
    points = cost_points(tables_of(synthetic.finished()))
    front = frontier([(x, y) for _, x, y in points], higher_is_better=True)
    for i, (_, x, y) in enumerate(points):
        beaten = any(a <= x and b >= y and (a, b) != (x, y) for _, a, b in points)
        assert (i in front) == (not beaten)


def test_cost_is_counted_in_the_fairest_way_there_is():
    made = synthetic.finished()
    for arm in made.study["arms"]:
        del arm["flops"]  # what a program's speed says of an arm depends on its neighbours
    assert measure_of(tables_of(made)) is None
    assert cost_points(tables_of(made)) == []
    for i, arm in enumerate(made.study["arms"]):
        arm["flops"], arm["step_seconds"] = 1e6 * (i + 1), None
    assert measure_of(tables_of(made)).name == "arithmetic per training step"
    assert [x for _, x, _ in cost_points(tables_of(made))] == pytest.approx(range(1, 14))
    for arm in made.study["arms"]:
        arm["step_seconds"] = 0.002
    assert measure_of(tables_of(made)).name == "time per training step, measured alone"


def test_bands_are_means_over_the_seeds_that_are_left():
    made = synthetic.finished()
    synthetic.diverge(synthetic.rows_of(made, "adam")[2], 210)
    band = band_of("adam", tables_of(made).cells_of("adam"), "val_accuracy", Unit("", 100.0, "%"))
    rows = synthetic.rows_of(made, "adam")
    at = rows[0]["curves"]["step"].index(300)
    values = [100 * row["curves"]["val_accuracy"][at] for i, row in enumerate(rows) if i != 2]
    assert band.mean[at] == pytest.approx(np.mean(values))
    assert band.low[at] < band.mean[at] < band.high[at]
    assert band.diverged == (210,)


def test_long_curves_are_thinned():
    made = synthetic.one_arm()
    for row in made.rows:
        row["curves"] = {"step": list(range(5000)), "val_accuracy": [0.5] * 5000}
    band = band_of("baseline", tables_of(made).cells_of("baseline"), "val_accuracy")
    assert len(band.steps) == POINTS
    assert (band.steps[0], band.steps[-1]) == (0, 4999)


def test_groups_go_by_axis_and_stay_small():
    groups = {group.title: group.arms for group in groups_of(tables_of(synthetic.finished()))}
    assert groups["norm"] == ("norm=batch", "norm=group")
    many = {f"rate {i}": ({"dropout": {"name": "plain", "rate": i / 20}}, 0.0) for i in range(1, 11)}
    groups = groups_of(tables_of(synthetic.make(arms={"baseline": ({}, 0.0)} | many, seeds=2)))
    assert [len(group.arms) for group in groups] == [4, 4, 2]


def test_equal_learning_rates_share_a_line():
    tables = tables_of(synthetic.finished())
    groups = shared_curve(learning_rates(tables)["learning_rate"])
    assert sorted(len(arms) for arms, _ in groups) == [1, 12]


def test_limits_ignore_the_start_of_training():
    tables = tables_of(synthetic.finished())
    bands = [band_of(a.arm, tables.cells_of(a.arm), "train_loss") for a in tables.arms]
    low, high = level_limits(bands) or (math.nan, math.nan)
    assert 0 < low < min(min(band.mean) for band in bands)
    assert high < max(max(band.mean) for band in bands)


def test_places_on_the_page_are_percentages():
    tables = tables_of(synthetic.troubled())
    for row in placed(forest(tables)["forest"]).rows:
        for place in (row.estimate, row.low, row.high, *(dot.x for dot in row.dots)):
            assert place is None or 0 <= place <= 100
    for panel in placed(validation_curve(tables)["curves"]).panels:
        for curve in panel.curves:
            ends = [float(x) for x in curve.points.split()[-1].split(",")]
            assert all(0 <= x <= 100 for x in ends) or curve.crosses
    points = placed(cost(tables)["cost"]).points
    assert all(0 <= x <= 100 for p in points for x in (p.x, p.y, p.label_y))


def test_curves_are_spaced_by_what_their_metric_is():
    made = synthetic.adversarial()
    spacings = {
        name: (curve_lines(tables_of(made), name) or pytest.fail(name)).y.spacing
        for name in ("val_high_quality", "val_wasserstein", "critic_loss")
    }
    assert spacings == {"val_high_quality": "by error", "val_wasserstein": "logarithmic", "critic_loss": "even"}


def test_a_curve_that_is_called_like_a_plot_gets_a_file_of_its_own():
    made = synthetic.adversarial()
    made.study["curves"] = ["cost", "forest", "../critic"]
    for row in made.rows:
        for name, old in zip(made.study["curves"], ("critic_loss", "generator_loss", "critic_loss"), strict=True):
            row["curves"][name] = row["curves"][old]
    names = [plot.name for section in compose(tables_of(made)).sections for plot in section.plots]
    assert len(names) == len(set(names))
    assert {"cost", "forest", "cost_by_step", "forest_by_step", "___critic"} <= set(names)


def test_the_factorial_analysis_runs_once(monkeypatch):
    calls = []
    monkeypatch.setattr("ablate.report.tables.analyse", lambda tables: calls.append(tables) or analyse(tables))
    assert len(dict(contents(*synthetic.factorial().parts, draw=None))) == 6
    assert len(calls) == 1


@pytest.mark.parametrize("variant", ["troubled", "empty", "one_seed", "one_arm", "hostile", "factorial"])
def test_figures_are_drawn_and_alike_twice(variant):
    made = synthetic.VARIANTS[variant]()
    files = drawn(made)
    names = {"forest", "curves", "train_loss", "learning_rate", "cost"}
    names |= {"factorial": {"interactions"}, "hostile": {"confusion"}}.get(variant, set())
    nothing_to_show = {"empty": {"curves", "train_loss", "cost"}, "one_arm": {"forest"}}
    names -= nothing_to_show.get(variant, set())
    assert set(files) == {f"figures/{name}.{kind}" for name in names for kind in ("svg", "png")}
    for name, content in files.items():
        assert content.startswith(b"\x89PNG" if name.endswith("png") else b"<?xml"), name
        assert len(content) > 2000, name
    if variant in ("troubled", "factorial"):
        assert drawn(made) == files


def test_figures_carry_no_date_and_no_user_style():
    import matplotlib

    made = synthetic.one_arm()
    plain = drawn(made)
    with matplotlib.rc_context({"font.size": 30, "axes.facecolor": "red", "svg.hashsalt": "other"}):
        styled = drawn(made)
        assert matplotlib.rcParams["font.size"] == 30
    assert styled == plain
    assert b"<dc:date>" not in plain["figures/curves.svg"]


def test_drawing_needs_no_pyplot():
    import subprocess
    import sys

    code = "import ablate.report.plots.figure, sys; print('matplotlib.pyplot' in sys.modules, 'jax' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split()[0] == "False"


def test_importing_the_package_is_light():
    import subprocess
    import sys

    code = "import ablate.report, sys; print([m for m in ('matplotlib', 'jinja2', 'scipy', 'jax') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout.replace("'", '"')) == []
