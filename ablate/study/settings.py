"""Keys of the config that are no choices: seeds, fraction, tuning, report; each checked, all problems collected."""

import dataclasses
from collections.abc import Mapping
from math import inf
from typing import Any

from ablate.stats.checks import POWER, TESTS, Test
from ablate.study.choices import Chosen, bare, check_number
from ablate.study.config import FRACTIONS
from ablate.study.problems import unknown
from ablate.tricks.axis import Argument, Range

MOST_SEEDS = 2**16


@dataclasses.dataclass(frozen=True)
class Reporting:
    """The numbers of `cfg.report`; `margin` is in the metric's unit, None where none is declared."""

    metric: str
    higher_is_better: bool
    alpha: float
    margin: float | None
    test: Test
    looks: tuple[int, ...]


@dataclasses.dataclass(frozen=True)
class Fraction:
    """Which part of the factorial grid design `fractional` takes."""

    kind: str
    resolution: int


@dataclasses.dataclass(frozen=True)
class Tuning:
    """Numbers that every arm tunes before the study: axis -> argument -> values; empty for no tuning."""

    grid: Mapping[str, Mapping[str, tuple[float, ...]]]
    relative: bool
    seeds: int


def one_of(value: Any, allowed: tuple[str, ...], key: str, problems: list[str]) -> str:
    if value not in allowed:
        problems.append(unknown(key, "value", value, allowed))
    return str(value)


def check_flag(value: Any, key: str, problems: list[str]) -> bool:
    if not isinstance(value, bool):
        problems.append(f"{key}: expected True or False, got {value!r}")
    return bool(value)


def check_seeds(value: Any, problems: list[str]) -> tuple[int, ...]:
    if isinstance(value, int) and value > MOST_SEEDS:
        problems.append(f"seeds: at most {MOST_SEEDS}, got {value}; a tuple names single seeds")
        return ()
    if isinstance(value, bool) or not isinstance(value, int | tuple | list):
        problems.append(f"seeds: expected a count or a tuple of integers, got {value!r}")
        return ()
    seeds = tuple(range(value)) if isinstance(value, int) else tuple(value)
    if not all(isinstance(seed, int) and 0 <= seed < 2**32 for seed in seeds):
        problems.append(f"seeds: every seed must be an integer from 0 to 2^32-1, got {value!r}")
    elif len(set(seeds)) < len(seeds):
        problems.append(f"seeds: every seed must be there once, got {value!r}")
    elif not seeds:
        problems.append(f"seeds: at least one is needed, got {value!r}")
    return seeds


def check_fraction(fraction: Mapping[str, Any], problems: list[str]) -> Fraction:
    one_of(fraction["kind"], FRACTIONS, "fraction.kind", problems)
    if fraction["resolution"] not in (3, 4, 5):
        problems.append(f"fraction.resolution: expected 3, 4 or 5, got {fraction['resolution']!r}")
    return Fraction(fraction["kind"], fraction["resolution"])


def check_tuning(tune: Mapping[str, Any], recipe: Mapping[str, Chosen | None], problems: list[str]) -> Tuning:
    grid = {}
    if not isinstance(tune["grid"], Mapping):
        problems.append(f"tune.grid: expected axes with arguments and values to try, got {tune['grid']!r}")
    for axis, arguments in (tune["grid"] if isinstance(tune["grid"], Mapping) else {}).items():
        if axis not in recipe:
            problems.append(unknown(f"tune.grid.{axis}", "axis", axis, recipe))
        elif not isinstance(arguments, Mapping):
            problems.append(f"tune.grid.{axis}: expected arguments with values to try, got {arguments!r}")
        else:
            chosen = recipe[axis]
            known = chosen.arguments_of() if chosen else {}
            grid[axis] = {
                name: _values(known.get(name), values, f"tune.grid.{axis}.{name}", problems)
                for name, values in arguments.items()
            }
    if isinstance(tune["seeds"], bool) or not isinstance(tune["seeds"], int) or tune["seeds"] < 1:
        problems.append(f"tune.seeds: expected an integer of 1 or more, got {tune['seeds']!r}")
    return Tuning(grid, check_flag(tune["relative"], "tune.relative", problems), tune["seeds"])


def _values(argument: Argument | None, values: Any, key: str, problems: list[str]) -> tuple[float, ...]:
    """Values to try; an argument that the baseline's choice does not have is checked when arms are known."""
    numbers = values if isinstance(values, tuple) else (values,)
    if len(numbers) < 2:
        problems.append(f"{key}: expected a tuple of two or more numbers, got {values!r}")
        return ()
    if len(set(numbers)) < len(numbers):
        problems.append(f"{key}: every value must be there once, got {values!r}")
    argument = argument or Argument("", float, None, True, Range())
    return tuple(sorted(check_number(argument, number, key, problems) for number in numbers))


def check_reporting(report: Mapping[str, Any], task: Chosen | None, paired: bool, problems: list[str]) -> Reporting:
    metrics = {f"test_{metric.name}": metric for metric in (bare(task).metrics if task else ())}
    metric = report["metric"] if report["metric"] is not None else next(iter(metrics), "")
    known = isinstance(metric, str) and metric in metrics
    if task:
        one_of(metric, tuple(metrics), "report.metric", problems)
    if not isinstance(report["alpha"], float) or not 0 < report["alpha"] < POWER:
        problems.append(f"report.alpha: must lie between 0 and {POWER}, got {report['alpha']!r}")
    margin = report["margin"]
    if margin is not None and (isinstance(margin, bool) or not isinstance(margin, int | float) or not 0 < margin < inf):
        problems.append(f"report.margin: must be above 0 and finite, or None, got {margin!r}")
    rises = known and metrics[metric].higher_is_better
    test: Any = one_of(report["test"], TESTS, "report.test", problems)
    if test == "max_t" and not paired:
        problems.append("report.test: max_t flips whole seeds, which arms must share; set paired=True or test='t'")
    return Reporting(str(metric), rises, report["alpha"], margin, test, _looks(report["looks"], problems))


def _looks(value: Any, problems: list[str]) -> tuple[int, ...]:
    numbers = isinstance(value, tuple | list) and all(isinstance(n, int) and not isinstance(n, bool) for n in value)
    if not numbers or list(value) != sorted({*value}) or any(n < 2 for n in value):
        problems.append(f"report.looks: expected ascending numbers of seeds, each 2 or more, got {value!r}")
        return ()
    return tuple(value)
