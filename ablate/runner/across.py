"""A study under several conditions: planned all at once, run one after the other, reported together.

    Spec with across ──conditions_of──> a plan per condition ──execute──> DIR/<condition>/ as any study
                                                                └──rows──> report across conditions in DIR

Data sets are loaded and programs traced once for all of them. across.json says which conditions have come to their end
by the plan of this config; the report over all is written anew after each, about those, and has averages and tests when
all have.
"""

import dataclasses
from collections.abc import Callable, Sequence
from pathlib import Path

from ablate.data import DataSet
from ablate.report import write_across
from ablate.report.rows import ACROSS, Conditions, Rows
from ablate.results.files import clear_temporary, write_json
from ablate.results.schema import AcrossRecord, ConditionRecord, read_record
from ablate.results.store import locked
from ablate.runner.interrupts import Between, go_on
from ablate.runner.place import Place
from ablate.runner.plan import Plan, make_plan
from ablate.runner.reporting import write_reports
from ablate.runner.study_file import study_json
from ablate.study.across import Condition, conditions_of, note_of
from ablate.study.labels import digest
from ablate.study.problems import ConfigError
from ablate.study.resolving import Spec

Run = Callable[[Plan, Path], Rows]
Prepare = Callable[[Spec], Spec]


@dataclasses.dataclass(frozen=True)
class AcrossPlan:
    """The plans of all conditions, and what across.json will say of them."""

    record: AcrossRecord
    plans: tuple[Plan, ...]

    @property
    def name(self) -> str:
        """Of the study."""
        return self.record["name"]

    def folders(self, directory: Path) -> list[Path]:
        """Where each of them runs."""
        return [directory / condition["folder"] for condition in self.record["conditions"]]


def plan_across(
    spec: Spec,
    *,
    name: str,
    question: str = "",
    command: str = "",
    folder: str = "",
    strategy: str | None = None,
    place: Place | None = None,
    prepare: Prepare = lambda spec: spec,
    between: Between = go_on,
) -> AcrossPlan:
    """The plan of every condition of a config with `across`.

    Args:
        spec: the resolved config.
        name: of the study.
        question: that it asks.
        command: that asked for it.
        folder: of the config file.
        strategy: how programs run; chosen by platform if not given.
        place: what waves will run on; all devices of this process if not given.
        prepare: what becomes of a condition's config before it is planned.
        between: called between two steps of planning; what it raises ends it there.

    Raises:
        ConfigError: with the problems of all conditions.
    """
    conditions = conditions_of(spec)
    problems: list[str] = []
    plans: list[Plan] = []
    loaded: dict[str, DataSet] = {}
    for condition in conditions:
        try:
            plan = make_plan(
                prepare(condition.spec), name=f"{name}: {condition.name}", question=question, command=command,
                folder=folder, strategy=strategy, notes=(note_of(condition, spec, len(conditions)),), loaded=loaded,
                known=[item for plan in plans for item in plan.programs], place=place, between=between,
            )  # fmt: skip
        except ConfigError as error:
            problems += [f"across, {condition.name}: {line}" for line in error.problems]
            continue
        loaded |= plan.datasets
        plans.append(plan)
    if problems:
        raise ConfigError(problems)
    return AcrossPlan(_record(spec, conditions, plans, name=name, question=question, command=command), tuple(plans))


def run_across(
    across: AcrossPlan,
    directory: Path,
    run: Run,
    *,
    say: Callable[[str], None] = lambda words: None,
    between: Between = go_on,
) -> Conditions:
    """Runs every condition in its folder, and writes the report over all of them after each.

    Args:
        across: the plans.
        directory: where it runs.
        run: runs one plan in a directory.
        say: is told which condition comes next.
        between: called between two files of the report.

    Raises:
        InUseError, Interrupted, StorageError: as `run` does.
    """
    with locked(directory):
        clear_temporary(directory, directory / "figures")
        record = _resumed(across.record, read_record(directory / ACROSS, AcrossRecord))
        write_json(directory / ACROSS, record)
        if not all(one["ended"] for one in record["conditions"]):  # what stands there is of another plan, or not whole
            report_across(directory, between)
        for k, (plan, folder) in enumerate(zip(across.plans, across.folders(directory), strict=True)):
            say(f"condition {k + 1} of {len(across.plans)}: {record['conditions'][k]['name']}")
            run(plan, folder)
            record["conditions"][k]["ended"] = True
            write_json(directory / ACROSS, record)
            found = report_across(directory, between)
    return found


def report_across(directory: Path, between: Between = go_on, *, studies: bool = False) -> Conditions:
    """Writes the report over all conditions from the rows of each; `studies` writes the reports of each as well.

    Raises:
        FileNotFoundError: there is no across.json.
        StorageError: a file could not be written.
    """
    found = Conditions.load(directory)
    for rows in found.studies if studies else ():
        write_reports(rows.directory, between)
    found = Conditions.load(directory) if studies else found  # with the looks that these reports are
    write_across(directory, found.record, dict(found.items()), between)
    return found


def _resumed(now: AcrossRecord, before: AcrossRecord | None) -> AcrossRecord:
    """The record with the conditions marked that an earlier run of the same plan has ended."""
    ended = {one["folder"]: one["plan"] for one in (before["conditions"] if before else ()) if one["ended"]}
    conditions = [{**one, "ended": ended.get(one["folder"]) == one["plan"]} for one in now["conditions"]]
    return {**now, "conditions": conditions}  # type: ignore[typeddict-item]


def _plan_digest(plan: Plan) -> str:
    """What a report of the plan would be about: its cells as they are before tuning, and what decides verdicts."""
    from ablate.report.looks import declared  # reports need statistics, which take a while to import

    return digest([[cell.name for cell in plan.cells], declared(study_json(plan)), plan.spec.plain["tune"]])[:16]


def _record(spec: Spec, conditions: Sequence[Condition], plans: Sequence[Plan], **texts: str) -> AcrossRecord:
    records: list[ConditionRecord] = [
        {"name": one.name, "folder": one.folder, "levels": dict(one.levels), "plan": mark, "ended": False}
        for one, mark in zip(conditions, map(_plan_digest, plans), strict=True)
    ]
    return {
        "format": 1,
        "name": texts["name"],
        "question": texts["question"],
        "command": texts["command"],
        "alpha": spec.report.alpha,
        "conditions": records,
    }
