"""Add-one against leave-one-out over two studies: redundancy and synergy."""

import pytest

from ablate.report.comparison.profile import comparison_contents
from ablate.report.comparison.studies import compare
from ablate.report.comparison.synergy import company_grid
from tests.report import synthetic


def with_scores(design, arms, scores):
    """A study of four seeds with made-up test accuracies: arm -> one number per seed."""
    made = synthetic.make(arms={name: (changes, 0.0) for name, changes in arms.items()}, seeds=4)
    made.study["design"] = design
    for row in made.rows:
        row["metrics"]["test_accuracy"] = scores[row["arm"]][row["seed"]]
    return made


def spread(middle):
    return [middle + wiggle for wiggle in (-0.001, 0.001, 0.0005, -0.0005)]


@pytest.fixture
def pair():
    norm, schedule = {"norm": {"name": "batch"}}, {"schedule": {"name": "cosine"}}
    added = {"baseline": [0.8] * 4, "norm=batch": spread(0.84), "schedule=cosine": spread(0.82)}
    left = {"all": [0.85] * 4, "without norm=batch": spread(0.84), "without schedule=cosine": spread(0.81)}
    without = [{axis: synthetic.RECIPE[axis]} for axis in ("norm", "schedule")]
    one = with_scores("one_at_a_time", dict(zip(added, ({}, norm, schedule), strict=True)), added)
    other = with_scores("leave_one_out", dict(zip(left, ({}, *without), strict=True)), left)
    for arm in other.study["arms"]:  # what its baseline has is every trick
        arm["recipe"] = synthetic.RECIPE | norm | schedule | arm["changes"]
    return [one, other]


def test_a_trick_whose_work_another_does_is_redundant_and_one_that_gains_is_synergy(pair):
    table = company_grid(compare(pair))
    assert table is not None
    lines = {row[0]: row for row in table.rows}
    assert lines["norm=batch"][1:4] == ("+4.000", "+1.000", "−3.000")
    assert lines["norm=batch"][-1] == "redundancy"
    assert lines["schedule=cosine"][1:4] == ("+2.000", "+4.000", "+2.000")
    assert lines["schedule=cosine"][-1] == "synergy"


def test_it_is_in_the_files_whatever_the_order_of_the_studies(pair):
    for studies in (pair, pair[::-1]):
        files = comparison_contents(compare(studies))
        assert "## Alone and together" in files["studies.md"]
        assert "Alone and together" in files["studies.html"]


def test_studies_that_train_otherwise_are_not_joined(pair):
    other = synthetic.Made({**pair[1].study, "train": {**pair[1].study["train"], "steps": 99}}, pair[1].rows)
    assert company_grid(compare([pair[0], other])) is None
    assert company_grid(compare([pair[0], pair[0]])) is None
