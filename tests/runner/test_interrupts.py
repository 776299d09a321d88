"""A signal asks, and is heard wherever it lands: exit 75, nothing lost, and the same command goes on."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from ablate.runner.execute import execute
from ablate.runner.interrupts import FIRST, INTERRUPTED, SECOND, Interrupted, Stop, listen, listening
from ablate.runner.plan import make_plan
from ablate.study.resolving import resolve
from tests.shell import ROOT, ended, jax_as_it_was, running, said, send, wait_until
from tests.train.small import small_config

PATIENT = '''
import ctypes, gc, pathlib, time
import jax.numpy as jnp
import numpy as np
from ablate import base_config, choice
from ablate.data import DataSet

HERE = pathlib.Path(__file__).parent


def wait_at(place):
    """Says where it is, then gives a signal time to land: between bytecodes, and in callbacks of the collector."""
    if place == (HERE / "place").read_text():
        if place == "library":
            wait_for_ever()
        (HERE / "there").write_text(place)
        for _ in range(int((HERE / "tenths").read_text())):
            gc.collect()
            time.sleep(0.1)


def wait_for_ever():
    """A call of a library that never returns, whatever signals come: it waits for a mutex that it holds itself."""
    mutex, library = ctypes.create_string_buffer(128), ctypes.CDLL(None)
    library.pthread_mutex_lock(mutex)
    (HERE / "there").touch()
    library.pthread_mutex_lock(mutex)


def slow_data():
    wait_at("library")
    wait_at("data")
    pixels = np.zeros((60, 4, 4, 1), np.uint8)
    labels = np.arange(60, dtype=np.int32) % 3
    return DataSet.from_arrays(0.5, image=pixels, label=labels)


def slow_loss(logits, probs):
    wait_at("tracing")
    return -jnp.sum(probs * logits, -1)


def get_config():
    wait_at("config")
    cfg = base_config()
    cfg.model = choice("mlp", widths=(4,))
    cfg.data = choice("patient:slow_data")
    cfg.vary.loss = (choice("patient:slow_loss"),)
    cfg.train.update(steps=4, batch_size=16)
    cfg.seeds = 1
    return cfg
'''


def patient(folder: Path, place: str, tenths: int) -> tuple[str, ...]:
    """An experiment that waits at a place; gives the words that run it."""
    for name, text in (("patient.py", PATIENT), ("place", place), ("tenths", str(tenths))):
        (folder / name).write_text(text)
    return "run", f"--config={folder / 'patient.py'}", f"--workdir={folder / 'run'}"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("place", ["config", "data", "tracing"])
def test_before_training_one_signal_is_enough(tmp_path, place, number):
    with running(*patient(tmp_path, place, 10)) as process:
        wait_until((tmp_path / "there").exists, process)
        send(process, number)
        code, errors = ended(process)
    assert code == INTERRUPTED, errors
    assert said(errors)[0] == FIRST.decode().strip()
    assert errors.splitlines()[-1].startswith("ablate: interrupted; the same command continues")
    assert "Traceback" not in errors
    assert not (tmp_path / "run" / "cells").exists()


def test_the_second_signal_does_not_wait(tmp_path):
    with running(*patient(tmp_path, "data", 3000)) as process:
        wait_until((tmp_path / "there").exists, process)
        send(process, signal.SIGTERM)
        time.sleep(0.5)
        asked = time.monotonic()
        send(process, signal.SIGINT)
        code, errors = ended(process)
    assert code == INTERRUPTED, errors
    assert time.monotonic() - asked < 60  # not the five minutes that the data take
    assert "stopped at once" in errors


def test_the_second_signal_ends_a_call_that_never_returns(tmp_path):
    with running(*patient(tmp_path, "library", 0)) as process:
        wait_until((tmp_path / "there").exists, process)
        for number in (signal.SIGTERM, signal.SIGTERM):  # as `timeout` sends it, to the process and to its group
            send(process, number)
        time.sleep(1)
        assert process.poll() is None
        send(process, signal.SIGTERM)
        code, errors = ended(process)
    assert code == INTERRUPTED, errors
    assert said(errors) == [FIRST.decode().strip(), SECOND.decode().strip()]


def test_nothing_heavy_is_imported_before_signals_are_heard():
    code = (
        "import sys, ablate.cli.main, ablate.runner.interrupts\n"
        "ablate.runner.interrupts.listen = lambda: (print(*sys.modules), sys.exit(0))\n"
        "ablate.cli.main.listen = ablate.runner.interrupts.listen\n"
        "ablate.cli.main.main(['plan', '--config=x.py'])\n"
    )
    found = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert not {"jax", "numpy", "rich", "scipy", "ml_collections", "absl"} & set(found.stdout.split())


class AtTheNth(Stop):
    """Is asked to stop when somebody looks for the n-th time."""

    def __init__(self, n: int):
        super().__init__()
        self.left = n

    def check(self) -> None:
        self.left -= 1
        self.asked = self.asked or self.left <= 0
        super().check()


def test_asked_at_any_look_it_stops_there_and_the_same_call_ends_with_the_same_rows(tmp_path):
    def plan(stop: Stop):
        return make_plan(resolve(small_config(steps=4, eval_every=2)), name="x", between=stop.check)

    whole = execute(plan(Stop()), tmp_path / "whole")
    n = looks = 0
    while True:
        n += 1 if n < 6 else 5
        stop = AtTheNth(n)
        try:
            rows = execute(plan(stop), tmp_path / f"run{n}", stop=stop)
            break
        except Interrupted:
            looks += 1
        if n % 2 == 0:
            again = execute(plan(Stop()), tmp_path / f"run{n}")
            assert [(row["cell"], row["metrics"]) for row in again] == [(row["cell"], row["metrics"]) for row in whole]
    assert looks > 8  # planning, costs, initial values, programs, waves, files of the report
    assert len(rows) == len(whole)


def test_handlers_are_as_they_were_after_a_call_from_python_and_ignored_signals_stay_ignored():
    before = signal.default_int_handler
    signal.signal(signal.SIGINT, before)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    with jax_as_it_was():
        with listening() as stop:
            assert signal.getsignal(signal.SIGTERM) is signal.SIG_IGN
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(0.05)
            assert stop.asked
            with pytest.raises(Interrupted):
                stop.check()
            with pytest.raises(KeyboardInterrupt):  # the second one is Python's own again: a notebook lives on
                signal.raise_signal(signal.SIGINT)
        assert signal.getsignal(signal.SIGINT) is before
        assert not listen().asked
