"""The command line in the process of the test."""

import pytest

from ablate.cli.main import main


@pytest.fixture
def ablate(capsys):
    """Runs one command; gives exit code, stdout and stderr."""

    def call(*words):
        try:
            code = main([str(word) for word in words])
        except SystemExit as stop:
            code = stop.code
        out, err = capsys.readouterr()
        assert "Traceback" not in out + err
        return code, out, err

    return call
