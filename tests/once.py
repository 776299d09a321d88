"""What follows from a program alone, made once for all runs of the same study in a process."""

import contextlib
import dataclasses
import itertools
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from ablate.data import DataSet
from ablate.runner import costs, plan, units
from ablate.runner.plan import Plan, ProgramPlan
from ablate.runner.units import Unit
from ablate.study.programs import Program
from ablate.train.lanes import Lanes


@contextlib.contextmanager
def traces_made_once() -> Iterator[None]:
    """A program that was traced for one plan is known to the next: tests plan the same few over and over.

    The same is what has the same code: choices and tasks are told apart by their functions, not by their names alone.
    """
    traced: dict[Any, ProgramPlan] = {}
    trace = plan._traced_plan

    def traced_once(own: Plan, program: Program, inputs: Mapping[str, Any], dataset: DataSet, training: Any) -> Any:
        key = _key(own, program, dataset, training)
        if key not in traced:
            traced[key] = trace(own, program, inputs, dataset, training)
        return dataclasses.replace(traced[key], program=program, inputs=inputs, dataset=dataset)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(plan, "_traced_plan", traced_once)
        yield


def _key(own: Plan, program: Program, dataset: DataSet, training: Any) -> Any:
    inits = sorted({lane.init for lane in program.lanes}, key=lambda init: [slot.label() for slot in init])
    slots = itertools.chain(*program.slots.values(), *inits)
    code = tuple((slot.axis, slot.label(), slot.choice.make) for slot in slots)
    task = own.spec.task.choice.make, repr(own.spec.task.arguments)
    return task, code, len(inits), dataset.fingerprint(), repr(training), own.asked, repr(own.place)


@contextlib.contextmanager
def programs_made_once() -> Iterator[None]:
    """Executables and counts of operations outlive a run: what is compiled for one, the next one finds.

    For tests of files and of what is raised, which run one study many times. Everything else is done anew: planning,
    data, states, checkpoints, rows, reports. A program is known by its task, which `traces_made_once` makes once.
    """
    executables: dict[Any, Lanes] = {}
    operations: dict[str, float] = {}
    count, lanes_of = costs.operations_of, units.lanes_of

    def lanes_made_once(unit: Unit, dataset: DataSet) -> Lanes:
        wave = unit.wave
        numbers = wave.steps, wave.batch_size, wave.eval_every, wave.eval_batch_size, unit.streamed, repr(unit.shared)
        key = id(unit.task), unit.shape, dataset.fingerprint(), unit.strategy.name, repr(unit.place), *numbers
        if key not in executables:
            executables[key] = lanes_of(unit, dataset)
        return executables[key]

    def operations_of(item: ProgramPlan) -> float:
        if item.program.id not in operations:
            operations[item.program.id] = count(item)
        return operations[item.program.id]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(units, "lanes_of", lanes_made_once)
        patch.setattr(costs, "operations_of", operations_of)
        yield
