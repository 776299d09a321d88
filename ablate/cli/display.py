"""What a person sees while a study trains: a live bar on a terminal, plain lines elsewhere; always on stderr."""

import time

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from ablate.report.wording import plural
from ablate.runner.plan import Plan, ProgramPlan

LINE_SECONDS = 10.0


def display_for(console: Console) -> "Live | Lines":
    """The live display where the console is a terminal, else plain lines."""
    return Live(console) if console.is_terminal and not console.is_dumb_terminal else Lines(console)


def _total(plan: Plan) -> int:
    return len(plan.cells) * plan.spec.train.steps


class Live:
    """One bar over all cell-steps, with the time left and the program that runs."""

    def __init__(self, console: Console):
        self._progress = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=None),
            MofNCompleteColumn(),
            TextColumn("cell-steps"),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
            console=console,
            transient=True,
        )
        self._task = self._progress.add_task("starting", total=None)

    def begin(self, plan: Plan, finished: int) -> None:
        """Shows the bar."""
        done = finished * plan.spec.train.steps
        self._progress.update(self._task, total=_total(plan), completed=done)
        self._progress.start()

    def program(self, item: ProgramPlan, cells: int) -> None:
        """Names the program that now runs."""
        self._progress.update(self._task, description=_program_line(item, cells))

    def steps(self, cell_steps: int) -> None:
        """Moves the bar."""
        self._progress.advance(self._task, cell_steps)

    def resumed(self, step: int, steps: int) -> None:
        """Says that a checkpoint goes on."""
        self._progress.console.print(_resumed(step, steps), markup=False, highlight=False)

    def end(self) -> None:
        """Takes the bar away."""
        self._progress.stop()


class Lines:
    """A line per program and one every few seconds, for logs."""

    def __init__(self, console: Console):
        self._console = console
        self._done = self._total = self._new = 0
        self._started = self._last = time.monotonic()

    def begin(self, plan: Plan, finished: int) -> None:
        """Says how much there is to do."""
        self._total, self._done = _total(plan), finished * plan.spec.train.steps
        programs = plural(len(plan.programs), "program")
        self._say(f"{len(plan.cells)} cells, {finished} already finished, {programs}")

    def program(self, item: ProgramPlan, cells: int) -> None:
        """Names the program that now runs."""
        self._say(_program_line(item, cells))

    def steps(self, cell_steps: int) -> None:
        """Every few seconds, how far it is and the time left."""
        self._done += cell_steps
        self._new += cell_steps
        now = time.monotonic()
        if now - self._last > LINE_SECONDS and self._new:
            left = (self._total - self._done) * (now - self._started) / self._new
            # The first steps come after a compile, which says nothing about the time left.
            words = f", about {left:.0f} s left" if self._new > self._total / 50 else ""
            self._say(f"{100 * self._done / self._total:.0f} % of all cell-steps{words}")
            self._last = now

    def resumed(self, step: int, steps: int) -> None:
        """Says that a checkpoint goes on."""
        self._say(_resumed(step, steps))

    def end(self) -> None:
        """Nothing stays open."""

    def _say(self, text: str) -> None:
        self._console.print(text, markup=False, highlight=False, soft_wrap=True)


def _resumed(step: int, steps: int) -> str:
    return f"continues from its checkpoint at step {step} of {steps}"


def _program_line(item: ProgramPlan, cells: int) -> str:
    arms = item.program.arms
    which = arms[0] if len(arms) == 1 else f"{len(arms)} arms"
    return f"program {item.program.id}: {cells} cells of {which}, {item.strategy.name}, {item.width} lanes"
