"""The installed JAX computes right numbers, and releases that do not are made right or refused."""

import importlib.metadata
import json
import os
import subprocess
import sys

import pytest

from ablate.runner import backend
from ablate.runner.plan import make_plan
from ablate.study.problems import ConfigError
from ablate.study.resolving import resolve
from tests.shell import jax_as_it_was
from tests.train.small import small_config

SEVEN_AXES = """
import jax, jax.numpy as jnp, numpy as np
x = (np.arange(3 * 4 * 512, dtype=np.float32) % 7).reshape(3, 1, 2, 2, 8, 8, 8)
found = jax.jit(lambda a, b: jnp.sum(a * b, axis=3))(x, x)
np.testing.assert_array_equal(found, (x * x).sum(axis=3))
print("right")
"""


@pytest.fixture(autouse=True)
def unchanged():
    """What a test sets of JAX ends with it."""
    with jax_as_it_was():
        yield


@pytest.fixture
def wrong(monkeypatch):
    """A JAX that was installed in spite of what pyproject.toml says."""
    real = importlib.metadata.version
    monkeypatch.setattr(backend.metadata, "version", lambda name: "0.10.2" if name == "jaxlib" else real(name))
    monkeypatch.setenv("XLA_FLAGS", "--xla_cpu_enable_fast_math=false")


def test_vmapped_products_are_summed_right():
    assert backend.error_of_products() == 0


def test_seven_axes_are_reduced_without_a_crash():
    found = subprocess.run([sys.executable, "-c", SEVEN_AXES], capture_output=True, text=True, timeout=120, check=False)
    assert (found.returncode, found.stdout) == (0, "right\n"), found.stderr


def test_a_wrong_release_is_made_right_and_said_once(wrong):
    told = [backend.prepare_jax(), backend.prepare_jax()]
    assert os.environ["XLA_FLAGS"] == f"--xla_cpu_enable_fast_math=false {backend.RIGHT_FLAG}"
    assert told == [f"jaxlib 0.10.2 computes wrong numbers on CPU; XLA_FLAGS={backend.RIGHT_FLAG} is set", None]
    make_plan(resolve(small_config()), name="right again")


def test_a_wrong_release_is_refused_where_the_flag_came_too_late(wrong, monkeypatch):
    monkeypatch.setenv("XLA_FLAGS", backend.RIGHT_FLAG)
    monkeypatch.setattr(backend, "error_of_products", lambda: 0.8)
    with pytest.raises(ConfigError, match=r"jaxlib 0\.10\.2 computes wrong numbers on CPU"):
        make_plan(resolve(small_config()), name="wrong")


def test_other_releases_are_left_alone(monkeypatch):
    monkeypatch.setenv("XLA_FLAGS", "")
    assert backend.wrong_numbers() is None
    assert backend.prepare_jax() is None
    assert os.environ["XLA_FLAGS"] == ""


@pytest.mark.parametrize(("asked", "level"), [(None, "3"), ("0", "0")])
def test_the_noise_of_cache_entries_is_silenced_unless_somebody_asks_for_it(asked, level):
    own = {name: value for name, value in os.environ.items() if name != "TF_CPP_MIN_LOG_LEVEL"}
    code = "import os, sys; from ablate.cli.main import main; main(['tricks', 'norm']); "
    code += "print(os.environ['TF_CPP_MIN_LOG_LEVEL'], 'jax' in sys.modules)"
    environment = own if asked is None else own | {"TF_CPP_MIN_LOG_LEVEL": asked}
    found = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert found.stdout.splitlines()[-1] == f"{level} True"


def test_compiled_programs_are_kept_apart_by_release_and_processor(monkeypatch):
    here = backend.compiled_programs()
    assert here.parent.name == "xla"
    assert f"jaxlib-{importlib.metadata.version('jaxlib')}-" in here.name
    monkeypatch.setattr(backend.platform, "processor", lambda: "another")
    assert backend.compiled_programs() != here
    monkeypatch.undo()
    monkeypatch.setattr(backend.metadata, "version", lambda name: "9.9.9")
    assert backend.compiled_programs().name.startswith("jaxlib-9.9.9-")


RUN = """
import sys
from ablate.cli.main import main
sys.exit(main(["run", "--config=small.py", "--workdir=" + sys.argv[1]]))
"""
SMALL = """
from ablate import base_config, choice


def get_config():
    cfg = base_config()
    cfg.model = choice("mlp", widths=(5,))
    cfg.vary.norm = ("batch",)
    cfg.train.update(steps=4, batch_size=32, eval_every=2)
    cfg.seeds = 2
    return cfg
"""


def test_torn_entries_of_the_cache_cost_a_compile_and_no_word(tmp_path):
    (tmp_path / "small.py").write_text(SMALL)
    environment = {**os.environ, "XDG_CACHE_HOME": str(tmp_path / "cache"), "XLA_FLAGS": ""}  # whatever is set here

    def run(name):
        words = [sys.executable, "-c", RUN, name]
        ended = subprocess.run(
            words, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=300, check=False
        )
        assert ended.returncode == 0, ended.stderr
        progress = json.loads((tmp_path / name / "progress.json").read_text())
        rows = {path.name: json.loads(path.read_text())["metrics"] for path in (tmp_path / name / "cells").iterdir()}
        return progress, rows, ended.stderr + (tmp_path / name / "report.md").read_text()

    first, rows, _ = run("first")
    assert (first["cached"], first["compiles"]) == (1, 10)  # both programs sum up alike
    second, again, told = run("second")
    assert second["cached"] == second["compiles"] == 10
    assert "10 of them read from the cache of compiled programs" in told
    for k, path in enumerate(sorted((tmp_path / "cache").rglob("*-cache"))):
        content = bytearray(path.read_bytes())
        content[len(content) // 2] ^= 255
        path.write_bytes((b"", bytes(content), bytes(content[: len(content) // 2]))[k % 3])
    third, torn, told = run("third")
    assert third["cached"] <= 1
    assert again == torn == rows
    assert "persistent" not in told
