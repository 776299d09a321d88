"""What a comparison of several studies says in sentences. Pure."""

from collections.abc import Iterator

from ablate.report.comparison.grids import in_shortfall, shortfall_word
from ablate.report.comparison.overall import Overall
from ablate.report.comparison.studies import Comparison
from ablate.report.comparison.synergy import readings
from ablate.report.wording import listed, p_clause, plural


def headline(comparison: Comparison) -> str:
    """The answer in one sentence."""
    tricks, studies = comparison.tricks, f"{len(comparison.names)} studies"
    if not tricks:
        return headline_of_company(comparison) or f"The {studies} share no arm but the baseline: nothing to compare."
    groups = {
        word: [arm.arm for arm in tricks if arm.verdict == word] for word in ("better", "worse", "inconclusive", "")
    }
    if len(groups[""]) == len(tricks):
        return f"No arm has a verdict over the {studies} yet."
    parts = [f"{len(groups[word])} {word}{in_brackets(groups[word])}" for word in ("better", "worse")]
    parts.append(f"{len(groups['inconclusive'])} inconclusive")
    left = f"; {len(groups[''])} without a test" if groups[""] else ""
    return f"Of {plural(len(tricks), 'arm')}, on average over {studies}: {', '.join(parts)}{left}."


def headline_of_company(comparison: Comparison) -> str:
    """What tricks add among the others, where one study adds and the other leaves out; empty for other studies."""
    kinds = {name: trick.kind for name, trick in readings(comparison).items()}
    if not kinds:
        return ""
    less, more = ([name for name, kind in kinds.items() if kind == word] for word in ("redundancy", "synergy"))
    rest = len(kinds) - len(less) - len(more)
    return (
        f"Of {plural(len(kinds), 'trick')}, among the others against alone: {len(less)} redundancy{in_brackets(less)}, "
        f"{len(more)} synergy{in_brackets(more)}, {rest} unclear."
    )


def lead(comparison: Comparison) -> str:
    """What the table over all studies shows."""
    metric, tested = comparison.unit.metric, "mean delta"
    parts = [f"Arm against baseline in {metric}, averaged over the studies, each weighing the same"]
    if comparison.in_ratios:
        tested = f"change of {shortfall_word(comparison)}"
    if in_shortfall(comparison):
        parts.append(f"shortfall is 100 % minus {metric}")
    if comparison.in_ratios or comparison.in_points:
        parts.append(f"the verdict is about the {tested}")
    return f"{'; '.join(parts)}."


def in_brackets(arms: list[str]) -> str:
    """A few names in brackets."""
    return f" ({listed(arms, 4)})" if arms else ""


def notes(comparison: Comparison) -> tuple[str, ...]:
    """How to read the comparison."""
    return (
        *estimate_notes(comparison),
        *test_notes(comparison),
        agreement_note(),
        *objections(comparison),
    )


def estimate_notes(comparison: Comparison) -> Iterator[str]:
    """What the means and their intervals are."""
    count, metric = len(comparison.names), comparison.unit.metric
    names = listed(list(comparison.names), 20)
    yield (
        f"{count} studies ({names}), each weighing the same, decided by {metric}; "
        f"{'higher' if comparison.better > 0 else 'lower'} is better. Delta is arm minus baseline within a study, seed "
        "by seed where seeds are shared, over the pairs of which both runs succeeded; study by study it has that "
        "study's own t interval and verdict."
    )
    if not comparison.in_points:
        yield f"Differences in {metric} are not averaged: the studies {why_not_in_points(comparison)}."
    if comparison.in_ratios:
        yield ratio_note(comparison)
    if comparison.in_points or comparison.in_ratios:
        yield (
            f"The {comparison.confidence} intervals over studies are t intervals, one arm at a time: the squared "
            "standard errors of the studies add up, with Welch's and Satterthwaite's degrees of freedom. They speak of "
            "new seeds on these studies, not of other data; how far the studies agree stands beside them."
        )


def why_not_in_points(comparison: Comparison) -> str:
    """Why the differences of the studies have no mean."""
    units = {(tables.unit.scale, tables.unit.difference) for tables in comparison.tables}
    return "are in different units" if len(units) > 1 else "may be on different scales, for it has no unit"


def ratio_note(comparison: Comparison) -> str:
    """What the relative change is."""
    meaning = f"Shortfall is 100 % minus {comparison.unit.metric}. " if in_shortfall(comparison) else ""
    return (
        f"{meaning}Change of {shortfall_word(comparison)} is the geometric mean over the studies of the arm's mean "
        "over that of its baseline, minus 1: every study counts by its own scale, be it hard or easy. Below zero is "
        "better."
    )


def test_notes(comparison: Comparison) -> Iterator[str]:
    """What the verdicts rest on."""
    tested = sum(p is not None for arm in comparison.tricks for p in (arm.p_holm, arm.p_failure_holm))
    if tested:
        scale = f"the change of {shortfall_word(comparison)}" if comparison.in_ratios else "the mean delta"
        failing = ", and of failures where so many could differ significantly" if comparison.failures_tested else ""
        yield (
            f"p (Holm) is the t test of {scale}{failing}, corrected for {plural(tested, 'comparison')}; at or below "
            f"{comparison.alpha:g} the arm is better or worse on average. Inconclusive does not mean no effect."
        )


def agreement_note() -> str:
    """How to read what the studies agree on."""
    return (
        "In favour: studies with an estimate on the good side, of those with one. Beats the baseline: how probably a "
        "run of the arm beats one of the baseline on the same study, averaged over studies, failed as the worst; "
        "50 % is no difference. Better to inconclusive count the verdicts of the single studies."
    )


def objections(comparison: Comparison) -> Iterator[str]:
    """What did not go as planned."""
    yield from failure_note(comparison)
    thin = [arm for arm in comparison.tricks if 0 < len(arm.deltas) < len(comparison.names)]
    if thin:
        names = listed([f"{arm.arm} ({len(arm.deltas)} of {len(comparison.names)} studies)" for arm in thin], 20)
        yield f"A mean over fewer studies than the others, and not to be compared with them: {names}."
    same = [arm.arm for arm in comparison.tricks if all(summary.identical for summary in arm.summaries)]
    if same:
        yield f"Identical with the baseline in every run of every study: {listed(same, 20)}."
    silent = [arm.arm for arm in comparison.tricks if without_interval(arm) and arm.arm not in same]
    if silent:
        yield (
            f"No interval for {listed(silent, 20)}: in some study fewer than two pairs succeeded, or all differences "
            "are equal, and its error is not known."
        )
    joined = list(dict.fromkeys(name for arm in comparison.tricks for name in arm.joined))
    if joined:
        yield (
            f"Several studies use the same data ({listed(joined, 20)}): a seed draws the same splits in each, so their "
            "differences are added up seed by seed, over the seeds that they share, before anything is averaged."
        )
    if comparison.left_out:
        yield f"Left out, since not every study has them: {listed(list(comparison.left_out), 20)}."


def failure_note(comparison: Comparison) -> Iterator[str]:
    """Which runs failed, and what became of them."""
    lost = [f"{arm.arm} ({lost_of(arm)})" for arm in comparison.arms if arm.failed]
    if not lost:
        return
    paired = all(tables.study["paired"] for tables in comparison.tables)
    how = "by sign flips of whole seeds, over all studies that share one" if paired else "exactly, within every study"
    yield (
        f"Failed, diverged or collapsed: {listed(lost, 20)}. Means and intervals are given success. How often runs "
        f"fail is compared {how}; an arm that lost more than its baseline is never better by its quality alone."
    )


def lost_of(arm: Overall) -> str:
    """`3 of 12 runs, corrected p .031`."""
    p = f", corrected {p_clause(arm.p_failure_holm)}" if arm.p_failure_holm is not None else ""
    return f"{arm.failed} of {plural(arm.cells, 'run')}{p}"


def without_interval(arm: Overall) -> bool:
    """Whether an arm has a mean but no interval."""
    average = arm.change or arm.difference
    return average is not None and average.low is None
