"""How many weights networks have, against the formulas and against the published numbers; nothing is allocated."""

import math

import pytest

from ablate.tricks import BatchNorm
from tests.models.small import build, shapes_of, weights


def vgg(**changes):
    return shapes_of(build("vgg", **{"widths": (8, 8), "convs": (2,)} | changes))


def test_two_3x3_have_18_25ths_of_the_weights_of_a_5x5_at_equal_width():
    large, two = vgg(kernel="5x5"), vgg(kernel="3x3x2")
    for layer in ("stage_0_conv_1", "stage_1_conv_0", "stage_1_conv_1"):
        assert 25 * weights(two, layer) == 18 * weights(large, layer)
        assert weights(two, layer) == 18 * 8 * 8
    assert weights(vgg(kernel="3x3"), "stage_1") * 25 == 9 * weights(large, "stage_1")
    assert two.keys() - large.keys() == {
        f"stage_{stage}_conv_{conv}_1/{what}" for stage in (0, 1) for conv in (0, 1) for what in ("kernel", "bias")
    }


@pytest.mark.parametrize("n", [2, 3, 5, 7])
def test_1xn_and_nx1_have_2_nths_of_the_weights_of_nxn(n):
    shapes = vgg(kernel="1xn", n=n)
    assert shapes["stage_1_conv_0_0/kernel"] == (1, n, 8, 8)
    assert shapes["stage_1_conv_0_1/kernel"] == (n, 1, 8, 8)
    assert n * weights(shapes, "stage_1_conv_0") == 2 * (n * n * 8 * 8)
    if n == 5:
        assert 5 * weights(shapes, "stage_1") == 2 * weights(vgg(kernel="5x5"), "stage_1")


@pytest.mark.parametrize(("kernel", "count"), [("5x5", 25), ("3x3x2", 18), ("1xn", 14), ("3x3", 9)])
def test_the_large_branch_of_an_inception_module(kernel, count):
    shapes = shapes_of(build("inception", kernel=kernel, n=7))
    parts = {name: weights(shapes, f"module_0/{name}") for name in ("point", "small", "large", "pool")}
    assert parts == {"point": 64, "small": 64 + 9 * 64, "large": 64 + count * 64, "pool": 64}
    assert shapes["head/kernel"] == (32, 5)


def test_inception_of_several_stages_and_modules():
    shapes = shapes_of(build("inception", stem=4, widths=(6, 8), modules=(1, 2)))
    firsts = {path.split("/")[0]: shape for path, shape in shapes.items() if path.endswith("point_0/kernel")}
    assert firsts == {
        "stage_0_module_0": (1, 1, 4, 6), "stage_1_module_0": (1, 1, 24, 8), "stage_1_module_1": (1, 1, 32, 8)
    }  # fmt: skip


def test_a_separable_layer_has_1_over_out_and_1_over_9_of_the_weights_exactly():
    separable, full = (shapes_of(build("mobilenet", blocks=(2, 3), separable=choice)) for choice in (True, False))
    layers = {path.split("/")[0].removesuffix("_conv") for path in full if path.startswith("stage")}
    assert len(layers) == 5
    for layer in layers:
        *_, inputs, outputs = full[f"{layer}_conv/kernel"]
        assert separable[f"{layer}_depthwise/kernel"] == (3, 3, 1, inputs)
        assert separable[f"{layer}_conv/kernel"] == (1, 1, inputs, outputs)
        # a / b = 1 / out + 1 / 9, in whole numbers
        assert weights(separable, layer) * 9 * outputs == weights(full, layer) * (9 + outputs)
    same = {path for path in full if "_conv/kernel" not in path}
    assert {path: full[path] for path in same} == {path: separable[path] for path in same}


def test_mobilenet_of_the_paper():
    real = build("mobilenet", width=32, blocks=(1, 2, 2, 6, 2), stride=2, norm=BatchNorm, outputs=1000)
    shapes = shapes_of(real, 224)
    # Published without biases of convolutions, which a norm behind them makes idle.
    idle = {path for path in shapes if path.endswith(("conv/bias", "depthwise/bias", "stem/bias"))}
    assert sum(math.prod(shape) for path, shape in shapes.items() if path not in idle) == 4_231_976


def test_dense_layers_hold_nine_tenths_of_a_real_vgg_16_and_a_mean_none():
    real = {"widths": (64, 128, 256, 512, 512), "convs": (2, 2, 3, 3, 3), "hidden": (4096, 4096), "outputs": 1000}
    dense, mean = (shapes_of(build("vgg", **real, head=head), 224) for head in ("fc", "gap"))
    assert sum(map(math.prod, dense.values())) == 138_357_544  # as published
    convolutions = weights(dense, "stage")
    assert weights(dense) - convolutions == 7 * 7 * 512 * 4096 + 4096 * 4096 + 4096 * 1000
    assert 1 - convolutions / weights(dense) == pytest.approx(0.9, abs=0.01)
    assert weights(mean) == convolutions + 512 * 1000
    assert weights(mean) / weights(dense) == pytest.approx(0.11, abs=0.002)


def test_squeeze_excite_and_skip_of_a_resnet():
    plain, excited, unsummed = (shapes_of(build("resnet", **more)) for more in ({}, {"se": True}, {"skip": False}))
    assert {path for path in plain if "shortcut" not in path} == set(unsummed)
    assert {path: excited[path] for path in plain} == plain
    # 2 C^2 / r, in blocks of 8, 16 and 32 channels
    assert weights(excited, "gate") == sum(2 * channels * channels // 4 for channels in (8, 16, 32))
    narrow = shapes_of(build("resnet", se=True, reduction=16))
    assert narrow["stage_0_block_0/gate/squeeze/kernel"] == (8, 1)


def test_real_bilinear_networks():
    real = {"widths": (64, 128, 256, 512, 512), "convs": (2, 2, 3, 3, 3), "outputs": 200}
    assert shapes_of(build("bilinear", **real, dim=8192), 448)["head/kernel"] == (8192, 200)
    assert shapes_of(build("bilinear", **real, compact=False), 448)["head/kernel"] == (512 * 512, 200)
    assert shapes_of(build("bilinear", backbone="resnet", compact=False))["head/kernel"] == (64 * 64, 5)
