"""Lanes: what a cell gives does not depend on which others train beside it, nor on the way a program runs."""

from collections import Counter

import jax
import numpy as np
import pytest

from ablate import choice
from ablate.results.packed import unpacked
from ablate.runner.execute import execute
from ablate.runner.plan import Plan
from ablate.train import loop as loop_module
from ablate.train.lanes import Lanes
from tests.train.small import (
    Trained,
    compiled_functions,
    identical,
    lanes_of,
    planned,
    small_config,
    train,
    train_all,
    wave_of,
)

# XLA compiles a step of one lane, three lanes and six lanes into different loops and orders their sums differently, so
# results agree to the rounding of float32 and what 20 steps make of it. Measured: 3.1e-7 at most, relative.
ROUNDING = 2e-6


def mixed_study(strategy: str | None = None) -> Plan:
    """Three arms of one program: batch norm everywhere, and tricks that draw numbers or add to the loss."""
    vary = {
        "dropout": (choice("spatial", rate=0.3),),
        "target": (choice("smooth_labels", alpha=0.2),),
    }
    cfg = small_config(vary=vary)
    cfg.recipe.norm = choice("batch")
    cfg.recipe.optimizer = choice("momentum", learning_rate=0.1, beta=0.9)
    return planned(cfg, strategy)


@pytest.fixture(scope="module")
def plan() -> Plan:
    return mixed_study()


@pytest.fixture(scope="module")
def lanes(plan) -> Lanes:
    return lanes_of(plan)


@pytest.fixture(scope="module")
def whole(plan, lanes) -> Trained:
    """All six cells in one wave."""
    return train(lanes, wave_of(plan, range(6), 6))


@pytest.mark.parametrize("cells", [[5, 4, 3, 2, 1, 0], [2, 3, 0, 5, 1, 4]], ids=["reversed", "shuffled"])
def test_the_place_of_a_lane_changes_nothing(plan, lanes, whole, cells):
    trained = train(lanes, wave_of(plan, cells, 6))
    assert [identical(trained.state(k), whole.state(cell)) for k, cell in enumerate(cells)] == [True] * 6
    assert [trained.results[k] for k in range(6)] == [whole.results[cell] for cell in cells]


def test_padding_and_missing_neighbours_change_nothing(plan, lanes, whole):
    trained = train(lanes, wave_of(plan, [0, 3], 6))
    assert identical(trained.state(0), whole.state(0))
    assert identical(trained.state(1), whole.state(3))
    assert list(trained.results) == [whole.results[0], whole.results[3]]  # no row for a padding lane


def test_the_same_wave_again_gives_the_same_bits(plan, lanes, whole):
    assert train(lanes, wave_of(plan, range(6), 6)).results == whole.results


@pytest.mark.parametrize(
    ("strategy", "width", "devices"),
    [("scan", 1, 1), ("scan", 3, 1), ("scan", 6, 1), ("vmap", 6, 2), ("solo", 2, 2), ("data", 1, 2)],
    ids=lambda value: str(value),
)
def test_every_way_of_running_gives_the_same_results(plan, whole, strategy, width, devices):
    names = [lane.cell.name for lane in plan.programs[0].program.lanes]
    found = train_all(plan, width, strategy, devices)
    for name, wanted in zip(names, whole.results, strict=True):
        for key, value in wanted.metrics.items():
            np.testing.assert_allclose(found[name].metrics[key], value, rtol=ROUNDING, err_msg=f"{name} {key}")
        for key, curve in wanted.curves.items():
            np.testing.assert_allclose(
                np.array(found[name].curves[key], float), np.array(curve, float), rtol=ROUNDING, err_msg=f"{name} {key}"
            )
        decided, right = unpacked(found[name].predicted, 450, bits=4), unpacked(found[name].right, 450)
        assert decided is not None
        assert np.array_equal(decided == plan.dataset.test["label"], right), name
        assert (decided != unpacked(wanted.predicted, 450, bits=4)).sum() <= 1  # a tie, by rounding


def test_the_same_seed_starts_from_the_same_weights_in_every_arm(plan, whole):
    seeds = [lane.cell.seed for lane in plan.programs[0].program.lanes]
    assert seeds == [0, 1] * 3
    initial = [np.asarray(leaf) for leaf in jax.tree.leaves(whole.begin.state.task.params)]
    for leaf in initial:
        for lane in range(6):
            np.testing.assert_array_equal(leaf[lane], leaf[seeds[lane]])
    kernels = [leaf for leaf in initial if leaf.ndim == 3]
    assert kernels
    assert not any(np.array_equal(kernel[0], kernel[1]) for kernel in kernels)


def test_the_same_seed_sees_the_same_batches_in_every_arm(plan, lanes, whole, monkeypatch):
    seen: list[tuple[np.ndarray, np.ndarray]] = []
    advance = lanes.advance

    def watched(state, seed, hp, total, index, planted, begin, count, pool=None):
        seen.append((index, planted["label"]))
        return advance(state, seed, hp, total, index, planted, begin, count)

    monkeypatch.setattr(lanes, "advance", watched)
    train(lanes, wave_of(plan, range(6), 6))
    assert len(seen) == 2  # chunks of 10 steps
    for index, labels in seen:
        assert index.shape == labels.shape == (6, 10, 32)
        for lane in range(6):
            np.testing.assert_array_equal(index[lane], index[lane % 2])
            np.testing.assert_array_equal(labels[lane], labels[lane % 2])
        assert not np.array_equal(index[0], index[1])


def test_the_baseline_as_a_lane_equals_the_baseline_in_a_program_of_its_own():
    numbers = {
        "target": (choice("smooth_labels", alpha=0.2),),
        "objective": (choice("flood", level=2.25),),
        "loss": (choice("focal", gamma=2.0),),
        "penalty": (choice("l2", weight=0.1),),
        "clip": (choice("global_norm", max=0.1), choice("value", max=0.01)),
        "decay": (choice("coupled", weight=0.2), choice("decoupled", weight=0.3)),
        "dropout": (choice("spatial", rate=0.5),),
        "optimizer": (choice("momentum", learning_rate=0.1, beta=0.9),),
        "schedule": (choice("cosine"),),
        "average": (choice("ema", decay=0.9),),
    }
    merged = planned(small_config(seeds=1, vary=numbers))
    alone = planned(small_config(seeds=1, vary={"norm": (choice("batch"),)}))
    assert len(merged.cells) == 13
    assert [len(item.program.arms) for item in alone.programs] == [1, 1]
    (own,) = train(lanes_of(alone), wave_of(alone, [0], 2)).results
    home = next(item for item in merged.programs if "baseline" in item.program.arms)
    assert len(home.program.arms) >= 9
    cells = range(len(home.program.lanes))
    width = len(cells) + len(cells) % 2
    found = train(lanes_of(merged, item=home), wave_of(merged, cells, width, item=home)).results
    for name in ("train_loss", "val_loss", "val_accuracy", "learning_rate"):
        np.testing.assert_allclose(
            np.array(found[0].curves[name], float), np.array(own.curves[name], float), rtol=ROUNDING, err_msg=name
        )
    assert len({result.metrics["test_loss"] for result in found}) == len(cells)  # every trick does something


def test_a_study_of_numbers_compiles_its_step_once(tmp_path):
    rates = tuple(choice("sgd", learning_rate=rate) for rate in (0.05, 0.2, 0.4))
    smoothing = tuple(choice("smooth_labels", alpha=alpha) for alpha in (0.1, 0.2))
    cfg = small_config(vary={"optimizer": rates, "target": smoothing})
    cfg.train.lanes = 1  # 12 cells in 6 waves of a lane per device
    plan = planned(cfg)
    with compiled_functions() as names:
        rows = execute(plan, tmp_path)
    counts = Counter(names)
    assert len(plan.programs) == 1
    assert len(plan.programs[0].waves) == 6
    assert {row["status"] for row in rows} == {"done"}
    assert [counts[f"jit({name})"] for name in ("advance", "evaluate", "finish")] == [1, 1, 1]
    assert rows.progress["compiles"] == 5  # the three, summaries, and the initial values


def test_a_second_wave_compiles_nothing_and_compiling_anew_changes_nothing(plan, whole):
    lanes = lanes_of(plan)
    assert lanes.take_compiles() == []
    first = train(lanes, wave_of(plan, range(6), 6))
    assert len(lanes.executables) == 5
    assert sorted(each.seconds for each in lanes.take_compiles()) == sorted(e.seconds for e in lanes.executables)
    with compiled_functions() as names:
        for cells in ([2, 3], [4, 5], [1]):
            train(lanes, wave_of(plan, cells, 6))
    assert names == []
    assert lanes.take_compiles() == []
    assert lanes.step_compiles == 1
    assert list(first.results) == list(whole.results)


def test_long_stretches_between_evaluations_are_run_in_chunks_and_give_the_same_bits(monkeypatch):
    cfg = small_config(steps=25, eval_every=25)
    plan = planned(cfg)
    whole = train(lanes_of(plan), wave_of(plan, range(4), 4))
    monkeypatch.setattr(loop_module, "MOST_AT_ONCE", 10)
    lanes = lanes_of(plan)
    parts = train(lanes, wave_of(plan, range(4), 4))
    assert [state.step for state in whole.states] == [0, 25, 25]
    assert [state.step for state in parts.states] == [0, 10, 20, 25, 25]
    assert lanes.step_compiles == 1
    assert all(identical(whole.state(lane), parts.state(lane)) for lane in range(4))
