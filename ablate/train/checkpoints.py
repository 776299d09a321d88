"""Checkpoints of a running wave, kept by Orbax: written whole or not at all, only the newest kept."""

import logging
import shutil
from pathlib import Path
from typing import Any

import jax
import numpy as np
import orbax.checkpoint as ocp

from ablate.train.loop import Moment


class Checkpoints:
    """The checkpoints of one wave in `folder`."""

    def __init__(self, folder: Path):
        self._folder = folder.absolute()
        self._manager = _manager(self._folder)

    def save(self, moment: Moment, members: int) -> None:
        """Writes a moment without its padding lanes; the one before is removed once this one is complete.

        Raises:
            OSError: it could not be written.
        """
        order = moment.step * 2 + moment.evaluated  # grows from moment to moment
        try:
            self._manager.save(order, args=ocp.args.StandardSave(_as_tree(moment, members)), force=True)
            self._manager.wait_until_finished()
        except Exception as error:  # Orbax raises what its storage raises, of any type
            first = (str(error).strip().splitlines() or [type(error).__name__])[0]
            raise OSError(f"cannot write the checkpoint {self._folder}: {first}") from error

    def latest(self, like: Moment, members: int) -> Moment | None:
        """The newest complete moment, or None; `like` gives shapes and types, and lanes to fill up with.

        A damaged checkpoint only costs its time: it is thrown away and the wave starts again.
        """
        try:
            newest = self._manager.latest_step()
            if newest is None:
                return None
            found = self._manager.restore(newest, args=ocp.args.StandardRestore(_as_tree(like, members)))
        except Exception as error:  # Orbax raises whatever its parsers meet
            reason = type(error).__name__
            logging.getLogger("ablate").warning("%s: unreadable (%s), starting again", self._folder, reason)
            self.remove()
            self._manager = _manager(self._folder)
            return None
        width = len(like.state.step)
        leaves = [_padded(leaf, width, 0) for leaf in found["state"]]
        curves = {name: _padded(curve, width, 1) for name, curve in found["curves"].items()}
        state = jax.tree.unflatten(jax.tree.structure(like.state), leaves)
        return Moment(int(found["step"]), int(found["evaluated"]), state, curves)

    def remove(self) -> None:
        """Nothing of a finished wave is kept."""
        self._manager.close()
        shutil.rmtree(self._folder, ignore_errors=True)


def clear(folder: Path) -> None:
    """Nothing of a finished study is kept."""
    shutil.rmtree(folder, ignore_errors=True)


def _manager(folder: Path) -> ocp.CheckpointManager:
    options = ocp.CheckpointManagerOptions(max_to_keep=1, enable_async_checkpointing=False, create=True)
    return ocp.CheckpointManager(folder, options=options)


def _as_tree(moment: Moment, members: int) -> dict[str, Any]:
    """Plain containers only: a state's leaves in order, which Orbax stores under their numbers."""
    return {
        "step": np.array(moment.step),
        "evaluated": np.array(moment.evaluated),
        "state": [np.asarray(leaf)[:members] for leaf in jax.tree.leaves(moment.state)],
        "curves": {name: curve[:, :members] for name, curve in moment.curves.items()},
    }


def _padded(array: Any, width: int, axis: int) -> np.ndarray:
    """Filled up with copies of the last lane, as an unbroken run has it."""
    array = np.asarray(array)
    last = np.take(array, [-1], axis)
    return np.concatenate([array, *[last] * (width - array.shape[axis])], axis)
