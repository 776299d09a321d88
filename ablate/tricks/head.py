"""Axis `head`: from the last features to the outputs."""

from collections.abc import Callable

import flax.linen as nn
from jaxtyping import Array, Float

from ablate.tricks.axis import Axis, Choice
from ablate.tricks.sums import dot_general

__all__ = ["Linear"]


class Linear(nn.Module):
    """One dense layer; begun at zero, all classes are equally likely and the first loss is log C.

        f(x) = x W + b

    Args:
        outputs: width of what it gives, at least 1; for logits the number of classes C.
        kernel_init: initializer of the kernel, from the model's `init` axis.
        bias_init: initializer of the bias, from the model's `bias` axis.
        zero: start the kernel at 0 instead of `kernel_init`.

    Returns:
        From `module(features)`: outputs, [batch, outputs].

    Example:
        >>> import jax, jax.numpy as jnp
        >>> head = Linear(outputs=3, zero=True)
        >>> head.init_with_output(jax.random.key(0), jnp.ones((1, 2)))[0].tolist()
        [[0.0, 0.0, 0.0]]

    References:
        Goyal, Dollár, Girshick, Noordhuis, Wesolowski, Kyrola, Tulloch, Jia, He. Accurate, Large Minibatch SGD:
        Training ImageNet in 1 Hour. 2017. https://arxiv.org/abs/1706.02677
    """

    outputs: int
    kernel_init: Callable[..., Array] = nn.initializers.lecun_normal()
    bias_init: Callable[..., Array] = nn.initializers.zeros
    zero: bool = False

    @nn.compact
    def __call__(self, features: Float[Array, "batch channels"]) -> Float[Array, "batch outputs"]:
        """Applies the dense layer, whose parameters stand straight under this module's name."""
        kernel_init = nn.initializers.zeros if self.zero else self.kernel_init
        inner = nn.Dense(self.outputs, kernel_init=kernel_init, bias_init=self.bias_init, dot_general=dot_general)
        nn.share_scope(self, inner)
        return inner(features)


AXIS = Axis(
    name="head",
    default="linear",
    seam="(outputs, kernel_init, bias_init) -> module called as module(features)",
    data=("outputs", "kernel_init", "bias_init"),
    choices={"linear": Choice(Linear)},
)
