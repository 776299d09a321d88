"""A cell that diverges is a result: it stops by itself, and its neighbours do not notice."""

import csv
import math
import re

import numpy as np
import pytest

import ablate
from ablate import choice
from ablate.runner.execute import execute
from ablate.train.lanes import Lanes
from tests.train.small import identical, lanes_of, planned, small_config, train, wave_of

METRICS = ("test_accuracy", "test_loss", "val_accuracy", "val_loss", "train_loss")


def study(*rates: float, seeds: int = 1, steps: int = 20):
    """An arm per learning rate; the baseline's is 0.1."""
    return small_config(
        seeds=seeds, steps=steps, vary={"optimizer": tuple(choice("sgd", learning_rate=rate) for rate in rates)}
    )


@pytest.fixture(scope="module")
def lanes() -> Lanes:
    """One program for all of these studies: they differ in numbers."""
    return lanes_of(planned(study(1.0)))


@pytest.mark.parametrize(
    ("rate", "step"),
    [
        (1e30, 1),  # the first update leaves finite weights of 1e28, with which the next loss overflows
        (math.inf, 0),  # the first update itself is not finite
    ],
)
def test_a_lane_that_diverges_does_not_touch_its_neighbours(lanes, rate, step):
    plan = planned(study(rate, 0.2, 0.05))
    trained = train(lanes, wave_of(plan, [0, 1, 2, 3], 4))
    without = train(lanes, wave_of(plan, [0, 2, 3], 4))

    lost = trained.results[1]
    assert (lost.status, lost.diverged_step, lost.stopped_step) == ("diverged", step, None)
    assert lost.metrics == dict.fromkeys(trained.results[0].metrics)  # the same names, and no number
    assert [result.status for result in trained.results] == ["done", "diverged", "done", "done"]
    for ours, theirs in ((0, 0), (2, 1), (3, 2)):
        assert identical(trained.state(ours), without.state(theirs))
        assert trained.results[ours] == without.results[theirs]


def test_a_lost_lane_keeps_its_last_finite_state_and_its_curves_end(lanes):
    plan = planned(study(1e30, 0.2))
    trained = train(lanes, wave_of(plan, [0, 1, 2], 4))
    state = trained.end.state
    assert all(np.isfinite(number).all() for number in trained.state(1)[1:7])
    assert np.asarray(state.step).tolist() == [20, 1, 20, 20]  # one step was taken, and no other
    assert np.asarray(state.running).tolist() == [True, False, True, True]
    assert trained.results[1].curves["step"] == [0, 10, 20]
    assert trained.results[1].curves["val_loss"][0] is not None
    for name in ("train_loss", "val_loss", "val_accuracy", "learning_rate"):
        assert trained.results[1].curves[name][1:] == [None, None]
        assert None not in trained.results[0].curves[name][1:]


def test_a_lane_that_was_lost_once_stays_lost_though_it_would_be_finite_again():
    spikes = tuple(choice("tests.train.small:spike", at=step) for step in (3.0, 1000.0))
    plan = planned(small_config(seeds=1, vary={"layerwise": spikes}))
    item = plan.programs[1]
    trained = train(lanes_of(plan, item=item), wave_of(plan, [0, 1], 2, item=item))
    assert [result.diverged_step for result in trained.results] == [3, None]
    assert np.asarray(trained.end.state.step).tolist() == [3, 20]
    assert trained.results[0].metrics["test_loss"] is None


@pytest.mark.parametrize("strategy", ["scan", "solo"])
def test_a_lane_that_stops_early_keeps_what_it_had(strategy):
    stops = tuple(choice("tests.train.small:stop_after", evaluations=count) for count in (2.0, 9.0))
    plan = planned(small_config(seeds=1, steps=15, eval_every=5, vary={"stop": stops}))
    item = plan.programs[1]
    lanes = lanes_of(plan, strategy, item=item)
    stopped, whole = (train(lanes, wave_of(plan, cells, 2, item=item)) for cells in ([0, 1], [1]))
    assert [result.stopped_step for result in stopped.results] == [5, None]
    assert [result.status for result in stopped.results] == ["done", "done"]
    assert np.asarray(stopped.end.state.step).tolist() == [5, 15]
    assert stopped.results[1] == whole.results[0]
    early, full = (result.curves["val_loss"] for result in stopped.results)
    assert early[:2] == full[:2]
    assert early[2:] == [early[1]] * 2  # measured again, of the weights it stopped with
    assert full[3] != full[2] != full[1]


def test_a_wave_of_lost_lanes_ends_early():
    plan = planned(study(1e30, math.inf, steps=100))
    lanes = lanes_of(plan)
    trained = train(lanes, wave_of(plan, [1, 2], 2))
    assert [moment.step for moment in trained.states] == [0, 10, 100]  # not 20, 30, ...
    assert [result.diverged_step for result in trained.results] == [1, 0]
    whole = train(lanes, wave_of(plan, [0, 2], 2))
    assert [moment.step for moment in whole.states][-3:] == [90, 100, 100]


def test_the_rows_and_reports_of_lost_cells_hold_no_numbers(tmp_path):
    rows = execute(planned(study(1e30, seeds=2)), tmp_path)
    lost = [row for row in rows if row["arm"] != "baseline"]
    assert [(row["status"], row["diverged_step"], row["error"]) for row in lost] == [("diverged", 1, None)] * 2
    assert all(set(row["metrics"]) >= set(METRICS) and set(row["metrics"].values()) == {None} for row in lost)

    with open(tmp_path / "cells.csv", newline="") as file:
        cells = [line for line in csv.DictReader(file) if line["arm"] != "baseline"]
    assert [(line["status"], line["diverged_step"]) for line in cells] == [("diverged", "1")] * 2
    assert {line[name] for line in cells for name in METRICS} == {""}
    with open(tmp_path / "summary.csv", newline="") as file:
        (arm,) = [line for line in csv.DictReader(file) if line["arm"] != "baseline"]
    assert (arm["n"], arm["diverged"], arm["failed"], arm["mean"]) == ("0", "2", "2", "")
    assert not re.search(r"\bnan\b", (tmp_path / "report.md").read_text(), re.IGNORECASE)
    before = {path.name: path.stat().st_mtime_ns for path in (tmp_path / "cells").iterdir()}
    execute(planned(study(1e30, seeds=2)), tmp_path, retry_failed=True)  # diverged is a result, not a failure
    assert {path.name: path.stat().st_mtime_ns for path in (tmp_path / "cells").iterdir()} == before
    assert len(ablate.load(tmp_path)) == 4
