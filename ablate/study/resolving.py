"""ConfigDict -> Spec: plain, complete, checked. All problems of a config come out of here at once."""

import dataclasses
import math
import os
from collections.abc import Iterator, Mapping
from typing import Any

from ml_collections import ConfigDict

from ablate.data import NOISE_KINDS, TRAINED_FOLDS
from ablate.study.choices import (
    DATA,
    MOST_EVALUATIONS,
    MOST_STEPS,
    PLACING,
    RECORDING,
    TASK,
    TRAIN,
    Chosen,
    Training,
    bare,
    check_choice,
    sampling_of,
    training_of,
)
from ablate.study.config import absent, base_config
from ablate.study.design import DESIGNS, Arm
from ablate.study.problems import ConfigError, unknown
from ablate.study.settings import (
    Fraction,
    Reporting,
    Tuning,
    check_flag,
    check_fraction,
    check_reporting,
    check_seeds,
    check_tuning,
    one_of,
)
from ablate.tasks import TASKS, axes_of, lacks
from ablate.tricks.axis import Axis

GROUPS = (
    "recipe",
    "vary",
    "across",
    "fraction",
    "tune",
    "train",
    "report",
)  # keys of the config that hold a group of keys
FREE = ("recipe.", "vary.", "across.")  # groups whose keys are axes, which the task has or has not
Axes = Mapping[str, Axis]
# Of `train`, what may differ between arms or conditions.
NUMBERS = tuple(field.name for field in dataclasses.fields(Training) if field.name not in (*PLACING, *RECORDING))


@dataclasses.dataclass(frozen=True)
class Spec:
    """A config without `ml_collections`: every choice looked up, every number checked."""

    task: Chosen
    recipe: Mapping[str, Chosen]
    vary: Mapping[str, tuple[Chosen, ...]]
    across: Mapping[str, tuple[Chosen, ...]]
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
    report = check_reporting(content["report"], task, bool(content["paired"]), problems)
    seeds = check_seeds(content["seeds"], problems)
    if report.looks and seeds and len(seeds) not in report.looks:
        problems.append(f"seeds: {len(seeds)} is none of report.looks {report.looks}; a look is at a planned number")
    spec = Spec(
        task=task,  # type: ignore[arg-type]  # None only with a problem
        recipe={axis: chosen for axis, chosen in recipe.items() if chosen is not None},
        vary=_vary(content["vary"], axes, recipe, problems),
        across=_across(content["across"], axes, recipe, problems),
        design=one_of(content["design"], tuple(DESIGNS), "design", problems),
        fraction=check_fraction(content["fraction"], problems),
        tune=check_tuning(content["tune"], recipe, problems),
        arms=_arms(content["arms"], axes, recipe, problems),
        seeds=seeds,
        paired=check_flag(content["paired"], "paired", problems),
        train=training_of(recipe["train"]) if recipe["train"] else None,  # type: ignore[arg-type]
        report=report,
        plain=content,
    )
    for key, data in _other_data(spec):
        _check_sampling(data, key, problems)
    if spec.paired and not problems:
        problems += _test_splits(spec)
    if spec.recipe.get("data") and sampling_of(spec.recipe["data"]).folds and not spec.paired:
        problems.append("data.folds: seeds are folds, which arms must share; set paired=True")
    if spec.across and not spec.paired:
        problems.append("across: conditions are compared seed by seed, which arms must share; set paired=True")
    if problems:
        raise ConfigError(problems)
    return dataclasses.replace(spec, vary=_untuned_names(spec.vary, spec.tune))


def _test_splits(spec: Spec) -> Iterator[str]:
    """Arms of one data set are tested on the same examples, or the pairs would be none."""
    base = spec.recipe["data"]
    for key, one in _other_data(spec):
        if one.name == base.name and sampling_of(one).rotate_test != sampling_of(base).rotate_test:
            yield f"{key}.rotate_test: the same for all arms; set data.rotate_test"


def _other_data(spec: Spec) -> Iterator[tuple[str, Chosen]]:
    """What arms have in place of the baseline's data, by key."""
    yield from ((f"vary.data[{i}]", one) for i, one in enumerate(spec.vary.get("data", ())))
    yield from ((f"arms.{name}.data", arm["data"]) for name, arm in spec.arms.items() if "data" in arm)


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
        _check_sampling(recipe["data"], "data", problems)
    return recipe


def _check_sampling(data: Chosen, key: str, problems: list[str]) -> None:
    """What is asked of the pool, beyond the ranges of its numbers."""
    sampling = sampling_of(data)
    one_of(sampling.noise_kind, NOISE_KINDS, f"{key}.noise_kind", problems)
    one_of(sampling.train_on, TRAINED_FOLDS, f"{key}.train_on", problems)
    if sampling.folds == 1:
        problems.append(f"{key}.folds: one part is no division; 2 or more, or 0 for none")


def _foreign(axis: Axis, default: Any) -> Any:
    """The default of an axis of the same name that another task has, where this one has no such choice."""
    return default if isinstance(default, Mapping) and default.get("name") not in axis.choices else None


def _vary(
    vary: Mapping[str, Any], axes: Axes, recipe: Mapping[str, Chosen | None], problems: list[str]
) -> dict[str, tuple[Chosen, ...]]:
    problems += [unknown(f"vary.{axis}", "axis", axis, axes) for axis in vary if axis not in axes]
    known = {axis: values for axis, values in vary.items() if axis in axes}
    tried = {axis: _tried(axes[axis], known[axis], f"vary.{axis}", recipe[axis], problems) for axis in known}
    return {axis: choices for axis, choices in tried.items() if choices}


def _tried(axis: Axis, values: Any, key: str, base: Chosen | None, problems: list[str]) -> tuple[Chosen, ...]:
    """The choices of a tuple, without those that have problems."""
    if not isinstance(values, tuple | list):
        problems.append(f"{key}: expected a tuple of choices, got {values!r}; write (choice(...),)")
        return ()
    checked = [_varied(axis, value, f"{key}[{i}]", base, problems) for i, value in enumerate(values)]
    return tuple(chosen for chosen in checked if chosen is not None)


def _across(
    across: Mapping[str, Any], axes: Axes, recipe: Mapping[str, Chosen | None], problems: list[str]
) -> dict[str, tuple[Chosen, ...]]:
    """What varies around the study: choices of an axis, or under the name of a number of `train` its values."""
    checked: dict[str, tuple[Chosen, ...]] = {}
    for key, values in across.items():
        if key not in axes and key not in NUMBERS:
            problems.append(unknown(f"across.{key}", "axis or number of train", key, (*axes, *NUMBERS)))
            continue
        axis, several = (TRAIN, isinstance(values, tuple | list)) if key in NUMBERS else (axes[key], False)
        values = [{key: value} for value in values] if several else values
        checked[key] = _tried(axis, values, f"across.{key}", recipe[axis.name], problems)
        levels = [repr(chosen.plain()) for chosen in checked[key]]
        if len(set(levels)) < len(levels):
            problems.append(f"across.{key}: every level must be there once")
        if isinstance(values, tuple | list) and not values:
            problems.append(f"across.{key}: empty; name at least one level, or leave the key out")
    if checked and not problems and math.prod(map(len, checked.values())) < 2:
        problems.append("across: one condition is no comparison; name a second level, or write it into the config")
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


def _untuned_names(vary: Mapping[str, tuple[Chosen, ...]], tune: Tuning) -> dict[str, tuple[Chosen, ...]]:
    """No arm is named after a number that tuning will choose."""
    return {
        axis: tuple(
            dataclasses.replace(one, given={k: v for k, v in one.given.items() if k not in tune.grid.get(axis, {})})
            for one in choices
        )
        for axis, choices in vary.items()
    }


def _training(value: Any, key: str, base: Chosen | None, problems: list[str]) -> Chosen | None:
    """`cfg.train`, or what an arm changes of it."""
    if not isinstance(value, Mapping):
        problems.append(f"{key}: expected keys of train with their values, got {value!r}")
        return None
    fixed = [name for name in (*PLACING, *RECORDING) if base is not None and name in value]
    problems += [f"{key}.{name}: the same for all arms; set train.{name}" for name in fixed]
    chosen = check_choice(TRAIN, {"name": "train", **value}, key, problems, base)
    if chosen is not None:
        problems += _too_long(training_of(chosen), key)
    return chosen


def _too_long(training: Training, key: str) -> Iterator[str]:
    """What no device can count or no row can hold."""
    steps, every = training.steps, training.eval_every
    evaluations = -(-steps // every)
    if steps > MOST_STEPS:
        yield f"{key}.steps: {steps:,} are more than devices count, {MOST_STEPS:,}"
    elif evaluations > MOST_EVALUATIONS:
        yield (
            f"{key}.eval_every: an evaluation every {every:,} of {steps:,} steps makes {evaluations:,} of them; "
            f"at most {MOST_EVALUATIONS:,}"
        )


def _plain(value: Any) -> Any:
    """The config as plain dictionaries and tuples, in the order in which it was written."""
    if isinstance(value, ConfigDict | Mapping):
        return {str(key): _plain(value[key]) for key in value}
    if isinstance(value, tuple | list):
        return tuple(_plain(item) for item in value)
    return os.fspath(value) if isinstance(value, os.PathLike) else value
