"""Figures drawn by several processes: drawing is most of what a report takes, and Python does one thing at a time.

    plots ── whoever is free takes the next ──┬── this process, once it wants files ──┬──> files, in the plots' order
                                              └── helpers, processes of this module ────┘

Helpers start when somebody expects to draw: a command that trains does before it loads JAX, since one processor is idle
then; so they have matplotlib loaded when there is something to draw. They draw from the moment that they are given
plots. Where one cannot start or fails, its plots are drawn here, to the same bytes.
"""

import collections
import contextlib
import functools
import os
import pickle
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import BinaryIO

from ablate.report.plots.plot import Plot

Files = list[tuple[str, bytes]]
Draw = Callable[[Sequence[Plot]], Iterator[tuple[str, bytes]]]
Helper = subprocess.Popen[bytes]
MOST_HELPERS = 3  # a report has five to twenty figures
PATIENCE = 60.0  # seconds to wait for the last plot of a helper before it is drawn here


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
    helpers = [helper for _ in range(min(MOST_HELPERS, (os.cpu_count() or 1) - 1)) if (helper := _start())]
    try:
        yield functools.partial(_shared, helpers) if helpers else in_turn
    finally:
        for helper in helpers:
            _end(helper)


def _start() -> Helper | None:
    pipe, nowhere = subprocess.PIPE, subprocess.DEVNULL
    command = [sys.executable, "-m", __name__]
    try:  # in a session of its own: who presses Ctrl-C asks us, not it
        return subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=nowhere, start_new_session=True)
    except OSError:  # no memory, no permission: there is another way
        return None


def _end(helper: Helper) -> None:
    helper.kill()
    for pipe in (helper.stdin, helper.stdout):
        with contextlib.suppress(OSError):
            pipe.close()  # type: ignore[union-attr]
    helper.wait()


def _shared(helpers: Sequence[Helper], plots: Sequence[Plot]) -> Iterator[tuple[str, bytes]]:
    """Gives the helpers plots at once, and their files, with those drawn here, when somebody wants them."""
    waiting, drawn = collections.deque(enumerate(plots)), dict[int, Files]()
    threads = [threading.Thread(target=_fed, args=(helper, waiting, drawn), daemon=True) for helper in helpers]
    for thread in threads:
        thread.start()
    return _all(plots, waiting, drawn, threads)


def _all(
    plots: Sequence[Plot],
    waiting: collections.deque[tuple[int, Plot]],
    drawn: dict[int, Files],
    threads: Sequence[threading.Thread],
) -> Iterator[tuple[str, bytes]]:
    with contextlib.suppress(IndexError):  # nothing waits any more
        while True:
            k, plot = waiting.popleft()
            drawn[k] = files_of(plot)
    for thread in threads:
        thread.join(PATIENCE)
    for k, plot in enumerate(plots):
        yield from drawn.get(k) or files_of(plot)


def _fed(helper: Helper, waiting: collections.deque[tuple[int, Plot]], drawn: dict[int, Files]) -> None:
    """Gives one helper plot after plot, as long as it draws them."""
    assert helper.stdin is not None
    assert helper.stdout is not None
    with contextlib.suppress(IndexError, OSError, ValueError, EOFError, pickle.UnpicklingError):
        while True:
            k, plot = waiting.popleft()
            pickle.dump(plot, helper.stdin)
            helper.stdin.flush()
            drawn[k] = pickle.load(helper.stdout)


def _serve(given: BinaryIO, give: BinaryIO) -> None:
    """Draws the plots that it is given, until there are no more."""
    from ablate.report.plots import figure

    with contextlib.suppress(EOFError):
        while True:
            pickle.dump(figure.figure_files(pickle.load(given)), give)
            give.flush()


if __name__ == "__main__":
    _serve(sys.stdin.buffer, sys.stdout.buffer)
