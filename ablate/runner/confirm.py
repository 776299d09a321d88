"""`ablate confirm`: arms of a study against its baseline again, on seeds that nothing was chosen on.

    study.json, rows, looks ──winners──> arms with tuned numbers ──fresh seeds──> a study of its own in DIR/confirm

An arm that is picked for its estimate is picked for its luck too, so that the estimate is too large. On fresh seeds it
is not. The new study compares these arms alone; what the first one said of them stands in its study.json.
"""

import dataclasses
import itertools
from collections.abc import Sequence
from pathlib import Path

from ablate.report.factorial import DESIGNS as GRIDS
from ablate.report.records import Summary, Tables
from ablate.report.rows import Rows
from ablate.report.tables import tabulate
from ablate.report.variance import DESIGN as VARIANCE
from ablate.results.schema import ArmRecord, ConfirmsRecord, FirstEstimate, Study, read_record
from ablate.runner.again import resolved_again
from ablate.runner.interrupts import Between, go_on
from ablate.runner.place import Place
from ablate.runner.plan import Plan, make_plan
from ablate.runner.reuse import changes
from ablate.study.cells import restored
from ablate.study.design import Arm
from ablate.study.problems import ConfigError, unknown
from ablate.study.resolving import Spec, arm_of
from ablate.study.settings import MOST_SEEDS

FOLDER = "confirm"  # below the study's own, as that of a tuning
LEAST = 2  # seeds: with one there is no interval


def winners(tables: Tables) -> list[str]:
    """The arms that the study calls better than the baseline."""
    return [arm.arm for arm in tables.tricks if arm.verdict == "better"]


def plan_confirmation(
    rows: Rows, arms: Sequence[str] = (), seeds: int | None = None, *, command: str = "",
    place: Place | None = None, between: Between = go_on,
) -> Plan | None:  # fmt: skip
    """The plan of the study that repeats some arms of another one; None where no arm is better and none is named.

    Args:
        rows: the first study, all of whose cells have ended.
        arms: what to repeat; what is better than the baseline if not given.
        seeds: how many fresh ones; as many as the study has if not given.
        command: that asked for it.
        place: what waves will run on; all devices of this process if not given.
        between: called between two steps of planning; what it raises ends it there.

    Raises:
        ConfigError: it cannot be repeated, or an argument does not fit.
    """
    tables = tabulate(rows.study, rows, looks=rows.looks)
    count = len(rows.study["seeds"]) if seeds is None else seeds
    problems = [*_unfit(rows, tables), *_unknown(tables, arms)]
    if not LEAST <= count < MOST_SEEDS:
        problems.append(f"--seeds: expected {LEAST} to {MOST_SEEDS - 1}, got {count}")
    if problems:
        raise ConfigError(problems)
    chosen = [arm.arm for arm in tables.tricks if arm.arm in (arms or winners(tables))]
    if not chosen:
        return None
    record = _record(rows, tables, chosen)
    with resolved_again(rows) as spec:
        fresh = itertools.islice((seed for seed in itertools.count() if seed not in record["used"]), count)
        again = tuple(_arm(spec, arm) for arm in rows.study["arms"] if arm["name"] in (tables.baseline.arm, *chosen))
        plan = make_plan(
            _repeated(spec, rows.study, tuple(fresh)),
            name=f"{rows.study['name']}: confirmation",
            question=f"Does what {rows.study['name']} found hold on fresh seeds?",
            command=command,
            folder=rows.study.get("folder") or "",
            arms=tuple(sorted(again, key=lambda arm: arm.name != tables.baseline.arm)),
            place=place,
            between=between,
        )
    return dataclasses.replace(plan, confirms=record, notes=tuple(_changed(rows, plan)))


def refuse_another(directory: Path, plan: Plan) -> None:
    """Leaves a directory alone that holds anything but a confirmation of the same study.

    Raises:
        ConfigError: it holds something else.
    """
    before = read_record(directory / "study.json", Study)
    confirmed = (before or {}).get("confirms") or {}
    if before is not None and confirmed.get("study") != (plan.confirms or {}).get("study"):
        raise ConfigError([f"--workdir: {directory} holds another study; give another directory"])


def _unfit(rows: Rows, tables: Tables) -> list[str]:
    """Why a study cannot be repeated."""
    if rows.study["design"] == VARIANCE:
        return [f"confirm: {rows.directory} holds runs of `ablate variance`; give one that `ablate run` wrote"]
    if tables.elsewhere:
        return [f"confirm: the runs of {rows.directory} were trained elsewhere; train fresh seeds there, too"]
    if tables.interim:
        return [f"confirm: {rows.directory} has cells left to train; `ablate run` it to its end first"]
    return []


def _unknown(tables: Tables, arms: Sequence[str]) -> list[str]:
    names = [arm.arm for arm in tables.tricks]
    problems = [unknown("--arm", "arm", name, names) for name in arms if name not in (*names, tables.baseline.arm)]
    if tables.baseline.arm in arms:
        problems.append(f"--arm: {tables.baseline.arm!r} is the baseline, which runs anyway; name other arms")
    return problems


def _record(rows: Rows, tables: Tables, chosen: Sequence[str]) -> ConfirmsRecord:
    """What the first study says of the arms, and every seed that somebody may have chosen them by."""
    study, tuning = rows.study, rows.study.get("tuning")
    used = {*study["seeds"], *(tuning["seeds"] if tuning else ())}
    used |= {seed for look in rows.looks for seed in look["seeds"]}
    used |= {*(study.get("confirms") or {}).get("used", ())}
    return {
        "study": study["name"],
        "seeds": list(study["seeds"]),
        "used": sorted(used),
        "level": tables.level,
        "arms": {arm.arm: _first(arm) for arm in tables.tricks if arm.arm in chosen},
    }


def _first(arm: Summary) -> FirstEstimate:
    contrast = arm.contrast
    return {
        "n": contrast.n if contrast else 0,
        "delta": contrast.mean if contrast else None,
        "low": contrast.low if contrast else None,
        "high": contrast.high if contrast else None,
        "verdict": arm.verdict,
    }


def _arm(spec: Spec, record: ArmRecord) -> Arm:
    """An arm with its tuned numbers; what differs from the baseline's is on the same axes."""
    arm = arm_of(spec, record["name"], restored(record["recipe"]))
    return dataclasses.replace(arm, changes={axis: arm.recipe[axis] for axis in record["changes"]})


def _repeated(spec: Spec, study: Study, seeds: tuple[int, ...]) -> Spec:
    """The config without what it tried and tuned: one look at these arms alone, at the level that the study had."""
    return dataclasses.replace(
        spec,
        design="arms" if study["design"] in GRIDS else study["design"],  # a part of a grid is no grid
        seeds=seeds,
        vary={},
        arms={},
        across={},
        tune=dataclasses.replace(spec.tune, grid={}),
        report=dataclasses.replace(spec.report, looks=(), alpha=study["alpha"]),
    )


def _changed(rows: Rows, plan: Plan) -> list[str]:
    """Sentences on code and data that are not those that the first study trained with."""
    before = {row["arm"]: row.get("identity") for row in reversed(rows.rows)}
    cells = {cell.arm.name: cell for cell in reversed(plan.cells)}
    found = [words for arm, cell in cells.items() for words in changes(before.get(arm) or cell.identity, cell.identity)]
    said = (f"{words[:1].upper()}{words[1:]}" for words in dict.fromkeys(found))
    return [f"{words} since: what is confirmed is not quite what was found." for words in said]
