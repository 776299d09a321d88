"""Frames against the CSV files that they share columns with, and against the records themselves."""

import builtins
import csv
import io
import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from ablate.report.formats.csv_files import cells_csv, field, summary_csv
from ablate.report.frames import joined
from ablate.report.rows import Conditions, Rows
from ablate.report.tables import tabulate
from tests.report import synthetic

VARIANTS = ("finished", "troubled", "empty", "all_diverged", "all_failed", "one_seed", "one_arm", "tuned", "hostile")


def rows_of(made: synthetic.Made) -> Rows:
    return Rows(Path("nowhere"), made.study, tuple(made.rows), made.environment, made.progress)  # type: ignore[arg-type]


def lines(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


def as_text(value: object) -> str:
    """An entry of a frame as the CSV writes it."""
    if value is None or value is pd.NA or (isinstance(value, float) and math.isnan(value)):
        return ""
    return field(int(value) if isinstance(value, np.integer) else value)


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize(("frame_of", "text_of"), [(Rows.to_pandas, cells_csv), (Rows.verdicts, summary_csv)])
def test_a_frame_has_every_column_of_its_csv_with_the_same_values(variant, frame_of, text_of):
    made = synthetic.VARIANTS[variant]()
    frame, expected = frame_of(rows_of(made)), lines(text_of(tabulate(*made.parts)))
    assert len(frame) == len(expected)
    assert list(frame.columns[: len(expected[0])]) == list(expected[0])
    for name in expected[0]:
        assert [float(x) if frame[name].dtype == "float64" and x else x for x in map(as_text, frame[name])] == [
            float(line[name]) if frame[name].dtype == "float64" and line[name] else line[name] for line in expected
        ], name


@pytest.mark.parametrize("frame_of", [Rows.to_pandas, Rows.verdicts, Rows.curves])
@pytest.mark.parametrize("variant", ["troubled", "empty", "all_diverged"])
def test_dtypes_are_those_of_a_finished_study(frame_of, variant):
    finished, other = (frame_of(rows_of(synthetic.VARIANTS[name]())) for name in ("finished", variant))
    here = other.dtypes.to_dict()
    assert {name: dtype for name, dtype in finished.dtypes.to_dict().items() if name in here} == here
    assert {*finished.columns} - {*other.columns} <= {"initial_loss", "learning_rate"}  # named by rows alone


def test_cells_that_have_not_ended_are_there_without_numbers():
    made = synthetic.troubled()
    frame = rows_of(made).to_pandas()
    assert len(frame) == len(made.study["cells"])
    pending = frame[frame.status == "pending"]
    assert list(zip(pending.arm, pending.seed)) == [("ema", 3), ("ema", 4), ("ema", 5)]
    assert pending.test_accuracy.isna().all()
    assert pending.steps.isna().all()
    diverged = frame[frame.status == "diverged"]
    assert diverged.diverged_step.notna().all()
    assert diverged.test_accuracy.isna().all()


def test_arms_are_grouped_by_what_they_chose():
    made = synthetic.finished()
    frame = rows_of(made).to_pandas()
    means = frame.groupby("optimizer").test_accuracy.mean()
    assert set(means.index) == {"momentum", "adam", "rmsprop"}
    expected = np.mean([value for value in made.values("adam").values()])
    assert means["adam"] == pytest.approx(expected, abs=1e-12)
    assert "data" not in frame.columns  # no arm differs in it
    assert "dropout.rate" not in frame.columns  # of the choices of dropout, one has a rate


def test_an_argument_has_a_column_where_choices_differ_in_it():
    made = synthetic.tuned()
    verdicts = rows_of(made).verdicts().set_index("arm")
    assert verdicts["optimizer.learning_rate"].to_dict() == {
        arm["name"]: arm["recipe"]["optimizer"]["learning_rate"] for arm in made.study["arms"]
    }
    assert verdicts["optimizer.learning_rate"].dtype == "float64"


def test_curves_are_those_of_the_rows():
    made = synthetic.troubled()
    curves = rows_of(made).curves()
    assert list(curves.columns) == [
        "cell", "arm", "seed", "step", "train_loss", "val_accuracy", "val_loss", "learning_rate",
    ]  # fmt: skip
    assert len(curves) == sum(len(row["curves"].get("step", ())) for row in made.rows)
    for row in (synthetic.rows_of(made, "adam")[1], synthetic.rows_of(made, "rmsprop")[0]):
        own = curves[curves.cell == row["cell"]]
        assert own.step.tolist() == row["curves"]["step"]
        expected = [math.nan if x is None else x for x in row["curves"]["val_accuracy"]]
        np.testing.assert_array_equal(own.val_accuracy, expected)


def test_a_name_that_a_column_has_is_told_apart():
    made = synthetic.make(arms={"baseline": ({}, 0.0), "b": ({"test": {"name": "odd"}}, 0.01)})
    verdicts = rows_of(made).verdicts()
    assert verdicts["recipe.test"].tolist() == [None, "odd"]
    assert "odd" not in verdicts["test"].tolist()


def test_conditions_stand_below_one_another():
    studies = {"a": rows_of(synthetic.finished()), "b": rows_of(synthetic.troubled())}
    both = Conditions(Path("nowhere"), {"name": "n", "conditions": []}, studies)  # type: ignore[typeddict-item]
    for frame_of, one in ((Conditions.to_pandas, Rows.to_pandas), (Conditions.verdicts, Rows.verdicts)):
        frame = frame_of(both)
        assert frame.columns[0] == "condition"
        for name, rows in studies.items():
            own = frame[frame.condition == name].drop(columns="condition").reset_index(drop=True)
            pd.testing.assert_frame_equal(own, one(rows))
    assert set(both.curves().condition) == {"a", "b"}
    assert list(joined({}).columns) == ["condition"]


def test_without_pandas_one_line_says_what_to_install(monkeypatch):
    real = builtins.__import__

    def without(name, *arguments, **keywords):
        if name == "pandas":
            raise ModuleNotFoundError("No module named 'pandas'", name="pandas")
        return real(name, *arguments, **keywords)

    rows = rows_of(synthetic.one_seed())
    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(ModuleNotFoundError, match="pip install pandas"):
        rows.to_pandas()
