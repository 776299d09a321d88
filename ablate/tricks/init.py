"""Axis `init`: the first values of the kernels.

A choice makes a JAX initializer `(key, shape, dtype) -> kernel`. One that must see data makes a `DataInit` instead:
an initializer and an adjustment of the finished parameters by a pass over the first batch. `split_init` hides the
difference from whoever sets a model up.
"""

from ablate.tricks.axis import SUPERVISED, Axis, Choice
from ablate.tricks.data_init import DataInit, lsuv, pretrained, zero_residual
from ablate.tricks.initializers import (
    Initializer,
    fan_mean_normal,
    he,
    lecun,
    normal,
    orthogonal,
    uniform,
    xavier,
    zeros,
)

__all__ = ["split_init"]


def split_init(init: Initializer | DataInit) -> DataInit:
    """Gives any initializer the form of a `DataInit`; a plain one is adjusted by doing nothing.

    Args:
        init: what a choice on the axis made.

    Returns:
        The pair (kernel initializer, adjust).

    Example:
        >>> import jax
        >>> kernel, adjust = split_init(he())
        >>> adjust(jax.random.key(0), {"w": 1.0}, None, None)
        {'w': 1.0}
    """
    if isinstance(init, DataInit):
        return init
    return DataInit(kernel=init, adjust=lambda key, variables, apply, inputs: variables)


AXIS = Axis(
    name="init",
    bare=False,
    tasks=(*SUPERVISED, "adversarial"),
    default="lecun",
    seam="() -> initializer (key, shape, dtype), or DataInit(kernel, adjust)",
    in_step=False,
    choices={
        "zeros": Choice(zeros),
        "normal": Choice(normal),
        "uniform": Choice(uniform),
        "fan_mean_normal": Choice(fan_mean_normal),
        "lecun": Choice(lecun),
        "xavier": Choice(xavier),
        "he": Choice(he),
        "orthogonal": Choice(orthogonal),
        "lsuv": Choice(lsuv),
        "zero_residual": Choice(zero_residual),
        "pretrained": Choice(pretrained, example={"path": "weights.npz"}),
    },
)
