"""report.json: what the report says, for scripts. Strict JSON: a missing number is null."""

import dataclasses
import json
import math
from collections.abc import Mapping
from typing import Any

from ablate.report.document import Document
from ablate.report.tables import Summary, Tables

FORMAT = 1


def record(tables: Tables, document: Document) -> str:
    """The report as one JSON object."""
    study = tables.study
    content = {
        "format": FORMAT,
        "name": study["name"],
        "question": study["question"],
        "design": study["design"],
        "baseline": study["baseline"],
        "metric": study["metric"],
        "alpha": study["alpha"],
        "seeds": study["seeds"],
        "status": document.status,
        "headline": document.headline,
        "answers": document.answers,
        "arms": [arm_record(arm) for arm in tables.arms],
        "limits": document.limits,
        "caveats": document.caveats,
        "factorial": document.factorial,
        "speed": document.speed,
        "tuning": study.get("tuning"),
        "failures": document.failures,
        "programs": document.programs,
        "provenance": dict(document.provenance),
    }
    return json.dumps(clean(content), indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def arm_record(arm: Summary) -> dict[str, Any]:
    """One arm with its values and its comparison; `verdict` is empty where there is nothing to judge."""
    return {field.name: getattr(arm, field.name) for field in dataclasses.fields(arm)} | {"verdict": arm.verdict}


def clean(value: Any) -> Any:
    """Plain JSON: dataclasses and named tuples become objects, what is not finite becomes null."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: clean(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {str(key): clean(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [clean(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
