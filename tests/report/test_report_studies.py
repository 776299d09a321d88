"""Several studies side by side, against numpy and scipy by hand."""

import csv
import io
import math
import re

import numpy as np
import pytest
import scipy.stats

from ablate.report import compare_studies
from ablate.report.comparison.files import comparison_contents
from ablate.report.comparison.grids import agreement_grid, overall_grid, relative, study_grid
from ablate.report.comparison.studies import compare
from ablate.report.comparison.words import headline, notes
from tests.report import synthetic

TWO = {"baseline": synthetic.ARMS["baseline"], "adam": synthetic.ARMS["adam"]}


def named(made: synthetic.Made, name: str) -> synthetic.Made:
    """The same study on other data."""
    made.study["name"] = name
    made.study["data"] = made.study["data"] | {"name": name}
    return made


def harder(by: float, name: str = "faces", **kwargs) -> synthetic.Made:
    made = named(synthetic.make(**kwargs), name)
    for row in made.rows:
        row["metrics"]["test_accuracy"] -= by * (1 + row["seed"] / 10)
    return made


def with_scores(scores: dict[str, list[float]], name: str, metric: str = "test_accuracy") -> synthetic.Made:
    """A study of one arm and its baseline with made-up metrics, one number per seed."""
    made = named(synthetic.make(arms=TWO, seeds=len(scores["baseline"]), metric=metric), name)
    for row in made.rows:
        row["metrics"][metric] = scores[row["arm"]][row["seed"]]
    return made


def sets_of(levels, gains, runs=6, noise=0.004, metric="test_accuracy") -> list[synthetic.Made]:
    """A study per level, with a baseline there and an arm that gains."""
    rng = np.random.default_rng(0)
    studies = []
    for i, (level, gain) in enumerate(zip(levels, gains, strict=True)):
        baseline = level + noise * rng.standard_normal(runs)
        arm = baseline + gain + noise * rng.standard_normal(runs)
        studies.append(with_scores({"baseline": baseline.tolist(), "adam": arm.tolist()}, f"set {i}", metric))
    return studies


def arm_of(comparison, name="adam"):
    return next(arm for arm in comparison.arms if arm.arm == name)


def by_hand(values: list[np.ndarray], confidence=0.95):
    """Mean, limits and p over independent sets of one value per seed."""
    squared = np.array([v.var(ddof=1) / v.size for v in values])
    df = squared.sum() ** 2 / sum(s**2 / (v.size - 1) for s, v in zip(squared, values, strict=True))
    error, mean = math.sqrt(squared.sum()) / len(values), np.mean([v.mean() for v in values])
    half = scipy.stats.t.ppf((1 + confidence) / 2, df) * error
    return mean, mean - half, mean + half, 2 * scipy.stats.t.sf(abs(mean) / error, df)


def columns_of(studies):
    """studies.csv: arm to column to text."""
    table = csv.DictReader(io.StringIO(str(comparison_contents(compare(studies))["studies.csv"])))
    return {line["arm"]: line for line in table}


def test_hard_and_easy_sets_weigh_the_same():
    studies = sets_of((0.30, 0.60, 0.80, 0.95), (0.10, 0.0, 0.0, 0.03), noise=0.001)
    comparison = compare(studies)
    adam = arm_of(comparison)
    pairs = [tuple(np.array(list(made.values(arm).values())) for arm in ("adam", "baseline")) for made in studies]
    mean, low, high, _ = by_hand([a - b for a, b in pairs])
    assert adam.difference.mean == pytest.approx(mean) == pytest.approx(0.0325, abs=0.002)
    assert (adam.difference.low, adam.difference.high) == pytest.approx((low, high))
    assert low > 0.03
    # The ratio of errors, by its first order at each set's own means.
    log_ratios = [np.log((1 - a).mean() / (1 - b).mean()) for a, b in pairs]
    linear = [r + (1 - a) / (1 - a).mean() - (1 - b) / (1 - b).mean() for r, (a, b) in zip(log_ratios, pairs)]
    mean, low, high, p = by_hand(linear)
    assert (adam.change.mean, adam.change.low, adam.change.high) == pytest.approx((mean, low, high))
    assert relative(mean) == pytest.approx((60 / 70 * 2 / 5) ** (1 / 4) - 1, abs=0.02)
    assert (adam.p, adam.p_holm, adam.verdict) == (pytest.approx(p), adam.p, "better")
    assert adam.in_favour >= 2


def test_the_files_show_these_numbers():
    studies = sets_of((0.30, 0.60, 0.80, 0.95), (0.10, 0.0, 0.0, 0.03), noise=0.001)
    adam = arm_of(compare(studies))
    (row,) = [row for row in overall_grid(compare(studies)).rows if row[0] == "adam"]
    assert row[1] == f"{100 * adam.difference.mean:+.3f}"
    assert row[2] == f"{100 * adam.difference.low:+.3f} to {100 * adam.difference.high:+.3f}"
    assert row[3] == f"{100 * relative(adam.change.mean):+.2f}".replace("-", "−")
    text = str(comparison_contents(compare(studies))["studies.md"])
    assert all(part in text for part in row if "<" not in part)
    line = columns_of(studies)["adam"]
    assert float(line["delta"]) == pytest.approx(adam.difference.mean)
    assert float(line["change_low"]) == pytest.approx(relative(adam.change.low))
    assert float(line["change"]) < float(line["change_high"]) < 0
    assert (line["studies"], line["pairs"], line["runs"], line["failed"]) == ("4", "24", "24", "0")
    assert float(line["set 3 delta"]) == pytest.approx(0.03, abs=0.005)


def test_p_is_corrected_over_the_arms():
    comparison = compare([synthetic.finished(), harder(0.1)])
    ps = sorted(arm.p for arm in comparison.tricks)
    steps = np.maximum.accumulate(np.arange(len(ps), 0, -1) * ps)
    assert sorted(arm.p_holm for arm in comparison.tricks) == pytest.approx(np.minimum(1, steps))
    assert {arm.verdict for arm in comparison.tricks} == {"better", "worse", "inconclusive"}
    for arm in comparison.tricks:
        assert (arm.verdict == "inconclusive") == (arm.p_holm > 0.05)
    assert "corrected for 12 comparisons" in " ".join(notes(comparison))


def test_a_loss_is_better_where_it_shrinks():
    studies = sets_of((0.2, 2.0), (-0.02, -0.2), noise=0.002, metric="test_loss")
    comparison = compare(studies)
    adam = arm_of(comparison)
    assert adam.difference.mean == pytest.approx(-0.11, abs=0.005)
    assert relative(adam.change.mean) == pytest.approx(-0.1, abs=0.02)
    assert (adam.verdict, adam.in_favour, adam.improvement) == ("better", 2, 1.0)
    assert "change of test loss (%)" in overall_grid(comparison).header
    assert "shortfall" not in str(comparison_contents(comparison)["studies.md"])
    worse = arm_of(compare(sets_of((0.2, 2.0), (0.02, 0.2), noise=0.002, metric="test_loss")))
    assert (worse.verdict, worse.in_favour, worse.improvement) == ("worse", 0, 0.0)


def test_beats_the_baseline_counts_wins_over_all_pairs():
    studies = [synthetic.finished(), harder(0.1)]
    wins = [
        np.mean([a > b for a in one.values("adam").values() for b in one.values("baseline").values()])
        for one in studies
    ]
    assert arm_of(compare(studies)).improvement == pytest.approx(np.mean(wins))


def test_quality_is_given_success_and_failed_runs_are_counted():
    first, second = synthetic.finished(), harder(0.1)
    synthetic.diverge(synthetic.rows_of(first, "norm=batch")[2])
    synthetic.fail(synthetic.rows_of(second, "norm=batch")[4])
    comparison = compare([first, second])
    batch = arm_of(comparison, "norm=batch")
    assert (batch.pairs, batch.cells, batch.failed) == (10, 12, 1)
    pairs = [(made.values("norm=batch"), made.values("baseline")) for made in (first, second)]
    deltas = [np.array([a[s] - b[s] for s in a if math.isfinite(a[s])]) for a, b in pairs]
    assert [d.size for d in deltas] == [5, 5]
    assert batch.difference[:1] + batch.difference[3:5] == pytest.approx(by_hand(deltas)[:3])
    # Significantly better given success, and one failure more than the baseline, of which no test can say more.
    assert batch.p_holm < 0.05
    assert (batch.p_failure, batch.p_failure_holm, batch.verdict) == (1.0, None, "inconclusive")
    text = " ".join(notes(comparison))
    assert "Failed, diverged or collapsed: norm=batch (1 of 12 runs). Means and intervals are given success" in text
    (row,) = [row for row in overall_grid(comparison).rows if row[0] == "norm=batch"]
    assert row[-2:] == ("10/12", "1/12")


def test_an_arm_that_failed_everywhere_in_one_study_keeps_its_estimate_in_the_others():
    first, second, third = synthetic.finished(), harder(0.1), harder(0.3, "birds")
    for row in synthetic.rows_of(second, "norm=batch"):
        synthetic.diverge(row)
    comparison = compare([first, second, third])
    batch = arm_of(comparison, "norm=batch")
    rest = arm_of(compare([first, third]), "norm=batch")
    assert batch.difference == pytest.approx(rest.difference)
    assert batch.change == pytest.approx(rest.change)
    # Six seeds of one study, all on one side: significant, but for the correction over 12 arms and this test.
    assert (batch.pairs, batch.failed, batch.p_failure) == (12, 6, 2 / 2**6)
    assert batch.p_holm < 0.05 < batch.p_failure_holm
    assert batch.verdict == "inconclusive"
    assert "corrected for 13 comparisons" in " ".join(notes(comparison))
    assert batch.improvement == pytest.approx(2 / 3 * rest.improvement)
    assert "not to be compared with them: norm=batch (2 of 3 studies)" in " ".join(notes(comparison))
    header, line = overall_grid(comparison).header, overall_grid(comparison).rows[1]
    assert line[header.index("studies")] == "2/3"
    assert study_grid(comparison).rows[1][2] == "–, worse, 6/6 failed"


def test_one_lost_run_of_the_baseline_silences_nobody():
    studies = [synthetic.finished(), harder(0.1)]
    synthetic.diverge(synthetic.rows_of(studies[0], "baseline")[3])
    comparison = compare(studies)
    batch = arm_of(comparison, "norm=batch")
    assert (comparison.arms[0].failed, batch.pairs, batch.p_failure_holm, batch.verdict) == (1, 11, None, "better")


def test_failures_decide_where_they_are_many_enough():
    arms = {"baseline": synthetic.ARMS["baseline"], "adam": ({}, 0.0)}
    studies = [named(synthetic.make(arms), name) for name in ("digits", "faces")]
    for made in studies:
        for row in synthetic.rows_of(made, "adam")[:4]:
            synthetic.diverge(row)
    adam = arm_of(compare(studies))
    assert adam.p_failure == 2 / 2**8
    assert (adam.verdict, adam.excess) == ("worse", pytest.approx(8 / 12))
    # The same seeds of the same data are one draw each, not two.
    same = arm_of(compare([named(made, "digits") for made in studies]))
    assert (same.p_failure, same.verdict) == (2 / 2**4, "inconclusive")


def test_failures_of_runs_that_share_no_seeds_are_compared_over_all_of_them():
    arms = {"baseline": synthetic.ARMS["baseline"], "adam": ({}, 0.0)}
    studies = [named(synthetic.make(arms), name) for name in ("digits", "faces")]
    for made in studies:
        made.study["paired"] = False
        for row in synthetic.rows_of(made, "adam")[:4]:
            synthetic.diverge(row)
    adam = arm_of(compare(studies))
    # Fisher's exact test within each study, and their failures added up.
    single = scipy.stats.hypergeom.pmf(np.arange(5), 12, 4, 6)
    assert adam.p_failure == pytest.approx(2 * np.convolve(single, single)[-1])
    assert adam.verdict == "worse"


def test_a_study_in_which_all_fail_says_nothing_of_the_sides():
    arms = {"baseline": synthetic.ARMS["baseline"], "adam": ({}, 0.0)}
    hard, easy = named(synthetic.make(arms, seeds=20), "digits"), named(synthetic.make(arms, seeds=20), "faces")
    for made, fewer in ((hard, "baseline"), (easy, "adam")):
        made.study["paired"] = False
        made.rows = [row for row in made.rows if row["arm"] != fewer or row["seed"] < 5]
    for arm, lost in (("adam", 16), ("baseline", 4)):
        for row in synthetic.rows_of(hard, arm)[:lost]:
            synthetic.diverge(row)
    adam = arm_of(compare([hard, easy]))
    assert (adam.p_failure, adam.excess, adam.verdict) == (pytest.approx(1.0), 0.0, "inconclusive")


def test_failures_are_compared_over_the_seeds_that_both_sides_have():
    arms = {"baseline": synthetic.ARMS["baseline"], "adam": ({}, 0.0)}
    first, second = named(synthetic.make(arms, seeds=24), "digits"), named(synthetic.make(arms, seeds=24), "faces")
    for made in (first, second):
        synthetic.diverge(synthetic.rows_of(made, "adam")[0])
        synthetic.diverge(synthetic.rows_of(made, "baseline")[0])
        for row in synthetic.rows_of(made, "adam")[1:]:
            row["metrics"]["test_accuracy"] += 0.05
        made.rows = [row for row in made.rows if row["arm"] == "baseline" or row["seed"] < 12]
    adam = arm_of(compare([first, second]))
    assert (adam.excess, adam.p_failure, adam.verdict) == (0.0, None, "better")


def test_studies_of_the_same_data_are_added_up_seed_by_seed():
    first, second = synthetic.finished(), synthetic.make()
    second.study["name"] = "wider"
    for row in second.rows:
        row["metrics"]["test_accuracy"] += 0.001 * (row["seed"] if row["arm"] == "adam" else 0)
    comparison = compare([first, second])
    sums = sum(
        np.array(list(made.values("adam").values())) - np.array(list(made.values("baseline").values()))
        for made in (first, second)
    )
    adam = arm_of(comparison)
    assert adam.difference.mean == pytest.approx(sums.mean() / 2)
    assert (adam.difference.error, adam.difference.df) == pytest.approx((sums.std(ddof=1) / math.sqrt(6) / 2, 5))
    assert "Several studies use the same data (digits)" in " ".join(notes(comparison))
    # Other seeds draw other splits, and other data are other data.
    for row in second.rows:
        row["seed"] += 10
    for cell in second.study["cells"]:
        cell["seed"] += 10
    assert arm_of(compare([first, second])).difference.df > 6
    assert arm_of(compare([first, named(synthetic.make(), "faces")])).difference.df > 9


def test_studies_that_share_no_seeds_between_arms_are_compared_by_welch():
    studies = [synthetic.finished(), harder(0.1)]
    for made in studies:
        made.study["paired"] = False
    adam = arm_of(compare(studies))
    parts = []
    for made in studies:
        a, b = (np.array(list(made.values(arm).values())) for arm in ("adam", "baseline"))
        parts.append(scipy.stats.ttest_ind(a, b, equal_var=False))
        error = math.sqrt(a.var(ddof=1) / 6 + b.var(ddof=1) / 6)
        parts[-1] = (a.mean() - b.mean(), error, parts[-1].df)
    variance = sum(error**2 for _, error, _ in parts)
    df = variance**2 / sum(error**4 / df for _, error, df in parts)
    assert adam.difference[:3] == pytest.approx((np.mean([m for m, _, _ in parts]), math.sqrt(variance) / 2, df))
    assert overall_grid(compare(studies)).header[-2] == "runs"
    synthetic.diverge(synthetic.rows_of(studies[0], "adam")[0])
    comparison = compare(studies)
    assert arm_of(comparison).p is not None
    assert arm_of(comparison).difference is not None
    assert "exactly, within every study" in " ".join(notes(comparison))


def test_different_units_are_averaged_as_changes_only():
    metres, dollars = synthetic.regression(), named(synthetic.regression(), "houses")
    dollars.study["metrics"] = [
        m | {"unit": m["unit"].replace("m", "$"), "difference": m["difference"].replace("m", "$")}
        for m in dollars.study["metrics"]
    ]
    for row in dollars.rows:
        row["metrics"]["test_mse"] *= 1e6
    comparison = compare([metres, dollars])
    assert not comparison.in_points
    assert arm_of(comparison).difference is None
    assert arm_of(comparison).change.mean == pytest.approx(arm_of(comparison).changes[0])
    assert overall_grid(comparison).header[1] == "change of test mse (%)"
    assert agreement_grid(comparison).header[2] == "changes of test mse (%)"
    assert study_grid(comparison).header == ("arm", "digits (m²)", "houses ($²)")
    assert "the studies are in different units" in " ".join(notes(comparison))
    comparison_contents(comparison)


def test_a_bare_number_is_no_unit():
    studies = [synthetic.regression(), named(synthetic.regression(), "houses")]
    for made in studies:
        made.study["metrics"] = [m | {"unit": "", "difference": ""} for m in made.study["metrics"]]
    assert not compare(studies).in_points
    assert "it has no unit" in " ".join(notes(compare(studies)))


def test_a_metric_without_a_perfect_value_is_averaged_as_it_is():
    studies = [synthetic.adversarial(), named(synthetic.adversarial(), "rings")]
    comparison = compare(studies)
    adam = arm_of(comparison)
    assert adam.change is None
    assert overall_grid(comparison).header[1:3] == ("mean delta", "95 % interval of delta")
    assert "t test of the mean delta" in " ".join(notes(comparison))
    # In different units there is nothing to average, but still who wins.
    studies[1].study["metrics"] = [m | {"unit": "rings", "difference": "rings"} for m in studies[1].study["metrics"]]
    comparison = compare(studies)
    assert (arm_of(comparison).difference, arm_of(comparison).p) == (None, None)
    assert arm_of(comparison).improvement > 0.5
    assert headline(comparison) == "No arm has a verdict over the 2 studies yet."
    assert not any(path.startswith("figures/") for path in comparison_contents(comparison))


def test_a_perfect_arm_has_no_ratio():
    studies = sets_of((0.9, 0.98), (0.02, 0.01), noise=0.001)
    for row in synthetic.rows_of(studies[1], "adam"):
        row["metrics"]["test_accuracy"] = 1.0
    comparison = compare(studies)
    assert (comparison.in_ratios, arm_of(comparison).change) == (False, None)
    assert arm_of(comparison).difference.p is not None


def test_what_seeds_cannot_tell_is_said():
    studies = sets_of((0.5, 0.7), (0.02, 0.01))
    for row in synthetic.rows_of(studies[1], "adam"):
        row["metrics"]["test_accuracy"] = studies[1].values("baseline")[row["seed"]] + 0.01
    comparison = compare(studies)
    adam = arm_of(comparison)
    assert adam.difference.mean is not None
    assert (adam.difference.low, adam.p, adam.verdict) == (None, None, "")
    assert "No interval for adam" in " ".join(notes(comparison))


def test_an_arm_that_changes_nothing_in_one_study_has_an_interval_from_the_others():
    first, second = synthetic.finished(), harder(0.1)
    for row in synthetic.rows_of(second, "clip=1.0"):
        row["metrics"] = dict(synthetic.rows_of(second, "baseline")[row["seed"]]["metrics"])
    clip = arm_of(compare([first, second]), "clip=1.0")
    alone = clip.summaries[0].contrast
    assert clip.difference.mean == pytest.approx(alone.mean / 2)
    assert (clip.difference.low, clip.difference.high) == pytest.approx((alone.low / 2, alone.high / 2))
    both = compare([second, second])
    assert arm_of(both, "clip=1.0").p is None
    assert "Identical with the baseline in every run of every study: clip=1.0" in " ".join(notes(both))


def test_no_significant_difference_prints_as_zero():
    # One arm so noisy that its digits would hide the others.
    arms = {name: synthetic.ARMS[name] for name in ("baseline", "adam", "norm=batch", "rmsprop")}
    studies = [named(synthetic.make(arms=arms), name) for name in ("digits", "faces")]
    rng = np.random.default_rng(0)
    for made in studies:
        for row in made.rows:
            base = 0.5 + 0.001 * row["seed"]
            noise = {"baseline": 0.0, "adam": 1e-6, "norm=batch": 0.05, "rmsprop": 0.05}[row["arm"]]
            effect = 1e-5 if row["arm"] == "adam" else 0.0
            row["metrics"]["test_accuracy"] = base + effect + noise * rng.standard_normal()
    comparison = compare(studies)
    assert arm_of(comparison).verdict == "better"
    shown = [
        *overall_grid(comparison).rows[1][1:5],
        study_grid(comparison).rows[1][1],
        study_grid(comparison).rows[1][2],
    ]
    assert all(re.search(r"0\.00\d*[1-9]", text) for text in shown), shown
    assert len(overall_grid(comparison).rows[2][1]) < len("+0.0010")  # the noisy ones keep their few digits


def test_arms_are_matched_by_name_and_the_rest_is_named():
    few = harder(0.1, arms={name: synthetic.ARMS[name] for name in ("baseline", "adam")})
    found = compare([synthetic.finished(), few])
    assert [arm.arm for arm in found.arms] == ["baseline", "adam"]
    assert "norm=batch" in found.left_out
    assert "Left out, since not every study has them: norm=batch" in str(comparison_contents(found)["studies.md"])


def test_baselines_of_different_names_are_one_arm():
    made = harder(0.1, arms={"plain": ({}, 0.0), "adam": synthetic.ARMS["adam"]})
    assert [arm.baseline for arm in compare([synthetic.finished(), made]).arms] == [True, False]


def test_studies_of_one_name_are_numbered():
    assert compare([synthetic.finished(), synthetic.finished()]).names == ("digits 1", "digits 2")


def test_studies_that_cannot_be_compared_are_refused_in_words():
    with pytest.raises(ValueError, match="two or more"):
        compare([synthetic.finished()])
    with pytest.raises(ValueError, match="different metrics: test_accuracy and test_loss"):
        compare([synthetic.finished(), synthetic.loss_metric()])
    turned = synthetic.finished()
    turned.study["metric"] = turned.study["metric"] | {"higher_is_better": False}
    with pytest.raises(ValueError, match="disagree whether more test_accuracy is better"):
        compare([synthetic.finished(), turned])


def test_the_strictest_level_of_the_studies_is_that_of_the_comparison():
    loose = harder(0.1)
    loose.study["alpha"] = 0.2
    assert compare([synthetic.finished(), loose]).confidence == "95 %"
    strict = harder(0.1)
    strict.study["alpha"] = 0.01
    adam, usual = (arm_of(compare([synthetic.finished(), other])).difference for other in (strict, harder(0.1)))
    assert adam.low < usual.low
    assert "99 % interval of delta" in overall_grid(compare([synthetic.finished(), strict])).header


@pytest.mark.parametrize("variant", ["troubled", "empty", "all_diverged", "one_seed", "one_arm", "hostile"])
def test_every_state_can_be_compared(variant, tmp_path):
    made = synthetic.VARIANTS[variant]()
    paths = compare_studies([made, made], tmp_path)
    figures = set() if variant in ("empty", "all_diverged", "one_arm") else {"studies.svg", "studies.png"}
    assert {path.name for path in paths} == {"studies.csv", "studies.md", "studies.html", *figures}
    for path in paths:
        if path.suffix in (".csv", ".md", ".html"):
            text = path.read_text(encoding="utf-8")
            assert not {"nan", "None", "inf"} & set(re.findall(r"\w+", re.sub("<style>.*</script>", "", text)))
            assert path.suffix == ".csv" or "<script>alert" not in text
    again = {path: path.read_bytes() for path in paths}
    assert {path: path.read_bytes() for path in compare_studies([made, made], tmp_path)} == again


def test_what_load_gives_can_be_compared(tmp_path):
    from ablate.report.rows import Rows

    loaded = [
        Rows(tmp_path, made.study, tuple(made.rows), made.environment, made.progress)
        for made in (synthetic.finished(), harder(0.1))
    ]
    assert compare(loaded).names == ("digits", "faces")


def test_a_study_of_another_format_is_refused_in_words(tmp_path):
    from ablate.report.rows import load
    from ablate.results.files import write_json

    made = synthetic.one_seed()
    write_json(tmp_path / "study.json", made.study)
    assert len(load(tmp_path)) == 0
    write_json(tmp_path / "study.json", {**made.study, "format": 1})
    with pytest.raises(FileNotFoundError, match="its format is 1, this version reads 2"):
        load(tmp_path)
