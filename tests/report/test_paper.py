"""Sentences for a paper: each is there exactly where the files of the run support it."""

import re

import pytest

from ablate.report.document import compose
from ablate.report.formats.latex import latex
from ablate.report.sections.paper import for_the_paper
from ablate.report.tables import tabulate
from tests.report import synthetic


def text_of(made, looks=()):
    section = for_the_paper(tabulate(*made.parts, looks=looks))
    return "\n".join(section.paragraphs) if section else ""


def test_what_was_run_and_how_it_was_judged():
    text = text_of(synthetic.finished())
    for sentence in (
        "We compare 12 arms with a baseline, with 6 seeds per arm: 78 training runs.",
        "A run takes 600 steps with batches of 128 examples.",
        "The data are digits: 1\N{NO-BREAK SPACE}297 training, 200 validation and 300 test examples.",
        "A seed varies init, order, augmentation, dropout and train/validation split.",
        "Arms share seeds, and differences are paired by seed.",
        "Arms are judged by test accuracy (higher is better), against the baseline.",
        "Intervals are 95 % t intervals of the mean difference over seeds, one arm at a time.",
        "a paired t test over seeds, two-sided, corrected by Holm's method for 12 tests, at a family-wise error rate",
        "Equivalence within ±0.50 points is shown by two one-sided t tests",
        "Of 78 runs, none diverged.",
        "Training steps took 580 s in all, compiling another 12.5 s.",
        "Software: Python 3.11.2, ablate 0.1.0, jax 0.10.2,",
        "The code is that of commit 0f3e907aa.",
    ):
        assert sentence in text
    flops = sum(1e6 * (1 + i / 10) * 600 * 6 for i in range(13))
    assert f"come to {flops:.2e} floating-point operations" in text


def test_the_processor_is_told_where_it_is_known():
    made = synthetic.finished()
    made.environment |= {"devices": ["cpu:0 cpu", "cpu:1 cpu"], "processor": "EPYC 7763"}
    assert "The runs used 2 devices of kind cpu, processor EPYC 7763." in text_of(made)


def test_failures_are_counted():
    made = synthetic.finished()
    for row in synthetic.rows_of(made, "rmsprop"):
        synthetic.diverge(row)
    synthetic.fail(synthetic.rows_of(made, "sam")[0])
    text = text_of(made)
    assert "Of 78 runs, 6 diverged: these count as failed." in text
    assert "Boschloo's exact test" in text
    assert "1 run ended with an error and has no result." in text


def test_tuning_and_its_budget():
    text = text_of(synthetic.tuned())
    assert "was tuned with the same budget in optimizer.learning_rate: 3 points on 2 seeds" in text
    assert "(78 runs), chosen by the mean of validation accuracy." in text


@pytest.mark.parametrize(
    ("change", "there", "gone"),
    [
        ({"test": "max_t"}, "sign flips of whole seeds", "paired t test"),
        ({"paired": False}, "Arms share no seeds.", "paired by seed"),
        ({"looks": [6, 12]}, "planned at 6 and 12 seeds; they share an error rate of 0.05", "not planned"),
        (
            {"metric": {"name": "test_loss", "higher_is_better": False, "margin": None}},
            "lower is better",
            "Equivalence",
        ),
        ({"seed_varies": []}, "Arms share seeds", "A seed varies"),
        ({"programs": [], "data": {"name": ""}}, "We compare", "A run takes"),
        ({"baseline": "adam"}, "with the baseline adam", "with a baseline"),
        (
            {"confirms": {"study": "x", "seeds": [9, 8], "used": [9, 8], "level": 0.05, "arms": {}}},
            "chosen by an earlier study with 2 seeds; the runs here use other seeds",
            "was tuned",
        ),
    ],
)
def test_a_study_is_told_as_it_was(change, there, gone):
    made = synthetic.finished()
    made.study |= change
    text = text_of(made)
    assert there in text
    assert gone not in text


def test_looks_that_nobody_planned_are_told():
    look = {"rows": "a", "seeds": [0, 1, 2], "arms": [], "verdicts": {}, "cells": {}, "level": 0.05}
    text = text_of(synthetic.finished(), (look, {**look, "rows": "b", "seeds": [0, 1, 2, 3, 4, 5]}))
    assert "Results were looked at 2 times, with 3 and 6 seeds, which was not planned." in text
    assert "looked at" not in text_of(synthetic.finished(), (look,))


def test_what_is_not_known_is_left_out():
    made = synthetic.finished()
    made.environment, made.progress = {}, None
    del made.study["arms"][3]["flops"]
    text = text_of(made)
    for word in ("device", "Training steps took", "floating-point", "Software", "commit"):
        assert word not in text
    assert "None" not in text


@pytest.mark.parametrize("variant", ["troubled", "empty", "one_arm"])
def test_there_is_nothing_to_say_before_all_cells_have_ended(variant):
    assert text_of(synthetic.VARIANTS[variant]()) == ""


@pytest.mark.parametrize("variant", sorted({*synthetic.VARIANTS} - {"troubled", "empty", "one_arm"}))
def test_sentences_are_whole(variant):
    text = text_of(synthetic.VARIANTS[variant]())
    assert all(paragraph.endswith(".") for paragraph in text.split("\n"))
    assert not re.search(r" [,.;]|\bnan\b|  |\{|\}", text) or variant == "hostile"


def test_latex_holds_it_escaped():
    made = synthetic.finished()
    made.study["data"]["name"] = "50%_of {it}"
    page = latex(compose(tabulate(*made.parts)))
    assert r"\paragraph{For the paper}" in page
    assert r"The data are 50\%\_of \{it\}: 1\,297 training" in page
    assert r"95 \% t intervals" in page
