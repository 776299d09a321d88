"""Figures drawn by several processes: drawing is most of what a report takes, and Python does one thing at a time.

    plots ──> helper, a process of this module that has matplotlib loaded ──┬── a copy of it ──┬──> files, in order
                                                                            └── per processor ─┘

The helper starts when somebody expects to draw: a command that trains does before it loads JAX, since one processor is
idle then. Its copies (`fork`) have matplotlib loaded as it has, so that it is loaded once, and never here. It draws
from the moment that it is given plots, while this process writes tables. Where it cannot start or fails, what is left
is drawn here, to the same bytes.
"""

import contextlib
import functools
import multiprocessing
import os
import pickle
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from typing import BinaryIO

from ablate.report.plots.plot import Lines, Panel, Plot
from ablate.report.plots.scales import Scale

Files = list[tuple[str, bytes]]
Draw = Callable[[Sequence[Plot]], Iterator[tuple[str, bytes]]]
Drawn = queue.SimpleQueue[Files]
Helper = subprocess.Popen[bytes]
MOST_COPIES = 4  # a report has five to twenty figures
PATIENCE = 60.0  # seconds to wait for a plot of the helper before it is drawn here


def in_turn(plots: Sequence[Plot]) -> Iterator[tuple[str, bytes]]:
    """Every file of some plots, drawn here one by one when it is asked for."""
    for plot in plots:
        yield from files_of(plot)


def files_of(plot: Plot) -> Files:
    """The files of one plot; matplotlib is imported when the first one is drawn."""
    from ablate.report.plots import figure

    return figure.figure_files(plot)


@contextlib.contextmanager
def drawing(draw: Draw | None = None) -> Iterator[Draw]:
    """A way to draw plots that uses further processes where there are processors for them; `draw` if there is one."""
    if draw is not None:
        yield draw
        return
    helper = _start() if (os.cpu_count() or 1) > 1 else None
    if helper is None:
        yield in_turn
        return
    try:
        yield functools.partial(_helped, helper)
    finally:
        _end(helper)


def _start() -> Helper | None:
    pipe, nowhere = subprocess.PIPE, subprocess.DEVNULL
    command = [sys.executable, "-m", __name__]
    # A process with threads, such as those of a linear algebra library, had better not be copied.
    environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
    try:  # in a session of its own: who presses Ctrl-C asks us, not it
        return subprocess.Popen(
            command, stdin=pipe, stdout=pipe, stderr=nowhere, start_new_session=True, env=environment
        )
    except OSError:  # no memory, no permission: there is another way
        return None


def _end(helper: Helper) -> None:
    """At once, its copies as well; it may have ended before."""
    with contextlib.suppress(OSError):
        os.killpg(helper.pid, signal.SIGKILL)
    helper.kill()
    for pipe in (helper.stdin, helper.stdout):
        with contextlib.suppress(OSError):
            pipe.close()  # type: ignore[union-attr]
    helper.wait()


def _helped(helper: Helper, plots: Sequence[Plot]) -> Iterator[tuple[str, bytes]]:
    """Gives the helper all plots at once, and their files when somebody wants them."""
    drawn: Drawn = queue.SimpleQueue()
    threading.Thread(target=_fed, args=(helper, plots, drawn), daemon=True).start()
    return _all(helper, plots, drawn)


def _all(helper: Helper, plots: Sequence[Plot], drawn: Drawn) -> Iterator[tuple[str, bytes]]:
    """Files as they were drawn, in the order of the plots; from the first that does not come on, drawn here."""
    for done in range(len(plots)):
        try:
            files = drawn.get(timeout=PATIENCE)
        except queue.Empty:
            files = []
        if not files:
            _end(helper)  # or what it still draws would be taken for what it is given next
            yield from in_turn(plots[done:])
            return
        yield from files


def _fed(helper: Helper, plots: Sequence[Plot], drawn: Drawn) -> None:
    """Gives the helper plots and takes their files, as long as it draws them; no files where it does not."""
    assert helper.stdin is not None
    assert helper.stdout is not None
    try:
        with contextlib.suppress(OSError, ValueError, EOFError, pickle.UnpicklingError):
            pickle.dump(plots, helper.stdin)
            helper.stdin.flush()
            for _ in plots:
                drawn.put(pickle.load(helper.stdout))
    finally:
        drawn.put([])


def _serve(given: BinaryIO, give: BinaryIO) -> None:
    """Draws the plots that it is given, until there are no more."""
    from ablate.report.plots import figure

    axis = Scale(0.0, 1.0, (0.0, 1.0), "any")
    figure.figure_files(Plot("any", "", "", Lines((Panel("any", ()),), axis, axis)))  # loads fonts and styles, for all
    way = multiprocessing.get_context("fork" if "fork" in multiprocessing.get_all_start_methods() else None)
    copies = ProcessPoolExecutor(min(MOST_COPIES, os.cpu_count() or 1), way)
    with copies, contextlib.suppress(EOFError):
        while True:
            for files in copies.map(figure.figure_files, pickle.load(given)):
                pickle.dump(files, give)
                give.flush()


if __name__ == "__main__":
    _serve(sys.stdin.buffer, sys.stdout.buffer)
