"""The plan of a study: everything that is known before anything is trained."""

import dataclasses
import functools
from collections.abc import Mapping
from typing import Any
from weakref import WeakKeyDictionary

import jax
import numpy as np

from ablate.data import NOISE_KINDS, DataError, Dataset, Sampling, Split, tfds_dataset
from ablate.runner.backend import wrong_numbers
from ablate.runner.interrupts import Between, go_on
from ablate.study.cells import Cell, cells_of, jsonable
from ablate.study.design import Arm, arms_of, at_off
from ablate.study.problems import ConfigError, unknown
from ablate.study.programs import Lane, Program, Slot, programs_of
from ablate.study.resolving import Spec
from ablate.study.tuning import tuning_arms
from ablate.train.keys import split_of
from ablate.train.lanes import Device, advance_one, close_one, evaluate_one
from ablate.train.loop import LaneJob, no_metrics
from ablate.train.parts import Compiled
from ablate.train.seams import SeamError
from ablate.train.step import Classification, State
from ablate.train.strategy import STRATEGIES, Strategy, Wave, choose, waves
from ablate.tricks.scale import ImageStats

SEED_VARIES = ("initial weights", "batch order", "augmentation", "dropout", "the train/validation split", "label noise")


@dataclasses.dataclass(frozen=True)
class ProgramPlan:
    """A program with the way it will run."""

    program: Program
    task: Classification
    strategy: Strategy
    why: str
    waves: tuple[Wave, ...]
    parameters: int
    state_bytes: int

    @property
    def width(self) -> int:
        """Lanes of every wave, padding included."""
        return self.waves[0].width


@dataclasses.dataclass(frozen=True)
class Plan:
    """A study, ready to run on `devices`."""

    name: str
    question: str
    command: str
    asked: str | None  # the strategy that was asked for
    spec: Spec
    arms: tuple[Arm, ...]
    cells: tuple[Cell, ...]
    programs: tuple[ProgramPlan, ...]
    dataset: Dataset
    sampling: Sampling
    devices: tuple[Device, ...]

    @property
    def eval_batch_size(self) -> int:
        """One batch for the validation split where it fits, so that little is padded."""
        _, validation = split_sizes(self.dataset, self.sampling)
        size = min(self.spec.train.eval_batch_size, validation or len(self.dataset.test_labels))
        across = len(self.devices) if any(p.strategy.sharded for p in self.programs) else 1
        return -(-size // across) * across


def make_plan(
    spec: Spec,
    *,
    name: str,
    question: str = "",
    command: str = "",
    strategy: str | None = None,
    between: Between = go_on,
) -> Plan:
    """Arms, cells, programs and strategies of a study; compiles and trains nothing.

    Args:
        spec: the resolved config.
        name: of the study.
        question: that it asks.
        command: that asked for it.
        strategy: how programs run; chosen by platform if not given.
        between: called between two steps of planning; what it raises ends it there.

    Raises:
        ConfigError: with every problem that shows before the first compile.
    """
    if strategy is not None and strategy not in STRATEGIES:
        raise ConfigError([unknown("strategy", "strategy", strategy, STRATEGIES)])
    arms = arms_of(spec)
    tuning_arms(spec, arms)  # its problems, too, show before anything compiles
    dataset, sampling = _load(spec)
    between()
    empty = Plan(name, question, command, strategy, spec, arms, (), (), dataset, sampling, _devices())
    return replan(empty, arms, between=between)


def replan(plan: Plan, arms: tuple[Arm, ...], spec: Spec | None = None, *, between: Between = go_on) -> Plan:
    """The same study with other arms, and other seeds where another `spec` says so; `between` as in `make_plan`.

    Raises:
        ConfigError: with every problem that shows when programs are traced.
    """
    spec = spec or plan.spec
    cells = cells_of(spec, arms, plan.dataset.fingerprint())
    stats = image_stats(plan.dataset)
    found = []
    for program in programs_of(cells):
        between()
        found.append(_plan_program(plan, spec, stats, program))
    problems = [problem for problem in found if isinstance(problem, str)]
    if problems:
        raise ConfigError(problems)
    programs = tuple(item for item in found if isinstance(item, ProgramPlan))
    return dataclasses.replace(plan, spec=spec, arms=arms, cells=cells, programs=programs)


def _devices() -> tuple[Device, ...]:
    try:
        devices = tuple(jax.devices())
    except RuntimeError as error:
        raise ConfigError([f"JAX found no devices to run on: {_first_line(error)}"]) from error
    wrong = wrong_numbers() if devices[0].platform == "cpu" else None
    if wrong:
        raise ConfigError([wrong])
    return devices


def split_sizes(dataset: Dataset, sampling: Sampling) -> tuple[int, int]:
    """Training and validation images of every seed."""
    split = _split(0, dataset, sampling)
    return len(split.train), len(split.validation)


def _load(spec: Spec) -> tuple[Dataset, Sampling]:
    names = {field.name for field in dataclasses.fields(Sampling)}
    arguments = dict(spec.data.arguments)
    sampling = Sampling(**{name: arguments.pop(name) for name in names})
    problems = []
    if sampling.noise_kind not in NOISE_KINDS:
        problems.append(unknown("data.noise_kind", "value", sampling.noise_kind, NOISE_KINDS))
    try:
        own = spec.data.choice.make
        dataset = own(spec.data.name, **arguments) if own is tfds_dataset else own(**arguments)
    except DataError as error:
        raise ConfigError([*problems, str(error)]) from error
    except (Exception, SystemExit) as error:  # a data set by import path is the user's code
        raise ConfigError([*problems, f"data: {type(error).__name__}: {_first_line(error)}"]) from error
    if not isinstance(dataset, Dataset):
        raise ConfigError([*problems, f"data: {spec.data.name!r} gave a {type(dataset).__name__}; return a Dataset"])
    train, _ = split_sizes(dataset, sampling)
    if spec.train.batch_size > train:
        problems.append(f"train.batch_size: {spec.train.batch_size} is more than the {train} training images")
    if problems:
        raise ConfigError(problems)
    return dataset, sampling


def compiled(slots: Mapping[str, tuple[Slot, ...]]) -> Compiled:
    """Slots as training sees them: the choice and its static arguments."""
    return {axis: tuple((slot.choice, dict(slot.static)) for slot in found) for axis, found in slots.items()}


def made_of(lane: Lane) -> Compiled:
    """The choices that make a lane's initial values."""
    return compiled({slot.axis: (slot,) for slot in lane.init})


def lane_job(lane: Lane, dataset: Dataset, sampling: Sampling) -> LaneJob:
    """A cell as the training loop sees it."""
    return LaneJob(
        seed=lane.cell.draw,
        hp=lane.hp,
        made=made_of(lane),
        made_key=lane.init,
        init_hp=lane.init_hp,
        split=_split(lane.cell.draw, dataset, sampling),
    )


_SPLITS: WeakKeyDictionary[Dataset, dict[tuple[int, Sampling], Split]] = WeakKeyDictionary()


def _split(seed: int, dataset: Dataset, sampling: Sampling) -> Split:
    """Lanes of one seed share a split; it is drawn once, and kept as long as its data set."""
    splits = _SPLITS.setdefault(dataset, {})
    if (seed, sampling) not in splits:
        splits[seed, sampling] = split_of(seed, dataset.labels, dataset.classes, sampling)
    return splits[seed, sampling]


def image_stats(dataset: Dataset) -> ImageStats:
    """Channel mean and sd of the pool, in units of [0, 1] images."""
    return ImageStats(*dataset.channel_stats())  # type: ignore[arg-type]  # arrays of float32


def evaluations_of(spec: Spec) -> int:
    """How often a run is evaluated: before the first step, every `eval_every` steps, after the last."""
    return len(range(0, spec.train.steps, spec.train.eval_every)) + 1


def _plan_program(plan: Plan, spec: Spec, stats: ImageStats, program: Program) -> ProgramPlan | str:
    dataset, devices = plan.dataset, plan.devices
    task = Classification(compiled(program.slots), dataset.classes, stats, evaluations_of(spec))
    for lane in _distinct(program):
        try:
            state, text = _trace(task, lane, dataset, spec.train.batch_size)
        except (Exception, SystemExit) as error:  # model and trick code: what it raises is a problem of the config
            kind = "" if isinstance(error, SeamError) else f"{type(error).__name__}: "
            return f"arm {lane.cell.arm.name!r}: {kind}{_first_line(error)}"
    found, why = choose(devices[0].platform, convolutions="conv_general_dilated" in text)
    if plan.asked not in (None, found.name):
        found, why = STRATEGIES[plan.asked], "asked for"
    if found.sharded and spec.train.batch_size % len(devices):
        return f"train.batch_size: {spec.train.batch_size} cannot be split over {len(devices)} devices (strategy data)"
    spread = waves(len(program.lanes), len(devices), found, spec.train.lanes)
    parameters = sum(leaf.size for leaf in jax.tree.leaves(state.params))
    size = sum(leaf.size * leaf.dtype.itemsize for leaf in jax.tree.leaves(state))
    return ProgramPlan(program, task, found, why, spread, parameters, size)


def _distinct(program: Program) -> list[Lane]:
    """One lane for each way of making initial values: they are traced, to find problems early."""
    return list({lane.init: lane for lane in reversed(program.lanes)}.values())


def _trace(task: Classification, lane: Lane, dataset: Dataset, batch_size: int) -> tuple[State, str]:
    """Shapes of the state, and the step as text; evaluation is traced for its errors. Compiles nothing."""
    hp, init_hp = jax.tree.map(np.float32, (lane.hp, lane.init_hp))
    images = np.zeros((batch_size, *dataset.shape), np.uint8)
    init = functools.partial(task.init, made_of(lane))
    state = jax.eval_shape(init, np.uint32(0), init_hp, hp, images)
    index = np.zeros((1, batch_size), np.int32)
    step = jax.make_jaxpr(advance_one(task))(state, images, np.uint32(0), hp, np.float32(1), index, index, np.int32(1))
    weights, number = np.zeros(batch_size, np.float32), np.int32(0)
    metrics = jax.eval_shape(evaluate_one(task), no_metrics(), state, images, hp, index[0], index[0], weights)
    jax.eval_shape(close_one(task), state, metrics, hp, np.float32(1), number)
    return state, str(step)


def _first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [""])[0]


def study_json(plan: Plan) -> dict[str, Any]:
    """The content of study.json."""
    spec, (train, validation) = plan.spec, split_sizes(plan.dataset, plan.sampling)
    owner = {lane.cell.name: p.program.id for p in plan.programs for lane in p.program.lanes}
    return {
        "format": 1,
        "name": plan.name,
        "question": plan.question,
        "command": plan.command,
        "config": jsonable(spec.plain),
        "design": spec.design,
        "baseline": plan.arms[0].name,
        "arms": [_arm_json(arm) for arm in plan.arms],
        "seeds": list(spec.seeds),
        "paired": spec.paired,
        "metric": {
            "name": spec.report.metric,
            "higher_is_better": spec.report.higher_is_better,
            "margin": spec.report.margin,
        },
        "alpha": spec.report.alpha,
        "data": {
            "name": spec.data.name,
            "arguments": jsonable(spec.data.arguments),
            "classes": plan.dataset.classes,
            "shape": list(plan.dataset.shape),
            "train": train,
            "validation": validation,
            "test": len(plan.dataset.test_labels),
            "description": plan.dataset.description,
        },
        "train": {name: getattr(spec.train, name) for name in ("steps", "batch_size", "eval_every", "lanes")},
        "seed_varies": list(SEED_VARIES),
        "warnings": list(at_off(spec)),
        "cells": [
            {"cell": cell.name, "arm": cell.arm.name, "seed": cell.seed, "program": owner[cell.name]}
            for cell in plan.cells
        ],
        "programs": [_program_json(plan, item) for item in plan.programs],
        "fingerprint": plan.cells[0].identity["source"],
    }


def _arm_json(arm: Arm) -> dict[str, Any]:
    return {
        "name": arm.name,
        "changes": {axis: jsonable(chosen.plain()) for axis, chosen in arm.changes.items()},
        "recipe": {axis: jsonable(chosen.plain()) for axis, chosen in arm.recipe.items()},
    }


def _program_json(plan: Plan, item: ProgramPlan) -> dict[str, Any]:
    return {
        "id": item.program.id,
        "arms": list(item.program.arms),
        "cells": [lane.cell.name for lane in item.program.lanes],
        "lanes": item.width,
        "waves": len(item.waves),
        "devices": len(plan.devices),
        "strategy": item.strategy.name,
        "why": item.why,
        "parameters": item.parameters,
        "structure": {axis: [slot.label() for slot in slots] for axis, slots in item.program.slots.items()},
    }
