"""Executables that are compiled before their turn: from shapes alone, to the same bits, nothing left to compile."""

import gc
import threading
import weakref

import pytest

import ablate as package
from ablate import choice
from ablate.results.files import read_json
from ablate.runner import units
from ablate.runner.execute import execute
from ablate.runner.plan import make_plan
from ablate.study.resolving import resolve
from ablate.train.lanes import Executable, Lanes
from ablate.train.loop import Loop, prepare
from ablate.train.strategy import STRATEGIES

from .small import identical, planned, small_config, train, wave_of

CASES = [("scan", 4, 1, 2), ("scan", 4, 2, 1), ("vmap", 4, 1, 2), ("solo", 1, 1, 1), ("data", 1, 1, 2)]


@pytest.fixture(scope="module")
def plan():
    cfg = small_config(vary={"init": ("he",)})
    cfg.recipe.norm, cfg.recipe.dropout = choice("batch"), choice("dropout", rate=0.2)
    return planned(cfg)


@pytest.mark.parametrize(("strategy", "width", "together", "devices"), CASES)
def test_a_prepared_wave_compiles_nothing_and_gives_the_same_bits(
    plan, monkeypatch, strategy, width, together, devices
):
    (item,) = plan.programs
    order = [0, 2, 1, 3][:width]  # by seed

    def lanes():
        given = (item.task, STRATEGIES[strategy], plan.devices[:devices], item.dataset.stacked, item.evaluations)
        return Lanes(*given, together, item.in_common)

    wave = wave_of(plan, order, width)
    expected, prepared = train(lanes(), wave), lanes()
    prepare(prepared, wave)
    compiled, lower = [], Executable.prepare

    def watched(self, *given):
        compiled.extend([self] if self._compiled is None else [])
        lower(self, *given)

    monkeypatch.setattr(Executable, "prepare", watched)
    found = train(prepared, wave)
    assert compiled == []
    assert all(identical(expected.state(k), found.state(k)) for k in range(width))
    assert found.results == expected.results
    assert prepared.step_compiles == 1
    assert prepared.waited < min(each.seconds for each in prepared.executables)


def two_programs(**changes):
    cfg = package.base_config()
    cfg.model = choice("mlp", widths=(8,))
    cfg.vary.activation = ("tanh",)
    cfg.vary.norm = ("batch", "layer")
    cfg.train.update(steps=6, eval_every=3, batch_size=32, **changes)
    cfg.seeds = 2
    return make_plan(resolve(cfg), name="small")


def rows_of(directory):
    return {path.name: read_json(path) for path in (directory / "cells").glob("*.json")}


def test_the_next_program_is_compiled_by_another_thread_while_one_trains(tmp_path, monkeypatch):
    plan, threads, real = two_programs(), [], units.prepare

    def noted(lanes, wave, between):
        threads.append(threading.current_thread())
        real(lanes, wave, between)

    monkeypatch.setattr(units, "prepare", noted)
    execute(plan, tmp_path)
    assert len(threads) == len(plan.programs) - 1 > 0
    assert threading.main_thread() not in threads
    assert {row["status"] for row in rows_of(tmp_path).values()} == {"done"}


def test_what_cannot_be_prepared_is_told_when_it_is_its_turn(tmp_path, monkeypatch):
    def broken(lanes, wave, between):
        raise ValueError("not now")

    monkeypatch.setattr(units, "prepare", broken)
    execute(two_programs(), tmp_path / "unprepared")
    monkeypatch.undo()
    execute(two_programs(), tmp_path / "prepared")
    unprepared, prepared = rows_of(tmp_path / "unprepared"), rows_of(tmp_path / "prepared")
    assert unprepared.keys() == prepared.keys()
    assert all(unprepared[name]["metrics"] == row["metrics"] for name, row in prepared.items())


def test_a_program_that_raises_while_it_is_compiled_fails_once_and_the_others_train(tmp_path, monkeypatch):
    plan, last = two_programs(), []
    run = Loop.run

    def failing(self, begin):
        if len(last) == len(plan.programs) - 1:
            raise ValueError("wrong")
        last.append(1)
        return run(self, begin)

    monkeypatch.setattr(Loop, "run", failing)
    execute(plan, tmp_path)
    statuses = sorted(row["status"] for row in rows_of(tmp_path).values())
    assert statuses.count("failed") == len(plan.programs[-1].program.lanes)


def test_a_program_that_has_trained_is_let_go(tmp_path, monkeypatch):
    """Host and devices do not fill up over a long grid: at most the program that trains and the next one are there."""
    plan, alive, made = two_programs(), [], []
    real = units.lanes_of

    def noted(unit, dataset):
        gc.collect()
        alive.append(sum(each() is not None for each in made))
        lanes = real(unit, dataset)
        made.append(weakref.ref(lanes))
        return lanes

    monkeypatch.setattr(units, "lanes_of", noted)
    execute(plan, tmp_path)
    assert len(plan.programs) > 2
    assert len(alive) == len(plan.programs)
    assert max(alive) == 1
    gc.collect()
    assert sum(each() is not None for each in made) <= 1  # a frame of the test's own may hold the last one
