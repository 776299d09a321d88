"""`ablate variance`: the baseline again and again with one stream of randomness varying, to see what each does.

It is a study of its own whose arms share one recipe and so one program: "all" varies every stream, as an ordinary run
does, and each other arm one of them, the others held.
"""

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ablate.report.rows import ACROSS
from ablate.report.variance import ALL, DESIGN
from ablate.results.schema import Study, read_record
from ablate.runner.interrupts import Between, go_on
from ablate.runner.place import Place
from ablate.runner.plan import Plan, make_plan
from ablate.runner.randomness import streams_drawn
from ablate.runner.study_file import study_json
from ablate.stats.checks import LEAST_FOR_SPREAD
from ablate.study.choices import RECORDING, bare, sampling_of
from ablate.study.design import Arm, Recipe, arms_of
from ablate.study.problems import ConfigError
from ablate.study.resolving import Spec
from ablate.study.settings import MOST_SEEDS
from ablate.tasks.keys import HELD, Seeds


def plan_variance(
    spec: Spec, seeds: int, *, name: str, question: str = "", command: str = "", folder: str = "",
    place: Place | None = None, between: Between = go_on,
) -> Plan:  # fmt: skip
    """The plan of all runs: every arm with so many seeds.

    Args:
        spec: the resolved config, of which the baseline counts.
        seeds: runs per arm.
        name: of the study.
        question: that the config asks.
        command: that asked for it.
        folder: of the config file.
        place: what waves will run on; all devices of this process if not given.
        between: called between two steps of planning; what it raises ends it there.

    Raises:
        ConfigError: too few seeds, or as `make_plan` does.
    """
    if not LEAST_FOR_SPREAD <= seeds < MOST_SEEDS:
        raise ConfigError([f"--seeds: expected {LEAST_FOR_SPREAD} to {MOST_SEEDS - 1}, got {seeds}"])
    recipe = _baseline_of(spec)
    if sampling_of(recipe["data"]).folds:
        raise ConfigError(["data.folds: seeds are folds, and here the streams of a seed are held; leave it away"])
    texts: dict[str, Any] = {"name": name, "question": question, "command": command, "folder": folder}
    return make_plan(_repeated(spec, seeds), arms=_arms(spec, recipe), place=place, between=between, **texts)


def _baseline_of(spec: Spec) -> Recipe:
    """What the design compares with; a config without anything to try has its recipe."""
    return arms_of(spec)[0].recipe if spec.vary or spec.arms else spec.recipe


def _repeated(spec: Spec, seeds: int) -> Spec:
    """The config without what it compares; the held seed is none of those that vary."""
    return dataclasses.replace(
        spec,
        design=DESIGN,
        seeds=tuple(range(HELD + 1, HELD + 1 + seeds)),
        paired=True,
        vary={},
        arms={},
        tune=dataclasses.replace(spec.tune, grid={}),
        report=dataclasses.replace(spec.report, looks=(), test="t"),
    )


def _arms(spec: Spec, recipe: Recipe) -> tuple[Arm, ...]:
    """One arm for all streams together, and one for each that the recipe draws from, named by what it decides."""
    drawn = streams_drawn([recipe], getattr(bare(spec.task), "draws", ()))
    single = (Arm(" and ".join(words), recipe, {}, (purpose,)) for purpose, words in drawn.items())
    return (Arm(ALL, recipe, {}, Seeds._fields), *single)


def refuse_another(directory: Path, plan: Plan) -> None:
    """Leaves a directory alone that holds anything but these runs, with more or fewer seeds.

    Raises:
        ConfigError: it holds another study, or runs of another recipe.
    """
    before = read_record(directory / "study.json", Study)
    if (directory / ACROSS).exists():
        raise ConfigError([f"--workdir: {directory} holds a study under several conditions; give another directory"])
    if before is None:
        return
    if before["design"] != DESIGN:
        raise ConfigError([f"--workdir: {directory} holds another study; give another directory"])
    if _trained(before) != _trained(study_json(plan)):
        raise ConfigError([f"--workdir: {directory} holds the runs of another recipe; give another directory"])


def _trained(study: Study) -> tuple[Any, ...]:
    """What decides the runs of a study, but for its seeds."""
    arms = [(arm["name"], _without_recording(arm["recipe"])) for arm in study["arms"]]
    return study["config"].get("task"), arms


def _without_recording(recipe: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    return {axis: {k: v for k, v in chosen.items() if k not in RECORDING} for axis, chosen in recipe.items()}
