"""Axis `feature_loss`: a loss of the features themselves that remembers something from step to step.

A choice makes a `FeatureLoss`; what it remembers travels with the running statistics of the model, and evaluation never
reads it.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, PyTree

from ablate.tricks.axis import Axis, Choice, NonNegative, Share

__all__ = ["FeatureLoss", "center_loss", "no_feature_loss"]

MEMORY = "feature_loss"  # the collection beside the parameters that holds what a loss remembers
Features = Float[Array, "batch channels"]
Labels = Int[Array, " batch"]


class FeatureLoss(NamedTuple):
    """A loss with a memory.

    Args:
        begin: (channels, classes) -> state before the first step, a tree of arrays; () for none.
        measure: (state, features, labels) -> (loss, state behind the step).
    """

    begin: Callable[[int, int], PyTree]
    measure: Callable[[PyTree, Features, Labels], tuple[Float[Array, ""], PyTree]]


def no_feature_loss() -> FeatureLoss:
    """Nothing is added."""
    return FeatureLoss(lambda channels, classes: {}, lambda state, features, labels: (jnp.zeros(()), state))


def center_loss(weight: NonNegative = 1e-3, rate: Share = 0.5) -> FeatureLoss:
    """Pulls the features of every class towards their running center: compact classes, not merely separated ones.

        L = weight / 2 * mean_i |x_i - c_(y_i)|^2
        c_j <- c_j - rate * sum_i [y_i = j] (c_j - x_i) / (1 + n_j),    n_j examples of class j in the batch

    Centers start at 0, and no gradient goes through them. The paper sums over the batch; here the mean is taken, so
    that the weight does not depend on the batch size. Where augmentation mixes examples the label is the first one's.

    Args:
        weight: of the loss in units of the squared features, at least 0; off at 0.
        rate: of the centers, 0 to 1.

    Returns:
        A `FeatureLoss` whose state is `{"centers": [classes, channels]}`.

    Example:
        >>> loss, state = center_loss(weight=2.0), {"centers": jnp.zeros((2, 1))}
        >>> value, state = loss.measure(state, jnp.array([[3.0]]), jnp.array([1]))
        >>> float(value), state["centers"].tolist()
        (9.0, [[0.0], [0.75]])

    References:
        Wen, Zhang, Li, Qiao. A Discriminative Feature Learning Approach for Deep Face Recognition. 2016.
        https://doi.org/10.1007/978-3-319-46478-7_31
    """

    def begin(channels: int, classes: int) -> PyTree:
        return {"centers": jnp.zeros((classes, channels), jnp.float32)}

    def measure(state: PyTree, features: Features, labels: Labels) -> tuple[Float[Array, ""], PyTree]:
        centers = state["centers"]
        loss = weight / 2 * jnp.mean(jnp.sum(jnp.square(features - centers[labels]), -1))
        seen = jax.lax.stop_gradient(features)
        members = jax.nn.one_hot(labels, centers.shape[0], dtype=seen.dtype)
        pull = jnp.sum(members, 0)[:, None] * centers - members.T @ seen
        return loss, {"centers": centers - rate * pull / (1.0 + jnp.sum(members, 0)[:, None])}

    return FeatureLoss(begin, measure)


def begun(loss: FeatureLoss, channels: int, data: Any) -> dict[str, Any]:
    """A collection with the loss's memory; none where it remembers nothing. `data` knows the number of `classes`."""
    state = loss.begin(channels, data.classes or 0)
    return {MEMORY: state} if jax.tree.leaves(state) else {}


AXIS = Axis(
    name="feature_loss",
    tasks=("classification",),
    seam="() -> FeatureLoss(begin, measure)",
    identity="none",
    choices={
        "none": Choice(no_feature_loss),
        "center_loss": Choice(center_loss, off={"weight": 0.0}, merges=False),
    },
)
