"""Files of a comparison of several studies."""

import numpy as np

from ablate.report.comparison.studies import Comparison, delta_grid, notes, overall_grid, profiles, turned
from ablate.report.comparison.synergy import NOTE, company_grid
from ablate.report.formats.csv_files import delimited
from ablate.report.formats.html import page
from ablate.report.formats.markdown import bullets, escape, grid, picture
from ablate.report.plots.curves import PANEL_ARMS
from ablate.report.plots.figure import figure_files
from ablate.report.plots.plot import Lines, Panel, Plot, Series
from ablate.report.plots.scales import even_scale

CAPTION = "Performance profile: the share of runs, over all studies, that are better than each value."
COLUMNS = ("arm", "studies", "runs", "iqm", "iqm_low", "iqm_high", "improvement")


def comparison_contents(comparison: Comparison) -> dict[str, str | bytes]:
    """Every file of a comparison: path to content."""
    plot = profile_plot(comparison)
    texts = {
        "studies.csv": studies_csv(comparison),
        "studies.md": markdown(comparison),
        "studies.html": html(comparison),
    }
    return texts | dict(figure_files(plot) if plot else ())


def studies_csv(comparison: Comparison) -> str:
    """One line per arm: numbers over all studies, then delta and verdict in each."""
    columns = [*COLUMNS, *(f"{name} {what}" for name in comparison.names for what in ("delta", "verdict"))]
    records = []
    for arm in comparison.arms:
        ends = [turned(end, comparison) for end in (arm.middle.mean, arm.middle.low, arm.middle.high)]
        low, high = sorted(ends[1:], key=lambda end: (end is None, end))
        values = [arm.arm, len(comparison.names), len(arm.scores), ends[0], low, high, arm.improvement]
        for summary in arm.summaries:
            values += [summary.contrast.mean if summary.contrast else None, summary.verdict or None]
        records.append(dict(zip(columns, values, strict=True)))
    return delimited(columns, records)


def markdown(comparison: Comparison) -> str:
    """The comparison as Markdown."""
    plot = profile_plot(comparison)
    parts = [
        "# Comparison of studies",
        "## Over all studies",
        grid(overall_grid(comparison)),
        "## Differences from the baseline, study by study",
        grid(delta_grid(comparison)),
        *company_part(comparison),
        *([picture(plot)] if plot else []),
        "## How to read this",
        bullets(map(escape, notes(comparison))),
    ]
    return "\n\n".join(parts) + "\n"


def company_part(comparison: Comparison) -> list[str]:
    """The section on redundancy and synergy, where the studies show it."""
    together = company_grid(comparison)
    return ["## Alone and together", grid(together), escape(NOTE)] if together else []


def html(comparison: Comparison) -> str:
    """The comparison as one page."""
    return page(
        "studies.html.j2",
        overall=overall_grid(comparison),
        deltas=delta_grid(comparison),
        company=company_grid(comparison),
        company_note=NOTE,
        notes=notes(comparison),
        profile=profile_plot(comparison),
    )


def profile_plot(comparison: Comparison) -> Plot | None:
    """Performance profiles, a few arms in each panel over the baseline; None where there are no results yet."""
    values, shares = profiles(comparison)
    if not shares:
        return None
    base = next(arm.arm for arm in comparison.arms if arm.baseline)
    tricks = [arm.arm for arm in comparison.arms if not arm.baseline]
    groups = [tricks[i : i + PANEL_ARMS] for i in range(0, len(tricks), PANEL_ARMS)] or [[]]
    panels = []
    for arms in groups:
        colours = {base: None} | {arm: i for i, arm in enumerate(arms)}
        series = (stairs(arm, colour, values, shares[arm]) for arm, colour in colours.items() if arm in shares)
        panels.append(Panel("", tuple(series)))
    lines = Lines(
        panels=tuple(panels),
        x=even_scale(float(values.min()), float(values.max()), comparison.unit.title, 4),
        y=even_scale(0.0, 1.0, "share of runs that are better"),
        note=f"grey: {base}",
    )
    return Plot("profile", "Performance profile", CAPTION, lines)


def stairs(arm: str, colour: int | None, values: np.ndarray, shares: np.ndarray) -> Series:
    """A curve that keeps its height until the next value."""
    x, y = np.repeat(values, 2)[1:], np.repeat(shares, 2)[:-1]
    return Series(arm, colour, tuple(x.tolist()), tuple(y.tolist()))
