"""Norms of the weights, choices of axis `norm` that act on kernels instead of on what a layer gives.

A module with a static method `kernel(layer, kernel)` is handed to every dense layer and convolution of a model.
"""

# flax annotates its numbers as float and takes traced ones as well
# pyright: reportArgumentType=false

from typing import Annotated

import flax.linen as nn
import jax.numpy as jnp
from jaxtyping import Array, Float

from ablate.tricks.axis import Positive, Range

__all__ = ["WeightNorm", "WeightStandardization", "normalized_kernel", "standardized_kernel"]

Features = Float[Array, "batch *positions channels"]
Kernel = Float[Array, "*inputs outputs"]


class WeightNorm(nn.Module):
    """Gives every unit's incoming weights a length of their own, learnt apart from their direction.

        W_o = gain_o * V_o / |V_o|        over all axes of a kernel but the last, its outputs

    `gain` is a parameter of each dense layer and convolution, which starts at |V_o|, so that the network starts as it
    would without. The paper also sets gains and biases by a first batch; `init=lsuv` does what that is for. As a module
    it gives x back: it acts on the kernels, by `kernel`. Heads have none.

    Returns:
        From `module(x, train=...)`: x.

    Example:
        >>> import jax, jax.numpy as jnp
        >>> from ablate.models import Dense
        >>> layer = Dense(3, reparametrize=WeightNorm.kernel)
        >>> sorted(layer.init(jax.random.key(0), jnp.ones((1, 2)))["params"])
        ['bias', 'gain', 'kernel']

    References:
        Salimans, Kingma. Weight Normalization: A Simple Reparameterization to Accelerate Training of Deep Neural
        Networks. 2016. https://arxiv.org/abs/1602.07868
    """

    @nn.compact
    def __call__(self, x: Features, *, train: bool) -> Features:
        """Gives x back."""
        return x

    @staticmethod
    def kernel(layer: nn.Module, kernel: Kernel) -> Kernel:
        """The kernel that a layer computes with, from its parameters `kernel` and `gain`."""
        gain = layer.param("gain", lambda key: jnp.sqrt(jnp.sum(jnp.square(kernel), axis=_inputs(kernel))))
        return normalized_kernel(kernel, gain)


class WeightStandardization(nn.Module):
    """Standardises every unit's incoming weights before they are used, together with a group norm of what they give.

        W_o = (V_o - mean(V_o)) / sqrt(n * var(V_o) + 1e-10)        over the n weights of a unit
        f(x) = group_norm(x)        or x where groups is 0

    The factor n, which the paper leaves to the norm behind the layer, keeps the spread of signals without one. Heads
    keep their weights.

    Args:
        groups: of the group norm, at least 0; must divide the number of channels, and 0 stands for no norm.
        epsilon: added to the group norm's variances, above 0, in units of x squared.

    Returns:
        From `module(x, train=...)`: an array of the shape of x, [batch, ..., channels].

    Example:
        >>> import jax, jax.numpy as jnp
        >>> kernel = standardized_kernel(jnp.array([[1.0], [3.0]]))
        >>> bool(jnp.allclose(kernel.ravel(), jnp.array([-1.0, 1.0]) / 2**0.5))
        True

    References:
        Qiao, Wang, Liu, Shen, Yuille. Micro-Batch Training with Batch-Channel Normalization and Weight
        Standardization. 2019. https://arxiv.org/abs/1903.10520
        Brock, De, Smith. Characterizing Signal Propagation to Close the Performance Gap in Unnormalized ResNets.
        2021. https://arxiv.org/abs/2101.08692
    """

    groups: Annotated[int, Range(0)] = 4
    epsilon: Positive = 1e-5

    @nn.compact
    def __call__(self, x: Features, *, train: bool) -> Features:
        """Normalises each example; training and evaluation are the same."""
        if not self.groups:
            return x
        inner = nn.GroupNorm(num_groups=self.groups, epsilon=self.epsilon, use_fast_variance=False)
        nn.share_scope(self, inner)
        return inner(x)

    @staticmethod
    def kernel(layer: nn.Module, kernel: Kernel) -> Kernel:
        """The kernel that a layer computes with, from its parameter `kernel`."""
        return standardized_kernel(kernel)


def normalized_kernel(kernel: Kernel, gain: Float[Array, " outputs"]) -> Kernel:
    """A kernel whose columns have the lengths that `gain` says; a column of zeros stays one."""
    squares = jnp.sum(jnp.square(kernel), axis=_inputs(kernel), keepdims=True)
    # The derivative of a root at 0 is infinite; a unit without weights has no direction to learn either.
    length = jnp.sqrt(jnp.where(squares > 0, squares, 1.0))
    return kernel / length * gain.reshape((1,) * (kernel.ndim - 1) + (-1,))


def standardized_kernel(kernel: Kernel) -> Kernel:
    """A kernel whose columns have mean 0 and length 1."""
    centred = kernel - jnp.mean(kernel, axis=_inputs(kernel), keepdims=True)
    return centred / jnp.sqrt(jnp.sum(jnp.square(centred), axis=_inputs(kernel), keepdims=True) + 1e-10)


def _inputs(kernel: Kernel) -> tuple[int, ...]:
    return tuple(range(kernel.ndim - 1))
