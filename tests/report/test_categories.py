"""The section by class against plain loops over the rows, and what leaves rows, arms or all of it out."""

import base64
import csv
import io

import numpy as np
import pytest
import scipy.stats

from ablate.report.document import compose
from ablate.report.files import contents
from ablate.report.tables import tabulate
from tests.report import synthetic

FEW = dict([*synthetic.ARMS.items()][:6])
NAMES = tuple(map(str, range(10)))


def numbers(text, bits=4):
    """What 300 packed numbers say, one text of bits at a time."""
    digits = "".join(format(byte, "08b") for byte in base64.b64decode(text))
    return np.array([int(digits[k * bits : (k + 1) * bits], 2) for k in range(300)])


def section_of(made):
    sections = {section.anchor: section for section in compose(tabulate(*made.parts)).sections}
    return sections.get("categories")


def csv_of(made, name):
    return list(csv.DictReader(io.StringIO(str(dict(contents(*made.parts, draw=None))[name]))))


def decided(made, arm):
    """Seed to predicted classes."""
    return {row["seed"]: numbers(row["predicted"]) for row in synthetic.rows_of(made, arm)}


@pytest.mark.parametrize("rotate", [False, True])
def test_every_number_is_that_of_a_loop_over_the_rows(rotate):
    made = synthetic.decide(synthetic.make(FEW, seeds=4), NAMES, rotate=rotate)
    texts = made.study["categories"]["truth"]
    assert len(texts) == (4 if rotate else 1)
    truth = {seed: numbers(texts[seed if rotate else 0]) for seed in range(4)}
    lines = csv_of(made, "per_class.csv")
    assert len(lines) == 5 * 10
    of = {arm["name"]: decided(made, arm["name"]) for arm in made.study["arms"]}
    for line in lines:
        k, before, after = int(line["number"]), [], []
        for seed in range(4):
            own = [i for i in range(300) if truth[seed][i] == k]
            before.append(np.mean([of["baseline"][seed][i] == k for i in own]))
            after.append(np.mean([of[line["arm"]][seed][i] == k for i in own]))
        deltas = np.subtract(after, before)
        assert float(line["n"]) == pytest.approx(np.mean([(truth[seed] == k).sum() for seed in range(4)]))
        assert float(line["baseline"]) == pytest.approx(np.mean(before))
        assert float(line["right"]) == pytest.approx(np.mean(after))
        assert float(line["delta"]) == pytest.approx(deltas.mean(), abs=1e-8)
        if np.ptp(deltas) > 1e-6:
            wanted = scipy.stats.t.interval(0.95, 3, deltas.mean(), deltas.std(ddof=1) / 2)
            assert (float(line["delta_low"]), float(line["delta_high"])) == pytest.approx(wanted)
        else:
            assert line["delta_low"] == line["delta_high"] == ""


def test_the_matrices_count_every_example_of_every_seed():
    made = synthetic.classified()
    known = tabulate(*made.parts).by_category
    (plot,) = section_of(made).plots
    assert [panel.title for panel in plot.drawing.panels] == ["baseline", known.arms[0].arm]
    truth = numbers(made.study["categories"]["truth"][0])
    for panel in plot.drawing.panels:
        counts = np.zeros((10, 10), int)
        for predicted in decided(made, panel.title).values():
            np.add.at(counts, (truth, predicted), 1)
        shown = [[int(share.text) if share else 0 for share in row] for row in panel.rows]
        assert shown == counts.tolist()
        for i, row in enumerate(panel.rows):
            assert all(share is None or share.part == counts[i, j] / counts[i].sum() for j, share in enumerate(row))
            assert all(share is None or share.right == (i == j) for j, share in enumerate(row))


def test_examples_are_won_and_lost_in_most_seeds():
    made = synthetic.classified()
    truth, base = numbers(made.study["categories"]["truth"][0]), decided(made, "baseline")
    lines = csv_of(made, "examples.csv")
    found = {(line["arm"], int(line["index"])): line for line in lines}
    assert len(found) == len(lines) > 0
    for arm in [*FEW][1:]:
        own = decided(made, arm)
        for i in range(300):
            won = sum(own[s][i] == truth[i] != base[s][i] for s in range(6))
            lost = sum(base[s][i] == truth[i] != own[s][i] for s in range(6))
            line = found.pop((arm, i), None)
            assert (line["outcome"] if line else "") == ("won" if won > 3 else "lost" if lost > 3 else "")
            if line:
                assert (int(line["won"]), int(line["lost"]), line["class"]) == (won, lost, str(truth[i]))
    assert not found
    grid = section_of(made).grids[-1]
    assert {row[0]: int(row[2]) for row in grid.rows} == {
        arm: sum(line["arm"] == arm and line["outcome"] == "won" for line in lines) for arm in [*FEW][1:]
    }


def test_where_seeds_draw_their_test_no_example_is_won():
    made = synthetic.decide(synthetic.make(FEW, seeds=4), NAMES, rotate=True)
    files, section = dict(contents(*made.parts, draw=None)), section_of(made)
    assert "per_class.csv" in files
    assert "examples.csv" not in files
    assert "Every seed draws its own test examples" in section.paragraphs[-1]
    assert "examples won" not in str(section)


def test_of_many_classes_those_that_change_most_are_shown():
    made = synthetic.decide(synthetic.make(FEW, seeds=4), tuple(f"class {k}" for k in range(60)))
    section, known = section_of(made), tabulate(*made.parts).by_category
    shown = [row[0] for row in section.grids[0].rows]
    assert len(shown) == 20
    sizes = dict(zip(known.names, known.arms[0].changes(), strict=True))
    assert min(sizes[name] for name in shown) >= max(size for name, size in sizes.items() if name not in shown)
    assert "40 are left out" in " ".join(section.paragraphs)
    (plot,) = section.plots
    assert plot.drawing.columns == (*shown, "others")
    truth = numbers(made.study["categories"]["truth"][0], bits=6)
    rows = plot.drawing.panels[0].rows
    totals = [sum(int(share.text) for share in row if share) for row in rows]
    assert totals == [4 * (truth == known.names.index(name)).sum() for name in shown]
    assert len(csv_of(made, "per_class.csv")) == 5 * 60


def test_rows_of_earlier_runs_have_no_section():
    assert section_of(synthetic.finished()) is None
    made = synthetic.classified()
    del made.study["categories"]
    assert section_of(made) is None
    made = synthetic.classified()
    for row in made.rows:
        del row["predicted"]
    assert section_of(made) is None


def test_a_failed_cell_and_one_that_is_left_leave_their_seed_out():
    made = synthetic.classified()
    arm = [*FEW][1]
    synthetic.diverge(synthetic.rows_of(made, arm)[2])
    made.rows.remove(synthetic.rows_of(made, arm)[4])
    seeds = {one.arm: one.seeds for one in tabulate(*made.parts).by_category.arms}
    assert seeds.pop(arm) == 4
    assert set(seeds.values()) == {6}


@pytest.mark.parametrize("damage", ["?", "", "AAAA", None, "of other data", "no class"])
def test_predictions_that_do_not_fit_are_left_out(damage):
    made = synthetic.classified()
    row = synthetic.rows_of(made, [*FEW][1])[0]
    others = {"of other data": np.zeros(300, int), "no class": np.full(300, 15)}
    row["predicted"] = synthetic.pack(others[damage], 4) if damage in others else damage
    seeds = {one.arm: one.seeds for one in tabulate(*made.parts).by_category.arms}
    assert seeds[row["arm"]] == 5


@pytest.mark.parametrize("truth", [[], ["?"], ["AAAA"], ["", ""], [synthetic.pack(np.full(300, 12), 4)]])
def test_a_truth_that_does_not_fit_is_no_section(truth):
    made = synthetic.classified()
    made.study["categories"]["truth"] = truth
    assert section_of(made) is None


def test_unshared_seeds_are_not_compared():
    made = synthetic.classified()
    made.study["paired"] = False
    assert section_of(made) is None
