"""Two versions of one study, paired by arm and seed, against scipy and statsmodels by hand."""

import csv
import io
import json

import numpy as np
import pytest
import scipy.stats
from statsmodels.stats.multitest import multipletests

from ablate.cli.main import main
from ablate.report.comparison.version_page import answer, compose, headline, version_contents, versions_csv
from ablate.report.comparison.versions import same_study, versions
from ablate.report.formats.markdown import markdown
from ablate.stats.versions import compare_versions
from tests.report import synthetic

ARMS = {name: synthetic.ARMS[name] for name in ("baseline", "adam", "cosine", "ema")}
GAINS = {"baseline": 0.010, "adam": -0.012, "cosine": 0.0, "ema": 0.003}


def changed(gains=GAINS, arms=ARMS, seeds=6, noise=0.003):
    """The study after a change that gives every arm a gain of its own."""
    made, rng = synthetic.make(arms=arms, seeds=seeds), np.random.default_rng(3)
    for row in made.rows:
        row["metrics"]["test_accuracy"] += gains.get(row["arm"], 0.0) + noise * rng.standard_normal()
    for cell, row in zip(made.study["cells"], made.rows, strict=True):
        cell["cell"] = row["cell"] = f"new-{row['cell']}"
    return made


def compared(before=None, after=None):
    return versions(before or synthetic.make(arms=ARMS), after or changed(), ("old", "new"))


def test_changes_are_paired_t_tests_with_holms_correction_over_the_arms():
    before, after = synthetic.make(arms=ARMS), changed()
    found = compared(before, after)
    tests = [
        scipy.stats.ttest_rel([*after.values(arm).values()], [*before.values(arm).values()], axis=0) for arm in ARMS
    ]
    corrected = multipletests([test.pvalue for test in tests], method="holm")[1]
    for arm, test, p in zip(ARMS, tests, corrected, strict=True):
        change, (low, high) = found.changes[arm], test.confidence_interval(0.95)
        old, new = (np.mean([*made.values(arm).values()]) for made in (before, after))
        assert (change.before, change.after, change.mean) == pytest.approx((old, new, new - old))
        assert (change.low, change.high, change.p, change.p_holm) == pytest.approx((low, high, test.pvalue, p))
        expected = "inconclusive" if p > 0.05 else "better" if new > old else "worse"
        assert change.verdict == expected
    assert {change.verdict for change in found.changes.values()} == {"better", "worse", "inconclusive"}


def test_lower_is_better_where_the_metric_says_so():
    made = [synthetic.make(arms=ARMS, metric="test_loss") for _ in range(2)]
    for k, row in enumerate(made[1].rows):
        row["metrics"]["test_loss"] -= 0.2 + 0.01 * (k % 5)
    assert {change.verdict for change in versions(*made, ("a", "b")).changes.values()} == {"better"}


def test_pairs_go_by_seed_and_not_by_place():
    before, after = synthetic.make(arms=ARMS), changed(noise=0.0)
    for made, seeds in ((before, (0, 1, 2, 3, 4)), (after, (5, 4, 3, 2, 1))):
        made.rows = [row for seed in seeds for row in made.rows if row["seed"] == seed]
        made.study["cells"] = [cell for cell in made.study["cells"] if cell["seed"] in seeds]
        made.study["seeds"] = list(seeds)
    change = compared(before, after).changes["baseline"]
    assert (change.n, change.seeds) == (4, 4)
    assert change.mean == pytest.approx(0.010)
    assert change.p == pytest.approx(2 / 2**4)  # the same gain on every seed: no spread, and an exact test


def test_failures_are_a_question_of_their_own_in_the_same_family():
    before, after = synthetic.make(arms=ARMS), changed(gains={})
    for row in synthetic.rows_of(after, "adam"):
        synthetic.diverge(row)
    found = compared(before, after)
    change = found.changes["adam"]
    assert (change.n, change.failed_before, change.failed_after, change.verdict) == (0, 0, 6, "worse")
    p = scipy.stats.boschloo_exact([[6, 0], [0, 6]]).pvalue
    others = [found.changes[arm].p for arm in ARMS if arm != "adam"]
    family = multipletests([*others, p, 1.0], method="holm")[1]  # adam has no test of quality, and counts all the same
    assert change.p_failure_holm == pytest.approx(family[3])
    assert [found.changes[arm].p_holm for arm in ARMS if arm != "adam"] == pytest.approx(family[:3])
    assert "failed in 0 of 6 seeds before and 6 after, corrected p" in answer("adam", found)
    assert "failed after" in markdown(compose(found))


def test_no_change_is_called_so_in_at_most_five_of_a_hundred_studies():
    rng, wrong = np.random.default_rng(0), 0
    for _ in range(300):
        before = {arm: dict(enumerate(rng.standard_normal(5))) for arm in "abc"}
        after = {arm: {seed: x + rng.standard_normal() for seed, x in runs.items()} for arm, runs in before.items()}
        changes = compare_versions(before, after, higher_is_better=True)
        wrong += any(change.verdict != "inconclusive" for change in changes.values())
    assert wrong <= scipy.stats.binom.ppf(0.999, 300, 0.05)


def test_arms_of_one_version_only_are_listed():
    found = compared(
        after=changed(arms={**{n: a for n, a in ARMS.items() if n != "ema"}, "sam": synthetic.ARMS["sam"]})
    )
    assert found.only == (("ema",), ("sam",))
    page = markdown(compose(found))
    assert "Only in old: ema." in page
    assert "Only in new: sam." in page
    assert headline(found).endswith("; 2 in one version only.")
    lines = {line["arm"]: line for line in csv.DictReader(io.StringIO(versions_csv(found)))}
    assert {arm: line["versions"] for arm, line in lines.items()} == {
        "baseline": "both", "adam": "both", "cosine": "both", "ema": "before", "sam": "after",
    }  # fmt: skip
    assert float(lines["adam"]["change"]) == pytest.approx(found.changes["adam"].mean, abs=1e-8)
    assert lines["sam"]["change"] == lines["sam"]["p_holm"] == ""
    assert lines["sam"]["verdict_after"]


def test_words_say_both_levels_and_what_did_not_change():
    found = compared()
    change, unit = found.changes["baseline"], found.unit
    said = answer("baseline", found)
    assert said.startswith(f"{change.verdict}, {unit.level(change.before)} → {unit.level(change.after)} %, +")
    assert "points of test accuracy (95 % interval" in said
    same = compared(after=synthetic.make(arms=ARMS))
    assert answer("adam", same) == "inconclusive, identical in all of 6 seeds"
    assert "4 identical in every seed" in headline(same)


def test_what_differs_is_listed():
    before, after = synthetic.make(arms=ARMS), changed()
    after.study["config"] = {"train": {"steps": 700}}
    after.study["arms"][1]["recipe"] = after.study["arms"][1]["recipe"] | {"optimizer": {"name": "adamw"}}
    after.environment["versions"]["jax"] = "0.11"
    said = compared(before, after).differences
    assert "train.steps: 600 before, 700 after" in said
    assert "optimizer.name of adam: adam before, adamw after" in said
    assert "jax: 0.10.2 before, 0.11 after" in said
    assert any(words.startswith("code, data or choices of baseline, adam, cosine and ema") for words in said)
    assert "code: the same, by the hash of what cells reach" in compared(after=synthetic.make(arms=ARMS)).differences


def test_before_all_cells_have_ended_there_are_no_tests():
    after = changed()
    after.rows.pop()
    found = compared(after=after)
    assert {(change.p_holm, change.verdict) for change in found.changes.values()} == {(None, "")}
    assert headline(found).startswith("Interim")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"task": "regression"}, "differ in their task: classification and regression"),
        ({"metric": {"name": "test_loss", "higher_is_better": False, "margin": None}}, "differ in their metric"),
        ({"data": {"name": "faces", "source": "faces"}}, "differ in their data"),
    ],
)
def test_other_studies_are_refused(change, words):
    after = changed()
    after.study |= change
    with pytest.raises(ValueError, match=words):
        compared(after=after)
    assert not same_study(synthetic.make(arms=ARMS), after)


@pytest.mark.parametrize("variant", ["troubled", "empty", "all_diverged", "all_failed", "one_seed", "hostile"])
def test_every_file_of_odd_studies(variant):
    made = [synthetic.VARIANTS[variant]() for _ in range(2)]
    files = dict(version_contents(versions(*made, ("a", "b")), lambda plots: iter(())))
    assert set(files) == {"versions.csv", "versions.md", "versions.html", "versions.tex"}
    assert "nan" not in files["versions.csv"]
    assert "<script>alert" not in files["versions.html"]


def write(directory, made):
    (directory / "cells").mkdir(parents=True)
    (directory / "study.json").write_text(json.dumps(made.study))
    (directory / "environment.json").write_text(json.dumps(made.environment))
    for row in made.rows:
        (directory / "cells" / f"{row['cell']}.json").write_text(json.dumps(row))
    return str(directory)


def test_the_command(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("ablate.report.plots.together.drawing", not_drawn)
    two = {name: ARMS[name] for name in ("baseline", "adam")}
    before = write(tmp_path / "old", synthetic.make(arms=two, seeds=3))
    after = write(tmp_path / "new", changed(arms=two, seeds=3))
    out = tmp_path / "out"
    assert main(["report", before, after, "--versions", f"--out={out}"]) == 0
    assert str(out / "versions.html") in capsys.readouterr().out
    assert f"Before: {before}. After: {after}" in (out / "versions.md").read_text()
    assert main(["report", before, after, f"--out={out}"]) == 0
    assert "--versions compares arm with arm, paired by seed" in capsys.readouterr().err
    assert main(["report", before, "--versions"]) == 2
    assert "--versions: takes two directories" in capsys.readouterr().err
    assert main(["report", after, f"{after}/../new"]) == 2
    assert f"report: {after} is given twice" in capsys.readouterr().err


def not_drawn(*_):
    import contextlib

    return contextlib.nullcontext(lambda plots: iter(()))
