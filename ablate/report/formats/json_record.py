"""report.json: what the report says, for scripts. Strict JSON: a missing number is null."""

import dataclasses
import json
import math
from collections.abc import Mapping
from typing import Any

from ablate.report.document import Document
from ablate.report.records import Summary, Tables
from ablate.report.section import Section

FORMAT = 2


def record(tables: Tables, document: Document) -> str:
    """The report as one JSON object."""
    study = tables.study
    content = {
        "format": FORMAT,
        "name": study["name"],
        "question": study["question"],
        "design": study["design"],
        "baseline": study["baseline"],
        "task": study["task"],
        "metrics": study["metrics"],
        "metric": study["metric"],
        "alpha": study["alpha"],
        "seeds": study["seeds"],
        "status": document.status,
        "headline": document.headline,
        "answers": document.answers,
        "arms": [arm_record(arm) for arm in tables.arms],
        "tuning": study.get("tuning"),
        "sections": {section.anchor: section_record(section) for section in document.sections},
    }
    return json.dumps(clean(content), indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def arm_record(arm: Summary) -> dict[str, Any]:
    """One arm with its values and its comparison; `verdict` is empty where there is nothing to judge."""
    return {field.name: getattr(arm, field.name) for field in dataclasses.fields(arm)} | {"verdict": arm.verdict}


def section_record(section: Section) -> dict[str, Any]:
    """What a section says; its plots by the name of their files and their caption."""
    parts = {field.name: getattr(section, field.name) for field in dataclasses.fields(section)}
    return parts | {"plots": {plot.name: plot.caption for plot in section.plots}, "facts": dict(section.facts)}


def clean(value: Any) -> Any:
    """Plain JSON: dataclasses and named tuples become objects, what is not finite becomes null."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: clean(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {str(key): clean(item) for key, item in value.items()}
    fields = getattr(value, "_fields", None)
    if fields is not None:
        return {field: clean(getattr(value, field)) for field in fields}
    if isinstance(value, list | tuple):
        return [clean(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
