"""Looks: what is remembered of a report, what it costs to look again, and what stands."""

import copy
import json

import pytest

from ablate.report.looks import is_new, look_of
from ablate.report.sections.answers import answers, headline
from ablate.report.sections.caveats import find_caveats
from ablate.report.tables import tabulate
from ablate.results.files import write_json
from ablate.results.schema import LookRecord
from ablate.results.shapes import misfit
from ablate.results.store import Store
from ablate.runner.execute import report
from ablate.stats.spending import level_at
from tests.report import synthetic

NOW = "2026-01-02T03:04:05+00:00"
FEW = {name: synthetic.ARMS[name] for name in ("baseline", "norm=batch", "init=lsuv", "adam")}


def looked(made, *looks):
    return look_of(tabulate(made.study, made.rows, looks=looks), made.rows, NOW)


def with_seeds(seeds, looks=()):
    made = synthetic.make(FEW, seeds)
    made.study["looks"] = list(looks)
    return made


def caveats(made, *looks):
    return " ".join(find_caveats(tabulate(made.study, made.rows, looks=looks), {}))


@pytest.mark.parametrize("looks", [(6,), (6, 12), (6, 12, 24), (2, 3, 4, 5)])
def test_the_levels_of_all_looks_add_up_to_alpha(looks):
    assert sum(level_at(0.05, looks, n) for n in looks) == pytest.approx(0.05)
    assert [level_at(0.05, looks, n) for n in looks] == sorted((level_at(0.05, looks, n) for n in looks), reverse=True)


def test_a_look_says_what_was_seen():
    made = with_seeds(6)
    look = looked(made)
    assert misfit(look, LookRecord) is None
    assert (look["seeds"], look["arms"], look["metric"]) == (list(range(6)), list(FEW), "test_accuracy")
    assert (look["level"], look["planned"], look["verdicts"]["norm=batch"]) == (0.05, False, "better")
    assert not is_new(look, [look])
    assert is_new({**look, "metric": "test_loss"}, [look])
    assert looked(synthetic.make(FEW, 7))["rows"] != look["rows"]


def test_timings_do_not_make_another_look():
    made, again = with_seeds(6), with_seeds(6)
    for row in again.rows:
        row["costs"]["train_seconds"] = 1e3
    assert looked(made)["rows"] == looked(again)["rows"]


def test_before_all_cells_have_ended_there_is_nothing_to_look_at():
    made = with_seeds(6)
    del made.rows[-1]
    tables = tabulate(made.study, made.rows)
    assert look_of(tables, made.rows, NOW) is None
    assert headline(tables) == "Interim: 23 of 24 cells have ended; verdicts appear when all have."
    assert {arm.verdict for arm in tables.arms} == {""}
    assert all(arm.contrast.p is arm.contrast.p_max_t is arm.contrast.within is None for arm in tables.tricks)
    texts = [answer.text for answer in answers(tables)]
    assert all(text.startswith("interim, ") for text in texts)
    assert sum(text.endswith(", 1 of 6 cells pending") for text in texts) == 1


def test_looking_again_without_a_plan_is_told_with_its_error():
    first, second = looked(with_seeds(6)), with_seeds(12)
    found = caveats(second, first, looked(second, first))
    assert "Look 2 at these results (at 6 and 12 seeds), and not as planned" in found
    assert "with probability up to 0.1, instead of 0.05" in found
    assert "norm=batch better" in found
    assert "Look" not in caveats(with_seeds(6), first)


def test_planned_looks_share_alpha_and_a_verdict_stands():
    made = with_seeds(6, (6, 12))
    look = looked(made)
    assert (look["level"], look["planned"]) == (0.025, True)
    later = with_seeds(12, (6, 12))
    for row in later.rows:  # what was better at six seeds is nothing any more
        if row["arm"] == "adam" and row["seed"] >= 6:
            row["metrics"]["test_accuracy"] -= 0.02
    assert tabulate(later.study, later.rows).arms[3].verdict == "inconclusive"
    tables = tabulate(later.study, later.rows, looks=[look])
    assert (tables.arms[3].verdict, tables.arms[3].decided_at) == ("better", 6)
    text = next(answer.text for answer in answers(tables) if answer.arm == "adam")
    assert text.startswith("better, decided at 6 seeds; ")
    assert "not as planned" not in caveats(later, look)
    assert "adam was decided better at 6 seeds" not in caveats(later, look)
    assert tables.confidence == "97.5 %"
    later.study["metric"]["name"] = "test_loss"  # by another metric, nothing was decided
    assert tabulate(later.study, later.rows, looks=[look]).arms[3].decided_at is None


def test_arms_that_are_gone_stay_in_the_family():
    look = looked(synthetic.make(seeds=6))
    made = with_seeds(6)
    alone, after = tabulate(made.study, made.rows), tabulate(made.study, made.rows, looks=[look])
    assert [arm.contrast.tests for arm in alone.tricks] == [3] * 3
    assert [arm.contrast.tests for arm in after.tricks] == [12] * 3
    assert after.arms[2].contrast.p_holm >= alone.arms[2].contrast.p_holm
    assert "not in the study any more: norm=group, init=he" in caveats(made, look)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"metric": {"name": "test_loss", "higher_is_better": False, "margin": None}}, "metric was test_accuracy"),
        ({"metric": {"name": "test_accuracy", "higher_is_better": True, "margin": 0.01}}, "margin was none"),
        ({"alpha": 0.1}, "alpha was 0.05 at the first look and is 0.1 now"),
        ({"test": "max_t"}, "test was t at the first look and is max_t now"),
    ],
)
def test_what_is_declared_anew_after_a_look_is_exploratory(change, words):
    made, look = with_seeds(6), looked(with_seeds(6))
    made.study.update(copy.deepcopy(change))
    made.study["metric"].setdefault("margin", None)
    look["margin"] = None
    assert f"Exploratory: the {words}" in caveats(made, look)
    assert headline(tabulate(made.study, made.rows, looks=[look])).startswith("Exploratory. ")


def stored(made, directory):
    write_json(directory / "study.json", made.study)
    for row in made.rows:
        Store(directory).write(row)


def test_a_report_is_remembered_once_and_looks_are_only_added(tmp_path):
    def kept():
        return json.loads((tmp_path / "looks.json").read_text())

    unfinished = with_seeds(6)
    del unfinished.rows[-1]
    stored(unfinished, tmp_path)
    report(tmp_path)
    assert not (tmp_path / "looks.json").exists()
    assert "Interim: 23 of 24" in (tmp_path / "report.md").read_text()
    stored(with_seeds(6), tmp_path)
    for _ in range(2):
        report(tmp_path)
        assert [len(look["seeds"]) for look in kept()] == [6]
    stored(with_seeds(8), tmp_path)
    report(tmp_path)
    assert [len(look["seeds"]) for look in kept()] == [6, 8]
    assert "Look 2 at these results" in (tmp_path / "report.md").read_text()


def test_a_ledger_that_is_no_ledger_is_as_good_as_absent(tmp_path):
    stored(with_seeds(6), tmp_path)
    (tmp_path / "looks.json").write_text('[{"time": 3}]')
    report(tmp_path)
    assert len(json.loads((tmp_path / "looks.json").read_text())) == 1
    assert (tmp_path / "looks.unreadable").read_text() == '[{"time": 3}]'


def test_a_verdict_stands_on_its_cells_only():
    look = looked(with_seeds(6, (6, 12)))
    later = with_seeds(12, (6, 12))
    assert tabulate(later.study, later.rows, looks=[look]).arms[1].decided == "better"
    for record in (*later.study["cells"], *later.rows):  # another recipe: other cells
        record["cell"] = f"other-{record['cell']}"
    assert tabulate(later.study, later.rows, looks=[look]).arms[1].decided == ""


def test_what_the_seeds_since_then_contradict_is_told():
    look, later = looked(with_seeds(6, (6, 12))), with_seeds(12, (6, 12))
    for row in later.rows:
        if row["arm"] == "adam":
            row["metrics"]["test_accuracy"] -= 0.05
    assert "adam was decided better at 6 seeds, and is worse by all seeds there are now." in caveats(later, look)


def test_more_looks_than_alpha_pays_for_are_told_whatever_is_planned():
    first, second = looked(with_seeds(6, (6,))), with_seeds(12, (6, 12, 24))
    found = caveats(second, first, looked(second, first))
    assert "Exploratory: the looks was [6] at the first look" in found
    assert "with probability up to 0.062, instead of 0.05" in found
