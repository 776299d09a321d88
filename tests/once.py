"""What follows from a program alone, made once for all runs of the same study in a process."""

import contextlib
from collections.abc import Iterator

import pytest

from ablate.runner import costs, execute
from ablate.runner.plan import ProgramPlan
from ablate.runner.waves import WaveRun
from ablate.study.programs import Lane
from ablate.train.lanes import Lanes


@contextlib.contextmanager
def programs_made_once() -> Iterator[None]:
    """Executables and counts of operations outlive a run: what is traced and compiled for one, the next one finds.

    For tests of files and of what is raised, which run one study many times. Everything else is done anew: planning,
    data, states, checkpoints, rows, reports. A program is known by its id, which tells choices by import path apart
    by their names only, and executables by their width as well, whose shapes they have.
    """
    executables: dict[tuple[str, int, int], Lanes] = {}
    operations: dict[str, float] = {}
    count = costs.operations_of

    def wave_run(item: ProgramPlan, members: list[Lane], width: int, lanes: Lanes) -> WaveRun:
        return WaveRun(item, members, width, executables.setdefault((item.program.id, width, lanes.together), lanes))

    def operations_of(item: ProgramPlan) -> float:
        if item.program.id not in operations:
            operations[item.program.id] = count(item)
        return operations[item.program.id]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(execute, "WaveRun", wave_run)
        patch.setattr(costs, "operations_of", operations_of)
        yield
