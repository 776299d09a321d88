"""Which plots a report has: `PLOTS` names each once, with the section that shows it and its caption.

A new plot is a function that describes it and a line here; figures and page follow.
"""

import dataclasses
import re
from collections.abc import Callable, Mapping

from ablate.report.plots.captions import caption
from ablate.report.plots.confusion import confusion
from ablate.report.plots.cost import cost
from ablate.report.plots.curves import rate_curves, training_curves, validation_curve
from ablate.report.plots.forest import forest
from ablate.report.plots.interactions import interactions
from ablate.report.plots.plot import Drawing, Plot
from ablate.report.records import DRAWN, Tables


@dataclasses.dataclass(frozen=True)
class Kind:
    """A plot, or several of a kind, before there is a study.

    Attributes:
        section: the anchor of the section that shows it.
        describe: gives file name -> drawing; empty where a study has nothing to show.
        lead: what it shows, which its caption begins with; `{title}` stands for the curve's name.
        folded: whether the page shows it at a click only.
        of_arms: whether it shows arm by arm, and so the first of many.
    """

    section: str
    describe: Callable[[Tables], Mapping[str, Drawing]]
    lead: str
    folded: bool = False
    of_arms: bool = True


PLOTS = (
    Kind(
        "differences",
        forest,
        "Differences from the baseline",
    ),
    Kind(
        "categories",
        confusion,
        "Confusion matrices",
        of_arms=False,
    ),
    Kind(
        "factorial",
        interactions,
        "Main effects (diagonal) and interactions, how much more two tricks give together than the sum of each",
        of_arms=False,
    ),
    Kind(
        "curves",
        validation_curve,
        "Learning curves by axis",
    ),
    Kind(
        "curves",
        training_curves,
        "{title} by axis",
        folded=True,
    ),
    Kind("curves", rate_curves, "{title} over training"),
    Kind(
        "cost",
        cost,
        "Quality against cost",
    ),
)


def plots_of(tables: Tables, section: str) -> tuple[Plot, ...]:
    """The plots of a section that a study has."""
    kinds = [kind for kind in PLOTS if kind.section == section]
    return tuple(
        plot_of(kind, name, drawing, tables) for kind in kinds for name, drawing in kind.describe(tables).items()
    )


def plot_of(kind: Kind, name: str, drawing: Drawing, tables: Tables) -> Plot:
    """A drawing with its caption; a curve's name, which a task chose, becomes a file name that is safe anywhere."""
    title = tables.unit_of(name).training
    words = caption(kind.lead.replace("{title}", title), drawing)
    if kind.of_arms and len(tables.tricks) > DRAWN:
        words += f" Of {len(tables.tricks)} arms, the {DRAWN} that the answers begin with; all are in the tables."
    return Plot(re.sub(r"\W", "_", name), title, words, drawing, kind.folded)
