"""A network of depthwise separable convolutions: each channel filtered for itself, then all of them mixed by 1x1."""

import flax.linen as nn
import jax.numpy as jnp
from jaxtyping import Array, Float

from ablate.models.arguments import some_stage
from ablate.models.layers import Layers
from ablate.tricks.axis import Count, Counts

Images = Float[Array, "batch height width channels"]


class MobileNet(nn.Module):
    """A 3x3 stem of w channels and stages of 2w, 4w, 8w, ... channels, and a mean over all positions.

        separable:  x <- dropout(a(conv1x1(a(depthwise3x3(x)))))        9 C_in + C_in C_out weights
        full:       x <- dropout(a(conv3x3(x)))                         9 C_in C_out weights

    with a(x) = activation(norm(x)): a layer has 1/C_out + 1/9 of the weights. The first block of every stage but the
    first halves the image. The paper's network is width=32, blocks=(1, 2, 2, 6, 2), stride=2, on images of 224x224.

    Args:
        layers: the layers to build from; dropout stands behind every block.
        width: channels w of the stem, at least 1.
        separable: False takes a full 3x3 convolution for each pair of depthwise 3x3 and 1x1.
        blocks: blocks of each stage, at least 1 each.
        stride: step of the stem, at least 1.

    Returns:
        From `module(images, train=...)`: features, [batch, 2^stages w].

    Raises:
        ValueError: for no stage.

    Example:
        >>> import jax, jax.numpy as jnp
        >>> from ablate.models import layers_of
        >>> from ablate.tricks import NoDropout, NoNorm, Relu, he
        >>> model = MobileNet(layers_of(NoNorm, Relu, NoDropout, he()), width=4, blocks=(1, 1))
        >>> variables = model.init(jax.random.key(0), jnp.ones((1, 8, 8, 1)), train=False)
        >>> model.apply(variables, jnp.ones((2, 8, 8, 1)), train=False).shape
        (2, 16)

    References:
        Howard, Zhu, Chen, Kalenichenko, Wang, Weyand, Andreetto, Adam. MobileNets: Efficient Convolutional Neural
        Networks for Mobile Vision Applications. 2017. https://arxiv.org/abs/1704.04861
    """

    layers: Layers
    width: Count = 16
    separable: bool = True
    blocks: Counts = (1, 1, 1)
    stride: Count = 1

    def __post_init__(self) -> None:
        """Refuses a network without stages."""
        some_stage(self.blocks, "mobilenet: blocks")
        super().__post_init__()

    @nn.compact
    def __call__(self, images: Images, *, train: bool) -> Float[Array, "batch features"]:
        """Images to features."""
        stem = self.layers.conv(self.width, (3, 3), (self.stride, self.stride), name="stem")
        x = self.layers.activated(stem(images), train=train)
        for stage, count in enumerate(self.blocks):
            for index in range(count):
                stride, name = 2 if stage and not index else 1, f"stage_{stage}_block_{index}"
                x = self._block(x, self.width * 2 ** (stage + 1), stride, name, train=train)
        return jnp.mean(x, axis=(1, 2))

    def _block(
        self, x: Images, channels: int, stride: int, name: str, *, train: bool
    ) -> Float[Array, "batch rows columns features"]:
        layers, strides = self.layers, (stride, stride)
        if self.separable:
            depthwise = layers.conv(x.shape[-1], (3, 3), strides, groups=x.shape[-1], name=f"{name}_depthwise")
            x, strides = layers.activated(depthwise(x), train=train), (1, 1)
        size = (1, 1) if self.separable else (3, 3)
        x = layers.activated(layers.conv(channels, size, strides, name=f"{name}_conv")(x), train=train)
        return layers.dropout()(x, train=train)
