"""ConfigDict -> Spec: plain, complete, checked. All problems of a config come out of here at once."""

import dataclasses
from collections.abc import Mapping
from math import inf
from typing import Any

from ml_collections import ConfigDict

from ablate.stats.checks import POWER
from ablate.study.choices import DATA, MODEL, Chosen, axis_of, check_choice, check_number
from ablate.study.config import DESIGNS, FRACTIONS, base_config
from ablate.study.problems import ConfigError, unknown
from ablate.tricks import AXES

METRICS = {"test_accuracy": True, "test_loss": False}  # name -> higher is better
GROUPS = ("recipe", "vary", "fraction", "tune", "train", "report")  # keys of the config that hold a group of keys
MOST_SEEDS = 2**16


@dataclasses.dataclass(frozen=True)
class Training:
    """The numbers of `cfg.train`."""

    steps: int
    batch_size: int
    eval_every: int
    eval_batch_size: int
    lanes: int
    checkpoint_seconds: float


@dataclasses.dataclass(frozen=True)
class Reporting:
    """The numbers of `cfg.report`; `margin` is in the metric's unit, None where none is declared."""

    metric: str
    higher_is_better: bool
    alpha: float
    margin: float | None


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


@dataclasses.dataclass(frozen=True)
class Spec:
    """A config without `ml_collections`: every choice looked up, every number checked."""

    recipe: Mapping[str, Chosen]
    vary: Mapping[str, tuple[Chosen, ...]]
    data: Chosen
    design: str
    fraction: Fraction
    tune: Tuning
    arms: Mapping[str, Mapping[str, Chosen]]
    seeds: tuple[int, ...]
    paired: bool
    train: Training
    report: Reporting
    plain: Mapping[str, Any]


def resolve(cfg: ConfigDict) -> Spec:
    """Checks a config and gives it as plain data.

    Raises:
        ConfigError: with one line for every problem found.
    """
    problems: list[str] = []
    content = _known_keys(_plain(cfg), _plain(base_config()), "", problems)
    recipe = _recipe(content, problems)
    spec = Spec(
        recipe={axis: chosen for axis, chosen in recipe.items() if chosen is not None},
        vary=_vary(content["vary"], recipe, problems),
        data=check_choice(DATA, content["data"], "data", problems),  # type: ignore[arg-type]  # None only with a problem
        design=_one_of(content["design"], DESIGNS, "design", problems),
        fraction=_fraction(content["fraction"], problems),
        tune=_tuning(content["tune"], recipe, problems),
        arms=_arms(content["arms"], recipe, problems),
        seeds=_seeds(content["seeds"], problems),
        paired=_flag(content["paired"], "paired", problems),
        train=_training(content["train"], problems),
        report=_reporting(content["report"], problems),
        plain=content,
    )
    if problems:
        raise ConfigError(problems)
    return dataclasses.replace(spec, vary=_untuned_names(spec.vary, spec.tune))


def _known_keys(cfg: Mapping[str, Any], default: Mapping[str, Any], key: str, problems: list[str]) -> dict[str, Any]:
    """The keys that exist, in the order of writing; what is wrong stands at its default, so that all else is checked.

    Below `model`, `data`, `arms` and single choices the keys are arguments, checked elsewhere.
    """
    problems += [unknown(f"{key}{name}", "key", name, default) for name in cfg if name not in default]
    missing = [name for name in default if name not in cfg]
    if key != "vary.":  # an axis that is not named is not varied
        problems += [f"{key}{name}: missing; start from base_config()" for name in missing]
    found = {name: cfg[name] for name in cfg if name in default} | {name: default[name] for name in missing}
    for name in () if key else GROUPS:
        if not isinstance(found[name], Mapping):
            problems.append(f"{name}: expected a group of keys, got {found[name]!r}")
            found[name] = default[name]
        found[name] = _known_keys(found[name], default[name], f"{name}.", problems)
    return found


def _recipe(cfg: Mapping[str, Any], problems: list[str]) -> dict[str, Chosen | None]:
    recipe = {"model": check_choice(MODEL, cfg["model"], "model", problems)}
    for name, axis in AXES.items():
        recipe[name] = check_choice(axis, cfg["recipe"][name], f"recipe.{name}", problems)
    return recipe


def _vary(
    vary: Mapping[str, Any], recipe: Mapping[str, Chosen | None], problems: list[str]
) -> dict[str, tuple[Chosen, ...]]:
    found: dict[str, tuple[Chosen, ...]] = {}
    for axis in vary:
        values = vary[axis]
        if not isinstance(values, tuple | list):
            problems.append(f"vary.{axis}: expected a tuple of choices, got {values!r}; write (choice(...),)")
            continue
        checked = [
            check_choice(axis_of(axis), value, f"vary.{axis}[{i}]", problems, recipe[axis])
            for i, value in enumerate(values)
        ]
        if checked:
            found[axis] = tuple(chosen for chosen in checked if chosen is not None)
    return found


def _arms(arms: Any, recipe: Mapping[str, Chosen | None], problems: list[str]) -> dict[str, dict[str, Chosen]]:
    found: dict[str, dict[str, Chosen]] = {}
    if not isinstance(arms, Mapping):
        problems.append(f"arms: expected names with their choices, got {arms!r}")
        return found
    for name in arms:
        found[name] = {}
        if not isinstance(arms[name], Mapping):
            problems.append(f"arms.{name}: expected axes with their choices, got {arms[name]!r}")
            continue
        for axis in arms[name]:
            if axis not in recipe:
                problems.append(unknown(f"arms.{name}.{axis}", "axis", axis, recipe))
                continue
            value = arms[name][axis]
            chosen = check_choice(axis_of(axis), value, f"arms.{name}.{axis}", problems, recipe[axis])
            if chosen is not None:
                found[name][axis] = chosen
    return found


def _one_of(value: Any, allowed: tuple[str, ...], key: str, problems: list[str]) -> str:
    if value not in allowed:
        problems.append(unknown(key, "value", value, allowed))
    return str(value)


def _fraction(fraction: Mapping[str, Any], problems: list[str]) -> Fraction:
    _one_of(fraction["kind"], FRACTIONS, "fraction.kind", problems)
    if fraction["resolution"] not in (3, 4, 5):
        problems.append(f"fraction.resolution: expected 3, 4 or 5, got {fraction['resolution']!r}")
    return Fraction(fraction["kind"], fraction["resolution"])


def _tuning(tune: Mapping[str, Any], recipe: Mapping[str, Chosen | None], problems: list[str]) -> Tuning:
    grid = {}
    if not isinstance(tune["grid"], Mapping):
        problems.append(f"tune.grid: expected axes with arguments and values to try, got {tune['grid']!r}")
    for axis, arguments in (tune["grid"] if isinstance(tune["grid"], Mapping) else {}).items():
        if axis not in recipe:
            problems.append(unknown(f"tune.grid.{axis}", "axis", axis, recipe))
        elif not isinstance(arguments, Mapping):
            problems.append(f"tune.grid.{axis}: expected arguments with values to try, got {arguments!r}")
        else:
            grid[axis] = {
                name: _values(name, values, f"tune.grid.{axis}.{name}", problems) for name, values in arguments.items()
            }
    if isinstance(tune["seeds"], bool) or not isinstance(tune["seeds"], int) or tune["seeds"] < 1:
        problems.append(f"tune.seeds: expected an integer of 1 or more, got {tune['seeds']!r}")
    return Tuning(grid, _flag(tune["relative"], "tune.relative", problems), tune["seeds"])


def _values(name: str, values: Any, key: str, problems: list[str]) -> tuple[float, ...]:
    numbers = values if isinstance(values, tuple) else (values,)
    if len(numbers) < 2:
        problems.append(f"{key}: expected a tuple of two or more numbers, got {values!r}")
        return ()
    if len(set(numbers)) < len(numbers):
        problems.append(f"{key}: every value must be there once, got {values!r}")
    return tuple(sorted(check_number(name, number, key, problems) for number in numbers))


def _untuned_names(vary: Mapping[str, tuple[Chosen, ...]], tune: Tuning) -> dict[str, tuple[Chosen, ...]]:
    """No arm is named after a number that tuning will choose."""
    return {
        axis: tuple(
            dataclasses.replace(one, given={k: v for k, v in one.given.items() if k not in tune.grid.get(axis, {})})
            for one in choices
        )
        for axis, choices in vary.items()
    }


def _flag(value: Any, key: str, problems: list[str]) -> bool:
    if not isinstance(value, bool):
        problems.append(f"{key}: expected True or False, got {value!r}")
    return bool(value)


def _seeds(value: Any, problems: list[str]) -> tuple[int, ...]:
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


def _training(train: Mapping[str, Any], problems: list[str]) -> Training:
    for name in ("steps", "batch_size", "eval_every", "eval_batch_size", "lanes"):
        least = 0 if name == "lanes" else 1
        if isinstance(train[name], bool) or not isinstance(train[name], int) or train[name] < least:
            problems.append(f"train.{name}: expected an integer of {least} or more, got {train[name]!r}")
    seconds = train["checkpoint_seconds"]
    if isinstance(seconds, bool) or not isinstance(seconds, int | float) or not seconds >= 0:
        problems.append(f"train.checkpoint_seconds: expected a number of 0 or more, got {seconds!r}")
    return Training(**train)


def _reporting(report: Mapping[str, Any], problems: list[str]) -> Reporting:
    metric = _one_of(report["metric"], tuple(METRICS), "report.metric", problems)
    if not isinstance(report["alpha"], float) or not 0 < report["alpha"] < POWER:
        problems.append(f"report.alpha: must lie between 0 and {POWER}, got {report['alpha']!r}")
    margin = report["margin"]
    if margin is not None and (isinstance(margin, bool) or not isinstance(margin, int | float) or not 0 < margin < inf):
        problems.append(f"report.margin: must be above 0 and finite, or None, got {margin!r}")
    return Reporting(metric, METRICS.get(metric, True), report["alpha"], margin)


def _plain(value: Any) -> Any:
    """The config as plain dictionaries and tuples, in the order in which it was written."""
    if isinstance(value, ConfigDict | Mapping):
        return {str(key): _plain(value[key]) for key in value}
    if isinstance(value, tuple | list):
        return tuple(_plain(item) for item in value)
    return value
