"""Checkpoints of a running wave, kept by Orbax: written whole or not at all, only the newest kept.

Orbax keeps no checksum over the numbers themselves, and a flipped bit restores as another number. So a digest of all of
them is stored in the same save, and a checkpoint whose numbers do not give it is as good as none. Orbax is loaded
when the first one is written or looked for, which short studies never do.
"""

import contextlib
import errno
import hashlib
import logging
import os
import re
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import jax
import numpy as np
from jaxtyping import UInt8

from ablate.results.files import StorageError, storing
from ablate.train.loop import LoopState

if TYPE_CHECKING:
    import orbax.checkpoint as ocp

T = TypeVar("T")
DIGEST = "sha256"
HERE = "here"  # the attempt of the process that holds the run's directory, of which there is one


class Checkpoints:
    """The checkpoints of one wave in `folder`, below which every attempt at it has a folder of its own.

    A worker that was given up may come to life again. So an attempt reads the newest whole checkpoint of all of them,
    writes only its own, and never removes another's.

    Args:
        folder: of the wave; made at the first save.
        attempt: name of the one that saves.
    """

    def __init__(self, folder: Path, attempt: str = HERE):
        self._folder = folder.absolute()
        self._own = self._folder / attempt
        self._saving: ocp.CheckpointManager | None = None

    def save(self, state: LoopState, members: int) -> None:
        """Writes a state without its padding lanes; this attempt's one before is removed once it is complete.

        Raises:
            StorageError: it could not be written.
        """
        import orbax.checkpoint as ocp

        order = state.step * 2 + state.evaluated  # grows from state to state
        tree = _as_tree(state, members)
        try:
            with _quietly():
                self._saving = self._saving or _manager(self._own)
                self._saving.save(order, args=ocp.args.StandardSave(tree | {DIGEST: digest_of(tree)}), force=True)
                self._saving.wait_until_finished()
        except StorageError:
            raise
        except Exception as error:  # Orbax raises what its storage raises, of any type
            raise _storage_error(self._own, error, "write") from error

    def latest(self, like: LoopState, members: int) -> LoopState | None:
        """The newest complete state, or None; `like` gives shapes and types, and lanes to fill up with.

        A damaged checkpoint only costs its time: an attempt throws its own away, and what is older goes on, or the wave
        starts again.

        Raises:
            StorageError: the disk fails for now.
        """
        expected = _as_tree(like, members) | {DIGEST: np.zeros(hashlib.new(DIGEST).digest_size, np.uint8)}
        for order, attempt in sorted(self._found(), reverse=True):
            stored = self._restored(attempt, order, expected)
            if stored is not None:
                return _as_state(stored, like)
        return None

    def _found(self) -> Iterator[tuple[int, Path]]:
        """The newest checkpoint of every attempt."""
        try:
            attempts = [Path(entry.path) for entry in os.scandir(self._folder)]
        except FileNotFoundError:
            return
        except OSError as error:
            raise _storage_error(self._folder, error, "read") from error
        for attempt in attempts:
            newest = self._tried(attempt, lambda manager: manager.latest_step())
            if newest is not None:
                yield newest, attempt

    def _restored(self, attempt: Path, order: int, expected: dict[str, Any]) -> dict[str, Any] | None:
        """What an attempt stored; None where it is damaged."""
        import orbax.checkpoint as ocp

        restore = ocp.args.StandardRestore(expected)
        stored = self._tried(attempt, lambda manager: dict(manager.restore(order, args=restore)))
        if stored is not None and not np.array_equal(stored.pop(DIGEST), digest_of(stored)):
            return self._pass_over(attempt, "damaged (its numbers do not give the digest stored with them)")
        return stored

    def _tried(self, attempt: Path, read: "Callable[[ocp.CheckpointManager], T]") -> T | None:
        """What is read of an attempt's checkpoints; None where they are damaged."""
        try:
            with _quietly(), contextlib.closing(_manager(attempt, read_only=True)) as manager:
                return read(manager)
        except Exception as error:  # Orbax raises whatever its parsers meet
            storage = _storage_error(attempt, error, "read")
            if storage.passes:  # the disk fails, which says nothing about the checkpoint
                raise storage from error
            return self._pass_over(attempt, f"unreadable ({type(error).__name__})")

    def _pass_over(self, attempt: Path, reason: str) -> None:
        logging.getLogger("ablate").warning("%s: %s, passed over", attempt, reason)
        if attempt == self._own:
            clear(attempt)


def clear(folder: Path) -> None:
    """Nothing of a finished study is kept."""
    shutil.rmtree(folder, ignore_errors=True)


def _manager(folder: Path, *, read_only: bool = False) -> "ocp.CheckpointManager":
    import orbax.checkpoint as ocp

    alone = jax.process_count() == 1  # or Orbax would wait for the other processes, which store nothing
    processes = ocp.options.MultiprocessingOptions(active_processes=None if alone else {0})
    how: Any = {"read_only": True} if read_only else {"max_to_keep": 1, "enable_async_checkpointing": False}
    with contextlib.nullcontext() if read_only else storing(folder):
        if not (read_only or alone):  # Orbax makes folders for all processes or for none
            folder.mkdir(parents=True, exist_ok=True)
        options = ocp.CheckpointManagerOptions(create=alone, multiprocessing_options=processes, **how)
        return ocp.CheckpointManager(folder, options=options)


def digest_of(tree: Any) -> UInt8[np.ndarray, "32"]:
    """The SHA-256 of every array of a tree with its place, type and shape, as 32 bytes.

    >>> a, b = digest_of({"x": np.float32(1)}), digest_of({"x": np.float32(1 + 2**-23)})
    >>> a.size, bool((a == b).all())
    (32, False)
    """
    digest = hashlib.new(DIGEST)
    for path, leaf in jax.tree_util.tree_leaves_with_path(tree):
        array = np.ascontiguousarray(leaf)
        digest.update(f"{jax.tree_util.keystr(path)} {array.dtype} {array.shape} ".encode())
        digest.update(array.tobytes())
    return np.frombuffer(digest.digest(), np.uint8)


def _storage_error(folder: Path, error: Exception, verb: str) -> StorageError:
    """What Orbax and TensorStore say in several lines of their own: the number of the system's error and its words."""
    text = str(error)
    number = getattr(error, "errno", None)
    os_error = re.search(r"os_error_code='(\d+)'", text)
    if number is None:
        number = int(os_error[1]) if os_error else errno.EINVAL
    known = os_error or isinstance(error, OSError)
    first = (text.strip().splitlines() or [type(error).__name__])[0]
    words = os.strerror(number) if known else first
    return StorageError(number, f"cannot {verb} the checkpoint: {words}", str(folder))


@contextlib.contextmanager
def _quietly() -> Iterator[None]:
    """Without the tracebacks that Orbax logs of errors which it also raises."""
    logger, hook = logging.getLogger("absl"), sys.unraisablehook
    silent, logger.disabled = logger.disabled, True
    if hook is not _unraisable:  # threads of TensorStore may tell of an error before it is raised here, and after
        _Hook.before, sys.unraisablehook = hook, _unraisable
    try:
        yield
        sys.unraisablehook = hook
    finally:
        logger.disabled = silent


class _Hook:
    """What is told of exceptions that nobody can catch, besides those below."""

    before = sys.unraisablehook


def _unraisable(unraisable: Any) -> None:
    """After an error, futures of Orbax's closed event loops end one by one, each with a traceback about the loop."""
    if "Event loop is closed" not in str(unraisable.exc_value):
        _Hook.before(unraisable)


def _as_tree(state: LoopState, members: int) -> dict[str, Any]:
    """Plain containers only: a state's leaves in order, which Orbax stores under their numbers."""
    return {
        "step": np.array(state.step),
        "evaluated": np.array(state.evaluated),
        "state": [np.asarray(leaf)[:members] for leaf in jax.tree.leaves(state.state)],
        "curves": {name: curve[:, :members] for name, curve in state.curves.items()},
    }


def _as_state(stored: dict[str, Any], like: LoopState) -> LoopState:
    """A state from its tree, filled up to the lanes of another one."""
    width = len(like.state.step)
    leaves = [_padded(leaf, width, 0) for leaf in stored["state"]]
    curves = {name: _padded(curve, width, 1) for name, curve in stored["curves"].items()}
    state = jax.tree.unflatten(jax.tree.structure(like.state), leaves)
    return LoopState(int(stored["step"]), int(stored["evaluated"]), state, curves)


def _padded(array: Any, width: int, axis: int) -> np.ndarray:
    """Filled up with copies of the last lane, as an unbroken run has it."""
    array = np.asarray(array)
    last = np.take(array, [-1], axis)
    return np.concatenate([array, *[last] * (width - array.shape[axis])], axis)
