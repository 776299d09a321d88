"""How training went and what it cost: the sections that consist of plots."""

from ablate.report.plots.table import plots_of
from ablate.report.records import Tables
from ablate.report.section import Section


def curves(tables: Tables) -> Section | None:
    """Validation curves, training curves and learning rates."""
    plots = plots_of(tables, "curves")
    return Section("curves", "Learning curves", plots=plots) if plots else None


def cost(tables: Tables) -> Section | None:
    """Quality against cost, where cost was counted."""
    plots = plots_of(tables, "cost")
    return Section("cost", "Quality against cost", plots=plots) if plots else None
