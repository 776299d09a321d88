"""Files of a comparison of several studies."""

from ablate.report.comparison.forest import forest_plot
from ablate.report.comparison.grids import agreement_grid, overall_grid, relative, studies_of, study_grid
from ablate.report.comparison.overall import Overall
from ablate.report.comparison.studies import Comparison
from ablate.report.comparison.synergy import company_grid, company_note
from ablate.report.comparison.words import headline, lead, notes
from ablate.report.formats.csv_files import delimited
from ablate.report.formats.html import page
from ablate.report.formats.markdown import bullets, escape, grid, picture
from ablate.report.plots.figure import figure_files

COLUMNS = (
    "arm",
    "studies",
    "pairs",
    "failed",
    "runs",
    *("delta", "delta_low", "delta_high"),
    *("change", "change_low", "change_high"),
    *("p", "p_holm", "p_failure", "p_failure_holm", "verdict", "in_favour", "improvement"),
)
IN_STUDY = ("n", "failed", "mean", "delta", "delta_low", "delta_high", "verdict")


def comparison_contents(comparison: Comparison) -> dict[str, str | bytes]:
    """Every file of a comparison: path to content."""
    plot = forest_plot(comparison)
    texts = {
        "studies.csv": studies_csv(comparison),
        "studies.md": markdown(comparison),
        "studies.html": html(comparison),
    }
    return texts | dict(figure_files(plot) if plot else ())


def studies_csv(comparison: Comparison) -> str:
    """One line per arm: numbers over all studies as stored (changes as fractions), then those of each study."""
    by_study = [f"{name} {what}" for name in comparison.names for what in IN_STUDY]
    columns = [*COLUMNS, *by_study]
    records = [[*over_studies(arm), *study_by_study(arm)] for arm in comparison.arms]
    return delimited(columns, [dict(zip(columns, record, strict=True)) for record in records])


def over_studies(arm: Overall) -> list[str | float | None]:
    """The values of `COLUMNS`."""
    delta, change = ([a.mean, a.low, a.high] if a else [None] * 3 for a in (arm.difference, arm.change))
    changes = [None if end is None else relative(end) for end in change]
    counts = [studies_of(arm), arm.pairs, arm.failed, arm.cells]
    favour = None if arm.baseline else arm.in_favour
    verdict = "baseline" if arm.baseline else arm.verdict or None
    tests = [arm.p, arm.p_holm, arm.p_failure, arm.p_failure_holm]
    return [arm.arm, *counts, *delta, *changes, *tests, verdict, favour, arm.improvement]


def study_by_study(arm: Overall) -> list[str | float | None]:
    """The values of `IN_STUDY` for each study."""
    values: list[str | float | None] = []
    for summary in arm.summaries:
        contrast = summary.contrast
        delta = [contrast.mean, contrast.low, contrast.high] if contrast else [None] * 3
        values += [summary.n, summary.failed, summary.mean, *delta, summary.verdict or None]
    return values


def markdown(comparison: Comparison) -> str:
    """The comparison as Markdown."""
    plot = forest_plot(comparison)
    parts = [
        "# Comparison of studies",
        escape(headline(comparison)),
        *(
            ["## Average over the studies", escape(lead(comparison)), grid(overall_grid(comparison))]
            if comparison.tricks
            else []
        ),
        *([picture(plot)] if plot else []),
        "## Study by study",
        grid(study_grid(comparison)),
        *agreement_part(comparison),
        *company_part(comparison),
        "## How to read this",
        bullets(map(escape, notes(comparison))),
    ]
    return "\n\n".join(parts) + "\n"


def agreement_part(comparison: Comparison) -> list[str]:
    """The section on the spread between studies, where there are arms."""
    return ["## Do the studies agree?", grid(agreement_grid(comparison))] if comparison.tricks else []


def company_part(comparison: Comparison) -> list[str]:
    """The section on redundancy and synergy, where the studies show it."""
    together = company_grid(comparison)
    return ["## Alone and together", grid(together), escape(company_note(comparison))] if together else []


def html(comparison: Comparison) -> str:
    """The comparison as one page."""
    company = company_grid(comparison)
    return page(
        "studies.html.j2",
        headline=headline(comparison),
        lead=lead(comparison),
        overall=overall_grid(comparison) if comparison.tricks else None,
        forest=forest_plot(comparison),
        by_study=study_grid(comparison),
        agreement=agreement_grid(comparison) if comparison.tricks else None,
        company=company,
        company_note=company_note(comparison) if company else "",
        notes=notes(comparison),
    )
