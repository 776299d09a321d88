"""The answer in words: one status line, one headline, one sentence per trick."""

import dataclasses
from collections.abc import Iterator

from ablate.report.interactions import Factorial, analyse
from ablate.report.ranking import RANK, ranked
from ablate.report.tables import Summary, Tables
from ablate.report.wording import DASH, TIMES, interval, listed, p_clause, plain, plural
from ablate.stats.verdict import Contrast

RANKED = ("sign", "rank sum")


@dataclasses.dataclass(frozen=True)
class Answer:
    """What the study says of one arm, in words; the text begins with the verdict where there is one."""

    arm: str
    verdict: str
    text: str


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
    effects = headline_of_effects(tables)
    groups = {verdict: [plain(a.arm) for a in ranked(tables) if a.verdict == verdict] for verdict in (*RANK, "")}
    if len(groups[""]) == len(tricks):
        return "No arm has a verdict yet."
    parts = [
        f"{len(arms)} {verdict}" + (f" ({listed(arms, 4)})" if verdict in ("better", "worse") and arms else "")
        for verdict, arms in groups.items()
        if verdict
    ]
    left = f"; {len(groups[''])} without a verdict" if groups[""] else ""
    return f"{effects}Of {plural(len(tricks), 'arm')} against {plain(tables.baseline.arm)}: {', '.join(parts)}{left}."


def headline_of_effects(tables: Tables) -> str:
    """In a factorial design, the tricks whose main effect shows; empty elsewhere."""
    found = analyse(tables)
    if found is None:
        return ""
    main = [term for term in found.terms if len(term.names) == 1 and term.effect.p is not None]
    clear = [term for term in main if (term.effect.p or 0.0) <= tables.study["alpha"]]
    helps = [TIMES.join(term.names) for term in clear if (term.effect.estimate or 0.0) * tables.better > 0]
    hurts = [TIMES.join(term.names) for term in clear if TIMES.join(term.names) not in helps]
    parts = [f"{listed(names, 4)} {word}" for names, word in ((helps, "help"), (hurts, "hurt")) if names]
    said = "; ".join(parts) or "none shows"
    return f"Main effects, averaged over the other tricks and uncorrected: {said}. "


def answers(tables: Tables) -> tuple[Answer, ...]:
    """One sentence per trick: in a factorial design its main effect first, then every arm."""
    arms = tuple(Answer(plain(arm.arm), arm.verdict, answer(arm, tables)) for arm in ranked(tables))
    found = analyse(tables)
    return (*main_effects(found, tables), *arms) if found else arms


def main_effects(found: Factorial, tables: Tables) -> Iterator[Answer]:
    """What each trick adds on average over the others; never as if it were known apart from what it is mixed with."""
    unit = tables.unit
    for term in found.terms:
        if len(term.names) > 1 or term.effect.estimate is None:
            continue
        name, effect = TIMES.join(term.names), term.effect
        others = found.aliases.get((name.split("=")[0],), {})
        mixed = f"; mixed with {listed([TIMES.join(other) for other in others], 4)}" if others else ""
        around = bounds(unit.delta(effect.low), unit.delta(effect.high), tables)
        size = (
            f"main effect {unit.points(unit.delta(effect.estimate))} of {unit.metric}, averaged over the other tricks"
        )
        yield Answer(name, "", f"{size} ({around}{p_clause(effect.p, 'uncorrected p')}{mixed})")


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
        size = f"{arm.verdict} by {unit.points(unit.level(sign * found.mean))} of {unit.metric}"
        return f"{size} ({around}{evidence(found)})"
    around = bounds(unit.delta(found.low), unit.delta(found.high), tables)
    inside = f"; within ±{unit.size(tables.study['metric']['margin'])}" if arm.verdict == "equivalent" else ""
    size = f"{arm.verdict}, {unit.points(unit.delta(found.mean))} of {unit.metric}"
    return f"{size} ({around}{evidence(found)}{inside})"


def by_rank(arm: Summary, found: Contrast, tables: Tables) -> str:
    """An arm of which, or of whose baseline, some seeds diverged."""
    unit = tables.unit
    lost = f"{arm.diverged} of {plural(arm.cells, 'seed')} diverged"
    if found.diverged_baseline:
        lost += f", {found.diverged_baseline} of the baseline's"
    left = f"{unit.points(unit.delta(found.mean))} of {unit.metric} over the {plural(found.n, 'seed')} that survived"
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
        own = "all its seeds diverged and none of the baseline's"
        theirs = "all seeds of the baseline diverged and none of its own"
        return f"{arm.verdict}, {own if arm.verdict == 'worse' else theirs}"
    if arm.pending:
        return f"not finished, {arm.pending} of {plural(arm.cells, 'cell')} pending"
    if arm.diverged and not arm.n:
        return f"no estimate, {arm.diverged} of {plural(arm.cells, 'seed')} diverged"
    if arm.failed and not arm.n:
        return f"no estimate, {arm.failed} of {plural(arm.cells, 'cell')} failed"
    return "no estimate, the baseline has no result" if not base.n else "no estimate, no seed in common"
