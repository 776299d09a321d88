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
from ablate.report.comparison.words import in_brackets
from ablate.report.records import UNFINISHED, Tables
from ablate.report.sections.answers import Answer
from ablate.report.tables import tabulate
from ablate.report.wording import DASH, listed, p_clause, plain, plural
from ablate.results.schema import AcrossRecord
from ablate.stats.conditions import Departure
from ablate.stats.spending import level_at

READINGS = {"better": "helps", "worse": "hurts", "equivalent": "changes nothing", "inconclusive": "inconclusive"}


@dataclasses.dataclass(frozen=True)
class Across:
    """A study under several conditions, lined up.

    Attributes:
        record: the content of across.json.
        tables: name to study of every condition that has come to its end, by the plan of this record.
        comparison: over all conditions; None before all have ended.
        departures: by arm; empty where effects are not tested.
        by_look: whether seeds are the same everywhere; else the verdicts of single conditions decided how many, and a
            test over all of them would not keep its level.
    """

    record: AcrossRecord
    tables: Mapping[str, Tables]
    comparison: Comparison | None
    departures: Mapping[str, Sequence[Departure]]
    by_look: bool = True

    @property
    def tricks(self) -> tuple[Overall, ...]:
        """Every arm that all conditions have, but the baseline; none before all have ended."""
        return self.comparison.tricks if self.comparison else ()

    @property
    def alpha(self) -> float:
        """The level of what is said over all conditions at this look."""
        return self.comparison.alpha if self.comparison else self.record["alpha"]

    def most(self, arm: Overall) -> Departure | None:
        """The departure of an arm with the smallest corrected p; None where there is no test."""
        tested = [d for d in self.departures.get(arm.arm, ()) if self.p_of(d) is not None]
        return min(tested, key=lambda d: (self.p_of(d), d.p), default=None)

    def p_of(self, departure: Departure) -> float | None:
        """The corrected p of the test that was declared to decide."""
        return departure.p_max_t if self.by_flips else departure.p_holm

    @property
    def by_flips(self) -> bool:
        """Whether max-T was declared to decide."""
        return next(iter(self.tables.values())).study.get("test") == "max_t"

    def differs(self, arm: Overall) -> bool:
        """Whether an arm's effect was shown to depend on the condition."""
        most = self.most(arm)
        p = self.p_of(most) if most else None
        return p is not None and p <= self.alpha


def across(record: AcrossRecord, studies: Mapping[str, LoadedStudy]) -> Across:
    """Lines the studies of all conditions up; raises ValueError as `compare` does.

    Args:
        record: the content of across.json.
        studies: by name of their condition; of those that have not ended, nothing is shown.
    """
    ended = [one for one in record["conditions"] if one["ended"] and one["name"] in studies]
    own = [studies[one["name"]] for one in ended]
    tables = {
        plain(one["name"]): tabulate(loaded.study, loaded.rows, looks=getattr(loaded, "looks", ()))
        for one, loaded in zip(ended, own, strict=True)
    }
    if len(ended) < len(record["conditions"]) or any(one.interim for one in tables.values()):
        return Across(record, tables, None, {})
    seeds, planned = {tuple(one.study["seeds"]) for one in tables.values()}, tuple(own[0].study.get("looks") or ())
    level = level_at(record["alpha"], planned, len(min(seeds, key=len)))
    comparison = compare(own, list(tables), level)
    levels = {what: [plain(one["levels"][what]) for one in ended] for what in ended[0]["levels"]}
    if len(seeds) > 1 or not all(whole(one) for one in tables.values()):
        return Across(record, tables, untested(comparison), {}, by_look=False)
    return Across(record, tables, comparison, interactions(comparison, levels))


def whole(tables: Tables) -> bool:
    """Whether every arm of a study has all of its seeds."""
    return all(arm.cells == len(tables.study["seeds"]) for arm in tables.arms)


def untested(comparison: Comparison) -> Comparison:
    """The estimates of a comparison alone."""
    nothing = {"p": None, "p_holm": None, "p_failure": None, "p_failure_holm": None, "verdict": ""}
    return dataclasses.replace(comparison, arms=tuple(dataclasses.replace(a, **nothing) for a in comparison.arms))


def status_line(found: Across) -> str:
    """`240 of 240 cells done under 6 conditions, 2 diverged or collapsed, 0 failed`."""
    cells = [cell for tables in found.tables.values() for cell in tables.cells]
    arms = [arm for tables in found.tables.values() for arm in tables.arms]
    done = sum(cell.status in ("done", "collapsed") for cell in cells)
    pending = sum(cell.status in UNFINISHED for cell in cells)
    lost = f"{sum(arm.failed for arm in arms)} diverged or collapsed, {sum(arm.errors for arm in arms)} failed"
    left = f", {pending} pending" if pending else ""
    behind = len(found.record["conditions"]) - len(found.tables)
    others = f"; {plural(behind, 'condition')} still to run" if behind else ""
    return f"{done} of {len(cells)} cells done under {plural(len(found.tables), 'condition')}, {lost}{left}{others}"


def headline(found: Across) -> str:
    """The answer in one sentence."""
    many = plural(len(found.record["conditions"]), "condition")
    if found.comparison is None:
        ended = sum(not tables.interim for tables in found.tables.values())
        return f"Interim: {ended} of {many} have ended; averages, and whether effects differ, appear when all have."
    if not found.tricks:
        return "The conditions share no arm but the baseline: nothing to compare."
    everywhere = [a.arm for a in found.tricks if tally(a)["better"] == len(found.tables)]
    parts = averages(found)
    parts += [f"{len(everywhere)} better in every single one{in_brackets(everywhere)}"] if everywhere else []
    differ = [a.arm for a in found.tricks if found.differs(a)]
    parts += [f"{len(differ)} with effects that differ between them{in_brackets(differ)}"] if differ else []
    return f"Of {plural(len(found.tricks), 'arm')} under {many}: {', '.join(parts)}."


def averages(found: Across) -> list[str]:
    """How many arms are better and worse on average."""
    if not found.by_look:
        return ["not tested on average, since single conditions decided how many seeds there are"]
    groups = {word: [a.arm for a in found.tricks if a.verdict == word] for word in ("better", "worse")}
    parts = [f"{len(arms)} {word} on average{in_brackets(arms)}" for word, arms in groups.items() if arms]
    return parts or ["none better or worse on average"]


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
    assert comparison is not None
    words = f"{arm.verdict} on average" if arm.verdict else "no verdict on average"
    mean, bounds = (change_texts if comparison.in_ratios else delta_texts)(arm, comparison)
    if mean == DASH:
        return words
    size = f"{shortfall_word(comparison)} {mean} %" if comparison.in_ratios else comparison.unit.points(mean)
    around = f"{comparison.confidence} interval {bounds}, " if bounds != DASH else ""
    tested = p_clause(arm.p_holm, "corrected p") if arm.p_holm is not None else "no test"
    return f"{words}{why(arm, found)}, {size} ({around}{tested})"


def why(arm: Overall, found: Across) -> str:
    """What a verdict rests on that quality does not explain."""
    if not arm.by_failure(found.alpha):
        return ""
    if arm.verdict == "inconclusive":
        return ", since it failed more often" if arm.excess > 0 else ", since it failed less often"
    how = "more" if arm.verdict == "worse" else "less"
    tested = f" ({p_clause(arm.p_failure_holm, 'corrected p')})" if arm.p_failure_holm is not None else ""
    return f" by its failures, which are {how} frequent{tested}; given success"


def counted(arm: Overall, found: Across) -> str:
    """`helps in 4 of 6 conditions, hurts in 1 (data=spirals), inconclusive in 1`."""
    counts, total = tally(arm), len(found.tables)
    where = [name for name, own in zip(found.tables, arm.summaries, strict=True) if own.verdict == "worse"]
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
    assert comparison is not None
    if comparison.in_ratios:
        unit = unit_of_changes(comparison)
        ratios = (None if x is None else relative(x) for x in (departure.there, departure.elsewhere))
        there, elsewhere = (f"{unit.delta(x)} %" for x in ratios)
    else:
        unit = unit_of_deltas(comparison)
        there, elsewhere = (unit.points(unit.delta(x)) for x in (departure.there, departure.elsewhere))
    return there, elsewhere
