"""`ablate plan` of a directory that has rows, and for a cluster that is not there."""

import json
import sys
from pathlib import Path

import pytest

from ablate.cli.main import main
from ablate.runner import estimate
from tests.shell import said

CONFIG = '''
"""How long would it take?"""
from ablate import base_config, choice

def get_config(sizes=""):
    cfg = base_config()
    cfg.model = choice("mlp", widths=(8,))
    cfg.seeds = 2
    cfg.train.update(steps=4, eval_every=2, batch_size=16, lanes=1)
    cfg.vary.norm = ("layer",)
    cfg.vary.clip = (choice("value", max=1.0),)
    if sizes:
        cfg.across = {"batch_size": (8, 16)}
    return cfg
'''


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A folder with the experiment and its results."""
    folder = tmp_path_factory.mktemp("ahead")
    (folder / "ahead.py").write_text(CONFIG, encoding="utf-8")
    assert main(["run", f"--config={folder / 'ahead.py'}", f"--workdir={folder / 'results' / 'ahead'}"]) == 0
    return folder


@pytest.fixture(autouse=True)
def _here(trained, monkeypatch):
    monkeypatch.chdir(trained)
    monkeypatch.setattr(estimate, "_matrix_rate", lambda: 1e9)
    monkeypatch.setitem(sys.modules, "ray", None)  # whoever imports it fails


@pytest.fixture
def plan(ablate):
    """The JSON of a plan."""

    def call(*words):
        code, out, err = ablate("plan", "--config=ahead.py", "--json", *words)
        assert (code, said(err)) == (0, [])
        return json.loads(out)

    return call


def test_stored_cells_are_counted_and_take_no_time(plan, ablate):
    cells, done, more = 6, plan(), plan("--config.seeds=5")
    assert done["reuse"] == {"directory": "results/ahead", "stored": cells, "failed": 0, "to_train": 0}
    assert done["estimate"]["seconds"] == 0
    assert (more["reuse"]["stored"], more["reuse"]["to_train"]) == (6, 9)
    assert 0 < more["estimate"]["seconds"] < plan("--config.seeds=5", "--workdir=elsewhere")["estimate"]["seconds"]
    assert not Path("elsewhere").exists()
    _, out, _ = ablate("plan", "--config=ahead.py")
    assert "results/ahead: 6 stored, used again; 0 to train" in out
    assert "nothing is left to train" in out
    _, out, _ = ablate("plan", "--config=ahead.py", "--config.seeds=5")
    assert "results/ahead: 6 stored, used again; 9 to train: 9 new" in out
    _, out, _ = ablate("plan", "--config=ahead.py", "--config.train.steps=6")
    assert "because train.steps was 4" in out


def test_a_damaged_row_stays_where_it_is(plan):
    path = next(Path("results/ahead/cells").glob("*.json"))
    text = path.read_text()
    try:
        path.write_text(text[: len(text) // 2])
        before = sorted(path.parent.iterdir())
        assert plan()["reuse"]["stored"] == 5
        assert sorted(path.parent.iterdir()) == before
    finally:
        path.write_text(text)


def test_which_cells_are_stored_is_not_said_before_numbers_are_tuned(plan):
    found = plan("--config.tune.grid.optimizer.learning_rate=(0.01,0.1)")
    assert (found["reuse"], found["tuning_cells"] > 0) == (None, True)


def test_a_cluster_is_simulated_with_times_of_stored_rows(plan):
    found = plan("--engine=ray", "--nodes=2", "--devices=1", "--config.seeds=4")["simulation"]
    rates = [row["costs"]["steps_per_second"] for row in map(json.loads, map(Path.read_text, rows()))]
    assert all(rates)
    assert (found["platform"], found["workers"], found["devices_per_worker"]) == ("cpu", 2, 1)
    assert (found["waves"], found["measured_waves"], found["measured_share"]) == (6, 6, 1.0)
    assert [(row["nodes"], row["workers"]) for row in found["table"]] == [(1, 1), (2, 2), (4, 4)]
    one, two, four = (row["makespan_seconds"] for row in found["table"])
    assert min(one, two, four) > 0  # how they compare is a matter of what compiling took
    assert found["makespan_seconds"] == two


def rows():
    return sorted(Path("results/ahead/cells").glob("*.json"))


def test_waves_are_those_of_the_cluster(plan):
    found = plan("--engine=ray", "--nodes=3", "--devices=8", "--platform=gpu", "--workdir=elsewhere")
    assert {(program["devices"], program["strategy"]) for program in found["programs"]} == {(1, "scan")}
    simulated = found["simulation"]
    assert (simulated["workers"], simulated["waves"], simulated["measured_waves"]) == (24, 6, 0)
    assert simulated["enough_workers"] <= 6
    many = plan("--engine=ray", "--devices=3", "--platform=tpu", "--workdir=elsewhere")
    assert {(program["devices"], program["lanes"]) for program in many["programs"]} >= {(3, 3)}
    assert (many["simulation"]["workers"], many["simulation"]["waves"]) == (1, 3)


def test_what_is_printed_of_a_cluster(ablate):
    words = ("plan", "--config=ahead.py", "--engine=ray", "--nodes=3", "--devices=4")
    code, out, _ = ablate(*words, "--platform=gpu")
    assert code == 0
    assert "3 nodes with 4 gpu devices each: 12 workers with 1 device each, for 6 waves" not in out  # all are stored
    assert "nothing is left to train" in out
    code, out, _ = ablate(*words, "--platform=gpu", "--config.seeds=4")
    assert "3 nodes with 4 gpu devices each: 12 workers with 1 device each, for 6 waves" in out
    assert "all times are estimated within a factor of 3, at the rate of this machine" in out
    assert "a smaller train.lanes makes more waves" in out
    code, out, _ = ablate(*words, "--config.seeds=4")
    assert "3 nodes with 4 cpu devices each: 3 workers with 4 devices each, for " in out
    assert "all times are those of stored rows; the start of workers is not counted" in out


def test_conditions_run_one_after_the_other(ablate):
    code, out, _ = ablate("plan", "--config=ahead.py:sizes", "--engine=ray", "--nodes=2", "--workdir=elsewhere")
    assert code == 0
    assert out.count("2 nodes with 2 cpu devices each: 2 workers with 2 devices each") == 2
    assert out.splitlines()[-1].startswith("2 conditions: 12 cells, about ")
    assert out.splitlines()[-1].endswith(" in all on the cluster")


@pytest.mark.parametrize(
    ("words", "problems"),
    [
        (["--nodes=2", "--platform=gpu"], ["--nodes: goes with --engine=ray", "--platform: goes with --engine=ray"]),
        (["--devices=2"], ["--devices: goes with --engine=ray"]),
        (
            ["--engine=ray", "--nodes=0", "--devices=-1"],
            ["--nodes: expected 1 or more, got 0", "--devices: expected 1 or more, got -1"],
        ),
        (
            ["--engine=ray", "--platform=gpu"],
            ["--devices: say how many a node has; this machine has no gpu to count"],
        ),
    ],
)
def test_flags_that_clash(ablate, words, problems):
    code, out, err = ablate("plan", "--config=ahead.py", *words)
    assert (code, out) == (2, "")
    assert said(err) == [f"ablate: {problem}" for problem in problems]
