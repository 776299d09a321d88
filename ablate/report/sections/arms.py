"""The comparison itself: every arm's difference as a plot, the table per arm, and the cells that failed."""

from collections.abc import Callable

from ablate.report.costs import ARITHMETIC, STEP_TIME, Measure, multiple
from ablate.report.plots.table import plots_of
from ablate.report.records import Summary, Tables
from ablate.report.section import Column, Grid, Section, grid
from ablate.report.sections.answers import status_line
from ablate.report.sections.how_to_read import delta_notes, limits
from ablate.report.wording import DASH, count, interval, number, plain, probability
from ablate.stats.failure import rate
from ablate.stats.verdict import Contrast


def differences(tables: Tables) -> Section:
    """Every arm's difference from the baseline."""
    plots = plots_of(tables, "differences")
    nothing = () if plots else ("Nothing to compare.",)
    return Section("differences", "Differences from the baseline", paragraphs=nothing, plots=plots)


def arms(tables: Tables) -> Section:
    """The table per arm."""
    return Section("arms", "Arms", grids=(arm_grid(tables),))


def arm_grid(tables: Tables) -> Grid:
    """One line per arm."""
    return grid(arm_columns(tables), tables.arms, caption=caption(tables), sortable=True)


def arm_columns(tables: Tables) -> tuple[Column[Summary], ...]:
    """What stands in the table per arm; on paper without the costs."""
    unit, paired, margin = tables.unit, tables.study["paired"], tables.study["metric"]["margin"]

    def failed(arm: Summary) -> str:
        ended = arm.failed + arm.n
        if not ended:
            return DASH
        chance = rate(arm.failed, ended, 1 - tables.level)
        return f"{arm.failed}/{ended} ({100 * chance.low:.0f} to {100 * chance.high:.0f} %)"

    parameters = Column[Summary]("parameters", lambda arm: count(arm.parameters))

    def cost(name: str, measure: Measure) -> Column[Summary]:
        return Column(name, lambda arm: number(multiple(arm, tables, measure)))

    return (
        Column("arm", lambda arm: plain(arm.arm), numeric=False, paper="arm"),
        Column("n", lambda arm: str(arm.n), paper="n"),
        Column(unit.labelled("mean"), lambda arm: unit.level(arm.mean), paper="mean"),
        Column("sd", lambda arm: unit.level(arm.sd), paper="sd"),
        Column(f"{tables.confidence} interval", lambda arm: unit.between(arm.low, arm.high)),
        Column(unit.labelled("delta", difference=True), compared(lambda c: unit.delta(c.mean)), paper="delta"),
        Column("delta interval", compared(lambda c: interval(unit.delta(c.low), unit.delta(c.high))), paper="interval"),
        Column("p (Holm)", compared(lambda c: probability(c.p_holm)), paper="p"),
        *((Column("p (max-T)", compared(lambda c: probability(c.p_max_t)), paper="p max-T"),) if paired else ()),
        *((Column("p (equivalence)", compared(lambda c: probability(c.p_tost_holm))),) if margin else ()),
        Column(
            "verdict", lambda arm: "baseline" if arm.baseline else arm.verdict or DASH, numeric=False, paper="verdict"
        ),
        Column("failed", failed, paper="failed"),
        *(() if tables.elsewhere else (parameters, cost("arithmetic (×)", ARITHMETIC))),
        *((cost("step time (×)", STEP_TIME), Column("least to most", spread_of)) if tables.timed else ()),
    )


def spread_of(arm: Summary) -> str:
    """How the ratio of step times differed between rounds; a dash for the baseline, and where it was not measured."""
    if arm.baseline or not arm.step_ratio:
        return DASH
    return interval(number(arm.step_ratio["low"]), number(arm.step_ratio["high"]))


def compared(text: Callable[[Contrast], str]) -> Callable[[Summary], str]:
    """What a column says of an arm's contrast with the baseline; a dash where there is none."""
    return lambda arm: text(arm.contrast) if arm.contrast else DASH


def caption(tables: Tables) -> str:
    """Question, status and what it takes to read the table on paper."""
    unit = tables.unit
    columns = (
        f"Columns: {unit.labelled('mean')}, {unit.labelled('delta', difference=True)} with its interval; p corrected "
        "over all arms; failed: seeds that diverged or collapsed, with the exact interval of their rate."
    )
    question = plain(tables.study["question"] or "")
    sentences = (question, f"{status_line(tables)}.", *delta_notes(tables), columns, *limits(tables)[:1])
    return " ".join(sentence for sentence in sentences if sentence)


def failures(tables: Tables) -> Section | None:
    """The cells that failed, with what they said last."""
    errors = tuple((f"{plain(c.arm)}, seed {c.seed} ({c.status})", c.error) for c in tables.cells if c.error)
    return Section("failed", "Failed cells", facts=errors) if errors else None
