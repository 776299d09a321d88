"""A residual network for small images: three stages of basic blocks and a mean over all positions."""

import flax.linen as nn
import jax.numpy as jnp
from jaxtyping import Array, Float

from ablate.models.layers import Layers
from ablate.tricks.axis import Count

Images = Float[Array, "batch height width channels"]


class BasicBlock(nn.Module):
    """Two 3x3 convolutions beside a shortcut, which is a 1x1 convolution where the shape changes.

        f(x) = activation(branch(norm(conv(dropout(activation(norm(conv(x))))))) + shortcut(x))

    Args:
        layers: the layers to build from; dropout stands between the two convolutions.
        width: channels of the output.
        stride: step of the first convolution and the shortcut, 1 or 2.
        depth: share of the network's blocks up to this one, above 0 and at most 1.

    Returns:
        From `module(x, train=...)`: features, [batch, height / stride, width / stride, channels].
    """

    layers: Layers
    width: int
    stride: int
    depth: float

    @nn.compact
    def __call__(self, x: Images, *, train: bool) -> Float[Array, "batch rows columns features"]:
        """Features to features."""
        layers, strides = self.layers, (self.stride, self.stride)
        y = layers.conv(self.width, (3, 3), strides, name="conv_0")(x)
        y = layers.dropout()(layers.activated(y, train=train), train=train)
        y = layers.conv(self.width, (3, 3), name="conv_1")(y)
        y = layers.branched(y, depth=self.depth, train=train)
        if x.shape != y.shape:
            x = layers.norm()(layers.conv(self.width, (1, 1), strides, name="shortcut")(x), train=train)
        return layers.activation()(x + y)


class ResNet(nn.Module):
    """A residual network of 6n+2 layers: three stages of n basic blocks with w, 2w and 4w channels.

        depth = 1 + 3 * 2n + 1

    The image is halved at the start of the second and third stage, and averaged over its positions at the end.

    Args:
        layers: the layers to build from.
        depth: 6n+2 with n at least 1, the head included: 8, 14, 20, 32, ...
        width: channels w of the first stage, at least 1.

    Returns:
        From `module(images, train=...)`: features, [batch, 4w].

    Raises:
        ValueError: for a depth that is not 6n+2.

    Example:
        >>> import jax, jax.numpy as jnp
        >>> from ablate.models import layers_of
        >>> from ablate.tricks import BatchNorm, NoDropout, Relu, he
        >>> model = ResNet(layers_of(BatchNorm, Relu, NoDropout, he()), depth=8, width=4)
        >>> variables = model.init(jax.random.key(0), jnp.ones((1, 8, 8, 1)), train=False)
        >>> model.apply(variables, jnp.ones((2, 8, 8, 1)), train=False).shape
        (2, 16)

    References:
        He, Zhang, Ren, Sun. Deep Residual Learning for Image Recognition. 2015. https://arxiv.org/abs/1512.03385
        Zagoruyko, Komodakis. Wide Residual Networks. 2016. https://arxiv.org/abs/1605.07146
    """

    layers: Layers
    depth: Count = 8
    width: Count = 16

    def __post_init__(self) -> None:
        """Refuses a depth that three stages of basic blocks cannot have."""
        if self.depth < 8 or (self.depth - 2) % 6:
            raise ValueError(f"resnet: depth={self.depth} is not 6n+2 with n at least 1 (8, 14, 20, 32, ...)")
        super().__post_init__()

    @nn.compact
    def __call__(self, images: Images, *, train: bool) -> Float[Array, "batch features"]:
        """Images to features."""
        x = self.layers.conv(self.width, (3, 3), (1, 1), name="stem")(images)
        x, blocks = self.layers.activated(x, train=train), (self.depth - 2) // 6
        for stage in range(3):
            for index in range(blocks):
                # The first block of the second and third stage halves the image.
                stride, name = 2 if stage and not index else 1, f"stage_{stage}_block_{index}"
                depth = (stage * blocks + index + 1) / (3 * blocks)
                x = BasicBlock(self.layers, self.width * 2**stage, stride, depth, name=name)(x, train=train)
        return jnp.mean(x, axis=(1, 2))
