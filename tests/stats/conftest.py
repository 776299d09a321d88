"""Shapes and types of the public signatures are checked while the statistics are tested."""

import jaxtyping
import pytest

# Modules imported before this point (by tests of other packages in the same process) stay unchecked.
jaxtyping.install_import_hook("ablate.stats", "beartype.beartype")


@pytest.fixture
def unchecked():
    """Switch the checks off, to see the error that a user without them gets."""
    jaxtyping.config.update("jaxtyping_disable", True)
    yield
    jaxtyping.config.update("jaxtyping_disable", False)
