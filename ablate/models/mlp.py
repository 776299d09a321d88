"""A multilayer perceptron: dense, norm, activation, dropout, again and again."""

from collections.abc import Callable

import flax.linen as nn
from jaxtyping import Array, Float


class Mlp(nn.Module, kw_only=True):
    """Dense layers on the flattened image, each followed by norm, activation and dropout.

        x <- dropout(activation(norm(x W + b)))

    Every layer has a name of its own, so that parameters do not depend on which norm or dropout stands between them.
    What the head is given is sown as "last" in the collection "features".

    Args:
        widths: units of each hidden layer, at least 1 each; empty for a linear model.
        classes: number of logits, at least 1.
        norm: makes a module called as `module(x, train=...)`.
        kernel_init: initializer of the kernels.
        bias_init: initializer of the biases.
        activation: makes a module called as `module(x)`.
        dropout: makes a module called as `module(x, train=...)`.
        head: makes a module from (classes, kernel_init, bias_init, name=...), called as `module(features)`.

    Returns:
        From `module(images, train=...)`: logits, [batch, classes].

    Example:
        >>> import jax, jax.numpy as jnp
        >>> from ablate.tricks import Linear, NoDropout, NoNorm, Relu, constant_bias, he
        >>> model = Mlp(widths=(16,), classes=10, norm=NoNorm, kernel_init=he(), bias_init=constant_bias(),
        ...             activation=Relu, dropout=NoDropout, head=Linear)
        >>> variables = model.init(jax.random.key(0), jnp.ones((1, 8, 8, 1)), train=False)
        >>> model.apply(variables, jnp.ones((2, 8, 8, 1)), train=False).shape
        (2, 10)

    References:
        Rumelhart, Hinton, Williams. Learning Representations by Back-Propagating Errors. 1986.
        https://doi.org/10.1038/323533a0
    """

    widths: tuple[int, ...] = (128, 128)
    classes: int
    norm: Callable[[], nn.Module]
    kernel_init: Callable[..., Array]
    bias_init: Callable[..., Array]
    activation: Callable[[], nn.Module]
    dropout: Callable[[], nn.Module]
    head: Callable[..., nn.Module]

    @nn.compact
    def __call__(
        self, images: Float[Array, "batch height width channels"], *, train: bool
    ) -> Float[Array, "batch classes"]:
        """Images to logits."""
        x = images.reshape(images.shape[0], -1)
        for index, width in enumerate(self.widths):
            x = nn.Dense(width, kernel_init=self.kernel_init, bias_init=self.bias_init, name=f"layer_{index}")(x)
            x = self.norm()(x, train=train)
            x = self.activation()(x)
            x = self.dropout()(x, train=train)
        if not self.is_initializing():  # or the first batch's features would become part of the variables
            self.sow("features", "last", x)
        return self.head(self.classes, self.kernel_init, self.bias_init, name="head")(x)
