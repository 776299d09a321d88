"""Which of the winners wins: every pair, with the numbers of scipy and statsmodels."""

import numpy as np
import pytest
import scipy.stats
from statsmodels.stats.multitest import multipletests

from ablate.report.document import compose
from ablate.report.sections.winners import winners
from ablate.report.tables import tabulate
from ablate.stats.pairs import all_pairs
from tests.report import synthetic


@pytest.mark.parametrize("paired", [True, False])
def test_every_pair_is_tested_and_corrected(paired):
    rng = np.random.default_rng(0)
    arms = {name: dict(enumerate(rng.normal(k, 1.0, 6))) for k, name in enumerate("abc")}
    found = all_pairs(arms, higher_is_better=True, paired=paired)
    values = [np.array(list(runs.values())) for runs in arms.values()]
    test = scipy.stats.ttest_rel if paired else lambda x, y: scipy.stats.ttest_ind(x, y, equal_var=False)
    p = multipletests([test(values[i], values[j]).pvalue for i, j in ((0, 1), (0, 2), (1, 2))], method="holm")[1]
    np.testing.assert_allclose([found[pair].p_holm for pair in (("a", "b"), ("a", "c"), ("b", "c"))], p)
    assert found["b", "a"].mean == pytest.approx(values[1].mean() - values[0].mean())
    assert found["a", "b"] == (-found["b", "a"].mean, found["b", "a"].p_holm)


def several():
    arms = {
        "baseline": ({}, 0.0),
        "up | 1": ({"norm": {"name": "batch"}}, 0.03),
        "up ü": ({"init": {"name": "he"}}, 0.08),
    }
    return synthetic.make(arms | {"same": ({"clip": {"name": "value"}}, 0.0)})


def test_the_matrix_is_of_those_that_are_better():
    made = several()
    section = winners(tabulate(made.study, made.rows))
    (table,) = section.grids
    assert table.header == ("arm", "up ü", "up | 1")
    assert [row[0] for row in table.rows] == ["up ü", "up | 1"]
    assert table.rows[0][1] == table.rows[1][2] == "–"
    assert table.rows[0][2].startswith("+")
    assert "*" in table.rows[0][2]
    assert "1 pair" in section.paragraphs[0]
    assert section.anchor in [one.anchor for one in compose(tabulate(made.study, made.rows)).sections]


def test_one_winner_has_nobody_to_beat():
    made = synthetic.finished()
    assert winners(tabulate(made.study, made.rows)) is None
