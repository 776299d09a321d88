"""How to read the table, and what the study could not have seen."""

import statistics

from ablate.report.records import Tables
from ablate.report.section import Section
from ablate.report.wording import listed, number, plain, plural
from ablate.stats.exact import smallest_p

DESIGN_NOTES = {
    "leave_one_out": "Each arm takes one trick away from all of them: where an arm is worse, its trick helps.",
    "cumulative": (
        "Each arm adds one trick to the arm before it, but is compared with the baseline: the step from one arm to the "
        "next is the difference of their deltas, and depends on the order."
    ),
}


def how_to_read(tables: Tables) -> Section:
    """What the words and columns of the table per arm mean."""
    return Section("reading", "How to read this", bullets=reading(tables))


def what_could_not_be_seen(tables: Tables) -> Section | None:
    """What the study was too small for."""
    sentences = limits(tables)
    return Section("limits", "What this study could not have seen", bullets=sentences) if sentences else None


def reading(tables: Tables) -> tuple[str, ...]:
    """How to read the table."""
    study = tables.study
    varies = listed([plain(word) for word in study["seed_varies"]], 12)
    return (
        *delta_notes(tables),
        verdict_note(tables),
        *max_t_note(tables),
        failure_note(tables),
        *looks_note(tables),
        f"A seed varies {varies}." if varies else "What a seed varies is not recorded.",
        *(() if tables.elsewhere else (arithmetic_note(tables),)),
    )


def max_t_note(tables: Tables) -> tuple[str, ...]:
    """What the exact test beside the t test is."""
    if not tables.study["paired"]:
        return ()
    floor = smallest_p(len(tables.study["seeds"]))
    return (
        "p (max-T): sign flips of whole seeds, corrected over all arms by the largest statistic; needs no normality, "
        f"and cannot fall below {floor:.2g} with {plural(len(tables.study['seeds']), 'seed')}.",
    )


def looks_note(tables: Tables) -> tuple[str, ...]:
    """How alpha is spent over planned looks."""
    looks = tables.study.get("looks") or ()
    if not looks:
        return ()
    cells, most = len(tables.cells), len(tables.arms) * looks[-1]
    return (
        f"Looks are planned at {listed([str(n) for n in looks], 12)} seeds; they share {tables.study['alpha']:g}, of "
        f"which this one has {tables.level:g}. A verdict of an earlier look stands. "
        f"{cells} cells so far; {looks[-1]} seeds for every arm are {most}.",
    )


def failure_note(tables: Tables) -> str:
    """What counts as failed, and what follows."""
    kinds = collapse_text(tables)
    collapse = f", or that collapsed ({kinds})" if kinds else ""
    return (
        f"Failed: a seed that diverged{collapse}. Failures are compared by an exact test of their own (Boschloo's), "
        "quality over the seeds on which both sides succeeded."
    )


def collapse_text(tables: Tables) -> str:
    """When a run has collapsed; empty where the study has no such rule."""
    rule = tables.study.get("failure")
    if not rule:
        return ""
    kinds = [f"worse than the median of its arm by more than {rule['spreads']:g} spreads in {tables.unit.metric}"]
    if rule["metric"] and rule["chance"] is not None:
        of = tables.unit_of(rule["metric"])
        chance = f"{number(rule['chance'], 1, of.scale)} {of.suffix}".strip()
        kinds.insert(0, f"{of.metric} within {rule['standard_errors']:g} standard errors of chance ({chance})")
    return "; or ".join(kinds)


def arithmetic_note(tables: Tables) -> str:
    """What the columns of costs count."""
    timed = (
        "; step time was measured in a program of the arm's own, in turns with the baseline's: the median of the "
        "ratios, and from the least to the most of them, an interval of at least 96 %"
        if tables.timed
        else ""
    )
    counted = "Arithmetic counts the floating-point operations of one training step, as a multiple of the baseline's"
    return f"{counted}{timed}."


def delta_notes(tables: Tables) -> tuple[str, ...]:
    """What the design compares, where that needs a word, and what delta and its interval are."""
    design = DESIGN_NOTES.get(tables.study["design"])
    return (*((design,) if design else ()), delta_note(tables))


def delta_note(tables: Tables) -> str:
    """What delta and its interval are."""
    pairs = "seed by seed" if tables.study["paired"] else "seeds not paired"
    return (
        f"Delta is arm minus {plain(tables.baseline.arm)} in {tables.unit.metric}, {pairs}; its interval is a "
        f"{tables.confidence} t interval, one arm at a time. {'Higher' if tables.better > 0 else 'Lower'} is better."
    )


def verdict_note(tables: Tables) -> str:
    """What the verdicts mean."""
    study, unit = tables.study, tables.unit
    margin = study["metric"]["margin"]
    inside = f"; equivalent: shown to lie within ±{unit.points(unit.size(margin))}" if margin else ""
    tests = max((arm.contrast.tests for arm in tables.tricks if arm.contrast), default=0)
    test = "the t test, corrected by Holm's method" if study.get("test", "t") == "t" else "the max-T test, corrected"
    return (
        f"Better or worse: {test} for {plural(tests, 'test')}, is at or below {tables.level:g}, or so is that of "
        f"failures{inside}; inconclusive: neither, which does not mean no effect."
    )


def limits(tables: Tables) -> tuple[str, ...]:
    """What the study could not have seen."""
    if not tables.tricks:
        return ()
    contrasts = [arm.contrast for arm in tables.tricks if arm.contrast]
    detectable = [contrast.mde for contrast in contrasts if contrast.mde is not None]
    if not detectable:
        return ("No spread of differences is known, so nothing can be said of which the study could have seen.",)
    return (detectable_note(detectable, tables), *seeds_note(tables), *pairing_note(tables))


def detectable_note(detectable: list[float], tables: Tables) -> str:
    """The minimum detectable effect."""
    unit, low, high = tables.unit, min(detectable), max(detectable)
    span = unit.size(low) if unit.size(low) == unit.size(high) else f"{unit.size(low)} to {unit.size(high)}"
    seeds = plural(tables.planned, "seed")
    return (
        f"With {seeds} and the spread seen here, true differences below {unit.points(span)} (by arm) would have been "
        "missed more than one time in five: the minimum detectable effect at 80 % power, in the strictest step of the "
        "correction."
    )


def seeds_note(tables: Tables) -> tuple[str, ...]:
    """How many seeds a difference of the margin would take."""
    margin = tables.study["metric"]["margin"]
    needed = [arm.contrast.seeds_for_margin for arm in tables.tricks if arm.contrast]
    counts = [n for n in needed if n is not None]
    if not margin or not counts:
        return ()
    span = f"{min(counts)}" if min(counts) == max(counts) else f"{min(counts)} to {max(counts)}"
    size = tables.unit.points(tables.unit.size(margin))
    return (f"To find a true difference of the margin, {size}, takes {span} seeds, depending on the arm.",)


def pairing_note(tables: Tables) -> tuple[str, ...]:
    """What sharing seeds was worth."""
    gains = [arm.contrast.pairing_gain for arm in tables.tricks if arm.contrast]
    factors = [gain for gain in gains if gain is not None]
    if not tables.study["paired"] or not factors:
        return ()
    middle = number(statistics.median(factors), 1)
    return (f"Pairing by seed was worth a factor of {middle} in seeds (median over arms; a rough estimate).",)
