"""What a person sees while a study trains: a live bar on a terminal, plain lines elsewhere; always on stderr."""

import time
from collections.abc import Iterable, Sequence

from rich.console import Console, RenderableType
from rich.progress import BarColumn, Progress, TextColumn
from rich.text import Text

from ablate.cli.standings import Standings
from ablate.cli.stored import first_of, stored_lines
from ablate.report.wording import duration, plural
from ablate.results.schema import RowRecord
from ablate.runner.estimate import work_of_step
from ablate.runner.plan import Plan, ProgramPlan
from ablate.runner.reuse import Reuse

LINE_SECONDS = 10.0
SPEAKING = 0.02  # of the work must be timed before it says how long the rest takes


def display_for(console: Console) -> "Live | Lines":
    """The live display where the console is a terminal, else plain lines."""
    return Live(console) if console.is_terminal and not console.is_dumb_terminal else Lines(console)


class Pace:
    """How far a run is, and the time left: work by the operations that programs need, seconds of training alone.

    What passes between the beginning of a program and the end of its first steps is compiling, and in no rate.
    """

    def __init__(self) -> None:
        self.total = self.done = 0.0
        self._trained = self._seconds = 0.0
        self._since: float | None = None
        self._work: dict[str, float] = {}  # of a step of a cell, by program

    def begin(self, plan: Plan, reuse: Reuse) -> None:
        """A study, or its tuning."""
        self.total = self.done = 0.0
        self._work = {item.program.id: work_of_step(item) for item in plan.programs}
        for item in plan.programs:
            work = item.training.steps * self._work[item.program.id]
            self.total += work * len(item.program.lanes)
            self.done += work * sum(lane.cell.name in reuse.kept for lane in item.program.lanes)

    def program(self) -> None:
        """A program, which compiles first."""
        self._since = None

    def restored(self, item: ProgramPlan, cell_steps: int) -> None:
        """Steps that a checkpoint spares."""
        self.done += cell_steps * self._work[item.program.id]

    def steps(self, item: ProgramPlan, cell_steps: int) -> None:
        """Steps that were just trained."""
        now, work = time.monotonic(), cell_steps * self._work[item.program.id]
        self.done += work
        if self._since is not None:
            self._trained += work
            self._seconds += now - self._since
        self._since = now

    @property
    def compiling(self) -> bool:
        """Whether the program has not trained yet."""
        return self._since is None

    @property
    def share(self) -> float:
        """Of the work that is done, from 0 to 1."""
        return self.done / self.total if self.total else 0.0

    def left(self) -> str:
        """The time left, in words; empty as long as nobody knows."""
        if self._trained < self.total * SPEAKING or self.done >= self.total:
            return ""
        return f"about {duration((self.total - self.done) * self._seconds / self._trained)} left"


class Watched:
    """What both displays know of a run."""

    def __init__(self) -> None:
        self.pace, self.standings = Pace(), Standings()
        self._cells = self._ended = self._programs = self._program = 0

    def begin(self, plan: Plan, reuse: Reuse) -> list[str]:
        """Gives the lines that a run begins with."""
        self.pace.begin(plan, reuse)
        self.standings = Standings.of(plan, reuse.kept.values())
        self._cells, self._ended, self._program = len(plan.cells), len(reuse.kept), 0
        self._programs = sum(bool(item.missing(reuse.kept)) for item in plan.programs)
        return list(_opening(plan, reuse))

    def program(self, item: ProgramPlan, cells: int) -> str:
        """Gives a line about the program."""
        self._program += 1
        self.pace.program()
        lanes = f"{item.strategy.name}, {plural(item.width, 'lane')}"
        return f"{self.place}: {plural(cells, 'cell')} of {first_of(item.program.arms)}; {lanes}"

    def ended(self, row: RowRecord) -> None:
        """Counts a cell."""
        self._ended += 1
        self.standings.add(row)

    @property
    def place(self) -> str:
        """Which program runs; one that runs again with fewer lanes is the same one."""
        return f"program {min(self._program, self._programs)} of {self._programs}" if self._program else "prepares"

    @property
    def compiling(self) -> bool:
        """Whether the program that runs has not trained yet."""
        return self._program > 0 and self.pace.compiling

    @property
    def cells(self) -> str:
        """How many cells have ended."""
        return f"{self._ended} of {plural(self._cells, 'cell')}"


class Live:
    """A bar with the share of work done, cells ended and the time left; below it, which arms lead on validation."""

    def __init__(self, console: Console):
        self._watched = Watched()
        self._progress = _Bar(
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=None),
            TextColumn("{task.percentage:.0f} %"),
            TextColumn("{task.fields[cells]}", markup=False),
            TextColumn("{task.fields[left]}", markup=False),
            console=console,
            transient=True,
        )
        self._task = self._progress.add_task("starting", total=1.0, cells="", left="")

    def begin(self, plan: Plan, reuse: Reuse) -> None:
        """Says what there is to do, and shows the bar."""
        for line in self._watched.begin(plan, reuse):
            self._say(line)
        self._show()
        self._progress.start()

    def program(self, item: ProgramPlan, cells: int) -> None:
        """Names the program that now runs."""
        self._watched.program(item, cells)
        self._show()

    def steps(self, item: ProgramPlan, cell_steps: int) -> None:
        """Moves the bar."""
        self._watched.pace.steps(item, cell_steps)
        self._show()

    def resumed(self, item: ProgramPlan, step: int, cells: int) -> None:
        """Says that a checkpoint goes on."""
        self._watched.pace.restored(item, step * cells)
        self._say(_resumed(step, item.training.steps))

    def ended(self, row: RowRecord) -> None:
        """Counts a cell."""
        self._watched.ended(row)
        self._show()

    def end(self) -> None:
        """Takes the bar away."""
        self._progress.stop()

    def _show(self) -> None:
        watched = self._watched
        compiling = ", compiling" if watched.compiling else ""
        leading = watched.standings.lines()
        self._progress.below = (
            [f"{watched.standings.title} so far", *(f"  {line}" for line in leading)] if leading else []
        )
        self._progress.update(
            self._task,
            description=watched.place + compiling,
            completed=watched.pace.share,
            cells=watched.cells,
            left=watched.pace.left(),
        )

    def _say(self, text: str) -> None:
        self._progress.console.print(text, markup=False, highlight=False)


class _Bar(Progress):
    """A bar with lines of text below it, which are cut where the terminal ends."""

    below: Sequence[str] = ()

    def get_renderables(self) -> Iterable[RenderableType]:
        """The bar, then the lines."""
        yield from super().get_renderables()
        yield from (Text(line, no_wrap=True, overflow="ellipsis") for line in self.below)


class Lines:
    """A line per program and one every few seconds, for logs."""

    def __init__(self, console: Console):
        self._console, self._watched = console, Watched()
        self._last = time.monotonic()

    def begin(self, plan: Plan, reuse: Reuse) -> None:
        """Says what there is to do."""
        for line in self._watched.begin(plan, reuse):
            self._say(line)

    def program(self, item: ProgramPlan, cells: int) -> None:
        """Names the program that now runs."""
        self._say(self._watched.program(item, cells))

    def steps(self, item: ProgramPlan, cell_steps: int) -> None:
        """Every few seconds, how far it is and the time left."""
        pace = self._watched.pace
        pace.steps(item, cell_steps)
        if time.monotonic() - self._last > LINE_SECONDS:
            self._last = time.monotonic()
            parts = [f"{100 * pace.share:.0f} %", self._watched.cells, pace.left()]
            self._say("; ".join(filter(None, [", ".join(filter(None, parts)), self._watched.standings.line()])))

    def resumed(self, item: ProgramPlan, step: int, cells: int) -> None:
        """Says that a checkpoint goes on."""
        self._watched.pace.restored(item, step * cells)
        self._say(_resumed(step, item.training.steps))

    def ended(self, row: RowRecord) -> None:
        """Counts a cell."""
        self._watched.ended(row)

    def end(self) -> None:
        """Nothing stays open."""

    def _say(self, text: str) -> None:
        self._console.print(text, markup=False, highlight=False, soft_wrap=True)


def _opening(plan: Plan, reuse: Reuse) -> Iterable[str]:
    """How much there is to do, what is used again, and why the rest is not."""
    sizes = f"{plural(len(plan.arms), 'arm')}, {plural(len(plan.spec.seeds), 'seed')}"
    yield f"{plural(len(plan.cells), 'cell')} ({sizes}) in {plural(len(plan.programs), 'program')}"
    yield from stored_lines(reuse)


def _resumed(step: int, steps: int) -> str:
    return f"continues from its checkpoint at step {step} of {steps}"
