"""What a model is built from: one bundle with the choices of every axis that reaches into a network.

A model takes a `Layers` and turns images or vectors into *features*; the task puts its heads on them (`Network`).
"""

import functools
from collections.abc import Callable, Mapping
from typing import NamedTuple

import flax.linen as nn
from jaxtyping import Array, Float

from ablate.tricks.bias import constant_bias
from ablate.tricks.init import Initializer, lecun

Make = Callable[..., nn.Module]
Features = Float[Array, "batch *sites channels"]


class NoBranch(nn.Module):
    """A residual branch as it is."""

    @nn.compact
    def __call__(
        self, x: Float[Array, "batch *sites channels"], *, train: bool
    ) -> Float[Array, "batch *sites channels"]:
        """Gives x."""
        return x


class Layers(NamedTuple):
    """Factories of layers; a model gives each layer with parameters a name of its own.

    Parameters then do not depend on which norm or dropout stands between them. `dense(width, name=...)` and
    `conv(channels, (rows, columns), (stride, stride), name=...)` have the initializers filled in by `layers_of`.

    Args:
        norm: makes a module called as `module(x, train=...)`; `scale_init` may be given to start a branch at zero.
        activation: makes a module called as `module(x)`.
        dropout: makes a module called as `module(x, train=...)`.
        branch: makes a module called as `module(x, train=...)` on f(x) before a residual sum x + f(x).
        dense: makes a dense layer.
        conv: makes a convolution.
    """

    norm: Make
    activation: Make
    dropout: Make
    branch: Make = NoBranch
    dense: Make = nn.Dense
    conv: Make = nn.Conv


def layers_of(
    norm: Make,
    activation: Make,
    dropout: Make,
    kernel_init: Initializer | None = None,
    bias_init: Initializer | None = None,
) -> Layers:
    """A bundle whose dense layers and convolutions start from the given initializers.

    Example:
        >>> from ablate.tricks import NoDropout, NoNorm, Relu
        >>> layers_of(NoNorm, Relu, NoDropout).dense(3, name="layer").features
        3
    """
    begin = {"kernel_init": kernel_init or lecun(), "bias_init": bias_init or constant_bias()}
    dense, conv = (functools.partial(layer, **begin) for layer in (nn.Dense, nn.Conv))
    return Layers(norm, activation, dropout, dense=dense, conv=conv)


class Network(nn.Module):
    """A model with heads on its features.

    Args:
        model: from an input to features, called as `module(x, train=...)`.
        heads: name -> factory of a module called as `module(features)`.

    Returns:
        From `module(x, train=...)`: features [batch, channels] and the outputs of every head by name.
    """

    model: nn.Module
    heads: Mapping[str, Make]

    @nn.compact
    def __call__(self, x: Array, *, train: bool) -> tuple[Array, dict[str, Array]]:
        """Features and outputs; the parameters of the model stand beside those of the heads."""
        nn.share_scope(self, self.model)
        features = self.model(x, train=train)
        return features, {name: make(name=name)(features) for name, make in self.heads.items()}
