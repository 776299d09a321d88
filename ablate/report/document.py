"""The report as plain sentences and grids, before any format.

Markdown, LaTeX and HTML only lay this out and escape it.
"""

import dataclasses
from collections.abc import Mapping
from typing import Any

from ablate.report.grids import Grid, grid
from ablate.report.plots.bands import validation_curve
from ablate.report.sections.answers import Answer, answers, confidence, headline, status_line
from ablate.report.sections.caveats import find_caveats
from ablate.report.sections.costs import ARITHMETIC, STEP_TIME, multiple
from ablate.report.sections.factorial import Factorial, analyse
from ablate.report.sections.factors import alias_lines, effect_grid, notes, shapley_grid
from ablate.report.sections.how_to_read import delta_note, limits, reading
from ablate.report.sections.provenance import program_grid, programs_note, provenance
from ablate.report.sections.speed import speed_grid
from ablate.report.sections.tuning import tuning_grid, tuning_notes
from ablate.report.tables import Summary, Tables
from ablate.report.wording import DASH, count, interval, number, plain, probability

__all__ = ["Document", "Section", "answers", "compose", "status_line"]


@dataclasses.dataclass(frozen=True)
class Section:
    """A part of the report that only some studies have."""

    name: str
    title: str
    notes: tuple[str, ...]
    grids: tuple[Grid, ...] = ()
    lines: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True)
class Document:
    """Everything that a reader reads; all text is plain and unescaped."""

    title: str
    question: str
    status: str
    headline: str
    answers: tuple[Answer, ...]
    arms: Grid
    delta: str
    reading: tuple[str, ...]
    limits: tuple[str, ...]
    caveats: tuple[str, ...]
    factorial: Section | None
    speed: Section | None
    tuning: Section | None
    failures: tuple[tuple[str, str], ...]
    programs_note: str
    programs: Grid
    provenance: tuple[tuple[str, str], ...]


def compose(tables: Tables, environment: Mapping[str, Any], progress: Mapping[str, Any] | None) -> Document:
    """The report of one study in words."""
    study, found = tables.study, analyse(tables)
    return Document(
        title=plain(study["name"]),
        question=plain(study["question"] or ""),
        status=status_line(tables),
        headline=headline(tables),
        answers=answers(tables),
        arms=arm_grid(tables),
        delta=delta_note(tables),
        reading=reading(tables),
        limits=limits(tables),
        caveats=find_caveats(tables, environment),
        factorial=factorial_section(found, tables) if found else None,
        speed=speed_section(tables),
        tuning=tuning_section(study),
        failures=tuple((f"{plain(c.arm)}, seed {c.seed} ({c.status})", c.error) for c in tables.cells if c.error),
        programs_note=programs_note(study, progress),
        programs=program_grid(study),
        provenance=provenance(study, environment, progress),
    )


def factorial_section(found: Factorial, tables: Tables) -> Section:
    """Effects, interactions, shares and aliases of a factorial design."""
    level = confidence(tables)
    shares = (shapley_grid(found, tables.unit, level),) if found.shapley or found.company else ()
    return Section(
        name="factorial",
        title="Main effects and interactions",
        notes=notes(found, tables),
        grids=(effect_grid(found, tables.unit, level), *shares),
        lines=alias_lines(found.aliases),
    )


def speed_section(tables: Tables) -> Section | None:
    """Time to target, where there are curves."""
    found = speed_grid(tables, validation_curve(tables))
    return Section("speed", "Time to target", (found[0],), (found[1],)) if found else None


def tuning_section(study: Mapping[str, Any]) -> Section | None:
    """What tuning found, where there was one."""
    tuning = study.get("tuning")
    if not tuning:
        return None
    return Section("tuning", "Tuning", tuning_notes(tuning), (tuning_grid(tuning, study["metrics"]),))


def arm_grid(tables: Tables) -> Grid:
    """The table per arm."""
    unit = tables.unit
    level = unit.labelled("mean")
    delta = unit.labelled("delta", difference=True)
    header = ("arm", "n", level, "sd", f"{confidence(tables)} interval", delta, "delta interval", "p (Holm)")
    header += ("p (exact)", "verdict", "diverged", "parameters", "arithmetic (×)")
    header += ("step time (×)",) if measured(tables) else ()
    return grid(header, (arm_row(arm, tables) for arm in tables.arms), text=("arm", "verdict"))


def arm_row(arm: Summary, tables: Tables) -> tuple[str, ...]:
    """One line of the table per arm."""
    unit, found = tables.unit, arm.contrast
    start = (plain(arm.arm), str(arm.n), unit.level(arm.mean), unit.level(arm.sd))
    start += (interval(unit.level(arm.low), unit.level(arm.high)),)
    compared = (DASH, DASH, DASH, DASH, "baseline" if arm.baseline else DASH)
    if found:
        compared = (unit.delta(found.mean), interval(unit.delta(found.low), unit.delta(found.high)))
        compared += (DASH if found.fact else probability(found.p_holm), probability(found.p_exact), arm.verdict or DASH)
    measures = (ARITHMETIC, STEP_TIME) if measured(tables) else (ARITHMETIC,)
    costs = (count(arm.parameters), *(number(multiple(arm, tables, measure)) for measure in measures))
    return (*start, *compared, f"{arm.diverged}/{arm.cells}", *costs)


def measured(tables: Tables) -> bool:
    """Whether any arm's step was timed in a program of its own."""
    return any(arm.step_seconds for arm in tables.arms)
