"""Being asked to stop: a flag that a signal sets and that the work looks at between its steps.

A handler that raised would raise wherever the interpreter happens to be: inside an import, or in a callback of the
garbage collector, where the exception is swallowed and the run goes on. So it only sets the flag. Imports nothing
heavy, since the command line listens from its first line on.
"""

import contextlib
import math
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

Between = Callable[[], None]  # called between two parts of some work; what it raises ends the work there
SIGNALS = (signal.SIGINT, signal.SIGTERM)
TOGETHER_SECONDS = 0.3  # signals that come so close are one
USAGE = 2  # the exit code where what was asked for cannot be
INTERRUPTED = 75  # the exit code: what was done is stored, the same command continues
FIRST = b"ablate: stopping as soon as what is done is safe; a second signal stops at once\n"
SECOND = b"ablate: stopped at once; the same command continues from what is stored\n"
SHOW_CURSOR = b"\x1b[?25h"  # a live display hides it, and is not asked to clean up


class Interrupted(Exception):
    """The work could not go on, or was asked to stop; what it had is stored, and the same call continues."""


def go_on() -> None:
    """A `Between` that nobody ever asks to stop."""


class Stop:
    """Whether a signal asked to stop."""

    def __init__(self) -> None:
        self.asked = False

    def check(self) -> None:
        """Between two steps of the work.

        Raises:
            Interrupted: somebody asked to stop.
        """
        if self.asked:
            raise Interrupted


def listen() -> Stop:
    """To the end of the process, SIGINT and SIGTERM ask to stop, and end the process at once the second time.

    A signal that is ignored (as `nohup` and shells in the background have it) stays ignored. Outside of the main
    thread nothing is changed, and nobody ever asks.
    """
    stop = Stop()
    _handle(dict.fromkeys(SIGNALS, _Asking(stop)))
    _hear_beside()
    return stop


class _Asking:
    """A handler that asks to stop, and ends the process the second time.

    Python calls handlers in the main thread, between two of its instructions: never, while that waits in a call of a
    library. A thread hears of the same signals and lets this know; whoever is the first to tell of one is obeyed.
    """

    def __init__(self, stop: Stop):
        self._stop, self._obeyed = stop, 0
        self._told = {"handler": (0, -math.inf), "thread": (0, -math.inf)}  # how many signals, and when the last one
        self._lock = threading.RLock()

    def __call__(self, number: int, frame: Any) -> None:
        self.tell("handler")

    def tell(self, who: str) -> None:
        """Of a signal; the two that `timeout` sends, to a process and to its group, are one."""
        with self._lock:
            (count, last), now = self._told[who], time.monotonic()
            if now - last < TOGETHER_SECONDS:
                return
            self._told[who] = count + 1, now
            if count + 1 > self._obeyed:
                self._obeyed = count + 1
                self._obey()

    def _obey(self) -> None:
        if self._stop.asked:
            _say((SHOW_CURSOR if os.isatty(2) else b"") + SECOND)
            os._exit(INTERRUPTED)
        self._stop.asked = True
        _say(FIRST)


_pipe: list[int] = []  # one for the process, where `main` may be called again and again


def _hear_beside() -> None:
    """A thread reads which signals come, as the C part of Python's handler writes them down at once."""
    with contextlib.suppress(ValueError, OSError, RuntimeError):  # not the main thread; no file or thread to be had
        if not _pipe:
            ends = os.pipe()
            os.set_blocking(ends[1], False)
            threading.Thread(target=_hear, args=(ends[0],), name="signals", daemon=True).start()
            _pipe.extend(ends)
        signal.set_wakeup_fd(_pipe[1], warn_on_full_buffer=False)


def _hear(end: int) -> None:
    while True:
        for number in os.read(end, 64):
            handler = signal.getsignal(number)
            if isinstance(handler, _Asking):
                handler.tell("thread")


@contextlib.contextmanager
def listening() -> Iterator[Stop]:
    """Listens as long as the block lasts, in a process that goes on to other things: a call from Python.

    The second signal means what it meant before the call, so that a notebook is interrupted and not ended.
    """
    stop, before = Stop(), {number: signal.getsignal(number) for number in SIGNALS}

    def ask(number: int, frame: Any) -> None:
        del number, frame
        stop.asked = True
        _handle(before)
        _say(FIRST)

    beside = _heard_beside(-1)  # or the thread would tell the earlier handler of the signal that gave way to it
    _handle(dict.fromkeys(SIGNALS, ask))
    try:
        yield stop
    finally:
        _handle(before)
        _heard_beside(beside)


def _heard_beside(end: int) -> int:
    """Where signals are written down from now on, for the thread; gives where they were until now."""
    with contextlib.suppress(ValueError, OSError):  # not the main thread; an end that was closed meanwhile
        return signal.set_wakeup_fd(end, warn_on_full_buffer=False)
    return -1


def _handle(handlers: dict[signal.Signals, Any]) -> None:
    with contextlib.suppress(ValueError):  # only the main thread may handle signals
        for number, handler in handlers.items():
            # None is a handler that was not set from Python, and that could not be set again.
            if signal.getsignal(number) not in (signal.SIG_IGN, None) and handler is not None:
                signal.signal(number, handler)


def _say(text: bytes) -> None:
    with contextlib.suppress(OSError):  # print is not safe here: it may interrupt another print
        os.write(2, text)
