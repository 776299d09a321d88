"""One cluster for all tests in here, and the study as one machine trains it."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cluster.machines import EXPERIMENT, Machines, processes
from tests.norms import in_one_go, written
from tests.shell import PATIENCE


@pytest.fixture(scope="session")
def machines() -> Iterator[Machines]:
    """One cluster for all tests, which leave it with two nodes; nothing of it is left behind."""
    made = Machines()
    yield made
    made.cluster.shutdown()
    deadline = time.monotonic() + PATIENCE
    while processes() and time.monotonic() < deadline:
        time.sleep(0.1)
    assert processes() == []


@pytest.fixture(scope="session")
def experiment(tmp_path_factory) -> Path:
    return written(tmp_path_factory.mktemp("experiment"), EXPERIMENT)


@pytest.fixture(scope="session")
def undisturbed(experiment) -> Path:
    """The study on this machine."""
    return in_one_go(experiment)
