"""A multilayer perceptron: dense, norm, activation, dropout, again and again."""

import flax.linen as nn
from jaxtyping import Array, Float

from ablate.models.layers import Layers
from ablate.tricks.axis import Counts


class Mlp(nn.Module):
    """Dense layers on the flattened input, each followed by norm, activation and dropout.

        x <- dropout(activation(norm(x W + b)))

    Args:
        layers: the layers to build from.
        widths: units of each hidden layer, at least 1 each; empty gives the input itself, for a linear model.

    Returns:
        From `module(x, train=...)`: features, [batch, last width].

    Example:
        >>> import jax, jax.numpy as jnp
        >>> from ablate.models import layers_of
        >>> from ablate.tricks import NoDropout, NoNorm, Relu
        >>> model = Mlp(layers_of(NoNorm, Relu, NoDropout), widths=(16,))
        >>> variables = model.init(jax.random.key(0), jnp.ones((1, 8, 8, 1)), train=False)
        >>> model.apply(variables, jnp.ones((2, 8, 8, 1)), train=False).shape
        (2, 16)

    References:
        Rumelhart, Hinton, Williams. Learning Representations by Back-Propagating Errors. 1986.
        https://doi.org/10.1038/323533a0
    """

    layers: Layers
    widths: Counts = (128, 128)

    @nn.compact
    def __call__(self, x: Float[Array, "batch *sites channels"], *, train: bool) -> Float[Array, "batch features"]:
        """Images or vectors to features."""
        layers, x = self.layers, x.reshape(x.shape[0], -1)
        for index, width in enumerate(self.widths):
            x = layers.dense(width, name=f"layer_{index}")(x)
            x = layers.dropout()(layers.activated(x, train=train), train=train)
        return x
