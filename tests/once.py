"""What follows from a program alone, made once for all runs of the same study in a process."""

import contextlib
from collections.abc import Iterator

import pytest

from ablate.data import DataSet
from ablate.runner import costs, units
from ablate.runner.plan import ProgramPlan
from ablate.runner.units import Shape, Unit
from ablate.train.lanes import Lanes


@contextlib.contextmanager
def programs_made_once() -> Iterator[None]:
    """Executables and counts of operations outlive a run: what is traced and compiled for one, the next one finds.

    For tests of files and of what is raised, which run one study many times. Everything else is done anew: planning,
    data, states, checkpoints, rows, reports. A program is known by its id, which tells choices by import path apart
    by their names only, and executables by their width as well, whose shapes they have.
    """
    executables: dict[Shape, Lanes] = {}
    operations: dict[str, float] = {}
    count, lanes_of = costs.operations_of, units.lanes_of

    def lanes_made_once(unit: Unit, dataset: DataSet) -> Lanes:
        if unit.shape not in executables:
            executables[unit.shape] = lanes_of(unit, dataset)
        return executables[unit.shape]

    def operations_of(item: ProgramPlan) -> float:
        if item.program.id not in operations:
            operations[item.program.id] = count(item)
        return operations[item.program.id]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(units, "lanes_of", lanes_made_once)
        patch.setattr(costs, "operations_of", operations_of)
        yield
