"""Which figures a report has, what they are called and what their captions say."""

import dataclasses
from collections.abc import Callable

from matplotlib.figure import Figure

from ablate.report.canvas import render, style
from ablate.report.curves import draw_curves, draw_learning_rates
from ablate.report.effects import draw_cost, draw_forest
from ablate.report.tables import Tables


@dataclasses.dataclass(frozen=True)
class Picture:
    """A figure before it is drawn."""

    name: str
    caption: str
    draw: Callable[[Tables], Figure]


PICTURES = (
    Picture(
        "forest",
        "Differences from the baseline with their intervals; a dot is a seed, the pale stripe the declared margin.",
        draw_forest,
    ),
    Picture(
        "curves",
        "Learning curves by axis: each arm over the baseline (grey), mean and 95 % interval over seeds; a cross marks "
        "where a seed diverged.",
        lambda tables: draw_curves(tables, validation_curve(tables)),
    ),
    Picture(
        "train_loss",
        "Training loss by axis: each arm over the baseline (grey), mean and 95 % interval over seeds.",
        lambda tables: draw_curves(tables, "train_loss"),
    ),
    Picture("learning_rate", "Learning rate by training step.", draw_learning_rates),
    Picture(
        "cost",
        "Quality against time per training step; nothing measured is both better and faster than the arms in bold.",
        draw_cost,
    ),
)


def validation_curve(tables: Tables) -> str:
    """The curve that belongs to the study's metric."""
    return "val_accuracy" if tables.metric.endswith("accuracy") else "val_loss"


def draw(tables: Tables) -> dict[str, bytes]:
    """Every figure as SVG and PNG.

    Returns:
        Content by path below the study's directory.
    """
    files: dict[str, bytes] = {}
    with style():
        for picture in PICTURES:
            for kind in ("svg", "png"):
                files[f"figures/{picture.name}.{kind}"] = render(picture.draw(tables), kind)
    return files
