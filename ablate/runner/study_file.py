"""study.json: a plan as the report will read it."""

from typing import Any

from ablate.runner.plan import Plan, ProgramPlan
from ablate.study.cells import digest, jsonable
from ablate.study.design import Arm, at_off
from ablate.tasks.task import Metric

SEED_VARIES = ("initial weights", "batch order", "augmentation", "dropout", "the train/validation split", "label noise")


def study_json(plan: Plan) -> dict[str, Any]:
    """The content of study.json."""
    spec, task = plan.spec, plan.task
    owner = {lane.cell.name: item.program.id for item in plan.programs for lane in item.program.lanes}
    return {
        "format": 2,
        "name": plan.name,
        "question": plan.question,
        "command": plan.command,
        "config": jsonable(spec.plain),
        "task": spec.task.name,
        "metrics": [_metric_json(metric, plan.dataset.unit) for metric in task.metrics],
        "watch": task.watch,
        "curves": list(task.curves),
        "design": spec.design,
        "baseline": plan.arms[0].name,
        "arms": [_arm_json(arm) for arm in plan.arms],
        "seeds": list(spec.seeds),
        "paired": spec.paired,
        "metric": {
            "name": spec.report.metric,
            "higher_is_better": spec.report.higher_is_better,
            "margin": spec.report.margin,
        },
        "alpha": spec.report.alpha,
        "data": _data_json(plan),
        "train": {name: getattr(spec.train, name) for name in ("steps", "batch_size", "eval_every", "lanes")},
        "seed_varies": list(SEED_VARIES),
        "warnings": list(at_off(spec)),
        "cells": [
            {"cell": cell.name, "arm": cell.arm.name, "seed": cell.seed, "program": owner[cell.name]}
            for cell in plan.cells
        ],
        "programs": [_program_json(item) for item in plan.programs],
        "fingerprint": digest([cell.identity["code"] for cell in plan.cells])[:16],
    }


def _metric_json(metric: Metric, unit: str) -> dict[str, Any]:
    shown, difference = (
        text.replace("{unit}", unit) if unit else "" if "{unit}" in text else text
        for text in (metric.unit, metric.difference or metric.unit)
    )
    return metric._asdict() | {"unit": shown, "difference": difference}


def _data_json(plan: Plan) -> dict[str, Any]:
    dataset, data = plan.dataset, plan.spec.recipe["data"]
    split = plan.programs[0].inputs[plan.cells[0].name].split
    return {
        "name": data.name,
        "arguments": jsonable(data.arguments),
        "shape": {name: list(shape) for name, shape in dataset.info.shapes.items()},
        "train": len(split.train),
        "validation": len(split.validation),
        "test": dataset.sizes[1],
        "description": dataset.description,
    }


def _arm_json(arm: Arm) -> dict[str, Any]:
    return {
        "name": arm.name,
        "changes": {axis: jsonable(chosen.plain()) for axis, chosen in arm.changes.items()},
        "recipe": {axis: jsonable(chosen.plain()) for axis, chosen in arm.recipe.items()},
    }


def _program_json(item: ProgramPlan) -> dict[str, Any]:
    return {
        "id": item.program.id,
        "arms": list(item.program.arms),
        "cells": [lane.cell.name for lane in item.program.lanes],
        "lanes": item.width,
        "waves": len(item.waves),
        "devices": len(item.devices),
        "strategy": item.strategy.name,
        "why": item.why,
        "parameters": item.parameters,
        "structure": {axis: [slot.label() for slot in slots] for axis, slots in item.program.slots.items()},
    }
