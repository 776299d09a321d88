"""Two virtual devices, no silent promotion, checked shapes, and folders of the tests' own: set up before JAX starts."""

import atexit
import functools
import os
import shutil
import tempfile

# One folder for all processes of a run: what one of them has compiled, the others load.
CACHE = os.environ.get("ABLATE_TESTS")
if CACHE is None:
    CACHE = os.environ["ABLATE_TESTS"] = tempfile.mkdtemp(prefix="ablate-tests-")
    atexit.register(shutil.rmtree, CACHE, ignore_errors=True)
os.environ["XDG_CACHE_HOME"] = CACHE
# Data sets that tests write are theirs alone: workers remove and make them again under one name.
os.environ["TFDS_DATA_DIR"] = os.path.join(CACHE, f"tensorflow_datasets-{os.environ.get('PYTEST_XDIST_WORKER', '')}")
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"  # as `ablate` sets it; JAX sets 1, which the processes of tests would inherit
os.environ["JAX_NUM_CPU_DEVICES"] = "2"  # or `ablate` asks for one per core, and JAX has started already

# Files, statuses and words of whole runs do not hang on how well a program is compiled, nor on whether shapes are
# checked on the way: for such tests `make test` sets this, with which they take half the time.
QUICK = "ABLATE_TESTS_QUICK" in os.environ
if QUICK:
    os.environ["XLA_FLAGS"] = "--xla_cpu_use_fusion_emitters=false --xla_backend_optimization_level=0"

import signal  # noqa: E402

import jax  # noqa: E402  # after its environment
import pytest  # noqa: E402
from jaxtyping import install_import_hook  # noqa: E402

jax.config.update("jax_num_cpu_devices", 2)
jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.05)
jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)
jax.config.update("jax_numpy_rank_promotion", "raise")
jax.config.update("jax_numpy_dtype_promotion", "strict")
# Shapes in signatures are checked here, and free at run time.
CHECKED = ["ablate.tricks", "ablate.models", "ablate.data", "ablate.stats", "ablate.train", "ablate.tasks"]
if not QUICK:
    install_import_hook(CHECKED, "beartype.beartype")

from ablate.cli.main import search_rarely_for_cycles  # noqa: E402  # behind the hook
from ablate.runner.backend import compiled_programs  # noqa: E402

search_rarely_for_cycles()

# The command line's own, so that a test in this process and one that starts a process find each other's programs.
jax.config.update("jax_compilation_cache_dir", str(compiled_programs()))


def pytest_configure(config):
    """Warnings that are no errors.

    ml_collections reads config files with a function that Python wants to be rid of; no user sees the warning. A
    process may read what another is just writing into the cache of compiled programs, and then compiles by itself.
    """
    config.addinivalue_line("filterwarnings", r"ignore:the load_module\(\) method:DeprecationWarning")
    config.addinivalue_line("filterwarnings", "ignore:Error reading persistent compilation cache entry:UserWarning")


@pytest.fixture(scope="session", autouse=True)
def _equal_drawings_are_drawn_once():
    """A report that is written again draws what has changed only: drawing takes half the time of a small study.

    That equal drawings give equal bytes is tested with `plots.figure.figure_files`, which stays as it is.
    """
    from ablate.report.plots import together

    together.files_of = functools.lru_cache(maxsize=500)(together.files_of)
    together._start = lambda: None  # no second process, which could not know what was drawn


@pytest.fixture(scope="session", autouse=True)
def _programs_are_traced_once():
    """Of the thousand plans of these tests, most have programs that another has, too."""
    from tests.once import traces_made_once

    with traces_made_once():
        yield


@pytest.fixture(autouse=True)
def _signals_as_they_were():
    """The command line listens to the end of its process, which a test outlives."""
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)
