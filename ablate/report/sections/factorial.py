"""The factorial analysis in words and tables."""

from collections.abc import Callable, Mapping

from ablate.report.factorial import Factor, Factorial, Term
from ablate.report.plots.table import plots_of
from ablate.report.records import Tables
from ablate.report.section import Column, Grid, Section, grid
from ablate.report.wording import DASH, TIMES, interval, listed, number, plural, probability
from ablate.stats.attribution import Company, Shapley


def factorial(tables: Tables) -> Section | None:
    """Effects, interactions, shares and aliases of a factorial design."""
    analysis = tables.factorial
    if analysis is None:
        return None
    shares = (shapley_grid(analysis, tables),) if analysis.shapley or analysis.company else ()
    return Section(
        anchor="factorial",
        title="Main effects and interactions",
        paragraphs=notes(analysis, tables),
        plots=plots_of(tables, "factorial"),
        grids=(effect_grid(analysis, tables), *shares),
        bullets=alias_lines(analysis.aliases),
    )


def effect_grid(analysis: Factorial, tables: Tables) -> Grid:
    """Main effects and interactions with intervals, over the seeds that determine them."""
    unit = tables.unit

    def share(term: Term) -> float | None:
        return analysis.shares.get(tuple(name.split("=")[0] for name in term.names))

    columns = (
        Column[Term]("term", lambda term: TIMES.join(term.names), numeric=False),
        Column[Term]("n", lambda term: str(term.effect.n)),
        Column[Term](unit.labelled("effect", difference=True), lambda term: unit.delta(term.effect.estimate)),
        Column[Term](
            f"{tables.confidence} interval",
            lambda term: interval(unit.delta(term.effect.low), unit.delta(term.effect.high)),
        ),
        Column[Term]("p", lambda term: probability(term.effect.p)),
        Column[Term]("p (Holm)", lambda term: probability(term.effect.p_holm)),
        Column[Term]("share", lambda term: number(share(term), 2)),
    )
    return grid(columns, analysis.terms)


def shapley_grid(analysis: Factorial, tables: Tables) -> Grid:
    """Each axis's part of the total gain, alone and in company."""
    unit = tables.unit

    def part(text: Callable[[Shapley], str]) -> Callable[[Factor], str]:
        return lambda factor: text(analysis.shapley[factor.axis]) if factor.axis in analysis.shapley else DASH

    def both(text: Callable[[Company], str]) -> Callable[[Factor], str]:
        return lambda factor: text(analysis.company[factor.axis]) if factor.axis in analysis.company else DASH

    columns = (
        Column[Factor]("axis", lambda factor: factor.axis, numeric=False),
        Column("Shapley value", part(lambda shapley: unit.delta(shapley.value.mean))),
        Column(
            f"{tables.confidence} interval",
            part(lambda shapley: interval(unit.delta(shapley.value.low), unit.delta(shapley.value.high))),
        ),
        Column(
            "share of the gain",
            part(lambda shapley: DASH if shapley.share is None else f"{number(shapley.share, 0, 100)} %"),
        ),
        Column("alone", both(lambda company: unit.delta(company.alone.mean))),
        Column("with all others", both(lambda company: unit.delta(company.together.mean))),
        Column("reading", both(lambda company: company.kind), numeric=False),
    )
    return grid(columns, analysis.factors)


def alias_lines(aliases: Mapping[tuple[str, ...], Mapping[tuple[str, ...], float]]) -> tuple[str, ...]:
    """One sentence per term that cannot be told from others."""
    lines = []
    for term, others in aliases.items():
        # Weights are of products of -1 and 1, of which a main effect is twice the coefficient and an interaction, a
        # difference of differences, four times.
        shown = {other: w * 2.0 ** (len(term) - len(other)) for other, w in others.items()}
        parts = [f"{TIMES.join(other)} ({'+' if w > 0 else '−'}{abs(w):.2g})" for other, w in shown.items()]
        lines.append(f"{TIMES.join(term)} is aliased with {listed(parts, 6)}.")
    return tuple(lines)


def notes(analysis: Factorial, tables: Tables) -> tuple[str, ...]:
    """How to read the grids of a factorial study."""
    lines = [
        "An effect compares a choice with the baseline's choice on the same axis, averaged over all other axes; an "
        "interaction is how much more the two tricks give together than the sum of each. "
        + (
            "Each is computed within every seed and tested over the n seeds whose cells determine it"
            if tables.study["paired"]
            else "Seeds are not shared: the error is that of all n cells"
        )
        + "; p (Holm) is corrected over all main effects, and apart from them over all interactions. Share is partial "
        "eta squared, the part of the variation that the axis explains beyond the others.",
    ]
    if analysis.assumed:
        lines.append("This fraction cannot tell main effects from interactions: they are assumed to be zero.")
    if analysis.shapley:
        lines.append(
            "The Shapley value is what an axis adds on average over all orders of adding; the values sum to the gain "
            "of all tricks together. Redundancy: it adds significantly less among the others than alone, corrected "
            "over all axes; synergy: more."
        )
    lost = sum(arm.failed + arm.errors + arm.pending for arm in tables.arms)
    if lost:
        cells = plural(lost, "cell")
        lines.append(
            f"{cells} that failed or have no result left out; a choice with which more fail is not said to help."
        )
    return tuple(lines)
