"""What the report says: sentences, caveats and notes that must appear, and those that must not."""

import dataclasses
import doctest
import importlib
import pkgutil
import re
from pathlib import Path

import numpy as np
import pytest
import scipy.stats

import ablate.report
from ablate.report.document import compose
from ablate.report.files import contents
from ablate.report.section import Section
from ablate.report.sections.caveats import find_caveats
from ablate.report.tables import tabulate
from ablate.report.wording import DASH
from tests.report import synthetic

TASK_WORDS = r"accurac|\bnats\b|log C\b|\bclassif|\bclasses\b|logits"  # of classification


def document_of(made: synthetic.Made):
    return compose(tabulate(*made.parts))


def section_of(made: synthetic.Made, anchor: str) -> Section | None:
    return next((section for section in document_of(made).sections if section.anchor == anchor), None)


def known_section(made: synthetic.Made, anchor: str) -> Section:
    return section_of(made, anchor) or pytest.fail(f"no section {anchor}")


def arm_row(made: synthetic.Made, arm: str) -> dict[str, str]:
    """The table per arm at one arm: column to text."""
    (grid,) = known_section(made, "arms").grids
    return next(dict(zip(grid.header, row, strict=True)) for row in grid.rows if row[0] == arm)


def caveats_of(made: synthetic.Made) -> str:
    return "\n".join(find_caveats(tabulate(made.study, made.rows), made.environment))


def answer_of(made: synthetic.Made, arm: str) -> str:
    return next(answer.text for answer in document_of(made).answers if answer.arm == arm)


def set_metric(made: synthetic.Made, arm: str, values: list[float], metric: str = "test_accuracy") -> None:
    for row, value in zip(synthetic.rows_of(made, arm), values, strict=True):
        row["metrics"][metric] = value


@pytest.mark.parametrize("module", [m.name for m in pkgutil.walk_packages(ablate.report.__path__, "ablate.report.")])
def test_doctests(module):
    assert not doctest.testmod(importlib.import_module(module)).failed


def test_status_line():
    assert document_of(synthetic.finished()).status == "78 of 78 cells done, 0 diverged, 0 failed"
    assert document_of(synthetic.troubled()).status == "66 of 78 cells done, 7 diverged, 2 failed, 3 pending"
    assert document_of(synthetic.empty()).status == "0 of 78 cells done, 0 diverged, 0 failed, 78 pending"


def test_a_gain_in_words():
    made = synthetic.finished()
    base = np.array(list(made.values("baseline").values()))
    set_metric(made, "adam", list(base + 0.019 + np.array([0.002, -0.001, 0.001, -0.002, 0.0015, -0.0015])))
    text = answer_of(made, "adam")
    assert text.startswith("better by 1.90 points of test accuracy (95 % interval 1.7")
    assert text.endswith(", corrected p < .0001, 6 seeds)")


def test_a_loss_counts_in_nats_and_less_is_better():
    made = synthetic.loss_metric()
    base = np.array(list(made.values("baseline", "test_loss").values()))
    set_metric(made, "adam", list(base - 0.1 + np.array([0.01, -0.01, 0.02, -0.02, 0.0, 0.0])), "test_loss")
    assert answer_of(made, "adam").startswith("better by 0.1")
    assert "nats of test loss" in answer_of(made, "adam")


def test_the_headline_counts_verdicts():
    document = document_of(synthetic.finished())
    base = np.array(list(synthetic.finished().values("baseline").values()))
    half = scipy.stats.t.ppf(0.975, 5) * base.std(ddof=1) / np.sqrt(6)
    around = f"{100 * base.mean():.2f} %, {100 * (base.mean() - half):.2f} to {100 * (base.mean() + half):.2f}"
    assert document.headline.startswith(
        f"Of 12 arms against baseline (test accuracy {around}): 1 better (norm=batch, +"
    )
    assert re.search(r"points\), 2 worse \(most: rmsprop, −2\.\d+ points\), 9 incon", document.headline)
    assert [a.verdict for a in document.answers][:3] == ["better", "worse", "worse"]


def test_of_worse_arms_the_headline_names_the_one_that_loses_most():
    made = synthetic.finished()
    base = np.array(list(made.values("baseline").values()))
    noise = np.array([0.002, -0.001, 0.001, -0.002, 0.0015, -0.0015])
    for arm, loss in (("adam", 0.03), ("rmsprop", 0.09), ("dropout=0.2", 0.06)):
        set_metric(made, arm, list(base - loss + noise))
    assert "3 worse (most: rmsprop, −9.00 points)" in document_of(made).headline


def test_no_arm_is_worse_than_one_that_failed_in_every_seed():
    assert "worse (most: rmsprop, failed in 6 of 6 seeds, the baseline in 0 of 6)" in document_of(ended()).headline


def test_no_verdict_before_there_are_rows():
    document = document_of(synthetic.empty())
    assert document.headline == "Interim: 0 of 78 cells have ended; verdicts appear when all have."
    assert {answer.text for answer in document.answers} == {"not finished, 6 of 6 cells pending"}


def ended():
    """The troubled study, with every cell that was pending."""
    made, whole = synthetic.troubled(), synthetic.make()
    there = {row["cell"] for row in made.rows}
    made.rows += [row for row in whole.rows if row["cell"] not in there]
    return made


def test_a_wholly_diverged_arm_is_worse_by_its_failures():
    made = ended()
    assert answer_of(made, "rmsprop") == "worse, failed in 6 of 6 seeds, the baseline in 0 of 6 (corrected p .0059)"
    row = arm_row(made, "rmsprop")
    assert (row["p (Holm)"], row["failed"]) == (DASH, "6/6 (54 to 100 %)")
    assert arm_row(made, "baseline")["failed"] == "0/6 (0 to 46 %)"


def test_an_arm_that_lost_a_seed_is_judged_given_success():
    text = answer_of(ended(), "adam")
    assert text.startswith("inconclusive, +")  # better where it succeeds, but it fails more often
    assert "given success: failed in 1 of 6 seeds, the baseline in 0 of 6" in text
    caveats = caveats_of(ended())
    assert "Failed seeds: adam (1 of 6: 1 diverged) and rmsprop (6 of 6: 6 diverged)." in caveats


def test_a_cell_that_collapsed_has_failed_and_says_by_which_rule():
    made = synthetic.make()
    rule = {"metric": "test_accuracy", "chance": 0.1, "standard_errors": 3.0, "spreads": 6.0}
    made.study["failure"] = rule
    synthetic.rows_of(made, "norm=batch")[1]["metrics"]["test_accuracy"] = 0.1  # at chance
    synthetic.rows_of(made, "adam")[3]["metrics"]["test_accuracy"] -= 0.3  # far from its siblings
    document = document_of(made)
    assert document.status == "78 of 78 cells done, 2 of them collapsed, 0 diverged, 0 failed"
    assert "Failed seeds: norm=batch (1 of 6: 1 collapsed) and adam (1 of 6: 1 collapsed)." in caveats_of(made)
    reading = " ".join(known_section(made, "reading").bullets)
    assert "test accuracy within 3 standard errors of chance (10.0 %)" in reading
    assert "by more than 6 spreads" in reading
    del made.study["failure"]
    assert "collapsed" not in document_of(made).status


def test_no_failure_seen_is_not_none():
    assert "No failure in 6 seeds does not rule failures out" in caveats_of(synthetic.finished())
    assert "may fail in up to 46 % of runs" in caveats_of(synthetic.finished())


def test_an_inconclusive_arm_says_how_much_it_can_differ():
    assert "; differs by less than ±" in answer_of(synthetic.finished(), "clip=1.0")


@pytest.mark.parametrize(
    ("variant", "words"),
    [
        ("one_seed", "one seed"),
        ("one_seed", "no spread to measure"),
        ("troubled", "adam (1 of 6: 1 diverged) and rmsprop (6 of 6: 6 diverged)"),
        ("troubled", "5 of 78 cells have no result yet"),
        ("troubled", "Fewer than six pairs of seeds that both succeeded are left for adam (5), ema (3) and sam (4)"),
        ("finished", "One data set (digits)"),
        ("finished", "The best of 12 arms"),
        ("finished", "Inconclusive after correction"),
    ],
)
def test_caveats_are_found(variant, words):
    assert words in caveats_of(synthetic.VARIANTS[variant]())


def test_few_seeds_are_said_in_plain_words():
    text = caveats_of(synthetic.make(seeds=4))
    assert "With 4 seeds the exact sign-flip test cannot give a p below 0.125" in text
    assert "cannot give a p" not in caveats_of(synthetic.make(seeds=6))


def test_the_exact_test_can_contradict_a_claim():
    made = synthetic.make(seeds=5)
    base = np.array(list(made.values("baseline").values()))
    set_metric(made, "adam", list(base + 0.05 + np.array([0.001, -0.001, 0.0005, -0.0005, 0.0])))
    assert "Carried by the t test alone: " in caveats_of(made)
    assert "adam (p .062)" in caveats_of(made)
    made.study["test"] = "max_t"
    assert answer_of(made, "adam").startswith("inconclusive")


def test_unequal_budgets_and_mixed_hardware():
    made = synthetic.finished()
    assert "budget" not in caveats_of(made)
    for row in synthetic.rows_of(made, "sam"):
        row["costs"] |= {"steps": 1200, "devices": 1, "strategy": "lane per device"}
    text = caveats_of(made)
    assert "Unequal budgets: between 600 and 1,200 steps per cell" in text
    assert "different numbers of devices (1 and 2)" in text
    assert "different strategies (lane per device and vmap)" in text


def test_a_small_effect_hides_behind_the_baselines_own_interval():
    made = synthetic.finished()
    base = np.array(list(made.values("baseline").values()))
    set_metric(made, "adam", list(base + 0.004 + np.array([1, -1, 2, -2, 1, -1]) * 1e-4))
    text = caveats_of(made)
    assert "which is more than the effect of adam: only the pairing by seed shows it" in text
    assert "one of them weighs 0.33 points: the effect of adam is fewer than three examples per seed" in text


def test_no_margin_no_equivalence():
    made = synthetic.finished()
    made.study["metric"]["margin"] = None
    assert "No margin was declared" in caveats_of(made)
    assert "equivalent: shown" not in " ".join(known_section(made, "reading").bullets)


def test_an_equivalent_arm_is_called_so():
    made = synthetic.finished()
    base = np.array(list(made.values("baseline").values()))
    set_metric(made, "clip=1.0", list(base + np.array([1, -1, 2, -2, 3, -3]) * 1e-4))
    assert answer_of(made, "clip=1.0").startswith("equivalent, 0.00 points")
    assert "within ±0.50" in answer_of(made, "clip=1.0")


def test_limits_name_the_smallest_visible_effect():
    text = " ".join(known_section(synthetic.finished(), "limits").bullets)
    assert "minimum detectable effect at 80 % power" in text
    assert "To find a true difference of the margin, 0.50 points, takes " in text
    assert "No spread of differences is known" in " ".join(known_section(synthetic.one_seed(), "limits").bullets)


def test_failures_show_the_last_line():
    failures = dict(known_section(synthetic.troubled(), "failed").facts)
    assert failures["sam, seed 4 (oom)"] == "RuntimeError: lane 3 | `device` <lost> & gone"


def test_provenance_and_programs():
    facts = dict(known_section(synthetic.finished(), "provenance").facts)
    assert facts["command"] == "ablate run --config=experiments/digits.py"
    assert "jax 0.10.2" in facts["versions"]
    programs = known_section(synthetic.finished(), "programs")
    assert programs.paragraphs[0].startswith("13 arms in 6 programs; 6 compiles in 12.5 s.")
    first = dict(zip(programs.grids[0].header, programs.grids[0].rows[0], strict=True))
    assert first["arms"].startswith("baseline, init=he")
    assert "norm: none" in first["compiled in"]


def test_a_dirty_tree_is_said():
    made = synthetic.finished()
    made.environment["git_dirty"] = True
    assert "uncommitted changes" in caveats_of(made)


def test_leave_one_out_explains_its_sign():
    made = synthetic.finished()
    made.study["design"] = "leave_one_out"
    assert "where an arm is worse, its trick helps" in known_section(made, "reading").bullets[0]


@pytest.mark.parametrize("design", ["one_at_a_time", "leave_one_out", "cumulative"])
def test_the_caption_of_the_table_defines_delta_in_every_design(design):
    made = synthetic.finished()
    made.study["design"] = design
    assert "Delta is arm minus baseline in test accuracy" in known_section(made, "arms").grids[0].caption


def test_an_old_environment_without_any_key_is_enough():
    made = synthetic.finished()
    made.environment, made.progress = {}, None
    assert dataclasses.asdict(document_of(made))["status"].startswith("78 of 78")


def test_tuning_is_shown_next_to_the_deltas():
    tuning = known_section(synthetic.tuned(), "tuning")
    rows = {row[0]: row for row in tuning.grids[0].rows}
    assert rows["adam"][1:3] == ("optimizer.learning_rate=0.1", "94.80")
    assert rows["adam"][3:] == ("91.00", "94.00", "optimizer.learning_rate=0.1 (high)")
    assert rows["baseline"][3:] == ("91.50", DASH, DASH)
    assert "tried at 3 points on 2 seeds that the study does not use" in tuning.paragraphs[0]
    assert "Tuned to the border of the grid" in caveats_of(synthetic.tuned())
    assert "adam (optimizer.learning_rate=0.1 (high))" in caveats_of(synthetic.tuned())
    assert "tuned for no arm" not in caveats_of(synthetic.tuned())
    assert section_of(synthetic.finished(), "tuning") is None


def test_an_arm_that_changed_nothing_is_said_to_be_identical():
    made = synthetic.finished()
    for mine, base in zip(synthetic.rows_of(made, "adam"), synthetic.rows_of(made, "baseline"), strict=True):
        mine["metrics"] = dict(base["metrics"])
    assert answer_of(made, "adam") == "inconclusive, identical in every seed: no metric of its 6 cells differs"
    synthetic.rows_of(made, "adam")[3]["metrics"]["train_loss"] += 1e-5
    assert "identical" not in answer_of(made, "adam")
    synthetic.rows_of(made, "adam")[3]["metrics"] = dict(synthetic.rows_of(made, "baseline")[3]["metrics"])
    assert "identical" in answer_of(made, "adam")
    for arm in ("adam", "baseline"):
        synthetic.diverge(synthetic.rows_of(made, arm)[2])
    assert "identical" not in answer_of(made, "adam")  # what diverged was not compared
    made.rows.remove(synthetic.rows_of(made, "adam")[5])
    assert "identical" not in answer_of(made, "adam")  # nor what is pending


def test_the_report_names_no_metric_of_any_task():
    sources = [path for kind in ("*.py", "*.j2") for path in Path(ablate.report.__path__[0]).rglob(kind)]
    words = re.compile(rf"{TASK_WORDS}|(train|val|test|initial)_loss|\b(mse|wasserstein|modes)\b")
    named = [path.name for path in sources if words.search(path.read_text(encoding="utf-8"))]
    assert len(sources) > 30
    assert named == []


@pytest.mark.parametrize("variant", ["regression", "adversarial"])
def test_other_tasks_are_told_in_their_own_words(variant):
    files = dict(contents(*synthetic.VARIANTS[variant]().parts))
    for name in ("report.md", "report.html", "report.tex", "report.json", "cells.csv"):
        assert not re.search(TASK_WORDS, str(files[name])), name
    figures = {name.removeprefix("figures/") for name in files if name.endswith(".png")}
    training = {
        "regression": {"train_loss.png", "learning_rate.png"},
        "adversarial": {"critic_loss.png", "generator_loss.png", "critic_learning_rate.png"},
    }
    assert figures == {"forest.png", "curves.png", "cost.png"} | training[variant]


def test_a_regression_speaks_of_its_unit_and_direction():
    made = synthetic.regression()
    base = np.array(list(made.values("baseline").values()))
    set_metric(made, "adam", list(base - 0.6 + np.array([1, -1, 2, -2, 1, -1]) * 1e-2), "test_mse")
    assert answer_of(made, "adam").startswith("better by 0.60 m² of test mse (95 % interval 0.5")
    assert "Lower is better." in " ".join(known_section(made, "reading").bullets)
    header = known_section(made, "arms").grids[0].header
    assert header[2:6] == ("mean (m²)", "sd", "95 % interval", "delta (m²)")
    assert "weighs" not in caveats_of(made)  # an example has no share of a mean squared error


def test_a_baseline_that_trained_past_its_best_is_named_in_its_own_metric():
    made = synthetic.finished()
    for row in synthetic.rows_of(made, "baseline"):
        row["curves"]["val_accuracy"][9:] = [0.97, *[0.9] * 10]
    assert "The baseline's validation accuracy fell by 7.0 points from its best, at step 300," in caveats_of(made)
    made = synthetic.regression()
    assert "trained past" not in caveats_of(made)
    for row in synthetic.rows_of(made, "baseline"):
        row["curves"]["val_mse"][9:] = [1.5, *[2.0] * 10]
    assert "The baseline's validation mse rose by 0.50 m² from its best, at step 300, to the end" in caveats_of(made)


def test_a_share_that_is_no_percentage_of_examples_is_not_weighed_by_them():
    made = synthetic.adversarial()
    base = np.array(list(made.values("baseline").values()))
    set_metric(made, "adam", list(base + 0.001 + np.array([1, -1, 2, -2, 1, -1]) * 1e-5), "test_modes")
    assert answer_of(made, "adam").startswith("better by 0.0010 in test modes")
    assert "weighs" not in caveats_of(made)
