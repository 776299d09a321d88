"""Modules of branches that see patches of different size side by side."""

import flax.linen as nn
import jax.numpy as jnp
from jaxtyping import Array, Float

from ablate.models.arguments import per_stage, some_stage
from ablate.models.kernels import Kernel, convolved, shapes_of
from ablate.models.layers import Layers
from ablate.tricks.axis import Count, Counts

Images = Float[Array, "batch height width channels"]
Maps = Float[Array, "batch rows columns features"]


class InceptionModule(nn.Module):
    """Four branches of w channels each, side by side: 1x1; 1x1 and 3x3; 1x1 and the large kernel; maximum and 1x1.

    Args:
        layers: the layers to build from.
        width: channels w of each branch.
        shapes: the convolutions of the large kernel.

    Returns:
        From `module(x, train=...)`: features, [batch, height, width, 4w].
    """

    layers: Layers
    width: int
    shapes: tuple[tuple[int, int], ...]

    @nn.compact
    def __call__(self, x: Images, *, train: bool) -> Maps:
        """Features to features."""
        largest = nn.max_pool(x, (3, 3), (1, 1), "SAME")
        branches = {
            "point": (x, ((1, 1),)),
            "small": (x, ((1, 1), (3, 3))),
            "large": (x, ((1, 1), *self.shapes)),
            "pool": (largest, ((1, 1),)),
        }
        return jnp.concatenate(
            [
                convolved(self.layers, y, self.width, shapes, name=name, train=train)
                for name, (y, shapes) in branches.items()
            ],
            axis=-1,
        )


class Inception(nn.Module):
    """A 3x3 stem and stages of inception modules, halved by a 3x3 maximum in between, and a mean over all positions.

        x <- dropout(concat(a(1x1), a(3x3) a(1x1), a(large) a(1x1), a(1x1) max))    per module, a = activation norm conv

    The large kernel is one 5x5 or what replaces it. Branches are equally wide and 1x1 convolutions before larger ones
    keep that width, other than in the paper, where each has a width of its own.

    Args:
        layers: the layers to build from; dropout stands behind every module.
        stem: channels of the first convolution, at least 1.
        widths: channels of each of the four branches in each stage, at least 1 each.
        modules: modules of each stage, at least 1 each; a single number stands for all stages.
        kernel: the large kernel: "5x5", factorised "3x3x2" (two 3x3) or "1xn" (1xn, then nx1), or "3x3".
        n: length of the kernels of "1xn", at least 1.

    Returns:
        From `module(images, train=...)`: features, [batch, 4 * last of `widths`].

    Raises:
        ValueError: for another kernel, no stage, or numbers of modules that do not fit the stages.

    Example:
        >>> import jax, jax.numpy as jnp
        >>> from ablate.models import layers_of
        >>> from ablate.tricks import NoDropout, NoNorm, Relu, he
        >>> model = Inception(layers_of(NoNorm, Relu, NoDropout, he()), stem=4, widths=(4,))
        >>> variables = model.init(jax.random.key(0), jnp.ones((1, 4, 4, 1)), train=False)
        >>> model.apply(variables, jnp.ones((2, 4, 4, 1)), train=False).shape
        (2, 16)

    References:
        Szegedy, Liu, Jia, Sermanet, Reed, Anguelov, Erhan, Vanhoucke, Rabinovich. Going Deeper with Convolutions.
        2014. https://arxiv.org/abs/1409.4842
        Szegedy, Vanhoucke, Ioffe, Shlens, Wojna. Rethinking the Inception Architecture for Computer Vision. 2015.
        https://arxiv.org/abs/1512.00567
    """

    layers: Layers
    stem: Count = 16
    widths: Counts = (8, 16)
    modules: Counts = (1,)
    kernel: Kernel = "3x3x2"
    n: Count = 5

    def __post_init__(self) -> None:
        """Refuses arguments that make no network."""
        shapes_of(self.kernel, self.n, "inception")
        some_stage(self.widths, "inception: widths")
        per_stage(self.modules, len(self.widths), "inception: modules")
        super().__post_init__()

    @nn.compact
    def __call__(self, images: Images, *, train: bool) -> Float[Array, "batch features"]:
        """Images to features."""
        layers, shapes = self.layers, shapes_of(self.kernel, self.n, "inception")
        counts = per_stage(self.modules, len(self.widths), "inception: modules")
        x = layers.activated(layers.conv(self.stem, (3, 3), name="stem")(images), train=train)
        for stage, (width, count) in enumerate(zip(self.widths, counts, strict=True)):
            x = nn.max_pool(x, (3, 3), (2, 2), "SAME") if stage else x
            for index in range(count):
                name = f"stage_{stage}_module_{index}"
                x = layers.dropout()(InceptionModule(layers, width, shapes, name=name)(x, train=train), train=train)
        return jnp.mean(x, axis=(1, 2))
