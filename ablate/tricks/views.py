"""Axis `views`: as what evaluation shows an example to the network; the mean of the predictions is the prediction.

Training does not see it. Several views cost evaluation as many times as much.
"""

from typing import Annotated

import jax.numpy as jnp
from jaxtyping import Array

from ablate.tricks.axis import Axis, Choice, Range
from ablate.tricks.draws import expect_images

__all__ = ["one_view", "tta"]


def one_view(inputs: Array) -> list[Array]:
    """The example as it is."""
    return [inputs]


def tta(inputs: Array, flip: bool = True, shifts: Annotated[int, Range(0)] = 0) -> list[Array]:
    """Test-time augmentation: the image, mirrored, and moved by some pixels along both diagonals.

        p = mean_v p(v(x)),    v in {x, mirror(x)} x {no shift, (-s, -s), (s, s)}

    What a shift uncovers is filled with the pixels at the border. Classification averages probabilities.

    Args:
        inputs: images as the data set has them, [batch, height, width, channels].
        flip: whether mirrored images are seen as well.
        shifts: pixels s of the moves, at least 0; 0 for none.

    Returns:
        One batch per view, the first of them the images as they are.

    Raises:
        ValueError: for vectors, and for a shift that leaves nothing of the image.

    Example:
        >>> [view.ravel().tolist() for view in tta(jnp.arange(2.0).reshape(1, 1, 2, 1))]
        [[0.0, 1.0], [1.0, 0.0]]

    References:
        Krizhevsky, Sutskever, Hinton. ImageNet Classification with Deep Convolutional Neural Networks. 2012.
        https://papers.nips.cc/paper/4824-imagenet-classification-with-deep-convolutional-neural-networks
        Jordan. 94% on CIFAR-10 in 3.29 Seconds on a Single GPU. 2024. https://arxiv.org/abs/2404.00498
    """
    expect_images("tta", inputs)
    if shifts >= min(inputs.shape[1:3]):
        raise ValueError(f"tta: shifts={shifts} leaves nothing of images of {inputs.shape[1]}x{inputs.shape[2]}")
    moved = [inputs, *(_moved(inputs, step) for step in (-shifts, shifts) if shifts)]
    return [view for image in moved for view in (image, *((image[:, :, ::-1],) if flip else ()))]


def _moved(images: Array, step: int) -> Array:
    """Each image moved down and to the right by some pixels."""
    rows, columns = (jnp.clip(jnp.arange(size) - step, 0, size - 1) for size in images.shape[1:3])
    return images[:, rows][:, :, columns]


AXIS = Axis(
    name="views",
    seam="(inputs) -> [inputs of every view]",
    data=("inputs",),
    identity="none",
    choices={"none": Choice(one_view), "tta": Choice(tta)},
)
