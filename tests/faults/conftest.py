"""The small study without any fault, trained once for all tests of a file."""

import pytest

from tests.faults.study import Faulty, trained_once


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    """The directory of a run that nothing disturbed; runs of the same study train nothing anew."""
    with trained_once():
        study = Faulty(tmp_path_factory.mktemp("undisturbed"))
        assert study.run().code == 0
        yield study.directory


@pytest.fixture
def study(tmp_path, undisturbed):
    """The study in a folder of its own."""
    return Faulty(tmp_path, undisturbed)
