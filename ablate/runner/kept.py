"""Cells whose variables were kept, ready to predict: without their config file and without training.

study.json ──config, arms──> plan of the cells ──task, numbers──┐
weights/<cell>.npz ──variables, shares─────────────────────────>┴─ predictions of any examples
"""

import dataclasses
import functools
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import jax
import numpy as np

from ablate.report.rows import Rows
from ablate.report.tables import last_line
from ablate.report.variance import DESIGN
from ablate.report.wording import listed, plural
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

Pair = tuple[str, int]  # arm and seed


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
    """Cells of a study with kept variables, and a plan that has them; iterate them, program by program."""

    rows: Rows
    plan: Plan
    wanted: Collection[Pair]

    @classmethod
    def of(cls, command: str, rows: Rows, pairs: Sequence[Pair], others: Iterable[str] = ()) -> "KeptCells":
        """Some cells by arm and seed; every name and file is looked at before anything is read.

        Args:
            command: who asks, for the words of an error.
            rows: the study.
            pairs: arm and seed of each.
            others: what else is wrong with what was asked for, to be told together with this.

        Raises:
            ConfigError: there is no such cell, it did not finish, its variables were not kept, its study does not fit
                any more, or the cells were trained on several data sets.
        """
        problems = [*_problems_of_study(command, rows)] or [*others, *problems_of_cells(rows, pairs)]
        if problems:
            raise ConfigError(problems)
        recipes = {record["name"]: restored(record["recipe"]) for record in rows.study["arms"]}
        arms, seeds = tuple(dict.fromkeys(arm for arm, _ in pairs)), tuple(dict.fromkeys(seed for _, seed in pairs))
        with resolved_again(rows) as spec:
            chosen = tuple(arm_of(spec, name, recipes[name]) for name in arms)
            plan = plan_of_cells(spec, chosen, seeds, name=rows.study["name"])
        if len({id(item.dataset) for item in plan.programs}) > 1:
            raise ConfigError([f"{command}: arms {listed(arms)} have data of their own; name arms of one data set"])
        return cls(rows, plan, frozenset(pairs))

    def __iter__(self) -> Iterator[Kept]:
        for item in self.plan.programs:
            predictor = Predictor(item.task, item.eval_batch_size)
            for lane in item.program.lanes:
                if pair_of(lane.cell) in self.wanted:
                    inputs = item.inputs[lane.cell.name]
                    yield Kept(lane.cell, item, inputs, self._members(item, inputs, lane.cell), predictor)

    @functools.cached_property
    def changed(self) -> list[str]:
        """What the rows say of the code and data that they were trained with, against what there is now."""
        identities = {(row["arm"], row["seed"]): row.get("identity") for row in self.rows}
        told = dict[str, None]()
        for cell in self.plan.cells:
            if pair_of(cell) in self.wanted:
                told |= dict.fromkeys(changes(identities.get(pair_of(cell)) or cell.identity, cell.identity))
        return [*told]

    def _members(self, item: ProgramPlan, inputs: CellInputs, cell: Cell) -> Members:
        weights = weights_of(self.rows, *pair_of(cell))
        like = variables_like(item.task, inputs.init_choices, inputs.init_hp, inputs.hp)
        return Members([_filled(like, member) for member in weights.members], weights.shares)


def pair_of(cell: Cell) -> Pair:
    """Arm and seed of a cell."""
    return cell.arm.name, cell.seed


def _problems_of_study(command: str, rows: Rows) -> Iterator[str]:
    """Why none of a study's cells can be asked."""
    if rows.study["design"] == DESIGN:
        yield f"{command}: {rows.directory} holds runs of `ablate variance`; give one that `ablate run` wrote"
    elif not rows.study["programs"]:
        yield f"{command}: the runs of {rows.directory} were trained elsewhere, and no variables are here"


def seeds_of(rows: Rows, arms: Collection[str]) -> list[int]:
    """The seeds that all of some arms have, in the order of the study; arms that it does not have are no matter."""
    seeds = dict[str, set[int]]()
    for cell in rows.study["cells"]:
        seeds.setdefault(cell["arm"], set()).add(cell["seed"])
    return [seed for seed in rows.study["seeds"] if all(seed in seeds[arm] for arm in arms if arm in seeds)]


def weights_of(rows: Rows, arm: str, seed: int) -> Weights:
    """The kept variables of a cell.

    Raises:
        ConfigError: they were not kept, or cannot be read.
    """
    try:
        return rows.weights(arm, seed)
    except (FileNotFoundError, StorageError) as error:
        raise ConfigError([str(error)]) from error


def problems_of_cells(rows: Rows, pairs: Sequence[Pair]) -> Iterator[str]:
    """Names that the study does not have, or else cells that are not there, did not finish or were not kept."""
    known, ran = [record["name"] for record in rows.study["arms"]], rows.study["seeds"]
    arms, seeds = dict.fromkeys(arm for arm, _ in pairs), dict.fromkeys(seed for _, seed in pairs)
    names = [unknown("--arm", "arm", arm, known) for arm in arms if arm not in known]
    told = ", ".join(map(str, ran))
    names += [f"--seed: the study has no seed {seed}; it has {told}" for seed in seeds if seed not in ran]
    yield from names or _not_there(rows, pairs)


def _not_there(rows: Rows, pairs: Sequence[Pair]) -> Iterator[str]:
    """What is wrong with the first cell of each kind, and with how many more."""
    cells = {(cell["arm"], cell["seed"]) for cell in rows.study["cells"]}
    stored = {(row["arm"], row["seed"]): row for row in rows}
    kinds = dict[str, list[str]]()
    for pair in pairs:
        name = f"arm {pair[0]!r}, seed {pair[1]}"
        if pair not in cells:
            kinds.setdefault("absent", []).append(f"{name}: the arm has fewer seeds; name seeds that all of them have")
        elif pair in stored and stored[pair]["status"] != "done":
            why = f" ({last_line(error)})" if (error := stored[pair]["error"]) else ""
            kinds.setdefault("failed", []).append(
                f"{name}: {stored[pair]['status']}, and says nothing{why}; leave it out"
            )
        elif not rows.weights_path(*pair).exists():
            kinds.setdefault("unkept", []).append(_unkept(rows, pair))
    for lines in kinds.values():
        yield lines[0] + (f" (and {plural(len(lines) - 1, 'cell')} more)" if len(lines) > 1 else "")


def _unkept(rows: Rows, pair: Pair) -> str:
    try:
        weights_of(rows, *pair)
    except ConfigError as error:
        return error.problems[0]
    return ""  # it has just been written


def _filled(like: Any, arrays: Mapping[str, np.ndarray]) -> Any:
    """The variables of a task from arrays by path."""

    def leaf(path: Any, shape: Any) -> np.ndarray:
        name = jax.tree_util.keystr(path, simple=True, separator="/")
        if name not in arrays or arrays[name].shape != shape.shape:
            raise ConfigError([f"the kept weights have no {name} of shape {shape.shape}; has the model changed since?"])
        return arrays[name]

    return jax.tree_util.tree_map_with_path(leaf, like)
