"""A way to see the errors of the statistics as a user without checked shapes sees them."""

import jaxtyping
import pytest


@pytest.fixture
def unchecked():
    """Switch the checks off, to see the error that a user without them gets."""
    jaxtyping.config.update("jaxtyping_disable", True)
    yield
    jaxtyping.config.update("jaxtyping_disable", False)
