"""Runs of a table judged: numbers against scipy and `compare`, reports that claim nothing they cannot know, files."""

import json
import math
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import ablate
from ablate.report.document import compose
from ablate.report.files import contents
from ablate.report.tables import tabulate
from ablate.results.files import write_json
from ablate.results.schema import study_problem
from ablate.results.store import InUseError, locked
from ablate.runner.execute import report
from ablate.stats.verdict import compare
from ablate.study.problems import ConfigError
from tests.report import synthetic

COLUMNS = {"arm": "model", "seed": "seed", "metric": "acc"}


def table(seeds=None, **changes):
    """Three arms with a luck per seed that they share; `seeds` by arm where they do not."""
    effects = {"baseline": 0.0, "wide": 0.02, "deep": -0.001}
    rows = []
    for k, (arm, effect) in enumerate(effects.items()):
        for seed in seeds[arm] if seeds else range(6):
            luck = np.random.default_rng(seed).normal(0.9, 0.02)
            rows.append((arm, seed, luck + effect + 0.002 * np.random.default_rng([k + 1, seed]).normal()))
    return dict(zip(("model", "seed", "acc"), map(list, zip(*rows)), strict=True)) | changes


def by_arm(runs):
    values = {}
    for arm, seed, value in zip(runs["model"], runs["seed"], runs["acc"], strict=True):
        values.setdefault(arm, {})[seed] = value
    return values


def judged(runs, **options):
    return ablate.verdict(runs, **(COLUMNS | options))


def arms_of(verdicts):
    return {arm["arm"]: arm for arm in verdicts.arms}


def text_of(verdicts):
    """The whole report as Markdown."""
    files = dict(contents(verdicts.study, verdicts.rows, {}, None, draw=None))
    return files["report.md"]


@pytest.fixture(autouse=True)
def _own_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def test_paired_numbers_are_those_of_scipy():
    runs = table()
    values, arms = by_arm(runs), arms_of(judged(runs))
    for name in ("wide", "deep"):
        own, base = ([values[arm][seed] for seed in range(6)] for arm in (name, "baseline"))
        test = stats.ttest_rel(own, base)
        interval = test.confidence_interval(0.95)
        expected = (np.mean(own), np.mean(own) - np.mean(base), *interval, test.pvalue)
        columns = ("mean", "delta", "delta_low", "delta_high", "p")
        np.testing.assert_allclose([arms[name][column] for column in columns], expected)
    assert arms["wide"]["p_holm"] == pytest.approx(2 * arms["wide"]["p"])
    assert [arm["verdict"] for arm in arms.values()] == ["baseline", "better", "inconclusive"]
    assert [arm["n"] for arm in arms.values()] == [6, 6, 6]


@pytest.mark.parametrize(
    "options",
    [{}, {"lower_is_better": True}, {"margin": 0.01}, {"alpha": 0.001}, {"baseline": "deep", "margin": 0.005}],
)
def test_every_option_is_that_of_compare(options):
    runs = table()
    runs["acc"][7], runs["acc"][13] = math.nan, 0.87
    verdicts = judged(runs, **options)
    expected = compare(
        by_arm(runs),
        options.get("baseline", "baseline"),
        higher_is_better=not options.get("lower_is_better", False),
        alpha=options.get("alpha", 0.05),
        margin=options.get("margin"),
    )
    arms = arms_of(verdicts)
    assert verdicts.arms[0]["arm"] == options.get("baseline", "baseline")
    for name, contrast in expected.items():
        assert arms[name]["verdict"] == contrast.verdict
        columns = ("delta", "p", "p_holm")
        assert [arms[name][column] for column in columns] == [contrast.mean, contrast.p, contrast.p_holm]
        assert arms[name]["p_max_t"] == getattr(contrast, "p_max_t", None)


def test_unshared_seeds_are_compared_by_welch():
    runs = table(seeds={"baseline": range(6), "wide": range(10, 16), "deep": range(20, 25)})
    verdicts = judged(runs)
    values, arms = by_arm(runs), arms_of(verdicts)
    for name in ("wide", "deep"):
        test = stats.ttest_ind(list(values[name].values()), list(values["baseline"].values()), equal_var=False)
        assert arms[name]["p"] == pytest.approx(test.pvalue)
    assert not verdicts.study["paired"]
    text = text_of(verdicts)
    assert "Not compared seed by seed, since too few seeds of wide and deep are the baseline's." in text
    assert "With 6 seeds and the spread seen here" in text
    assert "sign-flip" not in text


@pytest.mark.parametrize(
    ("own", "paired"),
    [
        (range(6), True),
        (range(3), True),
        (range(3, 9), True),
        (range(4, 10), False),
        (range(2), True),
        ([0, 7], False),
        ([5], True),
        ([7], False),
    ],
)
def test_pairs_take_two_shared_seeds_and_half_of_them(own, paired):
    verdicts = judged(table(seeds={"baseline": range(6), "wide": range(6), "deep": own}))
    assert verdicts.study["paired"] is paired


def test_runs_without_a_partner_are_told():
    verdicts = judged(table(seeds={"baseline": range(6), "wide": range(6), "deep": range(2, 9)}))
    assert "left out of the difference: deep (5)." in text_of(verdicts)
    assert arms_of(verdicts)["deep"]["n"] == 7
    assert compose(verdicts.tables).answers[-1].text.count("4 seeds; differs by less than") == 1


def test_a_frame_a_dict_and_a_file_say_the_same():
    runs = table()
    pd.DataFrame(runs).to_csv("runs.csv", index=False)
    said = [str(judged(each)) for each in (runs, pd.DataFrame(runs), "runs.csv", Path("runs.csv"))]
    assert len(set(said)) == 1
    status, headline, *_ = said[0].splitlines()
    assert status == "18 of 18 cells done, 0 diverged, 0 failed"
    assert re.fullmatch(
        r"Of 2 arms against baseline \(acc [\d.]+, [\d.]+ to [\d.]+\): "
        r"1 better \(wide, \+[\d.]+\), 0 worse, 1 inconclusive\.",
        headline,
    )


def test_texts_as_seeds_pair_as_numbers_do():
    runs = table()
    texts = runs | {"seed": [f"run {seed}" for seed in runs["seed"]]}
    verdicts = judged(texts)
    assert verdicts.arms == judged(runs).arms
    assert verdicts.study["config"]["seeds"] == {f"run {seed}": seed for seed in range(6)}
    assert "numbered in the order of the table" in str(verdicts)


def test_what_diverged_is_the_worst_and_what_failed_is_left_out():
    runs = table(state=["finished"] * 18)
    runs["acc"][6] = ""
    runs["state"][13] = "crashed"
    verdicts = judged(runs, status="state")
    arms = arms_of(verdicts)
    assert [(arm["n"], arm["diverged"], arm["failed"]) for arm in arms.values()] == [(6, 0, 0), (5, 1, 1), (5, 0, 1)]
    assert arms["wide"]["verdict"] == "inconclusive"
    text = text_of(verdicts)
    assert "1 run counted as diverged: no finite acc, or a status of 'diverged'." in text
    assert "1 run left out for a status of 'crashed'; where such a run had diverged, that flatters its arm." in text
    assert "may still change" not in text
    assert "- deep, seed 1 (failed): `status: crashed`" in text


STUDIES = ("finished", "hostile", "loss_metric", "factorial", "tuned", "one_seed")


@pytest.mark.parametrize("variant", STUDIES)
def test_the_cells_of_a_study_lead_to_its_own_verdicts(variant):
    made = synthetic.VARIANTS[variant]()
    own = tabulate(*made.parts)
    Path("cells.csv").write_text(dict(contents(*made.parts, draw=None))["cells.csv"], encoding="utf-8", newline="")
    metric = made.study["metric"]
    verdicts = ablate.verdict(
        "cells.csv",
        arm="arm",
        seed="seed",
        metric=metric["name"],
        status="status",
        baseline=pd.read_csv("cells.csv")["arm"][0],
        lower_is_better=not metric["higher_is_better"],
        margin=metric["margin"],
        alpha=made.study["alpha"],
    )
    assert [arm.verdict for arm in verdicts.tables.arms] == [arm.verdict for arm in own.arms]
    assert [arm.n for arm in verdicts.tables.arms] == [arm.n for arm in own.arms]
    for arm, expected in zip(verdicts.tables.tricks, own.tricks, strict=True):
        assert arm.contrast is not None
        assert expected.contrast is not None
        assert (arm.contrast.p_holm is None) == (expected.contrast.p_holm is None)
        assert (arm.contrast.p_holm or 0) == pytest.approx(expected.contrast.p_holm or 0, rel=1e-4)
        assert arm.contrast.mean == pytest.approx(expected.contrast.mean, abs=1e-7)


def test_the_record_is_strict_json():
    runs = table(acc=[math.nan] * 6 + [math.inf] * 5 + [0.5] + [0.1] * 6)
    record = judged(runs).record()
    assert record == json.loads(json.dumps(record, allow_nan=False))
    assert record["arms"][0]["mean"] is None
    columns = ("arm", "n", "failed", "mean", "delta", "delta_low", "delta_high", "p", "p_holm", "p_max_t", "verdict")
    assert all(set(columns) < arm.keys() for arm in record["arms"])
    assert record["caveats"]


def test_the_report_claims_nothing_that_a_table_cannot_say():
    verdicts = judged(table())
    assert study_problem(verdicts.study) is None
    anchors = {section.anchor for section in compose(verdicts.tables).sections}
    assert anchors == {"differences", "arms", "reading", "limits", "caveats", "paper", "provenance"}
    text = text_of(verdicts)
    unknown = r"data set|program|arithmetic|parameters|steps|test acc|validation|\bnan\b|None|0 train"
    assert not re.search(unknown, text, re.IGNORECASE)
    assert "How the runs were trained, on which data and by which model, is not known here" in text
    assert "What a seed varies is not recorded." in text
    assert "task" not in dict(next(s for s in compose(verdicts.tables).sections if s.anchor == "provenance").facts)
    cells = dict(contents(verdicts.study, verdicts.rows, {}, None, draw=None))["cells.csv"]
    assert cells.splitlines()[0] == "cell,arm,seed,status,acc"


def test_equal_numbers_are_not_said_to_be_equal_runs():
    runs = table()
    runs["acc"][12:] = runs["acc"][:6]
    assert "  deep: inconclusive, identical in every seed: no acc of its 6 cells differs" in str(judged(runs))


def test_names_of_all_kinds_reach_every_format():
    runs = table()
    names = dict(zip(("baseline", "wide", "deep"), synthetic.HOSTILE[1:7:2], strict=True))
    runs["model"] = [names[name] + "\nend" for name in runs["model"]]
    runs["a|b\n<i>"] = runs.pop("acc")
    verdicts = judged(runs, metric="a|b\n<i>", baseline=names["baseline"] + "\nend ")
    files = dict(contents(verdicts.study, verdicts.rows, {}, None, draw=None))
    tables = [block.splitlines() for block in files["report.md"].split("\n\n") if block.startswith("|")]
    assert tables
    for lines in tables:
        assert len({len(re.findall(r"(?<!\\)\|", line)) for line in lines}) == 1
    assert "<i>" not in files["report.html"]
    assert len(str(verdicts).splitlines()) == 4
    assert {name + "\nend" for name in names.values()} == set(arms_of(verdicts))


def test_a_notebook_shows_the_answers():
    assert "<li><b>wide</b>: better by" in judged(table())._repr_html_()


# Directories


def test_a_directory_reports_again(capsys):
    pd.DataFrame(table()).to_csv("runs.csv", index=False)
    verdicts = judged("runs.csv", workdir="out")
    before = {path: path.read_bytes() for path in Path("out").rglob("*.*") if path.is_file()}
    assert {"report.md", "report.html", "summary.csv", "forest.png", "study.json"} <= {path.name for path in before}
    rows = report(Path("out"))
    assert rows.rows == verdicts.rows
    assert {path: path.read_bytes() for path in Path("out").rglob("*.*") if path.is_file()} == before
    assert verdicts.study["command"] == (
        "ablate.verdict('runs.csv', arm='model', seed='seed', metric='acc', lower_is_better=False, alpha=0.05, "
        "workdir='out')"
    )
    again = judged("out/cells.csv", arm="arm", status="status")
    assert again.arms[1]["verdict"] == "better"


def test_a_trained_study_and_the_table_itself_are_not_written_over():
    made = synthetic.make(seeds=2)
    write_json(Path("trained/study.json"), made.study)
    Path("trained/cells.csv").write_text(dict(contents(*made.parts, draw=None))["cells.csv"], encoding="utf-8")
    columns = {"arm": "arm", "metric": "test_accuracy"}
    with pytest.raises(ConfigError) as caught:
        judged("trained/cells.csv", **columns, workdir="trained")
    assert [problem.partition(";")[0] for problem in caught.value.problems] == [
        "workdir: trained holds a study that `ablate run` trained",
        "workdir: the report would be written over trained/cells.csv",
    ]
    assert sorted(path.name for path in Path("trained").iterdir()) == ["cells.csv", "study.json"]


def test_a_directory_in_use_is_left_alone():
    with locked(Path("out")), pytest.raises(InUseError, match="in use by another ablate"):
        judged(table(), workdir="out")


# Problems


def test_all_problems_come_at_once():
    runs = table()
    runs["seed"][1] = 0
    with pytest.raises(ConfigError) as caught:
        judged(runs, baseline="wied", alpha=0.9, margin=0)
    assert list(caught.value.problems) == [
        "alpha: must lie between 0 and 0.8, got 0.9",
        "margin: must be above 0 and finite, or not given, got 0.0",
        "2 runs of arm 'baseline' and seed '0', rows 1 and 2; keep one of them",
        "baseline: unknown arm 'wied'; did you mean 'wide'? Allowed: baseline, wide, deep",
    ]


def test_without_a_baseline_the_arms_are_listed():
    runs = table()
    runs["model"] = [name.upper() for name in runs["model"]]
    with pytest.raises(ConfigError, match=r"no arm is called 'baseline'; .*--baseline=NAME.* 'BASELINE', 'WIDE' and"):
        judged(runs)


def test_one_arm_is_no_comparison():
    with pytest.raises(ConfigError, match="model: only one arm, 'baseline'; a comparison takes two or more"):
        judged({"model": ["baseline"] * 3, "seed": [0, 1, 2], "acc": [1, 2, 3]})


def test_a_number_beyond_float32_has_diverged():
    runs = table()
    runs["acc"][7] = 1e300
    assert arms_of(judged(runs))["wide"]["diverged"] == 1
