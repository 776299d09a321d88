"""Tuning before a study: the same grid, budget and seeds for every arm, the baseline included.

A tuning is a study of its own in `DIR/tuning`, with an arm for every arm and grid point. What wins on validation is
written into the arms of the real study, which then runs on seeds that the tuning never saw.
"""

import dataclasses
import itertools
import math
from collections.abc import Iterator, Mapping

import numpy as np

from ablate.results.schema import RowRecord, TunedArm, TuningRecord
from ablate.results.store import FINAL
from ablate.stats.tuning import at_border, choose, expected_best
from ablate.study.cells import jsonable
from ablate.study.choices import Chosen
from ablate.study.design import Arm, twins
from ablate.study.problems import ConfigError, unknown
from ablate.study.resolving import Spec
from ablate.study.settings import Tuning

Point = Mapping[str, Mapping[str, float]]  # axis -> argument -> value
FIRST_SEED = 2**16  # far from the seeds that studies use


@dataclasses.dataclass(frozen=True)
class Tuned:
    """What the tuning found: the arms with their chosen numbers, and the record for study.json."""

    arms: tuple[Arm, ...]
    record: TuningRecord


def points_of(tune: Tuning) -> list[Point]:
    """Every combination of the values to try."""
    keys = [(axis, name) for axis, arguments in tune.grid.items() for name in arguments]
    points = []
    for values in itertools.product(*(tune.grid[axis][name] for axis, name in keys)):
        point: dict[str, dict[str, float]] = {}
        for (axis, name), value in zip(keys, values, strict=True):
            point.setdefault(axis, {})[name] = value
        points.append(point)
    return points


def tuning_spec(spec: Spec) -> Spec:
    """The spec of the tuning: other seeds, no tuning of its own."""
    fresh = (seed for seed in itertools.count(FIRST_SEED) if seed not in spec.seeds)
    seeds = tuple(itertools.islice(fresh, spec.tune.seeds))
    return dataclasses.replace(spec, seeds=seeds, paired=True, tune=dataclasses.replace(spec.tune, grid={}))


def tuning_arms(spec: Spec, arms: tuple[Arm, ...]) -> tuple[Arm, ...]:
    """An arm for every arm and grid point, point by point within an arm.

    Raises:
        ConfigError: an arm's choice has no such argument, so that budgets would not be equal.
    """
    problems = sorted(set(_missing(spec.tune, arms)))
    if not problems and spec.tune.grid and not spec.tune.relative:
        problems = list(twins(tuple(_at(arm, points_of(spec.tune)[0], relative=False) for arm in arms)))
    if problems:
        raise ConfigError(problems)
    return tuple(
        dataclasses.replace(_at(arm, point, relative=spec.tune.relative), name=_name(arm, point))
        for arm in arms
        for point in points_of(spec.tune)
    )


def tuning_cells(spec: Spec, arms: tuple[Arm, ...]) -> int:
    """How many cells the tuning trains; 0 where nothing is tuned."""
    return len(arms) * len(points_of(spec.tune)) * spec.tune.seeds if spec.tune.grid else 0


def choose_arms(
    spec: Spec, arms: tuple[Arm, ...], rows: Mapping[tuple[str, int], RowRecord], seeds: tuple[int, ...]
) -> Tuned:
    """Chooses every arm's point on validation; an arm without any that trained well keeps its own numbers.

    Args:
        spec: the study's spec.
        arms: the study's arms, before tuning.
        rows: rows of the tuning by arm name and seed.
        seeds: the seeds of the tuning.
    """
    metric = spec.report.metric.replace("test_", "val_")
    points = points_of(spec.tune)
    chosen: list[Arm] = []
    records: dict[str, TunedArm] = {}
    for arm in arms:
        values = np.array([[_value(rows.get((_name(arm, p), seed)), metric) for seed in seeds] for p in points])
        best = choose(values, higher_is_better=spec.report.higher_is_better)
        chosen.append(arm if best is None else _at(arm, points[best], relative=spec.tune.relative))
        records[arm.name] = _record(spec, points, values, best)
    record: TuningRecord = {
        "metric": metric,
        "relative": spec.tune.relative,
        "seeds": list(seeds),
        "points": jsonable(points),
        "failed": len(arms) * len(points) * len(seeds) - sum(row["status"] in FINAL for row in rows.values()),
        "arms": records,
    }
    return Tuned(tuple(chosen), record)


def _record(spec: Spec, points: list[Point], values: np.ndarray, best: int | None) -> TunedArm:
    means = [float(row.mean()) if np.isfinite(row).all() else None for row in values]
    tried = np.array([math.nan if mean is None else mean for mean in means])  # a point that diverged is the worst
    up = spec.report.higher_is_better
    return {
        "chosen": best,
        "validation": means,
        "at_border": [] if best is None else sorted(_borders(spec.tune, points[best])),
        "expected_best": expected_best(tried, higher_is_better=up),
    }


def _borders(tune: Tuning, point: Point) -> Iterator[str]:
    for axis, arguments in point.items():
        for name, value in arguments.items():
            end = at_border(np.array(tune.grid[axis][name]), value)
            if end is not None:
                yield f"{axis}.{name}={value:g} ({end})"


def _value(row: RowRecord | None, metric: str) -> float:
    """A point that diverged or failed for a seed cannot win."""
    value = None if row is None else row["metrics"].get(metric)
    return math.nan if value is None else float(value)


def _missing(tune: Tuning, arms: tuple[Arm, ...]) -> Iterator[str]:
    for arm in arms:
        for axis, arguments in tune.grid.items():
            chosen = arm.recipe[axis]
            known = [name for name, value in chosen.arguments.items() if isinstance(value, float)]
            for name in set(arguments) - set(known):
                yield unknown(f"tune.grid.{axis}.{name}", f"number of {chosen.name!r} (arm {arm.name!r})", name, known)


def _at(arm: Arm, point: Point, *, relative: bool) -> Arm:
    tuned = {axis: _with(arm.recipe[axis], numbers, relative) for axis, numbers in point.items()}
    changes = {axis: tuned.get(axis, chosen) for axis, chosen in arm.changes.items()}
    return dataclasses.replace(arm, recipe={**arm.recipe, **tuned}, changes=changes)


def _with(chosen: Chosen, numbers: Mapping[str, float], relative: bool) -> Chosen:
    new = {name: value * (chosen.arguments[name] if relative else 1.0) for name, value in numbers.items()}
    return dataclasses.replace(chosen, arguments={**chosen.arguments, **new})


def _name(arm: Arm, point: Point) -> str:
    inside = ", ".join(f"{axis}.{name}={value:g}" for axis, names in point.items() for name, value in names.items())
    return f"{arm.name} @ {inside}"
