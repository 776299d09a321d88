"""Add-one against leave-one-out over two studies: redundancy and synergy."""

import pytest
import scipy.stats

from ablate.report.comparison.files import comparison_contents
from ablate.report.comparison.studies import compare
from ablate.report.comparison.synergy import company_grid, readings
from ablate.report.comparison.words import headline
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


def lines_of(studies):
    """The table: trick to column to text."""
    table = company_grid(compare(studies))
    assert table is not None
    return {row[0]: dict(zip(table.header, row, strict=True)) for row in table.rows}


def test_a_trick_that_adds_less_among_the_others_is_redundant_and_one_that_adds_more_is_synergy(pair):
    lines = lines_of(pair)
    batch, cosine = lines["norm=batch"], lines["schedule=cosine"]
    assert [float(batch[name].replace("−", "-")) for name in ("alone (points)", "together (points)")] == [4, 1]
    assert float(batch["together minus alone"].replace("−", "-")) == -3
    assert (batch["reading"], cosine["reading"]) == ("redundancy", "synergy")
    assert (batch["seeds"], float(cosine["together minus alone"])) == ("4", 2)


def test_readings_are_corrected_over_the_tricks(pair):
    # Together minus alone: for one trick significant by itself but not among two, for the other nothing.
    made = {
        "norm=batch": (0.84, [-0.014, -0.004, -0.007, -0.0055]),
        "schedule=cosine": (0.82, [0.01, -0.01, 0.01, -0.01]),
    }
    for row in pair[1].rows:
        arm = row["arm"].removeprefix("without ")
        if arm in made:
            alone = made[arm][0] - 0.8 + [-0.001, 0.001, 0.0005, -0.0005][row["seed"]]
            row["metrics"]["test_accuracy"] = 0.85 - alone - made[arm][1][row["seed"]]
    p = {arm: scipy.stats.ttest_1samp(gaps, 0).pvalue for arm, (_, gaps) in made.items()}
    assert 0.025 < p["norm=batch"] < 0.05 < p["schedule=cosine"]
    alone = readings(compare(pair))["norm=batch"]
    assert alone.extra.p == pytest.approx(p["norm=batch"])
    assert alone.p_holm == pytest.approx(2 * p["norm=batch"])
    assert {line["reading"] for line in lines_of(pair).values()} == {"unclear"}


def test_words_name_no_cause(pair):
    text = comparison_contents(compare(pair))["studies.md"]
    assert "adds less among the others than alone" in text
    assert "corrected by Holm's method for 2 tricks" in text
    assert "already does" not in text
    assert headline(compare(pair)) == (
        "Of 2 tricks, among the others against alone: 1 redundancy (norm=batch), 1 synergy (schedule=cosine), "
        "0 unclear."
    )


def test_a_seed_that_diverged_anywhere_is_left_out_and_the_rest_counted(pair):
    synthetic.diverge(synthetic.rows_of(pair[1], "all")[1])
    assert lines_of(pair)["norm=batch"]["seeds"] == "3"


def test_studies_whose_arms_share_no_seeds_are_not_read(pair):
    for made in pair:
        made.study["paired"] = False
    assert company_grid(compare(pair)) is None


def test_it_is_in_the_files_whatever_the_order_of_the_studies(pair):
    for studies in (pair, pair[::-1]):
        files = comparison_contents(compare(studies))
        assert "## Alone and together" in files["studies.md"]
        assert "Alone and together" in files["studies.html"]


def test_studies_that_train_otherwise_are_not_joined(pair):
    other = synthetic.Made({**pair[1].study, "train": {**pair[1].study["train"], "steps": 99}}, pair[1].rows)
    assert company_grid(compare([pair[0], other])) is None
    assert company_grid(compare([pair[0], pair[0]])) is None
