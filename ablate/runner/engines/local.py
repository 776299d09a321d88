"""The devices of this process: one unit after the other, while the next program compiles beside."""

from collections import deque
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor, wait
from pathlib import Path

from ablate.data import DataSet
from ablate.results.schema import Environment
from ablate.runner.environment import machine
from ablate.runner.events import Event
from ablate.runner.interrupts import Stop
from ablate.runner.place import Place, place_here
from ablate.runner.units import Programs, Unit, run_wave
from ablate.train.checkpoints import Checkpoints


class LocalEngine:
    """Trains units in this process."""

    def place(self) -> Place:
        """All devices of this process."""
        return place_here()

    def machine(self) -> Environment:
        """This one."""
        return machine()

    def open(self, datasets: Mapping[str, DataSet], folder: Path) -> None:
        """The data lie on the devices from the first unit on that has them."""
        self._programs, self._folder = Programs(datasets), folder
        self._beside = ThreadPoolExecutor(1)
        self._ahead: dict[str, Future[None]] = {}  # by program

    def run(self, units: deque[Unit], stop: Stop) -> Iterator[Event]:
        """One after the other; of executables and data on devices, those of two programs at most are there."""
        while units and not stop.asked:
            unit = units.popleft()
            wait([self._ahead[unit.shape.program]] if unit.shape.program in self._ahead else [])
            upcoming = next((other for other in units if other.shape.program != unit.shape.program), None)
            self._programs.keep(*(each.shape.program for each in (unit, upcoming) if each))
            if upcoming and upcoming.shape.program not in self._ahead:  # what goes wrong there, its own turn tells
                prepared = self._beside.submit(self._programs.prepare, upcoming, stop.check)
                self._ahead[upcoming.shape.program] = prepared
            yield from run_wave(unit, self._programs, Checkpoints(self._folder / unit.key), stop)

    def close(self) -> None:
        """Waits for what compiles beside."""
        self._beside.shutdown()
        self._programs.keep()
