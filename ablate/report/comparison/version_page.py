"""Two versions of a study as a document: its sections, its figure and its files. Pure."""

from collections.abc import Iterator
from typing import Any

from ablate.report.comparison.versions import Versions
from ablate.report.document import Document
from ablate.report.formats.csv_files import delimited
from ablate.report.formats.html import html
from ablate.report.formats.latex import latex
from ablate.report.formats.markdown import markdown
from ablate.report.plots.plot import Dot, Estimate, Forest, Plot
from ablate.report.plots.scales import padded
from ablate.report.plots.together import Draw, in_turn
from ablate.report.records import RANK, Summary
from ablate.report.section import Column, Section, grid
from ablate.report.sections.answers import Answer
from ablate.report.wording import DASH, interval, listed, p_clause, plain, plural, probability
from ablate.stats.versions import Change

TABLE = "versions.csv"
CAPTION = "Second version minus first, arm by arm and seed by seed, with t intervals of one arm at a time."
COLUMNS = (
    "arm", "versions", "pairs", "before", "after", "change", "change_low", "change_high", "p", "p_holm",
    "failed_before", "failed_after", "seeds", "p_failure", "p_failure_holm", "verdict",
    "delta_before", "verdict_before", "delta_after", "verdict_after",
)  # fmt: skip


def version_contents(found: Versions, draw: Draw = in_turn) -> Iterator[tuple[str, str | bytes]]:
    """Every file of the comparison of two versions: path to content."""
    document = compose(found)
    yield TABLE, versions_csv(found)
    yield "versions.md", markdown(document)
    yield "versions.html", html(document)
    yield "versions.tex", latex(document)
    yield from draw([plot for section in document.sections for plot in section.plots])


def compose(found: Versions) -> Document:
    """The comparison in words, tables and a plot."""
    sections = (by_arm(found), effects(found), what_differs(found), *left_out(found), reading(found))
    return Document(
        title="Two versions of one study",
        question=plain(found.before.study["question"] or ""),
        status=f"Before: {found.names[0]}. After: {found.names[1]}",
        headline=headline(found),
        answers=tuple(Answer(plain(arm), found.changes[arm].verdict, answer(arm, found)) for arm in ranked(found)),
        sections=sections,
        tables=(TABLE,),
    )


def ranked(found: Versions) -> list[str]:
    """The baseline, then the other arms by verdict, the largest gain first."""

    def place(arm: str) -> tuple[bool, int, float]:
        change = found.changes[arm]
        gain = found.before.better * change.mean if change.mean is not None else 0.0
        return arm != found.before.baseline.arm, RANK.get(change.verdict, len(RANK)), -gain

    return sorted(found.changes, key=place)


def headline(found: Versions) -> str:
    """The answer in one sentence."""
    if found.interim:
        return "Interim: cells of a version are left to train; verdicts appear when all have ended."
    parts = []
    for verdict in ("better", "worse", "inconclusive"):
        arms = [plain(arm) for arm in ranked(found) if found.changes[arm].verdict == verdict]
        named = f" ({listed(arms, 4)})" if arms and verdict != "inconclusive" else ""
        parts.append(f"{len(arms)} {verdict}{named}")
    alone = sum(map(len, found.only))
    left = f"; {alone} in one version only" if alone else ""
    same = sum(change.identical for change in found.changes.values())
    equal = f"; {same} identical in every seed" if same else ""
    return f"Of {plural(len(found.changes), 'arm')} in both versions: {', '.join(parts)}{equal}{left}."


def answer(arm: str, found: Versions) -> str:
    """`better, 85.2 → 86.1 %, +0.9 points (95 % interval 0.3 to 1.5, corrected p .012, 6 seeds)`."""
    change, unit = found.changes[arm], found.unit
    if change.identical:
        return f"{change.verdict or 'interim'}, identical in all of {plural(change.seeds, 'seed')}"
    lost = failures_text(change)
    if change.mean is None:
        return f"{change.verdict or 'interim'}, no seed on which both succeeded{f'; {lost}' if lost else ''}"
    around = interval(unit.delta(change.low), unit.delta(change.high))
    p = p_clause(change.p_holm, "corrected p") if change.p_holm is not None else ""
    limits = f"{found.confidence} interval {around}" if around != DASH else ""
    notes = ", ".join(filter(None, (limits, p, plural(change.n, "seed"))))
    levels = f"{unit.level(change.before)} → {unit.level(change.after)} {unit.suffix}".strip()
    said = f"{levels}, {unit.of_metric(unit.delta(change.mean))} ({'; '.join(filter(None, (notes, lost)))})"
    return f"{change.verdict or 'interim'}, {said}"


def failures_text(change: Change) -> str:
    """How often runs failed in both versions; empty where none did."""
    if not change.failed_before + change.failed_after:
        return ""
    p = f", corrected {p_clause(change.p_failure_holm)}" if change.p_failure_holm is not None else ""
    return (
        f"failed in {change.failed_before} of {plural(change.seeds, 'seed')} before and {change.failed_after} after{p}"
    )


def by_arm(found: Versions) -> Section:
    """One line per arm: both levels, the change and its test."""
    unit, changes = found.unit, found.changes
    failed = any(change.failed_before + change.failed_after for change in changes.values())
    failures = (
        Column[str]("failed before", lambda arm: f"{changes[arm].failed_before}/{changes[arm].seeds}"),
        Column[str]("failed after", lambda arm: f"{changes[arm].failed_after}/{changes[arm].seeds}"),
        Column[str]("p (failures)", lambda arm: probability(changes[arm].p_failure_holm)),
    )
    columns = (
        Column[str]("arm", plain, numeric=False, paper="Arm"),
        Column[str](unit.labelled("before"), lambda arm: unit.level(changes[arm].before), paper="Before"),
        Column[str](unit.labelled("after"), lambda arm: unit.level(changes[arm].after), paper="After"),
        Column[str](
            unit.labelled("change", difference=True), lambda arm: unit.delta(changes[arm].mean), paper="Change"
        ),
        Column[str](f"{found.confidence} interval", lambda arm: around(changes[arm], found), paper="interval"),
        Column[str]("p (Holm)", lambda arm: probability(changes[arm].p_holm), paper="p"),
        Column[str]("verdict", lambda arm: changes[arm].verdict or DASH, numeric=False, paper="verdict"),
        Column[str]("pairs", lambda arm: f"{changes[arm].n}/{changes[arm].seeds}"),
        *(failures if failed else ()),
    )
    table = grid(columns, ranked(found), caption=CAPTION, sortable=True)
    plot = forest(found)
    return Section("versions", "Arm by arm", plots=(plot,) if plot else (), grids=(table,))


def around(change: Change, found: Versions) -> str:
    """The interval of a change."""
    return interval(found.unit.delta(change.low), found.unit.delta(change.high))


def forest(found: Versions) -> Plot | None:
    """The changes with their intervals, and a dot per seed."""
    rows = tuple(estimate(arm, found) for arm in ranked(found) if found.changes[arm].mean is not None)
    if not rows:
        return None
    values = [0.0, *(x for row in rows for x in row.values)]
    label = found.unit.labelled(f"change of {found.unit.metric}", difference=True)
    ends = ("worse", "better") if found.before.better > 0 else ("better", "worse")
    return Plot(
        "versions", "Changes", f"{CAPTION} A dot is a seed.", Forest(rows, padded(values, 0.06, label), None, ends)
    )


def estimate(arm: str, found: Versions) -> Estimate:
    """One line of the forest, in shown units."""
    change, unit = found.changes[arm], found.unit
    first, second = (next(a for a in one.arms if a.arm == arm).values for one in (found.before, found.after))
    deltas = {seed: second[seed] - first[seed] for seed in sorted(first.keys() & second.keys())}
    dots = tuple(Dot(unit.scale * x, f"seed {seed}: {unit.delta(x)}") for seed, x in deltas.items())
    mean, low, high = (None if x is None else unit.scale * x for x in (change.mean, change.low, change.high))
    p = p_clause(change.p_holm) if change.p_holm is not None else ""
    bounds = around(change, found)
    size = unit.delta(change.mean) if bounds == DASH else f"{unit.delta(change.mean)} [{bounds}]"
    text = "  ".join(filter(None, (size, p)))
    return Estimate(plain(arm), change.verdict, text, mean, low, high, dots)


def effects(found: Versions) -> Section:
    """What each version by itself says of every arm against its baseline."""
    sides = [{arm.arm: arm for arm in one.arms} for one in (found.before, found.after)]
    unit = found.unit

    def delta(side: int) -> Column[str]:
        when = ("before", "after")[side]
        name = unit.labelled(f"delta {when}", difference=True)
        return Column(name, lambda arm: unit.delta(delta_of(sides[side][arm])))

    def verdict(side: int) -> Column[str]:
        return Column(
            f"verdict {('before', 'after')[side]}", lambda arm: sides[side][arm].verdict or DASH, numeric=False
        )

    tricks = [arm for arm in found.changes if not any(side[arm].baseline for side in sides)]
    columns = (Column[str]("arm", plain, numeric=False), delta(0), verdict(0), delta(1), verdict(1))
    note = "Each version by itself: arm minus baseline of the same version, and its verdict there."
    return Section("effects", "Against the baseline", paragraphs=(note,), grids=(grid(columns, tricks),))


def delta_of(arm: Summary) -> float | None:
    """An arm's difference from the baseline of its version."""
    return arm.contrast.mean if arm.contrast else None


def what_differs(found: Versions) -> Section:
    """Settings, packages, devices and code."""
    return Section("differs", "What differs between the versions", bullets=found.differences)


def left_out(found: Versions) -> Iterator[Section]:
    """Arms of one version only."""
    told = [
        f"Only in {name}: {listed([plain(arm) for arm in arms], 40)}."
        for name, arms in zip(found.names, found.only, strict=True)
        if arms
    ]
    if told:
        yield Section("only", "In one version only", bullets=tuple(told))


def reading(found: Versions) -> Section:
    """How the numbers came about."""
    tests = sum(p is not None for change in found.changes.values() for p in (change.p_holm, change.p_failure_holm))
    rises = "Higher" if found.before.better > 0 else "Lower"
    notes = (
        "A pair is the run of one arm on one seed in both versions: the same split, order and initial values, as far "
        "as the versions draw alike.",
        f"Change is the second version minus the first in {found.unit.metric}, over the seeds on which both runs "
        f"succeeded; its interval is a {found.confidence} t interval, one arm at a time. {rises} is better.",
        f"Better or worse: the paired t test, corrected by Holm's method for {plural(tests, 'test')} over all arms, is "
        f"at or below {found.alpha:g}, or so is that of failures (Boschloo's exact test).",
        "The two versions differ in all that is listed above, and perhaps in more: a difference is that of everything "
        "together.",
    )
    return Section("reading", "How to read this", bullets=notes)


def versions_csv(found: Versions) -> str:
    """One line per arm of either version, numbers as stored."""
    sides = [{arm.arm: arm for arm in one.arms} for one in (found.before, found.after)]
    records = [record(arm, found, sides) for arm in dict.fromkeys([*sides[0], *sides[1]])]
    return delimited(COLUMNS, records)


def record(arm: str, found: Versions, sides: list[dict[str, Summary]]) -> dict[str, Any]:
    """The values of `COLUMNS`."""
    values: dict[str, Any] = {name: None for name in COLUMNS}
    values |= {"arm": arm, "versions": "both" if arm in found.changes else "before" if arm in sides[0] else "after"}
    for side, when in zip(sides, ("before", "after"), strict=True):
        if arm in side:
            values |= {f"delta_{when}": delta_of(side[arm]), f"verdict_{when}": verdict_text(side[arm])}
    change = found.changes.get(arm)
    if change:
        same = {name: getattr(change, name) for name in COLUMNS if name in Change._fields}
        values |= same | {"pairs": change.n, "change": change.mean}
        values |= {"change_low": change.low, "change_high": change.high, "verdict": change.verdict or None}
    return values


def verdict_text(arm: Summary) -> str | None:
    """The verdict of an arm in its own version."""
    return "baseline" if arm.baseline else arm.verdict or None
