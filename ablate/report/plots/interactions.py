"""The interaction matrix of a factorial study: main effects on the diagonal. Pure."""

from ablate.report.plots.plot import Entry, Matrix
from ablate.report.records import Tables
from ablate.stats.factorial import Effect


def interactions(tables: Tables) -> dict[str, Matrix]:
    """Main effects on the diagonal, two-way interactions below it."""
    analysis = tables.factorial
    if analysis is None:
        return {}
    rows = tuple(
        tuple(entry_of(analysis.effect(a, b), tables) for b in analysis.names[: i + 1])
        for i, a in enumerate(analysis.names)
    )
    label = tables.unit.labelled(tables.unit.metric, difference=True)
    return {"interactions": Matrix(analysis.names, rows, label)}


def entry_of(effect: Effect | None, tables: Tables) -> Entry | None:
    """One effect in shown units, bold where the corrected test shows it; None where the cells do not determine it."""
    if effect is None or effect.estimate is None:
        return None
    return Entry(
        value=tables.unit.scale * effect.estimate,
        text=tables.unit.delta(effect.estimate),
        verdict="better" if effect.estimate * tables.better > 0 else "worse",
        bold=effect.p_holm is not None and effect.p_holm <= tables.level,
    )
