"""The figure of a probe: arms that agree share a line, and layers stand on the axis by their names."""

import pytest

from ablate.report.plots.figure import render
from ablate.report.plots.probe import alike, draw_probe, layer_names


def layers_of(arm: str, *sds: float, names: tuple[str, ...] = ("Relu_0", "Relu_1", "head")):
    quantities = ("activation_mean", "activation_sd", "gradient_mean", "gradient_sd")
    return [{"arm": arm, "layer": name, **dict.fromkeys(quantities, sd)} for name, sd in zip(names, sds, strict=True)]


LAYERS = [
    *layers_of("baseline", 0.1, 0.2, 0.3),
    *layers_of("clip", 0.1, 0.2, 0.30001),
    *layers_of("he", 0.5, 0.2, 0.3),
    *layers_of("tanh", 0.0, 0.4, 0.3, names=("Tanh_0", "Tanh_1", "head")),
]


def by_arm():
    return {arm: [layer for layer in LAYERS if layer["arm"] == arm] for arm in ("baseline", "clip", "he", "tanh")}


def test_arms_that_agree_share_a_line():
    assert alike(by_arm()) == [["baseline", "clip"], ["he"], ["tanh"]]
    axes = draw_probe(LAYERS).axes
    assert [len(axis.lines) for axis in axes] == [3, 3, 3]
    assert [line.get_label() for line in axes[0].lines] == ["baseline and clip", "he", "tanh"]
    looks = [(line.get_color(), line.get_linestyle(), line.get_marker()) for line in axes[0].lines]
    assert all(len(set(column)) == 3 for column in zip(*[(look[0], look[2]) for look in looks], strict=True))


def test_layers_stand_on_the_axis_by_name():
    assert layer_names(by_arm()) == ["Relu_0 / Tanh_0", "Relu_1 / Tanh_1", "head"]
    for axis in draw_probe(LAYERS).axes:
        assert [text.get_text() for text in axis.get_xticklabels()] == layer_names(by_arm())
        assert axis.get_xlabel() == "layer, from the input to the output"


@pytest.mark.parametrize("depth", [1, 40])
def test_few_and_many_layers_can_be_named(depth):
    names = tuple(f"Relu_{k}" for k in range(depth))
    figure = draw_probe(layers_of("baseline", *[0.5] * depth, names=names))
    shown = [text.get_text() for text in figure.axes[0].get_xticklabels()]
    assert (shown[0], shown[-1]) == (names[0], names[-1])
    assert len(shown) <= 14
    assert render(figure)["png"].startswith(b"\x89PNG")
