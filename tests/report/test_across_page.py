"""The report across conditions, from made-up studies: words, numbers, and whatever may be wrong with them."""

import csv
import json
import math
import re

import numpy as np
import pytest

from ablate.report.comparison.across import across, answers, headline
from ablate.report.comparison.across_page import contents
from tests.report import synthetic

ARMS = {"baseline": ({}, 0.0), "adam": ({}, 0.0), "sam": ({}, 0.0)}


def record(*levels, alpha=0.05):
    names = [" × ".join(level.values()) for level in levels]
    conditions = [
        {"name": name, "folder": name, "levels": level, "plan": "p", "ended": True}
        for name, level in zip(names, levels, strict=True)
    ]
    texts = {"name": "made up", "question": "Does it hold?", "command": "ablate run"}
    return {"format": 1, **texts, "alpha": alpha, "conditions": conditions}


def two(**kwargs):
    return record({"data": "data=digits"}, {"data": "data=faces"}, **kwargs)


def by_name(studies, record):
    return dict(zip((one["name"] for one in record["conditions"]), studies, strict=True))


def lined_up(studies, record=None):
    record = record or two()
    return across(record, by_name(studies, record))


def files_of(studies, record=None):
    record = record or two()
    return dict(contents(record, by_name(studies, record)))


def study(gains, levels=0.8, seeds=8, noise=0.003, seed=0, name="digits"):
    """Every arm of one condition, its shortfall that of the baseline times 1 - gain, up to noise."""
    rng = np.random.default_rng(seed)
    made = synthetic.make(ARMS, seeds=seeds)
    made.study["name"], made.study["alpha"] = name, 0.025
    made.study["data"] = made.study["data"] | {"name": name}
    for row in made.rows:
        missing = (1 - levels) * (1 - gains.get(row["arm"], 0.0)) * (1 + noise * rng.standard_normal())
        row["metrics"]["test_accuracy"] = 1 - missing
    return made


def test_a_trick_that_takes_the_same_share_everywhere_does_not_differ():
    studies = [study({"adam": 0.2, "sam": 0.2}, seed=10), study({"adam": 0.2}, levels=0.98, seed=11, name="faces")]
    found = lined_up(studies)
    adam, sam = found.tricks
    assert (found.differs(adam), found.differs(sam)) == (False, True)
    (departure,) = found.departures["sam"]
    assert math.expm1(departure.there) == pytest.approx(-0.2, abs=0.01)
    assert math.expm1(departure.elsewhere) == pytest.approx(0.0, abs=0.01)
    texts = {answer.arm: answer.text for answer in answers(found)}
    assert texts["adam"].startswith("better on average, shortfall −20.061 % (95 % interval ")
    assert "; helps in 2 of 2 conditions; no difference between conditions shown (" in texts["adam"]
    assert "; helps in 1 of 2 conditions, changes nothing in 1; differs between conditions (" in texts["sam"]
    assert "): −20." in texts["sam"]
    assert headline(found) == (
        "Of 2 arms under 2 conditions: 2 better on average (adam and sam), 1 better in every single one (adam), "
        "1 with effects that differ between them (sam)."
    )


def test_where_it_hurts_is_named():
    studies = [study({"adam": 0.2}), study({"adam": -0.2}, seed=1, name="faces")]
    (adam, _) = answers(lined_up(studies))
    assert "helps in 1 of 2 conditions, hurts in 1 (data=faces); differs between conditions" in adam.text


def test_conditions_that_have_not_ended_are_not_shown():
    studies, record = [study({"adam": 0.2}), study({"adam": -0.2}, seed=1, name="faces")], two()
    record["conditions"][1]["ended"] = False
    found = lined_up(studies, record)
    assert list(found.tables) == ["data=digits"]
    assert headline(found).startswith("Interim: 1 of 2 conditions have ended")
    content = json.loads(files_of(studies, record)["report.json"])
    assert content["status"].endswith("; 1 condition still to run")
    assert [len(one["arms"]) for one in content["conditions"]] == [3, 0]
    assert "Nothing to say" not in files_of(studies, record)["report.md"]
    record["conditions"][0]["ended"] = False
    assert headline(lined_up(studies, record)).startswith("Interim: 0 of 2 conditions have ended")
    assert "report.html" in files_of(studies, record)


def test_planned_looks_share_the_level_of_averages_and_differences_too():
    studies = [study({"adam": 0.2}), study({"adam": 0.2}, seed=1, name="faces")]
    for made in studies:
        made.study["looks"] = [8, 16]
    found = lined_up(studies)
    assert found.alpha == found.comparison.alpha == 0.025
    assert "decides, at 0.025" in files_of(studies)["report.md"]


def test_seeds_that_verdicts_decided_leave_estimates_alone():
    studies = [study({"adam": 0.2}), study({"adam": 0.2}, seeds=6, seed=1, name="faces")]
    found = lined_up(studies)
    assert (found.by_look, found.departures, {arm.verdict for arm in found.tricks}) == (False, {}, {""})
    assert headline(found).startswith("Of 2 arms under 2 conditions: not tested on average, since single conditions")
    (adam, _) = answers(found)
    assert adam.text.startswith("no verdict on average, shortfall −2")
    assert "helps in 2 of 2 conditions; no test of whether it differs" in adam.text
    # The same where one arm has fewer seeds than the others.
    short = study({"adam": 0.2}, seed=1, name="faces")
    short.rows = [row for row in short.rows if (row["arm"], row["seed"]) != ("sam", 7)]
    short.study["cells"] = [cell for cell in short.study["cells"] if (cell["arm"], cell["seed"]) != ("sam", 7)]
    assert not lined_up([studies[0], short]).by_look


def test_looks_of_single_conditions_are_told():
    studies = [study({"adam": 0.2}), study({"adam": 0.2}, seed=1, name="faces")]
    first = {
        "metric": "test_accuracy", "margin": 0.1, "alpha": 0.025, "test": "t", "looks": [], "baseline": "baseline",
        "time": "2026-01-01T00:00:00+00:00", "seeds": [0, 1, 2], "arms": list(ARMS), "cells": {}, "level": 0.025,
        "planned": False, "rows": "x", "verdicts": {},
    }  # fmt: skip
    studies[1].looks = (first,)
    report = files_of(studies)["report.md"]
    assert "data=faces: Exploratory" in report or "data=faces: " in report.split("## Caveats")[1]


def test_a_verdict_by_failures_shows_their_p():
    studies = [study({}, seed=10), study({}, seed=11, name="faces")]
    for made in studies:
        for row in synthetic.rows_of(made, "adam")[:6]:
            synthetic.diverge(row)
        synthetic.diverge(synthetic.rows_of(made, "sam")[0])
        for row in synthetic.rows_of(made, "sam")[1:]:
            row["metrics"]["test_accuracy"] += 0.1
    (adam, sam) = answers(lined_up(studies))
    assert adam.text.startswith("worse on average by its failures, which are more frequent (corrected p ")
    assert sam.text.startswith("inconclusive on average, since it failed more often, shortfall −")
    assert "p (failures)" in files_of(studies)["report.md"]


def test_max_t_decides_where_it_was_declared():
    studies = [study({"adam": 0.2}, seeds=5), study({"adam": -0.2}, seeds=5, seed=1, name="faces")]
    for made in studies:
        made.study["test"] = "max_t"
    found = lined_up(studies)
    assert found.departures["adam"][0].p_holm < 0.05 < found.p_of(found.departures["adam"][0]) == 2 / 2**5
    assert not found.differs(found.tricks[0])
    text = str(files_of(studies)["report.md"])
    assert "max-T decides, at 0.05" in text


def test_pending_cells_leave_estimates_alone():
    studies = [study({"adam": 0.2}), study({"adam": 0.2}, seed=1, name="faces")]
    studies[1].rows.pop()
    files = files_of(studies)
    content = json.loads(files["report.json"])
    assert content["headline"].startswith("Interim: 1 of 2 conditions have ended")
    assert set(content["sections"]) == {"conditions", "folders"}


@pytest.mark.parametrize("variant", ["troubled", "empty", "all_diverged", "one_seed", "one_arm", "hostile"])
def test_whatever_state_the_studies_are_in(variant):
    studies = [synthetic.VARIANTS[variant](), synthetic.VARIANTS[variant]()]
    files = files_of(studies)
    assert {"report.md", "report.html", "report.tex", "report.json", "conditions.csv"} <= files.keys()
    json.loads(files["report.json"], parse_constant=pytest.fail)
    for name in ("report.md", "report.html", "conditions.csv"):
        text = re.sub("<style>.*</script>", "", files[name])
        assert not {"nan", "None", "inf"} & set(re.findall(r"\w+", text))
        assert name == "conditions.csv" or "<script>alert" not in text


def test_names_are_text_wherever_they_stand():
    names = record({"data": "data=<b>|ü`x`"}, {"data": "data=a_b*c$%&"})
    files = files_of([study({"adam": 0.2}), study({"adam": 0.1}, seed=1)], names)
    assert "data=&lt;b&gt;|ü`x`" in files["report.html"]
    assert "<b>" not in files["report.html"]
    assert r"data=&lt;b&gt;\|ü\`x\`" in files["report.md"]
    assert list(csv.DictReader(files["conditions.csv"].splitlines()))[-1]["data"] == "data=a_b*c$%&"


def test_a_metric_without_a_perfect_value_is_compared_as_it_is():
    studies = [synthetic.adversarial(), synthetic.adversarial()]
    found = lined_up(studies)
    assert not found.comparison.in_ratios
    arm = found.tricks[0]
    (departure,) = found.departures[arm.arm]
    deltas = [own.contrast.mean for own in arm.summaries]
    assert departure.mean == pytest.approx(deltas[0] - deltas[1])
