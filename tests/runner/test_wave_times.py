"""Times of the waves that are left: by rows of the same program or the same work, else as the estimate has them."""

import pytest

from ablate import base_config, choice, run
from ablate.results.files import write_json
from ablate.results.store import Store
from ablate.runner import estimate as module
from ablate.runner.estimate import CELL_SECONDS, estimate, with_evaluation
from ablate.runner.place import Place
from ablate.runner.plan import make_plan
from ablate.runner.wave_times import rows_of_time, wave_times
from ablate.study.resolving import resolve

from ..study.studies import study_of

SMALL = {"model__widths": (8,), "train__eval_every": 10, "train__lanes": 1}
PLACE = Place("cpu", "cpu", 2)
VARY = {"norm": "layer", "optimizer": choice("sgd", learning_rate=0.2)}


@pytest.fixture(autouse=True)
def rate(monkeypatch):
    monkeypatch.setattr(module, "_matrix_rate", lambda: 1e9)


def planned(steps=20, vary=VARY, seeds=4, place=PLACE):
    return make_plan(study_of(vary, {}, seeds=seeds, train__steps=steps, **SMALL), name="timed", place=place)


@pytest.fixture(scope="module")
def plan():
    return planned()


def row_of(plan, cell, **costs):
    """A stored row: 100 steps per second of two lanes on two devices."""
    program = next(item.program.id for item in plan.programs if cell.name in item.inputs)
    known = {"steps": 20, "program": program, "lanes": 2, "devices": 2, "steps_per_second": 100.0}
    return {
        "cell": cell.name, "arm": cell.arm.name, "seed": cell.seed, "identity": dict(cell.identity), "status": "done",
        "metrics": {}, "curves": {}, "error": None, "costs": {**known, "compile_seconds": 1.5, **costs},
    }  # fmt: skip


def expected(item, *, rate=100.0, steps=20, cells=2):
    return cells * CELL_SECONDS + steps * with_evaluation(item) / rate


def test_a_wave_takes_what_rows_of_its_program_took(plan):
    shared, layer = plan.programs
    times = [*wave_times(plan, (), [row_of(plan, shared.program.lanes[0].cell)])]
    assert [time.program for time in times] == [item.program.id for item in plan.programs for _ in item.waves]
    assert [time.measured for time in times] == [True] * 4 + [False] * 2
    assert times[0].seconds == pytest.approx(expected(shared))
    assert times[0].compile_seconds == 1.5
    estimated = sum(time.seconds for time in times if not time.measured) + times[-1].compile_seconds
    assert estimated == pytest.approx(estimate(plan)["programs"][layer.program.id], abs=0.06)


def test_the_seconds_of_a_whole_wave_count_where_it_had_as_many_steps(plan):
    item = plan.programs[0]
    row = row_of(plan, item.program.lanes[0].cell, train_seconds=0.2, wave_seconds=0.5)
    times = [*wave_times(plan, (), [row])]
    assert times[0].seconds == pytest.approx(0.5)
    long = planned(steps=600)
    assert next(wave_times(long, (), [row])).seconds == pytest.approx(expected(long.programs[0], steps=600))


def test_of_several_rows_the_median_counts(plan):
    cells = [lane.cell for lane in plan.programs[0].program.lanes[:3]]
    rows = [row_of(plan, cell, steps_per_second=each) for cell, each in zip(cells, (100.0, 1.0, 120.0), strict=True)]
    assert next(wave_times(plan, (), rows)).seconds == pytest.approx(expected(plan.programs[0]))


def test_more_lanes_on_a_device_take_longer(plan):
    item = plan.programs[0]
    row = row_of(plan, item.program.lanes[0].cell, lanes=8)  # four times as many on each device
    assert next(wave_times(plan, (), [row])).seconds == pytest.approx(expected(item, rate=400.0))
    one = planned(place=PLACE._replace(devices=1))
    row = row_of(one, one.programs[0].program.lanes[0].cell)
    assert next(wave_times(one, (), [row])).seconds == pytest.approx(expected(one.programs[0], cells=1))


def test_stored_cells_take_no_time(plan):
    names = [lane.cell.name for lane in plan.programs[0].program.lanes]
    assert {time.program for time in wave_times(plan, names, [])} == {plan.programs[1].program.id}
    assert len([*wave_times(plan, names[:5], [])]) == 2 + 2  # three cells of the eight
    assert [*wave_times(plan, [cell.name for cell in plan.cells], [])] == []
    left = estimate(plan, kept=names)
    assert left["programs"][plan.programs[0].program.id] == 0
    assert left["seconds"] == pytest.approx(estimate(plan)["programs"][plan.programs[1].program.id], abs=0.06)


def test_a_short_study_tells_the_time_of_a_long_one(plan):
    long = planned(steps=600)
    assert not {item.program.id for item in plan.programs} & {item.program.id for item in long.programs}
    times = [*wave_times(long, (), [row_of(plan, plan.programs[1].program.lanes[0].cell)])]
    assert [time.measured for time in times] == [False] * 4 + [True] * 2
    assert times[-1].seconds == pytest.approx(expected(long.programs[1], steps=600))


def test_an_arm_that_came_takes_no_time_from_the_others(plan):
    more = planned(vary={**VARY, "dropout": choice("dropout", rate=0.3), "loss": choice("focal", gamma=2.0)})
    rows = [row_of(plan, plan.cells[0])]
    programs = {time.program: time.measured for time in wave_times(more, (), rows)}
    assert programs[next(item.program.id for item in more.programs if plan.cells[0].name in item.inputs)]


def test_an_arm_that_stopped_early_is_expected_to_stop_again(plan):
    row = row_of(plan, plan.programs[0].program.lanes[0].cell, steps=10)
    assert next(wave_times(plan, (), [row])).seconds == pytest.approx(expected(plan.programs[0], steps=10))


@pytest.mark.parametrize(
    "spoilt", [{"status": "failed"}, {"costs": {}}, {"costs": {"steps_per_second": None, "lanes": 2, "devices": 2}}]
)
def test_rows_that_tell_no_time_are_left_out(plan, spoilt):
    row = {**row_of(plan, plan.cells[0]), **spoilt}
    assert not any(time.measured for time in wave_times(plan, (), [row]))


def test_rows_without_an_identity_speak_for_their_program_alone(plan):
    row = {**row_of(plan, plan.cells[0]), "identity": {}}
    assert next(wave_times(plan, (), [row])).seconds == pytest.approx(expected(plan.programs[0]))
    row["costs"] = {**row["costs"], "program": "another"}
    assert not any(time.measured for time in wave_times(plan, (), [row]))


def test_rows_of_another_platform_say_nothing(plan, tmp_path):
    Store(tmp_path).write(row_of(plan, plan.cells[0]))
    Store(tmp_path / "tuning").write(row_of(plan, plan.cells[1]))
    (tmp_path / "cells" / "damaged.json").write_text("{")
    assert len(rows_of_time(tmp_path, "cpu")) == 2
    write_json(tmp_path / "environment.json", {"devices": ["gpu:0 NVIDIA A100-SXM4-80GB"]})
    assert len(rows_of_time(tmp_path, "gpu")) == 2
    assert rows_of_time(tmp_path, "cpu") == []
    assert rows_of_time(tmp_path / "nowhere", "cpu") == []
    assert (tmp_path / "cells" / "damaged.json").exists()


def test_what_training_writes_is_what_a_plan_reads(tmp_path):
    cfg = base_config()
    cfg.model = choice("mlp", widths=(8,))
    cfg.train.update(steps=20, eval_every=10, batch_size=32, lanes=1)
    cfg.vary.target = (choice("smooth_labels", alpha=0.1),)
    cfg.seeds = 2
    rows = run(cfg, tmp_path)
    costs = [row["costs"] for row in rows]
    assert all(each["wave_seconds"] >= each["train_seconds"] > 0 for each in costs)
    times = [*wave_times(make_plan(resolve(cfg), name="timed"), (), rows_of_time(tmp_path, "cpu"))]
    assert all(time.measured for time in times)
    ratios = sorted(each["wave_seconds"] / each["train_seconds"] for each in costs)
    per_step = sorted(1 / each["steps_per_second"] for each in costs)
    low, high = 20 * per_step[0] * ratios[0], 20 * per_step[-1] * ratios[-1]
    assert all(low * (1 - 1e-9) <= time.seconds <= high * (1 + 1e-9) for time in times)
