"""A study under several conditions, trained for real: folders, resuming, stages, reports, the command line."""

import contextlib
import csv
import json
import os
import signal
from pathlib import Path

import pytest

from ablate import choice, load
from ablate import run as run_study
from ablate.report.rows import Conditions, Rows
from ablate.runner import across as runner
from ablate.runner import (
    plan,
    stages,  # noqa: F401  # before anybody replaces what it imports
)
from ablate.runner.execute import execute
from ablate.runner.study_file import study_json
from ablate.study.across import conditions_of
from ablate.study.resolving import resolve

CONFIG = '''
"""Does it hold elsewhere?"""
from ablate import base_config, choice

def get_config():
    cfg = base_config()
    cfg.model = choice("mlp", widths=(8,))
    cfg.seeds = 3
    cfg.train.update(steps=40, eval_every=20, batch_size=32)
    cfg.vary.optimizer = (choice("sgd", learning_rate=0.101), choice("adam", learning_rate=0.003))
    cfg.across = {"data": ("digits", {"label_noise": 0.3}), "batch_size": (16, 64)}
    return cfg
'''


def config():
    scope = {}
    exec(CONFIG, scope)
    return scope["get_config"]()


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    directory = tmp_path_factory.mktemp("across") / "run"
    return run_study(config(), directory)


def contents(directory):
    """Everything but timings."""
    kept = ("report.md", "report.json", "conditions.csv", "report.html", "report.tex")
    return {name: (directory / name).read_bytes() for name in kept}


def test_every_condition_is_a_study_in_its_folder(done):
    assert isinstance(done, Conditions)
    assert list(done) == [one["name"] for one in done.record["conditions"]]
    assert len(done) == 4
    for name, rows in done.items():
        assert rows.study["name"] == f"run: {name}"
        assert rows.study["alpha"] == 0.05 / 4
        assert {row["status"] for row in rows} == {"done"}
        assert (rows.directory / "report.md").exists()
        assert f"One of 4 conditions ({name})" in " ".join(rows.study["warnings"])
    assert done["data=digits × batch_size=16"].study["train"]["batch_size"] == 16
    assert done.studies[0] is done["data=digits × batch_size=16"]
    assert "4 conditions" in repr(done)


def test_a_condition_is_what_the_same_config_gives_by_itself(done, tmp_path):
    cfg = config()
    cfg.across, cfg.train.batch_size = {}, 64
    alone = run_study(cfg, tmp_path)
    metrics = {(row["arm"], row["seed"]): row["metrics"] for row in done["data=digits × batch_size=64"]}
    assert {(row["arm"], row["seed"]): row["metrics"] for row in alone} == metrics


def test_conditions_that_differ_in_the_examples_alone_are_traced_once(monkeypatch):
    traced, trace = [], plan._traced_plan
    monkeypatch.setattr(plan, "_traced_plan", lambda *given: traced.append(given[1].id) or trace(*given))
    spec = resolve(config())
    together = runner.plan_across(spec, name="together").plans
    assert len(traced) == sum(len(one.programs) for one in together) / 2  # of the two sizes of batches
    for condition, one in zip(conditions_of(spec), together, strict=True):
        alone = plan.make_plan(condition.spec, name=one.name, notes=one.notes)
        assert study_json(alone) == study_json(one)
        assert [item.waves for item in alone.programs] == [item.waves for item in one.programs]


def test_the_report_has_all_three_answers(done):
    record = json.loads((done.directory / "report.json").read_text())
    assert record["alpha"] == 0.05
    assert [one["name"] for one in record["conditions"]] == list(done)
    (sgd, adam) = record["arms"]
    assert set(sgd["verdicts"]) == set(done)
    assert [d["level"] for d in adam["departures"]] == ["data=digits", "batch_size=16"]
    assert record["answers"][1]["text"].startswith(f"{adam['verdict']} on average")
    assert "of 4 conditions" in record["answers"][1]["text"]
    table = list(csv.DictReader((done.directory / "conditions.csv").read_text(encoding="utf-8").splitlines()))
    assert len(table) == 4 * 3
    assert {(line["data"], line["batch_size"]) for line in table} == {
        (data, size) for data in ("data=digits", "data(label_noise=0.3)") for size in ("batch_size=16", "batch_size=64")
    }


def test_numbers_are_those_of_the_single_studies(done):
    record = json.loads((done.directory / "report.json").read_text())
    for one in record["conditions"]:
        own = json.loads((done.directory / one["folder"] / "report.json").read_text())
        assert one["arms"] == own["arms"]


def test_the_same_call_again_trains_nothing_and_writes_the_same(done, monkeypatch):
    before = contents(done.directory)
    monkeypatch.setattr("ablate.runner.engines.local.run_wave", pytest.fail)
    run_study(config(), done.directory)
    assert contents(done.directory) == before


def test_loading_and_reporting_again(done, ablate):
    assert list(load(done.directory)) == list(done)
    before = contents(done.directory)
    code, out, _ = ablate("report", done.directory)
    assert code == 0
    assert "under 4 conditions" in out
    assert contents(done.directory) == before
    code, _, err = ablate("report", done.directory, done.studies[0].directory)
    assert (code, "holds several studies" in err) == (2, True)
    code, _, err = ablate("predict", done.directory, "--arm=baseline")
    assert (code, "give the folder of one" in err) == (2, True)


def test_status_of_all_conditions(done, ablate):
    code, out, _ = ablate("status", done.directory)
    assert code == 0
    assert out.count("finished; 9 done") == 4
    code, out, _ = ablate("status", done.directory, "--json")
    assert {state["state"] for state in json.loads(out)["conditions"].values()} == {"finished"}


@pytest.fixture
def experiment(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "elsewhere.py").write_text(CONFIG)
    return "elsewhere.py"


def test_the_plan_of_all_conditions(experiment, ablate):
    code, out, _ = ablate("plan", f"--config={experiment}")
    assert code == 0
    assert "4 conditions: 36 cells" in out
    code, out, _ = ablate("plan", f"--config={experiment}", "--json")
    assert len(json.loads(out)["conditions"]) == 4


def test_problems_of_all_conditions_at_once(experiment, ablate):
    code, _, err = ablate("run", f"--config={experiment}", "--config.across.batch_size=(16,5000)")
    assert code == 2
    assert err.count("train.batch_size: 5000 is more than") == 2
    assert "across, data=digits × batch_size=5000:" in err


def test_a_signal_between_conditions_and_the_same_command_again(experiment, ablate, tmp_path, monkeypatch):
    def killed_after_one(plan, directory, **how):
        rows = execute(plan, directory, **how)
        os.kill(os.getpid(), signal.SIGTERM)
        return rows

    monkeypatch.setattr("ablate.runner.execute.execute", killed_after_one)
    code, _, err = ablate("run", f"--config={experiment}", "--workdir=out")
    assert (code, "the same command continues" in err) == (75, True)
    _, out, _ = ablate("status", "out")
    assert (out.count("9 done"), out.count("not started")) == (1, 3)
    monkeypatch.undo()
    monkeypatch.chdir(tmp_path)
    code, out, err = ablate("run", f"--config={experiment}", "--workdir=out")
    assert code == 0
    assert "condition 4 of 4" in err
    assert "36 of 36 cells done under 4 conditions" in out


def test_a_single_study_in_the_same_directory_is_one_from_then_on(experiment, ablate):
    words = ("run", f"--config={experiment}", "--workdir=out", "--config.seeds=1", "--config.train.steps=4")
    assert ablate(*words)[0] == 0
    code, _, err = ablate(*words, "--config.across={}")
    assert (code, "held a study under several conditions" in err) == (0, True)
    assert isinstance(load("out"), Rows)
    _, out, _ = ablate("status", "out")
    assert out.startswith("out: finished")
    assert ablate(*words)[0] == 0
    assert isinstance(load("out"), Conditions)


def test_interim_reports_have_no_verdicts(tmp_path):
    planned = runner.plan_across(resolve(config()), name="half")
    seen = []

    def one(plan, directory):
        if len(seen) == 2:
            raise RuntimeError("killed")
        seen.append(directory)
        return execute(plan, directory)

    with pytest.raises(RuntimeError, match="killed"):
        runner.run_across(planned, tmp_path, one)
    record = json.loads((tmp_path / "report.json").read_text())
    assert record["headline"].startswith("Interim: 2 of 4 conditions have ended")
    assert (record["answers"], record["arms"]) == ([], [])
    assert "dependence" not in record["sections"]
    assert "average" not in record["sections"]


def test_a_changed_config_starts_over_and_says_so(experiment, ablate, monkeypatch):
    words = ("run", f"--config={experiment}", "--workdir=out", "--config.seeds=1", "--config.across.data=('digits',)")
    assert ablate(*words)[0] == 0

    def killed(plan, directory, **how):
        rows = execute(plan, directory, **how)
        os.kill(os.getpid(), signal.SIGTERM)
        return rows

    # Other numbers under the same names of arms and conditions: what is there is of another plan.
    with monkeypatch.context() as patch:
        patch.setattr("ablate.runner.execute.execute", killed)
        assert ablate(*words, "--config.recipe.optimizer.learning_rate=0.2")[0] == 75
    record = json.loads(Path("out/report.json").read_text())
    assert record["headline"].startswith("Interim: 0 of 2 conditions have ended")
    assert [len(one["arms"]) for one in record["conditions"]] == [0, 0]
    # The rows of before are still there, but they are no longer what was run last.
    assert ablate(*words)[0] == 0
    assert json.loads(Path("out/report.json").read_text())["headline"].startswith("Of 2 arms under 2 conditions")


def test_running_again_until_decided_takes_nothing_back(experiment, ablate, monkeypatch):
    flags = ("--workdir=out", "--until-decided", "--max-seeds=4", "--config.across.data=('digits',)")
    assert ablate("run", f"--config={experiment}", *flags)[0] == 0
    before = Path("out/report.json").read_text()
    seeds = [rows.study["seeds"] for rows in load("out").studies]
    monkeypatch.setattr("ablate.runner.stages.execute", lambda *given, **how: os.kill(os.getpid(), signal.SIGTERM))
    monkeypatch.setattr("ablate.runner.stages.tabulate", lambda *given, **how: pytest.fail("went on"))
    with contextlib.suppress(Exception):
        ablate("run", f"--config={experiment}", *flags)
    assert [rows.study["seeds"] for rows in load("out").studies] == seeds
    assert json.loads(Path("out/report.json").read_text())["headline"] == json.loads(before)["headline"]


def test_other_commands_leave_such_a_directory_alone(done, ablate, experiment, tmp_path):
    code, _, err = ablate("variance", f"--config={experiment}", f"--workdir={done.directory}")
    assert (code, "holds a study under several conditions" in err) == (2, True)
    code, _, err = ablate("report", done.directory, "--out=elsewhere")
    assert (code, "--out: is for a comparison" in err) == (2, True)
    (tmp_path / "runs.csv").write_text("arm,seed,x\nbaseline,0,1\nbaseline,1,2\na,0,2\na,1,3\n")
    words = ("verdict", "runs.csv", "--arm=arm", "--seed=seed", "--metric=x", f"--workdir={done.directory}")
    code, _, err = ablate(*words)
    assert (code, "holds a study under several conditions" in err) == (2, True)


def test_stages_until_decided(experiment, ablate):
    flags = ("--workdir=out", "--until-decided", "--max-seeds=4", "--config.across.data=('digits',)")
    code, out, err = ablate("run", f"--config={experiment}", *flags)
    assert code == 0
    assert "condition 2 of 2" in err
    assert "seeds:" in err
    assert "under 2 conditions" in out


def test_commands_about_one_study_leave_the_conditions_out(experiment, ablate, tmp_path):
    code, _, err = ablate("probe", f"--config={experiment}", f"--workdir={tmp_path / 'probe'}")
    assert (code, "across: left out" in err) == (0, True)


def test_the_check_covers_every_condition(experiment, ablate):
    code, out, _ = ablate("check", f"--config={experiment}", "--config.across.data=('digits',)")
    assert code in (0, 1)
    assert "elsewhere: data=digits × batch_size=64" in out


def test_arms_that_train_and_fail_are_counted(tmp_path):
    cfg = config()
    cfg.across = {"batch_size": (16, 64)}
    cfg.vary.optimizer = (choice("sgd", learning_rate=1e30),)
    found = run_study(cfg, tmp_path)
    record = json.loads((tmp_path / "report.json").read_text())
    assert "6 diverged or collapsed" in record["status"]
    assert record["arms"][0]["departures"][0]["p"] is None
    assert {row["status"] for rows in found.studies for row in rows if row["arm"] != "baseline"} == {"diverged"}
