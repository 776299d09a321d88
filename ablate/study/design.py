"""Designs: from a baseline and the choices to try to the arms of a study.

A design is a function from a `Spec` to its arms, of which the first is the baseline of every comparison.
To add one, write the function and put it into `DESIGNS`.
"""

import dataclasses
import itertools
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from ablate.stats import designs
from ablate.study.choices import Chosen
from ablate.study.names import title
from ablate.study.problems import ConfigError

if TYPE_CHECKING:
    from ablate.study.resolving import Spec

Recipe = Mapping[str, Chosen]


@dataclasses.dataclass(frozen=True)
class Arm:
    """A recipe compared in the study; `changes` are its choices that differ from the baseline arm's.

    `varies` names the purposes whose streams its seeds vary, while all others are held; empty: they share one seed.
    """

    name: str
    recipe: Recipe
    changes: Recipe
    varies: tuple[str, ...] = ()


def arms_of(spec: "Spec") -> tuple[Arm, ...]:
    """The arms of a study in report order, the baseline first.

    Raises:
        ConfigError: the design has nothing to compare, or two arms are the same recipe.
    """
    problems = list(_problems(spec))
    if problems:
        raise ConfigError(problems)
    arms = DESIGNS[spec.design].arms(spec)
    problems = [*(twins(arms) if spec.paired else ()), *_namesakes(arms)]
    if problems:
        raise ConfigError(problems)
    return arms


def one_at_a_time(spec: "Spec") -> tuple[Arm, ...]:
    """The baseline, then every choice alone on top of it: what does each trick add?"""
    alone = [_arm(spec.recipe, {axis: chosen}) for axis, choices in spec.vary.items() for chosen in choices]
    return (Arm("baseline", spec.recipe, {}), *alone)


def leave_one_out(spec: "Spec") -> tuple[Arm, ...]:
    """All tricks together, then all but one: what is missed when a trick is taken away?"""
    full = {**spec.recipe, **{axis: choices[0] for axis, choices in spec.vary.items()}}
    without = [
        Arm(
            f"without {title(choices[0], spec.recipe[axis])}",
            {**full, axis: spec.recipe[axis]},
            {axis: spec.recipe[axis]},
        )
        for axis, choices in spec.vary.items()
    ]
    return (Arm("all", full, {}), *without)


def cumulative(spec: "Spec") -> tuple[Arm, ...]:
    """The baseline, then one trick after the other on top of those before, in the order of `vary`."""
    grown = [Arm("baseline", spec.recipe, {})]
    for axis, choices in spec.vary.items():
        changes = {**grown[-1].changes, axis: choices[0]}
        grown.append(Arm(f"+ {title(choices[0], spec.recipe[axis])}", {**spec.recipe, **changes}, changes))
    return tuple(grown)


def factorial(spec: "Spec") -> tuple[Arm, ...]:
    """Every combination of the baseline's choice and the choices to try: do tricks add up or interact?"""
    levels = [[(axis, None), *((axis, chosen) for chosen in choices)] for axis, choices in spec.vary.items()]
    arms = []
    for combination in itertools.product(*levels):
        changes = {axis: chosen for axis, chosen in combination if chosen is not None}
        arms.append(_arm(spec.recipe, changes) if changes else Arm("baseline", spec.recipe, {}))
    return tuple(arms)


def written_arms(spec: "Spec") -> tuple[Arm, ...]:
    """The arms as the config writes them, behind the baseline."""
    return (
        Arm("baseline", spec.recipe, {}),
        *(_written_arm(spec.recipe, name, changes) for name, changes in spec.arms.items()),
    )


def _written_arm(recipe: Recipe, name: str, choices: Recipe) -> Arm:
    changes = {axis: chosen for axis, chosen in choices.items() if chosen.plain() != recipe[axis].plain()}
    return Arm(name, {**recipe, **choices}, changes)


def fractional(spec: "Spec") -> tuple[Arm, ...]:
    """A balanced part of the factorial grid: main effects from fewer arms, each averaged over all of them.

    Raises:
        ConfigError: no such fraction exists for this number of tricks.
    """
    axes = list(spec.vary)
    try:
        matrix = _matrix(len(axes), spec.fraction.kind, spec.fraction.resolution)
    except ValueError as error:
        raise ConfigError([f"fraction: {error}"]) from error
    rows = sorted(matrix.tolist(), key=any)  # the baseline, which every fraction holds, comes first
    arms = []
    for row in rows:
        changes = {axis: spec.vary[axis][0] for axis, level in zip(axes, row, strict=True) if level}
        arms.append(_arm(spec.recipe, changes) if changes else Arm("baseline", spec.recipe, {}))
    return tuple(arms)


def _matrix(factors: int, kind: str, resolution: int) -> np.ndarray:
    if kind == "plackett_burman":
        return designs.plackett_burman(factors)
    return designs.fractional(factors, resolution).matrix


class Design(NamedTuple):
    """From a spec to its arms; `single`: only one choice per axis makes sense."""

    arms: "Callable[[Spec], tuple[Arm, ...]]"
    single: bool = False


DESIGNS = {
    "one_at_a_time": Design(one_at_a_time),
    "leave_one_out": Design(leave_one_out, single=True),
    "cumulative": Design(cumulative, single=True),
    "factorial": Design(factorial),
    "fractional": Design(fractional, single=True),
    "arms": Design(written_arms),
}


def _arm(recipe: Recipe, changes: Recipe) -> Arm:
    name = " + ".join(title(chosen, recipe[axis]) for axis, chosen in changes.items())
    return Arm(name, {**recipe, **changes}, dict(changes))


def at_off(spec: "Spec") -> Iterator[str]:
    """Warnings: a trick at the value where it vanishes is the baseline under another name."""
    tried = [(f"vary.{axis}[{i}]", chosen) for axis, choices in spec.vary.items() for i, chosen in enumerate(choices)]
    tried += [(f"arms.{name}.{axis}", chosen) for name, arm in spec.arms.items() for axis, chosen in arm.items()]
    for key, chosen in ((key, each) for key, first in tried for each in first.chain):
        off = chosen.choice.off_with(chosen.arguments)
        if off and chosen.name != chosen.table.identity and all(chosen.arguments[k] == off[k] for k in off):
            values = ", ".join(f"{name}={value:g}" for name, value in off.items())
            yield f"{key}: {chosen.name} is off at {values}, so this arm changes nothing; give it another value"


def _problems(spec: "Spec") -> Iterator[str]:
    if spec.design == "arms":
        if not spec.arms:
            yield "arms: empty; write at least one arm, for example cfg.arms = {'my arm': {'norm': choice('batch')}}"
        if spec.vary:
            yield f"vary: design 'arms' does not read it; choose another design, or empty vary.{next(iter(spec.vary))}"
        yield from (f"arms.{name}: the name belongs to cfg.recipe" for name in spec.arms if name == "baseline")
        shown = {name for name in spec.arms if name.strip() and name.isprintable()}
        yield from (f"arms: {name!r} is no name; write one printable line" for name in spec.arms if name not in shown)
        return
    if spec.arms:
        yield f"arms: only design 'arms' reads them, and the design is {spec.design!r}"
    if not spec.vary:
        yield "vary: empty; name at least one choice to try, for example cfg.vary.norm = (choice('batch'),)"
    if DESIGNS[spec.design].single:
        yield from (
            f"vary.{axis}: design {spec.design!r} takes one choice per axis, got {len(choices)}"
            for axis, choices in spec.vary.items()
            if len(choices) > 1
        )


def twins(arms: tuple[Arm, ...]) -> Iterator[str]:
    """A line for every arm that is the same recipe as one before it."""
    seen: dict[str, str] = {}
    for arm in arms:
        key = repr({axis: chosen.plain() for axis, chosen in arm.recipe.items()})
        if key in seen:
            yield (
                f"arms: {arm.name!r} and {seen[key]!r} are the same recipe; change one of them "
                "(what a choice leaves out stays as in the recipe; cfg.paired = False allows twins, for A/A studies)"
            )
        seen[key] = arm.name


def _namesakes(arms: tuple[Arm, ...]):
    names = [arm.name for arm in arms]
    yield from (f"arms: the name {name!r} is there twice" for name in sorted({n for n in names if names.count(n) > 1}))
