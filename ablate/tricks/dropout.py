"""Axis `dropout`: random silence inside the network while training.

Flax's own layer branches in Python on the rate, so it cannot take one as an input of the program.
"""

import flax.linen as nn
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from ablate.tricks.axis import Axis, BelowOne, Choice

__all__ = ["Dropout", "NoDropout", "SpatialDropout"]

Features = Float[Array, "batch *positions channels"]


class NoDropout(nn.Module):
    """No dropout."""

    def __call__(self, x: Features, *, train: bool) -> Features:
        """Gives x back."""
        return x


class Dropout(nn.Module):
    """Silences each number with probability `rate` while training, and scales the rest so that the mean stays.

        f(x) = m * x / (1 - rate),    m ~ Bernoulli(1 - rate) per number;    f(x) = x in evaluation

    Draws from the stream "dropout".

    Args:
        rate: probability of silence, at least 0 and below 1; off at 0 (at 1 all would be 0).

    Returns:
        From `module(x, train=...)`: an array of the shape of x.

    Example:
        >>> x, rngs = jnp.ones((1, 4)), {"dropout": jax.random.key(1)}
        >>> sorted(set(Dropout(rate=0.5).apply({}, jnp.ones((1, 64)), train=True, rngs=rngs).ravel().tolist()))
        [0.0, 2.0]
        >>> Dropout(rate=0.5).apply({}, x, train=False).tolist()
        [[1.0, 1.0, 1.0, 1.0]]

    References:
        Srivastava, Hinton, Krizhevsky, Sutskever, Salakhutdinov. Dropout: A Simple Way to Prevent Neural Networks
        from Overfitting. 2014. https://jmlr.org/papers/v15/srivastava14a.html
    """

    rate: BelowOne = 0.5

    @nn.compact
    def __call__(self, x: Features, *, train: bool) -> Features:
        """Drops while training; at initialisation nothing is drawn, so `init` needs no stream for it."""
        if not train or self.is_initializing():
            return x
        return drop(x, jax.random.bernoulli(self.make_rng("dropout"), 1.0 - self.rate, x.shape), self.rate)


class SpatialDropout(nn.Module):
    """Silences whole channels of an example, since neighbouring positions of a feature map say the same.

        f(x) = m * x / (1 - rate),    m ~ Bernoulli(1 - rate) per example and channel;    f(x) = x in evaluation

    Draws from the stream "dropout". Without positions, [batch, channels], it is `Dropout`.

    Args:
        rate: probability of silence, at least 0 and below 1; off at 0 (at 1 all would be 0).

    Returns:
        From `module(x, train=...)`: an array of the shape of x.

    Example:
        >>> rngs = {"dropout": jax.random.key(1)}
        >>> y = SpatialDropout(rate=0.5).apply({}, jnp.ones((2, 3, 3, 8)), train=True, rngs=rngs)
        >>> bool((y == y[:, :1, :1, :]).all())
        True

    References:
        Tompson, Goroshin, Jain, LeCun, Bregler. Efficient Object Localization Using Convolutional Networks. 2014.
        https://arxiv.org/abs/1411.4280
    """

    rate: BelowOne = 0.5

    @nn.compact
    def __call__(self, x: Features, *, train: bool) -> Features:
        """Drops while training; at initialisation nothing is drawn, so `init` needs no stream for it."""
        if not train or self.is_initializing():
            return x
        shape = (x.shape[0], *(1 for _ in x.shape[1:-1]), x.shape[-1])
        return drop(x, jax.random.bernoulli(self.make_rng("dropout"), 1.0 - self.rate, shape), self.rate)


def drop(x: Features, kept: Bool[Array, "batch *sites channels"], rate: BelowOne) -> Features:
    """Scales what is kept; at rate 1 the divisor must not be 0, or the gradient would be nan."""
    keep = jnp.where(jnp.asarray(rate) < 1.0, 1.0 - rate, 1.0)
    return jnp.where(kept, x / keep.astype(x.dtype), jnp.zeros_like(x))


AXIS = Axis(
    name="dropout",
    seam="() -> module called as module(x, train=...)",
    identity="none",
    choices={
        "none": Choice(NoDropout),
        "dropout": Choice(Dropout, off={"rate": 0.0}),
        "spatial": Choice(SpatialDropout, off={"rate": 0.0}),
    },
)
