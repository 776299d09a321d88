"""Activations and gradients by layer before the first step: does the signal survive its way through the network?"""

import csv
import dataclasses
import io
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from rich.markup import escape

from ablate.results.files import write_atomically
from ablate.runner.interrupts import Between, go_on
from ablate.runner.plan import Plan, ProgramPlan
from ablate.study.problems import ConfigError
from ablate.study.programs import Lane
from ablate.tasks.keys import keys_at
from ablate.tasks.parts import name_of
from ablate.train.batches import BatchOrder
from ablate.train.lanes import begin_one


@dataclasses.dataclass(frozen=True)
class Layer:
    """Mean and sd over a batch of what a layer's activation gives, and of the loss gradient with respect to it."""

    arm: str
    layer: str
    activation_mean: float
    activation_sd: float
    gradient_mean: float
    gradient_sd: float

    def cells(self) -> list[str]:
        """The cells of its table row."""
        numbers = (self.activation_mean, self.activation_sd, self.gradient_mean, self.gradient_sd)
        return [escape(self.arm), self.layer, *(f"{number:.4g}" for number in numbers)]


def probe_plan(plan: Plan, between: Between = go_on) -> list[Layer]:
    """One cell of every arm, on the first batch of its first seed, in the order of the arms.

    Raises:
        ConfigError: the task has no layers to look at.
    """
    if not hasattr(plan.task, "signals"):
        raise ConfigError([f"task {plan.spec.task.name!r} has no layers to look at: it defines no `signals`"])
    layers: list[Layer] = []
    for item, lane in plan.first_lanes().values():
        between()
        layers += _probe(item, lane)
    return layers


def _probe(item: ProgramPlan, lane: Lane) -> list[Layer]:
    cell = item.inputs[lane.cell.name]
    order = BatchOrder(cell.data_key, len(cell.split.train), item.training.batch_size).at(0)
    index = cell.split.train[order]
    planted = {name: array[order] for name, array in cell.split.planted.items()}
    batch = jax.device_put({**item.dataset.rows(index), **planted, "index": index})
    hp, init_hp = jax.tree.map(jnp.float32, (cell.hp, cell.init_hp))
    task: Any = item.task
    state = begin_one(task, cell.init_choices, 1)(jnp.uint32(cell.seed), init_hp, hp, batch)
    activations, gradients = task.signals(state.task, batch, keys_at(jnp.uint32(cell.seed), jnp.int32(0)), hp)
    flat, flat_gradients = _flat(activations), _flat(gradients)
    return [_layer(lane.cell.arm.name, name, flat[name], flat_gradients[name]) for name in sorted(flat, key=_natural)]


def _layer(arm: str, name: str, activation: np.ndarray, gradient: np.ndarray) -> Layer:
    return Layer(arm, name, *(float(x) for x in (activation.mean(), activation.std(), gradient.mean(), gradient.std())))


def _flat(tree: Mapping[str, Any]) -> dict[str, np.ndarray]:
    leaves, _ = jax.tree_util.tree_flatten_with_path(tree)
    return {name_of(path): np.asarray(leaf) for path, leaf in leaves}


def _natural(name: str) -> list[tuple[int, int | str]]:
    """Sorts layer 10 behind layer 9."""
    return [(0, int(part)) if part.isdigit() else (1, part) for part in re.split(r"(\d+)", name)]


def write_probe(directory: Path, layers: list[Layer]) -> list[Path]:
    """Writes probe.csv and figures/probe.svg and .png; gives their paths."""
    from ablate.report.plots.figure import render
    from ablate.report.plots.probe import draw_probe

    text = io.StringIO()
    names = [field.name for field in dataclasses.fields(Layer)]
    writer = csv.DictWriter(text, names, lineterminator="\n")
    writer.writeheader()
    writer.writerows(dataclasses.asdict(layer) for layer in layers)
    figure = draw_probe([dataclasses.asdict(layer) for layer in layers])
    files = {"probe.csv": text.getvalue()} | {
        f"figures/probe.{kind}": content for kind, content in render(figure).items()
    }
    return [write_atomically(directory / name, content) for name, content in files.items()]
