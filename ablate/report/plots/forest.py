"""The forest plot: every arm's difference from the baseline. Pure."""

import math

from ablate.report.plots.plot import Dot, Estimate, Forest
from ablate.report.plots.scales import Scale, even_scale
from ablate.report.records import DRAWN, Summary, Tables, drawn, ranked
from ablate.report.wording import DASH, interval, p_clause, plain

FARTHEST = 12  # Times the middle size of all values: what lies beyond is cut, so that the others stay legible.


def forest(tables: Tables) -> dict[str, Forest]:
    """Every arm's delta with its interval and one dot per seed, the best on top."""
    rows = tuple(estimate_of(arm, tables) for arm in ranked(tables)[:DRAWN])
    margin = tables.study["metric"]["margin"]
    return (
        {}
        if not rows
        else {
            "forest": Forest(
                rows=rows,
                x=delta_scale(tables),
                margin=None if margin is None else margin * tables.unit.scale,
                ends=("worse", "better") if tables.better > 0 else ("better", "worse"),
            )
        }
    )


def estimate_of(arm: Summary, tables: Tables) -> Estimate:
    """One line, in shown units."""
    contrast, scale = arm.contrast, tables.unit.scale

    def scaled(value: float | None) -> float | None:
        return None if value is None else scale * value

    return Estimate(
        label=plain(arm.arm),
        verdict=arm.verdict,
        text=effect_text(arm, tables),
        estimate=scaled(contrast.mean) if contrast else None,
        low=scaled(contrast.low) if contrast else None,
        high=scaled(contrast.high) if contrast else None,
        dots=tuple(Dot(scale * x, f"seed {seed}: {tables.unit.delta(x)}") for seed, x in arm.deltas.items()),
    )


def effect_text(arm: Summary, tables: Tables) -> str:
    """Delta, interval and corrected p of one arm, and how many of its cells failed."""
    contrast, unit = arm.contrast, tables.unit
    lost = f"{arm.failed} of {arm.cells} failed" if arm.failed else ""
    if contrast is None or contrast.mean is None:
        return lost or ("" if arm.verdict else DASH)
    bounds = interval(unit.delta(contrast.low), unit.delta(contrast.high))
    around = f" [{bounds}]" if bounds != DASH else ""
    tested = p_clause(contrast.p_corrected) if contrast.p_corrected is not None else ""
    return "  ".join(filter(None, (f"{unit.delta(contrast.mean)}{around}", tested, lost)))


def delta_scale(tables: Tables) -> Scale:
    """The forest's axis as shown: zero, every estimate, and of the rest what leaves them legible."""
    unit, contrasts = tables.unit, [arm.contrast for arm in drawn(tables) if arm.contrast]
    means = [contrast.mean for contrast in contrasts if contrast.mean is not None]
    ends = [end for contrast in contrasts for end in (contrast.low, contrast.high) if end is not None]
    dots = [delta for arm in drawn(tables) for delta in arm.deltas.values()]
    sizes = sorted(abs(x) for x in means + ends + dots)
    most = FARTHEST * sizes[len(sizes) // 2] if sizes and sizes[len(sizes) // 2] else math.inf
    kept = [0.0, *means, *(min(max(x, -most), most) for x in ends + dots)]
    padding = 0.06 * (max(kept) - min(kept)) or 1.0 / unit.scale
    low, high = unit.scale * (min(kept) - padding), unit.scale * (max(kept) + padding)
    words = f"{unit.metric}, arm minus {plain(tables.baseline.arm)}"
    return even_scale(low, high, unit.labelled(words, difference=True), 6)
