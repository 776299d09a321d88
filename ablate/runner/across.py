"""A study under several conditions: planned all at once, run one after the other, reported together.

    Spec with across ──conditions_of──> a plan per condition ──execute──> DIR/<condition>/ as any study
                                                                └──rows──> report across conditions in DIR

Data sets are loaded once for all of them. The report over all is written anew after each condition, without averages
while any has cells left.
"""

import dataclasses
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from ablate.data import DataSet
from ablate.report import write_across
from ablate.report.rows import ACROSS, Conditions, Rows
from ablate.results.files import write_json
from ablate.results.schema import AcrossRecord, Study, read_record
from ablate.results.store import locked
from ablate.runner.interrupts import Between, go_on
from ablate.runner.plan import Plan, make_plan
from ablate.runner.reporting import write_reports
from ablate.runner.study_file import study_json
from ablate.study.across import Condition, conditions_of, note_of
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
                between=between,
            )  # fmt: skip
        except ConfigError as error:
            problems += [f"across, {condition.name}: {line}" for line in error.problems]
            continue
        loaded |= plan.datasets
        plans.append(plan)
    if problems:
        raise ConfigError(problems)
    return AcrossPlan(_record(spec, conditions, name=name, question=question, command=command), tuple(plans))


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
        write_json(directory / ACROSS, across.record)
        places = list(zip(across.plans, across.folders(directory), strict=True))
        for plan, folder in places:  # so that its state can be told from the beginning
            if _planned_otherwise(folder, plan):
                write_json(folder / "study.json", study_json(plan))
        for k, (plan, folder) in enumerate(places, 1):
            say(f"condition {k} of {len(places)}: {across.record['conditions'][k - 1]['name']}")
            run(plan, folder)
            found = report_across(directory, between)
    return found


def report_across(directory: Path, between: Between = go_on, *, studies: bool = False) -> Conditions:
    """Writes the report over all conditions from the rows of each; `studies` writes the reports of each as well.

    Raises:
        FileNotFoundError: a condition has no study.
        StorageError: a file could not be written.
    """
    found = Conditions.load(directory)
    for one in found.record["conditions"] if studies else ():
        write_reports(directory / one["folder"], between)
    found = Conditions.load(directory) if studies else found  # with the looks that these reports are
    write_across(directory, found.record, found.studies, between)
    return found


def _planned_otherwise(folder: Path, plan: Plan) -> bool:
    """Whether what stands in a folder is not this study; tuned numbers and counted costs of one that is are kept."""
    study: Mapping[str, Any] | None = read_record(folder / "study.json", Study)
    now: Mapping[str, Any] = study_json(plan)

    def asked(content: Mapping[str, Any]) -> list[Any]:
        same = [content[key] for key in ("format", "seeds", "alpha", "metric", "train", "baseline")]
        return [*same, [arm["name"] for arm in content["arms"]]]

    return study is None or asked(study) != asked(now)


def _record(spec: Spec, conditions: tuple[Condition, ...], *, name: str, question: str, command: str) -> AcrossRecord:
    return {
        "format": 1,
        "name": name,
        "question": question,
        "command": command,
        "alpha": spec.report.alpha,
        "conditions": [{"name": one.name, "folder": one.folder, "levels": dict(one.levels)} for one in conditions],
    }
