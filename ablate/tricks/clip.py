"""Axis `clip`: bounds on the gradient before the optimizer sees it, as optax transforms.

optax's clips by norm turn an off value of infinity into nan where a norm overflows, so the norms here share `shrink`.
"""

import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Float

from ablate.tricks.axis import SUPERVISED, Axis, Choice, NonNegative, Positive, Scalar
from ablate.tricks.sums import over_all

__all__ = ["adaptive_clip", "clip_by_global_norm", "clip_by_layer_norm", "clip_by_value", "no_clip"]


def no_clip() -> optax.GradientTransformation:
    """The gradient as it is."""
    return optax.identity()


def clip_by_value(max: NonNegative = jnp.inf) -> optax.GradientTransformation:
    """Cuts every number of the gradient off at a bound.

        f(g) = max(-theta, min(theta, g))

    Args:
        max: the bound theta in units of the gradient, at least 0; off at inf.

    Returns:
        An optax transform without state.

    Example:
        >>> clip_by_value(max=3.5).update(jnp.array([3.0, -4.0]), optax.EmptyState())[0].tolist()
        [3.0, -3.5]

    References:
        Mikolov. Statistical Language Models Based on Neural Networks. 2012.
        https://www.fit.vut.cz/study/phd-thesis/283/
    """
    return optax.clip(max)


def clip_by_global_norm(max: NonNegative = jnp.inf) -> optax.GradientTransformation:
    """Shortens the whole gradient to a length, and keeps its direction.

        f(g) = g * theta / |g|  where  |g| > theta,    |g| over all parameters together

    Args:
        max: the length theta in units of the gradient, at least 0; off at inf.

    Returns:
        An optax transform without state.

    Example:
        >>> clip_by_global_norm(max=2.5).update(jnp.array([3.0, 4.0]), optax.EmptyState())[0].tolist()
        [1.5, 2.0]

    References:
        Pascanu, Mikolov, Bengio. On the Difficulty of Training Recurrent Neural Networks. 2012.
        https://arxiv.org/abs/1211.5063
    """

    def clip_all(grads: optax.Updates, params: optax.Params | None) -> optax.Updates:
        norm = length(grads)
        return jax.tree.map(lambda g: shrink(g, norm, max), grads)

    return optax.stateless(clip_all)


def clip_by_layer_norm(max: NonNegative = jnp.inf) -> optax.GradientTransformation:
    """Shortens the gradient of each parameter array to a length of its own.

        f(g_l) = g_l * theta / |g_l|  where  |g_l| > theta,    for each array l

    Args:
        max: the length theta in units of the gradient, at least 0; off at inf.

    Returns:
        An optax transform without state.

    Example:
        >>> clip_by_layer_norm(max=2.5).update(jnp.array([3.0, 4.0]), optax.EmptyState())[0].tolist()
        [1.5, 2.0]

    References:
        Pascanu, Mikolov, Bengio. On the Difficulty of Training Recurrent Neural Networks. 2012.
        https://arxiv.org/abs/1211.5063
    """
    return optax.stateless(lambda grads, params: jax.tree.map(lambda g: shrink(g, length(g), max), grads))


def adaptive_clip(ratio: NonNegative = jnp.inf, epsilon: Positive = 1e-3) -> optax.GradientTransformation:
    """Bounds the gradient of each unit by a share of the unit's own weights.

        f(g_i) = g_i * limit / |g_i|  where  |g_i| > limit,    limit = ratio * max(|w_i|, epsilon)

    A unit i is one output of a kernel, its last axis, whatever the kernel's rank; or a whole vector, as in timm and in
    the authors' code. Theirs and optax's differ for kernels [1, outputs] and for three axes. The authors leave the last
    linear layer out.

    Args:
        ratio: largest |g_i| per |w_i|, at least 0; off at inf.
        epsilon: floor of the weights' norm, above 0, so that weights that start at 0 can move.

    Returns:
        An optax transform without state that needs the parameters.

    Example:
        >>> clip = adaptive_clip(ratio=0.5)
        >>> clip.update(jnp.array([3.0, 4.0]), optax.EmptyState(), jnp.array([0.0, 5.0]))[0].tolist()
        [1.5, 2.0]

    References:
        Brock, De, Smith, Simonyan. High-Performance Large-Scale Image Recognition Without Normalization. 2021.
        https://arxiv.org/abs/2102.06171
    """

    def clip_unit(g: Array, w: Array) -> Array:
        return shrink(g, unit_norms(g), ratio * jnp.maximum(unit_norms(w), epsilon))

    return optax.stateless(lambda grads, params: jax.tree.map(clip_unit, grads, params))


def length(tree: optax.Updates) -> Float[Array, ""]:
    """The norm of all numbers of a tree together; 0 of none."""
    leaves = jax.tree.leaves(tree) or [jnp.zeros(())]
    return jnp.sqrt(over_all(jnp.sum, jnp.add, map(jnp.square, leaves)))


def unit_norms(x: Float[Array, "..."]) -> Float[Array, "..."]:
    """The norm of each number's unit, in the shape of x: over all axes but the last, over the one axis of a vector."""
    # Left to itself, optax guesses the axes from the rank: a kernel [1, outputs] becomes a vector, rank 6 an error.
    return optax.transforms.unitwise_norm(x, axis=tuple(range(x.ndim - 1 if x.ndim > 1 else x.ndim)))


def shrink(g: Float[Array, "..."], norm: Float[Array, "..."], limit: Scalar | Array) -> Float[Array, "..."]:
    """Scales g from `norm` down to `limit`; the factor is exactly 1 where it is short enough already."""
    return g * jnp.where(norm > limit, limit / norm, 1.0).astype(g.dtype)


AXIS = Axis(
    name="clip",
    tasks=(*SUPERVISED, "adversarial"),
    seam="() -> optax transform of the gradient",
    identity="none",
    composes=True,
    choices={
        "none": Choice(no_clip),
        "value": Choice(clip_by_value, off={"max": jnp.inf}),
        "global_norm": Choice(clip_by_global_norm, off={"max": jnp.inf}),
        "layer_norm": Choice(clip_by_layer_norm, off={"max": jnp.inf}),
        "adaptive": Choice(adaptive_clip, off={"ratio": jnp.inf}),
    },
)
