"""How JAX is started for the command line, and which of its releases compute wrong numbers.

jaxlib 0.10.2 miscompiles on CPU: a vmapped matrix-vector product followed by a reduction is silently wrong at large
sizes (https://github.com/jax-ml/jax/issues/39103), and a reduction of seven axes crashes
(https://github.com/jax-ml/jax/issues/40412). Both come from one kind of fusion, which a flag turns off.
"""

import hashlib
import os
import platform
import warnings
from importlib import metadata
from pathlib import Path

import numpy as np

from ablate.runner.processor import flags

WRONG_ON_CPU = ("0.10.2",)  # releases of jaxlib
RIGHT_FLAG = "--xla_cpu_experimental_ynn_fusion_type=-reduce"
PRODUCTS = 40_000  # the error needs large sizes; eager and compiled results part from about 33,000 on


def prepare_jax() -> str | None:
    """One virtual device per core on CPU, and compiled programs kept between runs. Before JAX is first used.

    Returns:
        What to tell the user: that a release which computes wrong numbers was made right by a flag; else None.
    """
    told = None
    if _jaxlib() in WRONG_ON_CPU and RIGHT_FLAG not in os.environ.get("XLA_FLAGS", ""):
        os.environ["XLA_FLAGS"] = f"{os.environ.get('XLA_FLAGS', '')} {RIGHT_FLAG}".strip()
        told = f"jaxlib {_jaxlib()} computes wrong numbers on CPU; XLA_FLAGS={RIGHT_FLAG} is set"
    import jax

    if "host_platform_device_count" not in os.environ.get("XLA_FLAGS", "") and "JAX_NUM_CPU_DEVICES" not in os.environ:
        jax.config.update("jax_num_cpu_devices", cores())
    jax.config.update("jax_compilation_cache_dir", str(compiled_programs()))
    # A damaged entry costs a compile, and so does a cache that cannot be written; neither is news.
    warnings.filterwarnings("ignore", message="Error (reading|writing) persistent compilation cache entry")
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0)
    jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)
    return told


def compiled_programs() -> Path:
    """Where compiled programs are kept between runs.

    A folder for each jaxlib and kind of processor: a home may be shared by machines of several kinds, and code for one
    may not run on another.
    """
    from ablate.data import cache_root

    return cache_root() / "xla" / f"jaxlib-{_jaxlib()}-{_processor()}"


def _processor() -> str:
    """Tells apart processors that have other instructions."""
    told = " ".join([platform.processor() or platform.machine(), *flags()])
    return f"{platform.machine()}-{hashlib.sha256(told.encode()).hexdigest()[:8]}"


def cores() -> int:
    """The processors that this process may use; all there are where the system does not say (macOS)."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def wrong_numbers() -> str | None:
    """What is wrong with the JAX that runs on CPU here, and what to do; None where it computes right numbers.

    Asked of the compiler itself, since a flag that was set too late is in the environment all the same.
    """
    if _jaxlib() not in WRONG_ON_CPU or error_of_products() == 0:
        return None
    return (
        f"jaxlib {_jaxlib()} computes wrong numbers on CPU (jax#39103): install another release, or set "
        f"XLA_FLAGS={RIGHT_FLAG} before JAX is first used"
    )


def error_of_products() -> float:
    """The largest relative error of compiled sums of squares of matrix-vector products; 0 where JAX is right.

    All numbers are small integers, which float32 adds and multiplies exactly.
    """
    import jax
    import jax.numpy as jnp

    rows = np.stack([np.arange(PRODUCTS) % 1000, np.zeros(PRODUCTS), np.ones(PRODUCTS)], axis=1).astype(np.float32)
    squares = jax.jit(
        jax.vmap(lambda row: jnp.sum(jnp.matmul(np.eye(3, dtype=np.float32), row, precision="highest") ** 2))
    )(rows)
    exact = (rows.astype(np.float64) ** 2).sum(axis=1)
    return float(np.max(np.abs(np.asarray(squares, np.float64) - exact) / exact))


def _jaxlib() -> str:
    try:
        return metadata.version("jaxlib")
    except metadata.PackageNotFoundError:
        return "unknown"
