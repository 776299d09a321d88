"""A plain convolutional network: stages of small kernels with pooling between them, and dense layers or a mean."""

from typing import Literal

import flax.linen as nn
import jax.numpy as jnp
from jaxtyping import Array, Float

from ablate.models.arguments import one_of, per_stage, some_stage
from ablate.models.kernels import Kernel, convolved, shapes_of
from ablate.models.layers import Layers
from ablate.tricks.axis import Count, Counts

Images = Float[Array, "batch height width channels"]
Maps = Float[Array, "batch rows columns features"]


class Vgg(nn.Module):
    """Stages of convolutions of one size, halved by a 2x2 maximum; the maps are flattened or averaged at the end.

        x <- pool(dropout(a(conv(...a(conv(x))))))    per stage, with a(x) = activation(norm(x))
        fc:  h <- dropout(activation(h W + b)),  h = flatten(x);        gap:  h = mean(x) over all positions

    An odd side is rounded up when it is halved, so that no image is too small; a single pixel stays one. The dense
    layers have no norm, as in torch's vgg16_bn. VGG-16 is widths=(64, 128, 256, 512, 512), convs=(2, 2, 3, 3, 3) and
    hidden=(4096, 4096); on images of 224x224, its dense layers hold 89 % of all weights.

    Args:
        layers: the layers to build from; dropout stands behind every stage and every dense layer.
        kernel: of each convolution: "3x3", "5x5", "3x3x2" (two 3x3 in its place) or "1xn" (1xn, then nx1).
        widths: channels of each stage, at least 1 each.
        convs: convolutions of each stage, at least 1 each; a single number stands for all stages.
        head: "fc" for dense layers on the flattened maps, "gap" for their global mean.
        hidden: units of each dense layer of "fc", at least 1 each; empty for the flattened maps themselves.
        n: length of the kernels of "1xn", at least 1.

    Returns:
        From `module(images, train=...)`: features, [batch, last of `hidden`], of "gap" [batch, last of `widths`].

    Raises:
        ValueError: for another kernel or head, no stage, or numbers of convolutions that do not fit the stages.

    Example:
        >>> import jax, jax.numpy as jnp
        >>> from ablate.models import layers_of
        >>> from ablate.tricks import NoDropout, NoNorm, Relu, he
        >>> model = Vgg(layers_of(NoNorm, Relu, NoDropout, he()), widths=(4, 8), head="gap")
        >>> variables = model.init(jax.random.key(0), jnp.ones((1, 8, 8, 1)), train=False)
        >>> model.apply(variables, jnp.ones((2, 8, 8, 1)), train=False).shape
        (2, 8)

    References:
        Simonyan, Zisserman. Very Deep Convolutional Networks for Large-Scale Image Recognition. 2014.
        https://arxiv.org/abs/1409.1556
        Lin, Chen, Yan. Network In Network. 2013. https://arxiv.org/abs/1312.4400
    """

    layers: Layers
    kernel: Kernel = "3x3"
    widths: Counts = (16, 32, 64)
    convs: Counts = (1,)
    head: Literal["fc", "gap"] = "fc"
    hidden: Counts = (128, 128)
    n: Count = 5

    def __post_init__(self) -> None:
        """Refuses arguments that make no network."""
        shapes_of(self.kernel, self.n, "vgg")
        some_stage(self.widths, "vgg: widths")
        per_stage(self.convs, len(self.widths), "vgg: convs")
        one_of(self.head, ("fc", "gap"), "vgg: head")
        super().__post_init__()

    @nn.compact
    def __call__(self, images: Images, *, train: bool) -> Float[Array, "batch features"]:
        """Images to features."""
        layers, x = self.layers, halved(self.maps(images, train=train))
        if self.head == "gap":
            return jnp.mean(x, axis=(1, 2))
        x = x.reshape(x.shape[0], -1)
        for index, width in enumerate(self.hidden):
            x = layers.dense(width, name=f"hidden_{index}")(x)
            x = layers.dropout()(layers.activation()(x), train=train)
        return x

    @nn.nowrap
    def maps(self, images: Images, *, train: bool) -> Maps:
        """What stands before the last pooling; the layers become those of the module whose compact method calls."""
        shapes, counts = shapes_of(self.kernel, self.n, "vgg"), per_stage(self.convs, len(self.widths), "vgg: convs")
        x = images
        for stage, (width, count) in enumerate(zip(self.widths, counts, strict=True)):
            x = halved(x) if stage else x
            for index in range(count):
                x = convolved(self.layers, x, width, shapes, name=f"stage_{stage}_conv_{index}", train=train)
            x = self.layers.dropout()(x, train=train)
        return x


def halved(x: Images) -> Maps:
    """The maximum of each 2x2 patch.

    Example:
        >>> halved(jnp.arange(6.0).reshape(1, 2, 3, 1)).ravel().tolist()
        [4.0, 5.0]
    """
    return nn.max_pool(x, (2, 2), (2, 2), "SAME")
