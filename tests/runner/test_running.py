"""What a run promises around training: late divergence, honest re-use, status while tuning, reports before timing."""

import json

import pytest

import ablate
from ablate import report
from ablate.cli.main import main
from ablate.results.files import StorageError, read_json, write_json
from ablate.runner import reporting
from ablate.runner.environment import differences, environment
from ablate.runner.execute import execute
from ablate.runner.interrupts import Interrupted
from ablate.runner.plan import make_plan
from ablate.study.resolving import resolve


def config(**optimizer):
    cfg = ablate.base_config()
    cfg.model = ablate.choice("mlp", widths=(8,))
    cfg.recipe.optimizer = ablate.choice("sgd", **{"learning_rate": 0.1, **optimizer})
    cfg.vary.norm = (ablate.choice("batch"),)
    cfg.seeds = 2
    cfg.train.steps = 4
    cfg.train.batch_size = 32
    return cfg


def test_a_lane_whose_last_update_ruins_it_has_diverged(tmp_path):
    cfg = config(learning_rate=1e19)
    cfg.train.steps = 1
    rows = ablate.run(cfg, tmp_path)
    ruined = [row for row in rows if row["arm"] == "baseline"]
    assert [row["status"] for row in ruined] == ["diverged", "diverged"]
    assert all(row["diverged_step"] == 1 for row in ruined)
    assert all(value is None for row in ruined for value in row["metrics"].values())


def test_a_changed_environment_is_told_where_old_cells_are_used_again(tmp_path):
    assert differences(environment(), environment()) == []
    ablate.run(config(), tmp_path)
    earlier = read_json(tmp_path / "environment.json")
    write_json(tmp_path / "environment.json", {**earlier, "versions": {**earlier["versions"], "jax": "0.1.0"}})
    ablate.run(config(), tmp_path)
    (changed,) = read_json(tmp_path / "environment.json")["differs"]
    assert changed == f"trained with jax 0.1.0, now {earlier['versions']['jax']}"
    assert f"used again, {changed}: last digits may differ" in (tmp_path / "report.md").read_text()


def test_status_works_while_a_study_tunes(tmp_path, monkeypatch, capsys):
    cfg = config()
    cfg.tune.grid = {"optimizer": {"learning_rate": (0.05, 0.1)}}
    monkeypatch.setattr(
        "ablate.runner.execute.choose_arms", lambda *_: (_ for _ in ()).throw(StorageError(28, "disk full", "x"))
    )
    with pytest.raises(Interrupted, match="disk full"):
        ablate.run(cfg, tmp_path)
    assert main(["status", str(tmp_path), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["cells"] == {"done": 12}
    assert found["state"] == "interrupted"


def test_a_study_is_reported_before_its_arms_are_timed(tmp_path, monkeypatch):
    plan = make_plan(resolve(config()), name="x")
    monkeypatch.setattr("ablate.runner.costs.seconds_per_step", lambda plan, between: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        execute(plan, tmp_path, measure=True)
    assert (tmp_path / "report.md").exists()
    assert read_json(tmp_path / "progress.json")["state"] == "finished"


def test_an_unknown_strategy_is_a_problem_of_the_call():
    with pytest.raises(ablate.ConfigError, match="did you mean 'scan'"):
        make_plan(resolve(config()), name="x", strategy="scna")


def test_reports_made_of_the_same_rows_are_left_alone(tmp_path, monkeypatch):
    cfg = ablate.base_config()
    cfg.model = ablate.choice("mlp", widths=(4,))
    cfg.vary.norm = ("layer",)
    cfg.seeds = 1
    cfg.train.update(steps=4, eval_every=2, batch_size=32)
    ablate.run(cfg, tmp_path)
    written = []
    write = report.write_report

    def noted(*given, **how):
        written.append(given[0])
        return write(*given, **how)

    monkeypatch.setattr("ablate.report.write_report", noted)
    ablate.run(cfg, tmp_path)
    assert written == []
    (tmp_path / "figures" / "forest.png").unlink()  # what is not there is written again, and so is what is asked for
    ablate.run(cfg, tmp_path)
    assert (written, (tmp_path / "figures" / "forest.png").exists()) == ([tmp_path], True)
    reporting.write_reports(tmp_path)
    assert len(written) == 2
    cfg.seeds = 2
    ablate.run(cfg, tmp_path)
    assert len(written) == 3


def test_the_evaluation_before_the_first_step_reads_one_batch(tmp_path):
    cfg = ablate.base_config()
    cfg.model = ablate.choice("mlp", widths=(4,))
    cfg.vary.norm = ("layer",)
    cfg.seeds = 1
    cfg.train.update(steps=2, eval_every=2, batch_size=32, eval_batch_size=50)
    rows = ablate.run(cfg, tmp_path)
    for row in rows:
        first, last = row["curves"]["val_accuracy"]
        assert round(first * 50, 3) == round(first * 50)  # of 50 examples
        assert round(last * 202, 3) == round(last * 202)  # of all
