"""Which figures a report has, what they are called and what their captions say."""

import dataclasses
from collections.abc import Callable, Iterable, Iterator

from matplotlib.figure import Figure

from ablate.report.plots.bands import validation_curve
from ablate.report.plots.curves import draw_curves, draw_learning_rates
from ablate.report.plots.figure import render, style
from ablate.report.plots.forest import draw_cost, draw_forest
from ablate.report.plots.interactions import draw_interactions, has_interactions
from ablate.report.tables import Tables
from ablate.report.wording import training_title


@dataclasses.dataclass(frozen=True)
class Picture:
    """A figure before it is drawn."""

    name: str
    caption: str
    draw: Callable[[Tables], Figure]
    wanted: Callable[[Tables], bool] = lambda tables: True


PICTURES = (
    Picture(
        "forest",
        "Differences from the baseline with their intervals; a dot is a seed, the pale stripe the declared margin.",
        draw_forest,
    ),
    Picture(
        "interactions",
        "Main effects (diagonal) and interactions: how much more two tricks give together than the sum of each; bold "
        "where the corrected test shows it.",
        draw_interactions,
        has_interactions,
    ),
    Picture(
        "curves",
        "Learning curves by axis: each arm over the baseline (grey), mean and 95 % interval over seeds; a cross marks "
        "where a seed diverged.",
        lambda tables: draw_curves(tables, validation_curve(tables)),
    ),
    Picture("learning_rate", "Learning rate over training.", draw_learning_rates),
    Picture(
        "cost",
        "Quality against cost; nothing measured is both better and cheaper than the arms in bold.",
        draw_cost,
    ),
)


def wanted(tables: Tables) -> tuple[Picture, ...]:
    """The figures that a study has."""
    own = tuple(training_curve(curve) for curve in tables.study["curves"])
    return tuple(picture for picture in (*PICTURES, *own) if picture.wanted(tables))


def training_curve(curve: str) -> Picture:
    """A scalar of the training step, as the task names it."""
    caption = f"{training_title(curve)} by axis: each arm over the baseline (grey), mean and 95 % interval over seeds."
    return Picture(curve, caption, lambda tables: draw_curves(tables, curve))


def draw(tables: Tables, pictures: Iterable[Picture]) -> Iterator[tuple[str, bytes]]:
    """Figures as SVG and PNG: path below the study's directory and content, one after another."""
    for picture in pictures:
        with style():
            figure = picture.draw(tables)
            files = [(f"figures/{picture.name}.{kind}", render(figure, kind)) for kind in ("svg", "png")]
        yield from files
