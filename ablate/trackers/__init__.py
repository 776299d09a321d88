"""A study sent to an experiment tracker: a run per cell, and one with the verdicts.

study.json, rows ──runs──> TrackedRun ──senders──> Weights & Biases, MLflow, Trackio

What is sent is the same for all of them. To add a tracker, write a function that sends runs into `senders.py`, and give
it a line in `TRACKERS` and an extra in pyproject.toml.
"""

import importlib
import importlib.util
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ablate.trackers.runs import TrackedRun

# A tracker is called as its module and its extra are; behind it the function that sends, imported when it is asked for.
TRACKERS = {"wandb": "send_to_wandb", "mlflow": "send_to_mlflow", "trackio": "send_to_trackio"}


def sender_of(tracker: str) -> "Callable[[str, Iterable[TrackedRun]], str]":
    """The function that sends runs to a project of a tracker, and says where they went."""
    return getattr(importlib.import_module("ablate.trackers.senders"), TRACKERS[tracker])


def missing(tracker: str) -> str:
    """What to install for a tracker, in words; empty where it is there."""
    if importlib.util.find_spec(tracker) is not None:
        return ""
    return f"--to={tracker}: {tracker} is not installed; pip install 'ablate-jax[{tracker}]'"
