"""Figures drawn by two processes at once: drawing is most of what a report takes, and Python does one thing at a time.

    plots ──every second one, pickled──> a process of this module ──figure_files──> its bytes
      └────the others──figure_files──> the same bytes as from one process, in the order of the plots

The process starts before the tables are made, so that it has imported what it needs by the time there is something to
draw. Where it cannot start or fails, everything is drawn here.
"""

import contextlib
import itertools
import os
import pickle
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence

from ablate.report.plots.plot import Plot

Files = list[tuple[str, bytes]]
Draw = Callable[[Sequence[Plot]], Iterator[tuple[str, bytes]]]


def in_turn(plots: Sequence[Plot]) -> Iterator[tuple[str, bytes]]:
    """Every file of some plots, drawn here one by one when it is asked for."""
    for plot in plots:
        yield from files_of(plot)


def files_of(plot: Plot) -> Files:
    """The files of one plot; matplotlib is imported when the first one is drawn."""
    from ablate.report.plots import figure

    return figure.figure_files(plot)


@contextlib.contextmanager
def drawing() -> Iterator[Draw]:
    """A way to draw plots that uses a second process where there is a second processor."""
    helper = _start() if (os.cpu_count() or 1) > 1 else None
    if helper is None:
        yield in_turn
        return
    try:
        yield lambda plots: _in_two(plots, helper)
    finally:
        helper.kill()
        for pipe in (helper.stdin, helper.stdout):
            with contextlib.suppress(OSError):
                pipe.close()  # type: ignore[union-attr]
        helper.wait()


def _start() -> "subprocess.Popen[bytes] | None":
    pipe, nowhere = subprocess.PIPE, subprocess.DEVNULL
    try:
        return subprocess.Popen([sys.executable, "-m", __name__], stdin=pipe, stdout=pipe, stderr=nowhere)
    except OSError:  # no memory, no permission: there is another way
        return None


def _in_two(plots: Sequence[Plot], helper: "subprocess.Popen[bytes]") -> Iterator[tuple[str, bytes]]:
    mine, others = plots[::2], plots[1::2]
    sent = _send(helper, others)
    drawn = [files_of(plot) for plot in mine]
    theirs = (_received(helper, len(others)) if sent else None) or [files_of(plot) for plot in others]
    for pair in itertools.zip_longest(drawn, theirs, fillvalue=[]):
        yield from itertools.chain(*pair)


def _send(helper: "subprocess.Popen[bytes]", plots: Sequence[Plot]) -> bool:
    """Hands plots over; whether they went."""
    assert helper.stdin is not None
    try:
        helper.stdin.write(pickle.dumps(list(plots)))
        helper.stdin.close()
    except OSError:  # it has died
        return False
    return True


def _received(helper: "subprocess.Popen[bytes]", plots: int) -> list[Files] | None:
    """What the process drew; None where that is not all."""
    assert helper.stdout is not None
    try:
        drawn = pickle.loads(helper.stdout.read())
    except (OSError, EOFError, pickle.UnpicklingError):
        return None
    return drawn if len(drawn) == plots else None


def _serve(given: Callable[[], bytes], give: Callable[[bytes], object]) -> None:
    """Draws the plots that it is given."""
    plots: Iterable[Plot] = pickle.loads(given())
    give(pickle.dumps([files_of(plot) for plot in plots]))


if __name__ == "__main__":
    _serve(sys.stdin.buffer.read, sys.stdout.buffer.write)
