"""Several studies side by side, against numpy."""

import csv
import io
import math

import numpy as np
import pytest

from ablate.report import compare_studies
from ablate.report.comparison.profile import comparison_contents
from ablate.report.comparison.studies import compare, profiles
from tests.report import synthetic


def harder(by: float, name: str = "faces", **kwargs) -> synthetic.Made:
    made = synthetic.make(**kwargs)
    made.study["name"] = name
    for row in made.rows:
        row["metrics"]["test_accuracy"] -= by * (1 + row["seed"] / 10)
    return made


def test_iqm_is_the_mean_of_the_middle_half():
    found = compare([synthetic.finished(), harder(0.1)])
    scores = np.sort(found.arms[1].scores.ravel())
    assert found.arms[1].scores.shape == (6, 2)
    assert found.arms[1].middle.mean == pytest.approx(scores[3:-3].mean())
    low, high = found.arms[1].middle.low, found.arms[1].middle.high
    assert low is not None
    assert high is not None
    assert low < found.arms[1].middle.mean < high


def test_improvement_counts_wins_over_all_pairs():
    studies = [synthetic.finished(), harder(0.1)]
    found = next(arm for arm in compare(studies).arms if arm.arm == "adam")
    wins = [
        np.mean([a > b for a in one.values("adam").values() for b in one.values("baseline").values()])
        for one in studies
    ]
    assert found.improvement == pytest.approx(np.mean(wins))


def test_a_diverged_run_is_the_worst_and_a_missing_seed_is_left_out():
    first, second = synthetic.finished(), harder(0.1)
    synthetic.diverge(synthetic.rows_of(first, "adam")[2])
    synthetic.fail(synthetic.rows_of(second, "adam")[4])
    found = next(arm for arm in compare([first, second]).arms if arm.arm == "adam")
    assert found.scores.shape == (5, 2)
    assert np.isneginf(found.scores).sum() == 1
    assert math.isinf(found.scores[2, 0])


def test_a_loss_is_turned_and_shown_as_it_is():
    found = compare([synthetic.loss_metric(), synthetic.loss_metric()])
    assert (found.arms[0].scores < 0).all()
    values, shares = profiles(found)
    assert (values > 0).all()
    assert values[0] > values[-1]
    assert all((np.diff(share) <= 0).all() for share in shares.values())
    line = next(csv.DictReader(io.StringIO(str(comparison_contents(found)["studies.csv"]))))
    assert 0 < float(line["iqm_low"]) < float(line["iqm"]) < float(line["iqm_high"])


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


def test_one_study_or_two_metrics_cannot_be_compared():
    with pytest.raises(ValueError, match="two or more"):
        compare([synthetic.finished()])
    with pytest.raises(ValueError, match="different metrics: test_accuracy and test_loss"):
        compare([synthetic.finished(), synthetic.loss_metric()])


@pytest.mark.parametrize("variant", ["troubled", "empty", "all_diverged", "one_seed", "one_arm", "hostile"])
def test_every_state_can_be_compared(variant, tmp_path):
    made = synthetic.VARIANTS[variant]()
    paths = compare_studies([made, made], tmp_path)
    figures = set() if variant in ("empty", "all_diverged") else {"profile.svg", "profile.png"}
    assert {path.name for path in paths} == {"studies.csv", "studies.md", "studies.html", *figures}
    for path in paths:
        if path.suffix in (".csv", ".md", ".html"):
            text = path.read_text(encoding="utf-8")
            assert "nan" not in text.split()
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
