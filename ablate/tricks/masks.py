"""Which parameters a penalty or a decay touches; two axes ask, so the answer stands here once."""

import jax
import jax.numpy as jnp
from jaxtyping import PyTree

from ablate.tricks.layerwise import matches

MASKS = ("kernels", "all")
REGEX = "regex:"
SHOWN = 5  # paths that an error lists


def parameter_mask(params: PyTree, mask: str) -> PyTree:
    """Marks the parameters that are weighed down: kernels alone, every one, or those whose path matches a pattern.

        m(w) = [ndim(w) > 1]  for "kernels",    m(w) = 1  for "all",    m(w) = [P is found in path(w)]  for "regex:P"

    Biases and the scale and shift of a norm have one dimension, so "kernels" leaves them out. A path is the parameter's
    names joined by slashes, as on axis `layerwise`: "regex:^head/" is one layer, "regex:^head/kernel" its kernel alone,
    and "regex:^(?!head/).*kernel$" the kernels of all others.

    Args:
        params: any pytree of arrays.
        mask: "kernels", "all", or "regex:" and a regular expression, searched for anywhere in the path.

    Returns:
        A pytree of the same structure with Python booleans as leaves.

    Raises:
        ValueError: for another word, for what is not a regular expression, and for one that no path matches.

    Example:
        >>> params = {"conv": {"kernel": jnp.ones((2, 3)), "bias": jnp.ones(3)}, "head": {"kernel": jnp.ones((3, 2))}}
        >>> parameter_mask(params, "kernels")
        {'conv': {'bias': False, 'kernel': True}, 'head': {'kernel': True}}
        >>> parameter_mask(params, "regex:^head/")
        {'conv': {'bias': False, 'kernel': False}, 'head': {'kernel': True}}
    """
    if mask.startswith(REGEX):
        return matching(params, mask.removeprefix(REGEX))
    if mask not in MASKS:
        raise ValueError(f"mask={mask!r} is not one of {', '.join(map(repr, MASKS))}, and no '{REGEX}...' either")
    return jax.tree.map(lambda w: mask == "all" or jnp.ndim(w) > 1, params)


def matching(params: PyTree, pattern: str) -> PyTree:
    """Marks the parameters whose path a regular expression is found in.

    Raises:
        ValueError: it is none, or is found in no path: what touches nothing would pass for a trick without effect.
    """
    marks = jax.tree_util.tree_map_with_path(lambda path, w: matches(pattern, joined(path)), params)
    if not any(jax.tree.leaves(marks)):
        paths = [joined(path) for path, _ in jax.tree_util.tree_leaves_with_path(params)]
        listed = ", ".join(paths[:SHOWN]) + (", ..." if len(paths) > SHOWN else "")
        raise ValueError(f"mask='{REGEX}{pattern}' matches no parameter of {listed}")
    return marks


def joined(path: tuple[object, ...]) -> str:
    """The names on a path, joined by slashes."""
    return jax.tree_util.keystr(path, simple=True, separator="/")
