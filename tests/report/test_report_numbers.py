"""The numbers of a report against independent computations with numpy and scipy."""

import csv
import io
import math

import numpy as np
import pytest
from scipy import stats

from ablate.report.files import contents
from ablate.report.formats.csv_files import SUMMARY_COLUMNS, TIMING, cells_csv, summary_csv
from ablate.report.tables import tabulate
from tests.report import synthetic


def read(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


def tables_of(made: synthetic.Made):
    return tabulate(made.study, made.rows)


@pytest.fixture(scope="module")
def made() -> synthetic.Made:
    return synthetic.finished()


@pytest.fixture(scope="module")
def summary(made) -> dict[str, dict[str, str]]:
    return {line["arm"]: line for line in read(summary_csv(tables_of(made)))}


def test_means_and_intervals_are_those_of_scipy(made, summary):
    for arm in synthetic.ARMS:
        values = np.array(list(made.values(arm).values()))
        low, high = stats.t.interval(0.95, 5, loc=values.mean(), scale=values.std(ddof=1) / math.sqrt(6))
        found = [float(summary[arm][name]) for name in ("mean", "sd", "ci_low", "ci_high")]
        assert found == pytest.approx([values.mean(), values.std(ddof=1), low, high], rel=1e-7)


def test_deltas_are_paired_by_seed(made, summary):
    base = made.values("baseline")
    for arm in list(synthetic.ARMS)[1:]:
        values = made.values(arm)
        test = stats.ttest_rel([values[s] for s in range(6)], [base[s] for s in range(6)])
        low, high = test.confidence_interval(0.95)
        mean = np.mean([values[s] - base[s] for s in range(6)])
        found = [float(summary[arm][name]) for name in ("delta", "delta_low", "delta_high", "p")]
        assert found == pytest.approx([mean, low, high, test.pvalue], rel=1e-6)


def test_holm_is_the_step_down_of_the_ps(summary):
    lines = [line for line in summary.values() if line["p"]]
    p = sorted((float(line["p"]), float(line["p_holm"])) for line in lines)
    expected, largest = [], 0.0
    for i, (one, _) in enumerate(p):
        largest = max(largest, min(1.0, one * (len(p) - i)))
        expected.append(largest)
    assert [holm for _, holm in p] == pytest.approx(expected, rel=1e-6)


def test_the_baseline_has_no_comparison(summary):
    line = summary["baseline"]
    assert line["verdict"] == "baseline"
    assert all(not line[name] for name in ("delta", "delta_low", "p", "p_holm", "p_exact", "mde"))


def test_columns_are_the_contract(made):
    start = "cell arm seed status test_accuracy test_loss val_accuracy val_loss train_loss initial_loss diverged_step"
    start += " stopped_step parameters steps examples program lanes devices strategy"
    columns = list(read(cells_csv(tables_of(made)))[0])
    assert columns == [*start.split(), "steps_per_second", "train_seconds", "compile_seconds"]
    assert set(columns[-3:]) < set(TIMING)
    wanted = "arm n failed diverged collapsed errors mean sd ci_low ci_high delta delta_low delta_high p p_holm p_max_t"
    wanted += " p_bh p_exact verdict"
    assert [name for name in SUMMARY_COLUMNS if name in wanted.split()] == wanted.split()
    extra = "p_tost mde rho pairing_gain drop_one_low drop_one_high p_wilcoxon parameters program lanes"
    assert set(extra.split()) <= set(SUMMARY_COLUMNS)
    assert SUMMARY_COLUMNS[-5:] == ("flops", "step_seconds", "step_ratio", "step_ratio_low", "step_ratio_high")


def test_cells_stand_in_the_order_of_the_study(made):
    shuffled = synthetic.Made(made.study, made.rows[::-1])
    lines = read(cells_csv(tables_of(shuffled)))
    assert [line["cell"] for line in lines] == [cell["cell"] for cell in made.study["cells"]]
    assert [float(line["test_accuracy"]) for line in lines] == pytest.approx(
        [row["metrics"]["test_accuracy"] for row in made.rows], rel=1e-8
    )


def test_only_timing_columns_depend_on_timing(made):
    slower = synthetic.finished()
    for row in slower.rows:
        for name in set(TIMING) & set(row["costs"]):
            row["costs"][name] *= 1.7
    for arm in slower.study["arms"]:
        arm["step_seconds"] = 0.1

    def without_timing(text: str) -> list[dict[str, str]]:
        return [{name: x for name, x in line.items() if name not in TIMING} for line in read(text)]

    for writer in (cells_csv, summary_csv):
        one, other = writer(tables_of(made)), writer(tables_of(slower))
        assert one != other
        assert without_timing(one) == without_timing(other)


def test_troubles_are_counted_and_never_shown_as_nan():
    tables = tables_of(synthetic.troubled())
    lines = {line["arm"]: line for line in read(summary_csv(tables))}
    assert [lines["rmsprop"][name] for name in ("n", "failed", "errors", "mean")] == ["0", "6", "0", ""]
    assert lines["rmsprop"]["verdict"] == ""
    assert [lines["sam"][name] for name in ("n", "failed", "errors")] == ["4", "0", "2"]
    assert [lines["ema"][name] for name in ("n", "diverged", "failed")] == ["3", "0", "0"]
    statuses = [line["status"] for line in read(cells_csv(tables))]
    assert {name: statuses.count(name) for name in set(statuses)} == {
        "done": 66, "diverged": 7, "failed": 1, "oom": 1, "pending": 3,
    }  # fmt: skip


def test_pairs_lose_the_seed_that_either_side_lacks():
    made = synthetic.finished()
    synthetic.fail(synthetic.rows_of(made, "baseline")[1])
    arm = next(arm for arm in tables_of(made).arms if arm.arm == "adam")
    base = made.values("baseline")
    assert arm.n == 6
    assert set(arm.deltas) == {0, 2, 3, 4, 5}
    assert arm.contrast is not None
    assert arm.contrast.mean == pytest.approx(np.mean([made.values("adam")[s] - base[s] for s in base]))


def test_unpaired_deltas_are_from_the_mean_of_the_baseline():
    made = synthetic.finished()
    made.study["paired"] = False
    arm = next(arm for arm in tables_of(made).arms if arm.arm == "adam")
    middle = np.mean(list(made.values("baseline").values()))
    assert arm.deltas[3] == pytest.approx(made.values("adam")[3] - middle)


def test_rows_of_other_studies_are_left_out():
    made = synthetic.one_seed()
    stranger = synthetic.make_row({"cell": "stranger", "arm": "adam", "seed": 9, "program": "p0"}, 0.5)
    assert tables_of(synthetic.Made(made.study, [*made.rows, stranger])) == tables_of(made)


def test_an_accuracy_that_is_not_finite_counts_as_diverged():
    made = synthetic.finished()
    synthetic.rows_of(made, "adam")[0]["metrics"]["test_accuracy"] = None
    arm = next(arm for arm in tables_of(made).arms if arm.arm == "adam")
    assert arm.n == 5
    assert arm.contrast is not None
    assert arm.contrast.failures.hits == 1


def test_the_columns_of_a_task_are_its_metrics_and_curves():
    line = read(cells_csv(tables_of(synthetic.adversarial())))[0]
    start = ["test_modes", "test_high_quality", "test_wasserstein", "val_modes", "val_high_quality", "val_wasserstein"]
    assert list(line)[4:13] == [*start, "critic_loss", "generator_loss", "initial_wasserstein"]
    line = read(cells_csv(tables_of(synthetic.regression())))[0]
    start = ["test_mse", "test_mae", "test_r2", "val_mse", "val_mae", "val_r2", "train_loss", "initial_mse"]
    assert list(line)[4:12] == start


def test_best_steps_and_members_have_columns_where_a_row_has_them(made):
    kept = synthetic.one_seed()
    kept.rows[1] |= {"best_step": 540, "members": [{"accuracy": 0.9, "loss": 0.3}, {"accuracy": 0.91, "loss": 0.29}]}
    lines = read(cells_csv(tables_of(kept)))
    columns = list(lines[0])
    assert columns[columns.index("initial_loss") :][:8] == [
        "initial_loss", "member_1_accuracy", "member_1_loss", "member_2_accuracy", "member_2_loss",
        "diverged_step", "stopped_step", "best_step",
    ]  # fmt: skip
    assert [line["best_step"] for line in lines[:3]] == ["", "540", ""]
    assert [line["member_2_accuracy"] for line in lines[:3]] == ["", "0.91", ""]
    assert "best_step" not in read(cells_csv(tables_of(made)))[0]


def test_a_metric_that_no_task_describes_is_a_bare_number():
    made = synthetic.finished()
    made.study["metric"] = {"name": "test_distance", "higher_is_better": False, "margin": None}
    for row in made.rows:
        row["metrics"] = {"test_distance": 30.0 - len(row["arm"]) + row["metrics"]["test_loss"]}
        row["curves"] = {"step": [1, 2], "val_distance": [50.0, 31.0], "learning_rate": [0.1, 0.1]}
    lines = read(cells_csv(tables_of(made)))
    assert float(lines[0]["test_distance"]) > 22
    assert lines[0]["test_accuracy"] == ""
    assert list(lines[0])[9] == "test_distance"  # behind what the task declares
    found = dict(contents(*made.parts))
    assert "better by" in str(found["report.md"])
    assert "()" not in str(found["report.md"]) + str(found["report.html"]).split("<script>")[0].split("</style>")[1]
