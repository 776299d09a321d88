"""The report of `ablate variance`: how much of the spread each source of randomness makes, and what it takes in seeds.

Pure: study.json and rows -> records -> text. Arms are sources; the first varies all of them together.
"""

import csv
import dataclasses
import io
import json
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np

from ablate.report.formats.json_record import clean
from ablate.report.formats.markdown import escape, section_parts
from ablate.report.records import UNFINISHED, Cell, rotates
from ablate.report.section import Column, Grid, Section, grid
from ablate.report.tables import ERRORS, collapsed_marked, join_cells
from ablate.report.wording import DASH, Unit, count, interval, listed, plain, plural, unit_of
from ablate.results.schema import RowRecord, Study
from ablate.stats.checks import LEAST_FOR_SPREAD, POWER
from ablate.stats.power import seeds_needed
from ablate.stats.sources import Share, Spread, sd_limit, sd_of_difference, share_of, spread_of

DESIGN, ALL = "variance", "all"
CONFIDENCE, ASSURANCE = 0.95, 0.9
INTERVAL = f"{100 * CONFIDENCE:.0f} % interval"
CAPTION = f"Variance with one source alone; line: its {INTERVAL}, cut at the edge; dotted: all sources together."
SIZES = (0.5, 1.0, 2.0)  # differences in sd, where no margin is declared
MOST = 10_000  # seeds


@dataclasses.dataclass(frozen=True)
class Source:
    """What varied, and what that did.

    `runs` were planned, of which `collapsed`, `diverged`, `failed` and `pending` ones are left out. `spread` is that of
    the deciding metric as stored, None of fewer than three runs. `difference_sd`: the least sd of a difference between
    two arms that share this source and nothing else.
    """

    source: str
    runs: int
    collapsed: int
    diverged: int
    failed: int
    pending: int
    spread: Spread | None
    share: Share | None
    difference_sd: float | None


@dataclasses.dataclass(frozen=True)
class Need:
    """Seeds per arm that find a difference, as stored; by the sd as it came out, and by its upper limit."""

    difference: float
    in_sd: float
    plug_in: int | None
    assured: int | None


@dataclasses.dataclass(frozen=True)
class Variance:
    """Everything that the report says; `total` is the sum of the single sources over the variance of all together."""

    study: Study
    unit: Unit
    sources: tuple[Source, ...]
    total: Share | None
    needs: tuple[Need, ...]

    @property
    def whole(self) -> Source:
        """All sources together."""
        return self.sources[0]

    @property
    def single(self) -> tuple[Source, ...]:
        """Each of them alone."""
        return self.sources[1:]


def analyse(study: Study, rows: Iterable[RowRecord]) -> Variance:
    """The spread of every source, its share of that of all, and the seeds that follow from it."""
    cells = collapsed_marked(study, join_cells(study, rows))
    whole, *single = [_source(arm["name"], cells, study["metric"]["name"]) for arm in study["arms"]]
    spread = whole.spread
    sources = (whole, *(_compared(source, spread) for source in single))
    parts = [source.spread for source in single if source.spread]
    total = share_of(parts, spread, CONFIDENCE) if spread and len(parts) == len(single) else None
    unit = unit_of(study["metric"]["name"], study["metrics"])
    unit = unit.showing([source.spread.sd for source in sources if source.spread])
    return Variance(study, unit, sources, total, _needs(study, spread))


def _source(name: str, cells: Sequence[Cell], metric: str) -> Source:
    own = [cell for cell in cells if cell.arm == name]
    values = [value for cell in own if (value := cell.value(metric)) is not None]
    return Source(
        source=name,
        runs=len(own),
        collapsed=sum(cell.status == "collapsed" for cell in own),
        diverged=sum(cell.status == "diverged" for cell in own),
        failed=sum(cell.status in ERRORS for cell in own),
        pending=sum(cell.status in UNFINISHED for cell in own),
        spread=spread_of(np.array(values), CONFIDENCE) if len(values) >= LEAST_FOR_SPREAD else None,
        share=None,
        difference_sd=None,
    )


def _compared(source: Source, whole: Spread | None) -> Source:
    share = share_of([source.spread], whole, CONFIDENCE) if source.spread and whole else None
    least = sd_of_difference(whole.sd, share.share) if whole and share else None
    return dataclasses.replace(source, share=share, difference_sd=least)


def _needs(study: Study, whole: Spread | None) -> tuple[Need, ...]:
    """For the declared margin, or for some sizes in sd."""
    if whole is None or not whole.sd > 0:
        return ()
    margin = study["metric"]["margin"]
    differences = [margin] if margin else [size * whole.sd for size in SIZES]
    upper = sd_limit(whole.sd, whole.n, 1 - ASSURANCE)
    return tuple(
        Need(each, each / whole.sd, *(_seeds(sd, each, study["alpha"]) for sd in (whole.sd, upper)))
        for each in differences
    )


def _seeds(sd: float, difference: float, alpha: float) -> int | None:
    """Per arm, for the unpaired t test of two arms of equal sd: 2 (n - 1) degrees of freedom."""
    return seeds_needed(sd_of_difference(sd), difference, alpha, POWER, MOST, df_factor=2.0)


def contents(study: Study, rows: Iterable[RowRecord]) -> Iterator[tuple[str, str | bytes]]:
    """Every file of the report: path below the run's directory and content."""
    variance = analyse(study, rows)
    yield "variance.csv", as_csv(variance)
    yield "variance.json", as_json(variance)
    yield "variance.md", as_markdown(variance)
    yield from _figures(variance)


def _figures(variance: Variance) -> list[tuple[str, bytes]]:
    from ablate.report.plots.figure import render  # loading what draws takes half a second
    from ablate.report.plots.style import style
    from ablate.report.plots.variance import Bar, draw_bars

    bars = [Bar(plain(each.source), *each.share) for each in variance.single if each.share]
    if not bars:
        return []
    with style():  # what is random in an SVG is salted there
        figure = draw_bars(bars, f"share of the variance of {variance.unit.metric} (%)")
        return [(f"figures/variance.{kind}", content) for kind, content in render(figure).items()]


def as_json(variance: Variance) -> str:
    """The report as one JSON object; numbers as stored, a missing one is null."""
    study = variance.study
    content = {
        "format": 1,
        "name": study["name"],
        "metric": study["metric"],
        "seeds": len(study["seeds"]),
        "confidence": CONFIDENCE,
        "sources": [_record(each) for each in variance.sources],
        "sum": _named(variance.total),
        "seeds_needed": {"alpha": study["alpha"], "power": POWER, "assurance": ASSURANCE, "for": variance.needs},
    }
    return json.dumps(clean(content), indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def _record(source: Source) -> dict[str, Any]:
    fields = {field.name: getattr(source, field.name) for field in dataclasses.fields(source)}
    return fields | {"spread": _named(source.spread), "share": _named(source.share)}


def _named(numbers: Spread | Share | None) -> dict[str, float | None] | None:
    return numbers._asdict() if numbers else None


def as_csv(variance: Variance) -> str:
    """A line per source, numbers as stored; nothing where there is none."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    counts = ("runs", "collapsed", "diverged", "failed", "pending")
    writer.writerow(["source", *counts, "n", "mean", "sd", "sd_low", "sd_high", *Share._fields[:1], "share_low",
                     "share_high", "difference_sd"])  # fmt: skip
    for each in variance.sources:
        spread, share = each.spread or [None] * 5, each.share or [None] * 3
        writer.writerow([each.source, *(getattr(each, name) for name in counts), *spread, *share, each.difference_sd])
    return text.getvalue()


def as_markdown(variance: Variance) -> str:
    """The report for readers."""
    study = variance.study
    sections = (
        Section("sources", "Where the spread comes from", tuple(answer(variance)), grids=(source_grid(variance),)),
        Section("seeds", "Seeds needed", tuple(planning(variance)), grids=seed_grids(variance)),
        Section("method", "How to read this", bullets=tuple(how_to_read(variance))),
    )
    title = f"# {escape(plain(study['name']))}: where the spread comes from"
    parts = [part for section in sections for part in section_parts(section)]
    shown = any(each.share for each in variance.single)
    picture = f"![{CAPTION}](figures/variance.png)\n\n*{CAPTION}*" if shown else ""
    return "\n\n".join(filter(None, [title, *parts[:1], picture, *parts[1:]])) + "\n"


def source_grid(variance: Variance) -> Grid:
    """A line per source."""
    unit = variance.unit
    sd = unit.labelled("sd", difference=True)
    columns = (
        Column[Source]("varies", lambda each: plain(each.source), numeric=False),
        Column[Source]("runs", lambda each: str(each.spread.n if each.spread else 0)),
        Column[Source]("left out", _left_out, numeric=False),
        Column[Source](unit.labelled("mean"), lambda each: unit.level(each.spread.mean if each.spread else None)),
        Column[Source](sd, lambda each: unit.size(each.spread.sd if each.spread else None)),
        Column[Source](INTERVAL, lambda each: _sds(each, unit)),
        Column[Source]("of the variance", lambda each: _percent(each.share.share if each.share else None)),
        Column[Source](INTERVAL, lambda each: _percents(each.share)),
        Column[Source]("sd of a difference if only it is shared", lambda each: _least(each, unit)),
    )
    return grid(columns, variance.sources)


def _left_out(source: Source) -> str:
    counts = {name: getattr(source, name) for name in ("collapsed", "diverged", "failed", "pending")}
    return ", ".join(f"{n} {name}" for name, n in counts.items() if n) or DASH


def _sds(source: Source, unit: Unit) -> str:
    spread = source.spread
    return interval(unit.size(spread.low), unit.size(spread.high)) if spread else DASH


def _least(source: Source, unit: Unit) -> str:
    return f"≥ {unit.size(source.difference_sd)}" if source.difference_sd is not None else DASH


def _percent(value: float | None) -> str:
    return DASH if value is None else f"{100 * value:.0f} %"


def _percents(share: Share | None) -> str:
    return interval(_percent(share.low), _percent(share.high)) if share else DASH


def answer(variance: Variance) -> Iterator[str]:
    """What came out, in sentences."""
    unit, whole, seeds = variance.unit, variance.whole.spread, len(variance.study["seeds"])
    if whole is None:
        yield f"Fewer than {LEAST_FOR_SPREAD} runs with all sources together have a result: there is nothing to share."
        return
    sd = unit.points(unit.size(whole.sd))
    yield (
        f"With every source of randomness, {unit.metric} has a sd of {sd} over {plural(whole.n, 'seed')} "
        f"({INTERVAL} {_sds(variance.whole, unit)}). With one source alone, {plural(seeds, 'seed')} each and all "
        f"others held, there is this much of that variance: {listed([_told(each) for each in _largest(variance)])}."
    )
    if variance.total:
        yield interactions(variance.total)


def _largest(variance: Variance) -> list[Source]:
    return sorted(variance.single, key=lambda each: -each.share.share if each.share else 1.0)


def _told(source: Source) -> str:
    return f"{plain(source.source)} {_percent(source.share.share if source.share else None)}"


def interactions(total: Share) -> str:
    """What the sum of the single sources says against the variance of all together."""
    adds = f"The single sources add up to {_percent(total.share)} of the variance of all together"
    if total.low is None or total.high is None:
        return f"{adds}: none of them alone moves the result."
    within = f"{adds} ({INTERVAL} {_percents(total)})"
    if total.low > 1:
        return (
            f"{within}, which is more than all of it: they interact. What one of them starts, the others carry on. "
            "A share is what is left when all others are held, and sharing that source alone removes less than it."
        )
    if total.high < 1:
        return f"{within}, which is less than all of it: a part of the spread needs several of them to vary together."
    return f"{within}: 100 % lies within, so no interaction shows."


def planning(variance: Variance) -> Iterator[str]:
    """What seeds follow from the spread, and what does not."""
    if not variance.needs:
        yield "Without a spread there is nothing to plan."
        return
    study, whole = variance.study, variance.whole.spread
    assert whole is not None
    upper = variance.unit.points(variance.unit.size(sd_limit(whole.sd, whole.n, 1 - ASSURANCE)))
    yield (
        f"Seeds per arm with which an unpaired t test at alpha {study['alpha']:g} finds a difference with "
        f"{100 * POWER:.0f} % power, in a single comparison: a difference of two runs has √2 times their sd. A sd of "
        f"{plural(whole.n, 'run')} is uncertain: planned with it, every other study has less power than that. The last "
        f"column takes the sd that the true one stays below with {100 * ASSURANCE:.0f} % assurance, {upper}: plan with "
        "that."
    )
    yield (
        "Arms that share seeds, as those of a study do unless it says otherwise, are paired: sharing removes from the "
        "sd of a difference what both arms do alike, at most all of it. How much that is, runs of the baseline alone "
        "cannot say. Where arms share one source and nothing else, a difference keeps at least the sd in the last "
        "column of the first table, if both arms have the same."
    )


def seed_grids(variance: Variance) -> tuple[Grid, ...]:
    """Seeds per difference."""
    unit = variance.unit
    columns = (
        Column[Need](unit.labelled("difference", difference=True), lambda need: unit.size(need.difference)),
        Column[Need]("in sd", lambda need: f"{need.in_sd:.2g}"),
        Column[Need]("seeds by the sd as it is", lambda need: _seeds_text(need.plug_in)),
        Column[Need](f"seeds with {100 * ASSURANCE:.0f} % assurance", lambda need: _seeds_text(need.assured)),
    )
    return (grid(columns, variance.needs),) if variance.needs else ()


def _seeds_text(seeds: int | None) -> str:
    return f"more than {count(MOST)}" if seeds is None else count(seeds)


def how_to_read(variance: Variance) -> Iterator[str]:
    """The method, and where it ends."""
    lost = sum(each.collapsed + each.diverged + each.failed for each in variance.sources)
    yield (
        "Intervals of a sd are chi-square intervals, those of shares are F limits of a ratio of two independent "
        "variances; of the sum, with Satterthwaite's degrees of freedom. Both take the metric as normal over seeds."
    )
    yield (
        "Held sources stay at seed 0, and what a source does alone may depend on that. Its variance counts its own "
        "effect and its interactions with the others, so shares add up to more than 100 % where there are any."
    )
    if not rotates(variance.study):
        yield "The test examples are the same in all runs: what other examples would say is in none of these numbers."
    if lost:
        yield f"Left out, and counted in the table: {plural(lost, 'run')} that collapsed, diverged or failed."
