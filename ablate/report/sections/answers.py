"""The answer in words: one status line, one headline, one sentence per trick."""

import dataclasses
from collections.abc import Iterator

from ablate.report.factorial import Factorial, Term
from ablate.report.records import RANK, Summary, Tables, ranked
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
    """In a factorial design, the tricks whose main effect shows, and those with which cells diverge; else empty."""
    main = [term for term in tables.factorial.terms if len(term.names) == 1] if tables.factorial else []
    tested = sum(term.effect.p is not None for term in main)
    readings = {word: [t.names[0] for t in main if reading_of(t, tables) == word] for word in ("help", "hurt")}
    parts = [f"{listed(names, 4)} {word}" for word, names in readings.items() if names]
    said = "; ".join(parts) or "none shows"
    effects = f"Main effects, averaged over the other tricks and corrected for {tested}: {said}. " if tested else ""
    losses = [f"{t.names[0]} ({losses_of(t)})" for t in main if t.divergence and t.divergence.excess > 0]
    return f"{effects}More cells diverged with {listed(losses, 4)}. " if losses else effects


def reading_of(term: Term, tables: Tables) -> str:
    """`help`, `hurt` or empty."""
    return term.reading(tables.better, tables.study["alpha"])


def losses_of(term: Term) -> str:
    """`12 of 24 diverged, without it 0 of 24`; empty where none did."""
    lost = term.divergence
    if lost is None or not lost.diverged + lost.diverged_without:
        return ""
    return f"{lost.diverged} of {lost.cells} diverged, without it {lost.diverged_without} of {lost.cells_without}"


def answers(tables: Tables) -> tuple[Answer, ...]:
    """One sentence per trick: in a factorial design its main effect first, then every arm."""
    arms = tuple(Answer(plain(arm.arm), arm.verdict, answer(arm, tables)) for arm in ranked(tables))
    return (*main_effects(tables.factorial, tables), *arms) if tables.factorial else arms


def main_effects(analysis: Factorial, tables: Tables) -> Iterator[Answer]:
    """What each trick adds on average over the others; never as if it were known apart from what it is aliased with."""
    for term in analysis.terms:
        if len(term.names) == 1 and (term.effect.estimate is not None or losses_of(term)):
            yield Answer(term.names[0], "", main_effect(term, analysis, tables))


def main_effect(term: Term, analysis: Factorial, tables: Tables) -> str:
    """Size, interval, test and seeds of a main effect, and how many cells diverged."""
    unit, effect = tables.unit, term.effect
    others = analysis.aliases.get((term.names[0].split("=")[0],), {})
    aliased = f"aliased with {listed([TIMES.join(other) for other in others], 4)}" if others else ""
    if effect.estimate is None:
        notes = filter(None, ("no seed has the cells that it takes", losses_of(term), aliased))
        return f"main effect not known: {'; '.join(notes)}"
    around = bounds(unit.delta(effect.low), unit.delta(effect.high), tables)
    tested = f"{p_clause(effect.p_holm, 'corrected p')}, " if effect.p_holm is not None else ""
    seeds = plural(effect.n, "seed" if tables.study["paired"] else "cell")
    size = f"main effect {unit.of_metric(unit.delta(effect.estimate))}, averaged over the other tricks"
    notes = filter(None, (f"{around}{tested}{seeds}", losses_of(term), aliased))
    return f"{size} ({'; '.join(notes)})"


def answer(arm: Summary, tables: Tables) -> str:
    """What stands behind an arm's name and a colon."""
    contrast, unit = arm.contrast, tables.unit
    if arm.identical:
        what = "metric" if len(tables.metrics) > 1 else unit.metric
        return f"{arm.verdict}, identical in every seed: no {what} of its {plural(arm.cells, 'cell')} differs"
    if contrast is None or contrast.fact or contrast.mean is None:
        return without_estimate(arm, tables)
    if contrast.test in RANKED:
        return by_rank(arm, contrast, tables)
    if arm.verdict in ("better", "worse"):
        sign = tables.better if arm.verdict == "better" else -tables.better
        low, high = sorted((sign * (contrast.low or 0.0), sign * (contrast.high or 0.0)))
        around = "" if contrast.low is None else bounds(unit.level(low), unit.level(high), tables)
        size = f"{arm.verdict} by {unit.of_metric(unit.level(sign * contrast.mean))}"
        return f"{size} ({around}{evidence(contrast)})"
    around = bounds(unit.delta(contrast.low), unit.delta(contrast.high), tables)
    inside = f"; within ±{unit.size(tables.study['metric']['margin'])}" if arm.verdict == "equivalent" else ""
    size = f"{arm.verdict}, {unit.of_metric(unit.delta(contrast.mean))}"
    return f"{size} ({around}{evidence(contrast)}{inside})"


def by_rank(arm: Summary, contrast: Contrast, tables: Tables) -> str:
    """An arm of which, or of whose baseline, some seeds diverged."""
    unit = tables.unit
    lost = f"{arm.diverged} of {plural(arm.cells, 'seed')} diverged"
    if contrast.diverged_baseline:
        lost += f", {contrast.diverged_baseline} of the baseline's"
    left = f"{unit.of_metric(unit.delta(contrast.mean))} over the {plural(contrast.n, 'seed')} that survived"
    return f"{arm.verdict}, {lost}; {left} ({contrast.test} test, {p_clause(contrast.p_holm, 'corrected p')})"


def bounds(low: str, high: str, tables: Tables) -> str:
    """The interval of a sentence, with a comma behind it; empty where there is none."""
    text = interval(low, high)
    return "" if text == DASH else f"{tables.confidence} interval {text}, "


def evidence(contrast: Contrast) -> str:
    """Corrected p and number of seeds."""
    tested = f"{p_clause(contrast.p_holm, 'corrected p')}, " if contrast.p_holm is not None else ""
    return f"{tested}{plural(contrast.n, 'seed')}"


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
