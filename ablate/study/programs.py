"""Programs: cells that one compiled training step can serve.

What shapes a program: the model, the data set's shape, the batch size, and per axis the *slots*: the choices compiled
into it. What does not: numbers, which are inputs; initial values, which are made before the first step; and choices
that can vanish, since a cell without label smoothing runs in a program with label smoothing at smoothing 0.

Grouping is greedy and in the order of the cells, so it is the same on every machine:
an arm joins the first program with which every axis agrees, or starts a new one.
"""

import dataclasses
import itertools
from collections.abc import Iterable, Mapping
from typing import Any

from ablate.study.cells import Cell, jsonable
from ablate.study.choices import DATA, RECORDING, SAMPLING_NAMES, TRAIN, Chosen
from ablate.study.design import Arm
from ablate.study.labels import digest
from ablate.tricks.axis import Axis, Choice


@dataclasses.dataclass(frozen=True)
class Slot:
    """A choice as it is compiled in: its code and the arguments that shape it."""

    axis: str
    name: str
    static: tuple[tuple[str, Any], ...]
    choice: Choice = dataclasses.field(compare=False)
    table: Axis = dataclasses.field(compare=False)

    def label(self) -> str:
        """`group(groups=4)`: the name and the arguments that shape the program."""
        inner = ", ".join(f"{key}={value}" for key, value in self.static)
        return f"{self.name}({inner})" if inner else self.name


Numbers = Mapping[str, tuple[Mapping[str, float], ...]]


@dataclasses.dataclass(frozen=True)
class Lane:
    """A cell inside a program: the numbers for each slot, and the way its initial values are made."""

    cell: Cell
    hp: Numbers
    init: tuple[Slot, ...]
    init_hp: Numbers


@dataclasses.dataclass(frozen=True)
class Program:
    """Cells with the same static part; `slots` maps each axis to the choices compiled in, in order."""

    id: str
    slots: Mapping[str, tuple[Slot, ...]]
    lanes: tuple[Lane, ...]

    @property
    def arms(self) -> tuple[str, ...]:
        """Names of the arms that share the program."""
        return tuple(dict.fromkeys(lane.cell.arm.name for lane in self.lanes))


def programs_of(cells: tuple[Cell, ...]) -> tuple[Program, ...]:
    """Groups cells into as few programs as agree on everything that shapes the code."""
    groups: list[tuple[dict[str, tuple[Slot, ...]], list[Cell]]] = []
    for arm, cells_of_arm in _by_arm(cells):  # an arm's cells differ in their seed alone
        for slots, members in groups:
            joined = _join(slots, arm)
            if joined is not None:
                slots.update(joined)
                members.extend(cells_of_arm)
                break
        else:
            groups.append((_own_slots(arm), [*cells_of_arm]))
    return tuple(_program(slots, members) for slots, members in groups)


def _by_arm(cells: Iterable[Cell]) -> Iterable[tuple[Arm, Iterable[Cell]]]:
    """Neighbours of one arm together."""
    return itertools.groupby(cells, key=lambda cell: cell.arm)


def _program(slots: Mapping[str, tuple[Slot, ...]], cells: list[Cell]) -> Program:
    described = {axis: [slot.label() for slot in compiled] for axis, compiled in slots.items()}
    lanes = (lane for arm, cells_of_arm in _by_arm(cells) for lane in _lanes(slots, arm, cells_of_arm))
    return Program(digest(jsonable(described))[:8], dict(slots), tuple(lanes))


def _own_slots(arm: Arm) -> dict[str, tuple[Slot, ...]]:
    return {axis: _slots(chosen) for axis, chosen in arm.recipe.items() if chosen.table.in_step}


# What a program never sees: what is written down of it, and what is done to the training examples before it. Of how the
# pool is treated it sees the size of the validation split, which all of its lanes share.
UNSEEN = {
    TRAIN.name: RECORDING,
    DATA.name: tuple(name for name in SAMPLING_NAMES if name not in ("validation", "input_noise")),
}
FLAGS = ("input_noise",)  # of which it sees whether they are there, as the number is an input


def _slots(chosen: Chosen) -> tuple[Slot, ...]:
    return tuple(map(_slot, chosen.chain))


def _slot(chosen: Chosen) -> Slot:
    if chosen.axis in UNSEEN:
        seen = {name: value for name, value in chosen.arguments.items() if name not in UNSEEN[chosen.axis]}
        static = tuple((name, bool(value) if name in FLAGS else value) for name, value in seen.items())
    else:
        arguments = chosen.table.arguments(chosen.choice)
        static = tuple((name, value) for name, value in chosen.arguments.items() if not arguments[name].traced)
    return Slot(chosen.axis, chosen.name, static, chosen.choice, chosen.table)


def _join(slots: Mapping[str, tuple[Slot, ...]], arm: Arm) -> dict[str, tuple[Slot, ...]] | None:
    """The slots of a program that serves the arm too, or None if some axis does not agree."""
    joined: dict[str, tuple[Slot, ...]] = {}
    for name, chosen in arm.recipe.items():
        if chosen.table.in_step:
            merged = _merge(chosen.table, slots[name], _slots(chosen))
            if merged is None:
                return None
            joined[name] = merged
    return joined


def _merge(axis: Axis, slots: tuple[Slot, ...], own: tuple[Slot, ...]) -> tuple[Slot, ...] | None:
    """The slots of both, where each side's choices can vanish for the other and stay in their order."""
    if own == slots:
        return slots
    together = (*slots, *(slot for slot in own if slot not in slots))
    shared = tuple(slot for slot in together if slot in slots and slot in own)
    if not all(_vanishes(axis, slot) for slot in together if slot not in shared):
        return None
    if tuple(slot for slot in together if slot in own) != own:
        return None
    merged = _without_identity(axis, together)
    return merged if len(merged) == 1 or axis.composes else None


def _vanishes(axis: Axis, slot: Slot) -> bool:
    return slot.name == axis.identity or (slot.choice.merges and bool(slot.choice.off_with(dict(slot.static))))


def _without_identity(axis: Axis, slots: tuple[Slot, ...]) -> tuple[Slot, ...]:
    """Drops the identity if the first other slot can stand in for it, that is, knows all its numbers."""
    others = tuple(slot for slot in slots if slot.name != axis.identity)
    identity = next((slot for slot in slots if slot.name == axis.identity), None)
    if identity is None or not others:
        return slots
    return others if _traced(axis, identity) <= _traced(axis, others[0]) else slots


def _traced(axis: Axis, slot: Slot) -> set[str]:
    if axis.name in UNSEEN:  # everything about steps and data is known before tracing
        return set()
    return {name for name, argument in axis.arguments(slot.choice).items() if argument.traced}


def _lanes(slots: Mapping[str, tuple[Slot, ...]], arm: Arm, cells: Iterable[Cell]) -> Iterable[Lane]:
    recipe = arm.recipe
    hp = {axis: _numbers_on(own, recipe[axis]) for axis, own in slots.items() if axis not in UNSEEN}
    outside = {axis: _slot(chosen) for axis, chosen in recipe.items() if not chosen.table.in_step}
    init_hp = {axis: _numbers_on((slot,), recipe[axis]) for axis, slot in outside.items()}
    init = tuple(outside.values())
    return (Lane(cell, hp, init, init_hp) for cell in cells)


def _numbers_on(slots: tuple[Slot, ...], chosen: Chosen) -> tuple[dict[str, float], ...]:
    """The numbers of every slot of an axis for one arm: its own where it chose the slot, else the off values.

    An arm that chose the identity where no slot is the identity keeps its numbers (a learning rate, a warm-up) in
    the first slot, which vanishes otherwise.
    """
    own = {_slot(each): each.arguments for each in chosen.chain}
    first = next(iter(own))
    numbers = []
    for k, slot in enumerate(slots):
        traced = _traced(slot.table, slot)
        keeps = slot in own or (first not in slots and k == 0)
        off = {} if slot in own else {**_defaults(slot), **slot.choice.off}
        kept = own.get(slot, own[first]) if keeps else {}
        numbers.append({name: float(value) for name, value in {**off, **kept}.items() if name in traced})
    return tuple(numbers)


def _defaults(slot: Slot) -> dict[str, Any]:
    """Numbers of a slot that an arm does not use; where the signature has no default any number will do, at off."""
    arguments = slot.table.arguments(slot.choice)
    return {name: 1.0 if argument.required else argument.default for name, argument in arguments.items()}
