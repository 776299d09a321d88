"""Cells whose variables were kept, ready to predict: without their config file and without training.

study.json ──config, arms──> plan of the cells ──task, numbers──┐
weights/<cell>.npz ──variables, shares─────────────────────────>┴─ predictions of any examples
"""

import dataclasses
import functools
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import jax
import numpy as np

from ablate.report.rows import Rows
from ablate.report.variance import DESIGN
from ablate.results.files import StorageError
from ablate.results.weights import Weights
from ablate.runner.again import resolved_again
from ablate.runner.plan import Plan, ProgramPlan, plan_of_cells
from ablate.runner.reuse import changes
from ablate.study.cells import Cell, restored
from ablate.study.problems import ConfigError, unknown
from ablate.study.resolving import arm_of
from ablate.train.lane import Members
from ablate.train.lanes import Predictor, variables_like
from ablate.train.loop import CellInputs


class Kept(NamedTuple):
    """A cell with what it predicts by."""

    cell: Cell
    item: ProgramPlan
    inputs: CellInputs
    members: Members
    predictor: Predictor

    def columns(self, arrays: Mapping[str, np.ndarray], positions: np.ndarray) -> dict[str, np.ndarray]:
        """Its predictions for examples at `positions` of the data, as columns of a table."""
        return self.predictor.columns(self.members, self.inputs.seed, self.inputs.hp, arrays, positions)

    def predictions(self, arrays: Mapping[str, np.ndarray], positions: np.ndarray) -> Any:
        """Its predictions for examples at `positions` of the data, as its task has them."""
        return self.predictor.predictions(self.members, self.inputs.seed, self.inputs.hp, arrays, positions)


@dataclasses.dataclass(frozen=True)
class KeptCells:
    """Cells of a study with kept variables, and the plan that they came from; iterate them, program by program."""

    rows: Rows
    plan: Plan

    @classmethod
    def of(cls, command: str, rows: Rows, arms: Sequence[str], seeds: Sequence[int]) -> "KeptCells":
        """Those of some arms and seeds; every name and file is looked at before anything is read.

        Args:
            command: who asks, for the words of an error.
            rows: the study.
            arms: names of arms.
            seeds: of the cells.

        Raises:
            ConfigError: there is no such cell, its variables were not kept, or its study does not fit any more.
        """
        if rows.study["design"] == DESIGN:
            raise ConfigError(
                [f"{command}: {rows.directory} holds runs of `ablate variance`; give one that `ablate run` wrote"]
            )
        problems = [*problems_of_cells(rows, arms, seeds)]
        if problems:
            raise ConfigError(problems)
        recipes = {record["name"]: restored(record["recipe"]) for record in rows.study["arms"]}
        with resolved_again(rows) as spec:
            chosen = tuple(arm_of(spec, name, recipes[name]) for name in arms)
            return cls(rows, plan_of_cells(spec, chosen, tuple(seeds), name=rows.study["name"]))

    def __iter__(self) -> Iterator[Kept]:
        for item in self.plan.programs:
            predictor = Predictor(item.task, item.eval_batch_size)
            for lane in item.program.lanes:
                inputs = item.inputs[lane.cell.name]
                yield Kept(lane.cell, item, inputs, self._members(item, inputs, lane.cell), predictor)

    @functools.cached_property
    def changed(self) -> list[str]:
        """What the rows say of the code and data that they were trained with, against what there is now."""
        identities = {(row["arm"], row["seed"]): row.get("identity") for row in self.rows}
        told = dict[str, None]()
        for cell in self.plan.cells:
            told |= dict.fromkeys(changes(identities.get((cell.arm.name, cell.seed)) or cell.identity, cell.identity))
        return [*told]

    def _members(self, item: ProgramPlan, inputs: CellInputs, cell: Cell) -> Members:
        weights = weights_of(self.rows, cell.arm.name, cell.seed)
        like = variables_like(item.task, inputs.init_choices, inputs.init_hp, inputs.hp)
        return Members([_filled(like, member) for member in weights.members], weights.shares)


def weights_of(rows: Rows, arm: str, seed: int) -> Weights:
    """The kept variables of a cell.

    Raises:
        ConfigError: they were not kept, or cannot be read.
    """
    try:
        return rows.weights(arm, seed)
    except (FileNotFoundError, StorageError) as error:
        raise ConfigError([str(error)]) from error


def problems_of_cells(rows: Rows, arms: Sequence[str], seeds: Sequence[int]) -> Iterator[str]:
    """Names that the study does not have, or else cells whose variables were not kept."""
    known, ran = [record["name"] for record in rows.study["arms"]], rows.study["seeds"]
    yield from (unknown("--arm", "arm", arm, known) for arm in arms if arm not in known)
    listed = ", ".join(map(str, ran))
    yield from (f"--seed: the study has no seed {seed}; it has {listed}" for seed in seeds if seed not in ran)
    if set(arms) <= set(known) and set(seeds) <= set(ran):
        yield from _not_there(rows, arms, seeds)


def _not_there(rows: Rows, arms: Sequence[str], seeds: Sequence[int]) -> Iterator[str]:
    """Cells without kept variables: the first of them, and how many there are."""
    cells = {(cell["arm"], cell["seed"]) for cell in rows.study["cells"]}
    missing = [
        pair
        for pair in ((arm, seed) for arm in arms for seed in seeds)
        if pair in cells and not rows.weights_path(*pair).exists()
    ]
    for arm, seed in missing[:1]:
        more = f" (and {len(missing) - 1} cells more)" if len(missing) > 1 else ""
        try:
            weights_of(rows, arm, seed)
        except ConfigError as error:
            yield f"{error.problems[0]}{more}"


def _filled(like: Any, arrays: Mapping[str, np.ndarray]) -> Any:
    """The variables of a task from arrays by path."""

    def leaf(path: Any, shape: Any) -> np.ndarray:
        name = jax.tree_util.keystr(path, simple=True, separator="/")
        if name not in arrays or arrays[name].shape != shape.shape:
            raise ConfigError([f"the kept weights have no {name} of shape {shape.shape}; has the model changed since?"])
        return arrays[name]

    return jax.tree_util.tree_map_with_path(leaf, like)
