"""Conditions: one study under every combination of data sets, models, batch sizes and whatever else `cfg.across` names.

    Spec with across ──every combination──> config of a condition ──resolve──> Spec of an ordinary study

A condition is a study of its own in a folder of its own, with everything that a study has: planned looks, tuning,
stages. Alpha is shared out among them in equal parts, so that all verdicts of all conditions together keep it.
"""

import copy
import dataclasses
import itertools
from collections.abc import Iterator, Mapping
from typing import Any

from ablate.study.cells import jsonable
from ablate.study.choices import DATA, TRAIN, Chosen
from ablate.study.labels import digest, slug
from ablate.study.names import title
from ablate.study.problems import ConfigError
from ablate.study.resolving import NUMBERS, Spec, resolve


@dataclasses.dataclass(frozen=True)
class Condition:
    """A study under one combination; `levels` says what varies and how it is called here, `data=digits`."""

    levels: Mapping[str, str]
    spec: Spec

    @property
    def name(self) -> str:
        """`data=digits × batch_size=8`."""
        return name_of(self.levels)

    @property
    def folder(self) -> str:
        """Where it runs, below the directory of them all; stays when other conditions come or go."""
        return f"{slug(self.name)}-{digest(jsonable(self.levels))[:6]}"


def name_of(levels: Mapping[str, str]) -> str:
    """What a combination is called.

    >>> name_of({"data": "data=digits", "batch_size": "batch_size=8"})
    'data=digits × batch_size=8'
    """
    return " × ".join(levels.values())


def conditions_of(spec: Spec) -> tuple[Condition, ...]:
    """Every condition of a config with `across`, the last key varying fastest.

    Raises:
        ConfigError: with every problem that a combination brings.
    """
    combinations = list(itertools.product(*spec.across.values()))
    problems: dict[str, None] = {}
    conditions = []
    for combination in combinations:
        chosen = dict(zip(spec.across, combination, strict=True))
        levels = {key: _level(key, one, spec) for key, one in chosen.items()}
        try:
            own = resolve(_content(spec, chosen, len(combinations)))
        except ConfigError as error:
            problems |= dict.fromkeys(f"across, {name_of(levels)}: {line}" for line in error.problems)
            continue
        conditions.append(Condition(levels, own))
    problems |= dict.fromkeys(_twins(conditions))
    if problems:
        raise ConfigError(problems)
    return tuple(conditions)


def note_of(condition: Condition, spec: Spec, conditions: int) -> str:
    """What the report of one condition says of the others."""
    return (
        f"One of {conditions} conditions ({condition.name}), each a study of its own. They share an error rate of "
        f"{spec.report.alpha:g} in equal parts, so that the verdicts of all of them together keep it; the report one "
        "folder up compares them."
    )


def _level(key: str, chosen: Chosen, spec: Spec) -> str:
    if key in NUMBERS:
        return f"{key}={chosen.given[key]}"
    return title(chosen, spec.recipe[chosen.axis]) if chosen.given else f"{chosen.axis}={chosen.label()}"


def _content(spec: Spec, chosen: Mapping[str, Chosen], conditions: int) -> dict[str, Any]:
    """The config of a condition, as plain data."""
    content = copy.deepcopy(dict(spec.plain)) | {"across": {}}
    for key, one in chosen.items():
        if one.axis == TRAIN.name:
            content["train"] |= one.given
        elif key in (DATA.name, "model"):
            content[key] = one.plain()
        else:
            content["recipe"][key] = one.plain()
    content["report"]["alpha"] = spec.report.alpha / conditions
    return content


def _twins(conditions: list[Condition]) -> Iterator[str]:
    """Conditions that are the same study, as where `train` and a number of its own name the same thing."""
    seen: dict[str, str] = {}
    for condition in conditions:
        study = digest(jsonable(condition.spec.plain))
        if study in seen:
            yield f"across: {seen[study]!r} and {condition.name!r} are the same study; name every number once"
        seen[study] = condition.name
