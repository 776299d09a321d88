"""What a run asks of whoever trains its units."""

from collections import deque
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Protocol

from ablate.data import DataSet
from ablate.results.schema import Environment
from ablate.runner.events import Event
from ablate.runner.interrupts import Stop
from ablate.runner.place import Place
from ablate.runner.units import Unit


class Engine(Protocol):
    """Trains units somewhere; it writes no rows and knows no plan."""

    def place(self) -> Place:
        """What a unit will run on; asked before a study is planned."""
        ...

    def machine(self) -> Environment:
        """Versions and hardware of what the units run on, as `environment.machine` tells them."""
        ...

    def open(self, datasets: Mapping[str, DataSet], folder: Path) -> None:
        """Begins to train the units of one study.

        Args:
            datasets: by `data_id`.
            folder: for checkpoints.
        """
        ...

    def run(self, units: deque[Unit], stop: Stop) -> Iterator[Event]:
        """Takes units from the left until there are none and tells what becomes of them, in any order.

        Between two events others may be put in or taken out. Once `stop` is asked, no more are begun, and those that
        train are stopped with a checkpoint.
        """
        ...

    def close(self) -> None:
        """Lets go of what `open` took."""
        ...
