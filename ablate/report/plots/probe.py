"""The figure of `ablate probe`: how the spread of activations and gradients changes from layer to layer."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ablate.report.plots.style import COLOURS, DASHES, INK, MARKERS, label, new_figure, style
from ablate.report.wording import listed

PANELS = (
    ("activation_mean", "mean of activations", False),
    ("activation_sd", "sd of activations", True),
    ("gradient_sd", "sd of gradients", True),
)
MOST_NAMES = 14  # of layers, below a panel
ALIKE = 3  # significant figures: arms that agree in them share a line
Layers = Sequence[Mapping[str, Any]]


def draw_probe(layers: Layers) -> Figure:
    """One panel per quantity, layers from the input to the output, one line per group of arms that agree.

    Args:
        layers: the lines of probe.csv: arm, layer, activation_mean, activation_sd, gradient_mean, gradient_sd.
    """
    by_arm = {
        arm: [layer for layer in layers if layer["arm"] == arm] for arm in dict.fromkeys(x["arm"] for x in layers)
    }
    groups = alike(by_arm)
    names = layer_names(by_arm)
    with style():
        figure = new_figure(9.0, 3.0 + 0.16 * -(-len(groups) // 2))
        axes = figure.subplots(1, len(PANELS))
        for axis, (quantity, title, logarithmic) in zip(axes, PANELS, strict=True):
            for k, group in enumerate(groups):
                _draw_arms(axis, [layer[quantity] for layer in by_arm[group[0]]], listed(group, 3), k)
            axis.set_title(title)
            _name_layers(axis, names)
            if logarithmic:
                axis.set_yscale("log")
        handles, labels = axes[0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside lower left", ncols=2, frameon=False, fontsize=7, handlelength=5)
        figure.canvas.draw()
    return figure


def alike(by_arm: Mapping[str, Layers]) -> list[list[str]]:
    """The arms in groups that agree in every number of every panel, in the order of their first.

    Nothing before the first step tells an arm with another clip from the baseline, and one line on top of another
    hides it.
    """
    groups: dict[tuple, list[str]] = {}
    for arm, layers in by_arm.items():
        numbers = (f"{layer[quantity]:.{ALIKE}g}" for layer in layers for quantity, *_ in PANELS)
        groups.setdefault(tuple(numbers), []).append(arm)
    return list(groups.values())


def layer_names(by_arm: Mapping[str, Layers]) -> list[str]:
    """What the layer at each place is called, from the input; where arms differ, all of its names."""
    places = range(max((len(layers) for layers in by_arm.values()), default=0))
    called = [dict.fromkeys(layers[i]["layer"] for layers in by_arm.values() if i < len(layers)) for i in places]
    return [" / ".join(names) for names in called]


def _name_layers(axis: Axes, names: Sequence[str]) -> None:
    shown: list[int] = np.linspace(0, len(names) - 1, min(len(names), MOST_NAMES)).round().astype(int).tolist()
    axis.set_xticks([k + 1 for k in shown], [label(names[k], 24) for k in shown])
    if len(names) > 3:
        axis.tick_params("x", rotation=35)
        for text in axis.get_xticklabels():
            text.set(ha="right", rotation_mode="anchor")
    axis.set_xlabel("layer, from the input to the output")


def _draw_arms(axis: Axes, values: Sequence[float], words: str, k: int) -> None:
    known = [value or float("nan") for value in values]  # a log axis has no place for 0
    first = k == 0
    axis.plot(
        range(1, len(known) + 1),
        known,
        color=INK if first else COLOURS[(k - 1) % (len(COLOURS) - 1)],
        linestyle="-" if first else DASHES[k % len(DASHES)],
        marker=MARKERS[k % len(MARKERS)],
        markersize=3.5,
        linewidth=2.0 if first else 1.3,
        label=label(words, 90),
    )
