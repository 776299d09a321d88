"""The report of a study across conditions as a document: its sections, its figures and its files. Pure."""

import dataclasses
import json
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from ablate.report.comparison.across import (
    READINGS,
    Across,
    across,
    answers,
    headline,
    sizes,
    status_line,
    tally,
)
from ablate.report.comparison.forest import forest_plot
from ablate.report.comparison.grids import change_texts, delta_texts, error_of, fitted, overall_grid, shortfall_word
from ablate.report.comparison.overall import Overall
from ablate.report.comparison.studies import Comparison, LoadedStudy
from ablate.report.comparison.words import estimate_notes, lead, objections, test_notes
from ablate.report.document import Document
from ablate.report.formats.csv_files import SUMMARY_COLUMNS, delimited, summary_record
from ablate.report.formats.html import html
from ablate.report.formats.json_record import arm_record, clean, section_record
from ablate.report.formats.latex import latex
from ablate.report.formats.markdown import markdown
from ablate.report.plots.captions import caption
from ablate.report.plots.forest import delta_scale, estimate_of
from ablate.report.plots.plot import Estimate, Forest, Plot
from ablate.report.plots.scales import even_scale
from ablate.report.plots.together import Draw, in_turn
from ablate.report.records import Summary, Tables
from ablate.report.section import Column, Section, grid
from ablate.report.sections.caveats import arms_gone, declared_anew, looked_again
from ablate.report.wording import DASH, Unit, interval, plain, plural, probability
from ablate.results.schema import AcrossRecord
from ablate.stats.conditions import Departure

TABLE = "conditions.csv"
FORMAT = 2  # of report.json
MOST = 12  # figures


class Line(NamedTuple):
    """One arm under one condition."""

    condition: str
    arm: Summary
    tables: Tables


def contents(
    record: AcrossRecord, studies: Mapping[str, LoadedStudy], draw: Draw = in_turn
) -> Iterator[tuple[str, str | bytes]]:
    """Every file of the report across conditions: path to content.

    Args:
        record: the content of across.json.
        studies: by name of their condition.
        draw: makes the figures.
    """
    found = across(record, studies)
    document = compose(found)
    yield TABLE, conditions_csv(found)
    yield "report.md", markdown(document)
    yield "report.html", html(document)
    yield "report.tex", latex(document)
    yield "report.json", as_json(found, document)
    yield from draw([plot for section in document.sections for plot in section.plots])


def compose(found: Across) -> Document:
    """The report in words, tables and plots."""
    whole = tuple(sections_of_all(found, found.comparison)) if found.comparison else ()
    sections = (*whole[:1], by_condition(found), *whole[1:], *caveats(found), folders(found))
    return Document(
        title=plain(found.record["name"]),
        question=plain(found.record["question"]),
        status=status_line(found),
        headline=headline(found),
        answers=tuple(answers(found)),
        sections=sections,
        tables=(TABLE,),
    )


def sections_of_all(found: Across, comparison: Comparison) -> Iterator[Section]:
    """What is said once all conditions have ended, the answer first."""
    if found.tricks:
        yield generality(found, comparison)
    yield from dependence(found, comparison)
    if found.tricks:
        yield average(comparison)
    notes = (note for group in (estimate_notes, test_notes, objections) for note in group(comparison))
    yield Section("reading", "How to read this", bullets=tuple(notes))


def generality(found: Across, comparison: Comparison) -> Section:
    """One line per arm: on average, verdicts by condition, and the test of whether it differs."""
    what = f"change of {shortfall_word(comparison)} (%)" if comparison.in_ratios else "mean delta"
    texts = change_texts if comparison.in_ratios else delta_texts

    def count(word: str) -> Column[Overall]:
        return Column(READINGS[word], lambda arm: str(tally(arm)[word]), paper=READINGS[word])

    columns = (
        Column[Overall]("arm", lambda arm: arm.arm, numeric=False, paper="arm"),
        Column[Overall](what, lambda arm: texts(arm, comparison)[0], paper="average"),
        Column[Overall](f"{comparison.confidence} interval", lambda arm: texts(arm, comparison)[1], paper="interval"),
        Column[Overall]("verdict on average", lambda arm: arm.verdict or DASH, numeric=False, paper="verdict"),
        *map(count, READINGS),
        Column[Overall]("differs: corrected p", lambda arm: difference_text(arm, found), paper="differs, p"),
    )
    caption = (
        f"{plural(len(found.tricks), 'arm')} against the baseline under {plural(len(found.tables), 'condition')}: "
        f"the average ({what}), the number of conditions by verdict, and the corrected p of an effect that differs "
        f"between them. Metric: {comparison.unit.metric}."
    )
    return Section("generality", "Does it hold elsewhere?", grids=(grid(columns, found.tricks, caption=caption),))


def difference_text(arm: Overall, found: Across) -> str:
    """The smallest corrected p of an arm's departures."""
    most = found.most(arm)
    return probability(found.p_of(most) if most else None)


def by_condition(found: Across) -> Section:
    """Every arm under every condition: figure and table."""
    lines = [Line(name, arm, tables) for name, tables in found.tables.items() for arm in tables.arms]
    columns = (
        Column[Line]("condition", lambda line: line.condition, numeric=False),
        Column[Line]("arm", lambda line: plain(line.arm.arm), numeric=False),
        Column[Line]("mean", lambda line: f"{line.tables.unit.level(line.arm.mean)} {line.tables.unit.suffix}".strip()),
        Column[Line]("delta", delta_text),
        Column[Line]("interval", interval_text),
        Column[Line]("corrected p", lambda line: probability(line.arm.contrast and line.arm.contrast.p_corrected)),
        Column[Line](
            "verdict", lambda line: "baseline" if line.arm.baseline else line.arm.verdict or DASH, numeric=False
        ),
        Column[Line]("failed", lambda line: f"{line.arm.failed}/{line.arm.cells}"),
    )
    share = found.record["alpha"] / len(found.record["conditions"])
    confidence = next((tables.confidence for tables in found.tables.values()), "")
    note = (
        f"Verdicts are those of the single studies, whose reports lie in the folders below. They share "
        f"{found.record['alpha']:g} in equal parts, {share:.3g} each, so that it is the probability of any false "
        f"verdict under all conditions together. Intervals: {confidence}."
    )
    return Section(
        "conditions",
        "Condition by condition",
        paragraphs=(note,),
        plots=tuple(condition_plots(found)),
        grids=(grid(columns, lines, sortable=True),),
    )


def unit_of(line: Line) -> Unit:
    """The unit of a study's deltas, with the digits that this one deserves."""
    errors = [error_of(arm) for arm in line.tables.tricks]
    return fitted(line.tables.unit.showing(errors), error_of(line.arm))


def delta_text(line: Line) -> str:
    """The difference from the baseline there."""
    contrast = line.arm.contrast
    return DASH if contrast is None else unit_of(line).points(unit_of(line).delta(contrast.mean))


def interval_text(line: Line) -> str:
    """The interval of that difference."""
    contrast, unit = line.arm.contrast, unit_of(line)
    return DASH if contrast is None else interval(unit.delta(contrast.low), unit.delta(contrast.high))


def condition_plots(found: Across) -> Iterator[Plot]:
    """A figure per arm: every condition, all figures on one scale; none where units differ or there are too many."""
    comparison = found.comparison
    if comparison is None or not comparison.in_points or len(found.tricks) > MOST:
        return
    scales = [delta_scale(tables) for tables in comparison.tables]
    axis = even_scale(min(scale.low for scale in scales), max(scale.high for scale in scales), scales[0].label, 6)
    ends = ("worse", "better") if comparison.better > 0 else ("better", "worse")
    for place, arm in enumerate(found.tricks, 1):
        rows = [condition_estimate(own, *one) for own, one in zip(arm.summaries, found.tables.items(), strict=True)]
        if any(row.estimate is not None for row in rows):
            drawing = Forest(tuple(rows), axis, None, ends)
            words = caption(f"{arm.arm} against the baseline of each condition", drawing)
            yield Plot(f"conditions-{place}", arm.arm, words, drawing)


def condition_estimate(arm: Summary, condition: str, tables: Tables) -> Estimate:
    """One line of a figure."""
    return dataclasses.replace(estimate_of(arm, tables), label=condition)


def dependence(found: Across, comparison: Comparison) -> Iterator[Section]:
    """Where the effects depart, arm by arm and level by level; nothing where that was not tested."""
    lines = [(arm, departure) for arm, own in found.departures.items() for departure in own]
    if not lines:
        return

    def reading(departure: Departure) -> str:
        p = found.p_of(departure)
        return DASH if p is None else "differs" if p <= found.alpha else "not shown"

    columns = (
        Column[tuple[str, Departure]]("arm", lambda line: line[0], numeric=False),
        Column[tuple[str, Departure]]("at", lambda line: line[1].level, numeric=False),
        Column[tuple[str, Departure]]("there", lambda line: sizes(line[1], found)[0]),
        Column[tuple[str, Departure]]("elsewhere", lambda line: sizes(line[1], found)[1]),
        Column[tuple[str, Departure]]("seeds", lambda line: str(line[1].n)),
        Column[tuple[str, Departure]]("p", lambda line: probability(line[1].p)),
        Column[tuple[str, Departure]]("p (Holm)", lambda line: probability(line[1].p_holm)),
        Column[tuple[str, Departure]]("p (max-T)", lambda line: probability(line[1].p_max_t)),
        Column[tuple[str, Departure]]("reading", lambda line: reading(line[1]), numeric=False),
    )
    yield Section(
        "dependence",
        "Does the effect differ between conditions?",
        paragraphs=(dependence_note(found, comparison, len(lines)),),
        grids=(grid(columns, lines),),
    )


def dependence_note(found: Across, comparison: Comparison, tests: int) -> str:
    """What the table tests, and what it does not."""
    what = f"The change of {shortfall_word(comparison)}" if comparison.in_ratios else "The delta"
    several = len(found.record["conditions"][0]["levels"]) > 1
    averaged = ", averaged over whatever else varies; combinations of two are not tested" if several else ""
    return (
        f"{what} of an arm at one level against that at the others{averaged}. Within each seed, over the seeds of "
        f"which all runs succeeded; corrected for {plural(tests, 'test')}. {'max-T' if found.by_flips else 'Holm'} "
        f"decides, at {comparison.alpha:g}. An effect whose difference is not shown may still differ."
    )


def average(comparison: Comparison) -> Section:
    """The average over the conditions."""
    plot = forest_plot(comparison)
    return Section(
        "average",
        "Average over the conditions",
        paragraphs=(lead(comparison),),
        plots=(plot,) if plot else (),
        grids=(overall_grid(comparison),),
    )


def caveats(found: Across) -> Iterator[Section]:
    """What was looked at before, in any condition: its verdicts were seen, and this report was too."""
    sentences = [
        f"{name}: {sentence}"
        for name, tables in found.tables.items()
        for objection in (declared_anew, looked_again, arms_gone)
        for sentence in objection(tables)
    ]
    if sentences:
        yield Section("caveats", "Caveats", bullets=tuple(map(plain, sentences)))


def folders(found: Across) -> Section:
    """Where the studies lie."""
    facts = tuple((plain(one["name"]), f"{one['folder']}/report.html") for one in found.record["conditions"])
    return Section("folders", "The single studies", facts=(*facts, ("command", plain(found.record["command"]))))


def conditions_csv(found: Across) -> str:
    """One line per condition and arm: the levels, then the columns of summary.csv."""
    levels = {plain(one["name"]): {k: plain(v) for k, v in one["levels"].items()} for one in found.record["conditions"]}
    columns = ["condition", *next(iter(levels.values())), *SUMMARY_COLUMNS]
    records: list[dict[str, Any]] = [
        {"condition": name, **levels[name], **summary_record(arm)}
        for name, tables in found.tables.items()
        for arm in tables.arms
    ]
    return delimited(columns, records)


def as_json(found: Across, document: Document) -> str:
    """report.json: what the report says, for scripts."""
    arms = {name: [arm_record(arm) for arm in tables.arms] for name, tables in found.tables.items()}
    content = {
        "format": FORMAT,
        **{key: found.record[key] for key in ("name", "question", "alpha")},
        "metric": next((tables.study["metric"] for tables in found.tables.values()), None),
        "status": document.status,
        "headline": document.headline,
        "answers": document.answers,
        "conditions": [{**one, "arms": arms.get(plain(one["name"]), [])} for one in found.record["conditions"]],
        "arms": [arm_over_conditions(arm, found) for arm in found.tricks],
        "sections": {section.anchor: section_record(section) for section in document.sections},
    }
    return json.dumps(clean(content), indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def arm_over_conditions(arm: Overall, found: Across) -> dict[str, Any]:
    """One arm: its average, its verdicts by condition, and how its effect departs."""
    return {
        "arm": arm.arm,
        "difference": arm.difference,
        "change": arm.change,
        "p": arm.p,
        "p_holm": arm.p_holm,
        "p_failure": arm.p_failure,
        "p_failure_holm": arm.p_failure_holm,
        "verdict": arm.verdict,
        "verdicts": {name: own.verdict for name, own in zip(found.tables, arm.summaries, strict=True)},
        "differs": found.differs(arm) if found.most(arm) else None,
        "departures": found.departures.get(arm.arm, ()),
    }
