"""Add-one against leave-one-out over two studies: redundancy and synergy."""

import json

import pytest

import ablate
from ablate.report.comparison.profile import comparison_contents
from ablate.report.comparison.studies import compare
from ablate.report.comparison.synergy import company_grid


class Made:
    """A study as `ablate.load` gives it."""

    def __init__(self, study, rows):
        self.study, self.rows = study, rows


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    found = {}
    for design in ("one_at_a_time", "leave_one_out"):
        cfg = ablate.base_config()
        cfg.model = ablate.choice("mlp", widths=(8,))
        cfg.vary.norm = (ablate.choice("batch"),)
        cfg.vary.schedule = (ablate.choice("cosine"),)
        cfg.design = design
        cfg.seeds = 4
        cfg.train.steps = 4
        cfg.train.batch_size = 32
        found[design] = ablate.run(cfg, tmp_path_factory.mktemp(design))
    return found


def with_scores(rows, scores):
    """The same study with made-up test accuracies: arm -> one number per seed."""
    made = json.loads(json.dumps([dict(row) for row in rows]))
    for row in made:
        row["metrics"]["test_accuracy"] = scores[row["arm"]][row["seed"]]
    return Made(rows.study, made)


def spread(middle):
    return [middle + wiggle for wiggle in (-0.001, 0.001, 0.0005, -0.0005)]


@pytest.fixture
def pair(runs):
    added = {"baseline": [0.8] * 4, "norm=batch": spread(0.84), "schedule=cosine": spread(0.82)}
    left = {"all": [0.85] * 4, "without norm=batch": spread(0.84), "without schedule=cosine": spread(0.81)}
    return [with_scores(runs["one_at_a_time"], added), with_scores(runs["leave_one_out"], left)]


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
    other = Made({**pair[1].study, "train": {**pair[1].study["train"], "steps": 99}}, pair[1].rows)
    assert company_grid(compare([pair[0], other])) is None
    assert company_grid(compare([pair[0], pair[0]])) is None
