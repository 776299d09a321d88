"""The figure of `ablate probe`: how the spread of activations and gradients changes from layer to layer."""

from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ablate.report.plots.style import COLOURS, DASHES, MARKERS, new_figure, style

PANELS = (
    ("activation_mean", "mean of activations", False),
    ("activation_sd", "sd of activations", True),
    ("gradient_sd", "sd of gradients", True),
)


def draw_probe(layers: Sequence[Mapping[str, Any]]) -> Figure:
    """One panel per quantity, one line per arm, layers from the input to the output.

    Args:
        layers: the lines of probe.csv: arm, layer, activation_mean, activation_sd, gradient_mean, gradient_sd.
    """
    arms = list(dict.fromkeys(layer["arm"] for layer in layers))
    with style():
        figure = new_figure(9.0, 2.6 + 0.14 * len(arms))
        axes = figure.subplots(1, len(PANELS))
        for axis, (quantity, title, logarithmic) in zip(axes, PANELS, strict=True):
            for k, arm in enumerate(arms):
                _draw_arm(axis, [layer[quantity] for layer in layers if layer["arm"] == arm], arm, k)
            axis.set_title(title)
            axis.set_xlabel("layer")
            if logarithmic:
                axis.set_yscale("log")
        handles, labels = axes[0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside lower center", ncols=3, frameon=False, fontsize=7)
        figure.canvas.draw()
    return figure


def _draw_arm(axis: Axes, values: Sequence[float], arm: str, k: int) -> None:
    positive = [value if value else float("nan") for value in values]  # a log axis has no place for 0
    axis.plot(
        range(1, len(positive) + 1),
        positive,
        color=COLOURS[k % len(COLOURS)],
        linestyle=DASHES[(k // len(COLOURS)) % len(DASHES)],
        marker=MARKERS[k % len(MARKERS)],
        markersize=3,
        label=arm,
    )
