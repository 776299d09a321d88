"""A residual network for small images: three stages of blocks and a mean over all positions."""

import functools
from typing import Literal

import flax.linen as nn
import jax.numpy as jnp
from jaxtyping import Array, Float

from ablate.models.arguments import one_of
from ablate.models.layers import Layers, Make
from ablate.tricks.axis import Count

Images = Float[Array, "batch height width channels"]
Maps = Float[Array, "batch rows columns features"]
PERIOD = {"basic": 6, "bottleneck": 9}  # layers of one block in each of the three stages


class Block(nn.Module):
    """Convolutions beside a shortcut, which is a 1x1 convolution where the shape changes.

        basic:       f(x) = activation(branch(gate(norm(conv3(dropout(a(conv3(x))))))) + shortcut(x))
        bottleneck:  f(x) = activation(branch(gate(norm(conv1(dropout(a(conv3(a(conv1(x))))))))) + shortcut(x))

    with a(x) = activation(norm(x)).

    Args:
        layers: the layers to build from; dropout stands before the last convolution.
        width: channels of the 3x3 convolutions; a bottleneck gives four times as many.
        stride: step of the first 3x3 convolution and the shortcut, 1 or 2.
        depth: share of the network's blocks up to this one, above 0 and at most 1.
        bottleneck: 1x1, 3x3, 1x1 instead of two 3x3.
        skip: False leaves the sum out, and the shortcut and stochastic depth with it.
        gate: makes a module, called as `module(x, train=...)`, that scales what the branch gives; None for none.

    Returns:
        From `module(x, train=...)`: features, [batch, height / stride, width / stride, channels].
    """

    layers: Layers
    width: int
    stride: int
    depth: float
    bottleneck: bool = False
    skip: bool = True
    gate: Make | None = None

    @nn.compact
    def __call__(self, x: Images, *, train: bool) -> Maps:
        """Features to features."""
        layers, strides = self.layers, (self.stride, self.stride)
        y = layers.dropout()(self._before_last(x, train=train), train=train)
        if self.bottleneck:
            y = layers.conv(4 * self.width, (1, 1), name="conv_2")(y)
        else:
            y = layers.conv(self.width, (3, 3), name="conv_1")(y)
        gate = functools.partial(self.gate(layers, name="gate"), train=train) if self.gate else lambda y: y
        if not self.skip:
            return layers.activation()(gate(layers.norm()(y, train=train)))
        y = layers.branched(y, depth=self.depth, train=train, gate=gate)
        if x.shape != y.shape:
            x = layers.norm()(layers.conv(y.shape[-1], (1, 1), strides, name="shortcut")(x), train=train)
        return layers.activation()(x + y)

    def _before_last(self, y: Images, *, train: bool) -> Maps:
        layers, strides = self.layers, (self.stride, self.stride)
        if not self.bottleneck:
            return layers.activated(layers.conv(self.width, (3, 3), strides, name="conv_0")(y), train=train)
        y = layers.activated(layers.conv(self.width, (1, 1), name="conv_0")(y), train=train)
        return layers.activated(layers.conv(self.width, (3, 3), strides, name="conv_1")(y), train=train)


class SqueezeExcite(nn.Module):
    """Weighs the channels of an example by what all of them say over the whole image.

        f(x) = x * sigmoid(relu(mean(x) W + b) V + c),    W: C x max(1, C // reduction)

    The relu stays whatever the activation between layers is.

    Args:
        layers: the layers to build from.
        reduction: how many times narrower the layer between is, at least 1.

    Returns:
        From `module(x, train=...)`: an array of the shape of x.

    Example:
        >>> import jax, jax.numpy as jnp
        >>> from ablate.models import layers_of
        >>> from ablate.tricks import NoDropout, NoNorm, Relu, zeros
        >>> gate = SqueezeExcite(layers_of(NoNorm, Relu, NoDropout, zeros()))  # sigmoid(0) is a half
        >>> gate.init_with_output(jax.random.key(0), jnp.ones((1, 1, 1, 4)), train=False)[0].ravel().tolist()
        [0.5, 0.5, 0.5, 0.5]

    References:
        Hu, Shen, Albanie, Sun, Wu. Squeeze-and-Excitation Networks. 2017. https://arxiv.org/abs/1709.01507
    """

    layers: Layers
    reduction: Count = 4

    @nn.compact
    def __call__(self, x: Images, *, train: bool) -> Images:
        """Scales every channel; training and evaluation are the same."""
        channels = x.shape[-1]
        narrow = self.layers.dense(max(1, channels // self.reduction), name="squeeze")(jnp.mean(x, axis=(1, 2)))
        shares = nn.sigmoid(self.layers.dense(channels, name="excite")(nn.relu(narrow)))
        return x * shares[:, None, None, :]


class ResNet(nn.Module):
    """A residual network of three stages of n blocks with w, 2w and 4w channels.

        depth = 1 + 3 * 2n + 1    of basic blocks,    depth = 1 + 3 * 3n + 1    of bottlenecks

    The image is halved at the start of the second and third stage, and averaged over its positions at the end. In a
    bottleneck the step of 2 lies in the 3x3 convolution, as in torch's networks; the paper has it in the first 1x1.

    Args:
        layers: the layers to build from.
        depth: with n at least 1 and the head included, 6n+2 of basic blocks (8, 14, 20, ...) and 9n+2 of bottlenecks
            (11, 20, 29, ...).
        width: channels w of the first stage, at least 1.
        skip: False leaves out the sums with the shortcuts and their 1x1 convolutions: a plain network of that depth.
        block: "basic", two 3x3 convolutions, or "bottleneck", 1x1, 3x3, 1x1 with four times as many channels behind.
        se: whether squeeze-and-excitation stands at the end of every block, before the sum.
        reduction: of squeeze-and-excitation, at least 1; the paper's networks have 16.

    Returns:
        From `module(images, train=...)`: features, [batch, 4w], of bottlenecks [batch, 16w].

    Raises:
        ValueError: for a depth that three stages of such blocks cannot have, or another block.

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
        Hu, Shen, Albanie, Sun, Wu. Squeeze-and-Excitation Networks. 2017. https://arxiv.org/abs/1709.01507
    """

    layers: Layers
    depth: Count = 8
    width: Count = 16
    skip: bool = True
    block: Literal["basic", "bottleneck"] = "basic"
    se: bool = False
    reduction: Count = 4

    def __post_init__(self) -> None:
        """Refuses a depth that three stages of blocks cannot have."""
        blocks_of(self.depth, self.block, "resnet")
        super().__post_init__()

    @nn.compact
    def __call__(self, images: Images, *, train: bool) -> Float[Array, "batch features"]:
        """Images to features."""
        gate = functools.partial(SqueezeExcite, reduction=self.reduction) if self.se else None
        return jnp.mean(self.maps(images, train=train, gate=gate), axis=(1, 2))

    @nn.nowrap
    def maps(self, images: Images, *, train: bool, gate: Make | None = None) -> Maps:
        """What stands before the mean; the layers become those of the module whose compact method calls this."""
        x = self.layers.conv(self.width, (3, 3), (1, 1), name="stem")(images)
        x, blocks = self.layers.activated(x, train=train), blocks_of(self.depth, self.block, "resnet")
        make = functools.partial(Block, self.layers, bottleneck=self.block == "bottleneck", skip=self.skip, gate=gate)
        for stage in range(3):
            for index in range(blocks):
                # The first block of the second and third stage halves the image.
                stride, name = 2 if stage and not index else 1, f"stage_{stage}_block_{index}"
                depth = (stage * blocks + index + 1) / (3 * blocks)
                x = make(width=self.width * 2**stage, stride=stride, depth=depth, name=name)(x, train=train)
        return x


def blocks_of(depth: int, block: str, model: str) -> int:
    """Blocks of each of three stages in a network of that depth.

    Raises:
        ValueError: for a depth that such blocks cannot have, or another block; it begins with the name of the model.

    Example:
        >>> blocks_of(20, "basic", "resnet"), blocks_of(20, "bottleneck", "resnet")
        (3, 2)
    """
    one_of(block, PERIOD, f"{model}: block")
    blocks, rest = divmod(depth - 2, PERIOD[block])
    if blocks < 1 or rest:
        allowed = ", ".join(str(PERIOD[block] * n + 2) for n in (1, 2, 3))
        raise ValueError(f"{model}: depth={depth} is not {PERIOD[block]}n+2 with n at least 1 ({allowed}, ...)")
    return blocks
