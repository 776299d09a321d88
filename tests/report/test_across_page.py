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
    conditions = [{"name": name, "folder": name, "levels": level} for name, level in zip(names, levels, strict=True)]
    texts = {"name": "made up", "question": "Does it hold?", "command": "ablate run"}
    return {"format": 1, **texts, "alpha": alpha, "conditions": conditions}


def two(**kwargs):
    return record({"data": "data=digits"}, {"data": "data=faces"}, **kwargs)


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
    found = across(two(), studies)
    adam, sam = found.tricks
    assert (found.differs(adam), found.differs(sam)) == (False, True)
    (departure,) = found.departures["sam"]
    assert math.expm1(departure.there) == pytest.approx(-0.2, abs=0.01)
    assert math.expm1(departure.elsewhere) == pytest.approx(0.0, abs=0.01)
    texts = {answer.arm: answer.text for answer in answers(found)}
    assert texts["adam"].startswith("better on average, −20.061 % of shortfall (95 % interval ")
    assert "; helps in 2 of 2 conditions; no difference between conditions shown (" in texts["adam"]
    assert "; helps in 1 of 2 conditions, changes nothing in 1; differs between conditions (" in texts["sam"]
    assert "): −20." in texts["sam"]
    assert headline(found) == (
        "Of 2 arms under 2 conditions: 2 better on average (adam and sam), 1 better in every single one (adam), "
        "1 with effects that differ between them (sam)."
    )


def test_where_it_hurts_is_named():
    studies = [study({"adam": 0.2}), study({"adam": -0.2}, seed=1, name="faces")]
    (adam, _) = answers(across(two(), studies))
    assert "helps in 1 of 2 conditions, hurts in 1 (data=faces); differs between conditions" in adam.text


def test_max_t_decides_where_it_was_declared():
    studies = [study({"adam": 0.2}, seeds=5), study({"adam": -0.2}, seeds=5, seed=1, name="faces")]
    for made in studies:
        made.study["test"] = "max_t"
    found = across(two(), studies)
    assert found.departures["adam"][0].p_holm < 0.05 < found.p_of(found.departures["adam"][0]) == 2 / 2**5
    assert not found.differs(found.tricks[0])
    text = str(dict(contents(two(), studies))["report.md"])
    assert "max-T decides, at 0.05" in text


def test_pending_cells_leave_estimates_alone():
    studies = [study({"adam": 0.2}), study({"adam": 0.2}, seed=1, name="faces")]
    studies[1].rows.pop()
    files = dict(contents(two(), studies))
    content = json.loads(files["report.json"])
    assert content["headline"].startswith("Interim: 1 of 2 conditions have ended")
    assert set(content["sections"]) == {"conditions", "folders"}


@pytest.mark.parametrize("variant", ["troubled", "empty", "all_diverged", "one_seed", "one_arm", "hostile"])
def test_whatever_state_the_studies_are_in(variant):
    studies = [synthetic.VARIANTS[variant](), synthetic.VARIANTS[variant]()]
    files = dict(contents(two(), studies))
    assert {"report.md", "report.html", "report.tex", "report.json", "conditions.csv"} <= files.keys()
    json.loads(files["report.json"], parse_constant=pytest.fail)
    for name in ("report.md", "report.html", "conditions.csv"):
        text = re.sub("<style>.*</script>", "", files[name])
        assert not {"nan", "None", "inf"} & set(re.findall(r"\w+", text))
        assert name == "conditions.csv" or "<script>alert" not in text


def test_names_are_text_wherever_they_stand():
    names = record({"data": "data=<b>|ü`x`"}, {"data": "data=a_b*c$%&"})
    files = dict(contents(names, [study({"adam": 0.2}), study({"adam": 0.1}, seed=1)]))
    assert "data=&lt;b&gt;|ü`x`" in files["report.html"]
    assert "<b>" not in files["report.html"]
    assert r"data=&lt;b&gt;\|ü\`x\`" in files["report.md"]
    assert list(csv.DictReader(files["conditions.csv"].splitlines()))[-1]["data"] == "data=a_b*c$%&"


def test_a_metric_without_a_perfect_value_is_compared_as_it_is():
    studies = [synthetic.adversarial(), synthetic.adversarial()]
    found = across(two(), studies)
    assert not found.comparison.in_ratios
    arm = found.tricks[0]
    (departure,) = found.departures[arm.arm]
    deltas = [own.contrast.mean for own in arm.summaries]
    assert departure.mean == pytest.approx(deltas[0] - deltas[1])
