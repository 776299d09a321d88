"""What a cell trains and how it is judged: one file per task, and the seam that all of them fill (`task.py`).

`TASKS` is the whole list. A task of a user's own is named by its import path; its axes are those that its `axes`
names, as names of shared ones or as tables of its own.
"""

from typing import Any

from ablate.tasks.adversarial import Adversarial
from ablate.tasks.classification import Classification
from ablate.tasks.multi_task import MultiTask
from ablate.tasks.network import MODEL
from ablate.tasks.regression import Regression
from ablate.tasks.task import Batch, Mean, Metric, Sanity, Task, columns_of, mean_of
from ablate.tricks import AXES
from ablate.tricks.axis import Axis

TASKS: dict[str, type[Any]] = {
    "classification": Classification,
    "regression": Regression,
    "adversarial": Adversarial,
    "multi_task": MultiTask,
}

__all__ = ["MODEL", "TASKS", "Batch", "Mean", "Metric", "Sanity", "Task", "axes_of", "columns_of", "lacks", "mean_of"]


def axes_of(task: type[Any]) -> dict[str, Axis]:
    """The axes of a task by name, in the order of a training step, its own behind the shared ones.

    >>> "target" in axes_of(TASKS["classification"])
    True
    """
    shared, own = (MODEL, *AXES.values()), getattr(task, "axes", ())
    names = {name for name, kind in TASKS.items() if kind is task}
    by_name = {axis.name: axis for axis in reversed(shared)}
    axes = [axis for axis in shared if not axis.tasks or names.intersection(axis.tasks)]
    listed = [axis if isinstance(axis, Axis) else by_name[axis] for axis in own]
    return {axis.name: axis for axis in (axes + listed if names else listed + axes)}


def lacks(task: Any) -> list[str]:
    """What a class lacks of a task; empty for a task."""
    parts = (*Task.__annotations__, *(name for name, value in vars(Task).items() if _is_part(name, value)))
    known = getattr(task, "__dataclass_fields__", {})
    unknown = [axis for axis in getattr(task, "axes", ()) if isinstance(axis, str) and axis not in _names()]
    return [part for part in parts if not hasattr(task, part) and part not in known] + [
        f"axis {axis!r}, which nobody has" for axis in unknown
    ]


def _is_part(name: str, value: Any) -> bool:
    return not name.startswith("_") and (callable(value) or isinstance(value, property))


def _names() -> set[str]:
    return {axis.name for axis in (MODEL, *AXES.values())}
