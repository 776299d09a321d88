"""The answer in words: one status line, one headline, one sentence per trick."""

import dataclasses
import math
from collections.abc import Iterator

from ablate.report.factorial import Factorial, Term
from ablate.report.looks import changed
from ablate.report.records import RANK, UNFINISHED, Summary, Tables, gain, ranked
from ablate.report.wording import DASH, TIMES, interval, listed, p_clause, plain, plural
from ablate.stats.verdict import Contrast

CLAIMS = ("better", "worse")


@dataclasses.dataclass(frozen=True)
class Answer:
    """What the study says of one arm, in words; the text begins with the verdict where there is one."""

    arm: str
    verdict: str
    text: str


def status_line(tables: Tables) -> str:
    """`72 of 72 cells done, 1 collapsed, 0 diverged, 0 failed`: a collapsed cell is done, and trained in vain."""
    cells = tables.cells
    tally = {name: sum(cell.status == name for cell in cells) for name in ("done", "collapsed", "diverged", "pending")}
    errors = sum(arm.errors for arm in tables.arms)
    done = f"{tally['done'] + tally['collapsed']} of {len(cells)} cells done"
    collapsed = f", {tally['collapsed']} of them collapsed" if tally["collapsed"] else ""
    pending = f", {tally['pending']} pending" if tally["pending"] else ""
    return f"{done}{collapsed}, {tally['diverged']} diverged, {errors} failed{pending}"


def headline(tables: Tables) -> str:
    """The answer in one sentence."""
    tricks = tables.tricks
    if tables.interim:
        ended = sum(cell.status not in UNFINISHED for cell in tables.cells)
        return f"Interim: {ended} of {plural(len(tables.cells), 'cell')} have ended; verdicts appear when all have."
    if not tricks:
        return f"There is only the baseline{of_baseline(tables)}: nothing to compare."
    effects = headline_of_effects(tables)
    groups = {verdict: [arm for arm in ranked(tables) if arm.verdict == verdict] for verdict in (*RANK, "")}
    if len(groups[""]) == len(tricks):
        return "No arm has a verdict yet."
    told = [verdict for verdict in RANK if verdict in CLAIMS or groups[verdict]]
    parts = [counted(verdict, groups[verdict], tables) for verdict in told]
    left = f"; {len(groups[''])} without a verdict" if groups[""] else ""
    effects = f"Exploratory. {effects}" if changed(tables.study, tables.looks) else effects
    against = f"{plain(tables.baseline.arm)}{of_baseline(tables)}"
    return f"{effects}Of {plural(len(tricks), 'arm')} against {against}: {', '.join(parts)}{left}."


def of_baseline(tables: Tables) -> str:
    """The baseline's own value: ` (test score 85.3 %, 84.2 to 86.4)`; empty where it has none."""
    unit, base = tables.unit, tables.baseline
    if base.mean is None:
        return ""
    around = unit.between(base.low, base.high)
    value = f"{unit.metric} {unit.level(base.mean)} {unit.suffix}".rstrip()
    return f" ({value}{'' if around == DASH else f', {around}'})"


def counted(verdict: str, arms: list[Summary], tables: Tables) -> str:
    """`8 better (most: dropout, +8.7 points)`: how many arms, and of claims the one that gains or loses most."""
    if verdict not in CLAIMS or not arms:
        return f"{len(arms)} {verdict}"

    def place(arm: Summary) -> float:
        known = gain(arm, tables)
        return -math.inf if known is None else known  # one that failed in every seed has lost all

    most = (max if verdict == "better" else min)(arms, key=place)
    return f"{len(arms)} {verdict} ({'most: ' if len(arms) > 1 else ''}{plain(most.arm)}{size_of(most, tables)})"


def size_of(arm: Summary, tables: Tables) -> str:
    """`, +8.7 points`; where no seed can be compared, how many failed."""
    contrast = arm.contrast
    if contrast is not None and contrast.mean is not None:
        return f", {tables.unit.points(tables.unit.delta(contrast.mean))}"
    return f", failed in {failed_of(contrast)}" if contrast is not None and failed_of(contrast) else ""


def headline_of_effects(tables: Tables) -> str:
    """In a factorial design, the tricks whose main effect shows, and those with which cells fail; else empty."""
    main = [term for term in tables.factorial.terms if len(term.names) == 1] if tables.factorial else []
    tested = sum(term.effect.p is not None for term in main)
    readings = {word: [t.names[0] for t in main if reading_of(t, tables) == word] for word in ("help", "hurt")}
    parts = [f"{listed(names, 4)} {word}" for word, names in readings.items() if names]
    said = "; ".join(parts) or "none shows"
    effects = f"Main effects, averaged over the other tricks and corrected for {tested}: {said}. " if tested else ""
    losses = [f"{t.names[0]} ({losses_of(t)})" for t in main if t.losses and t.losses.excess > 0]
    return f"{effects}More cells failed with {listed(losses, 4)}. " if losses else effects


def reading_of(term: Term, tables: Tables) -> str:
    """`help`, `hurt` or empty."""
    return term.reading(tables.better, tables.level)


def losses_of(term: Term) -> str:
    """`12 of 24 failed, without it 0 of 24`; empty where none did."""
    lost = term.losses
    if lost is None or not lost.failed + lost.failed_without:
        return ""
    return f"{lost.failed} of {lost.cells} failed, without it {lost.failed_without} of {lost.cells_without}"


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
    """Size, interval, test and seeds of a main effect, and how many cells failed."""
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
    if tables.interim and contrast is not None and contrast.mean is not None:
        left = f", {arm.pending} of {plural(arm.cells, 'cell')} pending" if arm.pending else ""
        return f"interim, {unit.of_metric(unit.delta(contrast.mean))} over {plural(contrast.n, 'seed')}{left}"
    if contrast is None or arm.verdict == "":
        return without_estimate(arm, tables)
    if arm.decided_at:
        return decided(arm, contrast, tables)
    if contrast.by_failure or contrast.mean is None:
        return by_failure(arm, contrast, tables)
    parts = (interval_and_p(contrast, arm, tables), success_note(contrast), margin_note(arm, tables))
    notes = "; ".join(filter(None, parts))
    if arm.verdict in ("better", "worse"):
        sign = tables.better if arm.verdict == "better" else -tables.better
        return f"{arm.verdict} by {unit.of_metric(unit.level(sign * contrast.mean))} ({notes})"
    return f"{arm.verdict}, {unit.of_metric(unit.delta(contrast.mean))} ({notes})"


def decided(arm: Summary, contrast: Contrast, tables: Tables) -> str:
    """An arm with the verdict of an earlier planned look: what that was, and what is known of it now."""
    unit = tables.unit
    around = bounds(unit.delta(contrast.low), unit.delta(contrast.high), tables)
    known = f"{unit.of_metric(unit.delta(contrast.mean))} ({around}{plural(contrast.n, 'seed')})"
    notes = (known if contrast.mean is not None else "", success_note(contrast))
    return "; ".join(filter(None, (f"{arm.verdict}, decided at {arm.decided_at} seeds", *notes)))


def interval_and_p(contrast: Contrast, arm: Summary, tables: Tables) -> str:
    """Interval, corrected p and number of seeds; a claim is told as a gain or a loss, without a sign to read."""
    unit = tables.unit
    if arm.verdict in ("better", "worse") and contrast.low is not None and contrast.high is not None:
        sign = tables.better if arm.verdict == "better" else -tables.better
        low, high = sorted((sign * contrast.low, sign * contrast.high))
        return f"{bounds(unit.level(low), unit.level(high), tables)}{evidence(contrast, arm)}"
    return f"{bounds(unit.delta(contrast.low), unit.delta(contrast.high), tables)}{evidence(contrast, arm)}"


def success_note(contrast: Contrast) -> str:
    """How often the arm and the baseline failed, where any did: the estimate is given success."""
    if not failed_of(contrast):
        return ""
    p = f", corrected {p_clause(contrast.p_failure_corrected)}" if contrast.p_failure_corrected is not None else ""
    return f"given success: failed in {failed_of(contrast)}{p}"


def failed_of(contrast: Contrast) -> str:
    """`1 of 10 seeds, the baseline in 0 of 10`; empty where none failed."""
    arm, baseline = contrast.failures, contrast.failures_baseline
    if arm is None or baseline is None or not arm.hits + baseline.hits:
        return ""
    return f"{arm.hits} of {plural(arm.repeats, 'seed')}, the baseline in {baseline.hits} of {baseline.repeats}"


def margin_note(arm: Summary, tables: Tables) -> str:
    """Of an equivalent arm the margin that was declared; of an inconclusive one the smallest that would be shown."""
    contrast, unit = arm.contrast, tables.unit
    if arm.verdict == "equivalent":
        return f"within ±{unit.size(tables.study['metric']['margin'])}"
    if arm.verdict != "inconclusive" or contrast is None or contrast.within is None:
        return ""
    return f"differs by less than ±{unit.points(unit.size(contrast.within))} at {tables.confidence}, corrected"


def by_failure(arm: Summary, contrast: Contrast, tables: Tables) -> str:
    """An arm whose verdict rests on how often it failed, or of which nothing else is known."""
    p = f" (corrected {p_clause(contrast.p_failure_corrected)})" if contrast.p_failure_corrected is not None else ""
    said = f"{arm.verdict}, failed in {failed_of(contrast)}{p}"
    if contrast.mean is None:
        return said
    size = tables.unit.of_metric(tables.unit.delta(contrast.mean))
    return f"{said}; {size} where both succeeded, over {plural(contrast.n, 'seed')}"


def bounds(low: str, high: str, tables: Tables) -> str:
    """The interval of a sentence, with a comma behind it; empty where there is none."""
    text = interval(low, high)
    return "" if text == DASH else f"{tables.confidence} interval {text}, "


def evidence(contrast: Contrast, arm: Summary) -> str:
    """Corrected p and number of seeds; of an equivalent arm the p of equivalence."""
    p, name = contrast.p_corrected, "corrected p"
    if arm.verdict == "equivalent":
        p, name = contrast.p_tost_holm, "corrected p of equivalence"
    tested = f"{p_clause(p, name)}, " if p is not None else ""
    return f"{tested}{plural(contrast.n, 'seed')}"


def without_estimate(arm: Summary, tables: Tables) -> str:
    """Why there is no difference to report."""
    base = tables.baseline
    if arm.pending:
        return f"not finished, {arm.pending} of {plural(arm.cells, 'cell')} pending"
    if arm.failed and not arm.n:
        return f"no estimate, {arm.failed} of {plural(arm.cells, 'seed')} failed"
    if arm.errors and not arm.n:
        return f"no estimate, {arm.errors} of {plural(arm.cells, 'cell')} ended with an error"
    if base.failed and not base.n:
        return f"no estimate, the baseline failed in {base.failed} of {plural(base.cells, 'seed')}"
    return "no estimate, the baseline has no result" if not base.n else "no estimate, no seed in common"
