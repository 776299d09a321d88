"""The ledger of looks: who looks again until it is significant must say so, and who planned to must have paid for it.

    tables of a study whose cells have all ended ──look_of──> LookRecord ──appended──> looks.json
    looks.json ──earlier looks──> tabulate: the level of this look, arms that are gone, verdicts that stand

A look is a report with verdicts. Everything here is pure; `runner.execute` appends.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from ablate.report.records import Tables
from ablate.results.schema import Declared, LookRecord, RowRecord, Study


class Standing(NamedTuple):
    """A verdict that an earlier planned look reached, and how many seeds there were."""

    verdict: str
    seeds: int


def look_of(tables: Tables, rows: Iterable[RowRecord], time: str) -> LookRecord | None:
    """What is to be remembered of a report; None while cells are pending, when it has no verdicts.

    Args:
        tables: the study as its report shows it.
        rows: what it was made of.
        time: now, ISO 8601 in UTC.
    """
    if tables.interim or not tables.tricks:
        return None
    study, declaration = tables.study, declared(tables.study)
    return {
        **declaration,
        "time": time,
        "seeds": list(study["seeds"]),
        "arms": [arm.arm for arm in tables.arms],
        "cells": {arm.arm: [cell.cell for cell in tables.cells_of(arm.arm)] for arm in tables.arms},
        "level": tables.level,
        "planned": len(study["seeds"]) in declaration["looks"],
        "rows": fingerprint(rows),
        "verdicts": {arm.arm: arm.verdict for arm in tables.tricks if arm.verdict},
    }


def declared(study: Study) -> Declared:
    """What decides verdicts beside the rows and the arms."""
    metric = study["metric"]
    return {
        "metric": metric["name"],
        "margin": metric["margin"],
        "alpha": study["alpha"],
        "test": study.get("test", "t"),
        "looks": list(study.get("looks") or ()),
        "baseline": study["baseline"],
    }


def fingerprint(rows: Iterable[RowRecord]) -> str:
    """A hash of the results, whatever their timings."""
    results = sorted((row["cell"], row["status"], sorted(row["metrics"].items())) for row in rows)
    return hashlib.sha256(json.dumps(results).encode()).hexdigest()[:16]


def is_new(look: LookRecord, looks: Sequence[LookRecord]) -> bool:
    """Whether nobody has seen these verdicts: the same rows, arms and declarations are the same look again."""
    return all(
        any(look[key] != earlier[key] for key in ("rows", "arms", *Declared.__annotations__)) for earlier in looks
    )


def gone(study: Study, looks: Sequence[LookRecord]) -> tuple[str, ...]:
    """Arms that were looked at and are not in the study any more: the family is every arm ever looked at."""
    here = {arm["name"] for arm in study["arms"]}
    return tuple(dict.fromkeys(arm for look in looks for arm in look["arms"] if arm not in here))


def standing(study: Study, looks: Sequence[LookRecord]) -> Mapping[str, Standing]:
    """Verdicts that planned looks with fewer seeds reached: what was decided stays decided.

    Only by the same declarations, and where every cell that it was decided on is still a cell of the study.
    """
    found: dict[str, Standing] = {}
    here = {cell["cell"] for cell in study["cells"]}
    for look in earlier_looks(study, looks) if study.get("looks") else ():
        same = look["planned"] and all(look[key] == value for key, value in declared(study).items())
        for arm, verdict in look["verdicts"].items() if same else ():
            cells = {*look["cells"].get(arm, ()), *look["cells"].get(look["baseline"], ())}
            if verdict != "inconclusive" and cells <= here:
                found.setdefault(arm, Standing(verdict, len(look["seeds"])))
    return found


def spent(looks: Sequence[LookRecord]) -> float:
    """The probability with which all looks together may call some arm better or worse without any effect, at most."""
    levels: dict[str, float] = {}
    for look in looks:
        levels[look["rows"]] = max(levels.get(look["rows"], 0.0), look["level"])
    return min(1.0, sum(levels.values()))


def earlier_looks(study: Study, looks: Sequence[LookRecord]) -> list[LookRecord]:
    """Looks at fewer seeds."""
    return [look for look in looks if len(look["seeds"]) < len(study["seeds"])]


def changed(study: Study, looks: Sequence[LookRecord]) -> dict[str, tuple[object, object]]:
    """Declarations that differ from those of the first look: name to what it was and is."""
    now = declared(study)
    return {key: (looks[0][key], value) for key, value in now.items() if looks and looks[0][key] != value}
