"""The report as plain sentences and grids, before any format: Markdown, LaTeX and HTML only lay this out and escape it."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from ablate.report.caveats import find_caveats
from ablate.report.grids import Grid, grid
from ablate.report.provenance import program_grid, programs_note, provenance
from ablate.report.ranking import RANK, ranked
from ablate.report.tables import Summary, Tables
from ablate.report.wording import DASH, count, interval, listed, p_clause, plain, plural, probability, short
from ablate.stats.verdict import Contrast

RANKED = ("sign", "rank sum")


@dataclasses.dataclass(frozen=True)
class Answer:
    """What the study says of one arm, in words."""

    arm: str
    verdict: str
    text: str


@dataclasses.dataclass(frozen=True)
class Document:
    """Everything that a reader reads; all text is plain and unescaped."""

    title: str
    question: str
    status: str
    headline: str
    answers: tuple[Answer, ...]
    arms: Grid
    reading: tuple[str, ...]
    limits: tuple[str, ...]
    caveats: tuple[str, ...]
    failures: tuple[tuple[str, str], ...]
    programs_note: str
    programs: Grid
    provenance: tuple[tuple[str, str], ...]


def compose(tables: Tables, environment: Mapping[str, Any], progress: Mapping[str, Any] | None) -> Document:
    """The report of one study in words."""
    study = tables.study
    return Document(
        title=plain(study["name"]),
        question=plain(study["question"] or ""),
        status=status_line(tables),
        headline=headline(tables),
        answers=answers(tables),
        arms=arm_grid(tables),
        reading=reading(tables),
        limits=limits(tables),
        caveats=find_caveats(tables, environment),
        failures=tuple((f"{plain(c.arm)}, seed {c.seed} ({c.status})", c.error) for c in tables.cells if c.error),
        programs_note=programs_note(study, progress),
        programs=program_grid(study),
        provenance=provenance(study, environment, progress),
    )


def status_line(tables: Tables) -> str:
    """`72 of 72 cells done, 0 diverged, 0 failed`."""
    cells = tables.cells
    tally = {name: sum(cell.status == name for cell in cells) for name in ("done", "diverged", "pending")}
    failed = sum(arm.failed for arm in tables.arms)
    pending = f", {tally['pending']} pending" if tally["pending"] else ""
    return f"{tally['done']} of {len(cells)} cells done, {tally['diverged']} diverged, {failed} failed{pending}"


def headline(tables: Tables) -> str:
    """The answer in one sentence."""
    tricks = tables.tricks
    if not tricks:
        return "There is only the baseline: nothing to compare."
    groups = {verdict: [plain(a.arm) for a in ranked(tables) if a.verdict == verdict] for verdict in (*RANK, "")}
    if len(groups[""]) == len(tricks):
        return "No arm has a verdict yet."
    parts = [
        f"{len(arms)} {verdict}" + (f" ({listed(arms, 4)})" if verdict in ("better", "worse") and arms else "")
        for verdict, arms in groups.items()
        if verdict
    ]
    left = f"; {len(groups[''])} without a verdict" if groups[""] else ""
    return f"Of {plural(len(tricks), 'arm')} against {plain(tables.baseline.arm)}: {', '.join(parts)}{left}."


def answers(tables: Tables) -> tuple[Answer, ...]:
    """One sentence per trick."""
    return tuple(Answer(plain(arm.arm), arm.verdict, answer(arm, tables)) for arm in ranked(tables))


def answer(arm: Summary, tables: Tables) -> str:
    """What stands behind an arm's name and a colon."""
    found, unit = arm.contrast, tables.unit
    if found is None or found.fact or found.mean is None:
        return without_estimate(arm, tables)
    if found.test in RANKED:
        return by_rank(arm, found, tables)
    if arm.verdict in ("better", "worse"):
        sign = tables.better if arm.verdict == "better" else -tables.better
        low, high = sorted((sign * (found.low or 0.0), sign * (found.high or 0.0)))
        around = "" if found.low is None else bounds(unit.level(low), unit.level(high), tables)
        size = f"{arm.verdict} by {unit.level(sign * found.mean)} {unit.difference} of {unit.metric}"
        return f"{size} ({around}{evidence(found)})"
    around = bounds(unit.delta(found.low), unit.delta(found.high), tables)
    margin = tables.study["metric"]["margin"]
    inside = f"; within ±{unit.size(margin)}" if arm.verdict == "equivalent" else ""
    return f"{arm.verdict}, {unit.delta(found.mean)} {unit.difference} of {unit.metric} ({around}{evidence(found)}{inside})"


def by_rank(arm: Summary, found: Contrast, tables: Tables) -> str:
    """An arm of which, or of whose baseline, some seeds diverged."""
    lost = f"{arm.diverged} of {plural(arm.cells, 'seed')} diverged"
    if found.diverged_baseline:
        lost += f", {found.diverged_baseline} of the baseline's"
    left = f"{tables.unit.delta(found.mean)} {tables.unit.difference} of {tables.unit.metric} over the {found.n} that survived"
    return f"{arm.verdict}, {lost}; {left} ({found.test} test, {p_clause(found.p_holm, 'corrected p')})"


def bounds(low: str, high: str, tables: Tables) -> str:
    """The interval of a sentence, with a comma behind it; empty where there is none."""
    text = interval(low, high)
    return "" if text == DASH else f"{confidence(tables)} interval {text}, "


def confidence(tables: Tables) -> str:
    """The level of the intervals, "95 %"."""
    return f"{100 * (1 - tables.study['alpha']):g} %"


def evidence(found: Contrast) -> str:
    """Corrected p and number of seeds."""
    tested = f"{p_clause(found.p_holm, 'corrected p')}, " if found.p_holm is not None else ""
    return f"{tested}{plural(found.n, 'seed')}"


def without_estimate(arm: Summary, tables: Tables) -> str:
    """Why there is no difference to report."""
    base = tables.baseline
    if arm.contrast and arm.contrast.fact:
        own = arm.verdict == "worse"
        return (
            f"{arm.verdict}, all its seeds diverged and none of the baseline's"
            if own
            else (f"{arm.verdict}, all seeds of the baseline diverged and none of its own")
        )
    if arm.pending:
        return f"not finished, {arm.pending} of {plural(arm.cells, 'cell')} pending"
    if arm.diverged and not arm.n:
        return f"no estimate, {arm.diverged} of {plural(arm.cells, 'seed')} diverged"
    if arm.failed and not arm.n:
        return f"no estimate, {arm.failed} of {plural(arm.cells, 'cell')} failed"
    return "no estimate, the baseline has no result" if not base.n else "no estimate, no seed in common"


def arm_grid(tables: Tables) -> Grid:
    """The table per arm."""
    unit = tables.unit
    level = f"mean ({unit.suffix})" if unit.suffix else "mean"
    delta = f"delta ({unit.difference})" if unit.difference else "delta"
    text = {"arm", "verdict"}
    header = ("arm", "n", level, "sd", f"{confidence(tables)} interval", delta, "delta interval", "p (Holm)")
    header += ("p (sign flip)", "verdict", "diverged", "parameters", "steps/s", "lanes")
    rows = tuple(arm_row(arm, tables) for arm in tables.arms)
    return Grid(header, rows, tuple(name not in text for name in header))


def arm_row(arm: Summary, tables: Tables) -> tuple[str, ...]:
    """One line of the table per arm."""
    unit, found = tables.unit, arm.contrast
    start = (plain(arm.arm), str(arm.n), unit.level(arm.mean), unit.level(arm.sd))
    start += (interval(unit.level(arm.low), unit.level(arm.high)),)
    compared = (DASH, DASH, DASH, DASH, "baseline" if arm.baseline else DASH)
    if found:
        compared = (unit.delta(found.mean), interval(unit.delta(found.low), unit.delta(found.high)))
        compared += (probability(found.p_holm), probability(found.p_exact), arm.verdict or DASH)
    costs = (count(arm.parameters), short(arm.steps_per_second), count(arm.lanes))
    return (*start, *compared, f"{arm.diverged}/{arm.cells}", *costs)


def reading(tables: Tables) -> tuple[str, ...]:
    """How to read the table."""
    study, unit = tables.study, tables.unit
    pairs = "its seeds paired with the baseline's" if study["paired"] else "seeds not paired"
    varies = listed([plain(word) for word in study["seed_varies"]], 12)
    metric, level = unit.metric, confidence(tables)
    margin = study["metric"]["margin"]
    inside = "" if margin is None else f"; equivalent: shown to lie within ±{unit.size(margin)} {unit.difference}"
    return (
        f"Delta is arm minus baseline in {metric}, {pairs}; its interval is a {level} t interval, one arm at a time. "
        f"{'Higher' if tables.better > 0 else 'Lower'} is better.",
        f"Better or worse: the t test, corrected by Holm's method for {plural(len(tables.tricks), 'comparison')}, is "
        f"below {study['alpha']:g}{inside}; inconclusive: neither, which does not mean no effect.",
        "p (sign flip) is the exact test that needs no normality; it is not corrected and stands beside the verdict.",
        f"A seed varies {varies}." if varies else "What a seed varies is not recorded.",
        "Steps per second are those of the arm's program, with all its lanes advancing together.",
    )


def limits(tables: Tables) -> tuple[str, ...]:
    """What the study could not have seen."""
    found = [arm.contrast.mde for arm in tables.tricks if arm.contrast and arm.contrast.mde is not None]
    if not found:
        return ("Too few results to say which differences the study could have seen.",) if tables.tricks else ()
    unit, low, high = tables.unit, min(found), max(found)
    span = unit.size(low) if unit.size(low) == unit.size(high) else f"{unit.size(low)} to {unit.size(high)}"
    n = len(tables.study["seeds"])
    return (
        f"With {plural(n, 'seed')} and the spread seen here, differences smaller than {span} {unit.difference} (by arm) "
        "would have been missed more often than one time in five: the minimum detectable effect at 80 % power.",
    )
