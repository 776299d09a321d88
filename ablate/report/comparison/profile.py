"""Files of a comparison of several studies."""

import dataclasses
from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ablate.report.comparison.studies import Comparison, delta_grid, notes, overall_grid, profiles, turned
from ablate.report.comparison.synergy import NOTE, company_grid
from ablate.report.formats.csv_files import delimited
from ablate.report.formats.html import page
from ablate.report.formats.markdown import bullets, escape, grid
from ablate.report.plots.bands import PANEL_ARMS, Band
from ablate.report.plots.figure import COLOURS, DASHES, GREY, hide_unused, label, new_figure, note, render, style
from ablate.report.plots.scales import Placer, even_ticks
from ablate.report.plots.svg import Line, Plot, line, ticks

CAPTION = "Performance profile: the share of runs, over all studies, that are better than each value."
COLUMNS = ("arm", "studies", "runs", "iqm", "iqm_low", "iqm_high", "improvement")


def comparison_contents(found: Comparison) -> dict[str, str | bytes]:
    """Every file of a comparison: path to content."""
    with style():
        figures = {f"figures/profile.{kind}": render(draw_profiles(found), kind) for kind in ("svg", "png")}
    return {"studies.csv": studies_csv(found), "studies.md": markdown(found), "studies.html": html(found), **figures}


def studies_csv(found: Comparison) -> str:
    """One line per arm: numbers over all studies, then delta and verdict in each."""
    columns = [*COLUMNS, *(f"{name} {what}" for name in found.names for what in ("delta", "verdict"))]
    records = []
    for arm in found.arms:
        ends = [turned(end, found) for end in (arm.middle.mean, arm.middle.low, arm.middle.high)]
        low, high = sorted(ends[1:], key=lambda end: (end is None, end))
        values = [arm.arm, len(found.names), len(arm.scores), ends[0], low, high, arm.improvement]
        for one in arm.summaries:
            values += [one.contrast.mean if one.contrast else None, one.verdict or None]
        records.append(dict(zip(columns, values, strict=True)))
    return delimited(columns, records)


def markdown(found: Comparison) -> str:
    """The comparison as Markdown."""
    parts = [
        "# Comparison of studies",
        "## Over all studies",
        grid(overall_grid(found)),
        "## Differences from the baseline, study by study",
        grid(delta_grid(found)),
        *company_part(found),
        f"![{CAPTION}](figures/profile.png)",
        f"*{CAPTION}*",
        "## How to read this",
        bullets(map(escape, notes(found))),
    ]
    return "\n\n".join(parts) + "\n"


def company_part(found: Comparison) -> list[str]:
    """The section on redundancy and synergy, where the studies show it."""
    together = company_grid(found)
    return ["## Alone and together", grid(together), escape(NOTE)] if together else []


def html(found: Comparison) -> str:
    """The comparison as one page."""
    return page(
        "studies.html.j2",
        overall=overall_grid(found),
        deltas=delta_grid(found),
        company=company_grid(found),
        company_note=NOTE,
        notes=notes(found),
        plots_shown=profile_plots(found),
        caption=CAPTION,
    )


def chunks(found: Comparison) -> list[list[str]]:
    """Arms that share a panel, each over the baseline."""
    arms = [arm.arm for arm in found.arms if not arm.baseline]
    return [arms[i : i + PANEL_ARMS] for i in range(0, len(arms), PANEL_ARMS)] or [[]]


def draw_profiles(found: Comparison) -> Figure:
    """Small multiples of performance profiles, the baseline in grey."""
    values, shares = profiles(found)
    groups = chunks(found)
    columns = min(3, len(groups))
    rows = -(-len(groups) // columns)
    figure = new_figure(0.8 + 2.4 * columns, 0.6 + 2.1 * rows)
    axes = list(figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False).flat)
    base = next(arm.arm for arm in found.arms if arm.baseline)
    for axis, arms in zip(axes, groups, strict=False):
        draw_group(axis, values, shares, base, arms)
    hide_unused(axes, len(groups))
    figure.supxlabel(found.unit.title, fontsize=8)
    figure.supylabel("share of runs that are better", fontsize=8)
    return figure


def draw_group(axis: Axes, values: np.ndarray, shares: Mapping[str, np.ndarray], base: str, arms: list[str]) -> None:
    """One panel."""
    if not shares:
        note(axis, "no results yet")
        return
    looks = [(base, GREY, "-"), *zip(arms, COLOURS, DASHES, strict=False)]
    for arm, colour, dash in looks:
        if arm in shares:
            axis.step(values, shares[arm], where="post", color=colour, linestyle=dash, label=label(arm, 26))
    axis.legend(loc="lower left", fontsize=6.5, framealpha=0.85, edgecolor="none", handlelength=2.6)


def profile_plots(found: Comparison) -> tuple[Plot, ...]:
    """The profiles for the page."""
    values, shares = profiles(found)
    if not shares:
        return ()
    across, up = Placer(float(values.min()), float(values.max())), Placer(0.0, 1.0)
    base = next(arm.arm for arm in found.arms if arm.baseline)

    def trace(arm: str, look: str) -> Line:
        x, y = tuple(values.tolist()), tuple(shares[arm].tolist())
        band = Band(arm, x, y, y, y, ())
        return dataclasses.replace(line(band, look, across, up), area="")

    return tuple(
        Plot(
            "",
            tuple(
                trace(arm, look) for arm, look in [(base, "base"), *zip(arms, ("c0", "c1", "c2", "c3"), strict=False)]
            ),
            ticks(even_ticks(across.low, across.high, 4), across),
            ticks(even_ticks(0.0, 1.0, 4), up, up=True),
        )
        for arms in chunks(found)
        if all(arm in shares for arm in (base, *arms))
    )
