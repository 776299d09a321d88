"""Which parameters a penalty or a decay touches; two axes ask, so the answer stands here once."""

import jax
import jax.numpy as jnp
from jaxtyping import PyTree

MASKS = ("kernels", "all")


def parameter_mask(params: PyTree, mask: str) -> PyTree:
    """Marks the parameters that are weighed down: kernels alone, or every one.

        m(w) = [ndim(w) > 1]  for "kernels",    m(w) = 1  for "all"

    Biases and the scale and shift of a norm have one dimension, so "kernels" leaves them out.

    Args:
        params: any pytree of arrays.
        mask: "kernels" or "all".

    Returns:
        A pytree of the same structure with Python booleans as leaves.

    Raises:
        ValueError: for another word than these two.

    Example:
        >>> parameter_mask({"kernel": jnp.ones((2, 3)), "bias": jnp.ones(3)}, "kernels")
        {'bias': False, 'kernel': True}
    """
    if mask not in MASKS:
        raise ValueError(f"mask={mask!r} is not one of {', '.join(map(repr, MASKS))}")
    return jax.tree.map(lambda w: mask == "all" or jnp.ndim(w) > 1, params)
