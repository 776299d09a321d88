"""Examples that are streamed are those that would have lain on the devices: no number changes, and nothing is kept."""

import dataclasses
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from ablate import choice
from ablate.runner.check import check_plan
from ablate.runner.execute import execute
from ablate.runner.memory import needed_bytes
from ablate.runner.plan import make_plan
from ablate.runner.probe import probe_plan
from ablate.study.resolving import resolve
from ablate.train import feed
from ablate.train.batches import BatchOrder, DataKey
from ablate.train.loop import Loop, longest_chunk, prepare

from .small import compiled_functions, identical, lanes_of_waves, small_config, train


def planned(gib, strategy=None, *, seeds=3, steps=40, vary=None, data=None, **train):
    """Arms of one program that draw, with label noise, from data that are streamed above so many GiB."""
    vary = vary or {"optimizer": (choice("sgd", learning_rate=0.2), choice("sgd", learning_rate=1e30))}
    cfg = small_config(seeds=seeds, steps=steps, eval_every=15, vary=vary)
    cfg.recipe.dropout = choice("dropout", rate=0.2)
    cfg.recipe.augment = choice("random_crop", padding=1)
    cfg.data = choice("digits", label_noise=0.2, **(data or {}))
    cfg.train.update(resident_gib=gib, **train)
    return make_plan(resolve(cfg), name="feed", strategy=strategy)


def trained(item, cells=None):
    """Some cells of a program in one wave."""
    lanes = item.program.lanes if cells is None else [item.program.lanes[k] for k in cells]
    (wave, *_) = item.split(lanes)
    members = [lanes[k] for k in wave.members]
    return train(lanes_of_waves(item, wave.together), item.wave(members, wave.width))


@pytest.mark.parametrize("strategy", [None, "vmap", "loop", "solo", "data"])
def test_streamed_examples_change_no_bit(strategy):
    resident, streamed = (planned(gib, strategy).programs[0] for gib in (1.0, 0.0))
    assert (resident.streamed, streamed.streamed) == (False, True)
    assert "GiB of data are streamed" in streamed.why
    cells = None if strategy is None else [0, 3, 6, 1]
    expected, found = trained(resident, cells), trained(streamed, cells)
    assert [result.status for result in expected.results] == [result.status for result in found.results]
    assert expected.results == found.results
    for lane in range(len(found.results)):
        assert identical(expected.state(lane), found.state(lane))


@pytest.mark.parametrize("data", [{"rotate_test": True}, {"validation": 0.0}, {"per_class": 20, "oversample": 1.0}])
def test_whatever_is_done_to_the_pool(data):
    expected, found = (trained(planned(gib, "loop", seeds=2, data=data).programs[0]) for gib in (1.0, 0.0))
    assert expected.results == found.results


def test_small_pools_mean_short_chunks_and_the_same_numbers(monkeypatch):
    item = planned(0.0, "loop").programs[0]
    expected = trained(item)
    monkeypatch.setattr(feed, "POOL_BYTES", 4 * 3 * 32 * item.dataset.example_bytes)
    (wave,) = item.split(item.program.lanes)
    assert longest_chunk(lanes_of_waves(item), item.wave(item.program.lanes, wave.width)) == 4
    assert trained(item).results == expected.results


def test_a_wave_goes_on_where_it_was():
    item = planned(0.0, "loop", seeds=1).programs[0]
    wave = item.wave(item.program.lanes, 4)
    whole = train(lanes_of_waves(item), wave)
    for state in whole.states[1:-1:2]:
        again = Loop(lanes_of_waves(item), wave)
        assert tuple(again.results([*again.run(state)][-1])) == whole.results


def test_one_pass_feeds_all_lanes_of_a_seed(monkeypatch):
    item = planned(0.0, "loop").programs[0]
    read = []
    rows = type(item.dataset).rows
    monkeypatch.setattr(type(item.dataset), "rows", lambda self, at: (read.append(len(at)), rows(self, at))[1])
    (wave,) = item.split(item.program.lanes)
    trained(item)
    assert (wave.width, item.wave(item.program.lanes, wave.width).keys) == (10, 3)
    chunks, evaluations, test = 3 * 15 * 3 * 32, 3, 1
    cell = next(iter(item.inputs.values()))
    batches = -(-len(cell.split.validation) // item.eval_batch_size), -(-len(cell.split.test) // item.eval_batch_size)
    evaluated = 3 * item.eval_batch_size * (1 + evaluations * batches[0] + test * batches[1])
    assert sum(read) == chunks + evaluated + 10 * 32  # the last are those of initial values


def test_what_is_prepared_ahead_is_what_runs():
    item = planned(0.0, "loop").programs[0]
    (wave,) = item.split(item.program.lanes)
    lanes, inputs = lanes_of_waves(item, wave.together), item.wave(item.program.lanes, wave.width)
    prepare(lanes, inputs)
    with compiled_functions() as compiled:
        train(lanes, inputs)
    assert not {name for name in compiled if "called" in name or "local" in name}


def test_what_is_ahead_is_told_from_a_seed_by_many_threads_at_once():
    from concurrent.futures import ThreadPoolExecutor

    order, steps = BatchOrder(DataKey(0), 320, 32), [*range(60)] * 4
    expected = [BatchOrder(DataKey(0), 320, 32).at(step) for step in steps]
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(order.at, steps))
    assert all(np.array_equal(one, other) for one, other in zip(expected, found, strict=True))


def test_a_whole_study_with_its_checks_probe_and_measured_costs(tmp_path):
    plan = planned(0.0, seeds=2, vary={"norm": ("batch",)}, keep_weights=True)
    rows = execute(plan, tmp_path / "run", measure=True)
    assert {row["status"] for row in rows} == {"done"}
    assert all(arm["step_seconds"] for arm in rows.study["arms"])
    assert "are streamed" in rows.study["programs"][0]["why"]
    one, other = (check_plan(planned(gib, seeds=1, vary={"norm": ("batch",)})) for gib in (1.0, 0.0))
    assert one == other
    assert [layer.arm for layer in probe_plan(plan)]
    resident = dataclasses.replace(plan.programs[0].training, resident_gib=1.0)
    item = dataclasses.replace(plan.programs[0], training=resident)
    assert needed_bytes(item) != needed_bytes(plan.programs[0])


LARGE = """
import re, sys, threading, time
from pathlib import Path
import numpy as np
from ablate import base_config, choice, run
from ablate.data import DataSet
from ablate.runner.backend import prepare_jax

prepare_jax()
SIDE, COUNT, seen = 64, 24_000, []  # 295 MB

def data(folder=""):
    images = np.lib.format.open_memmap(Path(folder) / "images.npy", "r")
    labels = (np.arange(COUNT) % 4).astype(np.int32)
    test = {"image": np.array(images[:200]), "label": labels[:200]}
    return DataSet("large", {"image": images, "label": labels}, test)

def watch():  # memory that is no file's
    while True:
        seen.append(int(re.search(r"RssAnon:\\s+(\\d+) kB", Path("/proc/self/status").read_text())[1]))
        time.sleep(0.01)

if __name__ == "__main__":
    sys.modules["large"] = sys.modules["__main__"]
    images = np.lib.format.open_memmap(Path(sys.argv[1]) / "images.npy", "w+", np.uint8, (COUNT, SIDE, SIDE, 3))
    images[::100] = 7
    del images
    cfg = base_config()
    cfg.model = choice("mlp", widths=(4,))
    cfg.data = choice("large:data", folder=sys.argv[1])
    cfg.vary.target = (choice("smooth_labels", alpha=0.1),)
    cfg.seeds = 2
    cfg.train.update(steps=30, eval_every=15, batch_size=32, resident_gib=float(sys.argv[2]))
    threading.Thread(target=watch, daemon=True).start()
    rows = run(cfg, Path(sys.argv[1]) / f"run{sys.argv[2]}")
    print(len([row for row in rows if row["status"] == "done"]), max(seen))
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="memory is told by Linux")
def test_data_in_files_are_never_all_in_memory(tmp_path):
    (tmp_path / "large.py").write_text(LARGE)
    found = {}
    for gib in ("0.1", "4.0"):
        command = [sys.executable, str(tmp_path / "large.py"), str(tmp_path), gib]
        told = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
        assert told[-2] == "4"
        found[gib] = int(told[-1]) * 1024
    assert found["4.0"] - found["0.1"] > 250e6
