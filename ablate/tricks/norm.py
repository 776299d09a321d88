"""Axis `norm`: what stands between a linear layer and its activation.

One calling form, `module(x, train=...)`, with features last. All but batch norm are flax's layers and treat every
example alone, over all its positions, so that group norm is layer norm with one group and instance norm with as many
groups as channels. Scale and shift are per channel everywhere and start at 1 and 0. Batch norm computes what flax's
does, with its gradient written out and its sums in another order: on CPU 2.5 to 4.8 times as fast for images, 1.2 for
vectors (results/norms.md).

Variances are mean((x - mean(x))^2), in two passes. Flax's default, mean(x^2) - mean(x)^2, cancels in float32 where the
mean is far from zero: at a mean of 3000 sd it gives outputs in the hundreds.
"""

# flax annotates its numbers as float and takes traced ones as well
# pyright: reportArgumentType=false

from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float

from ablate.tricks.axis import Axis, Choice, Count, Positive, Share
from ablate.tricks.kernel_norm import WeightNorm, WeightStandardization

__all__ = [
    "BatchNorm",
    "GroupNorm",
    "InstanceNorm",
    "LayerNorm",
    "NoNorm",
    "RMSNorm",
]

Features = Float[Array, "batch *positions channels"]
PerChannel = Float[Array, " channels"]


class NoNorm(nn.Module):
    """No norm."""

    def __call__(self, x: Features, *, train: bool) -> Features:
        """Gives x back."""
        return x


class BatchNorm(nn.Module):
    """Standardises each channel over the mini-batch; evaluation uses running means.

        f(x) = scale * (x - mean_b(x)) / sqrt(var_b(x) + epsilon) + shift
        running <- momentum * running + (1 - momentum) * batch        (mean, and variance with divisor n)

    The running means are the collection "batch_stats", which training must make mutable.

    Args:
        momentum: weight of the old running mean, 0 to 1.
        epsilon: added to the variance, above 0, in units of x squared.

    Returns:
        From `module(x, train=...)`: an array of the shape of x, [batch, ..., channels].

    Example:
        >>> import jax, jax.numpy as jnp
        >>> module, x = BatchNorm(), jnp.array([[1.0], [3.0]])
        >>> variables = module.init(jax.random.key(0), x, train=True)
        >>> y, updated = module.apply(variables, x, train=True, mutable="batch_stats")
        >>> y.round(2).tolist(), round(float(updated["batch_stats"]["mean"][0]), 3)
        ([[-1.0], [1.0]], 0.2)

    References:
        Ioffe, Szegedy. Batch Normalization: Accelerating Deep Network Training by Reducing Internal Covariate
        Shift. 2015. https://arxiv.org/abs/1502.03167
    """

    momentum: Share = 0.9
    epsilon: Positive = 1e-5

    @nn.compact
    def __call__(self, x: Features, *, train: bool) -> Features:
        """Normalises with the batch's own statistics while training, with the running ones otherwise."""
        channels, x = x.shape[-1:], x.astype(jnp.promote_types(x.dtype, jnp.float32))
        mean = self.variable("batch_stats", "mean", jnp.zeros, channels)
        variance = self.variable("batch_stats", "var", jnp.ones, channels)
        scale = self.param("scale", nn.initializers.ones, channels)
        shift = self.param("bias", nn.initializers.zeros, channels)
        if not train:
            factor = lax.rsqrt(variance.value + self.epsilon) * scale
            return (x - _along(x, mean.value)) * _along(x, factor) + _along(x, shift)
        y, *of_batch = standardize(x, scale, shift, jnp.asarray(self.epsilon, x.dtype))
        if not self.is_initializing():
            for running, batch in zip((mean, variance), of_batch, strict=True):
                running.value = self.momentum * running.value + (1 - self.momentum) * batch
        return y


@jax.custom_vjp
def standardize(
    x: Features, scale: PerChannel, shift: PerChannel, epsilon: Float[Array, ""]
) -> tuple[Features, PerChannel, PerChannel]:
    """Standardised channels, and their means and variances; the gradient is written out.

        y = scale * (x - m) * r + shift,    r = 1 / sqrt(v + epsilon),    m = mean(x),    v = mean((x - m)^2)
        dL/dx = scale * r * (dy - mean(dy) - (x - m) * r^2 * mean(dy * (x - m)))

    JAX's own gradient adds over the whole batch three times, this one twice.

    Args:
        x: features, means of which are over all axes but the last.
        scale: of every channel.
        shift: of every channel.
        epsilon: added to the variances, at least 0.

    Returns:
        y in the shape of x; means and variances (divisor n) [channels].

    Example:
        >>> import jax.numpy as jnp
        >>> one, zero = jnp.ones(1), jnp.zeros(1)
        >>> [float(each.ravel()[0]) for each in standardize(jnp.array([[1.0], [3.0]]), one, zero, jnp.float32(0))]
        [-1.0, 2.0, 1.0]

    References:
        Ioffe, Szegedy. Batch Normalization: Accelerating Deep Network Training by Reducing Internal Covariate
        Shift. 2015. https://arxiv.org/abs/1502.03167
    """
    return _standardized(x, scale, shift, epsilon)[0]


def _standardized(x: Features, scale: PerChannel, shift: PerChannel, epsilon: Array) -> tuple[Any, Any]:
    """What comes out, and what its gradient needs."""
    count = x.size // x.shape[-1]
    mean = _channel_sums(x) / count
    centred = x - _along(x, mean)
    variance = _channel_sums(jnp.square(centred)) / count
    root = lax.rsqrt(variance + epsilon)
    return (centred * _along(x, root * scale) + _along(x, shift), mean, variance), (x, scale, mean, root)


def _gradients(kept: Any, given: tuple[Features, PerChannel, PerChannel]) -> tuple[Features, Any, Any, Any]:
    """Of x, scale, shift and epsilon, from those of the output, the means and the variances."""
    (x, scale, mean, root), (dy, of_mean, of_variance) = kept, given
    count, centred = x.size // x.shape[-1], x - _along(x, mean)
    of_shift, along = _channel_sums(dy), _channel_sums(dy * centred)
    of_sums = -0.5 * scale * root**3 * along  # of the variance, through what comes out
    of_mean = of_mean - root * scale * of_shift
    of_x = dy * _along(x, root * scale) + centred * _along(x, 2 * (of_variance + of_sums) / count)
    return of_x + _along(x, of_mean / count), along * root, of_shift, jnp.sum(of_sums)


standardize.defvjp(_standardized, _gradients)


def _channel_sums(x: Features) -> PerChannel:
    """Sums over all axes but the last, first of rows with all that lies in them: long vectors, as CPUs add fast."""
    if x.ndim < 3:
        return jnp.sum(x, 0)
    columns, channels = x.shape[-2:]
    return jnp.sum(jnp.sum(x.reshape(-1, columns * channels), 0).reshape(columns, channels), 0)


def _along(x: Features, of_channels: PerChannel) -> Float[Array, "*ones channels"]:
    """Numbers of channels in as many axes as x has."""
    return of_channels.reshape((1,) * (x.ndim - 1) + of_channels.shape)


class GroupNorm(nn.Module):
    """Standardises groups of channels within each example.

        f(x) = scale * (x - mean_g(x)) / sqrt(var_g(x) + epsilon) + shift

    Args:
        groups: number of groups, at least 1; must divide the number of channels.
        epsilon: added to the variance, above 0, in units of x squared.

    Returns:
        From `module(x, train=...)`: an array of the shape of x, [batch, ..., channels].

    Raises:
        ValueError: where `groups` does not divide the channels.

    Example:
        >>> import jax, jax.numpy as jnp
        >>> y, _ = GroupNorm(groups=2).init_with_output(jax.random.key(0), jnp.arange(4.0)[None], train=True)
        >>> y.round(2).tolist()
        [[-1.0, 1.0, -1.0, 1.0]]

    References:
        Wu, He. Group Normalization. 2018. https://arxiv.org/abs/1803.08494
    """

    groups: Count = 8
    epsilon: Positive = 1e-5

    def setup(self) -> None:
        """Puts flax's parameters straight under this module's name."""
        self.inner = nn.GroupNorm(num_groups=self.groups, epsilon=self.epsilon, use_fast_variance=False)
        nn.share_scope(self, self.inner)

    def __call__(self, x: Features, *, train: bool) -> Features:
        """Normalises each example; training and evaluation are the same."""
        if self.groups < 1 or x.shape[-1] % self.groups:
            raise ValueError(f"group norm: groups={self.groups} does not divide the layer's {x.shape[-1]} channels")
        return self.inner(x)


class LayerNorm(nn.Module):
    """Standardises each example over all its positions and channels: group norm with one group.

        f(x) = scale * (x - mean(x)) / sqrt(var(x) + epsilon) + shift

    Args:
        epsilon: added to the variance, above 0, in units of x squared.

    Returns:
        From `module(x, train=...)`: an array of the shape of x, [batch, ..., channels].

    Example:
        >>> import jax, jax.numpy as jnp
        >>> y, _ = LayerNorm().init_with_output(jax.random.key(0), jnp.array([[1.0, 3.0]]), train=True)
        >>> y.round(2).tolist()
        [[-1.0, 1.0]]

    References:
        Ba, Kiros, Hinton. Layer Normalization. 2016. https://arxiv.org/abs/1607.06450
    """

    epsilon: Positive = 1e-5

    def setup(self) -> None:
        """Puts flax's parameters straight under this module's name."""
        self.inner = nn.GroupNorm(num_groups=1, epsilon=self.epsilon, use_fast_variance=False)
        nn.share_scope(self, self.inner)

    def __call__(self, x: Features, *, train: bool) -> Features:
        """Normalises each example; training and evaluation are the same."""
        return self.inner(x)


class InstanceNorm(nn.Module):
    """Standardises each channel of each example over its positions: group norm with a group per channel.

        f(x) = scale * (x - mean_c(x)) / sqrt(var_c(x) + epsilon) + shift

    Args:
        epsilon: added to the variance, above 0, in units of x squared.

    Returns:
        From `module(x, train=...)`: an array of the shape of x, [batch, ..., channels].

    Raises:
        ValueError: for x without positions, [batch, channels], where every variance would be 0.

    Example:
        >>> import jax, jax.numpy as jnp
        >>> x = jnp.array([1.0, 3.0]).reshape(1, 2, 1, 1)
        >>> y, _ = InstanceNorm().init_with_output(jax.random.key(0), x, train=True)
        >>> y.ravel().round(2).tolist()
        [-1.0, 1.0]

    References:
        Ulyanov, Vedaldi, Lempitsky. Instance Normalization: The Missing Ingredient for Fast Stylization. 2016.
        https://arxiv.org/abs/1607.08022
    """

    epsilon: Positive = 1e-5

    def setup(self) -> None:
        """Puts flax's parameters straight under this module's name."""
        self.inner = nn.GroupNorm(num_groups=None, group_size=1, epsilon=self.epsilon, use_fast_variance=False)
        nn.share_scope(self, self.inner)

    def __call__(self, x: Features, *, train: bool) -> Features:
        """Normalises each example; training and evaluation are the same."""
        if x.ndim < 3:
            raise ValueError(f"instance norm needs positions, [batch, ..., channels]; got the shape {x.shape}")
        return self.inner(x)


class RMSNorm(nn.Module):
    """Divides each example by its root mean square over all positions and channels; no mean is taken off.

        f(x) = scale * x / sqrt(mean(x^2) + epsilon)

    Args:
        epsilon: added to the mean square, above 0, in units of x squared.

    Returns:
        From `module(x, train=...)`: an array of the shape of x, [batch, ..., channels].

    Example:
        >>> import jax, jax.numpy as jnp
        >>> y, _ = RMSNorm().init_with_output(jax.random.key(0), jnp.array([[2.0, -2.0]]), train=True)
        >>> y.round(2).tolist()
        [[1.0, -1.0]]

    References:
        Zhang, Sennrich. Root Mean Square Layer Normalization. 2019. https://arxiv.org/abs/1910.07467
    """

    epsilon: Positive = 1e-5

    @nn.compact
    def __call__(self, x: Features, *, train: bool) -> Features:
        """Normalises each example; training and evaluation are the same."""
        inner = nn.RMSNorm(epsilon=self.epsilon, reduction_axes=tuple(range(1, x.ndim)), feature_axes=-1)
        nn.share_scope(self, inner)
        return inner(x)


AXIS = Axis(
    name="norm",
    seam="() -> module called as module(x, train=...)",
    identity="none",
    choices={
        "none": Choice(NoNorm),
        "batch": Choice(BatchNorm),
        "group": Choice(GroupNorm),
        "layer": Choice(LayerNorm),
        "instance": Choice(InstanceNorm),
        "rms": Choice(RMSNorm),
        "weight_norm": Choice(WeightNorm),
        "weight_standardization": Choice(WeightStandardization),
    },
)
