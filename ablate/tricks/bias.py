"""Axis `bias`: the first values of the biases of convolutions, dense layers and the head."""

import jax

from ablate.tricks.axis import SUPERVISED, Axis, Choice, Scalar
from ablate.tricks.initializers import Initializer, zeros

__all__ = ["constant_bias"]


def constant_bias(value: Scalar = 0.0) -> Initializer:
    """The same number everywhere; a little above 0 it opens every ReLU at the start.

        b = value

    Args:
        value: the number, in units of the layer's output; off at 0.

    Returns:
        An initializer (key, shape, dtype) -> array.

    Example:
        >>> import jax.numpy as jnp
        >>> constant_bias(0.5)(jax.random.key(0), (2,), jnp.float32).tolist()
        [0.5, 0.5]

    References:
        Goodfellow, Bengio, Courville. Deep Learning, section 8.4. 2016. https://www.deeplearningbook.org
    """
    return jax.nn.initializers.constant(value)


AXIS = Axis(
    name="bias",
    bare=False,
    tasks=(*SUPERVISED, "adversarial"),
    seam="() -> initializer (key, shape, dtype)",
    identity="zeros",
    in_step=False,
    choices={
        "zeros": Choice(zeros),
        "constant": Choice(constant_bias, off={"value": 0.0}),
    },
)
