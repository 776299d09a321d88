"""The number of devices is not part of a result.

With one lane on each device every device runs the same compiled code, so the tables are equal to the byte. Where lanes
share a device, XLA compiles other loops for other numbers of lanes and rounds differently: see test_lanes.py.
"""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.shell import PATIENCE, ROOT, environment, tables

LAYOUT = ("lanes", "devices")  # columns that say how a study was spread

SCRIPT = """
import sys

import jax

jax.config.update("jax_num_cpu_devices", int(sys.argv[1]))

import ablate
from ablate import base_config, choice

cfg = base_config()
cfg.model = choice("mlp", widths=(8,))
cfg.recipe.norm = choice("batch")
cfg.vary.dropout = (choice("spatial", rate=0.3),)
cfg.vary.optimizer = (choice("momentum", learning_rate=0.05), choice("sgd", learning_rate=1e30))
cfg.train.update(steps=20, eval_every=8, batch_size=32, lanes=1)
cfg.seeds = 2
ablate.run(cfg, sys.argv[2], strategy="scan")
assert len(jax.devices()) == int(sys.argv[1])
"""


@pytest.fixture(scope="module")
def folders(tmp_path_factory) -> dict[int, Path]:
    """The study on one, two and eight devices."""
    found = {count: tmp_path_factory.mktemp(f"devices-{count}") for count in (1, 2, 8)}
    inherited = environment()
    del inherited["JAX_NUM_CPU_DEVICES"]
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", SCRIPT, str(count), str(folder)], env=inherited, cwd=ROOT, stderr=subprocess.PIPE
        )
        for count, folder in found.items()
    ]
    for process in processes:
        _, errors = process.communicate(timeout=PATIENCE)
        assert process.returncode == 0, errors.decode()
    return found


@pytest.mark.parametrize("count", [2, 8])
def test_tables_are_the_same_to_the_byte_with_a_lane_per_device(folders, count):
    alone, spread = (tables(folders[n], without=LAYOUT) for n in (1, count))
    assert len(alone["cells.csv"]) == 8
    assert spread == alone
    study = json.loads((folders[count] / "study.json").read_text())
    (program,) = study["programs"]
    assert (program["devices"], program["lanes"], program["waves"]) == (count, count, 8 // count)
