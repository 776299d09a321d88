"""At equal operations, in steps of the baseline, and at equal tuning budgets: against numpy and scipy by hand."""

import math

import numpy as np
import pytest
import scipy.stats

from ablate.report.sections.equal_cost import at_equal_cost, cost_caveat, equal_cost, worth
from ablate.report.sections.tuning import affordable, tuning
from ablate.report.tables import tabulate
from tests.report import synthetic

ARMS = {"baseline": ({}, 0.0), "adam": ({}, 0.0), "sam": ({}, 0.0)}


def study(costs=(1.0, 2.0), gains=(0.0, 0.05), seeds=6, steps=(600, 600)):
    """Curves that rise in a straight line from .1 to .7, from one seed to the next by a little; arms gain something."""
    made = synthetic.make(ARMS, seeds=seeds)
    made.study["metrics"], made.study["watch"] = [dict(metric) for metric in synthetic.METRICS], "accuracy"
    for arm, cost in zip(made.study["arms"], (1.0, *costs), strict=True):
        arm["flops"] = 1e6 * cost
    gain, length = ({"baseline": base, "adam": own[0], "sam": own[1]} for base, own in ((0.0, gains), (600, steps)))
    for row in made.rows:
        end = length[row["arm"]]
        at = np.arange(0, end + 1, 30)
        own = np.random.default_rng([row["seed"], len(row["arm"])]).normal(0, 0.002)
        curve = 0.1 + 0.6 * at / 600 + own + gain[row["arm"]] * (at > 0)
        row["curves"] = {"step": at.tolist(), "val_accuracy": curve.tolist(), "train_loss": (1 - curve).tolist()}
        row["curves"]["val_loss"] = (1 - curve).tolist()
        row["costs"]["steps"] = end
    return made


def lines_of(made):
    return {line.arm.arm: line for line in at_equal_cost(tabulate(made.study, made.rows))}


def test_an_arm_of_twice_the_operations_is_read_at_half_of_its_steps():
    made = study()
    adam, sam = lines_of(made).values()
    assert (adam.ratio, adam.step, sam.ratio, sam.step) == (1.0, 600, 2.0, 300)
    curves = {(row["arm"], row["seed"]): row["curves"]["val_accuracy"] for row in made.rows}
    deltas = np.array([curves["sam", s][10] - curves["baseline", s][-1] for s in range(6)])
    assert sam.equal_cost.mean == pytest.approx(deltas.mean())
    assert sam.equal_cost.p == pytest.approx(scipy.stats.ttest_1samp(deltas, 0).pvalue)
    assert (sam.at_end.verdict, sam.equal_cost.verdict) == ("better", "worse")
    assert adam.equal_cost.mean == adam.at_end.mean


def test_a_gain_in_steps_of_the_baseline():
    made = study(gains=(-0.06, 0.05))
    tables = tabulate(made.study, made.rows)
    # The line rises by .1 in 100 steps.
    assert worth(0.05, tables) == pytest.approx(50.0)
    assert worth(-0.06, tables) == pytest.approx(-60.0)
    assert (worth(0.0, tables), worth(None, tables), worth(0.7, tables)) == (0.0, None, math.inf)
    rows = {row[0]: row for row in equal_cost(tables).grids[0].rows}
    assert rows["sam"][2].startswith("+49 (+")
    assert rows["adam"][2].startswith("−6")
    assert rows["adam"][4] == "its end"


def test_an_arm_with_fewer_steps_is_read_at_its_end_and_that_is_said():
    made = study(steps=(300, 600))
    adam = lines_of(made)["adam"]
    assert (adam.ratio, adam.step) == (0.5, 300)
    assert adam.equal_cost.mean == pytest.approx(-0.3, abs=0.01)
    section = equal_cost(tabulate(made.study, made.rows))
    assert "it had operations left" in section.paragraphs[0]


def test_a_claim_that_more_operations_bought_is_told():
    made = study()
    for row in synthetic.rows_of(made, "sam"):
        row["metrics"]["test_accuracy"] += 0.05
    (sentence,) = cost_caveat(tabulate(made.study, made.rows))
    assert sentence.endswith("not better at equal operations: sam (2.00 times, worse).")
    assert list(cost_caveat(tabulate(study(costs=(1.0, 1.0)).study, made.rows))) == []


def test_failed_cells_have_failed_here_too():
    made = study()
    for row in synthetic.rows_of(made, "sam")[:2]:
        synthetic.diverge(row)
    sam = lines_of(made)["sam"]
    assert (sam.equal_cost.n, sam.equal_cost.failures.hits) == (4, 2)


def test_what_there_is_nothing_to_say_of():
    made = study()
    made.rows.pop()
    assert equal_cost(tabulate(made.study, made.rows)) is None  # interim
    made = study()
    del made.study["arms"][0]["flops"]
    assert equal_cost(tabulate(made.study, made.rows)) is None
    made = study()
    for row in synthetic.rows_of(made, "baseline"):
        synthetic.diverge(row)
    assert equal_cost(tabulate(made.study, made.rows)) is None


def test_a_few_thousandths_more_are_as_many():
    adam = lines_of(study(costs=(1.004, 2.0)))["adam"]
    assert adam.at_end == adam.equal_cost


def test_a_curve_without_a_number_is_no_failure():
    made = study()
    synthetic.rows_of(made, "sam")[0]["curves"]["val_accuracy"] = [None] * 21
    sam = lines_of(made)["sam"]
    assert (sam.equal_cost.n, sam.equal_cost.failures.hits) == (5, 0)


def tuned(made):
    """Three points; the last is the best of the baseline and of adam, of sam all others are bad."""
    best = {"baseline": (0.5, 0.8, 0.9), "adam": (None, 0.8, 0.9), "sam": (0.4, 0.7, 0.95)}
    made.study["tuning"] = {
        "metric": "val_accuracy",
        "relative": False,
        "seeds": [90, 91, 92, 93],
        "points": [{"optimizer": {"learning_rate": rate}} for rate in (0.01, 0.1, 1.0)],
        "failed": 0,
        "arms": {
            name: {"chosen": 2, "validation": [0.1, 0.5, own[2]], "at_border": [], "expected_best": list(own)}
            for name, own in best.items()
        },
    }
    return tabulate(made.study, made.rows)


def test_what_smaller_tuning_budgets_would_have_left():
    tables = tuned(study())
    assert affordable(3, tables) == {"baseline": 3, "adam": 3, "sam": 2}
    section = tuning(tables)
    assert "verdicts of this report are at equal budgets" in section.paragraphs[-1]
    (_, budgets) = section.grids
    names = ("best of 1", "best of 3", "equal operations")
    assert budgets.header == ("arm", *(f"{name} (points)" for name in names), "points of equal operations")
    # A search that may meet nothing usable has no expected best.
    assert budgets.rows == (("adam", "–", "0.0", "0.0", "3"), ("sam", "−10.0", "+5.0", "−20.0", "2"))


def test_arms_that_cost_alike_need_no_budget_of_their_own():
    tables = tuned(study(costs=(1.0, 1.01)))
    assert affordable(3, tables) == {}
    assert tuning(tables).grids[1].header == ("arm", "best of 1 (points)", "best of 3 (points)")
