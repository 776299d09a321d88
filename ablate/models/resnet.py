"""A residual network for small images: three stages of basic blocks and a mean over all positions."""

from collections.abc import Callable

import flax.linen as nn
import jax.numpy as jnp
from jaxtyping import Array, Float

Images = Float[Array, "batch height width channels"]


class BasicBlock(nn.Module, kw_only=True):
    """Two 3x3 convolutions beside a shortcut, which is a 1x1 convolution where the shape changes.

        f(x) = activation(norm(conv(dropout(activation(norm(conv(x)))))) + shortcut(x))

    Args:
        width: channels of the output.
        stride: step of the first convolution and the shortcut, 1 or 2.
        norm: makes a module called as `module(x, train=...)`.
        kernel_init: initializer of the kernels.
        bias_init: initializer of the biases.
        activation: makes a module called as `module(x)`.
        dropout: makes a module called as `module(x, train=...)`, used between the two convolutions.

    Returns:
        From `module(x, train=...)`: features, [batch, height / stride, width / stride, channels].
    """

    width: int
    stride: int
    norm: Callable[[], nn.Module]
    kernel_init: Callable[..., Array]
    bias_init: Callable[..., Array]
    activation: Callable[[], nn.Module]
    dropout: Callable[[], nn.Module]

    @nn.compact
    def __call__(self, x: Images, *, train: bool) -> Float[Array, "batch rows columns features"]:
        """Features to features."""
        y = convolution(self, 3, self.stride, "conv_0")(x)
        y = self.activation()(self.norm()(y, train=train))
        y = self.dropout()(y, train=train)
        y = convolution(self, 3, 1, "conv_1")(y)
        y = self.norm()(y, train=train)
        if x.shape != y.shape:
            x = self.norm()(convolution(self, 1, self.stride, "shortcut")(x), train=train)
        return self.activation()(x + y)


class ResNet(nn.Module, kw_only=True):
    """A residual network of 6n+2 layers: three stages of n basic blocks with w, 2w and 4w channels.

        depth = 1 + 3 * 2n + 1

    The image is halved at the start of the second and third stage, and averaged over its positions before the head.
    Every convolution has a name of its own, so that parameters do not depend on which norm or dropout is chosen.
    What the head is given is sown as "last" in the collection "features".

    Args:
        depth: 6n+2 with n at least 1: 8, 14, 20, 32, ...
        width: channels w of the first stage, at least 1.
        classes: number of logits, at least 1.
        norm: makes a module called as `module(x, train=...)`.
        kernel_init: initializer of the kernels.
        bias_init: initializer of the biases.
        activation: makes a module called as `module(x)`.
        dropout: makes a module called as `module(x, train=...)`, used between the convolutions of each block.
        head: makes a module from (classes, kernel_init, bias_init, name=...), called as `module(features)`.

    Returns:
        From `module(images, train=...)`: logits, [batch, classes].

    Raises:
        ValueError: for a depth that is not 6n+2.

    Example:
        >>> import jax, jax.numpy as jnp
        >>> from ablate.tricks import BatchNorm, Linear, NoDropout, Relu, constant_bias, he
        >>> model = ResNet(depth=8, width=4, classes=10, norm=BatchNorm, kernel_init=he(), bias_init=constant_bias(),
        ...                activation=Relu, dropout=NoDropout, head=Linear)
        >>> variables = model.init(jax.random.key(0), jnp.ones((1, 8, 8, 1)), train=False)
        >>> model.apply(variables, jnp.ones((2, 8, 8, 1)), train=False).shape
        (2, 10)

    References:
        He, Zhang, Ren, Sun. Deep Residual Learning for Image Recognition. 2015. https://arxiv.org/abs/1512.03385
        Zagoruyko, Komodakis. Wide Residual Networks. 2016. https://arxiv.org/abs/1605.07146
    """

    depth: int = 8
    width: int = 16
    classes: int
    norm: Callable[[], nn.Module]
    kernel_init: Callable[..., Array]
    bias_init: Callable[..., Array]
    activation: Callable[[], nn.Module]
    dropout: Callable[[], nn.Module]
    head: Callable[..., nn.Module]

    def __post_init__(self) -> None:
        """Refuses a depth that three stages of basic blocks cannot have."""
        if self.depth < 8 or (self.depth - 2) % 6:
            raise ValueError(f"resnet: depth={self.depth} is not 6n+2 with n at least 1 (8, 14, 20, 32, ...)")
        super().__post_init__()

    @nn.compact
    def __call__(self, images: Images, *, train: bool) -> Float[Array, "batch classes"]:
        """Images to logits."""
        x = convolution(self, 3, 1, "stem")(images)
        x = self.activation()(self.norm()(x, train=train))
        for stage in range(3):
            for index in range((self.depth - 2) // 6):
                x = self.block(stage, index)(x, train=train)
        x = jnp.mean(x, axis=(1, 2))
        if not self.is_initializing():  # or the first batch's features would become part of the variables
            self.sow("features", "last", x)
        return self.head(self.classes, self.kernel_init, self.bias_init, name="head")(x)

    def block(self, stage: int, index: int) -> BasicBlock:
        """The block at a place; the first of the second and third stage halves the image."""
        return BasicBlock(
            width=self.width * 2**stage,
            stride=2 if stage and not index else 1,
            norm=self.norm,
            kernel_init=self.kernel_init,
            bias_init=self.bias_init,
            activation=self.activation,
            dropout=self.dropout,
            name=f"stage_{stage}_block_{index}",
        )


def convolution(module: BasicBlock | ResNet, size: int, stride: int, name: str) -> nn.Conv:
    """A square convolution of the module's width, with its initializers."""
    return nn.Conv(
        module.width,
        (size, size),
        (stride, stride),
        kernel_init=module.kernel_init,
        bias_init=module.bias_init,
        name=name,
    )
