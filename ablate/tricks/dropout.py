"""Axis `dropout`: random silence inside the network while training.

Flax's own layer branches in Python on the rate, so it cannot take one as an input of the program.
"""

from typing import Annotated, ClassVar

import flax.linen as nn
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from ablate.tricks.axis import Axis, BelowOne, Choice, Range

__all__ = ["Dropout", "NoBranch", "NoDropout", "SpatialDropout", "StochasticDepth"]

Features = Float[Array, "batch *positions channels"]


class NoDropout(nn.Module):
    """No dropout."""

    def __call__(self, x: Features, *, train: bool) -> Features:
        """Gives x back."""
        return x


class NoBranch(nn.Module):
    """A residual branch as it is, however deep it lies."""

    depth: float = 1.0

    @nn.compact
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


class StochasticDepth(nn.Module):
    """Silences a whole residual branch of an example, the deeper the more often: a shallower network at every step.

        f(x) = m * x / (1 - p),    m ~ Bernoulli(1 - p) per example,    p = rate * depth;    f(x) = x in evaluation

    `depth` is the share of the network's branches up to this one, so that the last is silenced with probability
    `rate`. The paper scales by 1 - p in evaluation instead, which is the same in expectation. Draws from the stream
    "dropout". A model without residual branches has no place for it.

    Args:
        depth: share of the branches up to this one, above 0 and at most 1; the model's to say.
        rate: probability of silence of the last branch, at least 0 and below 1; off at 0.

    Returns:
        From `module(x, train=...)`: an array of the shape of x.

    Example:
        >>> rngs = {"dropout": jax.random.key(1)}
        >>> y = StochasticDepth(rate=0.5).apply({}, jnp.ones((16, 3)), train=True, rngs=rngs)
        >>> sorted(set(y.ravel().tolist())), bool((y == y[:, :1]).all())
        ([0.0, 2.0], True)

    References:
        Huang, Sun, Liu, Sedra, Weinberger. Deep Networks with Stochastic Depth. 2016. https://arxiv.org/abs/1603.09382
    """

    depth: Annotated[float, Range(0, 1, above=True)] = 1.0
    rate: BelowOne = 0.1

    on_branch: ClassVar[bool] = True  # it stands at the ends of residual branches, not between layers

    @nn.compact
    def __call__(self, x: Features, *, train: bool) -> Features:
        """Drops while training; at initialisation nothing is drawn, so `init` needs no stream for it."""
        if not train or self.is_initializing():
            return x
        rate, shape = self.rate * self.depth, (x.shape[0], *(1 for _ in x.shape[1:]))
        return drop(x, jax.random.bernoulli(self.make_rng("dropout"), 1.0 - rate, shape), rate)


def drop(x: Features, kept: Bool[Array, "batch *sites scales"], rate: BelowOne) -> Features:
    """Scales what is kept; at rate 1 the divisor must not be 0, or the gradient would be nan."""
    keep = jnp.where(jnp.asarray(rate) < 1.0, 1.0 - rate, 1.0)
    return jnp.where(kept, x / keep.astype(x.dtype), jnp.zeros_like(x))


AXIS = Axis(
    name="dropout",
    seam="() -> module called as module(x, train=...)",
    supplied=("depth",),
    identity="none",
    choices={
        "none": Choice(NoDropout),
        # At rate 0 they draw all the same, and keep what they drew for the way back.
        "dropout": Choice(Dropout, off={"rate": 0.0}, merges=False),
        "spatial": Choice(SpatialDropout, off={"rate": 0.0}),
        "stochastic_depth": Choice(StochasticDepth, off={"rate": 0.0}, merges=False),
    },
)
