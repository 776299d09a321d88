"""The order of the answers, and what one line of a forest plot says and spans. Pure."""

import math

from ablate.report.tables import Summary, Tables
from ablate.report.wording import DASH, interval, p_clause

RANK = {"better": 0, "worse": 1, "equivalent": 2, "inconclusive": 3}


def ranked(tables: Tables) -> list[Summary]:
    """The tricks in the order of the answers: by verdict, the largest gain first."""

    def place(arm: Summary) -> tuple[int, float]:
        delta = arm.contrast.mean if arm.contrast else None
        return RANK.get(arm.verdict, len(RANK)), -tables.better * delta if delta is not None else 0.0

    return sorted(tables.tricks, key=place)


def effect_text(arm: Summary, tables: Tables) -> str:
    """Delta, interval, corrected p and verdict of one arm."""
    found, unit = arm.contrast, tables.unit
    if found is None:
        return DASH
    around = interval(unit.delta(found.low), unit.delta(found.high))
    around = f" [{around}]" if around != DASH else ""
    tested = f"  {p_clause(found.p_holm)}" if found.p_holm is not None else ""
    lost = f", {arm.diverged} of {arm.cells} diverged" if arm.diverged else ""
    return f"{unit.delta(found.mean)}{around}{tested}  {arm.verdict}{lost}"


def reach(tables: Tables) -> tuple[float, float]:
    """Ends of the forest's axis as shown: zero, every estimate, and of the rest what leaves them legible."""
    found = [arm.contrast for arm in tables.tricks if arm.contrast]
    means = [one.mean for one in found if one.mean is not None]
    ends = [x for one in found for x in (one.low, one.high) if x is not None]
    dots = [delta for arm in tables.tricks for delta in arm.deltas.values()]
    sizes = sorted(abs(x) for x in means + ends + dots)
    most = 12 * sizes[len(sizes) // 2] if sizes and sizes[len(sizes) // 2] else math.inf
    low, high = (pick([0.0, *means, *(min(max(x, -most), most) for x in ends + dots)]) for pick in (min, max))
    room = 0.06 * (high - low) or 1.0 / tables.unit.scale
    return tables.unit.scale * (low - room), tables.unit.scale * (high + room)
