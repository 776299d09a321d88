"""Confusion matrices of the baseline and of the first arm of the answers, side by side. Pure."""

import numpy as np

from ablate.report.categories import ArmByCategory, ByCategory
from ablate.report.plots.plot import Confusion, ConfusionPanel, Share
from ablate.report.records import Tables
from ablate.report.wording import number, plain
from ablate.stats.categories import confusion as counts_of

MOST = 20  # categories of a matrix or a table
OTHERS = "others"


def confusion(tables: Tables) -> dict[str, Confusion]:
    """Counts over all seeds, coloured by their share of the row."""
    known = tables.by_category
    if known is None:
        return {}
    arm = known.arms[0]
    shown = known.most_changed(MOST, [arm])
    names = tuple(known.names[k] for k in shown)
    others = len(shown) < len(known.names)
    sides = {plain(tables.baseline.arm): arm.baseline, plain(arm.arm): arm.own}
    panels = tuple(panel_of(title, arm, side, shown, known, others=others) for title, side in sides.items())
    return {
        "confusion": Confusion(panels, names, (*names, OTHERS) if others else names, f"true {known.one}",
                               f"predicted {known.one}")
    }  # fmt: skip


def panel_of(
    title: str, arm: ArmByCategory, decided: np.ndarray, shown: list[int], known: ByCategory, *, others: bool
) -> ConfusionPanel:
    """One matrix; the column of all other categories only where there are some."""
    counts = counts_of(arm.truth, decided, shown)
    totals = counts.sum(1)
    columns = [*(known.names[k] for k in shown), *([OTHERS] if others else [])]
    rows = tuple(
        tuple(
            share_of(int(counts[i, j]), int(totals[i]), f"{known.names[k]} → {column}", right=i == j)
            for j, column in enumerate(columns)
        )
        for i, k in enumerate(shown)
    )
    return ConfusionPanel(title, rows)


def share_of(count: int, total: int, names: str, *, right: bool) -> Share | None:
    """One entry; None where nothing was taken for that."""
    if not count:
        return None
    part = count / total
    return Share(part, str(count), f"{names}: {count:,} of {total:,} ({number(part, 1, 100)} %)", right)
