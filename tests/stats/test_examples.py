"""Two standard errors: against a general random-effects analysis, and their coverage over new test sets."""

import numpy as np
import pytest
import scipy.stats

from ablate.stats.examples import two_errors


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
    """A population in which examples favour one side or the other, sampled anew for every study."""
    rng = np.random.default_rng(1)
    held = {"seeds": 0, "both": 0}
    for _ in range(300):
        favour = rng.choice((-0.3, 0.0, 0.3), size=200)  # of a test example, the same for all seeds; mean 0
        base = rng.random((6, 200)) < 0.6
        arm = rng.random((6, 200)) < 0.6 + favour
        found = two_errors(arm, base)
        bar = scipy.stats.t.isf(0.025, 5)
        held["seeds"] += abs(found.mean) <= bar * found.of_seeds
        held["both"] += abs(found.mean) <= bar * found.of_both
    assert held["both"] / 300 > 0.93
    assert held["seeds"] / 300 < held["both"] / 300 - 0.03
