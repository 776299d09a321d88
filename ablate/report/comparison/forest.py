"""The forest plot of a comparison: every arm's mean over the studies, and a dot per study. Pure."""

from collections.abc import Sequence

from ablate.report.comparison.grids import change_texts, delta_texts, in_shortfall, relative, shortfall_word
from ablate.report.comparison.overall import Overall
from ablate.report.comparison.studies import Comparison
from ablate.report.plots.captions import caption
from ablate.report.plots.plot import Dot, Estimate, Forest, Plot
from ablate.report.plots.scales import padded
from ablate.report.records import RANK
from ablate.report.wording import DASH, number, p_clause

FARTHEST = 12  # Times the middle size of all values: what lies beyond is cut, so that the others stay legible.
LEAD = "Mean over the studies, by verdict and size, p corrected by Holm's method"


def forest_plot(comparison: Comparison) -> Plot | None:
    """The arms by verdict and size, on the scale that is tested; None where there is nothing to draw."""
    if not comparison.in_ratios and not comparison.in_points:
        return None
    arms = sorted(comparison.tricks, key=lambda arm: (RANK.get(arm.verdict, len(RANK)), -goodness(arm, comparison)))
    rows = tuple(estimate_of(arm, comparison) for arm in arms)
    if not any(row.estimate is not None for row in rows):
        return None
    rising = comparison.better > 0 and not comparison.in_ratios
    ends = ("worse", "better") if rising else ("better", "worse")
    drawing = Forest(rows, padded(legible(rows), 0.06, axis_label(comparison)), None, ends, dot="study")
    of_what = f" Shortfall is 100 % minus {comparison.unit.metric}." if in_shortfall(comparison) else ""
    return Plot("studies", "Average over the studies", f"{caption(LEAD, drawing)}{of_what}", drawing)


def axis_label(comparison: Comparison) -> str:
    """What the forest's axis shows."""
    if comparison.in_ratios:
        return f"change of {shortfall_word(comparison)} (%)"
    return comparison.unit.labelled(f"mean difference in {comparison.unit.metric}", difference=True)


def goodness(arm: Overall, comparison: Comparison) -> float:
    """What the arms are sorted by."""
    if comparison.in_ratios:
        return -arm.change.mean if arm.change else 0.0
    return comparison.better * arm.difference.mean if arm.difference else 0.0


def estimate_of(arm: Overall, comparison: Comparison) -> Estimate:
    """One line, in shown units."""
    average, scale = (arm.change, 100.0) if comparison.in_ratios else (arm.difference, comparison.unit.scale)

    def shown(value: float | None) -> float | None:
        return None if value is None else scale * (relative(value) if comparison.in_ratios else value)

    mean, low, high = map(shown, (average.mean, average.low, average.high)) if average else (None, None, None)
    deltas = (summary.contrast.mean if summary.contrast else None for summary in arm.summaries)
    by_study = arm.changes if comparison.in_ratios else deltas
    values = zip(comparison.names, map(shown, by_study), strict=True)
    dots = tuple(Dot(x, f"{name}: {number(x, 2, signed=True)}") for name, x in values if x is not None)
    return Estimate(arm.arm, arm.verdict, text_of(arm, comparison), mean, low, high, dots)


def text_of(arm: Overall, comparison: Comparison) -> str:
    """Estimate, interval, corrected p and failed runs of an arm."""
    mean, bounds = (change_texts if comparison.in_ratios else delta_texts)(arm, comparison)
    estimate = mean if bounds == DASH else f"{mean} [{bounds}]"
    lost = f"{arm.failed} of {arm.cells} failed" if arm.failed else ""
    return "  ".join(filter(None, (estimate, tested_text(arm, comparison), lost)))


def tested_text(arm: Overall, comparison: Comparison) -> str:
    """The p that the verdict rests on: of quality, or of failures."""
    if arm.by_failure(comparison.alpha):
        return p_clause(arm.p_failure_holm, "p of failures") if arm.p_failure_holm is not None else "failed more often"
    return p_clause(arm.p_holm) if arm.p_holm is not None else ""


def legible(rows: Sequence[Estimate]) -> list[float]:
    """What the axis has to hold: zero, every mean, and of the rest what leaves them legible."""
    means = [row.estimate for row in rows if row.estimate is not None]
    values = [x for row in rows for x in row.values]
    sizes = sorted(abs(x) for x in values)
    most = max(FARTHEST * sizes[len(sizes) // 2], *(abs(x) for x in means))
    return [0.0, *(min(max(x, -most), most) for x in values)]
