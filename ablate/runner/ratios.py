"""What a choice costs: time and memory of a training step, over those of a baseline without it.

    baseline's recipe ──one choice changed──> a program of its own ──in turns with the baseline's──> Ratio

A single lane on a single device. The machine may be busy with other things, and busier in one minute than in the next:
so the two programs run in turns, every turn gives a ratio, and what is told is the median with the least and the most.
"""

import statistics
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from ablate.runner.costs import Timed
from ablate.runner.interrupts import Between, Interrupted
from ablate.runner.plan import plan_of_cells, replan
from ablate.study.choices import Chosen
from ablate.study.design import Arm
from ablate.study.problems import ConfigError, first_line
from ablate.study.resolving import Spec

NETWORKS = ("model", "generator")  # axes by which a task says what it trains
TURNS, STEPS = 7, 10
TURN_SECONDS = 0.25  # of training steps; below it, a turn is mostly the noise of the clock and of other programs


class Ratio(NamedTuple):
    """What a choice costs.

    Args:
        time: seconds of a training step over the baseline's: the median of the turns; None where it does not run.
        least: the smallest ratio of a turn.
        most: the largest ratio of a turn.
        memory: bytes that a training step holds beside the data over the baseline's; None where not known.
        why: in a line, why it does not run beside this baseline.
    """

    time: float | None
    least: float | None = None
    most: float | None = None
    memory: float | None = None
    why: str = ""


class Baseline:
    """The recipe of a study, compiled once, against which choices are measured.

    Args:
        spec: the resolved config; its seeds, its design and what it varies do not matter.
        between: called between two runs; what it raises ends it there.

    Raises:
        ConfigError: its data or its network cannot be made.
    """

    def __init__(self, spec: Spec, between: Between):
        self._between = between
        self._recipe = spec.recipe
        self._plan = plan_of_cells(spec, (Arm("baseline", spec.recipe, {}),), spec.seeds[:1], name="costs")
        self._timed = Timed(self._plan.alone(self._plan.cells[0]), STEPS)
        self._turn(self._timed)  # compiles

    def told(self) -> str:
        """What is compared with, in words."""
        step = self._turn(self._timed)
        item, device = self._plan.programs[0], self._plan.devices[0]
        network = next((self._recipe[axis].label() for axis in NETWORKS if axis in self._recipe), "a network")
        data = self._recipe["data"].label()
        memory = f" and {self._timed.bytes / 2**20:.3g} MiB" if self._timed.bytes else ""
        return (
            f"baseline: {network} on {data}, {item.parameters:,} parameters, batches of {item.training.batch_size}: "
            f"{step * 1e3:.3g} ms{memory} per step of one cell on one {device.platform} device"
        )

    def ratios(self, choices: Iterable[Chosen]) -> Iterator[Ratio]:
        """What each choice costs in the place of the one that the baseline has on its axis, as soon as it is known."""
        for chosen in choices:
            yield self._ratio(Arm(chosen.name, {**self._recipe, chosen.axis: chosen}, {}))

    def _ratio(self, arm: Arm) -> Ratio:
        try:
            plan = replan(self._plan, (arm,), between=self._between)
            timed = Timed(plan.alone(plan.cells[0]), STEPS)
            self._turn(timed)  # compiles
            turns = [self._turn(timed) / self._turn(self._timed) for _ in range(TURNS)]
        except Interrupted:
            raise
        except ConfigError as error:
            return Ratio(None, why=error.problems[0].removeprefix(f"arm {arm.name!r}: "))
        except (Exception, SystemExit) as error:  # code of a trick or model, which may be the user's
            return Ratio(None, why=f"{type(error).__name__}: {first_line(error)}")
        memory = timed.bytes / self._timed.bytes if timed.bytes and self._timed.bytes else None
        return Ratio(statistics.median(turns), min(turns), max(turns), memory)

    def _turn(self, timed: Timed) -> float:
        """Seconds per step, from as many runs as it takes to be more than noise."""
        runs = [timed.seconds(self._between)]
        while sum(runs) * STEPS < TURN_SECONDS:
            runs.append(timed.seconds(self._between))
        return statistics.median(runs)
