"""Ways to see a patch of an image: by one square convolution, or by two smaller ones behind each other."""

from collections.abc import Sequence
from typing import Literal

from jaxtyping import Array, Float

from ablate.models.arguments import one_of
from ablate.models.layers import Layers

Images = Float[Array, "batch height width channels"]
Kernel = Literal["3x3", "5x5", "3x3x2", "1xn"]


def shapes_of(kernel: str, n: int, model: str) -> tuple[tuple[int, int], ...]:
    """Rows and columns of the convolutions that a kernel consists of.

    With C channels before, between and behind them, two 3x3 have 18 C^2 weights and one 5x5 has 25 C^2, both seeing
    5x5 pixels; 1xn and nx1 have 2n C^2, one nxn has n^2 C^2.

    Args:
        kernel: "3x3", "5x5", "3x3x2" (two 3x3) or "1xn" (1xn, then nx1).
        n: of "1xn", at least 1.
        model: the name that an error begins with.

    Raises:
        ValueError: for another kernel.

    Example:
        >>> shapes_of("3x3x2", 5, "vgg"), shapes_of("1xn", 7, "vgg")
        (((3, 3), (3, 3)), ((1, 7), (7, 1)))

    References:
        Simonyan, Zisserman. Very Deep Convolutional Networks for Large-Scale Image Recognition. 2014.
        https://arxiv.org/abs/1409.1556
        Szegedy, Vanhoucke, Ioffe, Shlens, Wojna. Rethinking the Inception Architecture for Computer Vision. 2015.
        https://arxiv.org/abs/1512.00567
    """
    shapes = {"3x3": ((3, 3),), "5x5": ((5, 5),), "3x3x2": ((3, 3), (3, 3)), "1xn": ((1, n), (n, 1))}
    one_of(kernel, shapes, f"{model}: kernel")
    return shapes[kernel]


def convolved(
    layers: Layers, x: Images, channels: int, shapes: Sequence[tuple[int, int]], *, name: str, train: bool
) -> Float[Array, "batch height width features"]:
    """Convolutions of those shapes, each with norm and activation; part k of them is called `name_k`."""
    for part, shape in enumerate(shapes):
        x = layers.activated(layers.conv(channels, shape, name=f"{name}_{part}")(x), train=train)
    return x
