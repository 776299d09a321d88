"""A study across conditions, in words: does it hold elsewhere? Pure.

Three questions, each held to the study's alpha by itself, as the main effects and the interactions of a grid are: in
which conditions an arm is better or worse (verdicts of the single studies, which share alpha among them), what it does
on average over them, and whether its effect differs between them.
"""

import dataclasses
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from ablate.report.comparison.grids import (
    change_texts,
    delta_texts,
    relative,
    shortfall_word,
    unit_of_changes,
    unit_of_deltas,
)
from ablate.report.comparison.interaction import interactions
from ablate.report.comparison.overall import Overall
from ablate.report.comparison.studies import Comparison, LoadedStudy, compare
from ablate.report.records import UNFINISHED, Tables
from ablate.report.sections.answers import Answer
from ablate.report.wording import DASH, listed, p_clause, plural
from ablate.results.schema import AcrossRecord
from ablate.stats.conditions import Departure

READINGS = {"better": "helps", "worse": "hurts", "equivalent": "changes nothing", "inconclusive": "inconclusive"}


@dataclasses.dataclass(frozen=True)
class Across:
    """The studies of all conditions, lined up; `departures` by arm, empty while cells are pending."""

    record: AcrossRecord
    comparison: Comparison
    departures: Mapping[str, Sequence[Departure]]

    @property
    def interim(self) -> bool:
        """Whether any condition has cells left to train."""
        return any(tables.interim for tables in self.comparison.tables)

    @property
    def conditions(self) -> tuple[tuple[str, Tables], ...]:
        """Name and study of every condition."""
        return tuple(zip(self.comparison.names, self.comparison.tables, strict=True))

    @property
    def tricks(self) -> tuple[Overall, ...]:
        """Every arm that all conditions have, but the baseline."""
        return self.comparison.tricks

    def most(self, arm: Overall) -> Departure | None:
        """The departure of an arm with the smallest corrected p; None where there is no test."""
        tested = [d for d in self.departures.get(arm.arm, ()) if self.p_of(d) is not None]
        return min(tested, key=lambda d: (self.p_of(d), d.p), default=None)

    def p_of(self, departure: Departure) -> float | None:
        """The corrected p of the test that was declared to decide."""
        by_flips = self.comparison.tables[0].study.get("test") == "max_t"
        return departure.p_max_t if by_flips else departure.p_holm

    def differs(self, arm: Overall) -> bool:
        """Whether an arm's effect was shown to depend on the condition."""
        most = self.most(arm)
        p = self.p_of(most) if most else None
        return p is not None and p <= self.comparison.alpha


def across(record: AcrossRecord, studies: Sequence[LoadedStudy]) -> Across:
    """Lines the studies of all conditions up; raises ValueError as `compare` does.

    Args:
        record: the content of across.json.
        studies: of its conditions, in their order.
    """
    conditions = record["conditions"]
    comparison = compare(studies, [condition["name"] for condition in conditions], record["alpha"])
    levels = {what: [condition["levels"][what] for condition in conditions] for what in conditions[0]["levels"]}
    pending = any(tables.interim for tables in comparison.tables)
    return Across(record, comparison, {} if pending else interactions(comparison, levels))


def status_line(found: Across) -> str:
    """`240 of 240 cells done under 6 conditions, 2 diverged or collapsed, 0 failed`."""
    cells = [cell for _, tables in found.conditions for cell in tables.cells]
    arms = [arm for _, tables in found.conditions for arm in tables.arms]
    done = sum(cell.status in ("done", "collapsed") for cell in cells)
    pending = sum(cell.status in UNFINISHED for cell in cells)
    lost = f"{sum(arm.failed for arm in arms)} diverged or collapsed, {sum(arm.errors for arm in arms)} failed"
    left = f", {pending} pending" if pending else ""
    return f"{done} of {len(cells)} cells done under {plural(len(found.conditions), 'condition')}, {lost}{left}"


def headline(found: Across) -> str:
    """The answer in one sentence."""
    if found.interim:
        ended = sum(not tables.interim for _, tables in found.conditions)
        many = plural(len(found.conditions), "condition")
        return f"Interim: {ended} of {many} have ended; averages, and whether effects differ, appear when all have."
    if not found.tricks:
        return "The conditions share no arm but the baseline: nothing to compare."
    groups = {word: [a.arm for a in found.tricks if a.verdict == word] for word in ("better", "worse")}
    parts = [f"{len(arms)} {word} on average{named(arms)}" for word, arms in groups.items() if arms]
    everywhere = [a.arm for a in found.tricks if tally(a)["better"] == len(found.conditions)]
    differ = [a.arm for a in found.tricks if found.differs(a)]
    parts += [] if parts else ["none better or worse on average"]
    parts += [f"{len(everywhere)} better in every single one{named(everywhere)}"] if everywhere else []
    parts += [f"{len(differ)} with effects that differ between them{named(differ)}"] if differ else []
    many = plural(len(found.conditions), "condition")
    return f"Of {plural(len(found.tricks), 'arm')} under {many}: {', '.join(parts)}."


def named(arms: Sequence[str]) -> str:
    """A few names in brackets; nothing where there are none."""
    return f" ({listed(arms, 4)})" if arms else ""


def tally(arm: Overall) -> Counter[str]:
    """How many conditions gave which verdict."""
    return Counter(summary.verdict for summary in arm.summaries)


def answers(found: Across) -> Iterator[Answer]:
    """One line of generality per arm: on average, in how many conditions, and whether it differs between them."""
    for arm in found.tricks:
        yield Answer(arm.arm, arm.verdict, "; ".join((on_average(arm, found), counted(arm, found), varied(arm, found))))


def on_average(arm: Overall, found: Across) -> str:
    """Verdict and estimate over all conditions."""
    comparison = found.comparison
    words = f"{arm.verdict} on average" if arm.verdict else "no verdict on average"
    mean, bounds = (change_texts if comparison.in_ratios else delta_texts)(arm, comparison)
    if mean == DASH:
        return words
    unit = f"% of {shortfall_word(comparison)}" if comparison.in_ratios else comparison.unit.difference
    around = f"{comparison.confidence} interval {bounds}, " if bounds != DASH else ""
    tested = p_clause(arm.p_holm, "corrected p") if arm.p_holm is not None else "no test"
    return f"{words}, {mean} {unit}".rstrip() + f" ({around}{tested})"


def counted(arm: Overall, found: Across) -> str:
    """`helps in 4 of 6 conditions, hurts in 1 (data=spirals), inconclusive in 1`."""
    counts, total = tally(arm), len(found.conditions)
    where = [name for (name, _), own in zip(found.conditions, arm.summaries, strict=True) if own.verdict == "worse"]
    parts = [f"helps in {counts['better'] or 'none'} of {plural(total, 'condition')}"]
    parts += [f"hurts in {counts['worse']} ({listed(where, 3)})"] if where else []
    parts += [f"{READINGS[word]} in {counts[word]}" for word in ("equivalent", "inconclusive") if counts[word]]
    return ", ".join([*parts, *([f"without a verdict in {counts['']}"] if counts[""] else [])])


def varied(arm: Overall, found: Across) -> str:
    """Whether the effect differs between conditions, and where most."""
    most = found.most(arm)
    if most is None:
        return "no test of whether it differs between conditions"
    tested = p_clause(found.p_of(most), "corrected p")
    if not found.differs(arm):
        return f"no difference between conditions shown ({tested})"
    there, elsewhere = sizes(most, found)
    others = f"at {most.others}" if most.others else "elsewhere"
    return f"differs between conditions ({tested}): {there} at {most.level}, {elsewhere} {others}"


def sizes(departure: Departure, found: Across) -> tuple[str, str]:
    """The mean effects at a level and elsewhere, as shown."""
    comparison = found.comparison
    if comparison.in_ratios:
        unit = unit_of_changes(comparison)
        ratios = (None if x is None else relative(x) for x in (departure.there, departure.elsewhere))
        there, elsewhere = (f"{unit.delta(x)} %" for x in ratios)
    else:
        unit = unit_of_deltas(comparison)
        there, elsewhere = (unit.points(unit.delta(x)) for x in (departure.there, departure.elsewhere))
    return there, elsewhere
