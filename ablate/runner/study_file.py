"""study.json: a plan as the report will read it."""

from ablate.data import number_split
from ablate.results.packed import bits_for, packed
from ablate.results.schema import (
    STUDY_FORMAT,
    ArmRecord,
    CategoriesRecord,
    DataRecord,
    FailureRecord,
    ProgramRecord,
    Study,
    TaskMetric,
)
from ablate.runner.plan import Plan, ProgramPlan, data_id
from ablate.runner.randomness import streams_drawn
from ablate.stats.checks import SPREADS, STANDARD_ERRORS
from ablate.study.cells import jsonable
from ablate.study.choices import sampling_of
from ablate.study.design import Arm, Recipe
from ablate.study.labels import digest
from ablate.tasks.task import Categories, Chance, Metric, Task


def study_json(plan: Plan) -> Study:
    """The content of study.json."""
    spec, task = plan.spec, plan.task
    owner = {lane.cell.name: item.program.id for item in plan.programs for lane in item.program.lanes}
    study: Study = {
        "format": STUDY_FORMAT,
        "name": plan.name,
        "question": plan.question,
        "command": plan.command,
        "folder": plan.folder,
        "config": jsonable(spec.plain),
        "task": spec.task.name,
        "metrics": metrics_json(plan),
        "watch": task.watch,
        "curves": list(task.curves),
        "design": spec.design,
        "baseline": plan.arms[0].name,
        "arms": [_arm_json(arm, plan.arms[0].recipe) for arm in plan.arms],
        "seeds": list(spec.seeds),
        "paired": spec.paired,
        "metric": {
            "name": spec.report.metric,
            "higher_is_better": spec.report.higher_is_better,
            "margin": spec.report.margin,
        },
        "alpha": spec.report.alpha,
        "test": spec.report.test,
        "looks": list(spec.report.looks),
        "failure": _failure_json(task),
        "data": _data_json(plan),
        "categories": _categories_json(plan),
        "train": {
            "steps": spec.train.steps,
            "batch_size": spec.train.batch_size,
            "eval_every": spec.train.eval_every,
            "lanes": spec.train.lanes,
        },
        "seed_varies": _seed_varies(plan),
        "warnings": [*plan.notes, *plan.warnings],
        "cells": [
            {"cell": cell.name, "arm": cell.arm.name, "seed": cell.seed, "program": owner[cell.name]}
            for cell in plan.cells
        ],
        "programs": [_program_json(item) for item in plan.programs],
        "fingerprint": digest([cell.identity["code"] for cell in plan.cells])[:16],
    }
    if plan.confirms:
        study["confirms"] = plan.confirms
    return study


def _seed_varies(plan: Plan) -> list[str]:
    """What differs between two cells of an arm, in words."""
    drawn = streams_drawn((arm.recipe for arm in plan.arms), getattr(plan.task, "draws", ()))
    return [words for parts in drawn.values() for words in parts]


def metrics_json(plan: Plan) -> list[TaskMetric]:
    """How the numbers of a study are read."""
    return [_metric_json(metric, plan.dataset.unit) for metric in plan.task.metrics]


def _metric_json(metric: Metric, unit: str) -> TaskMetric:
    shown, difference = (
        text.replace("{unit}", unit) if unit else "" if "{unit}" in text else text
        for text in (metric.unit, metric.difference or metric.unit)
    )
    return {
        "name": metric.name,
        "higher_is_better": metric.higher_is_better,
        "scale": metric.scale,
        "unit": shown,
        "difference": difference,
    }


def _failure_json(task: Task) -> FailureRecord:
    """The rule of collapse: the task's own chance, where it has one, and how far a cell may lie from its siblings."""
    chance: Chance | None = getattr(task, "chance", None)
    return {
        "metric": f"test_{chance.metric}" if chance else None,
        "chance": chance.level if chance else None,
        "standard_errors": STANDARD_ERRORS,
        "spreads": SPREADS,
    }


def _data_json(plan: Plan) -> DataRecord:
    dataset, data = plan.dataset, plan.spec.recipe["data"]
    split = plan.programs[0].inputs[plan.cells[0].name].split
    return {
        "name": data.name,
        "source": data_id(data),
        "pool": number_split(dataset, sampling_of(data)),
        "arguments": jsonable(data.arguments),
        "shape": {name: list(shape) for name, shape in dataset.info.shapes.items()},
        "train": len(split.train),
        "validation": len(split.validation),
        "test": dataset.sizes[1],
        "description": dataset.description,
    }


def _categories_json(plan: Plan) -> CategoriesRecord | None:
    """What predictions choose among, and the right one of every test example."""
    categories: Categories | None = getattr(plan.task, "categories", None)
    if categories is None:
        return None
    first, bits = plan.arms[0].name, bits_for(len(categories.names))
    inputs = {name: cell for item in plan.programs for name, cell in item.inputs.items()}
    tests = [inputs[cell.name].split.test for cell in plan.cells if cell.arm.name == first]
    known = plan.dataset.whole(categories.truth)
    rotates = sampling_of(plan.spec.recipe["data"]).rotate_test
    return {
        "one": categories.one,
        "many": categories.many,
        "names": list(categories.names),
        "truth": [packed(known[test], bits) for test in (tests if rotates else tests[:1])],
    }


def _arm_json(arm: Arm, base: Recipe) -> ArmRecord:
    return {
        "name": arm.name,
        "changes": {axis: jsonable(chosen.plain()) for axis, chosen in arm.changes.items()},
        "recipe": {axis: jsonable(chosen.plain()) for axis, chosen in arm.recipe.items()},
        "own_loss": any(chosen.of_loss or base[axis].of_loss for axis, chosen in arm.changes.items()),
    }


def _program_json(item: ProgramPlan) -> ProgramRecord:
    return {
        "id": item.program.id,
        "arms": list(item.program.arms),
        "cells": [lane.cell.name for lane in item.program.lanes],
        "lanes": item.width,
        "waves": len(item.waves),
        "devices": item.place.devices,
        "strategy": item.strategy.name,
        "why": item.why,
        "parameters": item.parameters,
        "structure": {axis: [slot.label() for slot in slots] for axis, slots in item.program.slots.items()},
    }
