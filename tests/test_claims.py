"""The cards of claims: they can run, their answers follow from their reports, and the page is what the reports say."""

import doctest
import functools
import importlib
import json
import math
import re
import sys

import numpy as np
import pytest
import scipy

import ablate
from ablate import choice
from ablate.study.design import arms_of
from ablate.study.loading import load_config
from ablate.study.resolving import resolve
from tests.shell import ROOT, jax_as_it_was
from tests.train.small import small_config

FOLDER = ROOT / "experiments" / "claims"
sys.path.append(str(FOLDER))  # as the script has it, and as `ablate run` does for a config beside its parts
answers, judge, picture, texts = map(importlib.import_module, ("answers", "judge", "picture", "texts"))
CARDS = answers.card_files()


@functools.cache
def claims_of(path):
    return answers.module_of(path).CLAIMS


@pytest.mark.parametrize("card", CARDS, ids=lambda path: path.stem)
def test_a_card_resolves_and_has_the_arms_that_it_claims_about(card):
    spec = resolve(load_config(str(card)))
    arms = {arm.name for arm in arms_of(spec)[1:]}
    assert len(spec.seeds) >= 8
    assert claims_of(card)
    for claim in claims_of(card):
        assert claim["claim"]
        assert {*re.split(", ?", claim["source"])} <= {f"S{k}" for k in range(len(answers.PLACES))}
        if "measure" in claim:
            assert callable(claim["measure"])
        else:
            assert claim["arm"] in arms
            assert claim["expects"] in ("better", "worse", "equivalent")


def test_no_claim_is_made_twice():
    every = [claim["claim"] for card in CARDS for claim in claims_of(card)]
    assert len(set(every)) == len(every)


@pytest.mark.parametrize("module", [judge, picture, texts], ids=lambda module: module.__name__)
def test_examples(module):
    results = doctest.testmod(module)
    assert results.attempted
    assert not results.failed


# What a claim of "better", of "worse" and of "equivalent" makes of a verdict.
PLAIN = {
    "better": ("supported", "contradicted", "contradicted"),
    "worse": ("contradicted", "supported", "contradicted"),
    "equivalent": ("contradicted", "contradicted", "supported"),
    "inconclusive": ("undecided",) * 3,
    "": ("undecided",) * 3,
}


@pytest.mark.parametrize("verdict", PLAIN)
def test_answers_of_a_plain_study(verdict):
    assert tuple(judge.judged(e, verdict) for e in ("better", "worse", "equivalent")) == PLAIN[verdict]


@pytest.mark.parametrize(
    ("average", "single", "expected"),
    [
        ("better", ("better", "inconclusive"), ("supported", "contradicted", "contradicted")),
        ("better", ("inconclusive", "worse"), ("mixed", "mixed", "contradicted")),
        ("better", ("better", "worse"), ("mixed", "mixed", "contradicted")),
        ("worse", ("worse", "equivalent"), ("contradicted", "supported", "contradicted")),
        ("inconclusive", ("better", "worse"), ("mixed", "mixed", "mixed")),
        ("inconclusive", ("better", "inconclusive"), ("undecided", "undecided", "undecided")),
        ("inconclusive", ("worse", "equivalent"), ("undecided", "undecided", "mixed")),
        ("equivalent", ("inconclusive", "equivalent"), ("contradicted", "contradicted", "supported")),
        ("equivalent", ("better", "inconclusive"), ("mixed", "contradicted", "mixed")),
    ],
)
def test_answers_under_conditions(average, single, expected):
    assert tuple(judge.judged(e, average, single) for e in ("better", "worse", "equivalent")) == expected


ACCURACY = {"name": "accuracy", "higher_is_better": True, "scale": 100.0, "unit": "%", "difference": "points"}


def contrast(verdict, mean, *, failed=0, p=0.01, **more):
    return {
        "n": 4, "mean": mean, "sd": 0.04, "low": (mean or 0) - 0.01, "high": (mean or 0) + 0.01, "p": p / 2,
        "p_corrected": p,
        "p_tost": None, "p_tost_holm": None, "p_failure": 0.001, "p_failure_corrected": 0.002, "within": 0.034,
        "mde": 0.021, "verdict": verdict, "by_failure": False, **more,
        "failures": {"hits": failed, "repeats": 4}, "failures_baseline": {"hits": 0, "repeats": 4},
    }  # fmt: skip


def arm(name, values, verdict="", against=None, **more):
    return {
        "arm": name, "baseline": against is None, "cells": 4, "failed": 0, "pending": 0, "identical": False,
        "verdict": verdict,
        "values": {str(seed): value for seed, value in enumerate(values)}, "contrast": against, "flops": 100.0,
        "steps": 10, "step_ratio": None, **more,
    }  # fmt: skip


def study(*arms, margin=None):
    metric = {"name": "test_accuracy", "higher_is_better": True, "margin": margin}
    baseline = arm("baseline", (0.80, 0.82, 0.78, 0.80))
    return {"name": "made", "alpha": 0.05, "metric": metric, "metrics": [ACCURACY], "arms": [baseline, *arms]}


def claim(name, expects):
    return {"claim": "So it is", "source": "S0", "arm": name, "expects": expects}


def test_the_answer_of_a_plain_report():
    halved = arm("half", (0.91, 0.90, 0.89, 0.90), "better", contrast("better", 0.1), flops=300.0, steps=20)
    answer = judge.answer_of(claim("half", "better"), study(halved))
    assert (answer.answer, answer.p, answer.test) == ("supported", 0.01, "quality")
    assert (answer.effect, answer.seeds, answer.cost) == ("+10.0 points (+9.0 to +11.0)", "4", "×6.00")
    parts = np.array((0.09, 0.10, 0.11, 0.10)) / 0.1 - np.array((0.20, 0.18, 0.22, 0.20)) / 0.2
    half_width = scipy.stats.t.ppf(0.975, 3) * parts.std(ddof=1) / 2
    assert answer.change == pytest.approx(math.log(0.5) + half_width * np.array((0, -1, 1)))
    assert judge.answer_of(claim("half", "worse"), study(halved)).answer == "contradicted"


def test_an_undecided_claim_says_what_would_have_been_missed():
    open_ = study(arm("o", (0.81, 0.80, 0.80, 0.81), "inconclusive", contrast("inconclusive", 0.005, p=0.4)))
    assert judge.answer_of(claim("o", "better"), open_).missed == "an effect below 2.1 points would have been missed"
    same = judge.answer_of(claim("o", "equivalent"), open_)
    assert (same.answer, same.missed, same.p) == ("undecided", "less than ±3.4 points", None)


def test_an_answer_by_failures_and_by_equivalence():
    lost = contrast("worse", None, failed=4, by_failure=True)
    answer = judge.answer_of(claim("lost", "worse"), study(arm("lost", (), "worse", lost)))
    assert (answer.answer, answer.effect) == ("supported", "failed in 4 of 4 seeds, the baseline in 0 of 4")
    assert (answer.p, judge.p_text(answer), answer.change) == (0.002, ".0020 of failures", None)
    near = contrast("equivalent", 0.001, p_tost=0.01, p_tost_holm=0.02)
    answer = judge.answer_of(claim("near", "better"), study(arm("near", (0.8, 0.82, 0.78, 0.804), "equivalent", near)))
    assert (answer.answer, judge.p_text(answer)) == ("contradicted", ".020 of equivalence")


def test_an_arm_that_there_is_not():
    with pytest.raises(ValueError, match="made has no arm 'x'; its arms: y"):
        judge.answer_of(claim("x", "better"), study(arm("y", (), "worse", contrast("worse", None))))


def under_conditions(verdict, single, difference=0.001, margin=None):
    one = {"p_holm": 0.03, "p": 0.03, "p_max_t": 0.1, "there": math.log(0.5), "elsewhere": math.log(5), "n": 4}
    spread = {"error": 0.001, "df": 6.0, "p": 0.3}
    average = {
        "arm": "a", "verdict": verdict, "verdicts": dict(zip(("c1", "c2", "c3"), single, strict=True)),
        "difference": {"mean": difference, "low": -0.002, "high": 0.004, **spread}, "p": 0.3, "p_holm": 0.3,
        "change": {"mean": -0.1, "low": -0.2, "high": 0.0, **spread}, "p_failure": 1.0, "p_failure_holm": None,
        "differs": True, "departures": [{**one, "level": "c2", "others": ""}],
    }  # fmt: skip
    own = [arm("baseline", (0.8, 0.7)), arm("a", (0.8, 0.7), "better", contrast("better", 0.0), flops=110.0)]
    report = study(margin=margin)
    return {**report, "arms": [average], "conditions": [{"name": c, "arms": own} for c in ("c1", "c2", "c3")]}


def test_the_answer_of_a_report_across_conditions():
    report = under_conditions("inconclusive", ("better", "worse", "inconclusive"))
    answer = judge.answer_of(claim("a", "better"), report)
    assert (answer.answer, answer.seeds, answer.cost) == ("mixed", "4 × 3", "×1.10")
    assert answer.where == "better in 1 of 3; worse in 1 of 3 (c2); differs: −50 % at c2, ×5.0 elsewhere"
    assert answer.effect == "+0.10 points on average; shortfall −9.5 % (−18 to 0.0)"
    assert tuple(answer.change) == (-0.1, -0.2, 0.0)


def test_equivalence_on_average():
    report = under_conditions("inconclusive", ("inconclusive",) * 3, margin=0.01)
    same = judge.answer_of(claim("a", "equivalent"), report)
    assert (same.answer, same.test) == ("supported", "equivalence")
    assert same.p == pytest.approx(scipy.stats.t.sf(9, 6))  # (margin - mean) / error
    assert judge.answer_of(claim("a", "better"), report).answer == "contradicted"
    report["conditions"][0]["arms"][1]["failed"] = 1
    assert judge.answer_of(claim("a", "equivalent"), report).answer == "undecided"
    far = under_conditions("inconclusive", ("inconclusive",) * 3, difference=0.009, margin=0.01)
    assert judge.answer_of(claim("a", "equivalent"), far).answer == "undecided"
    assert judge.answer_of(claim("a", "equivalent"), far).missed == "less than ±1.09 points on average"
    assert "of the shortfall would have been missed" in judge.answer_of(claim("a", "worse"), far).missed


def test_a_study_that_is_not_at_its_end_has_not_run():
    halfway = under_conditions("", ("", "", ""))
    assert not answers.whole(halfway | {"conditions": [{"ended": True}, {"ended": False}]})
    assert not answers.whole(study(arm("a", (), pending=1)))


def test_all_tests_of_all_studies_are_corrected_together():
    near = contrast("equivalent", 0.0, p=0.04, p_tost=0.02, p_failure_corrected=None)
    one = study(arm("a", (), "better", contrast("better", 0.1, p=0.02)), arm("b", (), "", near))
    corrected = judge.corrected_over_all({"one": one, "two": one})
    # p of quality .01 and .02, of failures .001, each twice: six tests. Equivalence is a family of two.
    assert corrected["two", "a", "failure"] == pytest.approx(0.006)
    assert corrected["one", "a", "quality"] == pytest.approx(0.04)
    assert corrected["one", "b", "quality"] == pytest.approx(0.04)
    assert corrected["two", "b", "equivalence"] == pytest.approx(0.04)
    assert ("one", "b", "failure") not in corrected


def test_a_measure():
    made = judge.measured({"claim": "x", "source": "S3"}, {"answer": "supported", "effect": "rank correlation .98"})
    assert (made.answer, made.effect, made.change) == ("supported", "rank correlation .98", None)
    with pytest.raises(ValueError, match="one of supported, contradicted, mixed, undecided; got 'yes'"):
        judge.measured({"claim": "x", "source": "S3"}, {"answer": "yes", "effect": ""})


def test_a_page_from_a_real_study_under_conditions_and_from_one_of_them(tmp_path):
    cfg = small_config()
    cfg.report.margin = 0.5
    cfg.across = {"data": (choice("digits"), choice("digits", per_class=20))}
    folder, name = tmp_path / "claims", "smooth_labels(alpha=0.1)"
    with jax_as_it_was():
        ablate.run(cfg, folder / "across_norm")
    condition = next((folder / "across_norm").glob("data-digits-*"))  # a study like any other
    condition.rename(folder / "plain_loss")
    claims = [claim(name, "equivalent"), {"claim": "By hand", "source": "S3", "measure": lambda folder: {
        "answer": "mixed", "effect": f"seen in {folder.name}"}}]  # fmt: skip
    cards = [answers.Card("never_run", [claim(name, "better")], folder / "never_run", None)]
    for one in ("plain_loss", "across_norm"):
        report = json.loads((folder / one / "report.json").read_text(encoding="utf-8"))
        assert answers.whole(report)
        cards.append(answers.Card(one, claims, folder / one, report))
    page = answers.page(cards)
    assert "4 claims" in page
    assert "**2 mixed**" in page
    assert page.index("## Losses and labels") < page.index("## Normalisation") < page.index("## Not run here")
    assert "seen in plain_loss | – | – | – | – | [plain_loss](claims/plain_loss/report.md) |" in page
    assert "| 2 × 2 | ×1.0" in page
    assert "- never_run: So it is" in page
    lines = [line.answer for card in cards[1:] for line in answers.lines_of(card)]
    files = picture.picture({"Losses": lines[:2], "Norms": lines[2:]})
    assert files["png"].startswith(b"\x89PNG")
    assert b"<svg" in files["svg"]


def test_where_an_effect_is_drawn():
    def at(**fields):
        return picture.where(judge.Answer("c", "S0", **{"answer": "supported", "effect": "", **fields}))

    assert at(change=judge.Change(-0.1, None, None)) == -0.1
    assert at(test="failure", expects="worse") == math.inf
    assert at(test="failure", expects="worse", answer="contradicted") == -math.inf
    assert at(test="failure", expects="better") == -math.inf
    assert at(test="quality", expects="worse") is None
    assert at() is None


def test_the_committed_page_is_what_the_committed_reports_say():
    page = answers.page(answers.cards(ROOT / "results" / "claims"))
    assert (ROOT / "results" / "claims.md").read_text(encoding="utf-8") == page, "run `make docs`"
