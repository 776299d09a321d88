"""What other shells see of a run before it has a study, and that nothing of it stays where there is none."""

import os

import pytest

from ablate.cli.main import main
from ablate.results.files import read_json, write_json
from ablate.results.store import InUseError, locked
from ablate.runner.reporting import write_reports
from ablate.runner.starting import starting
from tests.shell import ROOT, ablate, jax_as_it_was, running, wait_until

SMALL = """
from ablate import base_config, choice

def get_config():
    cfg = base_config()
    cfg.model = choice("mlp", widths=(4,))
    cfg.vary.norm = ("batch",)
    cfg.train.update(steps=2, eval_every=2)
    cfg.seeds = 2
    return cfg
"""


def test_it_says_that_it_starts_and_takes_all_away(tmp_path):
    with starting(tmp_path / "new" / "run"):
        progress = read_json(tmp_path / "new" / "run" / "progress.json")
        assert (progress["state"], progress["pid"]) == ("starting", os.getpid())
    assert not (tmp_path / "new").exists()


def test_what_was_there_is_put_back(tmp_path):
    before = {"state": "finished", "sessions": 3, "pid": 1}
    write_json(tmp_path / "progress.json", before)
    with starting(tmp_path):
        assert read_json(tmp_path / "progress.json")["sessions"] == 3
    assert read_json(tmp_path / "progress.json") == before


def test_a_run_that_came_to_be_keeps_its_own_record(tmp_path):
    with starting(tmp_path):
        write_json(tmp_path / "progress.json", {"state": "finished", "pid": os.getpid()})
        (tmp_path / "study.json").write_text("{}")
    assert read_json(tmp_path / "progress.json")["state"] == "finished"
    assert (tmp_path / "study.json").exists()


def test_a_directory_in_use_is_left_alone(tmp_path):
    write_json(tmp_path / "progress.json", {"state": "running", "pid": 1})
    with locked(tmp_path), pytest.raises(InUseError), starting(tmp_path):
        pass
    assert read_json(tmp_path / "progress.json") == {"state": "running", "pid": 1}


def test_a_config_that_is_refused_leaves_no_folder(tmp_path, capsys):
    (tmp_path / "wrong.py").write_text("from ablate import base_config as get_config")
    with jax_as_it_was():
        assert main(["run", f"--config={tmp_path / 'wrong.py'}", f"--workdir={tmp_path / 'run'}"]) == 2
    err = capsys.readouterr().err.splitlines()
    assert err[0] == f"ablate: results go to {tmp_path / 'run'}; reads the config and plans"
    assert err[1].startswith("ablate: vary: empty")
    assert not (tmp_path / "run").exists()


def test_status_from_the_first_moment_on(tmp_path):
    (tmp_path / "slow.py").write_text("import time\ntime.sleep(60)\n")
    run = tmp_path / "run"
    with running("run", f"--config={tmp_path / 'slow.py'}", f"--workdir={run}", folder=ROOT) as process:
        wait_until(lambda: (run / "progress.json").exists(), process)
        status = ablate("status", run)
        assert (status.returncode, status.stdout.splitlines()[0]) == (0, f"{run}: starting")
        process.kill()
        process.wait()
        assert ablate("status", run).returncode == 2  # what was killed there starts no more


def test_the_page_of_a_killed_run_waits_for_nothing(tmp_path):
    (tmp_path / "small.py").write_text(SMALL)
    with jax_as_it_was():
        assert main(["run", f"--config={tmp_path / 'small.py'}", f"--workdir={tmp_path / 'run'}"]) == 0
    run = tmp_path / "run"
    next((run / "cells").iterdir()).unlink()
    for pid, refreshes in ((os.getpid(), True), (2**22 + 1, False)):  # beyond the numbers that Linux gives
        write_json(run / "progress.json", {**read_json(run / "progress.json"), "state": "running", "pid": pid})
        write_reports(run)
        assert ('<meta http-equiv="refresh"' in (run / "report.html").read_text(encoding="utf-8")) == refreshes
