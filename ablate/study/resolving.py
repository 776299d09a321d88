"""ConfigDict -> Spec: plain, complete, checked. All problems of a config come out of here at once."""

import dataclasses
import os
from collections.abc import Mapping
from math import inf
from typing import Any

from ml_collections import ConfigDict

from ablate.data import NOISE_KINDS
from ablate.stats.checks import POWER, TESTS, Test
from ablate.study.choices import (
    DATA,
    RECORDING,
    TASK,
    TRAIN,
    Chosen,
    Training,
    bare,
    check_choice,
    check_number,
    sampling_of,
    training_of,
)
from ablate.study.config import FRACTIONS, absent, base_config
from ablate.study.design import DESIGNS, Arm
from ablate.study.problems import ConfigError, unknown
from ablate.tasks import TASKS, axes_of, lacks
from ablate.tricks.axis import Argument, Axis, Range

GROUPS = ("recipe", "vary", "fraction", "tune", "train", "report")  # keys of the config that hold a group of keys
FREE = ("recipe.", "vary.")  # groups whose keys are axes, which the task has or has not
Axes = Mapping[str, Axis]
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


@dataclasses.dataclass(frozen=True)
class Spec:
    """A config without `ml_collections`: every choice looked up, every number checked."""

    task: Chosen
    recipe: Mapping[str, Chosen]
    vary: Mapping[str, tuple[Chosen, ...]]
    design: str
    fraction: Fraction
    tune: Tuning
    arms: Mapping[str, Mapping[str, Chosen]]
    seeds: tuple[int, ...]
    paired: bool
    train: Training
    report: Reporting
    plain: Mapping[str, Any]
    fewer: Mapping[str, int] = dataclasses.field(default_factory=dict)  # arms that need no more than so many seeds


def resolve(cfg: ConfigDict | Mapping[str, Any]) -> Spec:
    """Checks a config and gives it as plain data.

    Raises:
        ConfigError: with one line for every problem found.
    """
    problems: list[str] = []
    fresh = _plain(base_config())
    content = _known_keys(_plain(cfg), fresh, "", problems)
    task = _task(content["task"], problems)
    axes = {**axes_of(_class_of(task)), "data": DATA, "train": TRAIN}
    recipe = _recipe(content, fresh, axes, problems)
    report = _reporting(content["report"], task, bool(content["paired"]), problems)
    seeds = _seeds(content["seeds"], problems)
    if report.looks and seeds and len(seeds) not in report.looks:
        problems.append(f"seeds: {len(seeds)} is none of report.looks {report.looks}; a look is at a planned number")
    spec = Spec(
        task=task,  # type: ignore[arg-type]  # None only with a problem
        recipe={axis: chosen for axis, chosen in recipe.items() if chosen is not None},
        vary=_vary(content["vary"], axes, recipe, problems),
        design=_one_of(content["design"], tuple(DESIGNS), "design", problems),
        fraction=_fraction(content["fraction"], problems),
        tune=_tuning(content["tune"], recipe, problems),
        arms=_arms(content["arms"], axes, recipe, problems),
        seeds=seeds,
        paired=_flag(content["paired"], "paired", problems),
        train=training_of(recipe["train"]) if recipe["train"] else None,  # type: ignore[arg-type]
        report=report,
        plain=content,
    )
    if problems:
        raise ConfigError(problems)
    return dataclasses.replace(spec, vary=_untuned_names(spec.vary, spec.tune))


def arm_of(spec: Spec, name: str, recipe: Mapping[str, Mapping[str, Any]]) -> Arm:
    """An arm from what study.json says of it, its tuned numbers too.

    Args:
        spec: the resolved config of its study.
        name: the arm's.
        recipe: axis -> name and all arguments of its choice.

    Raises:
        ConfigError: a choice is not there any more, or has other arguments now.
    """
    problems: list[str] = []
    chosen = {}
    for axis, base in spec.recipe.items():
        value = recipe.get(axis, base.plain())
        chosen[axis] = check_choice(base.table, value, f"arm {name!r}: {axis}", problems)
    if problems:
        raise ConfigError(problems)
    return Arm(name, {axis: choice for axis, choice in chosen.items() if choice is not None}, {})


def _task(value: Any, problems: list[str]) -> Chosen | None:
    task = check_choice(TASK, value, "task", problems)
    missing = lacks(task.choice.make) if task else []
    if task and missing:
        problems.append(f"task: {task.name!r} is no task: it lacks {', '.join(missing)}; see ablate.tasks.task.Task")
        return None
    try:
        if task:
            bare(task)
    except (Exception, SystemExit) as error:  # a task by import path is the user's code
        problems.append(f"task: {type(error).__name__}: {error}")
        return None
    return task


def _class_of(task: Chosen | None) -> Any:
    return task.choice.make if task else TASKS["classification"]


def _known_keys(cfg: Mapping[str, Any], default: Mapping[str, Any], key: str, problems: list[str]) -> dict[str, Any]:
    """The keys that exist, in the order of writing; what is wrong stands at its default, so that all else is checked.

    Below `model`, `data`, `arms` and single choices the keys are arguments, checked elsewhere; those below `recipe`
    and `vary` are axes, which are checked against the task.
    """
    if key in FREE:
        return dict(cfg)
    problems += [unknown(f"{key}{name}", "key", name, default) for name in cfg if name not in default]
    missing = [name for name in default if name not in cfg]
    problems += [f"{key}{name}: missing; start from base_config()" for name in missing]
    known = {name: cfg[name] for name in cfg if name in default} | {name: default[name] for name in missing}
    for name in () if key else GROUPS:
        if not isinstance(known[name], Mapping):
            problems.append(f"{name}: expected a group of keys, got {known[name]!r}")
            known[name] = default[name]
        known[name] = _known_keys(known[name], default[name], f"{name}.", problems)
    return known


def _recipe(
    cfg: Mapping[str, Any], fresh: Mapping[str, Any], axes: Axes, problems: list[str]
) -> dict[str, Chosen | None]:
    """The baseline's choice on every axis of the task; an axis that is not written down stands at its default.

    Defaults of another task's axes, as a `fresh` config has them, may stand in a config whose task was named later.
    """
    written, others = ({**content["recipe"], "model": content["model"]} for content in (cfg, fresh))
    for axis in written:
        if axis not in axes and written[axis] != others.get(axis):
            problems.append(unknown(f"recipe.{axis}" if axis != "model" else axis, "axis of this task", axis, axes))
    recipe: dict[str, Chosen | None] = {}
    for name, axis in axes.items():
        if name in (DATA.name, TRAIN.name):  # top-level keys of the config, below
            continue
        own = name in written and written[name] != _foreign(axis, others.get(name))
        value = written[name] if own else _plain(absent(axis))
        key = name if name == "model" else f"recipe.{name}"
        recipe[name] = check_choice(axis, value, key, problems)
    recipe["data"] = check_choice(DATA, cfg["data"], "data", problems)
    recipe["train"] = _training(cfg["train"], "train", None, problems)
    if recipe["data"] is not None:
        _one_of(sampling_of(recipe["data"]).noise_kind, NOISE_KINDS, "data.noise_kind", problems)
    return recipe


def _foreign(axis: Axis, default: Any) -> Any:
    """The default of an axis of the same name that another task has, where this one has no such choice."""
    return default if isinstance(default, Mapping) and default.get("name") not in axis.choices else None


def _vary(
    vary: Mapping[str, Any], axes: Axes, recipe: Mapping[str, Chosen | None], problems: list[str]
) -> dict[str, tuple[Chosen, ...]]:
    checked: dict[str, tuple[Chosen, ...]] = {}
    for axis, values in vary.items():
        if axis not in axes:
            problems.append(unknown(f"vary.{axis}", "axis", axis, axes))
        elif not isinstance(values, tuple | list):
            problems.append(f"vary.{axis}: expected a tuple of choices, got {values!r}; write (choice(...),)")
        elif values:
            tried = [
                _varied(axes[axis], value, f"vary.{axis}[{i}]", recipe[axis], problems)
                for i, value in enumerate(values)
            ]
            checked[axis] = tuple(chosen for chosen in tried if chosen is not None)
    return checked


def _varied(axis: Axis, value: Any, key: str, base: Chosen | None, problems: list[str]) -> Chosen | None:
    """A choice to try; of `train` and `data`, only what differs need be written down."""
    if axis is TRAIN:
        return _training(value, key, base, problems)
    if axis is DATA and isinstance(value, Mapping) and "name" not in value and base is not None:
        value = {"name": base.name, **value}
    return check_choice(axis, value, key, problems, base)


def _arms(
    arms: Any, axes: Axes, recipe: Mapping[str, Chosen | None], problems: list[str]
) -> dict[str, dict[str, Chosen]]:
    checked: dict[str, dict[str, Chosen]] = {}
    if not isinstance(arms, Mapping):
        problems.append(f"arms: expected names with their choices, got {arms!r}")
        return checked
    for name, choices in arms.items():
        checked[name] = {}
        if not isinstance(choices, Mapping):
            problems.append(f"arms.{name}: expected axes with their choices, got {choices!r}")
            continue
        for axis, value in choices.items():
            if axis not in axes:
                problems.append(unknown(f"arms.{name}.{axis}", "axis", axis, axes))
                continue
            chosen = _varied(axes[axis], value, f"arms.{name}.{axis}", recipe[axis], problems)
            if chosen is not None:
                checked[name][axis] = chosen
    return checked


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
            chosen = recipe[axis]
            known = chosen.arguments_of() if chosen else {}
            grid[axis] = {
                name: _values(known.get(name), values, f"tune.grid.{axis}.{name}", problems)
                for name, values in arguments.items()
            }
    if isinstance(tune["seeds"], bool) or not isinstance(tune["seeds"], int) or tune["seeds"] < 1:
        problems.append(f"tune.seeds: expected an integer of 1 or more, got {tune['seeds']!r}")
    return Tuning(grid, _flag(tune["relative"], "tune.relative", problems), tune["seeds"])


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


def _training(value: Any, key: str, base: Chosen | None, problems: list[str]) -> Chosen | None:
    """`cfg.train`, or what an arm changes of it."""
    if not isinstance(value, Mapping):
        problems.append(f"{key}: expected keys of train with their values, got {value!r}")
        return None
    fixed = [name for name in ("lanes", *RECORDING) if base is not None and name in value]
    problems += [f"{key}.{name}: the same for all arms; set train.{name}" for name in fixed]
    return check_choice(TRAIN, {"name": "train", **value}, key, problems, base)


def _reporting(report: Mapping[str, Any], task: Chosen | None, paired: bool, problems: list[str]) -> Reporting:
    metrics = {f"test_{metric.name}": metric for metric in (bare(task).metrics if task else ())}
    metric = report["metric"] if report["metric"] is not None else next(iter(metrics), "")
    known = isinstance(metric, str) and metric in metrics
    if task:
        _one_of(metric, tuple(metrics), "report.metric", problems)
    if not isinstance(report["alpha"], float) or not 0 < report["alpha"] < POWER:
        problems.append(f"report.alpha: must lie between 0 and {POWER}, got {report['alpha']!r}")
    margin = report["margin"]
    if margin is not None and (isinstance(margin, bool) or not isinstance(margin, int | float) or not 0 < margin < inf):
        problems.append(f"report.margin: must be above 0 and finite, or None, got {margin!r}")
    rises = known and metrics[metric].higher_is_better
    test: Any = _one_of(report["test"], TESTS, "report.test", problems)
    if test == "max_t" and not paired:
        problems.append("report.test: max_t flips whole seeds, which arms must share; set paired=True or test='t'")
    return Reporting(str(metric), rises, report["alpha"], margin, test, _looks(report["looks"], problems))


def _looks(value: Any, problems: list[str]) -> tuple[int, ...]:
    numbers = isinstance(value, tuple | list) and all(isinstance(n, int) and not isinstance(n, bool) for n in value)
    if not numbers or list(value) != sorted({*value}) or any(n < 2 for n in value):
        problems.append(f"report.looks: expected ascending numbers of seeds, each 2 or more, got {value!r}")
        return ()
    return tuple(value)


def _plain(value: Any) -> Any:
    """The config as plain dictionaries and tuples, in the order in which it was written."""
    if isinstance(value, ConfigDict | Mapping):
        return {str(key): _plain(value[key]) for key in value}
    if isinstance(value, tuple | list):
        return tuple(_plain(item) for item in value)
    return os.fspath(value) if isinstance(value, os.PathLike) else value
