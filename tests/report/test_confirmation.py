"""The first estimate beside the confirmed one: what the table and the words say, and why there are two of them."""

import numpy as np
import pytest

from ablate.report.sections.confirmation import confirmation, confirmed_lines
from ablate.report.tables import tabulate
from ablate.stats.verdict import compare
from tests.report import synthetic

FIRST = {"n": 6, "delta": 0.021, "low": 0.010, "high": 0.032, "verdict": "better"}


def confirming(**firsts):
    made = synthetic.make(arms={name: synthetic.ARMS[name] for name in ("baseline", *firsts)})
    made.study["confirms"] = {
        "study": "digits", "seeds": [7, 8], "used": [7, 8], "level": 0.05, "arms": firsts,
    }  # fmt: skip
    return made


def test_both_estimates_stand_beside_each_other():
    made = confirming(adam=FIRST)
    base, arm = made.values("baseline"), made.values("adam")
    delta = 100 * np.mean([arm[seed] - base[seed] for seed in arm])
    tables = tabulate(*made.parts)
    section = confirmation(tables)
    assert section is not None
    (row,) = section.grids[0].rows
    digits = tables.unit.digits
    assert row[:5] == ("adam", f"+{2.1:.{digits}f}", f"+{1:.{digits}f} to +{3.2:.{digits}f}", "6", "better")
    assert row[5] == f"+{delta:.{digits}f}"
    assert row[7] == "6"
    (line,) = confirmed_lines(tables)
    assert line.startswith(f"adam: first +{2.1:.{digits}f} points (+{1:.{digits}f} to +{3.2:.{digits}f}), confirmed +")
    assert "digits had 2 seeds; these are 6 fresh seeds" in section.paragraphs[0]


def test_the_mean_gain_is_told_of_arms_that_were_better():
    other = {**FIRST, "delta": 0.011}
    made = confirming(**{"adam": FIRST, "cosine": other, "ema": {**FIRST, "delta": 9.0, "verdict": "inconclusive"}})
    section = confirmation(tabulate(*made.parts))
    assert section is not None
    assert "Over the 2 arms that were better, the mean gain was +1.6" in section.paragraphs[1]


@pytest.mark.parametrize("lost", ["pending", "diverged"])
def test_what_is_missing_is_a_dash(lost):
    made = confirming(adam={"n": 0, "delta": None, "low": None, "high": None, "verdict": ""})
    for row in synthetic.rows_of(made, "adam"):
        synthetic.diverge(row)
    made.rows = made.rows if lost == "diverged" else made.rows[:6]
    section = confirmation(tabulate(*made.parts))
    assert section is not None
    assert section.grids[0].rows[0][1:4] == ("–", "–", "0")
    assert section.grids[0].rows[0][5:7] == ("–", "–")


def test_other_studies_have_no_such_section_and_are_told_to_confirm():
    tables = tabulate(*synthetic.finished().parts)
    assert confirmation(tables) is None
    assert list(confirmed_lines(tables)) == []


def simulated(effects, rng, seeds=6):
    """A study: arm to seed to metric, with an effect of its own of every seed and one spread for all cells."""
    shared = rng.standard_normal(seeds)
    return {
        name: dict(enumerate(shared + effect + rng.standard_normal(seeds) / np.sqrt(2)))
        for name, effect in effects.items()
    }


def test_first_estimates_of_winners_are_too_large_and_confirmed_ones_are_not():
    """Studies with a known truth: what is picked by its verdict is overestimated by the seeds that picked it."""
    rng = np.random.default_rng(0)
    effects = {"baseline": 0.0, **{f"arm {k}": effect for k, effect in enumerate((0.0, 0.5, 1.0, 1.5))}}
    first, confirmed = [], []
    for _ in range(150):
        contrasts = compare(simulated(effects, rng), "baseline", higher_is_better=True)
        won = [name for name, contrast in contrasts.items() if contrast.verdict == "better"]
        fresh = simulated({name: effects[name] for name in ("baseline", *won)}, rng)
        again = compare(fresh, "baseline", higher_is_better=True)
        first += [contrasts[name].mean - effects[name] for name in won]
        confirmed += [again[name].mean - effects[name] for name in won]
    errors = [np.std(errors) / np.sqrt(len(errors)) for errors in (first, confirmed)]
    assert len(first) > 60
    assert np.mean(first) > 5 * errors[0]
    assert abs(np.mean(confirmed)) < 3 * errors[1]
