"""Axis `precision`: the type that dense layers and convolutions multiply in.

Parameters, their gradients, the optimizer, norms, activations, heads and losses are float32 under every choice: what a
layer gives is float32 again, so that no small update is added to a large number of few digits.
"""

import jax.numpy as jnp
import numpy as np

from ablate.tricks.axis import SUPERVISED, Axis, Choice

__all__ = ["bfloat16", "float32"]


def float32() -> np.dtype:
    """Single precision: 24 significant bits."""
    return np.dtype(jnp.float32)


def bfloat16() -> np.dtype:
    """The layers' inputs, kernels and biases rounded to 8 significant bits, with the range of float32.

        y = float32(bfloat16(x) bfloat16(W) + bfloat16(b))

    The exponent is that of float32, so that no loss has to be scaled. About twice as fast or more where the hardware
    multiplies bfloat16; a CPU without it emulates it and is slower.

    Returns:
        The type.

    Example:
        >>> float(jnp.asarray(1.001, bfloat16()))
        1.0

    References:
        Micikevicius, Narang, Alben, Diamos, Elsen, Garcia, Ginsburg, Houston, Kuchaiev, Venkatesh, Wu. Mixed Precision
        Training. 2017. https://arxiv.org/abs/1710.03740
        Kalamkar, Mudigere, Mellempudi, Das, Banerjee, Avancha, Vooturi, Jammalamadaka, Huang, Yuen, Yang, Park,
        Heinecke, Georganas, Srinivasan, Kundu, Smelyanskiy, Kaul, Dubey. A Study of BFLOAT16 for Deep Learning
        Training. 2019. https://arxiv.org/abs/1905.12322
    """
    return np.dtype(jnp.bfloat16)


AXIS = Axis(
    name="precision",
    bare=False,
    tasks=(*SUPERVISED, "adversarial"),
    seam="() -> dtype",
    identity="float32",
    choices={"float32": Choice(float32), "bfloat16": Choice(bfloat16)},
)
