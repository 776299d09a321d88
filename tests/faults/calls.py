"""Every call of Python to the file system below a directory, each of which can be made to fail, or to be the last.

Python's audit events tell them all, those of Orbax too; only what is written into an open file and flushed to the disk
has no event and is patched. What TensorStore writes by itself is not seen here.
"""

import dataclasses
import errno
import os
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import pytest


class Killed(BaseException):
    """The process is dead: nothing catches it, and no call reaches the disk any more."""


class Call(NamedTuple):
    """What is done to which kind of file."""

    what: str
    place: str

    @property
    def changes(self) -> bool:
        """Whether the disk is another one afterwards."""
        return self.what not in ("read", "list", "lock")


OPERATIONS = {
    "os.mkdir": "make folder",
    "os.remove": "remove",
    "os.rmdir": "remove",
    "os.rename": "rename",
    "os.chmod": "chmod",
    "os.listdir": "list",
    "os.scandir": "list",
    "fcntl.flock": "lock",
}
WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC
# One of each kind: they are written by the same lines.
KINDS = {
    r"\.(?P<name>.+)\.[a-z0-9_]{8}\.part$": r"\g<name>.part",
    r"^(cells|weights|figures)/.*?(\.part)?$": r"\1/*\2",
    r"^(.+\.csv|report\..+?)(\.part)?$": r"report\2",
    r"^checkpoints/[0-9a-f]{8}\.": "checkpoints/PROGRAM.",
    r"^checkpoints/[0-9a-f]{12}(/here)?": "checkpoints/WAVE",
    r"/\d+(?=[./]|$)": "/STEP",
    r"(/STEP[^/]*)/.+/(d|ocdbt[^/]*|ARRAYS)(/.*)?$": r"\1/*",
}


def kind_of(relative: str) -> str:
    """The kind of a file, by its name below the run's directory."""
    for pattern, name in KINDS.items():
        relative = re.sub(pattern, name, relative)
    return relative


@dataclasses.dataclass
class Watch:
    """The calls below a directory while it is watched, and what happens at them.

    `at` gives, for a call, the exception that it ends with, or None; it is asked until it has given one.
    """

    directory: Path
    at: Callable[[Call], BaseException | None] = lambda call: None
    seen: list[Call] = dataclasses.field(default_factory=list)
    hit: Call | None = None
    dead: bool = False

    def meet(self, what: str, path: Any) -> None:
        """A call that is about to be made."""
        relative = self._relative(path)
        if relative is None:
            return
        if self.dead:
            raise Killed
        call = Call(what, kind_of(relative))
        self.seen.append(call)
        error = None if self.hit else self.at(call)
        if error is not None:
            self.hit, self.dead = call, isinstance(error, Killed)
            raise error

    def _relative(self, path: Any) -> str | None:
        if not isinstance(path, str | os.PathLike):
            return None
        below, root = os.fspath(path), str(self.directory)
        return below[len(root) :].lstrip("/") or "." if below == root or below.startswith(f"{root}/") else None


_watch: Watch | None = None  # an audit hook cannot be taken away again


def _hear(event: str, arguments: tuple[Any, ...]) -> None:
    if _watch is None or not (event == "open" or event in OPERATIONS):
        return
    path, *others = arguments
    if event == "open":
        mode, flags = others
        writes = bool(flags & WRITING) if mode is None else any(letter in mode for letter in "wax+")
        _watch.meet("create" if writes else "read", path)
    else:
        folder = others[-1] if event in ("os.remove", "os.rmdir") else -1
        _watch.meet(OPERATIONS[event], _path_of(path, folder))


def _path_of(path: Any, folder: int = -1) -> Any:
    """The whole path of a file, which calls may name by its number, or below an open folder."""
    if isinstance(path, int):
        return os.readlink(f"/proc/self/fd/{path}")
    return path if folder == -1 or os.path.isabs(path) else f"{os.readlink(f'/proc/self/fd/{folder}')}/{path}"


class _Written:
    """An open file whose writes are met."""

    def __init__(self, file: Any, path: str):
        self._file, self._path = file, path

    def __enter__(self) -> "_Written":
        return self

    def __exit__(self, *raised: object) -> None:
        self._file.close()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)

    def write(self, data: bytes) -> int:
        """Half of it is on the disk where it does not come to its end."""
        half = len(data) // 2
        self._file.write(data[:half])
        self._file.flush()
        if _watch is not None:
            _watch.meet("write", self._path)
        return half + self._file.write(data[half:])


@contextmanager
def watched(watch: Watch) -> Iterator[Watch]:
    """Watches a directory as long as the block lasts."""
    global _watch
    if _hear not in _hooks:
        sys.addaudithook(_hear)
        _hooks.append(_hear)
    fdopen = os.fdopen

    def met_fsync(handle: int) -> None:
        watch.meet("sync", _path_of(handle))  # and no more: the machine goes on, so nothing is lost without

    def met_fdopen(handle: int, *how: Any, **named: Any) -> Any:
        return _Written(fdopen(handle, *how, **named), _path_of(handle))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", met_fsync)
        patch.setattr(os, "fdopen", met_fdopen)
        _watch = watch
        try:
            yield watch
        finally:
            _watch = None


_hooks: list[Any] = []


def refused(number: int) -> OSError:
    """An error of the system, as a call raises it."""
    return OSError(number, os.strerror(number), "somewhere")


CODES = {errno.ENOSPC: 75, errno.EIO: 75, errno.EACCES: 2}  # how a run ends that meets them
