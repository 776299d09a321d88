"""A study on a cluster whose workers, nodes and driver come to harm ends with the tables of one machine."""

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from ablate.results.files import read_json
from tests.cluster.machines import CELLS, frozen, processes, workers
from tests.shell import ROOT, ablate, ended, environment, running, send, statuses, tables, wait_until


@pytest.fixture
def words(machines, experiment, tmp_path) -> list[str]:
    """The command line of the study."""
    return machines.run("run", f"--config={experiment}", f"--workdir={tmp_path / 'run'}")


def units(run: Path) -> list[dict]:
    """What progress.json says of every node."""
    return (read_json(run / "progress.json") or {}).get("nodes") or []


def trains(run: Path, *, step: int = 1, nodes: int = 1) -> bool:
    """Whether so many nodes have come so far, and left a checkpoint."""
    far = {each["node"] for each in units(run) if each["step"] >= step}
    return len(far) >= nodes and any(run.glob("checkpoints/*/*/*/_CHECKPOINT_METADATA"))


def is_whole(run: Path, undisturbed: Path) -> None:
    """The tables of one machine, and nothing left over."""
    assert statuses(run) == ["done"] * CELLS
    assert tables(run) == tables(undisturbed)
    assert not (run / "checkpoints").exists()
    assert units(run) == []


def test_two_nodes_give_the_tables_of_one_machine(words, undisturbed, tmp_path):
    run = tmp_path / "run"
    with running(*words) as process:
        wait_until(lambda: len({each["node"] for each in units(run)}) == 2, process)
        told = ablate("status", run).stdout
        code, errors = ended(process)
    assert code == 0, errors
    is_whole(run, undisturbed)
    assert len(re.findall(r"^\S+:\d+: [24] cells of program \w{8}, step \d+ of 60000$", told, re.M)) == 2, told
    assert "lost" not in errors


def test_a_worker_that_is_killed_costs_no_more_than_time(words, undisturbed, tmp_path):
    run = tmp_path / "run"
    with running(*words) as process:
        wait_until(lambda: trains(run, step=500), process)
        (node, *_) = [each["node"] for each in units(run)]
        os.kill(int(node.rpartition(":")[2]), signal.SIGKILL)
        code, errors = ended(process)
    assert code == 0, errors
    assert f"ablate: lost {node}: its process or its node is gone" in errors
    is_whole(run, undisturbed)


@pytest.mark.parametrize("happens", ["loses its power", "freezes"])
def test_a_node_that_is_gone_costs_no_more_than_time(machines, words, undisturbed, tmp_path, happens):
    run = tmp_path / "run"
    with running(*words) as process:
        wait_until(lambda: trains(run), process)
        least = min(units(run), key=lambda each: each["step"])  # so that it is far from its end
        node = machines.of(int(least["node"].rpartition(":")[2]))
        with frozen(node) if happens == "freezes" else machines.without(node):
            code, errors = ended(process)
    assert code == 0, errors
    assert f"ablate: lost {least['node']}: its process or its node is gone" in errors
    is_whole(run, undisturbed)
    machines.replace(node)


def test_stopped_killed_and_ended_on_one_machine_it_has_the_same_tables(machines, words, undisturbed, tmp_path):
    run = tmp_path / "run"
    with running(*words) as process:
        wait_until(lambda: trains(run, nodes=2), process)
        send(process, signal.SIGINT)
        code, errors = ended(process)
    assert code == 75, errors
    assert "interrupted; the same command continues" in errors
    assert "Traceback" not in errors
    assert "lost" not in errors
    assert any(run.glob("checkpoints/*/*/*/_CHECKPOINT_METADATA"))
    assert "pending" in statuses(run)

    with running(*words) as process:
        wait_until(lambda: trains(run, step=10000), process)
        send(process, signal.SIGKILL)
        ended(process)
    wait_until(lambda: workers() == [])
    assert "pending" in statuses(run)

    last = ablate(*(word for word in words if not word.startswith(("--engine", "--address", "--devices"))))
    assert last.returncode == 0, last.stderr
    is_whole(run, undisturbed)


HOLDING = """
import sys, time, ray
ray.init(sys.argv[1], log_to_driver=False)

@ray.remote(num_cpus=1)
class Holding:
    def held(self):
        return True

others = [Holding.remote() for _ in range(2)]
ray.get([other.held.remote() for other in others])
print("held", flush=True)
time.sleep(600)
"""
ASKING = """
import sys
from ablate.runner.engines.ray_engine import RayEngine
from ablate.study.problems import ConfigError
try:
    RayEngine(sys.argv[1], 2, patience=3.0)
except ConfigError as error:
    print(*error.problems, sep="\\n")
"""


def test_where_nothing_is_free_one_line_says_so(machines):
    def python(text: str) -> subprocess.Popen[str]:
        words = [sys.executable, "-c", text, machines.address]
        return subprocess.Popen(words, stdout=subprocess.PIPE, cwd=ROOT, env=environment(), text=True)

    with python(HOLDING) as holding:
        try:
            assert holding.stdout.readline() == "held\n"
            with python(ASKING) as asking:
                said, _ = asking.communicate(timeout=60)
        finally:
            holding.kill()
    assert said == (
        "--engine=ray: no worker said hello within 3 s: each takes 1 core of a node, which others may use, or is slow "
        "to start (--patience); there are 3 nodes with 2 cores\n"
    )
    wait_until(lambda: not any("Holding" in line for line in processes()))


def test_without_an_address_a_cluster_comes_and_goes(experiment, tmp_path):
    before = {line.split()[0] for line in processes()}
    words = ["run", f"--config={experiment}", f"--workdir={tmp_path}", "--config.train.steps=50", "--engine=ray"]
    done = ablate(*words)
    assert done.returncode == 0, done.stderr
    assert statuses(tmp_path) == ["done"] * CELLS
    wait_until(lambda: {line.split()[0] for line in processes()} <= before)
