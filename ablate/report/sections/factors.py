"""The factorial analysis in words and grids."""

from collections.abc import Mapping

from ablate.report.grids import Grid, grid
from ablate.report.sections.factorial import Factorial
from ablate.report.tables import Tables
from ablate.report.wording import DASH, TIMES, Unit, interval, listed, number, probability


def effect_grid(found: Factorial, unit: Unit, level: str) -> Grid:
    """Main effects and interactions with intervals, over the seeds that determine them."""
    header = ("term", "n", unit.labelled("effect", difference=True), f"{level} interval", "p", "p (Holm)", "share")
    rows = [
        (
            TIMES.join(term.names),
            str(term.effect.n),
            unit.delta(term.effect.estimate),
            interval(unit.delta(term.effect.low), unit.delta(term.effect.high)),
            probability(term.effect.p),
            probability(term.effect.p_holm),
            number(found.shares.get(tuple(name.split("=")[0] for name in term.names)), 2),
        )
        for term in found.terms
    ]
    return grid(header, rows, text=("term",))


def shapley_grid(found: Factorial, unit: Unit, level: str) -> Grid:
    """Each axis's part of the total gain, alone and in company."""
    header = ("axis", "Shapley value", f"{level} interval", "share of the gain", "alone", "with all others", "reading")
    rows = []
    for factor in found.factors:
        part, both = found.shapley.get(factor.axis), found.company.get(factor.axis)
        rows.append(
            (
                factor.axis,
                unit.delta(part.value.mean) if part else DASH,
                interval(unit.delta(part.value.low), unit.delta(part.value.high)) if part else DASH,
                f"{number(part.share, 0, 100)} %" if part and part.share is not None else DASH,
                unit.delta(both.alone.mean) if both else DASH,
                unit.delta(both.together.mean) if both else DASH,
                both.kind if both else DASH,
            )
        )
    return grid(header, rows, text=("axis", "reading"))


def alias_lines(aliases: Mapping[tuple[str, ...], Mapping[tuple[str, ...], float]]) -> tuple[str, ...]:
    """One sentence per term that cannot be told from others."""
    lines = []
    for term, others in aliases.items():
        parts = [f"{TIMES.join(other)} ({'+' if w > 0 else '−'}{abs(w):.2g})" for other, w in others.items()]
        lines.append(f"{TIMES.join(term)} is aliased with {listed(parts, 6)}.")
    return tuple(lines)


def notes(found: Factorial, tables: Tables) -> tuple[str, ...]:
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
    if found.assumed:
        lines.append("This fraction cannot tell main effects from interactions: they are assumed to be zero.")
    if found.shapley:
        lines.append(
            "The Shapley value is what an axis adds on average over all orders of adding; the values sum to the gain "
            "of all tricks together. Redundancy: it adds significantly less among the others than alone; synergy: "
            "more."
        )
    lost = sum(arm.diverged + arm.failed + arm.pending for arm in tables.arms)
    if lost:
        cells = "1 cell" if lost == 1 else f"{lost} cells"
        lines.append(f"{cells} without a finite result left out; a choice with which more diverge is not said to help.")
    return tuple(lines)
