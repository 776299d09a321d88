"""Times to target, Pareto fronts, and what a tuning budget buys, by hand and by brute force."""

import itertools
import math

import numpy as np
import pytest
from statsmodels.duration.survfunc import SurvfuncRight

from ablate.stats.times import first_reached, pareto_front, steps_worth, time_to_target, value_at
from ablate.stats.tuning import at_border, choose, expected_best

STEPS = np.array([10.0, 20.0, 30.0, 40.0])


def test_first_reached_by_hand():
    curve = np.array([0.2, 0.8, 0.5, math.nan])
    assert first_reached(STEPS, curve, 0.8, higher_is_better=True) == 20.0
    assert first_reached(STEPS, curve, 0.81, higher_is_better=True) is None
    assert first_reached(STEPS, curve, 0.2, higher_is_better=False) == 10.0
    assert first_reached(STEPS, curve, 0.1, higher_is_better=False) is None
    assert first_reached(STEPS, np.full(4, math.nan), 0.0, higher_is_better=True) is None
    with pytest.raises(ValueError, match="finite target"):
        first_reached(STEPS, curve, math.nan, higher_is_better=True)


@pytest.mark.parametrize("missing", range(6))
def test_median_time_is_kaplan_meiers(missing):
    times = [12.0, 30.0, 18.0, 44.0, 25.0][: 5 - missing] + [None] * missing
    found = time_to_target(times)
    curve = SurvfuncRight([100.0 if t is None else t for t in times], [t is not None for t in times])
    expected = curve.quantile(0.5)
    assert (found.reached, found.runs) == (5 - missing, 5)
    assert found.median == (None if math.isnan(expected) or missing == 5 else expected)
    assert (found.median is None) == (missing > 2)


def test_median_needs_more_than_half():
    assert time_to_target([1.0, 2.0, None, None]).median is None
    assert time_to_target([1.0, 2.0, 4.0, None]).median == 3.0
    assert time_to_target([]) == ((), 0, 0, None)


@pytest.mark.parametrize("higher", [True, False])
def test_front_by_brute_force(higher):
    rng = np.random.default_rng(0)
    quality, cost = rng.integers(0, 5, 30).astype(float), rng.integers(0, 5, 30).astype(float)
    quality[3] = cost[7] = math.nan
    sign = 1 if higher else -1
    beats = [
        any(
            sign * q >= sign * quality[i] and c <= cost[i] and (q != quality[i] or c != cost[i])
            for q, c in zip(quality, cost)
        )
        for i in range(30)
    ]
    expected = [not b and i not in (3, 7) for i, b in enumerate(beats)]
    assert pareto_front(quality, cost, higher_is_better=higher).tolist() == expected
    assert 0 < sum(expected) < 30


@pytest.mark.parametrize("higher", [True, False])
def test_expected_best_by_enumeration(higher):
    values = np.array([0.3, 0.9, 0.1, 0.5, 0.5])
    best = max if higher else min
    without = [np.mean([best(c) for c in itertools.combinations(values, n)]) for n in range(1, 6)]
    repeated = [np.mean([best(c) for c in itertools.product(values, repeat=n)]) for n in range(1, 6)]
    assert expected_best(values, higher_is_better=higher) == pytest.approx(without)
    assert expected_best(values, higher_is_better=higher, replacement=True) == pytest.approx(repeated)


def test_a_diverged_trial_leaves_small_budgets_unknown():
    values = np.array([0.3, math.nan, 0.1, math.inf])
    assert expected_best(values, higher_is_better=True)[:2] == [None, None]
    # Of three trials at least one is finite: the best of {.3, x, .1}, {.3, x, x'}, {x, .1, x'}, {.3, .1, x'}.
    assert expected_best(values, higher_is_better=True)[2] == pytest.approx((0.3 + 0.3 + 0.1 + 0.3) / 4)
    assert expected_best(values, higher_is_better=False)[3] == pytest.approx(0.1)
    assert expected_best(np.full(2, math.nan), higher_is_better=True) == [None, None]
    assert expected_best(np.array([]), higher_is_better=True) == []


def test_border_of_a_grid():
    grid = np.array([0.1, 0.001, 0.01])
    assert [at_border(grid, v) for v in (0.001, 0.01, 0.1)] == ["low", None, "high"]
    assert at_border(grid, float(np.float32(0.1))) == "high"
    assert at_border(np.array([0.1]), 0.1) is None
    with pytest.raises(ValueError, match="not on the grid"):
        at_border(grid, 0.02)


def test_choice_on_validation():
    table = np.array([[0.7, 0.8], [0.9, math.nan], [0.8, 0.8], [0.9, 0.7]])
    assert choose(table, higher_is_better=True) == 2
    assert choose(table, higher_is_better=False) == 0
    assert choose(np.full((2, 2), math.nan), higher_is_better=True) is None
    assert choose(np.array([[-1.0], [-2.0]]), higher_is_better=True) == 0
    with pytest.raises(ValueError, match="validation"):
        choose(np.zeros((0, 2)), higher_is_better=True)


def test_a_curve_is_read_between_its_evaluations():
    curve = np.array([0.2, 0.6, math.nan, 0.5])
    assert value_at(STEPS, curve, 15.0) == pytest.approx(0.4)
    assert value_at(STEPS, curve, 30.0) == pytest.approx(0.55)  # what is not finite is passed over
    assert (value_at(STEPS, curve, 5.0), value_at(STEPS, curve, 99.0)) == (0.2, 0.5)
    assert math.isnan(value_at(STEPS, np.full(4, math.nan), 20.0))


@pytest.mark.parametrize("higher", [True, False])
def test_a_gain_is_worth_the_last_steps_that_made_as_much(higher):
    sign = 1.0 if higher else -1.0
    curve = sign * np.array([0.0, 0.6, 0.8, 0.9])

    def worth(gain):
        return steps_worth(STEPS, curve, sign * gain, higher_is_better=higher)

    assert worth(0.1) == pytest.approx(10.0)
    assert worth(0.05) == pytest.approx(5.0)
    assert worth(-0.2) == pytest.approx(-15.0)
    assert (worth(0.9), worth(0.95), worth(-2.0), worth(0.0)) == (30.0, math.inf, -math.inf, 0.0)
    assert steps_worth(STEPS[:1], curve[:1], 0.1, higher_is_better=higher) is None


def test_a_curve_that_turns_is_read_from_its_end():
    assert steps_worth(STEPS, np.array([0.5, 0.9, 0.6, 0.7]), 0.1, higher_is_better=True) == pytest.approx(10.0)
    # A curve that falls at its end says nothing about further steps; a loss is a curve that falls to rise.
    assert steps_worth(STEPS, np.array([0.5, 0.9, 0.8, 0.7]), 0.1, higher_is_better=True) is None
    assert steps_worth(STEPS, np.array([0.5, 0.1, 0.2, 0.3]), 0.2, higher_is_better=False) is None
    # A waver of less than half of the gain is none.
    assert steps_worth(STEPS, np.array([0.3, 0.74, 0.65, 0.7]), 0.1, higher_is_better=True) == pytest.approx(
        23.2, abs=0.1
    )


def test_a_gain_within_rounding_is_worth_nothing():
    assert steps_worth(STEPS[:2], np.array([0.1, 0.9]), 1e-12, higher_is_better=True) == 0.0
