"""Two processes that run as one on this machine, one device each, give the tables of one process with two devices."""

import contextlib
import dataclasses
import errno
import signal
import socket
import subprocess
import sys
import time
from collections import deque
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from unittest.mock import Mock

import jax
import pytest

import ablate as package
from ablate.cli.main import main
from ablate.data import DataSet
from ablate.results.files import StorageError, read_json
from ablate.runner.engines.hosts import End, HostCheckpoints, HostsEngine, follow
from ablate.runner.hosts import LOOKS, Agreed, Hosts
from ablate.runner.interrupts import Interrupted, Stop
from ablate.runner.plan import Plan, make_plan
from ablate.runner.units import unit_of
from ablate.runner.waves import waves_of
from ablate.study.problems import ConfigError
from ablate.study.resolving import resolve
from ablate.train.checkpoints import Checkpoints
from tests.shell import (
    PATIENCE,
    ROOT,
    ended,
    environment,
    jax_as_it_was,
    running,
    said,
    send,
    statuses,
    tables,
    wait_until,
)

# What fails where it is compiled fails in every process, at the same point; `prepare` compiles.
EXPERIMENT = '''
"""Does a norm help?"""

from ablate import base_config, choice


def get_config():
    cfg = base_config()
    cfg.model = choice("mlp", widths=(8,))
    cfg.recipe.optimizer = choice("momentum", learning_rate=0.1)
    cfg.vary.norm = (choice("failing:Failing"),)
    cfg.train.update(steps=80, eval_every=40, batch_size=32)
    cfg.seeds = 1
    return cfg
'''
FAILING = """
import traceback

import flax.linen as nn


class Failing(nn.Module):
    @nn.compact
    def __call__(self, x, train: bool):
        if any(frame.name == "prepare" for frame in traceback.extract_stack()):
            raise RuntimeError("it does not compile")
        return x
"""


@pytest.fixture(scope="module")
def experiment(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("experiment")
    (folder / "failing.py").write_text(FAILING)
    path = folder / "norms.py"
    path.write_text(EXPERIMENT)
    return path


@pytest.fixture(scope="module")
def in_one_process(experiment) -> Path:
    """The study in this process, on two devices."""
    directory = experiment.parent / "one"
    with jax_as_it_was():
        assert main(["run", f"--config={experiment}", f"--workdir={directory}", "--strategy=data"]) == 1
    assert statuses(directory) == ["done", "failed"]
    return directory


@contextlib.contextmanager
def together(experiment: Path, directory: Path, *flags: str) -> Iterator[list[subprocess.Popen[str]]]:
    """Both processes; the second has a directory of its own, as on another host."""
    words = "run", f"--config={experiment}", f"--coordinator=127.0.0.1:{free_port()}", "--processes=2", *flags
    with contextlib.ExitStack() as stack:
        yield [
            stack.enter_context(
                running(*words, f"--process={k}", f"--workdir={directory / str(k)}", JAX_NUM_CPU_DEVICES="1")
            )
            for k in range(2)
        ]


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


def test_stopped_by_one_of_them_and_started_again_they_end_with_the_tables_of_one(experiment, in_one_process, tmp_path):
    run = tmp_path / "0"
    with together(experiment, tmp_path, "--config.train.checkpoint_seconds=0.0") as processes:
        wait_until(lambda: [*run.glob("checkpoints/*/*/*/_CHECKPOINT_METADATA")], processes[0])
        send(processes[1], signal.SIGINT)
        results = [ended(process) for process in processes]
    assert [code for code, _ in results] == [75, 75]
    assert all("interrupted; the same command" in errors for _, errors in results)
    assert len(statuses(run)) > len([*run.glob("cells/*.json")])

    with together(experiment, tmp_path) as processes:
        results = [ended(process) for process in processes]

    assert [code for code, _ in results] == [1, 1]
    assert "continues from its checkpoint at step" in results[0][1]
    assert tables(run) == tables(in_one_process)
    rows, expected = ([read_json(path) for path in sorted(at.glob("cells/*.json"))] for at in (run, in_one_process))
    assert [row.get("predicted") for row in rows] == [row.get("predicted") for row in expected]
    assert [row["error"] and row["error"]["message"] for row in rows] == [None, "it does not compile"]
    assert not (tmp_path / "1").exists()


class Store:
    """JAX's key-value store within this process."""

    def __init__(self):
        self.values: dict[str, bytes] = {}

    def key_value_set_bytes(self, key: str, value: bytes) -> None:
        assert key not in self.values
        self.values[key] = value

    def blocking_key_value_get_bytes(self, key: str, milliseconds: int) -> bytes:
        deadline = time.monotonic() + milliseconds / 1000
        while key not in self.values:
            if time.monotonic() > deadline:
                raise RuntimeError(f"DEADLINE_EXCEEDED: {key}")
            time.sleep(0.001)
        return self.values[key]

    def key_value_delete(self, folder: str) -> None:
        self.values = {key: value for key, value in self.values.items() if not key.startswith(folder)}


@pytest.fixture(scope="module")
def plan() -> Plan:
    cfg = package.base_config()
    cfg.model, cfg.seeds = package.choice("mlp", widths=(2,)), 1
    cfg.vary.norm = (package.choice("batch"),)
    cfg.train.update(steps=1, eval_every=1, batch_size=4)
    return make_plan(resolve(cfg), name="small", strategy="data")


def missing() -> Mapping[str, DataSet]:
    raise ConfigError(["--config: no such file", "data: none"])


def fewer(plan: Plan) -> dict[str, DataSet]:
    """The plan's data sets without their last training example."""
    pools = {
        name: {array: values[:-1] for array, values in dataset.pool.items()} for name, dataset in plan.datasets.items()
    }
    return {name: dataclasses.replace(dataset, pool=pools[name]) for name, dataset in plan.datasets.items()}


@pytest.mark.parametrize(
    ("changed", "problem"),
    [
        ("load", "--config: no such file; data: none"),
        ("data", "the data differ from those of process 0"),
        ("versions", "jax 0.0 there, 0.1 here"),
        ("code", "the source differs from that of process 0"),
    ],
)
def test_process_0_says_in_words_why_another_one_cannot_train(plan, tmp_path, monkeypatch, changed, problem):
    load = {"load": missing, "data": lambda: fewer(plan)}.get(changed, lambda: plan.datasets)
    told = {"versions": [{"jax": "0.1"}, {"jax": "0.0"}], "fingerprint": ["here", "there"]}
    for name in {"versions": ["versions"], "code": ["fingerprint"]}.get(changed, []):
        values = iter(told[name])  # process 0 is the first to ask
        monkeypatch.setattr(f"ablate.runner.engines.hosts.{name}", lambda *_, values=values: next(values))
    store, stop = Store(), Stop()
    hosts = Hosts(store, 0, 2)
    engine = HostsEngine(hosts)
    engine.open(plan.datasets, tmp_path)
    (wave,) = waves_of(plan.programs[0], [*plan.programs[0].program.lanes], tmp_path)
    with ThreadPoolExecutor(1) as pool:
        other = pool.submit(follow, Hosts(store, 1, 2), load, stop)
        with pytest.raises(ConfigError) as raised:
            list(engine.run(deque([unit_of(plan.programs[0], wave)]), stop))
        hosts.tell(End(2))
        assert other.result() == 2
    (line,) = raised.value.problems
    assert line.startswith(f"process 1: {problem}")


def test_what_was_heard_by_all_is_let_go_and_large_messages_come_in_parts(monkeypatch):
    monkeypatch.setattr("ablate.runner.hosts.PART", 10)
    store = Store()
    first, second = (Hosts(store, index, 2) for index in (0, 1))
    for message in ("a" * 100, "b"):
        first.tell(message)
        assert second.hear() == message
    second.answer("no")
    assert list(first.answers(Stop())) == [(1, "no")]
    assert {key.split("/")[1] for key in store.values} == {"1"}


def test_who_is_alone_with_a_failure_or_has_lost_the_coordinator_is_interrupted_with_a_line(plan):
    client = Mock()
    client.wait_at_barrier.side_effect = client.blocking_key_value_get_bytes.side_effect = RuntimeError("GONE: x\ny")
    hosts = Hosts(client, 1, 2)
    with pytest.raises(Interrupted, match=r"^process 1 failed, and another one is gone or did not: no memory$"):
        hosts.fail("no memory")
    assert hosts.apart
    with pytest.raises(Interrupted, match=r"^the coordinator is gone: GONE: x$"):
        follow(Hosts(client, 1, 2), lambda: plan.datasets, Stop())


def test_processes_with_other_numbers_of_devices_are_refused(monkeypatch):
    monkeypatch.setattr(jax, "local_devices", lambda process: jax.devices()[: process + 1])
    with pytest.raises(ConfigError, match="as many devices as the others, got 1, 2"):
        HostsEngine(Hosts(None, 0, 2)).place()


def test_all_stop_at_the_same_look_once_one_of_them_is_asked(monkeypatch):
    own, hosts = Stop(), Hosts(None, 0, 2)
    others = iter([False, True])
    monkeypatch.setattr(hosts, "any", lambda truth: truth or next(others))
    agreed = Agreed(own, hosts)
    assert [agreed.asked for _ in range(2 * LOOKS)] == [False] * LOOKS + [True] * LOOKS
    assert not own.asked
    own.asked = True
    with pytest.raises(Interrupted):
        Agreed(own, hosts).check()


def test_a_checkpoint_that_cannot_be_written_stops_all_before_it_is_told(monkeypatch, tmp_path):
    full = StorageError(errno.ENOSPC, "no space left", str(tmp_path))
    monkeypatch.setattr(Checkpoints, "save", Mock(side_effect=full))
    hosts = Hosts(None, 0, 2)
    monkeypatch.setattr(hosts, "any", lambda truth: truth)
    agreed, state = Agreed(Stop(), hosts), Mock()
    checkpoints = HostCheckpoints(tmp_path, agreed, hosts)
    assert not agreed.asked
    checkpoints.save(state, 1)
    assert [agreed.asked for _ in range(LOOKS)] == [False] * (LOOKS - 1) + [True]
    with pytest.raises(StorageError) as raised:
        checkpoints.save(state, 1)
    assert raised.value is full


@pytest.mark.parametrize(
    ("flags", "problems"),
    [
        (
            ("--coordinator=host", "--processes=2", "--process=2", "--strategy=scan", "--measure"),
            ("--coordinator: expected", "--process: expected 0 to 1", "--strategy=scan", "--measure"),
        ),
        (("--coordinator=host:0", "--engine=ray"), ("--coordinator: expected", "--engine=ray")),
        (("--processes=2", "--process=0", "--devices=1"), ("--devices", "--processes: goes", "--process: goes")),
    ],
)
def test_flags_that_clash_are_refused_all_at_once(flags, problems, capsys):
    assert main(["run", "--config=missing.py", *flags]) == 2
    lines = said(capsys.readouterr().err)
    assert len(lines) == len(problems)
    assert all(line.startswith(f"ablate: {problem}") for line, problem in zip(lines, problems, strict=True))


def test_a_process_that_does_not_come_ends_the_other_with_a_line():
    code = f"from ablate.runner.hosts import join; join('127.0.0.1:{free_port()}', 2, 0, patience=0.5)"
    alone = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT, env=environment(), capture_output=True, text=True, timeout=PATIENCE, check=False,
    )  # fmt: skip
    assert alone.returncode == 2
    assert alone.stderr.startswith("ablate: --coordinator=127.0.0.1:")
    assert alone.stderr.endswith(": not all processes came within 0 s\n")
