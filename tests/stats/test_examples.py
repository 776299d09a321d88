"""Two standard errors: against a general random-effects analysis, and their coverage over new test sets."""

import numpy as np
import pytest
import scipy.stats

from ablate.stats.examples import resampled_errors, two_errors
from ablate.stats.simulate_examples import simulate_resampled_errors, simulate_two_errors


def anova(deltas):
    """Variance components of a two-way crossed layout by expected mean squares, written out."""
    seeds, examples = deltas.shape
    row, column, mean = deltas.mean(1), deltas.mean(0), deltas.mean()
    ms_rows = examples * ((row - mean) ** 2).sum() / (seeds - 1)
    ms_columns = seeds * ((column - mean) ** 2).sum() / (examples - 1)
    rest = deltas - row[:, None] - column[None] + mean
    ms_rest = (rest**2).sum() / ((seeds - 1) * (examples - 1))
    of_example = (ms_columns - ms_rest) / seeds
    of_seed = (ms_rows - ms_rest) / examples
    return of_seed, of_example, ms_rest


@pytest.mark.parametrize(("seeds", "examples"), [(2, 5), (6, 450), (12, 100)])
def test_the_errors_are_those_of_the_components(seeds, examples):
    rng = np.random.default_rng(seeds)
    hard = rng.random(examples)
    arm, baseline = (rng.random((seeds, examples)) < 0.5 + 0.4 * hard + 0.05 * k for k in range(2))
    deltas = arm.astype(float) - baseline
    of_seed, of_example, rest = anova(deltas)
    found = two_errors(arm, baseline)
    assert found.of_seeds == pytest.approx(scipy.stats.sem(deltas.mean(1)))
    both = of_seed / seeds + max(of_example, 0) / examples + rest / (seeds * examples)
    assert found.of_both**2 == pytest.approx(both)
    assert (found.won - found.lost) / examples == pytest.approx(found.mean)
    assert (found.seeds, found.examples) == (seeds, examples)


def test_too_little_to_split():
    assert two_errors(np.ones((1, 5), bool), np.zeros((1, 5), bool)) is None
    assert two_errors(np.ones((3, 1), bool), np.zeros((3, 1), bool)) is None


def test_the_same_answers_have_no_error():
    right = np.random.default_rng(0).random((4, 20)) < 0.8
    assert two_errors(right, right)[:5] == (0.0, 0.0, 0.0, 0.0, 0.0)


def test_intervals_hold_over_new_seeds_and_new_examples_and_those_of_seeds_alone_do_not():
    seeds, both = simulate_two_errors(10, 200, 300, np.random.default_rng(1))
    assert both.rate > 0.93
    assert seeds.rate < 0.9


def test_seeds_that_draw_their_own_test_examples_have_the_error_of_their_deltas_and_a_larger_one():
    rng = np.random.default_rng(4)
    arm, baseline = rng.random((5, 40)) < 0.8, rng.random((5, 40)) < 0.7
    deltas = arm.mean(axis=1) - baseline.mean(axis=1)
    found = resampled_errors(arm, baseline, pool=200)
    assert found.of_seeds == pytest.approx(scipy.stats.sem(deltas))
    assert found.of_both == pytest.approx(np.sqrt((1 / 5 + 40 / 160) * deltas.var(ddof=1)))
    assert (found.won - found.lost) / 40 == pytest.approx(found.mean) == pytest.approx(deltas.mean())
    assert resampled_errors(arm[:1], baseline[:1], 200) is None
    assert resampled_errors(arm, baseline, 40) is None


def test_on_data_drawn_anew_the_larger_error_covers_more():
    seeds, both = simulate_resampled_errors(10, 300, np.random.default_rng(5), truth=3000)
    assert seeds.rate < 0.8
    assert both.rate > 0.9
